"""Which course grades a notebook that somebody names on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

import autograder
from autograder.cli.common import find_course
from autograder.course import AssignmentError, Course

GradingCourse = Annotated[
    Path | None,
    typer.Option(
        envvar="AUTOGRADER_COURSE",
        help="The course's folder. Default: this folder, if it has source/ and nbgrader_config.py and the notebook "
        "lies outside of it or in its submitted/STUDENT/ASSIGNMENT/; else the course that this program belongs to.",
    ),
]


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
