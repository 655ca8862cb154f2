"""A pool of grading processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from autograder.classroom.grading_process import Failed, Graded, Job, Settings, receive, send
from autograder.sandbox.errors import SandboxError


class GradingProcessLost(Exception):
    """A grading process ended in the middle of a submission, and so did the next one that tried it."""


class Pool:
    """Grades notebooks side by side in `jobs` processes; a context manager. The Reports don't depend on `jobs`."""

    def __init__(self, settings: Settings, jobs: int) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="grading")
        self._own = threading.local()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def submit(self, path: Path, seed: int | bytes) -> Future[Graded]:
        """Grade the notebook at `path` as soon as a process is free.

        Args:
            path: a student's notebook.
            seed: the seed, or the student's key (`seeds.key_for`), with which the notebook's bytes decide it.

        The future raises SandboxError where this machine can't grade, GradingProcessLost where the process ended twice.
        """
        return self._threads.submit(self._grade, Job(str(path), seed))

    def close(self) -> None:
        """Drop what hasn't begun, and end the processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            processes, self._processes = self._processes, set()
        for process in processes:
            _end(process)
        self._threads.shutdown(wait=True)

    def _grade(self, job: Job) -> Graded:
        for _ in range(2):
            process = self._process()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                send(process.stdin, job)  # type: ignore[arg-type]
                answer = receive(process.stdout, Graded | Failed)  # type: ignore[arg-type]
            except OSError:
                answer = None
            if isinstance(answer, Graded):
                return answer
            self._own.process = None
            with self._lock:
                self._processes.discard(process)
            _end(process)
            if isinstance(answer, Failed):
                raise SandboxError(answer.reason)
        raise GradingProcessLost(f"the grading process was killed twice while it graded {job.path}")

    def _process(self) -> subprocess.Popen[bytes]:
        """This thread's grading process; a new one where there is none."""
        process: subprocess.Popen[bytes] | None = getattr(self._own, "process", None)
        if process is None:
            command = [sys.executable, "-c", "from autograder.classroom.grading_process import main; main()"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdin is not None
            send(process.stdin, self._settings)  # type: ignore[arg-type]
            self._own.process = process
            with self._lock:
                self._processes.add(process)
        return process


def cores() -> int:
    """How many processes this one may keep busy."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()
        except OSError:
            continue
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
