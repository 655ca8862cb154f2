"""A running service beside a simulated platform, and a browser that keeps cookies and follows launches."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from pylti1p3.dynamic_registration import generate_key_pair
from pylti1p3.registration import Registration
from sqlalchemy import select

from autograder.lms.service import tables
from autograder.lms.service.app import application
from autograder.lms.service.database import Database
from autograder.lms.service.running import connect, served
from autograder.lms.service.service import Service
from autograder.lms.service.settings import ServiceSettings
from autograder.lms.service.simulator import Simulator

LINK = "activity"
# Keys take long to make: all tests share them.
PLATFORM_KEYS = {"platform": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
TOOL_KEY = generate_key_pair(2048)
SECONDS = 60.0


class Student:
    """A browser: it keeps the service's cookies, Secure or not, and sends no others."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self._client = httpx.Client(timeout=30.0)

    def request(self, method: str, url: str, follow: bool = True, **options: object) -> httpx.Response:
        url = url if url.startswith("http") else self.url + url
        headers = dict(options.pop("headers", {}))  # type: ignore[call-overload]
        if url.startswith(self.url):
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._client.request(method, url, headers=headers, **options)  # type: ignore[arg-type]
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if follow and answer.is_redirect:
            return self.request("GET", urljoin(url, answer.headers["location"]))
        return answer

    def get(self, url: str, **options: object) -> httpx.Response:
        return self.request("GET", url, **options)  # type: ignore[arg-type]

    def post(self, url: str, data: dict[str, str] | None = None, **options: object) -> httpx.Response:
        return self.request("POST", url, data=data or {}, **options)  # type: ignore[arg-type]

    def begin(self, simulator: Simulator, user: str, link: str = LINK, deep: bool = False) -> tuple[str, str]:
        """Begin a login; returns the state and the nonce that the platform is asked to answer with."""
        answer = self.get(simulator.login_url(user, link, deep), follow=False)
        assert answer.status_code == 302, answer.text
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return query["state"][0], query["nonce"][0]

    def launch(self, simulator: Simulator, user: str, link: str = LINK, deep: bool = False) -> httpx.Response:
        """Open an activity; returns its first page."""
        state, nonce = self.begin(simulator, user, link, deep)
        token = simulator.sign(simulator.claims(user, link, nonce, deep))
        return self.post("/lti/launch", {"id_token": token, "state": state})

    def send(
        self, page: httpx.Response, part: str, fields: dict[str, str] | None = None, **more: object
    ) -> httpx.Response:
        """Fill in and send the form of a page whose action has `part` in it."""
        for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL):
            action = unescape(re.search(r'action="([^"]*)"', form)[1])  # type: ignore[index]
            if part in action:
                hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form)
                values = {name: unescape(value) for name, value in hidden} | (fields or {})
                return self.post(action, values, **more)
        raise AssertionError(f"no form for {part} in {page.text}")

    def hand_in(self, page: httpx.Response, notebook: bytes) -> httpx.Response:
        """Upload a notebook from a student's page; returns the submission's page."""
        return self.send(page, "/submissions", files={"notebook": ("n.ipynb", notebook)})


class Place:
    """A service and its platform, running."""

    def __init__(self, service: Service, simulator: Simulator, cookieless: set[str]) -> None:
        self.service = service
        self.simulator = simulator
        self.cookieless = cookieless
        """Paths that no cookie reaches, as in a browser that keeps none in frames."""

    def browser(self) -> Student:
        return Student(self.service.settings.url)


@contextmanager
def running(
    course: Path, data: Path, assignment: str, maximum: float = 100.0, host: str = "127.0.0.1", **more: object
) -> Iterator[Place]:
    """A service and a platform with three students and a teacher, on free ports of the loopback interface.

    Args:
        host: the platform's name for browsers; `localhost` makes it another site than the service's.
    """
    waiting: dict[str, object] = {}
    cookieless: set[str] = set()

    with (
        served(Late(waiting, "service", cookieless), "127.0.0.1", 0) as port,
        served(Late(waiting, "platform", set()), "127.0.0.1", 0) as other,
    ):
        settings = ServiceSettings(
            url=f"http://127.0.0.1:{port}",
            course=course,
            data=data,
            retry_seconds=0.05,
            **more,  # type: ignore[arg-type]
        )
        simulator = Simulator(f"http://{host}:{other}", settings.url, dict(PLATFORM_KEYS))
        give_key(data, settings)
        waiting["platform"] = simulator.app
        for user in ("ada", "bob", "eve"):
            simulator.add_user(user, f"{user.title()} <b>Student</b>")
        simulator.add_user("teacher", "Grace", "Instructor")
        simulator.add_link(LINK, "Problem set", assignment, maximum)
        with Service(settings) as service:
            waiting["service"] = application(service)
            connect(service, simulator)
            yield Place(service, simulator, cookieless)


def give_key(data: Path, settings: ServiceSettings) -> None:
    """Put the shared key into a new database."""
    data.mkdir(exist_ok=True)
    database = Database(settings.database_url)
    t = tables.keys
    with database.write() as connection:
        if connection.execute(select(t)).first() is None:
            private, public = TOOL_KEY
            kid = str(Registration.get_jwk(public)["kid"])
            connection.execute(t.insert().values(id=kid, private=private, public=public, created=1.0))
    database.close()


class Late:
    """An application that is known only once its port is."""

    def __init__(self, apps: dict[str, object], name: str, cookieless: set[str]) -> None:
        self._apps = apps
        self._name = name
        self._cookieless = cookieless

    async def __call__(self, scope: dict[str, Any], receive: object, send: object) -> None:
        if scope["path"] in self._cookieless:
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        await self._apps[self._name](scope, receive, send)  # type: ignore[operator]


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.02)
