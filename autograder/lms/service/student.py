"""A student's pages: handing in, watching, reading the feedback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select
from starlette.responses import HTMLResponse, Response

from autograder.lms.service import tables
from autograder.lms.service.access import all_attempts, delivery_of, may_see, shows_feedback
from autograder.lms.service.progress import progress_of
from autograder.lms.service.submissions import (
    Activity,
    Attempt,
    counting,
    outputs_of,
    refusal,
    report_of,
    terms_for,
)
from autograder.lms.service.uploads import take, unfit
from autograder.lms.service.web import Refused, Visit, page
from autograder.pages.feedback import Written, feedback_page
from autograder.submission import parse_submission

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

KEY_SECONDS = 7 * 86400.0
"""How long a key for handing in without a browser is valid."""
_FEEDBACK_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@page
def activity(visit: Visit) -> Response:
    """A student's own attempts, or a teacher's roster."""
    service, id = visit.service, visit.request.path_params["activity"]
    with service.database.read() as connection:
        found, role = visit.activity(connection, id)
        if role == "teacher":
            return visit.back(f"/activities/{id}/roster")
        service.queue.prepare(found.assignment)
        return own_page(visit, connection, found)


def own_page(
    visit: Visit, connection: Connection, found: Activity, problem: str = "", status: int = 200, key: str = ""
) -> Response:
    """A student's page of an activity.

    Args:
        problem: with what was just handed in.
        status: of the answer.
        key: for handing in without a browser, where it was made just now.
    """
    service, k = visit.service, tables.hand_in_keys
    mine = (k.c.activity == found.id, k.c.person == visit.person)
    attempts = all_attempts(service, connection, found, visit.person)
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
        key=key,
        key_days=round(KEY_SECONDS / 86400),
        key_expires=connection.scalar(select(k.c.expires).where(*mine, k.c.expires > time.time())),
    )


@page
def hand_in(visit: Visit) -> Response:
    """Take a notebook: it is on disk before the browser is answered."""
    began = time.perf_counter()
    service, id = visit.service, visit.request.path_params["activity"]
    if not service.limiter.allows("upload", visit.person, service.settings.uploads_per_minute):
        raise Refused(429, "Too many uploads: wait a minute.", event="rate", detail="uploads", person=visit.person)
    data = visit.upload("notebook")
    with service.database.read() as connection:
        found, role = visit.activity(connection, id)
        if role != "student":
            visit.refuse_page(f"handing in to {id} as {role}")
        problem = unfit(service, found, data)
        if problem:
            return own_page(visit, connection, found, problem, 422)
    assert data is not None
    submission, problem = take(service, found, visit.person, data, began, "in a browser")
    if not submission:
        with service.database.read() as connection:
            return own_page(visit, connection, found, problem, 409)
    return visit.back(f"/submissions/{submission}")


@page
def submission(visit: Visit) -> Response:
    """One submission: its receipt, its progress, its feedback."""
    id = visit.request.path_params["submission"]
    with visit.service.database.read() as connection:
        attempt, found, teaches = may_see(visit, connection, id)
        p = tables.people
        name = connection.scalar(select(p.c.name).where(p.c.id == attempt.person))
        counts = counting(found, all_attempts(visit.service, connection, found, attempt.person))
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
    return _node(
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


class _Node(dict[str, Any]):
    """As nbformat's nodes are: their package takes more than a second to import, which every restart would cost."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _node(value: Any) -> Any:
    if isinstance(value, dict):
        return _Node({name: _node(one) for name, one in value.items()})
    return [_node(one) for one in value] if isinstance(value, list) else value


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
