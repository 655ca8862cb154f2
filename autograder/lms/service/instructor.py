"""A teacher's pages: the roster, the rules of an activity, written answers, regrading, deep links."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import requests
from pylti1p3.deep_link import DeepLink
from pylti1p3.deep_link_resource import DeepLinkResource
from pylti1p3.lineitem import LineItem
from sqlalchemy import Connection, delete, insert, select, update
from starlette.responses import Response

from autograder.lms.service import audit, tables
from autograder.lms.service.access import delivery_of, may_see
from autograder.lms.service.grading_queue import begin_regrade, settle_submission
from autograder.lms.service.launch import note_member, note_person
from autograder.lms.service.lti import LtiException, registration_of, role_in
from autograder.lms.service.passback import EXPLANATIONS, Line, send_again
from autograder.lms.service.platforms import origin_of, platform_by_id, signing_keys
from autograder.lms.service.submissions import (
    Activity,
    attempts_of,
    counting,
    next_version,
    report_of,
    save_grade,
    settle,
    settle_all,
    terms_for,
)
from autograder.lms.service.web import Refused, Visit, page, render
from autograder.report import Report, from_json, without_times

_MAX_COMMENT = 5000


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
def person(visit: Visit) -> Response:
    """One student of the activity: all attempts, and their extension."""
    id, who = visit.request.path_params["activity"], visit.request.path_params["person"]
    with visit.service.database.read() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        row = _student(visit, connection, activity, who)
        e = tables.extensions
        extension = connection.execute(select(e).where(e.c.activity == id, e.c.person == who)).first()
        max_score = visit.service.course.max_score(activity.assignment)
        attempts = attempts_of(connection, activity, max_score, visit.service.course.penalty, who)
        counts = counting(activity, attempts)
        return visit.page(
            "person.html.j2",
            activity=activity,
            person=row,
            attempts=attempts[::-1],
            counts=counts.id if counts else "",
            extension=extension,
            terms=terms_for(connection, activity, who),
            delivery=delivery_of(connection, id, who),
        )


def _student(visit: Visit, connection: Connection, activity: Activity, person: str) -> Any:
    m, p = tables.members, tables.people
    query = select(p).join(m, m.c.person == p.c.id).where(m.c.context == activity.context, p.c.id == person)
    row = connection.execute(query).first()
    if row is None:
        visit.refuse_page(f"person {person}")
    return row


def _time(visit: Visit, name: str) -> float | None:
    """A time out of a form, in the browser's time zone.

    Raises:
        Refused: it is no time.
    """
    text = visit.field(name, 40)
    if not text:
        return None
    try:
        zone = ZoneInfo(visit.field("zone", 80) or "UTC")
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    except (ValueError, ZoneInfoNotFoundError, OverflowError, OSError):
        raise Refused(400, "This is no date and time.", event="form", person=visit.person) from None


def _number(visit: Visit, name: str, most: float) -> float:
    text = visit.field(name, 40).strip().replace(",", ".") or "0"
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise Refused(400, f"{name} must be a number from 0 to {most:g}.", event="form", person=visit.person)
    return value


def _choice(visit: Visit, name: str, choices: tuple[str, ...]) -> str:
    value = visit.field(name, 255)
    if value not in choices:
        raise Refused(400, f"{name} can't be that.", event="form", person=visit.person)
    return value


@page
def save_rules(visit: Visit) -> Response:
    """The activity's assignment, deadline, attempts, and what feedback shows when."""
    id = visit.request.path_params["activity"]
    service = visit.service
    values = {
        "assignment": _choice(visit, "assignment", service.course.names),
        "deadline": _time(visit, "deadline"),
        "grace": 60.0 * _number(visit, "grace", 100_000),
        "accepts_late": visit.field("accepts_late") == "yes",
        "attempts": int(_number(visit, "attempts", 1000)),
        "counts": _choice(visit, "counts", ("last", "best")),
        "feedback": _choice(visit, "feedback", ("now", "deadline", "never")),
    }
    a = tables.activities
    with service.database.write() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        if activity.assignment and values["assignment"] != activity.assignment:
            s = tables.submissions
            if connection.execute(select(s.c.id).where(s.c.activity == id).limit(1)).first():
                raise Refused(409, "Work has been handed in: the assignment stays.", event="form", person=visit.person)
        connection.execute(update(a).where(a.c.id == id).values(values))
        activity, _ = visit.activity(connection, id, teacher=True)
        settle_all(connection, activity, service.course.max_score(activity.assignment), service.course.penalty)
        audit.record(connection, "rules", person=visit.person, detail=f"activity {id}")
    service.passback.wake()
    return visit.back(f"/activities/{id}/roster")


@page
def save_extension(visit: Visit) -> Response:
    """A deadline and more attempts for one student."""
    id, who = visit.request.path_params["activity"], visit.request.path_params["person"]
    service, e = visit.service, tables.extensions
    deadline, attempts = _time(visit, "deadline"), int(_number(visit, "attempts", 1000))
    with service.database.write() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        _student(visit, connection, activity, who)
        connection.execute(delete(e).where(e.c.activity == id, e.c.person == who))
        if deadline is not None or attempts:
            connection.execute(insert(e).values(activity=id, person=who, deadline=deadline, attempts=attempts))
        settle(connection, activity, who, service.course.max_score(activity.assignment), service.course.penalty)
        audit.record(connection, "extension", person=visit.person, detail=f"activity {id}, person {who}")
    service.passback.wake()
    return visit.back(f"/activities/{id}/people/{who}")


