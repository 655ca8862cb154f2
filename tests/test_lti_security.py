"""Forged and replayed launches, and what students try with each other's pages: all refused, all in the audit log."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import NAME, notebook_of, solved_cells
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lti_platform import LINK, Place, Student, running
from sqlalchemy import select

from autograder.lms.service import tables
from autograder.lms.service.lti import CLAIM

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ROLES = f"{CLAIM}roles"
TEACHER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"


@pytest.fixture(scope="module")
def place(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    # No place for any pool: what is handed in waits.
    with running(course, tmp_path_factory.mktemp("service"), NAME, pools=0) as place:
        yield place


@pytest.fixture(scope="module")
def people(place: Place) -> dict[str, Any]:
    """Ada has handed in; Bob and the teacher have opened the activity; Eve has opened another course's."""
    ada, bob, teacher = (place.browser() for _ in range(3))
    page = ada.launch(place.simulator, "ada")
    page = ada.hand_in(page, notebook_of(solved_cells()))
    assert "Receipt" in page.text
    bob_page = bob.launch(place.simulator, "bob")
    teacher_page = teacher.launch(place.simulator, "teacher")
    assert "Rules" in teacher_page.text
    eve = place.browser()
    state, nonce = eve.begin(place.simulator, "eve")
    claims = place.simulator.claims("eve", LINK, nonce)
    claims[f"{CLAIM}context"] = {"id": "another course"}
    claims[ROLES] = [TEACHER]
    assert "Rules" in eve.post("/lti/launch", {"id_token": place.simulator.sign(claims), "state": state}).text
    return {
        "ada": ada,
        "bob": bob,
        "eve": eve,
        "teacher": teacher,
        "submission": str(page.url).rpartition("/")[2],
        "activity": str(bob_page.url).rpartition("/")[2],
        "ada's id": person_id(place, "ada"),
    }


def person_id(place: Place, subject: str) -> str:
    with place.service.database.read() as connection:
        p = tables.people
        return str(connection.scalar(select(p.c.id).where(p.c.subject == subject)))


def refusals(place: Place) -> int:
    with place.service.database.read() as connection:
        return len(connection.execute(select(tables.audit).where(tables.audit.c.allowed.is_(False))).all())


def forged(**changes: Any) -> Any:
    """A launch whose token says something else; None takes a claim away."""

    def send(place: Place, browser: Student) -> httpx.Response:
        state, nonce = browser.begin(place.simulator, "ada")
        claims = place.simulator.claims("ada", LINK, nonce)
        for name, value in changes.items():
            claims.pop(name) if value is None else claims.update({name: value})
        return browser.post("/lti/launch", {"id_token": place.simulator.sign(claims), "state": state})

    return send


def signed(encode: Any) -> Any:
    """A launch whose token is signed by somebody or something else."""

    def send(place: Place, browser: Student) -> httpx.Response:
        state, nonce = browser.begin(place.simulator, "ada")
        token = encode(place, place.simulator.claims("ada", LINK, nonce))
        return browser.post("/lti/launch", {"id_token": token, "state": state})

    return send


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(place: Place, claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'none', 'kid': next(iter(place.simulator.keys))})}.{part(claims)}."


def confused(place: Place, claims: dict[str, Any]) -> str:
    """Signed with the public key, as if it were a shared secret."""
    kid, key = next(iter(place.simulator.keys.items()))
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims)}"
    return f"{text}.{part(hmac.digest(pem, text.encode(), 'sha256'))}"


def stranger(place: Place, claims: dict[str, Any]) -> str:
    kid = next(iter(place.simulator.keys))
    return jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": kid})


