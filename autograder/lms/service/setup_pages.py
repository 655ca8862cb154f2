"""An administrator's pages: registering a platform, health, figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from pylti1p3.dynamic_registration import DynamicRegistration
from pylti1p3.exception import LtiException
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from autograder.lms.service import audit, tables
from autograder.lms.service.database import ServiceError
from autograder.lms.service.lti import SCOPES, Http
from autograder.lms.service.platforms import Platform, end_invitation, is_invited, origin_of, register
from autograder.lms.service.web import Refused, read_form, render

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

NAME = "Autograder"
_PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
_TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
_FIELDS = ("issuer", "client_id", "login_url", "token_url", "jwks_url", "audience")


class _Registration(DynamicRegistration):
    """What the service tells a platform of itself."""

    client_name = NAME
    description = "Notebooks handed in here are graded at once, with feedback."

    def __init__(self, url: str, configuration: str, token: str | None, http: Http) -> None:
        self._url = url
        self._configuration = configuration
        self._token = token
        self._http = http

    def get_request_session(self) -> Http:
        return self._http

    def get_initiate_login_uri(self) -> str:
        return f"{self._url}/lti/login"

    def get_jwks_uri(self) -> str:
        return f"{self._url}/lti/jwks"

    def get_redirect_uris(self) -> list[str]:
        return [f"{self._url}/lti/launch"]

    def get_scopes(self) -> list[str]:
        return SCOPES

    def get_domain(self) -> str:
        return urlsplit(self._url).netloc

    def get_target_link_uri(self) -> str:
        return f"{self._url}/lti/launch"

    def get_claims(self) -> list[str]:
        return ["iss", "sub", "name", "given_name", "family_name", "email"]

    def get_messages(self) -> list[dict[str, str]]:
        return [
            {"type": "LtiResourceLinkRequest"},
            {"type": "LtiDeepLinkingRequest", "target_link_uri": f"{self._url}/lti/launch", "label": NAME},
        ]

    def get_logo_uri(self) -> str:
        return f"{self._url}/static/logo.svg"

    def get_openid_configuration_endpoint(self) -> str:
        return self._configuration

    def get_registration_token(self) -> str | None:  # type: ignore[override]
        return self._token

    def complete_registration(self, openid_configuration: dict[str, Any], openid_registration: dict[str, Any]) -> Any:
        issuer = str(openid_configuration["issuer"])
        if urlsplit(issuer).hostname != urlsplit(self._configuration).hostname:
            raise LtiException("the platform's issuer has another host than its configuration")
        tool = openid_registration[_TOOL]
        platform = Platform(
            id="",
            issuer=issuer,
            client_id=str(openid_registration["client_id"]),
            login_url=str(openid_configuration["authorization_endpoint"]),
            token_url=str(openid_configuration["token_endpoint"]),
            jwks_url=str(openid_configuration["jwks_uri"]),
            audience=str(openid_configuration.get("authorization_server") or ""),
        )
        return platform, str(tool.get("deployment_id") or "")


def _check(service: Service, secret: str) -> None:
    with service.database.read() as connection:
        if not is_invited(connection, secret):
            raise Refused(404, "There is no such page for you.", event="set-up", detail="a link that isn't valid")


async def set_up(request: Request) -> Response:
    """What a platform's administrator types in, and a form for what the platform gives in return."""
    service: Service = request.app.state.service
    secret = request.path_params["secret"]
    await run_in_threadpool(_check, service, secret)
    if request.method == "GET":
        return _page(service, secret, {}, "")
    form = await read_form(service, request)
    given = {name: str(form.get(name, "")).strip() for name in (*_FIELDS, "deployment")}
    return await run_in_threadpool(_register, service, secret, given)


def _page(service: Service, secret: str, given: dict[str, str], problem: str, status: int = 200) -> Response:
    values = {name: given.get(name, "") for name in (*_FIELDS, "deployment")}
    return render(service, "set_up.html.j2", status, secret=secret, given=values, problem=problem, name=NAME)


def _register(service: Service, secret: str, given: dict[str, str]) -> Response:
    try:
        _save(service, secret, Platform(id="", **{name: given[name] for name in _FIELDS}), given["deployment"])
    except ServiceError as error:
        return _page(service, secret, given, str(error), 422)
    return render(service, "registered.html.j2", closes=False)


def _save(service: Service, secret: str, platform: Platform, deployment: str) -> None:
    with service.database.write() as connection:
        register(connection, platform, deployment)
        end_invitation(connection, secret)
        audit.record(connection, "registration", detail=f"{platform.issuer} client {platform.client_id}")
    service.refresh_frames()


async def dynamic(request: Request) -> Response:
    """Dynamic registration: the platform opened this page, and says where its configuration is."""
    service: Service = request.app.state.service
    secret = request.path_params["secret"]
    await run_in_threadpool(_check, service, secret)
    configuration = request.query_params.get("openid_configuration", "")
    token = request.query_params.get("registration_token")
    return await run_in_threadpool(_dynamic, service, secret, configuration, token)


def _dynamic(service: Service, secret: str, configuration: str, token: str | None) -> Response:
    if not origin_of(configuration):
        raise Refused(400, "openid_configuration must be a URL.", event="set-up", detail="no configuration")
    with Http(service.settings.request_seconds) as http:
        try:
            registered: Any = _Registration(service.settings.url, configuration, token, http).register()
            _save(service, secret, *registered)
        except (LtiException, ServiceError, requests.RequestException, AssertionError, KeyError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise Refused(502, f"The registration failed: {why[:200]}", event="set-up", detail=why) from None
    return render(service, "registered.html.j2", closes=True)


async def health(request: Request) -> Response:
    """Whether the service works: the database answers, and this machine can grade."""
    service: Service = request.app.state.service

    def look() -> str:
        with service.database.read() as connection:
            connection.execute(select(1))
        return service.queue.problem

    problem = await run_in_threadpool(look)
    return JSONResponse({"status": "failing" if problem else "ok", "problem": problem}, 503 if problem else 200)


async def figures(request: Request) -> Response:
    """Figures for Prometheus."""
    service: Service = request.app.state.service

    def count() -> bytes:
        s, o, metrics = tables.submissions, tables.outbox, service.metrics
        with service.database.read() as connection:
            waiting, oldest = connection.execute(
                select(func.count(), func.min(s.c.received)).where(s.c.state == "waiting")
            ).one()
            states = connection.execute(select(o.c.state, func.count()).group_by(o.c.state)).all()
        metrics.waiting.set(waiting)
        metrics.oldest.set(time.time() - oldest if oldest else 0.0)
        for state, number in states:
            metrics.outbox.labels(state).set(number)
        metrics.listeners.set(service.hub.listeners())
        return metrics.text()

    return Response(await run_in_threadpool(count), media_type="text/plain; version=0.0.4; charset=utf-8")
