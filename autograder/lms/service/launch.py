"""The LTI 1.3 launch: login, state, nonce and browser are checked here, the token in `lti`."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from pylti1p3.registration import Registration
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from autograder.lms.service import audit, sessions, tables
from autograder.lms.service.database import new_id
from autograder.lms.service.lti import (
    AGS_CLAIM,
    CLAIM,
    DEEP_LINK_CLAIM,
    NRPS_CLAIM,
    LaunchError,
    launch_claims,
    role_in,
)
from autograder.lms.service.passback import UNLINKED, WAITING
from autograder.lms.service.platforms import (
    Platform,
    allow_frames,
    hashed,
    knows_deployment,
    origin_of,
    platform_by_id,
    platforms_of,
    signing_keys,
)
from autograder.lms.service.web import Refused, read_form, render, to_json

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

LOGIN_SECONDS = 600.0
DEEP_LINK_SECONDS = 3600.0
_MAX_NAME = 200
_PASSED_ON = ("iss", "client_id", "login_hint", "lti_message_hint", "target_link_uri", "lti_deployment_id")
_AGAIN = "This launch can't be used. Open the activity in your learning platform again."


def _refuse(detail: str) -> Refused:
    return Refused(403, _AGAIN, event="launch", detail=detail)


def _limit(service: Service, request: Request) -> None:
    source = request.client.host if request.client else ""
    if not service.limiter.allows("launch", source, service.settings.launches_per_minute):
        raise Refused(429, "Too many requests: wait a minute.", event="rate", detail="launches")


async def jwks(request: Request) -> Response:
    """The service's public keys."""
    service: Service = request.app.state.service
    keys = await run_in_threadpool(signing_keys, service.database)
    return JSONResponse({"keys": [Registration.get_jwk(key.public) for key in keys]})


async def login(request: Request) -> Response:
    """A platform's request to begin: the browser goes back to the platform, which must know the person."""
    service: Service = request.app.state.service
    _limit(service, request)
    given: Mapping[str, Any] = request.query_params if request.method == "GET" else await read_form(service, request)
    parameters = {name: str(given[name])[:4000] for name in (*_PASSED_ON, "lti_storage_target") if given.get(name)}
    return await run_in_threadpool(_login, service, parameters)


def _login(service: Service, parameters: dict[str, str]) -> Response:
    if not parameters.get("iss") or not parameters.get("login_hint"):
        raise _refuse("a login without issuer or login hint")
    state, nonce, binding = (secrets.token_urlsafe(24) for _ in range(3))
    storage = parameters.pop("lti_storage_target", "")
    with service.database.write() as connection:
        known = platforms_of(connection, parameters["iss"], parameters.get("client_id", ""))
        if len(known) != 1:
            raise _refuse("a login of an unknown platform")
        platform = known[0]
        connection.execute(
            insert(tables.logins).values(
                id=state,
                platform=platform.id,
                nonce=nonce,
                binding=hashed(binding),
                parameters=to_json(parameters),
                storage=storage,
                created=time.time(),
            )
        )
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": f"{service.settings.url}/lti/launch",
        "state": state,
        "nonce": nonce,
        "login_hint": parameters["login_hint"],
    }
    if "lti_message_hint" in parameters:
        query["lti_message_hint"] = parameters["lti_message_hint"]
    target = platform.login_url + ("&" if "?" in platform.login_url else "?") + urlencode(query)
    if storage:
        # Where the browser keeps no cookies in a frame, the platform's own page keeps what ties the launch to it.
        facts = {"frame": storage, "origin": origin_of(platform.login_url), "key": state, "value": binding}
        answer = render(service, "storage_put.html.j2", target=target, facts=facts)
    else:
        answer = RedirectResponse(target, 302)
    answer.raw_headers.append(sessions.cookie(_cookie_name(state), binding, LOGIN_SECONDS))
    return answer


def _cookie_name(state: str) -> str:
    return f"__Host-autograder-{state[:16]}"


async def launch(request: Request) -> Response:
    """A platform's signed word of who the person is and which activity they have opened."""
    service: Service = request.app.state.service
    _limit(service, request)
    form = await read_form(service, request)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    state = fields.get("state", "")
    binding = request.cookies.get(_cookie_name(state), "") if state else ""
    if not binding and request.headers.get("origin") == service.settings.origin:
        # The service's own page has asked the platform's storage; a form of another page's proves nothing.
        binding = fields.get("binding", "")
    return await run_in_threadpool(_launch, service, fields, state, binding)


