"""Tells platforms the grades: each exactly once, until they have it, and never over a teacher's own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import requests
from pylti1p3.grade import Grade
from pylti1p3.lineitem import LineItem
from sqlalchemy import select, update

from autograder.lms.service import tables
from autograder.lms.service.database import Database
from autograder.lms.service.lti import AGS_SCOPE, LtiException, LtiServiceException, Services, below
from autograder.lms.service.platforms import Platform, SigningKey, platform_by_id
from autograder.lms.service.submissions import Activity, activity_by_id
from autograder.terminal import number
from autograder.text import printable

_LOG = logging.getLogger("autograder.passback")

WAITING, SENDING, SENT = "waiting", "sending", "sent"
KEPT, REFUSED, SUPERSEDED, UNLINKED = "kept", "refused", "superseded", "unlinked"
EXPLANATIONS = {
    WAITING: "on its way",
    SENDING: "on its way",
    SENT: "the platform has it",
    KEPT: "not sent: the platform has a teacher's own grade",
    REFUSED: "the platform refused it",
    SUPERSEDED: "replaced by a newer one",
    UNLINKED: "the platform offers no grade column for this activity",
}
"""What each state of the outbox means."""

_CANVAS = "https://canvas.instructure.com/lti/submission"
_MAX_WAIT = 3600.0
_SAME = 1e-3
"""Two grades are the same when their shares of the maximum differ by less: platforms round."""
_THREADS = 4
_MAX_PROBLEM = 300


class _Wait(Exception):
    """Try again later; the message says why."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


class _Never(Exception):
    """The platform won't take it; the message says why."""


