"""A pool of grading processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from autograder.classroom.jobs import Failed, Graded, Job, Progress, Settings, receive, send
from autograder.course import Assignment, AssignmentError, Course
from autograder.sandbox.base import Base, BaseLost, Child
from autograder.sandbox.errors import SandboxError

_ENTRY = "autograder.classroom.grading_process:serve"
_STDERR = 2
OnProgress = Callable[[Progress], None]
"""Is told which check is being made; called in a thread of the Pool's."""


class GradingProcessLost(Exception):
    """A grading process ended in the middle of a submission, and so did the next one that tried it."""


class Pool:
    """Grades notebooks side by side in `jobs` processes; a context manager. The Reports don't depend on `jobs`.

    All of them are forked from one base process, which starts at once, and end with it.
    """

    def __init__(self, settings: Settings, jobs: int, base: Base | None = None) -> None:
        """
        Args:
            settings: how submissions are graded.
            jobs: how many processes.
            base: of `base_for` this assignment, started beforehand; the pool ends it.

        Raises:
            AssignmentError: there is no such assignment.
        """
        # Grading processes work in another folder.
        self._settings = msgspec.structs.replace(settings, course=os.path.abspath(settings.course))
        self._assignment = Course(Path(settings.course)).assignment(settings.assignment)
        self._lock = threading.Lock()
        self._base = base or base_for(self._assignment)
        self._closed = False
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="grading")
        self._own = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def submit(self, path: Path, seed: int | bytes, on_progress: OnProgress | None = None) -> Future[Graded]:
        """Grade the notebook at `path` as soon as a process is free.

        Args:
            path: a student's notebook.
            seed: the seed, or the student's key (`seeds.key_for`), with which the notebook's bytes decide it.
            on_progress: is told of every check when it begins.

        The future raises SandboxError where this machine can't grade, AssignmentError where the assignment can't be
        graded, GradingProcessLost where the process ended twice.
        """
        return self._threads.submit(self._grade, Job(os.path.abspath(path), seed, on_progress is not None), on_progress)

    def close(self) -> None:
        """Drop what isn't done, and end the processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._closed = True
            self._base.close()
        self._threads.shutdown(wait=True)

    def _grade(self, job: Job, on_progress: OnProgress | None) -> Graded:
        for _ in range(2):
            process = self._process()
            answer = process.grade(job, on_progress)
            if isinstance(answer, Graded):
                return answer
            self._own.process = None
            process.end()
            if isinstance(answer, Failed):
                raise (AssignmentError if answer.by_assignment else SandboxError)(answer.reason)
        raise GradingProcessLost(f"the grading process was killed twice while it graded {job.path}")

    def _process(self) -> _GradingProcess:
        """This thread's grading process; a new one where there is none."""
        process: _GradingProcess | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = _GradingProcess(self._fork(), self._settings)
        return process

    def _fork(self) -> Child:
        base = self._base
        try:
            return base.fork_grading_process(_STDERR)
        except BaseLost:
            with self._lock:
                if self._closed:
                    raise
                if self._base is base:
                    base.close()
                    self._base = base_for(self._assignment)
            return self._base.fork_grading_process(_STDERR)


class _GradingProcess:
    """A grading process, and the two directions of the socket to it."""

    def __init__(self, child: Child, settings: Settings) -> None:
        self._child = child
        self._jobs, self._results = child.connection.makefile("wb"), child.connection.makefile("rb")
        self._settings: Settings | None = settings

    def grade(self, job: Job, on_progress: OnProgress | None) -> Graded | Failed | None:
        """What grading brought; None where the process ended."""
        try:
            if self._settings is not None:
                send(self._jobs, self._settings)
                self._settings = None
            send(self._jobs, job)
            while True:
                answer: Graded | Failed | Progress | None = receive(self._results, Graded | Failed | Progress)
                if not isinstance(answer, Progress):
                    return answer
                if on_progress is not None:
                    on_progress(answer)
        except OSError:
            return None

    def end(self) -> None:
        """End the process."""
        for stream in (self._jobs, self._results):
            try:
                stream.close()
            except OSError:
                continue
        self._child.end()


def base_for(assignment: Assignment) -> Base:
    """The base process of a pool for `assignment`, which starts at once; whoever makes no pool of it must close it."""
    return Base(assignment.settings.libraries, _ENTRY)


def cores() -> int:
    """How many processes this one may keep busy."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