def _launch(service: Service, form: dict[str, str], state: str, binding: str) -> Response:
    with service.database.read() as connection:
        t = tables.logins
        begun = connection.execute(select(t).where(t.c.id == state)).first()
        platform = None if begun is None else platform_by_id(connection, begun.platform)
    if begun is None or platform is None or begun.created < time.time() - LOGIN_SECONDS:
        raise _refuse("the state is unknown or too old")
    if begun.used is not None:
        raise _refuse("the state has been used: a launch that is replayed")
    if form.get("error"):
        raise _refuse(f"the platform says {form['error']}")
    if not binding:
        return _without_cookie(service, form, state, begun, platform)
    if not hmac.compare_digest(hashed(binding), begun.binding):
        raise _refuse("another browser's login")
    with service.database.write() as connection:
        used = update(t).where(t.c.id == state, t.c.used.is_(None)).values(used=time.time())
        if not connection.execute(used).rowcount:
            raise _refuse("the state has been used: a launch that is replayed")

    def knows(deployment: str) -> bool:
        with service.database.read() as connection:
            return knows_deployment(connection, platform, deployment)

    try:
        claims = launch_claims(form, platform, begun.nonce, service.key_sets, knows)
    except LaunchError as error:
        raise _refuse(str(error)) from None
    token, ticket = _begin(service, platform, claims)
    service.refresh_frames()
    service.passback.wake()
    service.metrics.launches.inc()
    answer = RedirectResponse(f"{service.settings.url}/open?ticket={quote(ticket)}", 303)
    answer.raw_headers.append(sessions.cookie(sessions.COOKIE, token, sessions.SESSION_SECONDS))
    answer.raw_headers.append(sessions.cookie(_cookie_name(state), "", 0))
    return answer


def _begin(service: Service, platform: Platform, claims: dict[str, Any]) -> tuple[str, str]:
    """Note what the launch says and begin a session; returns its cookie, and a ticket to the person's page."""
    for last in (False, False, True):
        try:
            with service.database.write() as connection:
                person, target = _arrive(connection, platform, claims)
                audit.record(connection, "launch", person=person, detail=target)
                return sessions.begin(connection, person), sessions.ticket(connection, person, target)
        except IntegrityError:
            # Two first launches of the same course at once: the other one has noted it by now.
            if last:
                raise
    raise AssertionError


def _without_cookie(service: Service, form: dict[str, str], state: str, begun: Any, platform: Platform) -> Response:
    """The browser didn't keep what ties the launch to it: ask the platform's page, or begin again in a window."""
    if begun.storage and not form.get("asked"):
        facts = {
            "frame": begun.storage,
            "origin": origin_of(platform.login_url),
            "key": state,
            "id_token": form.get("id_token", ""),
        }
        return render(service, "storage_get.html.j2", facts=facts)
    query = urlencode(json.loads(begun.parameters))
    with service.database.write() as connection:
        audit.record(connection, "launch", allowed=False, detail="the browser kept no cookie")
    return render(
        service,
        "refused.html.j2",
        403,
        message="Your browser keeps no cookies inside this page.",
        links=((f"{service.settings.url}/lti/login?{query}", "Open in a new window"),),
    )


def _arrive(connection: Connection, platform: Platform, claims: dict[str, Any]) -> tuple[str, str]:
    """Note who came and where to; returns the person's id and the path of their page."""
    deployment = str(claims[f"{CLAIM}deployment_id"])
    person = note_person(connection, platform.id, str(claims["sub"]), _name(claims), str(claims.get("email") or ""))
    presentation = _mapping(claims.get(f"{CLAIM}launch_presentation"))
    allow_frames(connection, platform, str(presentation.get("return_url") or ""))
    course = _mapping(claims.get(f"{CLAIM}context"))
    role = role_in(claims)
    context = _note_context(connection, platform, deployment, course, _mapping(claims.get(NRPS_CLAIM)))
    note_member(connection, context, person, role)
    if claims.get(f"{CLAIM}message_type") == "LtiDeepLinkingRequest":
        if role != "teacher":
            raise _refuse("a deep link of somebody who doesn't teach")
        id = new_id()
        connection.execute(
            insert(tables.deep_links).values(
                id=id,
                person=person,
                platform=platform.id,
                deployment=deployment,
                settings=to_json(claims[DEEP_LINK_CLAIM]),
                expires=time.time() + DEEP_LINK_SECONDS,
            )
        )
        return person, f"/deep-links/{id}"
    if claims.get(f"{CLAIM}message_type") != "LtiResourceLinkRequest":
        raise _refuse("a message of a kind that isn't served")
    if role == "none":
        raise _refuse("somebody who is neither student nor teacher")
    return person, f"/activities/{_note_activity(connection, context, claims)}"


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(claims: dict[str, Any]) -> str:
    parts = (str(claims.get("given_name") or ""), str(claims.get("family_name") or ""))
    return str(claims.get("name") or " ".join(filter(None, parts)))[:_MAX_NAME]


def note_person(connection: Connection, platform: str, subject: str, name: str, email: str) -> str:
    """The id of a platform's person, who is added where they are new."""
    t = tables.people
    id = connection.scalar(select(t.c.id).where(t.c.platform == platform, t.c.subject == subject))
    told = {key: value[:_MAX_NAME] for key, value in (("name", name), ("email", email)) if value}
    if id is None:
        id = new_id()
        connection.execute(insert(t).values(id=id, platform=platform, subject=subject[:255], **told))
    elif told:
        connection.execute(update(t).where(t.c.id == id).values(told))
    return str(id)


