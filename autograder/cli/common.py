"""What several commands share: options, the course, errors."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

import autograder
from autograder.classroom import GradingProcessLost
from autograder.course import AssignmentError, Course
from autograder.sandbox.errors import SandboxError
from autograder.sandbox.limits import Isolation
from autograder.submission import SubmissionError
from autograder.text import printable


class CommandError(Exception):
    """A command can't be carried out as it was typed; the message says why."""


ERRORS = (CommandError, AssignmentError, SubmissionError, SandboxError, GradingProcessLost, OSError)
"""What a command reports in a line, with exit status 2."""

MAX_MESSAGE = 4000
"""Characters of an error on the terminal."""

CourseFolder = Annotated[
    Path | None, typer.Option(help="The course's folder, with source/ in it. Default: this one or one above it.")
]
OneOrAll = Annotated[str | None, typer.Argument(help="One assignment; default: all of the course's.")]
Isolated = Annotated[str, typer.Option(help="auto: requires a sandbox; none: disables it.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show tracebacks of the grader's own errors.")]


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


def isolation_of(name: str) -> Isolation:
    """The value of --isolation."""
    if name not in ("auto", "none"):
        raise typer.BadParameter("it takes auto or none", param_hint="--isolation")
    return name  # type: ignore[return-value]


def complain(error: BaseException | str) -> None:
    """Print an error on standard error, with nothing in it that could move the terminal's cursor."""
    text = printable(str(error), MAX_MESSAGE, keep="\n", instead="?")
    Console(stderr=True).print(f"autograder: {text}", style="red", markup=False, highlight=False, soft_wrap=True)


def fail(error: BaseException, verbose: bool) -> NoReturn:
    """End with exit status 2."""
    if verbose:
        traceback.print_exception(error)
    complain(error)
    raise typer.Exit(2)
