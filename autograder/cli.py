"""The commands: `autograder grade`, `autograder audit`, `autograder fingerprints`, `autograder doctor`."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import autograder
from autograder import report as reports
from autograder import seeds
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
GradingCourse = Annotated[
    Path | None,
    typer.Option(
        envvar="AUTOGRADER_COURSE",
        help="The course's folder. Default: this folder, if it has source/ and nbgrader_config.py and the notebook "
        "lies outside of it or in its submitted/STUDENT/ASSIGNMENT/; else the course that this program belongs to.",
    ),
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
    student: Annotated[
        str, typer.Option(help="The student's id: with it the inputs are those of nbgrader autograde.")
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(
            help="Repeat a run: the same notebook and seed give the same Report. "
            "By default the course's secret, the assignment, the student and the notebook's bytes decide the seed."
        ),
    ] = None,
    isolation: Isolated = "auto",
    memory: Annotated[int, typer.Option(help="Memory a submission may use, in MiB.", min=64)] = 2048,
    cell_seconds: Annotated[float, typer.Option(help="CPU seconds for one cell of the notebook.", min=0.1)] = 60.0,
    call_seconds: Annotated[float, typer.Option(help="CPU seconds for one call of a function.", min=0.1)] = 10.0,
    course: GradingCourse = None,
    verbose: Verbose = False,
) -> None:
    """Grade one notebook: its points by cell, and what each hidden test found.

    A course holds programs that are run here, and decides what is right: one that came with a student's notebook is
    never used by itself. The report names the course that was used.

    Exit status 0 when it was graded, whatever the score; 2 when it couldn't be.
    """
    console = Console(stderr=str(json) == "-")
    notes: list[str] = []
    try:
        limits = Limits(memory=memory * MIB, cell_seconds=cell_seconds, call_seconds=call_seconds)
        chosen, note = course_for(notebook, course)
        notes.append(note)
        task = chosen.assignment(assignment)
        submission = read_submission(notebook, task)
        if seed is None:
            secret, note = seeds.course_secret(chosen.folder)
            seed = seeds.seed_for(seeds.key_for(secret, assignment, student), submission.digest)
            notes.append(note)
        with console.status("Starting the sandbox …") as status, Grader(task, limits, _isolation(isolation)) as grader:
            _ = grader.notes
            status.update(f"Grading {notebook.name} …")
            graded = grader.grade(submission, seed)
        if json is not None:
            data = reports.to_json(graded.report)
            if str(json) == "-":
                sys.stdout.write(data.decode() + "\n")
            else:
                write_atomically(json, data)
    except AssignmentError as error:
        _fail(AssignmentError(". ".join(filter(None, (str(error), *notes)))), verbose)
    except _ERRORS as error:
        _fail(error, verbose)
    show_report(console, graded.report)
    for style, text in (("dim", f"course {chosen.folder}"), *(("yellow", f"Note: {note}") for note in notes if note)):
        plain = "".join(letter if letter.isprintable() else "?" for letter in text)
        console.print(plain, style=style, markup=False, highlight=False, soft_wrap=True)


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


def course_for(notebook: Path, given: Path | None) -> tuple[Course, str]:
    """The course that grades `notebook`: the one given, that of the working folder, or the one this package lies in.

    The working folder may be a student's, unpacked, with a course planted in it that finds all their answers right. It
    counts only as what no such folder is: a course's root with the notebook outside of it or where nbgrader puts it.

    Returns:
        The course, and a remark where the working folder has another one, or "".

    Raises:
        AssignmentError: there is none.
    """
    if given is not None:
        return find_course(given), ""
    here = Path.cwd().resolve()
    # A link in the path leads nowhere that it couldn't be without it.
    places = (Path(os.path.abspath(notebook)), Path(os.path.abspath(notebook.parent.resolve() / notebook.name)))
    submitted = here / "submitted"
    apart = all(not place.is_relative_to(here) or place.parent.parent.parent == submitted for place in places)
    if (here / "source").is_dir() and (here / "nbgrader_config.py").is_file() and apart:
        return Course(here), ""
    packaged = Path(autograder.__file__).resolve().parent.parent
    remark = f"the course in {here} was not used: say --course {here} if it is yours and no student's"
    remark = remark if (here / "source").is_dir() and here != packaged else ""
    if (packaged / "source").is_dir():
        return Course(packaged), remark
    raise AssignmentError(remark or "name the course's folder with --course")


def find_course(given: Path | None) -> Course:
    """The course: the folder given, this one or one above it, or the one that this package lies in; it has `source/`.

    Raises:
        AssignmentError: there is none.
    """
    if given is not None and not (given / "source").is_dir():
        raise AssignmentError(f"{given} is no course: it has no folder source/")
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
