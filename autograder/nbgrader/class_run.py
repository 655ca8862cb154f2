"""A class graded into nbgrader's gradebook: in parallel, once for each submission, and resumable at any point."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import msgspec
from nbformat.notebooknode import NotebookNode

from autograder.classroom import Graded, GradingProcessLost, Settings
from autograder.classroom.versions import Version
from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.nbgrader import history
from autograder.nbgrader.documents import add_results, as_bytes, as_notebook
from autograder.nbgrader.gradebook import points_of, require_cells, rows_for
from autograder.nbgrader.handed_in import put_timestamp, timestamp_of
from autograder.nbgrader.history import Change
from autograder.nbgrader.opened import OpenedCourse
from autograder.nbgrader.preprocessors import GradeInSandbox, SaveReport
from autograder.report import Report
from autograder.seeds import course_secret, digest_of, key_for
from autograder.submission import SubmissionError, empty_submission, read_bytes, read_submission
from autograder.submission.submission import MAX_BYTES


class Grades(Protocol):
    """What grades notebooks: a Pool, or a cluster."""

    def submit(self, path: Path, seed: int | bytes) -> Future[Graded]:
        """Grade the notebook at `path` as soon as there is room."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A submission to be graded."""

    student: str
    notebook: Path
    version: Version


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run will do."""

    waiting: tuple[Waiting, ...]
    unchanged: tuple[str, ...]
    """Students whose last grading was of the same notebook by the same grader and assignment."""
    unmatched: tuple[str, ...]
    """What is in the way of grading, a line for each: nothing is guessed."""
    ungraded: tuple[str, ...] = ()
    """Students without a grade, whom a regrade leaves out."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One submission after the run."""

    student: str
    report: Report | None = None
    change: Change | None = None
    note: str = ""
    """What was odd about the folder that it was handed in with."""
    failure: str = ""
    """Why it couldn't be graded; its old grade stands."""


