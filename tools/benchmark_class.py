"""Mixed classes into nbgrader's gradebook: by size, processes and Dask workers, beside stock nbgrader.

Stock nbgrader runs the same notebooks with plain asserts in their test cells.

Usage: python tools/benchmark_class.py [ASSIGNMENT] [--sizes 10 100 1000] [--jobs 1 2] [--workers 2] [--stock 10]
           [--write]
"""

from __future__ import annotations

import argparse
import json
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

import mixed_class
from benchmark import STOCK_TESTS as STOCK_PS4
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
STOCK_PS1 = {
    "test_mse_loss": "assert np.isclose(mse_loss(np.arange(3.0), np.ones(3)), 2 / 3)",
    "test_mse_gradient": "assert np.allclose(mse_gradient(np.arange(3.0), np.ones(3)), [2 / 3, 0, -2 / 3])",
    "test_linear_gradients": """
_X, _y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 1.5]]), np.array([3.0, 1.0, -1.0])
_e = 2 * (_X @ np.array([0.5, -0.8]) + 0.7 - _y) / 3
_dw, _db = linear_gradients(_X, _y, np.array([0.5, -0.8]), 0.7)
assert np.allclose(_dw, _X.T @ _e) and np.isclose(_db, _e.sum())
""",
    "test_gradient_step": "assert np.allclose(gradient_step(np.ones(2), np.array([3.0, -1]), 0.1), [0.7, 1.1])",
    "test_gradient_descent": """
_w, _b, _losses = gradient_descent(_X, _y, np.zeros(2), 0.0, 0.05, 200)
assert len(_losses) in (200, 201) and _losses[-1] < _losses[0]
""",
    "test_numerical_gradient": """
assert np.allclose(numerical_gradient(lambda w: float(np.sum(w**3)), np.array([0.5, -2.0])), [0.75, 12], atol=1e-4)
""",
}
STOCK_TESTS = {"ps1_gradient_descent": STOCK_PS1, "ps4_training_loop": STOCK_PS4}


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


def ours(name: str, count: int, *options: str) -> Measured:
    """Grade a mixed class with autograder class."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        mixed_class.make(folder, name, count)
        measured = Measured([str(BIN / "autograder"), "class", name, *options], folder)
        if graded(folder, name) != count:
            raise SystemExit(f"only {graded(folder, name)} of {count} submissions have a score")
        return measured


def stock(name: str, count: int) -> Measured:
    """Grade a mixed class with nbgrader autograde, its own configuration, and asserts in the test cells."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        mixed_class.make(folder, name, count)
        (folder / "nbgrader_config.py").unlink()
        notebook = folder / "source" / name / f"{name}.ipynb"
        tests = {cell: text.strip() for cell, text in STOCK_TESTS[name].items()}
        notebook.write_text(json.dumps(mixed_class.with_cells(json.loads(notebook.read_text()), tests)))
        helper = folder / "source" / name / "helper.py"
        # The course's helper refuses to be graded without hidden tests.
        helper.write_text(helper.read_text().replace('"NBGRADER_EXECUTION"', '"NEVER_SET"'))
        nbgrader = [str(BIN / "nbgrader")]
        subprocess.run([*nbgrader, "generate_assignment", name], cwd=folder, check=True, capture_output=True)
        return Measured([*nbgrader, "autograde", name, "--ExecutePreprocessor.timeout=30"], folder)


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
        show("autograder class", count, ours(name, count))
    middle = sorted(given.sizes)[len(given.sizes) // 2] if given.sizes else 100
    for jobs in given.jobs:
        show(f"autograder class --jobs {jobs}", middle, ours(name, middle, "--jobs", str(jobs)))
    for workers in given.workers:
        with cluster(workers) as address:
            show(f"autograder class --scheduler, {workers} workers", middle, ours(name, middle, "--scheduler", address))
    if given.stock:
        show("stock nbgrader autograde", given.stock, stock(name, given.stock))
    if given.write:
        target = ROOT / "docs" / f"benchmark_class_{name}.md"
        command = f"python tools/benchmark_class.py {' '.join(sys.argv[1:])}"
        target.write_text(
            f"# A mixed class of {name}\n\n`{command}` measured this on {os.cpu_count()} cores; start-up is included.\n"
            "The CPU and memory of Dask's workers are not counted.\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
