"""What this project's steps need to know of the nbgrader course they run in, and the grading that runs beside them."""

from __future__ import annotations

import atexit
import threading
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder.classroom import Graded, Pool, Settings
from autograder.classroom.versions import assignment_files, assignment_version
from autograder.course import Assignment, Course
from autograder.seeds import course_secret, key_for

KEY = "autograder"
"""Under which this project keeps its own data in a notebook's metadata."""

IDLE_SECONDS = 60.0
"""After which grading processes that have nothing to do end."""

State = tuple[tuple[str, int, int, int], ...]
"""Of an assignment's files: path, time of the last change, size and number."""


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
    return read_assignment(folder.resolve().parent, name)


def read_assignment(source: Path, name: str) -> Assignment:
    """The assignment `name` of the folder `source`, as its files are now: JupyterLab runs for weeks.

    Raises:
        AssignmentError: there is no such assignment.
    """
    hidden = Course(source.parent).hidden / name
    return _assignment(source, name, _state(source / name, hidden))


def version_of(assignment: Assignment) -> str:
    """`classroom.versions.assignment_version`, found once for each state of the files."""
    state = _state(assignment.folder, assignment.hidden_folder)
    return _version(assignment.folder.parent, assignment.name, state)


@lru_cache(maxsize=8)
def _assignment(source: Path, name: str, _: State) -> Assignment:
    return Course(source.parent).assignment(name)


@lru_cache(maxsize=8)
def _version(source: Path, name: str, state: State) -> str:
    return assignment_version(_assignment(source, name, state))


def _state(*folders: Path) -> State:
    """What tells whether a file of the folders has changed."""
    found = [(path, path.stat()) for folder in folders for path in assignment_files(folder)]
    return tuple((str(path), status.st_mtime_ns, status.st_size, status.st_ino) for path, status in found)


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
        self._settings = settings
        self._jobs = jobs
        self._seed = seed
        self._pool: Pool | None = None
        self._begun: dict[Path, Future[Graded]] = {}
        self._rest = threading.Timer(0, self.close)
        atexit.register(self.close)

    def begin(self, path: Path, student: str, following: list[tuple[Path, str]]) -> None:
        """Begin to grade `path`, and as many of those that follow it as there are processes."""
        self._rest.cancel()
        if self._pool is None:
            self._pool = Pool(self._settings, self._jobs)
        for notebook, name in [(path, student), *following[: self._jobs]]:
            if notebook not in self._begun:
                self._begun[notebook] = self._pool.submit(notebook, self._seed_for(name))

    def result(self, path: Path) -> Graded:
        """What grading `path` brought; it must have begun.

        Raises:
            SandboxError: this machine can't grade.
            GradingProcessLost: the grading process was killed twice.
        """
        try:
            return self._begun.pop(path).result()
        finally:
            if not self._begun:
                # JupyterLab runs for weeks, and a grading process with torch takes hundreds of megabytes.
                self._rest = threading.Timer(IDLE_SECONDS, self.close)
                self._rest.daemon = True
                self._rest.start()

    def close(self) -> None:
        """End the grading processes; `begin` starts new ones."""
        self._rest.cancel()
        pool, self._pool = self._pool, None
        self._begun.clear()
        if pool is not None:
            pool.close()

    def _seed_for(self, student: str) -> int | bytes:
        return key_for(self._secret, self._settings.assignment, student) if self._seed is None else self._seed


_prefetches: dict[tuple[object, ...], Prefetch] = {}


def prefetch_for(settings: Settings, jobs: int, seed: int | None, version: str) -> Prefetch:
    """The process's one `Prefetch` with these settings: nbgrader makes its steps anew for every submission.

    Its processes have read the hidden tests. Where those are others now (`version`), or the settings are, they end.
    """
    key = (settings, jobs, seed, version)
    if key not in _prefetches:
        for other in _prefetches.values():
            other.close()
        _prefetches.clear()
        _prefetches[key] = Prefetch(settings, jobs, seed)
    return _prefetches[key]


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
