"""Commands that begin something: a course, an assignment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.common import ERRORS, CourseFolder, Verbose, fail
from autograder.course import AssignmentError, Course
from autograder.scaffold import make_assignment, make_course


def init(
    folder: Annotated[Path, typer.Argument(help="The new course's folder.")],
    verbose: Verbose = False,
) -> None:
    """Make a course: source/, assignments/, nbgrader_config.py, README.md, .gitignore. Nothing is overwritten."""
    try:
        written = make_course(folder)
    except ERRORS as error:
        fail(error, verbose)
    console = Console()
    for path in written:
        console.print(f"{path}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"A course is ready. Next: cd {folder}, then autograder new NAME.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def new(
    name: Annotated[str, typer.Argument(help="The assignment's name: letters, digits and _.")],
    torch: Annotated[bool, typer.Option("--torch", help="Students may use torch, and not NumPy alone.")] = False,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Make an assignment that can be graded at once; then replace its one function by yours.

    It has a notebook in source/NAME/, and in assignments/NAME/ its hidden tests, right answers, misconceptions and
    unusual right answers.
    """
    try:
        notebook, hidden = make_assignment(_course_here(course), name, "torch" if torch else "numpy")
    except ERRORS as error:
        fail(error, verbose)
    Console().print(
        f"{notebook}/{name}.ipynb: the notebook with its solution\n"
        f"{hidden}: hidden tests, right answers, misconceptions, unusual right answers\n"
        f"Next: autograder audit {name}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _course_here(given: Path | None) -> Course:
    """The course given, or the one around the working folder; never another one, for a command that writes."""
    candidates = [given] if given is not None else [Path.cwd(), *Path.cwd().parents]
    for candidate in candidates:
        if (candidate / "source").is_dir():
            return Course(candidate)
    raise AssignmentError(f"{given or Path.cwd()} is in no course (a folder with source/): autograder init makes one")
