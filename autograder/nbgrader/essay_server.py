"""The page on which a person grades written answers: a small web server for one person on this machine.

It listens on 127.0.0.1 alone. Its address holds a random token, so no other user of the machine and no other page can
guess it; requests that name another host or come from another page are refused.
"""

from __future__ import annotations

import hmac
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

import msgspec

from autograder.nbgrader.class_records import GradebookError
from autograder.nbgrader.written import Changed, Mark, WrittenAnswers
from autograder.pages.essays import POLICY, essays_page

MAX_BODY = 1 << 20
"""Bytes of a request's body."""


class _Save(msgspec.Struct):
    student: str
    grade_id: str
    mark: Mark
    before: Mark


class _Store(msgspec.Struct):
    grade_id: str
    comments: list[str]


class EssayServer(ThreadingHTTPServer):
    """Serves the page until it is shut down.

    Attributes:
        address: to open in a browser.
    """

    daemon_threads = True

    def __init__(self, written: WrittenAnswers, assignment: str, port: int = 0) -> None:
        """
        Args:
            written: the answers.
            assignment: its name, for the page's title.
            port: to listen on; 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        super().__init__(("127.0.0.1", port), _Handler)
        self.written = written
        self.assignment = assignment
        self.token = secrets.token_urlsafe(32)
        self.host = f"127.0.0.1:{self.server_port}"
        self.address = f"http://{self.host}/{self.token}/"
        self.lock = Lock()


class _Handler(BaseHTTPRequestHandler):
    server: EssayServer
    timeout = 30
    server_version = "autograder"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, and the answers as JSON."""
        if not self._allowed():
            return
        if self._path() == "":
            page = essays_page(self.server.assignment, self.server.written.questions)
            self._send(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")
        elif self._path() == "answers":
            self._answer(lambda: {"answers": self.server.written.answers(), "comments": self.server.written.comments()})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        """Save points and a comment, or comments for later use."""
        if not self._allowed() or not self._from_own_page():
            return
        body = self._body()
        if body is None:
            return
        try:
            if self._path() == "save":
                asked = msgspec.json.decode(body, type=_Save)
                self._answer(lambda: self.server.written.save(asked.student, asked.grade_id, asked.mark, asked.before))
            elif self._path() == "comments":
                wanted = msgspec.json.decode(body, type=_Store)
                self._answer(lambda: self.server.written.store(wanted.grade_id, wanted.comments))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        except msgspec.DecodeError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))

    def _answer(self, work: Any) -> None:
        """Do the work, one at a time, and send what it returns."""
        try:
            with self.server.lock:
                found = msgspec.json.encode(work())
        except Changed as changed:
            self._send(HTTPStatus.CONFLICT, msgspec.json.encode(changed.now), "application/json")
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except (GradebookError, OSError) as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, found, "application/json")

    def _path(self) -> str:
        return self.path.removeprefix(f"/{self.server.token}/")

    def _allowed(self) -> bool:
        """Whether the request names this host and has the token; a page of another host's name is refused."""
        token = self.path.removeprefix("/").partition("/")[0]
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        if self.headers.get("Host") == self.server.host and known:
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "this is not the address that was printed")
        return False

    def _from_own_page(self) -> bool:
        """Whether a request that changes something comes from this server's page."""
        own = f"http://{self.server.host}"
        json = self.headers.get("Content-Type", "").split(";")[0].strip() == "application/json"
        if (
            json
            and self.headers.get("Origin", "") == own
            and self.headers.get("Sec-Fetch-Site", "same-origin") == ("same-origin")
        ):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "this request comes from another page")
        return False

    def _body(self) -> bytes | None:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too large")
            return None
        return self.rfile.read(length)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self.close_connection = True
        self._send(status, msgspec.json.encode({"error": reason}), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: an address with its token has no place on a terminal that others see."""
