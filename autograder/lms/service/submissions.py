"""Activities and what students hand in: which attempt counts, what it is worth, and when the platform must be told."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from autograder.lms.service import tables
from autograder.lms.service.database import ServiceError, new_id
from autograder.report import Report, from_json, to_json
from autograder.seeds import digest_of

Penalty = Callable[[str, float, float], float]
"""Points taken off, of a student's id, the score and the seconds that it is late."""


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One place in a platform's course where an assignment is handed in."""

    id: str
    context: str
    link: str
    title: str
    assignment: str
    scopes: str
    lineitem: str
    lineitems: str
    deadline: float | None
    grace: float
    accepts_late: bool
    attempts: int
    counts: Literal["last", "best"]
    feedback: Literal["now", "deadline", "never"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One submission and what it is worth now."""

    id: str
    activity: str
    person: str
    attempt: int
    received: float
    state: Literal["waiting", "graded", "failed"]
    problem: str
    version: int
    auto: float | None
    max_auto: float | None
    manual: float
    late: float
    """Seconds after the deadline that held for this student; 0 within the grace."""
    penalty: float
    max_score: float
    """Of the whole assignment, written answers included."""

    @property
    def score(self) -> float | None:
        """All points, written answers and late penalty included; None where nothing has been graded."""
        return None if self.auto is None else max(0.0, round(self.auto + self.manual - self.penalty, 4))


def activity_by_id(connection: Connection, id: str) -> Activity | None:
    """The activity with this id."""
    row = connection.execute(select(tables.activities).where(tables.activities.c.id == id)).first()
    return None if row is None else Activity(**row._mapping)


def role_of(connection: Connection, activity: Activity, person: str) -> str:
    """The person's role in the activity's course: teacher, student or none."""
    t = tables.members
    query = select(t.c.role).where(t.c.context == activity.context, t.c.person == person)
    return str(connection.scalar(query) or "none")


class Terms(msgspec.Struct, frozen=True):
    """What holds for one student: the activity's deadline and attempts, with their extension."""

    deadline: float | None
    attempts: int
    """0: any number."""


def terms_for(connection: Connection, activity: Activity, person: str) -> Terms:
    """The deadline and attempts that hold for one student."""
    t = tables.extensions
    row = connection.execute(select(t).where(t.c.activity == activity.id, t.c.person == person)).first()
    if row is None:
        return Terms(activity.deadline, activity.attempts)
    deadline = activity.deadline if row.deadline is None else row.deadline
    return Terms(deadline, activity.attempts + row.attempts if activity.attempts else 0)


def refusal(connection: Connection, activity: Activity, person: str, now: float) -> str:
    """Why this student can't hand in now, or ""."""
    terms = terms_for(connection, activity, person)
    if not activity.assignment:
        return "The instructor hasn't chosen an assignment for this activity yet."
    if terms.deadline is not None and now > terms.deadline + activity.grace and not activity.accepts_late:
        return "The deadline has passed, and late work isn't accepted."
    t = tables.submissions
    query = select(func.count()).where(t.c.activity == activity.id, t.c.person == person)
    if terms.attempts and (connection.scalar(query) or 0) >= terms.attempts:
        return f"All {terms.attempts} attempts are used up."
    return ""


def accept(connection: Connection, activity: Activity, person: str, notebook: bytes) -> str:
    """Keep a notebook and ask for its grading, in the caller's transaction; returns the submission's id.

    The very notebook that still waits is no new attempt: its answer may have got lost on the way to the student.

    Raises:
        ServiceError: this student can't hand in now.
    """
    now, digest, t = time.time(), digest_of(notebook).hex(), tables.submissions
    mine = (t.c.activity == activity.id, t.c.person == person)
    newest = select(t.c.id, t.c.state, t.c.digest, t.c.attempt).where(*mine).order_by(t.c.attempt.desc())
    last = connection.execute(newest.limit(1)).first()
    if last is not None and last.state == "waiting" and last.digest == digest:
        return str(last.id)
    if reason := refusal(connection, activity, person, now):
        raise ServiceError(reason)
    submission = new_id()
    connection.execute(
        insert(t).values(
            id=submission,
            activity=activity.id,
            person=person,
            attempt=1 if last is None else last.attempt + 1,
            received=now,
            digest=digest,
            notebook=notebook,
            state="waiting",
        )
    )
    connection.execute(insert(tables.jobs).values(submission=submission))
    return submission


def attempts_of(
    connection: Connection, activity: Activity, max_score: float, penalty: Penalty, person: str | None = None
) -> list[Attempt]:
    """The submissions of one student, or of all, the oldest first.

    Args:
        max_score: of the whole assignment.
        penalty: decides what is taken off a late submission.
    """
    s, g, w, e = tables.submissions, tables.grades, tables.written, tables.extensions
    newest = select(g.c.submission, func.max(g.c.version).label("version")).group_by(g.c.submission).subquery()
    marks = select(w.c.submission, func.sum(w.c.score).label("manual")).group_by(w.c.submission).subquery()
    query = (
        select(
            *(s.c[name] for name in ("id", "activity", "person", "attempt", "received", "state", "problem", "version")),
            g.c.score.label("auto"),
            g.c.max_score.label("max_auto"),
            func.coalesce(marks.c.manual, 0.0).label("manual"),
            e.c.deadline.label("own_deadline"),
        )
        .outerjoin(newest, newest.c.submission == s.c.id)
        .outerjoin(g, (g.c.submission == s.c.id) & (g.c.version == newest.c.version))
        .outerjoin(marks, marks.c.submission == s.c.id)
        .outerjoin(e, (e.c.activity == s.c.activity) & (e.c.person == s.c.person))
        .where(s.c.activity == activity.id)
        .order_by(s.c.person, s.c.attempt)
    )
    if person is not None:
        query = query.where(s.c.person == person)
    found = []
    for row in connection.execute(query):
        values = dict(row._mapping)
        own = values.pop("own_deadline")
        deadline = activity.deadline if own is None else own
        late = max(0.0, values["received"] - deadline) if deadline is not None else 0.0
        late = late if late > activity.grace else 0.0
        taken = 0.0
        if late and values["auto"] is not None:
            score = values["auto"] + values["manual"]
            taken = min(score, max(0.0, penalty(row.person, score, late)))
        found.append(Attempt(**values, late=late, penalty=taken, max_score=max_score))
    return found


def counting(activity: Activity, attempts: Sequence[Attempt]) -> Attempt | None:
    """Which of one student's attempts counts: the last graded one, or the best."""
    graded = [attempt for attempt in attempts if attempt.score is not None]
    if not graded:
        return None
    if activity.counts == "best":
        return max(graded, key=lambda attempt: (attempt.score or 0.0, attempt.attempt))
    return graded[-1]


def report_of(connection: Connection, submission: str) -> Report | None:
    """The newest Report of a submission."""
    g = tables.grades
    query = select(g.c.report).where(g.c.submission == submission).order_by(g.c.version.desc()).limit(1)
    data = connection.scalar(query)
    return None if data is None else from_json(data)


def outputs_of(connection: Connection, submission: str) -> list[list[dict[str, Any]]]:
    """What each cell of the submission left behind when it was graded last."""
    g = tables.grades
    query = select(g.c.outputs).where(g.c.submission == submission).order_by(g.c.version.desc()).limit(1)
    data = connection.scalar(query)
    return [] if data is None else msgspec.msgpack.decode(zlib.decompress(data), type=list[list[dict[str, Any]]])


def packed(outputs: Sequence[Any]) -> bytes:
    """Cells' outputs as the database has them."""
    return zlib.compress(msgspec.msgpack.encode(outputs))


def save_grade(connection: Connection, submission: str, report: Report, outputs: bytes) -> None:
    """Save a submission's new grade; `outputs` as `packed` gives them."""
    version = next_version(connection, submission)
    s = tables.submissions
    connection.execute(update(s).where(s.c.id == submission).values(state="graded", problem=""))
    connection.execute(
        insert(tables.grades).values(
            submission=submission,
            version=version,
            report=to_json(report),
            outputs=outputs,
            score=report.score,
            max_score=report.max_score,
            created=time.time(),
        )
    )


def next_version(connection: Connection, submission: str) -> int:
    """Say that a submission's grade has changed; returns its new version."""
    s = tables.submissions
    connection.execute(update(s).where(s.c.id == submission).values(version=s.c.version + 1))
    return int(connection.scalar(select(s.c.version).where(s.c.id == submission)) or 0)


def settle(connection: Connection, activity: Activity, person: str, max_score: float, penalty: Penalty) -> None:
    """Put what the platform must be told of this student into the outbox, if it is anything new."""
    counts = counting(activity, attempts_of(connection, activity, max_score, penalty, person))
    if counts is None or counts.score is None:
        return
    o = tables.outbox
    mine = (o.c.activity == activity.id, o.c.person == person)
    last = connection.execute(select(o).where(*mine).order_by(o.c.number.desc()).limit(1)).first()
    version = counts.version
    if last is not None:
        if (last.submission, last.score, last.max_score) == (counts.id, counts.score, max_score) and (
            last.version == counts.version or last.state != "superseded"
        ):
            return
        told = connection.scalar(
            select(func.count()).select_from(o).where(o.c.submission == counts.id, o.c.version == version)
        )
        if told:
            version = next_version(connection, counts.id)
    # What nobody has begun to send needs no sending any more.
    connection.execute(update(o).where(*mine, o.c.state.in_(("waiting", "unlinked"))).values(state="superseded"))
    now = time.time()
    latest = connection.scalar(select(func.max(o.c.timestamp)).where(*mine))
    connection.execute(
        insert(o).values(
            activity=activity.id,
            person=person,
            submission=counts.id,
            version=version,
            score=counts.score,
            max_score=max_score,
            # Platforms refuse a grade that isn't newer than the one they have, and some know whole seconds only.
            timestamp=now if latest is None else max(now, latest + 1.0),
            state="waiting" if activity.lineitem or activity.lineitems else "unlinked",
            next=now,
        )
    )


def settle_all(connection: Connection, activity: Activity, max_score: float, penalty: Penalty) -> None:
    """`settle` for every student of an activity, after its rules have changed."""
    s = tables.submissions
    people = connection.scalars(select(s.c.person).where(s.c.activity == activity.id).distinct()).all()
    for person in people:
        settle(connection, activity, person, max_score, penalty)
