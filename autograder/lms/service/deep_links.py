"""A teacher chooses the assignment of a new activity."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from pylti1p3.deep_link import DeepLink
from pylti1p3.deep_link_resource import DeepLinkResource
from pylti1p3.lineitem import LineItem
from sqlalchemy import Connection, delete, select
from starlette.responses import Response

from autograder.lms.service import audit, tables
from autograder.lms.service.forms import choice_in, number_in
from autograder.lms.service.lti import registration_of
from autograder.lms.service.platforms import origin_of, platform_by_id, signing_keys
from autograder.lms.service.web import Refused, Visit, page, render


@page
def deep_link(visit: Visit) -> Response:
    """Choose the assignment for a new activity of the platform's."""
    with visit.service.database.read() as connection:
        row = _deep_link(visit, connection)
        settings = msgspec.json.decode(row.settings)
    if not isinstance(settings, dict) or not origin_of(str(settings.get("deep_link_return_url") or "")):
        raise Refused(400, "The platform doesn't say where to go back to.", event="deep link", person=visit.person)
    course = visit.service.course
    points = {name: course.max_score(name) for name in course.names}
    return visit.page("deep_link.html.j2", id=row.id, points=points)


@page
def choose(visit: Visit) -> Response:
    """Bring the chosen assignment back to the platform."""
    service = visit.service
    name = choice_in(visit, "assignment", service.course.names)
    worth = number_in(visit, "points", 1e6) or service.course.max_score(name)
    title = visit.field("title", 200).strip() or name
    with service.database.write() as connection:
        row = _deep_link(visit, connection)
        platform = platform_by_id(connection, row.platform)
        connection.execute(delete(tables.deep_links).where(tables.deep_links.c.id == row.id))
        audit.record(connection, "deep link", person=visit.person, detail=name)
    settings = msgspec.json.decode(row.settings)
    item = LineItem().set_label(title).set_score_maximum(worth).set_resource_id(name)
    resource = DeepLinkResource().set_url(f"{service.settings.url}/lti/launch").set_title(title)
    resource.set_custom_params({"assignment": name}).set_lineitem(item)
    registration = registration_of(platform, signing_keys(service.database)[0])
    token = DeepLink(registration, row.deployment, settings).get_response_jwt([resource])
    target, frames = settings["deep_link_return_url"], service.frames
    answer = render(service, "deep_link_done.html.j2", target=target, token=token)
    # The one form that goes elsewhere; browsers hold the platform's redirects against this list, too.
    policy = f"default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors {frames}"
    answer.headers["content-security-policy"] = f"{policy}; form-action {origin_of(target)} {frames}"
    return answer


def _deep_link(visit: Visit, connection: Connection) -> Any:
    t = tables.deep_links
    id = visit.request.path_params["link"]
    query = select(t).where(t.c.id == id, t.c.person == visit.person, t.c.expires > time.time())
    row = connection.execute(query).first()
    if row is None:
        visit.refuse_page(f"deep link {id}")
    return row
