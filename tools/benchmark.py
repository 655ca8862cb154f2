"""Stock nbgrader, Otter and this project side by side: seconds, CPU and memory for classes of submissions.

Usage: python tools/benchmark.py [ASSIGNMENT...] [--size N] [--sample N] [--sizes N...] [--otter FOLDER] [--write]

Every system grades on this machine, one after the other. Stock nbgrader and Otter are slow: they get a sample of each
class, without the submissions that never end. Wants the machine for itself; with --write the tables go into
docs/benchmark.md.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from distributed import LocalCluster
from sample_classes import IN_NOTEBOOK_TESTS, ROOT, Notebook, make_course, make_otter_zip, mixed_class, right_class

from autograder.classroom import cores
from autograder.course import Assignment, Course

DOCUMENT = ROOT / "docs" / "benchmark.md"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"}
POOL = """
import sys
from pathlib import Path
from autograder.classroom import Pool, Settings, cores
folder, name = sys.argv[1:]
with Pool(Settings(course=folder, assignment=name), cores()) as pool:
    paths = sorted(Path(folder, "submitted").glob(f"*/{name}/{name}.ipynb"))
    reports = [future.result().report for future in [pool.submit(path, 1) for path in paths]]
print(*(report.score for report in reports))
"""
BARE = """
import json, sys, time
import matplotlib
matplotlib.use("agg")
cells = [cell for cell in json.load(open(sys.argv[1]))["cells"] if cell["cell_type"] == "code"]
cells = ["".join(cell["source"]) for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade") is not True]
names = {"__name__": "__main__"}
for place, source in enumerate(cells):
    if place == 1:
        started = time.process_time()  # the first cell imports the libraries
    exec("\\n".join("" if line.startswith("%") else line for line in source.splitlines()), names)
print(time.process_time() - started)
"""


class Measured(msgspec.Struct, frozen=True):
    """What one system took for one class, start-up included."""

    system: str
    submissions: int
    seconds: float
    cpu: float
    memory: float
    """MiB of all processes together (PSS), at the most."""
    failed: bool = False
    """Whether it said at its end that something couldn't be graded."""

    @property
    def each(self) -> float:
        """Seconds a submission."""
        return self.seconds / self.submissions


class Skipped(Exception):
    """A system that can't be measured here, and why."""


def measured(system: str, submissions: int, command: list[str], folder: Path, tolerant: bool = False) -> Measured:
    """Run a command in `folder` and watch it and all that it starts.

    tolerant: it may fail, as stock nbgrader does where it couldn't grade one of the submissions.

    Raises:
        Skipped: the command fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        peak = [0]
        watch = threading.Thread(target=_watch, args=(process, peak))
        watch.start()
        status = process.wait()
        seconds = time.perf_counter() - started
        watch.join()
        output.seek(0)
        text = output.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status and not tolerant:
        raise Skipped(f"{' '.join(command[:4])} … ended with status {status}: {text.strip()[-500:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Measured(system, submissions, seconds, cpu, peak[0] / 1024, bool(status))


def _watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Keep the largest sum of PSS, in KiB, until the process ends; looks twice a second."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_pss, _tree(process.pid))))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def stock(assignment: Assignment, notebooks: list[Notebook], folder: Path) -> Measured:
    """`nbgrader autograde` without this project."""
    make_course(folder, assignment, notebooks, stock=True)
    return _autograde("stock `nbgrader autograde`", assignment, notebooks, folder)


def ours(assignment: Assignment, notebooks: list[Notebook], folder: Path) -> Measured:
    """`nbgrader autograde` with this project's configuration."""
    make_course(folder, assignment, notebooks, stock=False)
    return _autograde("`nbgrader autograde` with this project", assignment, notebooks, folder)


def _autograde(system: str, assignment: Assignment, notebooks: list[Notebook], folder: Path) -> Measured:
    command = [sys.executable, "-m", "nbgrader"]
    measured("", 1, [*command, "generate_assignment", assignment.name], folder)
    return measured(system, len(notebooks), [*command, "autograde", assignment.name], folder, tolerant=True)


def class_command(
    assignment: Assignment, notebooks: list[Notebook], folder: Path, options: Sequence[str] = ()
) -> Measured:
    """`autograder class`, into the same gradebook."""
    command = str(Path(sys.executable).parent / "autograder")
    make_course(folder, assignment, notebooks, stock=False)
    measured("", 1, [command, "class", "--help"], folder)
    measured("", 1, [sys.executable, "-m", "nbgrader", "generate_assignment", assignment.name], folder)
    return measured("`autograder class`", len(notebooks), [command, "class", assignment.name, *options], folder)


def sizes(assignment: Assignment, numbers: list[int]) -> Iterator[str]:
    """The lines on what `autograder class` takes for mixed classes of these sizes, with one job, two, and a cluster."""
    yield f"`autograder class` on mixed classes of {assignment.name}. A class of one shows what the start takes; *each"
    yield "further* is what a submission takes besides.\n"
    yield "| submissions | by | seconds | seconds each | seconds each further | CPU s each | peak PSS, MiB |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    middle = sorted(numbers)[len(numbers) // 2]
    ways = [(number, "2 jobs", ["--jobs", "2"]) for number in numbers] + [(middle, "1 job", ["--jobs", "1"])]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        one = class_command(assignment, right_class(assignment, 1), Path(folder))
    yield _row("1 job", one, one)
    for number, by, options in ways:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            result = class_command(assignment, mixed_class(assignment, number), Path(folder), options)
        yield _row(by, result, one)
    workers = LocalCluster(n_workers=2, threads_per_worker=1, resources={"grader": 1}, dashboard_address=None)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, workers:
        options = ["--scheduler", workers.scheduler_address]
        result = class_command(assignment, mixed_class(assignment, middle), Path(folder), options)
        # What the workers take isn't a child of the command.
        yield _row("2 Dask workers", result, one, whole=False)
    yield ""


def _row(by: str, result: Measured, one: Measured, whole: bool = True) -> str:
    """A line of the table of sizes; `one` is the class of one, `whole` says whether all processes were measured."""
    count = result.submissions
    further = f"{(result.seconds - one.seconds) / (count - 1):.3f}" if count > 1 else "–"
    rest = f"{result.cpu / count:.3f} | {result.memory:.0f}" if whole else "– | –"
    return f"| {count} | {by} | {result.seconds:.1f} | {result.each:.3f} | {further} | {rest} |"


def pool(assignment: Assignment, notebooks: list[Notebook], folder: Path) -> Measured:
    """Grading alone, without a gradebook."""
    make_course(folder, assignment, notebooks, stock=False)
    command = [sys.executable, "-c", POOL, str(folder), assignment.name]
    return measured("this project's pool, no gradebook", len(notebooks), command, folder)


def otter(environment: Path, assignment: Assignment, notebooks: list[Notebook], folder: Path) -> Measured:
    """`otter run`, once for each submission; it is installed in an environment of its own on the first call."""
    program = environment / "bin" / "otter"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        pip = [str(environment / "bin" / "pip"), "install", "--quiet", "otter-grader"]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"otter-grader could not be installed: {done.stderr.strip()[-300:]}")
    # The libraries that notebooks use are this environment's; Otter's own come first.
    (site,) = (environment / "lib").glob("python*/site-packages")
    (own,) = (Path(sys.prefix) / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(f"{own}\n")
    make_course(folder, assignment, notebooks, stock=True)
    archive = make_otter_zip(folder, assignment)
    run = f'"{program}" run --no-logo -a "{archive}" -o "$(dirname "$n")" "$n"'
    line = f"for n in submitted/*/*/*.ipynb; do {run} || failed=1; done; exit $failed"
    return measured("`otter run`", len(notebooks), ["bash", "-c", line], folder, tolerant=True)


def bare_seconds(assignment: Assignment) -> float:
    """CPU seconds of the right notebook's own cells, test cells and the import of libraries left out."""
    command = [sys.executable, "-W", "ignore", "-c", BARE, str(assignment.notebook)]
    done = subprocess.run(command, cwd=assignment.folder, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def profile(assignment: Assignment, times: int = 10) -> list[tuple[str, float]]:
    """By phase, milliseconds by the clock of grading one right notebook, in a warm process."""
    from autograder.diagnosis import reference
    from autograder.grading import Grader, session
    from autograder.sandbox.process import Sandbox
    from autograder.submission import read_submission

    spent: dict[str, float] = {}
    phases: list[tuple[str, Any, str]] = [
        ("fork a worker, lock it up", Sandbox, "spawn"),
        ("run the notebook's cells", session.Session, "_execute"),
        ("the student's functions in hidden tests, with data there and back", session.Session, "request"),
        ("the right answers in hidden tests", reference.RightAnswers, "call"),
    ]
    with contextlib.ExitStack() as stack:
        for name, owner, attribute in phases:
            stack.enter_context(_timed(owner, attribute, functools.partial(_add, spent, name)))
        grader = stack.enter_context(Grader(assignment))
        submission = read_submission(assignment.notebook, assignment)
        grader.grade(submission, 0)
        spent.clear()
        started = time.perf_counter()
        for seed in range(times):
            grader.grade(submission, seed)
        total = time.perf_counter() - started
    rest = total - sum(spent.values())
    rows = [(name, spent.get(name, 0.0)) for name, _, _ in phases]
    rows += [("inputs, comparisons, the Report", rest), ("together", total)]
    return [(name, 1000 * seconds / times) for name, seconds in rows]


def _add(spent: dict[str, float], name: str, seconds: float) -> None:
    spent[name] = spent.get(name, 0.0) + seconds


@contextlib.contextmanager
def _timed(owner: Any, attribute: str, add: Callable[[float], None]) -> Iterator[None]:
    """Time a method; what a timed method inside of another one takes counts for the inner one alone."""
    original = getattr(owner, attribute)

    @functools.wraps(original)
    def timed(*arguments: Any, **keywords: Any) -> Any:
        _INNER.append(0.0)
        started = time.perf_counter()
        try:
            return original(*arguments, **keywords)
        finally:
            seconds = time.perf_counter() - started
            add(seconds - _INNER.pop())
            if _INNER:
                _INNER[-1] += seconds

    setattr(owner, attribute, timed)
    try:
        yield
    finally:
        setattr(owner, attribute, original)


_INNER: list[float] = []


def compare(assignment: Assignment, size: int, sample: int, otter_environment: Path) -> Iterator[str]:
    """The lines of one assignment's section."""
    bare = bare_seconds(assignment)
    yield f"## {assignment.name}\n"
    yield f"The right notebook's own cells, run as a script: {bare:.2f} CPU seconds.\n"
    for title, notebooks in (("right", right_class(assignment, size)), ("mixed", mixed_class(assignment, size))):
        few = [notebook for notebook in notebooks if notebook["metadata"].pop("kind", "") != "endless"][:sample]
        systems: list[tuple[Callable[[Assignment, list[Notebook], Path], Measured], list[Notebook]]] = [
            (stock, few),
            (functools.partial(otter, otter_environment), few),
            (ours, notebooks),
            (class_command, notebooks),
            (pool, notebooks),
        ]
        yield f"A {title} class:\n"
        yield "| system | submissions | seconds each | CPU s each | × bare | peak PSS, MiB | × stock |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        reference, missing = 0.0, []
        for grade, its_notebooks in systems:
            try:
                with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                    result = grade(assignment, its_notebooks, Path(folder))
            except Skipped as reason:
                missing.append(f"Left out: {' '.join(str(reason).split())[:400]}")
                continue
            if result.failed:
                missing.append(f"{result.system} ended with an error: it couldn't grade all of them.")
            reference = result.each if grade is stock else reference
            faster = f"{reference / result.each:.1f}" if reference else "–"
            cpu = result.cpu / result.submissions
            yield (
                f"| {result.system} | {result.submissions} | {result.each:.3f} | {cpu:.3f} | "
                f"{cpu / bare:.1f} | {result.memory:.0f} | {faster} |"
            )
        yield from ("", *missing, "") if missing else ("",)
    yield "Where the time of one right submission goes, in a warm process:\n"
    yield "| phase | ms |"
    yield "| --- | --- |"
    yield from (f"| {name} | {milliseconds:.1f} |" for name, milliseconds in profile(assignment))
    yield ""


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignments", nargs="*", default=list(IN_NOTEBOOK_TESTS), help="default: %(default)s")
    parser.add_argument("--size", type=int, default=200, help="submissions of a class (default: %(default)s)")
    parser.add_argument("--sample", type=int, default=10, help="of them, those for stock nbgrader and Otter")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[10, 100, 1000], help="of classes of the first assignment"
    )
    parser.add_argument("--otter", type=Path, default=ROOT / ".venv-otter", help="Otter's own environment")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    unknown = set(arguments.assignments) - set(IN_NOTEBOOK_TESTS)
    if unknown:
        parser.error(
            f"there are no in-notebook tests for {', '.join(unknown)}: only for {', '.join(IN_NOTEBOOK_TESTS)}"
        )
    load = os.getloadavg()[0]
    chosen = "" if arguments.assignments == list(IN_NOTEBOOK_TESTS) else " ".join(["", *arguments.assignments])
    command = f"python tools/benchmark.py{chosen} --size {arguments.size} --sample {arguments.sample} --write"
    lines = [
        "# Benchmark\n",
        f"`{command}` measured this on {cores()} cores, Python {platform.python_version()},",
        f"with a load of {load:.1f} before the start. Seconds are by the clock and include the start of each program;",
        "CPU seconds are those of all processes. *× bare*: relative to the CPU time of the right notebook's own cells.",
        "*× stock*: how many times as many submissions in the same time as stock nbgrader. Stock and Otter grade",
        f"a sample of {arguments.sample}, without the submissions that never end. They run the notebooks with plain",
        "asserts in place of the hidden tests, without sandbox, seeds, diagnosis or partial credit inside a cell.\n",
        "A *mixed* class: half of it wrong in one to three cells (entries of the bank of misconceptions), a tenth",
        "unfilled from some cell on, 4 % crash their process, 1 % loop or print without end.\n",
    ]
    if load > 0.5:
        print(f"The machine is not idle (load {load:.1f}): these figures are provisional.", file=sys.stderr)
        lines.append("The machine was not idle: these figures are provisional.\n")
    print("\n".join(lines), flush=True)
    for name in arguments.assignments:
        for line in compare(Course(ROOT).assignment(name), arguments.size, arguments.sample, arguments.otter):
            print(line, flush=True)
            lines.append(line)
    for line in sizes(Course(ROOT).assignment(arguments.assignments[0]), arguments.sizes) if arguments.sizes else ():
        print(line, flush=True)
        lines.append(line)
    if arguments.write:
        DOCUMENT.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