def unknown_key(place: Place, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": "another", "jku": "http://127.0.0.1:1/jwks"})


def edited(place: Place, claims: dict[str, Any]) -> str:
    """The platform's own signature under another body."""
    head, _, signature = place.simulator.sign(claims).split(".")
    return f"{head}.{part({**claims, ROLES: [TEACHER]})}.{signature}"


def replayed(place: Place, browser: Student) -> httpx.Response:
    state, nonce = browser.begin(place.simulator, "ada")
    form = {"id_token": place.simulator.sign(place.simulator.claims("ada", LINK, nonce)), "state": state}
    cookies = dict(browser.cookies)
    assert browser.post("/lti/launch", form).status_code == 200
    browser.cookies = cookies
    return browser.post("/lti/launch", form)


def replayed_in_a_new_login(place: Place, browser: Student) -> httpx.Response:
    state, nonce = browser.begin(place.simulator, "ada")
    token = place.simulator.sign(place.simulator.claims("ada", LINK, nonce))
    assert browser.post("/lti/launch", {"id_token": token, "state": state}).status_code == 200
    again, _ = browser.begin(place.simulator, "ada")
    return browser.post("/lti/launch", {"id_token": token, "state": again})


def another_browsers(place: Place, browser: Student) -> httpx.Response:
    """Somebody is made to finish a login that an attacker began."""
    attacker = place.browser()
    state, nonce = attacker.begin(place.simulator, "ada")
    browser.begin(place.simulator, "bob")
    token = place.simulator.sign(place.simulator.claims("ada", LINK, nonce))
    return browser.post("/lti/launch", {"id_token": token, "state": state})


def another_binding(place: Place, browser: Student) -> httpx.Response:
    state, nonce = place.browser().begin(place.simulator, "ada")
    token = place.simulator.sign(place.simulator.claims("ada", LINK, nonce))
    return browser.post(
        "/lti/launch", {"id_token": token, "state": state, "binding": "guessed"}, headers={"origin": browser.url}
    )


def a_binding_from_elsewhere(place: Place, browser: Student) -> httpx.Response:
    """An attacker's page sends all that the attacker's own browser was given."""
    attacker = place.browser()
    state, nonce = attacker.begin(place.simulator, "ada")
    (binding,) = [value for name, value in attacker.cookies.items() if name.startswith("__Host-autograder-")]
    form = {"id_token": place.simulator.sign(place.simulator.claims("ada", LINK, nonce)), "state": state}
    return browser.post("/lti/launch", form | {"binding": binding}, headers={"origin": "https://attacker.example"})


def invented_state(place: Place, browser: Student) -> httpx.Response:
    token = place.simulator.sign(place.simulator.claims("ada", LINK, "n"))
    return browser.post("/lti/launch", {"id_token": token, "state": "invented"})


def no_token(place: Place, browser: Student) -> httpx.Response:
    state, _ = browser.begin(place.simulator, "ada")
    return browser.post("/lti/launch", {"state": state})


def an_unknown_platform(place: Place, browser: Student) -> httpx.Response:
    return browser.get("/lti/login?iss=https://elsewhere.example&login_hint=ada")


def a_students_deep_link(place: Place, browser: Student) -> httpx.Response:
    return browser.launch(place.simulator, "ada", deep=True)


LAUNCHES = {
    "expired": forged(exp=int(time.time()) - 3600, iat=int(time.time()) - 3700),
    "never expires": forged(exp=None),
    "from the future": forged(iat=int(time.time()) + 36000),
    "for another tool": forged(aud="another"),
    "for several tools": forged(aud=["demo-client", "another"]),
    "another issuer": forged(iss="https://elsewhere.example"),
    "another deployment": forged(**{f"{CLAIM}deployment_id": "2"}),
    "a deployment that is a list": forged(**{f"{CLAIM}deployment_id": ["1"]}),
    "another nonce": forged(nonce="another"),
    "no nonce": forged(nonce=None),
    "nobody": forged(sub=None),
    "no roles": forged(**{ROLES: []}),
    "another version": forged(**{f"{CLAIM}version": "1.0"}),
    "a message of another kind": forged(**{f"{CLAIM}message_type": "LtiSubmissionReviewRequest"}),
    "no resource": forged(**{f"{CLAIM}resource_link": {}}),
    "unsigned": signed(unsigned),
    "signed with the public key": signed(confused),
    "signed by a stranger": signed(stranger),
    "signed with an unknown key": signed(unknown_key),
    "edited": signed(edited),
    "no JWT": signed(lambda place, claims: "a.b.c"),
    "replayed": replayed,
    "replayed in a new login": replayed_in_a_new_login,
    "another browser's": another_browsers,
    "a guessed binding": another_binding,
    "a binding from elsewhere": a_binding_from_elsewhere,
    "an invented state": invented_state,
    "no token": no_token,
    "an unknown platform": an_unknown_platform,
    "a student's deep link": a_students_deep_link,
}


@pytest.mark.parametrize("name", LAUNCHES)
def test_a_forged_or_replayed_launch_is_refused_and_logged(place: Place, name: str) -> None:
    before = refusals(place)
    browser = place.browser()
    answer = LAUNCHES[name](place, browser)
    assert answer.status_code in (400, 403), answer.text
    assert refusals(place) == before + 1
    if not name.startswith("replayed"):
        assert browser.get("/activities/any").status_code == 401


ACCESSES = {
    "another's submission": ("GET", "/submissions/{submission}"),
    "its feedback": ("GET", "/submissions/{submission}/feedback"),
    "its notebook": ("GET", "/submissions/{submission}/notebook"),
    "its progress": ("GET", "/submissions/{submission}/events"),
    "its written answers": ("POST", "/submissions/{submission}/written"),
    "the roster": ("GET", "/activities/{activity}/roster"),
    "another's page": ("GET", "/activities/{activity}/people/{ada's id}"),
    "an extension": ("POST", "/activities/{activity}/people/{ada's id}/extension"),
    "the rules": ("POST", "/activities/{activity}/rules"),
    "a regrade": ("POST", "/activities/{activity}/regrades"),
    "the members": ("POST", "/activities/{activity}/members"),
    "the platform's gradebook": ("POST", "/activities/{activity}/compare"),
    "sending a grade": ("POST", "/activities/{activity}/people/{ada's id}/send"),
    "an invented regrade": ("GET", "/regrades/invented"),
    "another's deep link": ("GET", "/deep-links/invented"),
    "a set-up page": ("GET", "/set-up/invented"),
}


@pytest.mark.parametrize("who", ["bob", "eve"])
@pytest.mark.parametrize("name", ACCESSES)
def test_what_is_somebody_elses_is_refused_as_if_it_were_not_there(
    place: Place, people: dict[str, Any], who: str, name: str
) -> None:
    """Bob is a student of the same course; Eve teaches another one."""
    method, path = ACCESSES[name]
    browser, before = people[who], refusals(place)
    given = {key: value for key, value in people.items() if isinstance(value, str)}
    own = browser.get(f"/activities/{activity_of(place, who)}")
    token = own.text.partition('name="form_token" value="')[2].partition('"')[0]
    rules = {"assignment": NAME, "counts": "last", "feedback": "now", "form_token": token}
    answer = browser.request(method, path.format(**given), data=rules if method == "POST" else None)
    invented = browser.request(
        method, "/submissions/invented" if method == "GET" else "/submissions/invented/written", data=rules
    )
    assert answer.status_code == 404
    assert answer.text == invented.text
    assert refusals(place) >= before + 2


def activity_of(place: Place, who: str) -> str:
    a, m, p = tables.activities, tables.members, tables.people
    query = select(a.c.id).join(m, m.c.context == a.c.context).join(p, p.c.id == m.c.person).where(p.c.subject == who)
    with place.service.database.read() as connection:
        return str(connection.scalar(query))


def test_a_form_without_its_token_or_from_another_origin_is_refused(place: Place, people: dict[str, Any]) -> None:
    bob, activity = people["bob"], people["activity"]
    upload = {"notebook": ("n.ipynb", notebook_of(solved_cells()))}
    page = bob.get(f"/activities/{activity}")
    assert bob.post(f"/activities/{activity}/submissions", {}, files=upload).status_code == 403
    stolen = people["teacher"].get(f"/activities/{activity}/roster").text.partition('form_token" value="')[2][:64]
    assert bob.post(f"/activities/{activity}/submissions", {"form_token": stolen}, files=upload).status_code == 403
    elsewhere = {"origin": "https://elsewhere.example"}
    assert bob.send(page, "/submissions", files=upload, headers=elsewhere).status_code == 403
    assert "Open attempt" not in bob.get(f"/activities/{activity}").text


def test_what_is_too_large_or_no_notebook_is_refused_and_costs_no_attempt(place: Place, people: dict[str, Any]) -> None:
    bob, activity = people["bob"], people["activity"]
    page = bob.get(f"/activities/{activity}")
    assert bob.hand_in(page, b"x" * (place.service.settings.max_upload + 100_000)).status_code == 413
    for data in (b"", b"no notebook", b"[" * 100_000, b"\x00\xff"):
        answer = bob.hand_in(page, data)
        assert answer.status_code == 422, answer.text
    assert "Open attempt" not in bob.get(f"/activities/{activity}").text


def test_a_stream_without_a_length_is_cut_off(place: Place, people: dict[str, Any]) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(place.service.settings.max_upload // 65536 + 10):
            yield b"x" * 65536

    headers = {
        "content-type": "multipart/form-data; boundary=x",
        "cookie": "; ".join(f"{name}={value}" for name, value in people["bob"].cookies.items()),
    }
    with httpx.Client(timeout=30) as client:
        url = f"{place.service.settings.url}/activities/{people['activity']}/submissions"
        try:
            status = client.post(url, content=endless(), headers=headers).status_code
        except (httpx.WriteError, httpx.RemoteProtocolError):
            return  # it was cut off while it still wrote
        assert status in (400, 413)


def test_too_many_uploads_of_one_student_have_to_wait(place: Place) -> None:
    eve = place.browser()
    place.simulator.add_user("mallory", "Mallory")
    page = eve.launch(place.simulator, "mallory")
    answers = [
        eve.hand_in(page, b"no notebook").status_code for _ in range(place.service.settings.uploads_per_minute + 1)
    ]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {422}


def test_every_page_has_a_strict_policy_and_names_are_text(place: Place, people: dict[str, Any]) -> None:
    teacher = people["teacher"]
    for path in (f"/activities/{people['activity']}/roster", f"/submissions/{people['submission']}", "/nowhere"):
        answer = teacher.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert f"frame-ancestors 'self' {place.simulator.url}" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<b>" not in answer.text
    assert "Ada &lt;b&gt;Student&lt;/b&gt;" in teacher.get(f"/submissions/{people['submission']}").text


def test_cookies_work_inside_a_platforms_frame_and_nowhere_else(place: Place) -> None:
    browser = place.browser()
    state, nonce = browser.begin(place.simulator, "ada")
    form = {"id_token": place.simulator.sign(place.simulator.claims("ada", LINK, nonce)), "state": state}
    answer = browser.post("/lti/launch", form, follow=False)
    session = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("__Host-autograder="))
    for attribute in ("HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"):
        assert attribute in session


def test_a_platform_may_rotate_its_keys(place: Place) -> None:
    assert place.browser().launch(place.simulator, "ada").status_code == 200
    place.simulator.rotate_key()
    place.service.key_sets._pause = 0.0  # instead of waiting for a minute
    assert place.browser().launch(place.simulator, "ada").status_code == 200


def test_a_platforms_keys_are_fetched_once_for_many_launches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    fetch = place.service.key_sets._fetch
    monkeypatch.setattr(place.service.key_sets, "_fetch", lambda url: fetched.append(url) or fetch(url))
    monkeypatch.setattr(place.service.key_sets, "_pause", 60.0)
    for _ in range(5):
        assert place.browser().launch(place.simulator, "ada").status_code == 200
        signed(unknown_key)(place, place.browser())
    assert fetched == []


def test_the_audit_log_and_the_log_hold_nothing_personal(
    place: Place, people: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    place.browser().launch(place.simulator, "bob")
    with place.service.database.read() as connection:
        told = [f"{row.person} {row.detail}" for row in connection.execute(select(tables.audit))]
    assert told
    for line in (*told, *caplog.messages):
        assert "Student" not in line
        assert "127.0.0.1 " not in line


def test_a_ticket_works_once(place: Place) -> None:
    browser = place.browser()
    state, nonce = browser.begin(place.simulator, "ada")
    form = {"id_token": place.simulator.sign(place.simulator.claims("ada", LINK, nonce)), "state": state}
    target = browser.post("/lti/launch", form, follow=False).headers["location"]
    assert browser.get(target).status_code == 200
    assert place.browser().get(target).status_code == 403
