"""What all pages share: who asks, what a form may hold, what is refused and how, and the headers of every answer."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autograder.lms.service import audit, sessions
from autograder.lms.service.submissions import Activity, activity_by_id, role_of
from autograder.terminal import number

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

_LOG = logging.getLogger("autograder.web")
KEYED = "/hand-in/"
"""Where programs hand in: they are answered in JSON."""
_MAX_FIELDS = 400
_MAX_FIELD = 256 << 10
_FORM_ROOM = 64 << 10
"""Bytes that a form with a notebook takes besides the notebook."""


class Refused(Exception):
    """A request that isn't answered; `message` is for the person, `detail` for the audit log."""

    def __init__(self, status: int, message: str, *, event: str, detail: str = "", person: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.event = event
        self.detail = detail
        self.person = person


class Visit:
    """One request of a browser whose session is known, with its form."""

    def __init__(self, service: Service, request: Request, person: str, token: str, form: FormData | None) -> None:
        self.service = service
        self.request = request
        self.person = person
        self.form_token = sessions.form_token(token)
        self._form = form

    def field(self, name: str, limit: int = 10_000) -> str:
        """A form's field, as text."""
        value = self._form.get(name, "") if self._form is not None else ""
        return value[:limit] if isinstance(value, str) else ""

    def upload(self, name: str) -> bytes | None:
        """A form's file."""
        value = self._form.get(name) if self._form is not None else None
        return None if value is None or isinstance(value, str) else value.file.read()

    def activity(self, connection: Connection, id: str, *, teacher: bool = False) -> tuple[Activity, str]:
        """An activity that this person may see, and their role in it.

        Raises:
            Refused: there is none; whether it exists isn't told.
        """
        found = activity_by_id(connection, id)
        role = "none" if found is None else role_of(connection, found, self.person)
        if found is None or role == "none" or (teacher and role != "teacher"):
            self.refuse_page(f"activity {id}")
        return found, role

    def refuse_page(self, what: str) -> NoReturn:
        """Say that there is no such page: the same whether it isn't there or isn't theirs."""
        raise Refused(404, "There is no such page for you.", event="access", detail=what, person=self.person)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of the service's."""
        return render(self.service, template, status, form_token=self.form_token, **values)

    def back(self, path: str) -> Response:
        """Go on to another page after a form."""
        return RedirectResponse(self.service.settings.url + path, 303)


def time_text(at: float | None) -> str:
    """A time for people; the pages' script puts it into their time zone."""
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def time_iso(at: float) -> str:
    """A time for the pages' script."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Everything in a template is escaped; templates mark nothing as safe.
_TEMPLATES = Environment(
    loader=PackageLoader("autograder.lms.service"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["points"] = number
_TEMPLATES.filters["time"] = time_text
_TEMPLATES.filters["iso"] = time_iso


def render(service: Service, template: str, status: int = 200, **values: Any) -> Response:
    """A page out of a template."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(url=service.settings.url, **values), status)


def page(function: Callable[[Visit], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint out of a function of a Visit, which runs in a thread of its own."""

    @functools.wraps(function)
    async def endpoint(request: Request) -> Response:
        service: Service = request.app.state.service
        token = request.cookies.get(sessions.COOKIE, "")
        person = await run_in_threadpool(_person, service, token)
        form = None
        if request.method == "POST":
            form = await read_form(service, request)
            _check_form(request, service, person, token, form)
        try:
            return await run_in_threadpool(function, Visit(service, request, person, token, form))
        finally:
            if form is not None:
                await form.close()

    return endpoint


async def read_form(service: Service, request: Request) -> FormData:
    """A request's form, within limits.

    Raises:
        Refused: it is too large, or no form.
    """
    try:
        return await request.form(max_files=1, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD)
    except (MultiPartException, HTTPException) as error:
        detail = str(getattr(error, "detail", "") or getattr(error, "message", ""))
        raise Refused(400, "This form can't be read.", event="form", detail=detail) from None


def _person(service: Service, token: str) -> str:
    person = None
    if token:
        with service.database.read() as connection:
            person = sessions.person_of(connection, token)
    if person is None:
        raise Refused(401, "Open the activity in your learning platform again: this visit has ended.", event="session")
    return person


def _check_form(request: Request, service: Service, person: str, token: str, form: FormData) -> None:
    given = form.get("form_token")
    origin = request.headers.get("origin", service.settings.origin)
    if not isinstance(given, str) or not sessions.is_form_token(token, given) or origin != service.settings.origin:
        raise Refused(
            403, "This form is no longer valid: go back and reload the page.", event="forged form", person=person
        )


async def refused(request: Request, error: Exception) -> Response:
    """The answer to a Refused."""
    assert isinstance(error, Refused)
    service: Service = request.app.state.service

    def write() -> None:
        with service.database.write() as connection:
            detail = f"{request.method} {request.url.path}: {error.detail or error.message}"
            audit.record(connection, error.event, allowed=False, person=error.person, detail=detail)

    await run_in_threadpool(write)
    service.metrics.refused.labels(error.event).inc()
    return _problem(service, request.url.path, error.status, error.message)


async def failed(request: Request, error: Exception) -> Response:
    """The answer to an error of the service's own: nothing of it is shown."""
    _LOG.error("a request failed", exc_info=error)
    return _problem(request.app.state.service, request.url.path, 500, "Something went wrong here.")


async def http_error(request: Request, error: Exception) -> Response:
    """The answer to a request that no page takes."""
    assert isinstance(error, HTTPException)
    message = "There is no such page for you." if error.status_code == 404 else str(error.detail)
    return _problem(request.app.state.service, request.url.path, error.status_code, message)


def _problem(service: Service, path: str, status: int, message: str) -> Response:
    """Say to a person, or to a program, why there is nothing else."""
    if path.startswith(KEYED):
        return JSONResponse({"problem": message}, status)
    return render(service, "refused.html.j2", status, message=message, links=())


class Limiter:
    """Counts what came from one source within the last minute."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def allows(self, kind: str, source: str, per_minute: int) -> bool:
        """Whether one more is within the limit; a bucket that fills evenly."""
        now = time.monotonic()
        with self._lock:
            if len(self._counts) > 20_000:
                self._counts = {key: value for key, value in self._counts.items() if now - value[1] < 60.0}
            level, at = self._counts.get((kind, source), (float(per_minute), now))
            level = min(float(per_minute), level + (now - at) * per_minute / 60.0)
            allowed = level >= 1.0
            self._counts[kind, source] = (level - 1.0 if allowed else level, now)
        return allowed


class TooLarge(Exception):
    """More than any form of the service's may hold."""


async def too_large(request: Request, error: Exception) -> Response:
    """The answer to a body that goes on and on."""
    return _too_large(request.app.state.service, request.url.path)


def _too_large(service: Service, path: str) -> Response:
    return _problem(service, path, 413, f"The file is too large: {service.settings.max_upload >> 20} MiB at most.")


class Guard:
    """Sets the security headers of every answer, and bounds every request's body."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._service.settings.max_upload + _FORM_ROOM
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise TooLarge
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                own = [(name, value) for name, value in self._headers() if name not in names]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            await _too_large(self._service, scope["path"])(scope, receive, guarded)
            return
        await self._app(scope, bounded, guarded)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        frames = self._service.frames
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
        )
        headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cache-control": "no-store",
            "cross-origin-opener-policy": "same-origin-allow-popups",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        }
        if self._service.settings.url.startswith("https:"):
            headers["strict-transport-security"] = "max-age=31536000"
        return [(name.encode(), value.encode("latin-1", "ignore")) for name, value in headers.items()]


def to_json(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()
