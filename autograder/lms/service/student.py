"""A student's pages: handing in, watching, reading the feedback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import nbformat
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from autograder.classroom import Progress
from autograder.course import AssignmentError
from autograder.lms.service import audit, sessions, tables
from autograder.lms.service.database import ServiceError
from autograder.lms.service.passback import EXPLANATIONS
from autograder.lms.service.submissions import (
    Activity,
    Attempt,
    accept,
    activity_by_id,
    attempts_of,
    counting,
    outputs_of,
    refusal,
    report_of,
    role_of,
    terms_for,
)
from autograder.lms.service.web import Refused, Visit, page, to_json
from autograder.pages.feedback import Written, feedback_page
from autograder.submission import SubmissionError, parse_submission

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

_FEEDBACK_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_KEEP_ALIVE = 15.0
_BETWEEN_EVENTS = 0.1
"""Seconds: quick checks need not all be shown."""


@page
def activity(visit: Visit) -> Response:
    """A student's own attempts, or a teacher's roster."""
    service, id = visit.service, visit.request.path_params["activity"]
    with service.database.read() as connection:
        found, role = visit.activity(connection, id)
        if role == "teacher":
            return visit.back(f"/activities/{id}/roster")
        service.queue.prepare(found.assignment)
        return _own_page(visit, connection, found)


def _own_page(visit: Visit, connection: Connection, found: Activity, problem: str = "", status: int = 200) -> Response:
    service = visit.service
    attempts = _attempts(service, connection, found, visit.person)
    counts = counting(found, attempts)
    return visit.page(
        "student.html.j2",
        status,
        activity=found,
        terms=terms_for(connection, found, visit.person),
        attempts=attempts[::-1],
        counts=counts.id if counts else "",
        delivery=delivery_of(connection, found.id, visit.person),
        closed=refusal(connection, found, visit.person, time.time()),
        problem=problem,
        max_upload=service.settings.max_upload >> 20,
    )


@page
def hand_in(visit: Visit) -> Response:
    """Take a notebook: it is on disk before the browser is answered."""
    service, id = visit.service, visit.request.path_params["activity"]
    began = time.perf_counter()
    if not service.limiter.allows("upload", visit.person, service.settings.uploads_per_minute):
        raise Refused(429, "Too many uploads: wait a minute.", event="rate", detail="uploads", person=visit.person)
    data = visit.upload("notebook")
    with service.database.read() as connection:
        found, role = visit.activity(connection, id)
        if role != "student":
            visit.refuse_page(f"handing in to {id} as {role}")
        problem = _unfit(service, found, data)
        if problem:
            return _own_page(visit, connection, found, problem, 422)
    assert data is not None
    submission, problem = _keep(visit, found, data)
    if not submission:
        with service.database.read() as connection:
            return _own_page(visit, connection, found, problem, 409)
    service.metrics.submissions.inc()
    service.metrics.accepting.observe(time.perf_counter() - began)
    service.queue.wake()
    return visit.back(f"/submissions/{submission}")


def _keep(visit: Visit, found: Activity, data: bytes) -> tuple[str, str]:
    """Keep the notebook; returns the submission's id, or why it wasn't taken."""
    for _ in range(5):
        try:
            with visit.service.database.write() as connection:
                submission = accept(connection, found, visit.person, data)
                audit.record(connection, "hand in", person=visit.person, detail=f"submission {submission}")
            return submission, ""
        except IntegrityError:
            continue  # two uploads of one student at once wanted the same number
        except ServiceError as error:
            return "", str(error)
    return "", "Another upload of yours is being taken: try again."


def _unfit(service: Service, found: Activity, data: bytes | None) -> str:
    """Why these bytes can't be handed in, or ""."""
    if not data:
        return "Choose your notebook first."
    if len(data) > service.settings.max_upload:
        return f"The notebook is larger than {service.settings.max_upload >> 20} MiB: clear its outputs and try again."
    if not found.assignment:
        return "The instructor hasn't chosen an assignment for this activity yet."
    try:
        parse_submission(data, service.course.assignment(found.assignment))
    except SubmissionError as error:
        return f"This file can't be graded: {error}."
    except AssignmentError:
        return "The assignment can't be read at the moment: tell your instructor."
    return ""


