"""What a person may see: their own submissions, those of a course that they teach, and the checks when it is time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from autograder.lms.service import tables
from autograder.lms.service.passback import EXPLANATIONS
from autograder.lms.service.submissions import Activity, Attempt, activity_by_id, attempts_of, role_of, terms_for
from autograder.lms.service.web import Visit

if TYPE_CHECKING:
    from autograder.lms.service.service import Service


def all_attempts(service: Service, connection: Connection, found: Activity, person: str) -> list[Attempt]:
    """A person's submissions to an activity, the oldest first."""
    max_score = service.course.max_score(found.assignment)
    return attempts_of(connection, found, max_score, service.course.penalty, person)


def delivery_of(connection: Connection, activity: str, person: str) -> dict[str, Any] | None:
    """What became of a student's newest grade on its way to the platform."""
    o = tables.outbox
    query = select(o).where(o.c.activity == activity, o.c.person == person).order_by(o.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else {**row._mapping, "text": EXPLANATIONS[row.state]}


def may_see(visit: Visit, connection: Connection, submission: str) -> tuple[Attempt, Activity, bool]:
    """A submission that this person may see: their own, or one of a course that they teach; and whether they teach.

    Raises:
        Refused: there is none; whether it exists isn't told.
    """
    s = tables.submissions
    row = connection.execute(select(s.c.activity, s.c.person).where(s.c.id == submission)).first()
    found = None if row is None else activity_by_id(connection, row.activity)
    if row is None or found is None:
        visit.refuse_page(f"submission {submission}")
    teaches = role_of(connection, found, visit.person) == "teacher"
    if row.person != visit.person and not teaches:
        visit.refuse_page(f"submission {submission}")
    attempts = all_attempts(visit.service, connection, found, row.person)
    return next(one for one in attempts if one.id == submission), found, teaches


def shows_feedback(connection: Connection, found: Activity, person: str) -> bool:
    """Whether a student may read the checks now, and not the score alone."""
    if found.feedback == "deadline":
        deadline = terms_for(connection, found, person).deadline
        return deadline is not None and time.time() > deadline + found.grace
    return found.feedback == "now"
