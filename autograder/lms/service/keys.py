"""Handing in without a browser: a personal key for one activity, which expires and can be revoked.

With it, its holder hands in as the student and reads what became of it; it opens no page.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from autograder import hand_in as program
from autograder.lms.service import audit, tables
from autograder.lms.service.access import all_attempts
from autograder.lms.service.platforms import hashed
from autograder.lms.service.progress import progress_of
from autograder.lms.service.student import KEY_SECONDS, own_page
from autograder.lms.service.submissions import Activity, activity_by_id, role_of
from autograder.lms.service.uploads import take, unfit
from autograder.lms.service.web import Refused, Visit, page, time_iso
from autograder.terminal import number

if TYPE_CHECKING:
    from autograder.lms.service.service import Service

_PREFIX = "agk_"
"""So that a key that has got somewhere can be found there."""
_REFUSED = "This key isn't valid for this activity, or no longer: make a new one on the activity's page."


@page
def make(visit: Visit) -> Response:
    """Give a student a new key, shown this once; an earlier one ends."""
    id, k = visit.request.path_params["activity"], tables.hand_in_keys
    key, now = _PREFIX + secrets.token_urlsafe(32), time.time()
    with visit.service.database.write() as connection:
        found = _own(visit, connection, id)
        connection.execute(delete(k).where(k.c.activity == id, k.c.person == visit.person))
        values = {"activity": id, "person": visit.person, "created": now, "expires": now + KEY_SECONDS}
        connection.execute(insert(k).values(id=hashed(key), **values))
        audit.record(connection, "key made", person=visit.person, detail=f"activity {id}")
    with visit.service.database.read() as connection:
        return own_page(visit, connection, found, key=key)


@page
def revoke(visit: Visit) -> Response:
    """End a student's key."""
    id, k = visit.request.path_params["activity"], tables.hand_in_keys
    with visit.service.database.write() as connection:
        _own(visit, connection, id)
        connection.execute(delete(k).where(k.c.activity == id, k.c.person == visit.person))
        audit.record(connection, "key revoked", person=visit.person, detail=f"activity {id}")
    return visit.back(f"/activities/{id}")


def _own(visit: Visit, connection: Connection, id: str) -> Activity:
    found, role = visit.activity(connection, id)
    if role != "student":
        visit.refuse_page(f"a key for {id} as {role}")
    return found


Answer = Callable[["Service", Request, Activity, str], Awaitable[Response]]


def _keyed(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for holders of a key; nobody else learns whether the activity exists."""

    async def endpoint(request: Request) -> Response:
        service: Service = request.app.state.service
        found, person = await run_in_threadpool(_holder, service, request)
        return await answer(service, request, found, person)

    return endpoint


def _holder(service: Service, request: Request) -> tuple[Activity, str]:
    """Whose key a request carries, and the activity that it is for.

    Raises:
        Refused: it carries none that is valid here.
    """
    id, k = request.path_params["activity"], tables.hand_in_keys
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    with service.database.read() as connection:
        row = connection.execute(select(k).where(k.c.id == hashed(key.strip()))).first()
        found = activity_by_id(connection, id)
        if scheme.lower() != "bearer" or row is None:
            why, person = "an unknown key", ""
        else:
            why, person = "", str(row.person)
            if row.expires < time.time():
                why = "an expired key"
            elif found is None or row.activity != id:
                why = "a key for another activity"
            elif role_of(connection, found, person) != "student":
                why = "a key of somebody who is no student there any more"
    if why or found is None:
        source = request.client.host if request.client else ""
        if not service.limiter.allows("key", source, service.settings.wrong_keys_per_minute):
            raise Refused(429, "Too many wrong keys: wait a minute.", event="rate", detail=why, person=person)
        raise Refused(401, _REFUSED, event="key", detail=why, person=person)
    return found, person


async def _hand_in(service: Service, request: Request, found: Activity, person: str) -> Response:
    """Take a notebook, the request's body: it is on disk before the answer is given."""
    began = time.perf_counter()
    if not service.limiter.allows("upload", person, service.settings.uploads_per_minute):
        raise Refused(429, "Too many uploads: wait a minute.", event="rate", detail="uploads", person=person)
    data = await request.body()
    return await run_in_threadpool(_take, service, found, person, data, began)


def _take(service: Service, found: Activity, person: str, data: bytes, began: float) -> Response:
    problem = unfit(service, found, data)
    if problem:
        return JSONResponse({"problem": problem}, 422)
    submission, problem = take(service, found, person, data, began, "with a key")
    if problem:
        return JSONResponse({"problem": problem}, 409)
    with service.database.read() as connection:
        attempt = next(one for one in all_attempts(service, connection, found, person) if one.id == submission)
    told = {
        "submission": submission,
        "receipt": submission[:12],
        "attempt": attempt.attempt,
        "received": time_iso(attempt.received),
        "page": f"{service.settings.url}/submissions/{submission}",
    }
    return JSONResponse(told, 201)


async def _state(service: Service, request: Request, found: Activity, person: str) -> Response:
    return await run_in_threadpool(_told, service, found, person, request.path_params["submission"])


def _told(service: Service, found: Activity, person: str, id: str) -> Response:
    """How far one of the student's submissions to this activity is, and its points."""
    with service.database.read() as connection:
        attempts = all_attempts(service, connection, found, person)
        attempt = next((one for one in attempts if one.id == id), None)
        if attempt is None:
            detail = f"submission {id} with a key"
            raise Refused(404, "There is no such submission of yours.", event="access", detail=detail, person=person)
        now = progress_of(service, connection, id, titles=False)
    told: dict[str, Any] = {"state": now["state"], "text": now["text"]}
    if attempt.score is not None:
        told |= {"score": attempt.score, "max_score": attempt.max_score}
        told["text"] = f"Graded: {number(attempt.score)} of {number(attempt.max_score)} points."
    return JSONResponse(told)


hand_in = _keyed(_hand_in)
state = _keyed(_state)


async def client(request: Request) -> Response:
    """The program that hands in, for those who haven't installed this package."""
    return FileResponse(Path(program.__file__), media_type="text/x-python", filename=Path(program.__file__).name)