def _attempts(service: Service, connection: Connection, found: Activity, person: str) -> list[Attempt]:
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
    attempts = _attempts(visit.service, connection, found, row.person)
    return next(one for one in attempts if one.id == submission), found, teaches


def shows_feedback(connection: Connection, found: Activity, person: str) -> bool:
    """Whether a student may read the checks now, and not the score alone."""
    if found.feedback == "deadline":
        deadline = terms_for(connection, found, person).deadline
        return deadline is not None and time.time() > deadline + found.grace
    return found.feedback == "now"


@page
def submission(visit: Visit) -> Response:
    """One submission: its receipt, its progress, its feedback."""
    id = visit.request.path_params["submission"]
    with visit.service.database.read() as connection:
        attempt, found, teaches = may_see(visit, connection, id)
        p = tables.people
        name = connection.scalar(select(p.c.name).where(p.c.id == attempt.person))
        all_attempts = _attempts(visit.service, connection, found, attempt.person)
        counts = counting(found, all_attempts)
        report = report_of(connection, id)
        assignment = visit.service.course.assignment(found.assignment)
        shown = teaches or shows_feedback(connection, found, attempt.person)
        return visit.page(
            "submission.html.j2",
            activity=found,
            attempt=attempt,
            name=name or "",
            teaches=teaches,
            counts=counts is not None and counts.id == id,
            delivery=delivery_of(connection, found.id, attempt.person),
            feedback=attempt.state == "graded" and shown,
            written=_written(connection, visit.service, attempt, report) if teaches and report else (),
            schemes={cell.grade_id: cell.source for cell in assignment.written},
            progress=progress_of(visit.service, connection, id, titles=shown),
        )


def progress_of(service: Service, connection: Connection, submission: str, *, titles: bool) -> dict[str, Any]:
    """How far a submission is: what the page shows, and its script renews.

    Args:
        titles: whether who watches may read the checks.
    """
    s, j, a = tables.submissions, tables.jobs, tables.activities
    row = connection.execute(select(s.c.state, s.c.problem, s.c.activity, s.c.person).where(s.c.id == submission)).one()
    told: dict[str, Any] = {"state": row.state, "text": row.problem, "check": "", "done": 0, "checks": 0}
    if row.state == "waiting":
        number = select(j.c.number).where(j.c.submission == submission, j.c.regrade == "").scalar_subquery()
        ahead = connection.scalar(
            select(func.count()).select_from(j).where(j.c.state == "waiting", j.c.regrade == "", j.c.number < number)
        )
        if service.queue.is_running(submission):
            told |= {"state": "running", "text": "Your notebook is being graded …"}
            told |= _check_of(service.queue.progress_of(submission), titles)
        elif service.queue.problem_of(str(connection.scalar(select(a.c.assignment).where(a.c.id == row.activity)))):
            told["text"] = "Grading has stopped for the moment. Your notebook is safe and will be graded."
        else:
            told["text"] = f"Waiting: {ahead} before yours." if ahead else "You are next."
    elif row.state == "graded":
        delivery = delivery_of(connection, row.activity, row.person)
        told["text"] = "Graded."
        told["delivery"] = delivery["text"] if delivery else ""
    return told


def _check_of(progress: Progress | None, titles: bool) -> dict[str, Any]:
    """Which check is being made; only its cell, which stands in the notebook, where the checks aren't shown."""
    if progress is None:
        return {}
    check = f"{progress.cell}: {progress.title}" if titles else f"{progress.cell} …"
    return {"check": check, "done": progress.done, "checks": progress.checks}