class Passback:
    """A thread that empties the outbox."""

    def __init__(
        self,
        database: Database,
        services: Services,
        key: Callable[[], SigningKey],
        url: str,
        retry_seconds: float,
        changed: Callable[[str], None],
    ) -> None:
        """
        Args:
            key: gives the key that signs now.
            url: the service's own.
            retry_seconds: before the first time that a grade is sent again.
            changed: is told the id of a submission whose grade has been sent, or not.
        """
        self._database = database
        self._services = services
        self._key = key
        self._url = url
        self._retry_seconds = retry_seconds
        self._changed = changed
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passback")
        self._busy: dict[tuple[str, str], Future[None]] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="passback", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when what is being sent has been."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(30)
        self._threads.shutdown(wait=True)

    def wake(self) -> None:
        """There may be something to send."""
        with self._wake:
            self._wake.notify_all()

    def _loop(self) -> None:
        while True:
            try:
                self._begin_due()
            except Exception:
                _LOG.exception("the outbox can't be read")
            with self._wake:
                if self._stopping:
                    return
                self._wake.wait(1.0)

    def _begin_due(self) -> None:
        o = tables.outbox
        query = select(o).where(o.c.state.in_((WAITING, SENDING))).order_by(o.c.number).limit(500)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        seen: set[tuple[str, str]] = set()
        for row in rows:
            student = (row.activity, row.person)
            # One after the other for each student: a newer grade must come last.
            first = student not in seen
            seen.add(student)
            if not first or row.next > time.time():
                continue
            with self._wake:
                if self._stopping or student in self._busy or len(self._busy) >= 2 * _THREADS:
                    continue
                self._busy[student] = self._threads.submit(self._send, row)

    def _send(self, row: Any) -> None:
        try:
            self._outcome(row)
        except Exception:
            _LOG.exception("grade %d can't be sent", row.number)
            self._later(row, "an error of the service's own: see its log", None)
        finally:
            with self._wake:
                self._busy.pop((row.activity, row.person), None)
                self._wake.notify_all()
            self._changed(row.submission)

    def _outcome(self, row: Any) -> None:
        try:
            state, problem = self._deliver(row)
        except _Wait as error:
            self._later(row, str(error), error.seconds)
            return
        except _Never as error:
            state, problem = REFUSED, str(error)
        values: dict[str, Any] = {"state": state, "problem": printable(problem, _MAX_PROBLEM, instead="?")}
        if state == SENT:
            values["sent"] = time.time()
        self._update(row, **values)
        _LOG.info("grade %d: %s", row.number, state)

    def _later(self, row: Any, why: str, seconds: float | None) -> None:
        wait = min(_MAX_WAIT, self._retry_seconds * 2.0 ** min(row.tries, 20)) if seconds is None else seconds
        why = printable(why, _MAX_PROBLEM, instead="?")
        self._update(row, tries=row.tries + 1, next=time.time() + wait, problem=why)
        _LOG.info("grade %d: again in %.0f s: %s", row.number, wait, why)

    def _update(self, row: Any, **values: Any) -> None:
        o = tables.outbox
        with self._database.write() as connection:
            connection.execute(update(o).where(o.c.number == row.number).values(values))

    def _deliver(self, row: Any) -> tuple[str, str]:
        """Bring one grade to its platform; returns its new state, and why.

        Raises:
            _Wait, _Never: it isn't there.
        """
        with self._database.read() as connection:
            activity = activity_by_id(connection, row.activity)
            assert activity is not None
            c, p = tables.contexts, tables.people
            platform = platform_by_id(
                connection, str(connection.scalar(select(c.c.platform).where(c.c.id == activity.context)))
            )
            subject = str(connection.scalar(select(p.c.subject).where(p.c.id == row.person)))
            s = tables.submissions
            submission = connection.execute(
                select(s.c.attempt, s.c.received, s.c.version).where(s.c.id == row.submission)
            ).one()
            o = tables.outbox
            earlier = connection.execute(
                select(o.c.score, o.c.max_score, o.c.state, o.c.tries)
                .where(o.c.activity == row.activity, o.c.person == row.person, o.c.number < row.number)
                .order_by(o.c.number)
            ).all()
        line = Line(self._services, platform, self._key(), activity, self._database)
        receipt = f"Receipt {row.submission[:12]}.{row.version}"
        here = line.result(subject)
        doubtful = row.state == SENDING
        if doubtful and here is not None and receipt in here.comment:
            # It had arrived before the service could note it.
            return self._confirmed(row, here)
        if here is not None and here.share is not None and not row.force:
            ours = [*_shares_sent(earlier), row.score / row.max_score if row.max_score else 0.0]
            if not any(abs(here.share - share) < _SAME for share in ours):
                return KEPT, f"the platform shows {here.text}, which this service didn't send"
        self._update(row, state=SENDING)
        grade = Grade().set_score_given(row.score).set_score_maximum(row.max_score).set_user_id(subject)
        grade.set_activity_progress("Completed").set_grading_progress("FullyGraded")
        grade.set_timestamp(_iso(row.timestamp)).set_submitted_at(_iso(submission.received))
        grade.set_comment(
            f"Attempt {submission.attempt}: {number(row.score)} of {number(row.max_score)} points. {receipt}"
        )
        # Canvas would count every grade as one more attempt of the student's.
        new = row.version == 1 and not doubtful
        grade.set_extra_claims({_CANVAS: {"new_submission": new, "prioritize_non_tool_grade": not row.force}})
        status = line.put(grade)
        if status == 409:
            there = line.result(subject)
            if (there is not None and receipt in there.comment) or (there is None and doubtful):
                return self._confirmed(row, there)
            self._update(row, timestamp=max(time.time(), row.timestamp + 1.0))
            raise _Wait("the platform has a grade of the same second or a later one", 1.0)
        return self._confirmed(row, line.result(subject))

    @staticmethod
    def _confirmed(row: Any, here: Result | None) -> tuple[str, str]:
        """What the platform's own view says of a grade that it took."""
        wanted = row.score / row.max_score if row.max_score else 0.0
        if here is not None and here.share is not None and abs(here.share - wanted) >= _SAME:
            return KEPT, f"the platform took it and goes on showing {here.text}: a teacher's own grade holds there"
        return SENT, ""


class Result(msgspec.Struct, frozen=True):
    """What a platform's gradebook shows of one student."""

    subject: str
    share: float | None
    """Of the maximum; None where there is no grade."""
    text: str
    comment: str


