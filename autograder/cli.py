"""The commands: `autograder grade`, `autograder audit`, `autograder fingerprints`, `autograder doctor`."""

from __future__ import annotations

import secrets
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import autograder
from autograder import report as reports
from autograder.course import AssignmentError, Course
from autograder.grading import Grader, Isolation
from autograder.sandbox.errors import SandboxError
from autograder.sandbox.limits import MIB, Limits
from autograder.submission import SubmissionError, read_submission
from autograder.terminal import show_report

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__)

_ERRORS = (AssignmentError, SubmissionError, SandboxError, OSError)

CourseFolder = Annotated[
    Path | None, typer.Option(help="The course's folder, with source/ in it. Default: this one or one above it.")
]
Isolated = Annotated[str, typer.Option(help="auto or inner: behind walls, or not at all; none: without walls.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show tracebacks of the grader's own errors.")]


@app.callback()
def main() -> None:
    """Grade notebooks of the course "Training Neural Networks"."""


@app.command()
def grade(
    assignment: Annotated[str, typer.Argument(help="The assignment's name, such as ps4_training_loop.")],
    notebook: Annotated[Path, typer.Argument(help="The student's notebook.")],
    json: Annotated[
        Path | None, typer.Option(help="Write the Report as JSON to this file; - for standard output.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Repeat a run: the same notebook and seed give the same Report.")
    ] = None,
    isolation: Isolated = "auto",
    memory: Annotated[int, typer.Option(help="Memory a submission may use, in MiB.", min=64)] = 2048,
    cell_seconds: Annotated[float, typer.Option(help="CPU seconds for one cell of the notebook.", min=0.1)] = 60.0,
    call_seconds: Annotated[float, typer.Option(help="CPU seconds for one call of a function.", min=0.1)] = 10.0,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Grade one notebook: its points by cell, and what each hidden test found.

    Exit status 0 when it was graded, whatever the score; 2 when it couldn't be.
    """
    console = Console(stderr=str(json) == "-")
    try:
        limits = Limits(memory=memory * MIB, cell_seconds=cell_seconds, call_seconds=call_seconds)
        task = find_course(course).assignment(assignment)
        submission = read_submission(notebook, task)
        with console.status("Starting the sandbox …") as status, Grader(task, limits, _isolation(isolation)) as grader:
            _ = grader.notes
            status.update(f"Grading {notebook.name} …")
            graded = grader.grade(submission, secrets.randbits(32) if seed is None else seed)
        if json is not None:
            data = reports.to_json(graded.report)
            if str(json) == "-":
                sys.stdout.write(data.decode() + "\n")
            else:
                write_atomically(json, data)
    except _ERRORS as error:
        _fail(error, verbose)
    show_report(console, graded.report)


@app.command()
def doctor(course: CourseFolder = None, verbose: Verbose = False) -> None:
    """Check that this machine can grade: walls, libraries, the course's files. Exit status 1 if it can't."""
    from autograder.doctor import examine

    try:
        healthy = examine(Console(), find_course(course))
    except _ERRORS as error:
        _fail(error, verbose)
    raise typer.Exit(0 if healthy else 1)


@app.command()
def audit(
    assignment: Annotated[str | None, typer.Argument(help="One assignment; default: all of the course's.")] = None,
    seed: Annotated[int, typer.Option(help="The seed that all of them are graded with.")] = 0,
    jobs: Annotated[int, typer.Option(help="Grading processes side by side; 0: one for each core.", min=0)] = 0,
    isolation: Isolated = "auto",
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Grade every known misconception and every unusual right answer as if a student had sent it.

    Exit status 1 where a misconception loses nothing, is taken for another, or costs points in other cells, or
    where a right answer loses points: then the hidden tests need work.
    """
    from autograder.audit import audit as run
    from autograder.audit import show
    from autograder.classroom import ClerkLost, Settings, cores

    console = Console()
    faults = 0
    try:
        found = find_course(course)
        for name in [assignment] if assignment else found.names:
            settings = Settings(course=str(found.folder), assignment=name, isolation=_isolation(isolation))
            findings = run(settings, jobs or cores(), seed, console)
            show(console, name, findings)
            faults += sum(bool(finding.faults) for finding in findings)
    except (*_ERRORS, ClerkLost) as error:
        _fail(error, verbose)
    raise typer.Exit(1 if faults else 0)


@app.command()
def fingerprints(
    assignment: Annotated[str | None, typer.Argument(help="One assignment; default: all of the course's.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 if a file is out of date.")
    ] = False,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Write known_mistakes.json beside each notebook: numbers by which its visible checks know common mistakes.

    Run it after a change to a bank of misconceptions or to a notebook, and then make the release anew.
    """
    from autograder.fingerprints import FILENAME, known_mistakes

    console = Console()
    stale = []
    try:
        found = find_course(course)
        for name in [assignment] if assignment else found.names:
            task = found.assignment(name)
            path = task.folder / FILENAME
            with console.status(f"Running {name} …"):
                data = known_mistakes(task)
            if path.exists() and path.read_bytes() == data:
                console.print(f"{name}: up to date", markup=False)
            elif check:
                stale.append(name)
            else:
                write_atomically(path, data)
                console.print(f"{name}: {FILENAME} written", markup=False)
    except _ERRORS as error:
        _fail(error, verbose)
    if stale:
        console.print(f"out of date (autograder fingerprints mends it): {', '.join(stale)}", style="red", markup=False)
        raise typer.Exit(1)


def find_course(given: Path | None) -> Course:
    """The course: the folder given, this one or one above it, or the one that this package lies in; it has `source/`.

    Raises:
        AssignmentError: there is none.
    """
    candidates = [given] if given else [Path.cwd(), *Path.cwd().parents, Path(autograder.__file__).parent.parent]
    for candidate in candidates:
        if (candidate / "source").is_dir():
            return Course(candidate)
    raise AssignmentError("there is no folder source/ here or above: name the course's folder with --course")


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds all of it or what it held before."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _isolation(name: str) -> Isolation:
    if name not in ("auto", "inner", "none"):
        raise typer.BadParameter("it takes auto, inner or none", param_hint="--isolation")
    return name  # type: ignore[return-value]


def _fail(error: BaseException, verbose: bool) -> None:
    if verbose:
        traceback.print_exception(error)
    Console(stderr=True).print(f"autograder: {error}", style="red", markup=False, highlight=False)
    raise typer.Exit(2)