async def events(request: Request) -> Response:
    """Server-sent events: how far a submission is, whenever that changes."""
    service: Service = request.app.state.service
    id = request.path_params["submission"]

    def check() -> bool:
        token = request.cookies.get(sessions.COOKIE, "")
        with service.database.read() as connection:
            person = sessions.person_of(connection, token) if token else None
            if person is None:
                raise Refused(401, "This visit has ended.", event="session")
            attempt, found, teaches = may_see(Visit(service, request, person, token, None), connection, id)
            return teaches or shows_feedback(connection, found, attempt.person)

    def read() -> dict[str, Any]:
        with service.database.read() as connection:
            return progress_of(service, connection, id, titles=titles)

    titles = await run_in_threadpool(check)

    async def stream() -> AsyncIterator[str]:
        changed = service.hub.subscribe(id)
        told: dict[str, Any] = {}
        ends = time.monotonic() + sessions.SESSION_SECONDS
        try:
            while time.monotonic() < ends:
                changed.clear()
                now = await run_in_threadpool(read)
                if now != told:
                    told = now
                    yield f"data: {to_json(now)}\n\n"
                if now["state"] == "failed" or now.get("delivery") not in (None, "", "on its way"):
                    return
                await asyncio.sleep(_BETWEEN_EVENTS)
                try:
                    await asyncio.wait_for(changed.wait(), _KEEP_ALIVE)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            service.hub.unsubscribe(id, changed)

    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


@page
def feedback(visit: Visit) -> Response:
    """The feedback page, made from the Report."""
    service, id = visit.service, visit.request.path_params["submission"]
    with service.database.read() as connection:
        attempt, found, teaches = may_see(visit, connection, id)
        report = report_of(connection, id)
        if report is None or not (teaches or shows_feedback(connection, found, attempt.person)):
            visit.refuse_page(f"feedback {id}")
        written = _written(connection, service, attempt, report)
        p = tables.people
        name = str(connection.scalar(select(p.c.name).where(p.c.id == attempt.person)) or "you")
        notebook = _notebook(connection, service, found, id)
    text = feedback_page(
        report,
        student=name,
        notebook=notebook,
        written=written,
        score=attempt.score or 0.0,
        max_score=attempt.max_score,
        late_penalty=attempt.penalty,
    )
    policy = f"{_FEEDBACK_POLICY}; frame-ancestors {service.frames}"
    return HTMLResponse(text, headers={"content-security-policy": policy})


@page
def notebook(visit: Visit) -> Response:
    """The notebook, byte for byte as it was handed in."""
    id = visit.request.path_params["submission"]
    with visit.service.database.read() as connection:
        attempt, found, _ = may_see(visit, connection, id)
        s = tables.submissions
        data = connection.scalar(select(s.c.notebook).where(s.c.id == id))
    name = f"{found.assignment}-{attempt.attempt}.ipynb"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _notebook(connection: Connection, service: Service, found: Activity, submission: str) -> Any:
    """The graded notebook, as far as the feedback page looks at it."""
    s = tables.submissions
    data = connection.scalar(select(s.c.notebook).where(s.c.id == submission)) or b""
    cells = parse_submission(data, service.course.assignment(found.assignment)).cells
    outputs = outputs_of(connection, submission)
    if len(outputs) != len(cells):
        outputs = [[] for _ in cells]  # the assignment has changed since it was graded
    return nbformat.from_dict(
        {
            "cells": [
                {
                    "cell_type": cell.kind,
                    "source": cell.source,
                    "metadata": {"nbgrader": {"grade_id": cell.grade_id}} if cell.grade_id else {},
                    "outputs": shown,
                }
                for cell, shown in zip(cells, outputs, strict=True)
            ]
        }
    )


def _written(connection: Connection, service: Service, attempt: Attempt, report: Any) -> list[Written]:
    """The written answers of a submission, with what a person gave for them so far."""
    if not report.manual:
        return []
    s, w, a = tables.submissions, tables.written, tables.activities
    data = connection.scalar(select(s.c.notebook).where(s.c.id == attempt.id)) or b""
    assignment = connection.scalar(select(a.c.assignment).where(a.c.id == attempt.activity))
    parsed = parse_submission(data, service.course.assignment(str(assignment)))
    answers = {cell.grade_id: cell.source for cell in parsed.cells if cell.grade_id}
    marks = {row.cell: row for row in connection.execute(select(w).where(w.c.submission == attempt.id))}
    return [
        Written(
            grade_id=cell.grade_id,
            answer=answers.get(cell.grade_id, ""),
            score=marks[cell.grade_id].score if cell.grade_id in marks else 0.0,
            max_score=cell.max_score,
            waits=cell.answered and cell.grade_id not in marks,
            comment=marks[cell.grade_id].comment if cell.grade_id in marks else "",
        )
        for cell in report.manual
    ]