class Line:
    """One activity's column in a platform's gradebook."""

    def __init__(
        self, services: Services, platform: Platform, key: SigningKey, activity: Activity, database: Database
    ) -> None:
        self._connector = services.connector(platform, key)
        self._token_url = platform.token_url
        self._activity = activity
        self._scopes = activity.scopes.split()
        self._service = services.grades(
            platform, key, {"scope": self._scopes, "lineitem": activity.lineitem, "lineitems": activity.lineitems}
        )
        self._database = database
        self._url = activity.lineitem

    @property
    def readable(self) -> bool:
        """Whether the platform lets the service read its grades."""
        return f"{AGS_SCOPE}result.readonly" in self._scopes

    def result(self, subject: str) -> Result | None:
        """What the platform shows of one student; None where that can't be known, or there is nothing.

        Raises:
            _Wait: the platform didn't answer.
        """
        found = [result for result in self.results(subject) if result.subject == subject]
        return found[0] if found else None

    def results(self, subject: str = "") -> list[Result]:
        """What the platform shows of all students, or of one.

        Raises:
            _Wait: the platform didn't answer.
        """
        if not self.readable:
            return []
        url = below(self._line(), "results", **({"user_id": subject} if subject else {}))
        accept = "application/vnd.ims.lis.v2.resultcontainer+json"
        try:
            pages = list(self._connector.get_paginated_data(self._scopes, url, accept=accept))
        except LtiServiceException as error:
            if error.response.status_code == 404 and subject:
                return []
            raise self._why(error) from None
        except (LtiException, requests.RequestException, ValueError) as error:
            raise _Wait(f"the platform's grades can't be read: {type(error).__name__}") from None
        bodies = [page["body"] for page in pages]
        return [_result(entry) for body in bodies if isinstance(body, list) for entry in body]

    def put(self, grade: Grade) -> int:
        """Send one grade; returns the platform's status: 2xx or 409.

        Raises:
            _Wait: it may have arrived, or not.
            _Never: the platform won't take it.
        """
        try:
            self._connector.make_service_request(
                self._scopes,
                below(self._line(), "scores"),
                is_post=True,
                data=grade.get_value(),
                content_type="application/vnd.ims.lis.v1.score+json",
            )
        except LtiServiceException as error:
            if error.response.status_code == 409:
                return 409
            raise self._why(error) from None
        except requests.exceptions.JSONDecodeError:
            return 200  # some platforms answer a score with text
        except (LtiException, requests.RequestException) as error:
            raise _Wait(f"the platform can't be reached: {type(error).__name__}") from None
        return 200

    def _line(self) -> str:
        """The column's URL; the column is made where the platform has none yet."""
        if not self._url:
            wanted = LineItem().set_label(self._activity.title).set_score_maximum(100.0)
            wanted.set_resource_link_id(self._activity.link).set_resource_id(self._activity.assignment)
            try:
                made = self._service.find_or_create_lineitem(wanted, find_by="resource_link_id")
            except LtiServiceException as error:
                raise self._why(error) from None
            except (LtiException, requests.RequestException, ValueError) as error:
                raise _Wait(f"no grade column could be made: {error}") from None
            self._url = str(made.get_id() or "")
            a = tables.activities
            with self._database.write() as connection:
                connection.execute(update(a).where(a.c.id == self._activity.id).values(lineitem=self._url))
        return self._url

    def _why(self, error: LtiServiceException) -> Exception:
        """What a platform's refusal means."""
        response = error.response
        told = f"the platform answered {response.status_code}: {response.text[:200]}"
        if response.status_code in (401, 403):
            self._connector.forget_tokens()
        # No token says nothing of the grade: platforms refuse one also where they can't read the service's keys.
        if response.url != self._token_url and response.status_code in (400, 404, 410, 413, 422):
            return _Never(told)
        after = response.headers.get("retry-after", "")
        return _Wait(told, min(_MAX_WAIT, float(after)) if after.isdigit() else None)


def _result(entry: Any) -> Result:
    score, most = entry.get("resultScore"), entry.get("resultMaximum") or 1
    share = score / most if isinstance(score, int | float) and isinstance(most, int | float) and most > 0 else None
    text = "no grade" if share is None else f"{number(score)} of {number(most)}"
    return Result(str(entry.get("userId", "")), share, text, str(entry.get("comment") or ""))


def _shares_sent(earlier: Iterable[Any]) -> list[float]:
    """What the platform may show of this student because of earlier grades: the last that it has, and later tries."""
    shares: list[float] = []
    for row in earlier:
        share = row.score / row.max_score if row.max_score else 0.0
        if row.state in (SENT, KEPT):
            shares = [share] if row.state == SENT else shares
        elif row.tries:
            shares.append(share)
    return shares


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def send_again(connection: Any, activity: str, person: str, force: bool) -> bool:
    """Send a student's newest grade once more; `force`: also over a grade that isn't the service's own."""
    o = tables.outbox
    mine = (o.c.activity == activity, o.c.person == person)
    last = connection.execute(select(o).where(*mine).order_by(o.c.number.desc()).limit(1)).first()
    if last is None:
        return False
    now = time.time()
    again = (
        update(o)
        .where(o.c.number == last.number)
        .values(state=WAITING, force=force, next=now, timestamp=max(now, last.timestamp + 1.0), problem="")
    )
    connection.execute(again)
    return True
