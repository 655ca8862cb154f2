"""Handing in with a personal key, from a JupyterHub or a terminal; and what a key is not good for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import FUNCTIONS, NAME, notebook_of, solved_cells
from lti_platform import LINK, Place, Student, running, until
from sqlalchemy import select, update
from typer.testing import CliRunner

from autograder import hand_in
from autograder.cli import app
from autograder.lms.service import sessions, tables
from autograder.lms.service.service import clean

NOTEBOOK = notebook_of(solved_cells())


@pytest.fixture(scope="module")
def place(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    # No place for any pool: what is handed in waits.
    limits = {"uploads_per_minute": 25, "wrong_keys_per_minute": 40}
    with running(course, tmp_path_factory.mktemp("service"), NAME, pools=0, **limits) as place:
        place.simulator.add_link("other", "Another activity", NAME)
        yield place


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "mine.ipynb"
    path.write_bytes(NOTEBOOK)
    return path


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("AUTOGRADER_KEY", raising=False)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    return tmp_path / "config"


def with_key(place: Place, user: str, link: str = LINK) -> tuple[Student, str, str]:
    """A student's browser, a new key, and the address that the page names."""
    browser = place.browser()
    page = browser.send(browser.launch(place.simulator, user, link), "/key")
    key = re.search(r'<code class="key">(agk_[\w-]{43})</code>', page.text)
    address = re.search(r"hand-in \S+\.ipynb --to (\S+?)</pre>", page.text)
    assert key, page.text
    assert address
    return browser, key[1], address[1]


def post(address: str, key: str, data: bytes = NOTEBOOK) -> httpx.Response:
    return httpx.post(address, content=data, headers={"authorization": f"Bearer {key}"} if key else {}, timeout=30)


def refusals(place: Place) -> list[str]:
    a = tables.audit
    with place.service.database.read() as connection:
        return list(connection.scalars(select(a.c.detail).where(a.c.allowed.is_(False)).order_by(a.c.number)))


