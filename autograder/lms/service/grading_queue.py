"""Grades what was handed in, in the order in which it came, and goes on after a restart where it was."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, update

from autograder.classroom import Graded, GradingProcessLost, Pool, Settings
from autograder.course import AssignmentError
from autograder.lms.service import tables
from autograder.lms.service.course_facts import CourseFacts
from autograder.lms.service.database import Database, new_id
from autograder.lms.service.submissions import Activity, activity_by_id, packed, save_grade, settle
from autograder.report import to_json
from autograder.sandbox.errors import SandboxError
from autograder.sandbox.isolation import Isolation
from autograder.text import printable

_LOG = logging.getLogger("autograder.grading")
_RETRY_SECONDS = 30.0
"""After which a machine that couldn't grade is tried again."""
_MAX_PROBLEM = 500


class GradingQueue:
    """A thread that hands waiting jobs to pools of grading processes, and saves what they find."""

    def __init__(
        self,
        database: Database,
        course: CourseFacts,
        *,
        jobs: int,
        pools: int,
        isolation: Isolation,
        changed: Callable[[str], None],
        graded: Callable[[], None],
    ) -> None:
        """
        Args:
            jobs: submissions graded side by side.
            pools: assignments that are kept ready.
            isolation: see `classroom.Settings`.
            changed: is told the id of a submission whose state has changed.
            graded: is called when there may be something to tell a platform.
        """
        self._database = database
        self._course = course
        self._jobs = jobs
        self._max_pools = pools
        self._isolation = isolation
        self._changed = changed
        self._graded = graded
        self._wake = threading.Condition()
        self._stopping = False
        self._running: dict[int, str] = {}  # the jobs that are being graded: number → assignment
        self._started: dict[str, float] = {}  # submission → since when
        self._pools: dict[str, Pool] = {}  # the one that was used last stands last
        self._wanted: list[str] = []
        self._paused: dict[str, float] = {}  # assignments that can't be graded now → until when
        self._problems: dict[str, str] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="autograder-serve-")
        self._thread = threading.Thread(target=self._loop, name="grading-queue", daemon=True)

    def start(self) -> None:
        """Begin, with the assignments ready that were handed in last."""
        s, a = tables.submissions, tables.activities
        last = func.max(s.c.received)
        query = select(a.c.assignment).join(s, s.c.activity == a.c.id).group_by(a.c.assignment).order_by(last.desc())
        with self._database.read() as connection:
            self._wanted = list(connection.scalars(query.limit(self._max_pools)))
        self._thread.start()

    def prepare(self, assignment: str) -> None:
        """Somebody may hand this in soon: make it ready, if there is room."""
        if assignment and assignment not in self._pools and assignment not in self._wanted:
            with self._wake:
                self._wanted.append(assignment)
                self._wake.notify_all()

    def stop(self) -> None:
        """Let go of what is being graded: it is graded again after the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(30)
        for pool in self._pools.values():
            pool.close()
        self._folder.cleanup()

    def wake(self) -> None:
        """There may be something to grade."""
        with self._wake:
            self._wake.notify_all()

    def problem_of(self, assignment: str) -> str:
        """Why this machine can't grade an assignment, or ""."""
        return self._problems.get(assignment, "")

    @property
    def problem(self) -> str:
        """Why this machine can't grade something, where it can't."""
        return "; ".join(f"{assignment}: {why}" for assignment, why in sorted(self._problems.items()))

    def is_running(self, submission: str) -> bool:
        """Whether a submission is being graded right now."""
        return submission in self._started

    def _loop(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                self._prepare()
                if len(self._running) >= self._jobs or not self._take():
                    self._wake.wait(1.0)

    def _prepare(self) -> None:
        while self._wanted:
            assignment = self._wanted.pop()
            if assignment in self._pools or len(self._pools) >= self._max_pools:
                continue
            try:
                notebook = self._course.assignment(assignment).notebook
                pool = self._pool(assignment)
            except (AssignmentError, OSError) as error:
                self._put_off(assignment, error)
                continue
            # A pool starts its processes with their first jobs: the solved notebook is one for each.
            for _ in range(self._jobs if pool else 0):
                pool.submit(notebook, 0)  # type: ignore[union-attr]

    def _take(self) -> bool:
        """Begin with the next job; returns whether there was one."""
        j, s, a = tables.jobs, tables.submissions, tables.activities
        paused = [name for name, until in self._paused.items() if time.monotonic() < until]
        query = (
            select(j.c.number, j.c.regrade, s.c.id, s.c.person, s.c.notebook, a.c.assignment)
            .join(s, s.c.id == j.c.submission)
            .join(a, a.c.id == s.c.activity)
            .where(j.c.state == "waiting", j.c.number.not_in(list(self._running)), a.c.assignment.not_in(paused))
            # What a student waits for comes before what an instructor has asked for.
            .order_by(j.c.regrade != "", j.c.number)
            .limit(1)
        )
        job: Any = None
        try:
            with self._database.read() as connection:
                job = connection.execute(query).first()
            pool = None if job is None else self._pool(job.assignment)
            if pool is None:
                return False
            path = Path(self._folder.name) / f"{job.number}.ipynb"
            path.write_bytes(job.notebook)
            future = pool.submit(path, self._course.seed_key(job.assignment, job.person))
        except AssignmentError as error:
            self._put_off(job.assignment, error)
            return False
        except Exception:
            _LOG.exception("the next submission can't be taken")
            return False
        self._running[job.number] = job.assignment
        self._started[job.id] = time.time()
        self._changed(job.id)
        future.add_done_callback(lambda done: self._finish(done, job, path))
        return True

    def _pool(self, assignment: str) -> Pool | None:
        """The assignment's pool; None while all places are taken by assignments that are being graded."""
        pool = self._pools.pop(assignment, None)
        if pool is None:
            idle = [name for name in self._pools if name not in self._running.values()]
            if len(self._pools) >= self._max_pools:
                if not idle:
                    return None
                self._pools.pop(idle[0]).close()
            settings = Settings(course=str(self._course.folder), assignment=assignment, isolation=self._isolation)
            pool = Pool(settings, self._jobs)
        self._pools[assignment] = pool
        return pool

    def _put_off(self, assignment: str, error: Exception) -> None:
        """The machine's fault, or the course's: submissions wait until that is put right."""
        self._problems[assignment] = printable(str(error), _MAX_PROBLEM, instead="?")
        self._paused[assignment] = time.monotonic() + _RETRY_SECONDS
        _LOG.error("this machine can't grade %s: %s", assignment, error)

    def _finish(self, done: Future[Graded], job: Any, path: Path) -> None:
        """Save what became of a job; in a thread of the pool's."""
        path.unlink(missing_ok=True)
        try:
            if not done.cancelled() and not self._stopping:
                self._save(done, job)
        except Exception:
            _LOG.exception("a grade can't be saved; it is graded again")
        finally:
            with self._wake:
                self._running.pop(job.number, None)
                self._started.pop(job.id, None)
                self._wake.notify_all()
            self._changed(job.id)
            self._graded()

    def _save(self, done: Future[Graded], job: Any) -> None:
        j, s = tables.jobs, tables.submissions
        try:
            graded = done.result()
        except GradingProcessLost as error:
            _LOG.error("submission %s: %s", job.id, error)
            why = "The grading process ended twice while it graded this submission. Ask your instructor."
            with self._database.write() as connection:
                connection.execute(update(j).where(j.c.number == job.number).values(state="failed", problem=why))
                if not job.regrade:
                    connection.execute(update(s).where(s.c.id == job.id).values(state="failed", problem=why))
            return
        except (SandboxError, AssignmentError) as error:
            self._put_off(job.assignment, error)
            return
        self._problems.pop(job.assignment, None)
        outputs = packed(graded.outputs)
        with self._database.write() as connection:
            values: dict[str, Any] = {"state": "done"}
            if job.regrade:
                values |= {"report": to_json(graded.report), "outputs": outputs}
            taken = connection.execute(
                update(j).where(j.c.number == job.number, j.c.state == "waiting").values(values)
            ).rowcount
            if taken and not job.regrade:
                save_grade(connection, job.id, graded.report, outputs)
                settle_submission(connection, self._course, job.id)


def settle_submission(connection: Connection, course: CourseFacts, submission: str) -> Activity | None:
    """`submissions.settle` for the student whose submission has changed; returns its activity."""
    s = tables.submissions
    row = connection.execute(select(s.c.activity, s.c.person).where(s.c.id == submission)).first()
    activity = None if row is None else activity_by_id(connection, row.activity)
    if row is not None and activity is not None:
        settle(connection, activity, row.person, course.max_score(activity.assignment), course.penalty)
    return activity


def begin_regrade(connection: Connection, activity: Activity, person: str) -> str:
    """Ask for a dry run: all graded submissions of an activity are graded again, and no grade changes yet."""
    regrade = new_id()
    connection.execute(
        insert(tables.regrades).values(id=regrade, activity=activity.id, person=person, created=time.time())
    )
    s = tables.submissions
    again = select(s.c.id, literal(regrade)).where(s.c.activity == activity.id, s.c.state != "waiting")
    again = again.order_by(s.c.received)
    connection.execute(insert(tables.jobs).from_select(["submission", "regrade"], again))
    return regrade
