"""Commands that look at a course: are its tests good, can this machine grade it, are its fingerprints up to date."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.common import (
    ERRORS,
    CourseFolder,
    Isolated,
    OneOrAll,
    Verbose,
    complain,
    fail,
    find_course,
    isolation_of,
)
from autograder.files import write_atomically


def doctor(course: CourseFolder = None, verbose: Verbose = False) -> None:
    """Check that this machine can grade: sandbox, libraries, the course's files.

    Exit status 1 where this machine lacks something, 2 where an author's slip is in the course's files.
    """
    from autograder.doctor import examine_course, examine_machine

    console = Console()
    try:
        found = find_course(course)
        able = examine_machine(console)
        sound = examine_course(console, found)
    except ERRORS as error:
        fail(error, verbose)
    raise typer.Exit(0 if able and sound else 1 if sound else 2)


def audit(
    assignment: OneOrAll = None,
    seed: Annotated[int, typer.Option(help="The seed that all of them are graded with.")] = 0,
    jobs: Annotated[int, typer.Option(help="Grading processes side by side; 0: one for each core.", min=0)] = 0,
    isolation: Isolated = "auto",
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Grade the solution, every known misconception and every unusual right answer as if a student had sent it.

    Exit status 1 where the solution or another right answer loses points, or a misconception loses nothing, is taken
    for another, or costs points in other cells: then the hidden tests need work. Exit status 2 where an author's slip
    keeps an assignment from being graded: the message names the file and the cell.
    """
    from autograder.audit import SolutionFails, show
    from autograder.audit import audit as run
    from autograder.classroom import Settings, cores
    from autograder.slips import slips

    console = Console()
    faults = 0
    try:
        found = find_course(course)
        names = [assignment] if assignment else found.names
        found_slips = [slip for name in names for slip in slips(found, name)]
        for slip in found_slips:
            complain(slip)
        if found_slips:
            raise typer.Exit(2)
        for name in names:
            settings = Settings(course=str(found.folder), assignment=name, isolation=isolation_of(isolation))
            try:
                findings = run(settings, jobs or cores(), seed, console)
            except SolutionFails as error:
                for fault in error.faults:
                    complain(fault)
                faults += len(error.faults)
                continue
            show(console, name, findings)
            faults += sum(bool(finding.faults) for finding in findings)
    except ERRORS as error:
        fail(error, verbose)
    raise typer.Exit(1 if faults else 0)


def fingerprints(
    assignment: OneOrAll = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 if a file is out of date.")
    ] = False,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Write known_mistakes.json beside each notebook: numbers by which its visible checks know common mistakes.

    Run it after a change to a bank of misconceptions or to a notebook, and then make the release anew. An assignment
    without helper.py, whose visible checks are plain assertions, needs none.
    """
    from autograder.fingerprints import FILENAME, known_mistakes

    console = Console()
    stale = []
    try:
        found = find_course(course)
        for name in [assignment] if assignment else found.names:
            task = found.assignment(name)
            path = task.folder / FILENAME
            if not (task.folder / "helper.py").exists():
                console.print(f"{name}: it has no helper.py, so its visible checks know no mistakes", markup=False)
                continue
            with console.status(f"Running {name} …"):
                data = known_mistakes(task)
            if path.exists() and path.read_bytes() == data:
                console.print(f"{name}: up to date", markup=False)
            elif check:
                stale.append(name)
            else:
                write_atomically(path, data)
                console.print(f"{name}: {FILENAME} written", markup=False)
    except ERRORS as error:
        fail(error, verbose)
    if stale:
        console.print(f"out of date (autograder fingerprints mends it): {', '.join(stale)}", style="red", markup=False)
        raise typer.Exit(1)