def note_member(connection: Connection, context: str, person: str, role: str) -> None:
    """What a person is in a course, as the platform says now."""
    t = tables.members
    values = {"role": role}
    if not connection.execute(update(t).where(t.c.context == context, t.c.person == person).values(values)).rowcount:
        connection.execute(insert(t).values(context=context, person=person, **values))


def _note_context(
    connection: Connection, platform: Platform, deployment: str, course: dict[str, Any], members: dict[str, Any]
) -> str:
    t = tables.contexts
    name = str(course.get("id") or "")[:255]
    here = (t.c.platform == platform.id, t.c.deployment == deployment, t.c.context == name)
    id = connection.scalar(select(t.c.id).where(*here))
    told = {"title": str(course.get("title") or course.get("label") or "")[:_MAX_NAME]}
    if url := str(members.get("context_memberships_url") or ""):
        told["members_url"] = url
    if id is None:
        id = new_id()
        connection.execute(insert(t).values(id=id, platform=platform.id, deployment=deployment, context=name, **told))
    else:
        connection.execute(update(t).where(t.c.id == id).values(told))
    return str(id)


def _note_activity(connection: Connection, context: str, claims: dict[str, Any]) -> str:
    t = tables.activities
    resource = _mapping(claims.get(f"{CLAIM}resource_link"))
    grades = _mapping(claims.get(AGS_CLAIM))
    custom = _mapping(claims.get(f"{CLAIM}custom"))
    scopes = grades.get("scope")
    told: dict[str, Any] = {}
    if grades:
        told["scopes"] = (
            " ".join(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else ""
        )
        told |= {name: str(grades[name]) for name in ("lineitem", "lineitems") if grades.get(name)}
    link = str(resource["id"])[:255]
    row = connection.execute(select(t.c.id, t.c.assignment).where(t.c.context == context, t.c.link == link)).first()
    wanted = str(custom.get("assignment") or "")[:255]
    if row is None:
        id = new_id()
        title = str(resource.get("title") or "Assignment")[:_MAX_NAME]
        connection.execute(insert(t).values(id=id, context=context, link=link, title=title, assignment=wanted, **told))
        return id
    if not row.assignment and wanted:
        told["assignment"] = wanted
    if told:
        connection.execute(update(t).where(t.c.id == row.id).values(told))
    if told.get("lineitem") or told.get("lineitems"):
        o = tables.outbox
        unlinked = update(o).where(o.c.activity == row.id, o.c.state == UNLINKED)
        connection.execute(unlinked.values(state=WAITING, next=time.time()))
    return str(row.id)


async def open_ticket(request: Request) -> Response:
    """The first page after a launch: whether the browser keeps the cookie shows here."""
    service: Service = request.app.state.service
    token = request.cookies.get(sessions.COOKIE, "")
    return await run_in_threadpool(_open, service, request.query_params.get("ticket", ""), token)


def _open(service: Service, secret: str, token: str) -> Response:
    with service.database.write() as connection:
        redeemed = sessions.redeem(connection, secret)
        if redeemed is None:
            raise Refused(403, _AGAIN, event="ticket", detail="a ticket that is used, too old or invented")
        person, target = redeemed
        if token and sessions.person_of(connection, token) == person:
            return RedirectResponse(service.settings.url + target, 303)
        # In a frame whose cookies the browser drops, the ticket opens a window; there, it begins the session.
        again = sessions.ticket(connection, person, target)
    return render(service, "new_window.html.j2", target=f"{service.settings.url}/window?ticket={quote(again)}")


async def open_window(request: Request) -> Response:
    """A ticket in a window of its own begins a session there, once the person has seen whose it is."""
    service: Service = request.app.state.service
    if request.method == "GET":
        ticket = request.query_params.get("ticket", "")
        name = await run_in_threadpool(_ticket_name, service, ticket)
        return render(service, "window.html.j2", ticket=ticket, name=name)
    form = await read_form(service, request)
    if request.headers.get("origin", service.settings.origin) != service.settings.origin:
        raise Refused(403, _AGAIN, event="forged form", detail="a ticket from another origin")
    target, token = await run_in_threadpool(_begin_in_window, service, str(form.get("ticket", "")))
    answer = RedirectResponse(service.settings.url + target, 303)
    answer.raw_headers.append(sessions.cookie(sessions.COOKIE, token, sessions.SESSION_SECONDS))
    return answer


def _ticket_name(service: Service, ticket: str) -> str:
    t, p = tables.tickets, tables.people
    with service.database.read() as connection:
        query = select(p.c.name).join(t, t.c.person == p.c.id).where(t.c.id == hashed(ticket))
        return str(connection.scalar(query) or "")


def _begin_in_window(service: Service, ticket: str) -> tuple[str, str]:
    with service.database.write() as connection:
        redeemed = sessions.redeem(connection, ticket)
        if redeemed is None:
            raise Refused(403, _AGAIN, event="ticket", detail="a ticket that is used, too old or invented")
        person, target = redeemed
        return target, sessions.begin(connection, person)
