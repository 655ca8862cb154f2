"""A teacher's pages: the rules of an activity, a student's extension, written answers."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from starlette.responses import Response

from autograder.lms.service import audit, tables
from autograder.lms.service.access import delivery_of, may_see
from autograder.lms.service.forms import choice_in, number_in, time_in
from autograder.lms.service.grading_queue import settle_submission
from autograder.lms.service.passback import send_again
from autograder.lms.service.submissions import (
    Activity,
    attempts_of,
    counting,
    next_version,
    report_of,
    settle,
    settle_all,
    terms_for,
)
from autograder.lms.service.web import Refused, Visit, page

_MAX_COMMENT = 5000


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


@page
def save_rules(visit: Visit) -> Response:
    """The activity's assignment, deadline, attempts, and what feedback shows when."""
    id = visit.request.path_params["activity"]
    service = visit.service
    values = {
        "assignment": choice_in(visit, "assignment", service.course.names),
        "deadline": time_in(visit, "deadline"),
        "grace": 60.0 * number_in(visit, "grace", 100_000),
        "accepts_late": visit.field("accepts_late") == "yes",
        "attempts": int(number_in(visit, "attempts", 1000)),
        "counts": choice_in(visit, "counts", ("last", "best")),
        "feedback": choice_in(visit, "feedback", ("now", "deadline", "never")),
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
    deadline, attempts = time_in(visit, "deadline"), int(number_in(visit, "attempts", 1000))
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
        score = number_in(visit, "score", cell.max_score)
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