@page
def save_written(visit: Visit) -> Response:
    """The points and the comment of a written answer."""
    id = visit.request.path_params["submission"]
    service, w = visit.service, tables.written
    with service.database.write() as connection:
        _, _, teaches = may_see(visit, connection, id)
        report = report_of(connection, id)
        cells = {cell.grade_id: cell for cell in report.manual} if report else {}
        cell = cells.get(visit.field("cell", 255))
        if not teaches or cell is None:
            visit.refuse_page(f"written answers of {id}")
        score = _number(visit, "score", cell.max_score)
        here = (w.c.submission == id, w.c.cell == cell.grade_id)
        connection.execute(delete(w).where(*here))
        comment = visit.field("comment", _MAX_COMMENT)
        connection.execute(
            insert(w).values(
                submission=id, cell=cell.grade_id, score=score, comment=comment, grader=visit.person, at=time.time()
            )
        )
        next_version(connection, id)
        settle_submission(connection, service.course, id)
        audit.record(connection, "written answer", person=visit.person, detail=f"submission {id}, {cell.grade_id}")
    service.passback.wake()
    service.hub.announce(id)
    return visit.back(f"/submissions/{id}")


@page
def start_regrade(visit: Visit) -> Response:
    """Begin a dry run with the hidden tests as they are now."""
    id = visit.request.path_params["activity"]
    with visit.service.database.write() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        regrade = begin_regrade(connection, activity, visit.person)
        audit.record(connection, "dry run", person=visit.person, detail=f"regrade {regrade}")
    visit.service.queue.wake()
    return visit.back(f"/regrades/{regrade}")


@page
def regrade(visit: Visit) -> Response:
    """What a dry run found: which grades would change."""
    id = visit.request.path_params["regrade"]
    with visit.service.database.read() as connection:
        row, activity = _regrade(visit, connection, id)
        waiting, failed, changes = _changes(connection, id)
        return visit.page(
            "regrade.html.j2", activity=activity, regrade=row, waiting=waiting, failed=failed, changes=changes
        )


def _regrade(visit: Visit, connection: Connection, id: str) -> tuple[Any, Activity]:
    row = connection.execute(select(tables.regrades).where(tables.regrades.c.id == id)).first()
    if row is None:
        visit.refuse_page(f"regrade {id}")
    activity, _ = visit.activity(connection, row.activity, teacher=True)
    return row, activity


def _changes(connection: Connection, regrade: str) -> tuple[int, int, list[dict[str, Any]]]:
    """How many of a regrade's jobs wait, how many failed, and which Reports would change."""
    j, s, p = tables.jobs, tables.submissions, tables.people
    query = (
        select(j.c.state, j.c.report, j.c.number, s.c.id, s.c.attempt, p.c.name)
        .join(s, s.c.id == j.c.submission)
        .join(p, p.c.id == s.c.person)
        .where(j.c.regrade == regrade)
        .order_by(p.c.name, s.c.attempt)
    )
    rows = connection.execute(query).all()
    changes = []
    for row in rows:
        if row.state != "done" or row.report is None:
            continue
        before, after = report_of(connection, row.id), from_json(row.report)
        if before is None or _graded_part(before) != _graded_part(after):
            changes.append(
                {
                    "job": row.number,
                    "submission": row.id,
                    "attempt": row.attempt,
                    "name": row.name,
                    "before": before.score if before else None,
                    "after": after.score,
                    "report": after,
                }
            )
    states = Counter(row.state for row in rows)
    return states["waiting"], states["failed"], changes


def _graded_part(report: Report) -> Report:
    """What students see of a Report: neither times nor versions."""
    return msgspec.structs.replace(without_times(report), versions={}, limits={})


@page
def apply_regrade(visit: Visit) -> Response:
    """Make a dry run's grades the grades."""
    id = visit.request.path_params["regrade"]
    service, j, r = visit.service, tables.jobs, tables.regrades
    with service.database.write() as connection:
        row, activity = _regrade(visit, connection, id)
        waiting, _, changes = _changes(connection, id)
        taken = connection.execute(update(r).where(r.c.id == id, r.c.applied.is_(None)).values(applied=time.time()))
        if waiting or not taken.rowcount:
            raise Refused(409, "It isn't ready, or has been applied.", event="form", person=visit.person)
        for change in changes:
            outputs = connection.scalar(select(j.c.outputs).where(j.c.number == change["job"])) or b""
            save_grade(connection, change["submission"], change["report"], outputs)
        connection.execute(delete(j).where(j.c.regrade == id))
        settle_all(connection, activity, service.course.max_score(activity.assignment), service.course.penalty)
        audit.record(connection, "regrade", person=visit.person, detail=f"regrade {id}: {len(changes)} changed")
    service.passback.wake()
    return visit.back(f"/activities/{row.activity}/roster")


@page
def send_grade(visit: Visit) -> Response:
    """Send a student's grade once more, over a teacher's own where that is wanted."""
    id, who = visit.request.path_params["activity"], visit.request.path_params["person"]
    force = visit.field("force") == "yes"
    with visit.service.database.write() as connection:
        activity, _ = visit.activity(connection, id, teacher=True)
        _student(visit, connection, activity, who)
        send_again(connection, id, who, force)
        audit.record(connection, "send again", person=visit.person, detail=f"person {who}, over a teacher's: {force}")
    visit.service.passback.wake()
    return visit.back(f"/activities/{id}/people/{who}")


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
    name = _choice(visit, "assignment", service.course.names)
    worth = _number(visit, "points", 1e6) or service.course.max_score(name)
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
