"""What this project's steps need to know of the nbgrader course they run in, and the grading that runs beside them."""

from __future__ import annotations

import atexit
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

from autograder.classroom import Graded, Pool, Settings
from autograder.course import Assignment, Course
from autograder.seeds import course_secret, key_for

KEY = "autograder"
"""Under which this project keeps its own data in a notebook's metadata."""


def converter_of(step: Any) -> Any:
    """The nbgrader converter that `step`, an exporter or a preprocessor of an exporter, belongs to."""
    return step.parent if hasattr(step.parent, "coursedir") else step.parent.parent


def assignment_of(step: Any, name: str) -> Assignment:
    """The assignment `name` of the course in which `step` runs.

    Raises:
        AssignmentError: there is no such assignment.
    """
    coursedir = converter_of(step).coursedir
    folder = Path(coursedir.format_path(coursedir.source_directory, ".", name))
    return _assignment(folder.resolve().parent, name)


@cache
def _assignment(source: Path, name: str) -> Assignment:
    return Course(source.parent).assignment(name)


class Prefetch:
    """Prefetches: grades the next submissions in parallel, before nbgrader comes to them.

    nbgrader takes one submission after the other. What it will take is known from the start, so that all cores
    can work for it; what it finds is what it would have found one by one.

    Attributes:
        notes: what an instructor should know, and hasn't been told yet.
    """

    def __init__(self, settings: Settings, jobs: int, seed: int | None) -> None:
        self.notes: list[str] = []
        if seed is None:
            self._secret, note = course_secret(Path(settings.course))
            self.notes += [note] if note else []
        self._pool = Pool(settings, jobs)
        atexit.register(self._pool.close)
        self._settings = settings
        self._jobs = jobs
        self._seed = seed
        self._begun: dict[Path, Future[Graded]] = {}

    def begin(self, path: Path, student: str, following: list[tuple[Path, str]]) -> None:
        """Begin to grade `path`, and as many of those that follow it as there are processes."""
        for notebook, name in [(path, student), *following[: self._jobs]]:
            if notebook not in self._begun:
                self._begun[notebook] = self._pool.submit(notebook, self._seed_for(name))

    def result(self, path: Path) -> Graded:
        """What grading `path` brought; it must have begun.

        Raises:
            SandboxError: this machine can't grade.
            GradingProcessLost: the grading process was killed twice.
        """
        return self._begun.pop(path).result()

    def _seed_for(self, student: str) -> int | bytes:
        return key_for(self._secret, self._settings.assignment, student) if self._seed is None else self._seed


@cache
def prefetch_for(settings: Settings, jobs: int, seed: int | None) -> Prefetch:
    """The process's one `Prefetch` with these settings: nbgrader makes its steps anew for every submission."""
    return Prefetch(settings, jobs, seed)


def submitted_notebook(converter: Any, student: str, assignment: str) -> Path:
    """Where the notebook of `student` was submitted."""
    coursedir = converter.coursedir
    return Path(coursedir.format_path(coursedir.submitted_directory, student, assignment), f"{assignment}.ipynb")


def still_to_come(converter: Any, student: str, assignment: str) -> list[tuple[Path, str]]:
    """The submissions that nbgrader will take after that of `student`, in its order: notebook and student."""
    coursedir = converter.coursedir
    found = []
    for folder in sorted(converter.assignments):
        name = Path(folder).parent.name
        notebook = submitted_notebook(converter, name, assignment)
        done = Path(coursedir.format_path(coursedir.autograded_directory, name, assignment))
        if Path(folder) == notebook.parent and (converter.force or not done.exists()):
            found.append((notebook, name))
    after = [name for _, name in found]
    return found[after.index(student) + 1 :] if student in after else [pair for pair in found if pair[1] > student]
