"""A class graded by a Dask cluster: a real scheduler and worker processes, one of which is killed on the way."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_class import (
    NAME,
    UPHILL,
    autograder,
    begin,
    changed,
    contents,
    new_course,
    recorded,
    solved,
    submit,
    wait_for,
)

DASK = str(Path(sys.executable).with_name("dask"))
SETTINGS = ["--no-dashboard", "--host", "127.0.0.1"]


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler on a free port of this machine and its workers; the address, and the workers' processes."""
    folder.mkdir()
    file = folder / "scheduler.json"
    processes = []
    with (folder / "log").open("wb") as log:

        def start(*command: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen([DASK, *command], stdout=log, stderr=log, cwd=folder)
            processes.append(process)
            return process

        try:
            start("scheduler", *SETTINGS, "--port", "0", "--scheduler-file", str(file))
            own = ["--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--resources", "grader=1"]
            started = [start("worker", *SETTINGS, *own, "--local-directory", str(folder)) for _ in range(workers)]
            from distributed import Client

            with Client(scheduler_file=str(file), timeout="60s", set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=120)
            yield str(file), started
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def graded_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course graded on this machine alone."""
    folder = new_course(tmp_path_factory.mktemp("here"))
    for number in range(6):
        submit(folder, f"student{number}", changed(solved(), gradient_step=UPHILL) if number % 2 else solved())
    submit(folder, "unreadable", "this is no notebook")
    autograder(folder, "class", NAME)
    return folder


def ungraded(graded: Path, folder: Path) -> Path:
    shutil.copytree(graded, folder, ignore=shutil.ignore_patterns("autograded", "gradebook.db"))
    return folder


@pytest.mark.slow
def test_cluster_gives_what_one_machine_gives_though_a_worker_is_killed(graded_here: Path, tmp_path: Path) -> None:
    course = ungraded(graded_here, tmp_path / "course")
    with cluster(tmp_path / "dask", workers=2) as (address, workers):
        process = begin(course, "class", NAME, "--scheduler", address)
        wait_for(lambda: len(recorded(course)) >= 1, process)
        workers[0].kill()
        told = process.communicate(timeout=240)[0]
    assert process.returncode == 0, told
    assert "7 graded" in told
    assert sorted(recorded(course)) == sorted(recorded(graded_here))
    assert contents(course) == contents(graded_here)


@pytest.mark.slow
def test_scheduler_that_is_not_there_is_said_in_a_line(graded_here: Path, tmp_path: Path) -> None:
    course = ungraded(graded_here, tmp_path / "course")
    told = autograder(course, "class", NAME, "--scheduler", "tcp://127.0.0.1:9", code=2).output
    assert re.search(r"^autograder: there is no Dask scheduler at tcp://127.0.0.1:9", told, re.MULTILINE)
