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

from autograder.classroom import Graded, GradingProcessLost, Progress
from autograder.course import AssignmentError
from autograder.lms.service import tables
from autograder.lms.service.course_facts import CourseFacts
from autograder.lms.service.database import Database, new_id
from autograder.lms.service.graders import Graders
from autograder.lms.service.submissions import Activity, activity_by_id, packed, save_grade, settle
from autograder.report import to_json
from autograder.sandbox.errors import SandboxError
from autograder.text import printable

_LOG = logging.getLogger("autograder.grading")
_RETRY_SECONDS = 30.0
"""After which a machine that couldn't grade is tried again."""
_MAX_PROBLEM = 500


class GradingQueue:
    """A thread that hands waiting jobs to what grades them, and saves what they find."""

    def __init__(
        self,
        database: Database,
        course: CourseFacts,
        graders: Graders,
        *,
        pools: int,
        changed: Callable[[str], None],
        graded: Callable[[], None],
    ) -> None:
        """
        Args:
            graders: what grades.
            pools: assignments that are made ready at the start.
            changed: is told the id of a submission whose state has changed.
            graded: is called when there may be something to tell a platform.
        """
        self._database = database
        self._course = course
        self._graders = graders
        self._max_pools = pools
        self._changed = changed
        self._graded = graded
        self._wake = threading.Event()
        self._stopping = False
        self._running: dict[int, str] = {}  # the jobs that are being graded: number → assignment
        self._started: dict[str, float] = {}  # submission → since when
        self._progress: dict[str, Progress] = {}  # submission → the check that is being made
        self._unusable: list[str] = []  # assignments whose grading has to be set up anew
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
        if assignment and assignment not in self._graders.names and assignment not in self._wanted:
            self._wanted.append(assignment)
            self._wake.set()

    def stop(self) -> None:
        """Let go of what is being graded: it is graded again after the next start."""
        self._stopping = True
        self._wake.set()
        self._thread.join(30)
        self._graders.close()
        self._folder.cleanup()

    def wake(self) -> None:
        """There may be something to grade."""
        self._wake.set()

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

    def progress_of(self, submission: str) -> Progress | None:
        """The check that is being made; None where none is."""
        return self._progress.get(submission)

    def _loop(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                begun = self._begin()
            except Exception:
                _LOG.exception("the next submission can't be taken")
                begun = False
            if not begun:
                self._wake.wait(1.0)

    def _begin(self) -> bool:
        """Begin with the next job; returns whether there was one, and room for it."""
        while self._unusable:
            self._graders.renew(self._unusable.pop())
        self._prepare()
        return len(self._running) < self._graders.places and self._take()

    def _prepare(self) -> None:
        while self._wanted:
            assignment = self._wanted.pop()
            if assignment in self._graders.names or not self._graders.has_room:
                continue
            try:
                notebook = self._course.assignment(assignment).notebook
                grader = self._graders.take(assignment, ())
            except (AssignmentError, SandboxError, OSError) as error:
                self._put_off(assignment, error)
                continue
            # Processes start with their first jobs: the solved notebook is one for each.
            for _ in range(self._graders.places if grader else 0):
                grader.submit(notebook, 0)  # type: ignore[union-attr]

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
            grader = None if job is None else self._graders.take(job.assignment, list(self._running.values()))
            if grader is None:
                return False
            path = Path(self._folder.name) / f"{job.number}.ipynb"
            path.write_bytes(job.notebook)
            key = self._course.seed_key(job.assignment, job.person)
            self._started[job.id] = time.time()
            future = grader.submit(path, key, lambda progress: self._tell(job.id, progress))
        except (AssignmentError, SandboxError, OSError) as error:
            self._started.pop(job.id, None)
            self._put_off(job.assignment, error)
            return False
        self._running[job.number] = job.assignment
        self._changed(job.id)
        future.add_done_callback(lambda done: self._finish(done, job, path))
        return True

    def _tell(self, submission: str, progress: Progress) -> None:
        """Let those know who watch a submission being graded."""
        if submission in self._started:
            self._progress[submission] = progress
            self._changed(submission)

    def _put_off(self, assignment: str, error: Exception) -> None:
        """The machine's fault, or the course's: submissions wait until that is put right."""
        self._unusable.append(assignment)
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
            self._running.pop(job.number, None)
            self._started.pop(job.id, None)
            self._progress.pop(job.id, None)
            self._wake.set()
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