class ClassRun:
    """One run over a class: what it would grade (`plan`), then the grading (`results`).

    Attributes:
        settings: how submissions are graded.
        notes: what an instructor should know.
    """

    def __init__(
        self,
        course: OpenedCourse,
        assignment: Assignment,
        *,
        isolation: str | None = None,
        illustrations: bool = False,
        dry_run: bool = False,
    ) -> None:
        """
        Args:
            course: opened.
            assignment: of that course.
            isolation, illustrations: in place of what nbgrader_config.py says.
            dry_run: whether nothing is written.
        """
        self._course = course
        self._assignment = assignment
        self._dry_run = dry_run
        self._step: Any = course.step(GradeInSandbox)
        if isolation is not None:
            self._step.isolation = isolation
        self._step.illustrations = illustrations or self._step.illustrations
        self._save: Any = course.step(SaveReport)
        self._permissions = course.permissions
        self.settings: Settings = self._step.settings(assignment)
        secret, note = (b"", "") if self._step.seed is not None else course_secret(course.folder)
        self._secret = secret
        self.notes = [note] if note else []
        self._done: SimpleQueue[tuple[Waiting, Future[Graded]] | None] = SimpleQueue()

    @property
    def jobs(self) -> int:
        """Of the configuration; 0 means one for each core."""
        return int(self._step.jobs)

    def plan(self, students: Sequence[str] = (), force: bool = False, regrade: bool = False) -> Plan:
        """Look at what was handed in, and at what is on record.

        Args:
            students: whose submissions alone are looked at; all where it is empty.
            force: grade what hasn't changed, too.
            regrade: leave out what has no grade yet.

        Raises:
            AssignmentError: the gradebook has another version of the assignment.
        """
        name = self._assignment.name
        folders = self._course.submissions(name)
        unmatched = [f"{student}: has handed in nothing" for student in students if student not in folders]
        waiting, unchanged, ungraded = [], [], []
        with self._course.gradebook() as gradebook:
            history.prepare(gradebook)
            require_cells(gradebook, name, points_of(self._assignment))
            known = history.last_versions(gradebook, name)
            graded = {submission.student_id for submission in gradebook.assignment_submissions(name)}
        for student, folder in folders.items():
            if students and student not in students:
                continue
            notebook = folder / f"{name}.ipynb"
            if not os.path.lexists(notebook):
                unmatched.append(f"{student}: {_instead_of(notebook)}")
                continue
            version = self._step.version(_digest(notebook), self._assignment)
            there = self._course.autograded(student, name) / notebook.name
            if regrade and student not in graded:
                ungraded.append(student)
            elif not force and student in graded and known.get(student) == version and there.is_file():
                unchanged.append(student)
            else:
                waiting.append(Waiting(student=student, notebook=notebook, version=version))
        return Plan(
            waiting=tuple(waiting), unchanged=tuple(unchanged), unmatched=tuple(unmatched), ungraded=tuple(ungraded)
        )

    def results(
        self, waiting: Iterable[Waiting], open_grader: Callable[[], AbstractContextManager[Grades]], ahead: int
    ) -> Iterator[Result]:
        """Grade submissions side by side and save each one as it is ready.

        Args:
            waiting: of `plan`.
            open_grader: makes what grades.
            ahead: how many submissions are handed to it at a time.

        Raises:
            SandboxError: this machine can't grade.
            AssignmentError: the gradebook has another version of the assignment.
        """
        rest = iter(waiting)
        with open_grader() as grader, self._course.gradebook() as gradebook:
            history.prepare(gradebook)
            running = sum(self._begin(grader, rest) for _ in range(ahead))
            while running:
                done = self._done.get()
                if done is None:
                    return
                running += self._begin(grader, rest) - 1
                yield self._result(gradebook, *done)

    def stop(self) -> None:
        """End `results` after the submission that is being saved; may be called by a signal's handler."""
        self._done.put(None)

    def _begin(self, grader: Grades, rest: Iterator[Waiting]) -> int:
        """Hand the next submission to the grader; returns how many there were, 1 or 0."""
        for waiting in rest:
            key = self._step.seed
            if key is None:
                key = key_for(self._secret, self._assignment.name, waiting.student)
            future = grader.submit(waiting.notebook, key)
            future.add_done_callback(lambda done, waiting=waiting: self._done.put((waiting, done)))  # type: ignore[misc]
            return 1
        return 0

    def _result(self, gradebook: Any, waiting: Waiting, future: Future[Graded]) -> Result:
        try:
            graded = future.result()
        except GradingProcessLost as error:
            return Result(student=waiting.student, failure=str(error))
        if _digest(waiting.notebook) != waiting.version.notebook:
            return Result(student=waiting.student, failure="the notebook was changed while it was graded")
        try:
            submission = read_submission(waiting.notebook, self._assignment)
        except SubmissionError as error:
            submission = empty_submission(self._assignment, str(error))
        notebook = as_notebook(submission)
        add_results(notebook, graded, msgspec.structs.replace(waiting.version, notebook=submission.digest.hex()))
        timestamp, text, note = timestamp_of(waiting.notebook.parent)
        try:
            rows = rows_for(gradebook, self._assignment.name, waiting.student, timestamp)
            change = self._save.save(gradebook, rows, notebook)
            if self._dry_run:
                gradebook.db.rollback()
            else:
                # First the notebook: where the run ends in between, nothing is on record, and it is graded again.
                self._write(waiting.student, notebook, text)
                gradebook.db.commit()
        except BaseException:
            gradebook.db.rollback()
            raise
        finally:
            gradebook.db.expunge_all()  # so that the thousandth submission costs what the first one did
        return Result(student=waiting.student, report=graded.report, change=change, note=note)

    def _write(self, student: str, notebook: NotebookNode, timestamp: str) -> None:
        """Put the graded notebook into ``autograded/``, and the time of handing in, which formgrader compares."""
        folder = self._course.autograded(student, self._assignment.name)
        put_timestamp(folder, timestamp, self._permissions)
        write_atomically(folder / f"{self._assignment.name}.ipynb", as_bytes(notebook), self._permissions)


def _digest(notebook: Path) -> str:
    """What `Version.notebook` says of a notebook; empty where the file can't be read."""
    try:
        return digest_of(read_bytes(notebook, MAX_BYTES)).hex()
    except SubmissionError:
        return ""


def _instead_of(notebook: Path) -> str:
    """What a folder holds that has no notebook of the assignment's name."""
    others = sorted(path.name for path in notebook.parent.iterdir() if path.suffix == ".ipynb")
    found = f"there is {', '.join(others[:3])}: rename it if it is the one" if others else "the folder has no notebook"
    return f"{notebook.name} is missing; {found}"
