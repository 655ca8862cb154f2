"""`autograder grade`: notebooks to Reports, without nbgrader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import autograder
from autograder import seeds
from autograder.classroom import GradingProcessLost, Pool, Settings, cores
from autograder.cli.common import (
    ERRORS,
    CommandError,
    Isolated,
    Verbose,
    complain,
    fail,
    find_course,
    isolation_of,
)
from autograder.course import Assignment, AssignmentError, Course
from autograder.files import write_atomically
from autograder.report import Report, to_json
from autograder.sandbox.limits import MIB, Limits
from autograder.submission import Submission, SubmissionError, read_submission
from autograder.terminal import number, show_report
from autograder.text import printable

_LIMITS = Limits()

GradingCourse = Annotated[
    Path | None,
    typer.Option(
        envvar="AUTOGRADER_COURSE",
        help="The course's folder. Default: this folder, if it has source/ and nbgrader_config.py and the notebook "
        "lies outside of it or in its submitted/STUDENT/ASSIGNMENT/; else the course that this program belongs to.",
    ),
]


def grade(
    assignment: Annotated[str, typer.Argument(help="The assignment's name: that of a folder in the course's source/.")],
    notebooks: Annotated[list[Path], typer.Argument(metavar="NOTEBOOK...", help="The students' notebooks.")],
    json: Annotated[
        Path | None,
        typer.Option(
            help="Write the Report as JSON to this file; - for standard output. "
            "With several notebooks: a folder, which gets STEM.json for each."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Notebooks graded side by side; 0: one for each core.", min=0, show_default=False)
    ] = 0,
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
    illustrations: Annotated[
        bool,
        typer.Option("--illustrations", help="Run the instructor's cells that nothing graded needs, too: figures."),
    ] = False,
    isolation: Isolated = "auto",
    memory: Annotated[int, typer.Option(help="Memory a submission may use, in MiB.", min=64)] = _LIMITS.memory // MIB,
    cell_seconds: Annotated[
        float, typer.Option(help="CPU seconds for one cell of the notebook.", min=0.1)
    ] = _LIMITS.cell_seconds,
    call_seconds: Annotated[
        float, typer.Option(help="CPU seconds for one call of a function.", min=0.1)
    ] = _LIMITS.call_seconds,
    course: GradingCourse = None,
    verbose: Verbose = False,
) -> None:
    """Grade notebooks: for one its points by cell and what each hidden test found, for several a line each.

    A course holds programs that are run here, and decides what is right: one that came with a student's notebook is
    never used by itself. The report names the course that was used.

    Exit status 0 when all were graded, whatever their scores; 2 when one couldn't be.
    """
    console = Console(stderr=str(json) == "-")
    notes: list[str] = []
    try:
        limits = Limits(memory=memory * MIB, cell_seconds=cell_seconds, call_seconds=call_seconds)
        chosen, note = course_for(notebooks, course)
        notes.append(note)
        task = chosen.assignment(assignment)
        files = _json_files(json, notebooks)
        key: int | bytes = seed if seed is not None else b""
        if seed is None:
            secret, note = seeds.course_secret(chosen.folder)
            key = seeds.key_for(secret, assignment, student)
            notes.append(note)
        settings = Settings(
            course=str(chosen.folder),
            assignment=assignment,
            limits=limits,
            isolation=isolation_of(isolation),
            illustrations=illustrations,
        )
        if len(notebooks) == 1:
            report = _grade_one(console, task, settings, notebooks[0], key)
            _write(report, files[0])
            show_report(console, report)
            all_graded = True
        else:
            all_graded = _grade_several(console, task, settings, list(zip(notebooks, files, strict=True)), key, jobs)
    except AssignmentError as error:
        fail(AssignmentError(". ".join(filter(None, (str(error), *notes)))), verbose)
    except ERRORS as error:
        fail(error, verbose)
    for style, text in (("dim", f"course {chosen.folder}"), *(("yellow", f"Note: {note}") for note in notes if note)):
        plain = printable(text, len(text), instead="?")
        console.print(plain, style=style, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all_graded else 2)


def _grade_one(console: Console, task: Assignment, settings: Settings, notebook: Path, key: int | bytes) -> Report:
    with Pool(settings, jobs=1) as pool, console.status(f"Grading {printable(notebook.name, 80)} …"):
        _read(notebook, task)
        return pool.submit(notebook, key).result().report


def _grade_several(
    console: Console,
    task: Assignment,
    settings: Settings,
    notebooks: Sequence[tuple[Path, Path | None]],
    key: int | bytes,
    jobs: int,
) -> bool:
    """Grade notebooks side by side, and write their Reports; returns whether all could be graded."""
    readable = []
    for notebook, file in notebooks:
        try:
            _read(notebook, task)
            readable.append((notebook, file))
        except SubmissionError as error:
            complain(error)
    graded = 0
    with Pool(settings, max(1, min(jobs or cores(), len(readable)))) as pool, console.status("Grading …") as status:
        waiting = [(notebook, file, pool.submit(notebook, key)) for notebook, file in readable]
        for place, (notebook, file, future) in enumerate(waiting, start=1):
            status.update(f"Grading {place} of {len(waiting)}: {printable(notebook.name, 80)} …")
            try:
                report = future.result().report
            except GradingProcessLost as error:
                complain(error)
                continue
            _write(report, file)
            graded += 1
            told = f"{printable(str(notebook), 200)}: {number(report.score)} of {number(report.max_score)} points"
            console.print(told, markup=False, highlight=False, soft_wrap=True)
    return graded == len(notebooks)


def _read(notebook: Path, task: Assignment) -> Submission:
    try:
        return read_submission(notebook, task)
    except SubmissionError as error:
        raise SubmissionError(f"{notebook}: {error}") from None


def _json_files(json: Path | None, notebooks: Sequence[Path]) -> list[Path | None]:
    """Where each notebook's Report goes: made ready before anything is graded.

    Raises:
        CommandError: a folder can't be made, or two Reports would have the same name.
    """
    if json is None or (str(json) == "-" and len(notebooks) == 1):
        return [json] * len(notebooks)
    if str(json) == "-":
        raise CommandError("--json - takes one notebook; with several --json names a folder")
    if len(notebooks) == 1 and not json.is_dir():
        folder, files = json.parent, [json]
    else:
        folder, files = json, [json / f"{notebook.stem}.json" for notebook in notebooks]
    doubled = [one for one in notebooks if sum(one.stem == other.stem for other in notebooks) > 1]
    if doubled:
        names = " and ".join(map(str, doubled[:2]))
        raise CommandError(f"{names} would both be written to {json / doubled[0].stem}.json: give them other names")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--json: {folder} can't be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise CommandError(f"--json: {folder} can't be written to")
    return [*files]


def _write(report: Report, file: Path | None) -> None:
    if file is not None and str(file) == "-":
        sys.stdout.write(to_json(report).decode() + "\n")
    elif file is not None:
        write_atomically(file, to_json(report))


def course_for(notebooks: Sequence[Path], given: Path | None) -> tuple[Course, str]:
    """The course that grades `notebooks`: the given one, the working folder's, or the one this package lies in.

    The working folder may be a student's, unpacked, with a course planted in it that finds all their answers right. It
    counts only as what no such folder is: a course's root with the notebooks outside of it or where nbgrader puts them.

    Returns:
        The course, and a remark where the working folder has another one, or "".

    Raises:
        AssignmentError: there is none.
    """
    if given is not None:
        return find_course(given), ""
    here = Path.cwd().resolve()
    apart = all(_apart(place, here) for notebook in notebooks for place in _places(notebook))
    if (here / "source").is_dir() and (here / "nbgrader_config.py").is_file() and apart:
        return Course(here), ""
    packaged = Path(autograder.__file__).resolve().parent.parent
    remark = f"the course in {here} was not used: say --course {here} if it is yours and no student's"
    remark = remark if (here / "source").is_dir() and here != packaged else ""
    if (packaged / "source").is_dir():
        return Course(packaged), remark
    raise AssignmentError(remark or "name the course's folder with --course")


def _places(notebook: Path) -> Iterator[Path]:
    """Where a notebook lies, as it is named and as its folder's links lead."""
    yield Path(os.path.abspath(notebook))
    # A link in the path leads nowhere that it couldn't be without it.
    yield Path(os.path.abspath(notebook.parent.resolve() / notebook.name))


def _apart(place: Path, course: Path) -> bool:
    """Whether a notebook lies outside of a course's folder, or where nbgrader collects it."""
    return not place.is_relative_to(course) or place.parent.parent.parent == course / "submitted"
