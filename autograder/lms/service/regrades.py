"""Grading again with the hidden tests as they are now: first a dry run, then the grades."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update
from starlette.responses import Response

from autograder.lms.service import audit, tables
from autograder.lms.service.grading_queue import begin_regrade
from autograder.lms.service.submissions import (
    Activity,
    report_of,
    save_grade,
    settle_all,
)
from autograder.lms.service.web import Refused, Visit, page
from autograder.report import Report, from_json, without_times


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
