"""A learning platform in memory, for the demo and the tests: LTI 1.3 with grades, members and deep linking.

It behaves as platforms do where they are strict: grades are ordered by whole seconds, a grade that isn't newer is a
conflict, an unfinished one erases, a teacher's own grade stays while the service is told that all went well.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from autograder.lms.service.lti import AGS_CLAIM, AGS_SCOPE, CLAIM, DEEP_LINK_CLAIM, NRPS_CLAIM, SCOPES

CLIENT = "demo-client"
DEPLOYMENT = "1"
_ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
_TOKEN_SECONDS = 60.0
_TEMPLATES = Environment(
    loader=PackageLoader("autograder.lms.service"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


class Simulator:
    """The platform's state, and its web application.

    Attributes:
        accepted: every score that was taken: (user, score's share, timestamp, comment).
        bodies: what was sent, whatever became of it.
        faults: statuses that the next scores are answered with instead of being taken; 0 takes it and drops the answer.
        delay: seconds before a score is answered.
        offers_storage: whether the platform keeps launches' states for browsers without cookies.
    """

    def __init__(self, url: str, tool: str, keys: dict[str, rsa.RSAPrivateKey] | None = None) -> None:
        """
        Args:
            url: its own.
            tool: the service's.
            keys: those that it signs with and publishes, by their ids; None: a new one.
        """
        self.url = url
        self.tool = tool
        self.users: dict[str, dict[str, str]] = {}
        self.links: dict[str, dict[str, Any]] = {}
        self.accepted: list[tuple[str, float, str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.faults: list[int] = []
        self.delay = 0.0
        self.offers_storage = False
        self.samples: dict[str, bytes] = {}
        self.clients: set[str] = {CLIENT}
        self._tokens: dict[str, float] = {}
        self._lock = threading.Lock()
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        if keys is None:
            self.rotate_key()
        else:
            self.keys = keys
        self.app = Starlette(
            routes=[
                Route("/", self._home),
                Route("/launch", self._start),
                Route("/auth", self._auth),
                Route("/jwks", self._jwks),
                Route("/token", self._token, methods=["POST"]),
                Route("/members", self._members),
                Route("/lineitems/{link}/lineitem", self._line),
                Route("/lineitems/{link}/lineitem/scores", self._score, methods=["POST"]),
                Route("/lineitems/{link}/lineitem/results", self._results),
                Route("/deep-link", self._deep_linked, methods=["POST"]),
                Route("/override", self._override, methods=["POST"]),
                Route("/samples/{name}", self._sample),
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/register", self._register, methods=["POST"]),
            ]
        )

    def rotate_key(self) -> str:
        """Sign with a new key, and publish no other."""
        kid = secrets.token_hex(4)
        self.keys = {kid: rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        return kid

    def add_user(self, id: str, name: str, role: str = "Learner") -> None:
        """Enrol somebody."""
        self.users[id] = {"name": name, "role": role}

    def add_link(self, id: str, title: str, assignment: str, maximum: float = 100.0) -> None:
        """Add an activity to the course."""
        self.links[id] = {"title": title, "assignment": assignment, "maximum": maximum, "grades": {}, "own": {}}

    def grade(self, link: str, user: str) -> float | None:
        """What the gradebook shows, of the column's maximum."""
        column = self.links[link]
        if user in column["own"]:
            return float(column["own"][user])
        held = column["grades"].get(user)
        return None if held is None else float(held["share"] * column["maximum"])

    def override(self, link: str, user: str, grade: float | None) -> None:
        """A teacher's own grade; None takes it back."""
        self.links[link]["own"].pop(user, None)
        if grade is not None:
            self.links[link]["own"][user] = grade

    def erase(self, link: str, user: str) -> None:
        """Lose a grade."""
        self.links[link]["grades"].pop(user, None)

    def login_url(self, user: str, link: str, deep: bool = False) -> str:
        """Where a launch begins."""
        query = {
            "iss": self.url,
            "client_id": CLIENT,
            "lti_deployment_id": DEPLOYMENT,
            "login_hint": user,
            "lti_message_hint": json.dumps({"link": link, "deep": deep}),
            "target_link_uri": f"{self.tool}/lti/launch",
            **({"lti_storage_target": "_parent"} if self.offers_storage else {}),
        }
        return f"{self.tool}/lti/login?{urlencode(query)}"

    def claims(self, user: str, link: str, nonce: str, deep: bool = False) -> dict[str, Any]:
        """What an id token says."""
        now = int(time.time())
        person = self.users[user]
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": user,
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
            "name": person["name"],
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}deployment_id": DEPLOYMENT,
            f"{CLAIM}roles": [_ROLE + person["role"]],
            f"{CLAIM}context": {"id": "course", "title": "A course"},
            f"{CLAIM}target_link_uri": f"{self.tool}/lti/launch",
            f"{CLAIM}launch_presentation": {"return_url": f"{self.url}/"},
            NRPS_CLAIM: {"context_memberships_url": f"{self.url}/members", "service_versions": ["2.0"]},
        }
        if deep:
            claims[f"{CLAIM}message_type"] = "LtiDeepLinkingRequest"
            claims[DEEP_LINK_CLAIM] = {
                "deep_link_return_url": f"{self.url}/deep-link",
                "accept_types": ["ltiResourceLink"],
                "accept_presentation_document_targets": ["iframe", "window"],
                "data": "opaque",
            }
            return claims
        column = self.links[link]
        claims[f"{CLAIM}message_type"] = "LtiResourceLinkRequest"
        claims[f"{CLAIM}resource_link"] = {"id": link, "title": column["title"]}
        claims[f"{CLAIM}custom"] = {"assignment": column["assignment"]}
        line = f"{self.url}/lineitems/{link}/lineitem?type_id=1"
        claims[AGS_CLAIM] = {"scope": SCOPES[:3], "lineitem": line, "lineitems": f"{self.url}/lineitems"}
        return claims

    def sign(self, claims: dict[str, Any], **header: str) -> str:
        """An id token."""
        kid, key = next(iter(self.keys.items()))
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid, **header})

    # Pages

    async def _home(self, request: Request) -> Response:
        lines = [
            {
                "link": link,
                "user": user,
                "name": person["name"],
                "grade": self.grade(link, user),
                "maximum": column["maximum"],
                "own": user in column["own"],
                "comment": column["grades"].get(user, {}).get("comment", ""),
            }
            for link, column in self.links.items()
            for user, person in self.users.items()
            if person["role"] == "Learner"
        ]
        return HTMLResponse(
            _TEMPLATES.get_template("platform.html.j2").render(
                users=self.users, links=self.links, lines=lines, samples=list(self.samples)
            )
        )

    async def _start(self, request: Request) -> Response:
        query = request.query_params
        target = self.login_url(query["user"], query.get("link", ""), query.get("deep") == "yes")
        if query.get("window") == "yes":
            return RedirectResponse(target, 302)
        title = self.links.get(query.get("link", ""), {}).get("title", "Deep link")
        text = _TEMPLATES.get_template("platform_frame.html.j2").render(
            target=target, title=title, tool=self.tool, storage=self.offers_storage
        )
        return HTMLResponse(text)

    async def _auth(self, request: Request) -> Response:
        query = request.query_params
        if query.get("client_id") not in self.clients or query.get("redirect_uri") != f"{self.tool}/lti/launch":
            return HTMLResponse("unknown client or redirect", 400)
        hint = json.loads(query["lti_message_hint"])
        token = self.sign(self.claims(query["login_hint"], hint["link"], query["nonce"], hint["deep"]))
        text = _TEMPLATES.get_template("platform_post.html.j2").render(
            target=query["redirect_uri"], fields={"id_token": token, "state": query["state"]}
        )
        return HTMLResponse(text)

    async def _override(self, request: Request) -> Response:
        form = await request.form()
        text = str(form.get("grade", "")).strip()
        self.override(str(form["link"]), str(form["user"]), float(text) if text else None)
        return RedirectResponse("/", 303)

    async def _sample(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.samples:
            return Response(status_code=404)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(self.samples[name], media_type="application/octet-stream", headers=headers)

    async def _deep_linked(self, request: Request) -> Response:
        form = await request.form()
        claims = await run_in_threadpool(self._from_tool, str(form["JWT"]), self.url)
        for item in claims["https://purl.imsglobal.org/spec/lti-dl/claim/content_items"]:
            name = f"link-{len(self.links) + 1}"
            self.add_link(name, item["title"], item["custom"]["assignment"], item["lineItem"]["scoreMaximum"])
        return RedirectResponse("/", 303)

    # Services

    def _from_tool(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of something that the service has signed."""
        kid = jwt.get_unverified_header(token)["kid"]
        keys = jwt.PyJWKSet.from_dict(requests.get(f"{self.tool}/lti/jwks", timeout=10).json()).keys
        key = next(key for key in keys if key.key_id == kid)
        return jwt.decode(token, key, algorithms=["RS256"], audience=audience)

    async def _jwks(self, request: Request) -> Response:
        found = []
        for kid, key in self.keys.items():
            public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            found.append({**public, "kid": kid, "alg": "RS256", "use": "sig"})
        return JSONResponse({"keys": found})

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        try:
            await run_in_threadpool(self._from_tool, str(form["client_assertion"]), f"{self.url}/token")
        except (jwt.PyJWTError, StopIteration, KeyError, requests.RequestException):
            return JSONResponse({"error": "invalid_client"}, 400)
        token = secrets.token_hex(16)
        self._tokens[token] = time.monotonic() + _TOKEN_SECONDS
        return JSONResponse({"access_token": token, "expires_in": _TOKEN_SECONDS, "scope": form["scope"]})

    def _allowed(self, request: Request) -> bool:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._tokens.get(token, 0.0) > time.monotonic()

    async def _members(self, request: Request) -> Response:
        if not self._allowed(request):
            return Response(status_code=401)
        users = list(self.users.items())
        start = int(request.query_params.get("start", 0))
        members = [
            {"user_id": id, "name": user["name"], "roles": [_ROLE + user["role"]], "status": "Active"}
            for id, user in users[start : start + 50]
        ]
        headers = {}
        if start + 50 < len(users):
            headers["link"] = f'<{self.url}/members?start={start + 50}>; rel="next"'
        return JSONResponse({"id": self.url, "context": {"id": "course"}, "members": members}, headers=headers)

    async def _line(self, request: Request) -> Response:
        if not self._allowed(request):
            return Response(status_code=401)
        column = self.links[request.path_params["link"]]
        return JSONResponse({"id": str(request.url), "label": column["title"], "scoreMaximum": column["maximum"]})

    async def _results(self, request: Request) -> Response:
        if not self._allowed(request):
            return Response(status_code=401)
        link = request.path_params["link"]
        column, wanted = self.links[link], request.query_params.get("user_id")
        found = []
        for user in self.users if wanted is None else [wanted]:
            grade = self.grade(link, user) if user in self.users else None
            if grade is not None:
                comment = column["grades"].get(user, {}).get("comment", "")
                found.append(
                    {"userId": user, "resultScore": grade, "resultMaximum": column["maximum"], "comment": comment}
                )
        return JSONResponse(found)

    async def _score(self, request: Request) -> Response:
        if not self._allowed(request):
            return Response(status_code=401)
        body = await request.json()
        if self.delay:
            await run_in_threadpool(time.sleep, self.delay)
        with self._lock:
            return self._take(request.path_params["link"], body)

    def _take(self, link: str, body: dict[str, Any]) -> Response:
        self.bodies.append(body)
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            return Response("a fault of the platform's", fault)
        user = str(body.get("userId"))
        if self.users.get(user, {}).get("role") != "Learner":
            return Response("unknown user", 400)
        column = self.links[link]
        second = int(datetime.fromisoformat(body["timestamp"]).timestamp())
        held = column["grades"].get(user)
        if held is not None and second <= held["second"]:
            return Response("a newer grade is there", 409)
        if body["gradingProgress"] != "FullyGraded" or body["activityProgress"] not in ("Submitted", "Completed"):
            column["grades"].pop(user, None)
            return JSONResponse({})
        share = body["scoreGiven"] / body["scoreMaximum"]
        column["grades"][user] = {"share": share, "second": second, "comment": body.get("comment", "")}
        self.accepted.append((user, share, body["timestamp"], body.get("comment", "")))
        return Response("", 502) if fault == 0 else JSONResponse({})

    async def _configuration(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "registration_endpoint": f"{self.url}/register",
                "https://purl.imsglobal.org/spec/lti-platform-configuration": {"product_family_code": "simulator"},
            }
        )

    async def _register(self, request: Request) -> Response:
        body = await request.json()
        client = secrets.token_hex(6)
        self.clients.add(client)
        tool = {**body["https://purl.imsglobal.org/spec/lti-tool-configuration"], "deployment_id": DEPLOYMENT}
        return JSONResponse(
            {**body, "client_id": client, "https://purl.imsglobal.org/spec/lti-tool-configuration": tool}
        )


__all__ = ["AGS_SCOPE", "CLIENT", "DEPLOYMENT", "Simulator"]
