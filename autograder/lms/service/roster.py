"""The class: scores, attempts, misconceptions, and what the platform has of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import requests
from sqlalchemy import Connection, select, update
from starlette.responses import Response

from autograder.lms.service import tables
from autograder.lms.service.launch import note_member, note_person
from autograder.lms.service.lti import LtiException, role_in
from autograder.lms.service.passback import EXPLANATIONS, Line
from autograder.lms.service.platforms import platform_by_id, signing_keys
from autograder.lms.service.submissions import (
    Activity,
    attempts_of,
    counting,
    report_of,
)
from autograder.lms.service.web import Visit, page


@page
def roster(visit: Visit) -> Response:
    """The class: scores, attempts, misconceptions, and whether the platform has each grade."""
    id = visit.request.path_params["activity"]
    with visit.service.database.read() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        return _roster(visit, connection, activity)


def _roster(visit: Visit, connection: Connection, activity: Activity, notice: str = "") -> Response:
    service = visit.service
    m, p, o, r = tables.members, tables.people, tables.outbox, tables.regrades
    max_score = service.course.max_score(activity.assignment)
    attempts: dict[str, list[Any]] = {}
    for attempt in attempts_of(connection, activity, max_score, service.course.penalty):
        attempts.setdefault(attempt.person, []).append(attempt)
    people = connection.execute(
        select(p.c.id, p.c.name, p.c.email)
        .join(m, m.c.person == p.c.id)
        .where(m.c.context == activity.context, m.c.role == "student")
        .order_by(p.c.name)
    ).all()
    delivered = {}
    for row in connection.execute(select(o).where(o.c.activity == activity.id).order_by(o.c.number)):
        delivered[row.person] = {**row._mapping, "text": EXPLANATIONS[row.state]}
    standing: list[dict[str, Any]] = []
    found: Counter[str] = Counter()
    for person in people:
        own = attempts.get(person.id, [])
        counts = counting(activity, own)
        report = report_of(connection, counts.id) if counts else None
        named = (
            sorted({check.diagnosis for cell in report.cells for check in cell.checks if check.diagnosis})
            if report
            else []
        )
        found.update(named)
        standing.append(
            {"person": person, "attempts": own, "counts": counts, "named": named, "delivery": delivered.get(person.id)}
        )
    regrades = connection.execute(
        select(r).where(r.c.activity == activity.id).order_by(r.c.created.desc()).limit(5)
    ).all()
    scores = [line["counts"].score for line in standing if line["counts"]]
    return visit.page(
        "roster.html.j2",
        activity=activity,
        standing=standing,
        misconceptions=found.most_common(),
        regrades=regrades,
        assignments=service.course.names,
        max_score=max_score,
        mean=sum(scores) / len(scores) if scores else None,
        graded=len(scores),
        problem=service.queue.problem,
        notice=notice,
    )


@page
def compare(visit: Visit) -> Response:
    """Ask the platform what it shows, and say where that isn't what it was told."""
    id = visit.request.path_params["activity"]
    service, o, p = visit.service, tables.outbox, tables.people
    with service.database.read() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        platform = platform_by_id(connection, _platform_of(connection, activity))
        last = {row.person: row for row in connection.execute(select(o).where(o.c.activity == id).order_by(o.c.number))}
        query = select(p.c.id, p.c.subject).where(p.c.id.in_(list(last)))
        subjects = {row.id: row.subject for row in connection.execute(query)}
    line = Line(service.services, platform, signing_keys(service.database)[0], activity, service.database)
    try:
        there = {result.subject: result for result in line.results()} if line.readable else None
    except Exception as error:
        there, why = None, str(error)
    else:
        why = "it doesn't let the service read grades"
    if there is None:
        notice = f"The platform's grades can't be read: {why}."
    else:
        gone = 0
        with service.database.write() as connection:
            for person, row in last.items():
                result = there.get(subjects[person])
                if row.state == "sent" and (result is None or result.share is None):
                    gone += 1
                    lost = "the platform shows no grade any more: send it again"
                    connection.execute(update(o).where(o.c.number == row.number).values(problem=lost))
                elif row.state == "sent" and abs(result.share - row.score / (row.max_score or 1.0)) > 1e-3:  # type: ignore[union-attr]
                    gone += 1
                    other = f"the platform shows {result.text}"  # type: ignore[union-attr]
                    connection.execute(update(o).where(o.c.number == row.number).values(problem=other))
                elif row.state == "sent" and row.problem:
                    connection.execute(update(o).where(o.c.number == row.number).values(problem=""))
        notice = (
            f"Compared with the platform: {gone} of {len(last)} grades differ." if last else "Nothing was sent yet."
        )
    with service.database.read() as connection:
        return _roster(visit, connection, activity, notice)


def _platform_of(connection: Connection, activity: Activity) -> str:
    c = tables.contexts
    return str(connection.scalar(select(c.c.platform).where(c.c.id == activity.context)))


@page
def refresh_members(visit: Visit) -> Response:
    """Read the course's members from the platform."""
    id = visit.request.path_params["activity"]
    service, c = visit.service, tables.contexts
    with service.database.read() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        platform = platform_by_id(connection, _platform_of(connection, activity))
        url = str(connection.scalar(select(c.c.members_url).where(c.c.id == activity.context)) or "")
    notice = "The platform doesn't let the service read the course's members."
    if url:
        try:
            members = service.services.members(platform, signing_keys(service.database)[0], url)
        except (LtiException, requests.RequestException, ValueError) as error:
            notice = f"The members can't be read: {type(error).__name__}."
        else:
            with service.database.write() as connection:
                for member in members:
                    _note(connection, platform.id, activity, member)
            notice = f"{len(members)} members read."
    with service.database.read() as connection:
        return _roster(visit, connection, activity, notice)


def _note(connection: Connection, platform: str, activity: Activity, member: dict[str, Any]) -> None:
    subject = str(member.get("user_id") or "")
    roles = member.get("roles")
    if not subject or not isinstance(roles, list):
        return
    active = member.get("status", "Active") == "Active"
    role = role_in({"https://purl.imsglobal.org/spec/lti/claim/roles": list(map(str, roles))}) if active else "none"
    person = note_person(connection, platform, subject, str(member.get("name") or ""), str(member.get("email") or ""))
    note_member(connection, activity.context, person, role)
