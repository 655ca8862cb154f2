"""Mixed classes into nbgrader's gradebook: by size, processes and Dask workers, beside stock nbgrader.

Stock nbgrader runs the same notebooks with plain asserts in their test cells.

Usage: python tools/benchmark_class.py [ASSIGNMENT] [--sizes 10 100 1000] [--jobs 1 2] [--workers 2] [--stock 10]
           [--write]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbgrader.api import Gradebook
from sample_classes import make_course, mixed_class

from autograder.course import Assignment, Course

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


class Measured:
    """What a command took: seconds by the clock, CPU seconds, most memory of all its processes together in MiB."""

    def __init__(self, command: list[str], folder: Path) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', '')}"}
        log = folder / "benchmark.log"
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
            self.memory = 0.0
            watcher = threading.Thread(target=self._watch, args=(process,))
            watcher.start()
            status = process.wait()
        self.seconds = time.perf_counter() - started
        watcher.join()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if status not in (0, 2):
            raise SystemExit(
                f"{' '.join(command)} ended with {status}:\n" + "\n".join(log.read_text().splitlines()[-20:])
            )

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            self.memory = max(self.memory, sum(map(_pss, _family(process.pid))) / 1024)
            time.sleep(0.5)


def _family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return
    for child in children:
        yield from _family(child)


def _pss(pid: int) -> int:
    """KiB of memory of a process, what it shares counted in parts."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def graded(folder: Path, name: str) -> int:
    """How many submissions have a score in the gradebook."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        found = gradebook.assignment_submissions(name)
        return sum(any(grade.auto_score is not None for grade in entry.notebooks[0].grades) for entry in found)


def ours(task: Assignment, count: int, *options: str) -> Measured:
    """Grade a mixed class with autograder class."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        make_course(folder, task, mixed_class(task, count), stock=False)
        measured = Measured([str(BIN / "autograder"), "class", task.name, *options], folder)
        if graded(folder, task.name) != count:
            raise SystemExit(f"only {graded(folder, task.name)} of {count} submissions have a score")
        return measured


def stock(task: Assignment, count: int) -> Measured:
    """Grade a mixed class with nbgrader autograde, its own configuration, and asserts in the test cells."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        make_course(folder, task, mixed_class(task, count), stock=True)
        nbgrader = [str(BIN / "nbgrader")]
        subprocess.run([*nbgrader, "generate_assignment", task.name], cwd=folder, check=True, capture_output=True)
        return Measured([*nbgrader, "autograde", task.name, "--ExecutePreprocessor.timeout=30"], folder)


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """A Dask scheduler with workers on this machine; the path of its scheduler file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        shared = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        processes = [subprocess.Popen([BIN / "dask", "scheduler", "--port", "0", *shared], **quiet)]
        own = ["--nthreads", "1", "--no-nanny", "--resources", "grader=1", "--local-directory", folder]
        processes += [subprocess.Popen([BIN / "dask", "worker", *shared, *own], **quiet) for _ in range(workers)]
        try:
            from distributed import Client

            with Client(scheduler_file=str(file), timeout="60s", set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=120)
            yield str(file)
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", nargs="?", default="ps1_gradient_descent")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2], help="for the middle size")
    parser.add_argument("--workers", type=int, nargs="*", default=[2], help="of Dask, for the middle size")
    parser.add_argument("--stock", type=int, default=10, help="submissions for stock nbgrader; 0: none")
    parser.add_argument("--write", action="store_true", help="write docs/benchmark_class_ASSIGNMENT.md")
    given = parser.parse_args()
    name = given.assignment
    task = Course(ROOT).assignment(name)
    lines = [
        "| | submissions | s in all | s each | CPU s each | all processes, MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]

    def show(title: str, count: int, measured: Measured) -> None:
        figures = f"{measured.seconds:.1f} | {measured.seconds / count:.3f} | {measured.cpu / count:.3f}"
        lines.append(f"| {title} | {count} | {figures} | {measured.memory:.0f} |")
        print(lines[-1], flush=True)

    print("\n".join(lines))
    for count in given.sizes:
        show("autograder class", count, ours(task, count))
    middle = sorted(given.sizes)[len(given.sizes) // 2] if given.sizes else 100
    for jobs in given.jobs:
        show(f"autograder class --jobs {jobs}", middle, ours(task, middle, "--jobs", str(jobs)))
    for workers in given.workers:
        with cluster(workers) as address:
            show(f"autograder class --scheduler, {workers} workers", middle, ours(task, middle, "--scheduler", address))
    if given.stock:
        show("stock nbgrader autograde", given.stock, stock(task, given.stock))
    if given.write:
        target = ROOT / "docs" / f"benchmark_class_{name}.md"
        command = f"python tools/benchmark_class.py {' '.join(sys.argv[1:])}"
        target.write_text(
            f"# A mixed class of {name}\n\n`{command}` measured this on {os.cpu_count()} cores; start-up is included.\n"
            "The CPU and memory of Dask's workers are not counted.\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