def test_the_program_that_the_service_offers_hands_in_and_shows_the_points(
    course: Path, tmp_path: Path, notebook: Path
) -> None:
    """With Python's library alone."""
    points = sum(FUNCTIONS.values())
    with running(course, tmp_path / "data", NAME, points + 5.0, jobs=1) as place:
        ada, key, address = with_key(place, "ada")
        program = tmp_path / "hand_in.py"
        program.write_bytes(ada.get("/hand_in.py").content)
        command = [sys.executable, "-I", "-S", str(program), str(notebook), "--to", address]
        environment = {"AUTOGRADER_KEY": key, "HOME": str(tmp_path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        told = done.stdout.splitlines()
        assert re.fullmatch(r"Handed in: mine\.ipynb, attempt 1\. Receipt [\w-]{12}\.", told[0])
        assert told[-2] == f"Graded: {points} of {points + 5} points."
        page = told[-1].removeprefix("Feedback: ")
        assert "Receipt" in ada.get(page).text
        assert place.browser().get(page).status_code == 401
        until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(points))
        assert list(tmp_path.glob(".config/**/*.json")) == []  # what stands in the environment isn't kept


def test_the_command_asks_for_the_key_once_and_forgets_it_when_it_is_refused(
    place: Place, notebook: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, key, address = with_key(place, "ada")
    asked = []
    monkeypatch.setattr(hand_in.getpass, "getpass", lambda text: asked.append(text) or key)
    monkeypatch.setattr(hand_in.sys.stdin.__class__, "isatty", lambda _: True, raising=False)

    def command() -> Any:
        return CliRunner().invoke(app, ["hand-in", str(notebook), "--to", address, "--no-wait"])

    told = command()
    assert "there is no key for this address: run this command once in a terminal" in told.output
    hand_in.keep_key(address, key)
    file = own_home / "autograder" / "keys.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    told = command()
    assert told.exit_code == 0, told.output
    assert "Handed in: mine.ipynb, attempt 1." in told.output
    assert key not in told.output
    assert "Feedback: http" in told.output
    ada.send(ada.launch(place.simulator, "ada"), "/key/revoke")
    told = command()
    assert told.exit_code == 2
    assert "make a new one" in told.output
    assert json.loads(file.read_text()) == {}


def test_a_key_is_asked_for_in_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_in.getpass, "getpass", lambda text: "agk_typed ")

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(hand_in.sys, "stdin", Terminal())
    assert hand_in.find_key("https://grader.example.org/hand-in/a") == "agk_typed"
    monkeypatch.setenv("JPY_PARENT_PID", "1")  # a notebook's cell: nobody could type
    with pytest.raises(hand_in.HandInError, match="once in a terminal"):
        hand_in.find_key("https://grader.example.org/hand-in/a")


def forged(place: Place) -> tuple[str, str]:
    _, key, address = with_key(place, "bob")
    return address, key[:-1] + ("A" if key[-1] != "A" else "B")


def missing(place: Place) -> tuple[str, str]:
    return with_key(place, "bob")[2], ""


def expired(place: Place) -> tuple[str, str]:
    _, key, address = with_key(place, "bob")
    assert post(address, key).status_code == 201
    k = tables.hand_in_keys
    with place.service.database.write() as connection:
        connection.execute(update(k).values(expires=time.time() - 1))
    return address, key


def revoked(place: Place) -> tuple[str, str]:
    bob, key, address = with_key(place, "bob")
    assert post(address, key).status_code == 201
    bob.send(bob.launch(place.simulator, "bob"), "/key/revoke")
    return address, key


def replaced(place: Place) -> tuple[str, str]:
    _, key, address = with_key(place, "bob")
    assert post(address, with_key(place, "bob")[1]).status_code == 201
    return address, key


def for_another_activity(place: Place) -> tuple[str, str]:
    return with_key(place, "bob")[2], with_key(place, "bob", "other")[1]


def for_an_activity_that_is_not_there(place: Place) -> tuple[str, str]:
    _, key, address = with_key(place, "bob")
    return f"{address}x", key


def of_somebody_who_has_left(place: Place) -> tuple[str, str]:
    place.simulator.add_user("leaver", "Lea Ver")
    _, key, address = with_key(place, "leaver")
    assert post(address, key).status_code == 201
    m, p = tables.members, tables.people
    with place.service.database.write() as connection:
        person = connection.scalar(select(p.c.id).where(p.c.subject == "leaver"))
        connection.execute(update(m).where(m.c.person == person).values(role="none"))
    return address, key


def a_session_instead(place: Place) -> tuple[str, str]:
    bob, _, address = with_key(place, "bob")
    return address, bob.cookies[sessions.COOKIE]


KEYS = {
    "forged": forged,
    "missing": missing,
    "expired": expired,
    "revoked": revoked,
    "replaced": replaced,
    "another activity's": for_another_activity,
    "no activity's": for_an_activity_that_is_not_there,
    "a leaver's": of_somebody_who_has_left,
    "a session": a_session_instead,
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_is_not_valid_is_refused_and_logged(place: Place, name: str) -> None:
    address, key = KEYS[name](place)
    before = refusals(place)
    s = tables.submissions
    with place.service.database.read() as connection:
        count = len(connection.execute(select(s.c.id)).all())
    answer = post(address, key)
    assert answer.status_code == 401
    assert answer.json() == post(address, "agk_invented").json()  # which of them it was isn't told
    assert "key" in refusals(place)[len(before)]
    with place.service.database.read() as connection:
        assert len(connection.execute(select(s.c.id)).all()) == count


def test_a_key_shows_its_own_submissions_alone_and_opens_no_page(place: Place) -> None:
    _, key, address = with_key(place, "ada")
    bobs_browser, bobs, _ = with_key(place, "bob")
    submission = post(address, key).json()["submission"]
    headers = {"authorization": f"Bearer {bobs}"}
    assert httpx.get(f"{address}/{submission}", headers={"authorization": f"Bearer {key}"}).status_code == 200
    before = len(refusals(place))
    assert httpx.get(f"{address}/{submission}", headers=headers).status_code == 404
    assert refusals(place)[before:] == [f"GET /hand-in/{address.rpartition('/')[2]}/{submission}: submission "
                                        f"{submission} with a key"]  # fmt: skip
    with place.service.database.read() as connection:
        person = connection.scalar(select(tables.hand_in_keys.c.person))
    activity = address.rpartition("/")[2]
    for path in (f"/submissions/{submission}", f"/activities/{activity}", f"/activities/{activity}/people/{person}"):
        assert httpx.get(place.service.settings.url + path, headers=headers).status_code == 401
    # A browser's session is no key: another site's page can't hand in.
    cookies = {"cookie": "; ".join(f"{name}={value}" for name, value in bobs_browser.cookies.items())}
    assert httpx.post(address, content=NOTEBOOK, headers=cookies).status_code == 401


def test_the_database_knows_no_key_and_forgets_expired_ones(place: Place) -> None:
    _, key, _ = with_key(place, "ada")
    k = tables.hand_in_keys
    with place.service.database.read() as connection:
        assert key not in repr(connection.execute(select(k)).all())
        assert key not in repr(connection.execute(select(tables.audit)).all())
    with place.service.database.write() as connection:
        connection.execute(update(k).values(expires=time.time() - 1))
    clean(place.service.database, 0.0)
    with place.service.database.read() as connection:
        assert connection.execute(select(k)).all() == []


def test_a_teacher_gets_no_key_and_nobody_gets_one_without_the_form(place: Place) -> None:
    teacher, bob = place.browser(), place.browser()
    teacher.launch(place.simulator, "teacher")
    page = bob.launch(place.simulator, "bob")
    activity = str(page.url).rpartition("/")[2]
    token = re.search(r'name="form_token" value="([^"]+)"', teacher.get(f"/activities/{activity}/roster").text)
    assert token
    assert teacher.post(f"/activities/{activity}/key", {"form_token": token[1]}).status_code == 404
    assert bob.post(f"/activities/{activity}/key").status_code == 403


def test_what_is_unfit_or_too_much_is_refused_in_words(place: Place) -> None:
    place.simulator.add_user("mallory", "Mallory")
    _, key, address = with_key(place, "mallory")
    assert "can't be graded" in post(address, key, b"no notebook").json()["problem"]
    too_large = post(address, key, b"x" * (place.service.settings.max_upload + 100_000))
    assert (too_large.status_code, too_large.json()["problem"]) == (413, "The file is too large: 20 MiB at most.")
    assert 429 in [post(address, key, b"no notebook").status_code for _ in range(35)]
    assert 429 in [post(address, "agk_guessed").status_code for _ in range(55)]
    assert post(with_key(place, "eve")[2], with_key(place, "eve")[1]).status_code == 201  # right keys still count


def test_the_key_goes_nowhere_else(notebook: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_KEY", "agk_secret")
    seen: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(302)
            self.send_header("location", f"http://127.0.0.1:{server.server_port}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            seen.append(self.path)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(hand_in.HandInError, match="status 302"):
            hand_in.hand_in(notebook, f"http://127.0.0.1:{server.server_port}/hand-in/a")
        server.shutdown()
    assert seen == []
    with pytest.raises(hand_in.HandInError, match="must begin with https"):
        hand_in.hand_in(notebook, "http://grader.example.org/hand-in/a")
    notebook.write_bytes(b"%env AUTOGRADER_KEY=agk_secret")
    with pytest.raises(hand_in.HandInError, match="your key stands in the notebook"):
        hand_in.hand_in(notebook, "https://grader.example.org/hand-in/a")
    notebook.write_bytes(NOTEBOOK)
    with pytest.raises(hand_in.HandInError, match=r"no answer from 127\.0\.0\.1:9"):
        hand_in.hand_in(notebook, "http://127.0.0.1:9/hand-in/a")
