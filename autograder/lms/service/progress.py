"""How far a submission is, for those who watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from autograder.classroom import Progress
from autograder.lms.service import sessions, tables
from autograder.lms.service.access import delivery_of, may_see, shows_feedback
from autograder.lms.service.web import Refused, Visit, to_json

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

_KEEP_ALIVE = 15.0
_BETWEEN_EVENTS = 0.1
"""Seconds: quick checks need not all be shown."""


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
    """Which check is being made; where the checks aren't shown, only its function, which stands in the notebook."""
    if progress is None:
        return {}
    check = f"{progress.function}: {progress.title}" if titles else f"{progress.function} …"
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
