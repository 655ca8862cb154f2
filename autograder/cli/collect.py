"""`autograder collect`: downloads of Canvas and Moodle into nbgrader's submitted/."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from autograder.classroom.downloads import Download, DownloadError, System
from autograder.classroom.roster import read_roster
from autograder.cli.common import ERRORS, CourseFolder, Verbose, complain, fail, find_course
from autograder.text import printable

if TYPE_CHECKING:
    from autograder.nbgrader.collect import Collected
    from autograder.nbgrader.opened import OpenedCourse

_NAMED = 30
"""Students or files named in a list on the terminal; the rest is counted."""

Roster = Annotated[
    Path | None,
    typer.Option(help="The class as a CSV file: Canvas's gradebook export, or Moodle's grading worksheet."),
]
IdColumn = Annotated[
    str | None, typer.Option(help="The heading of the roster's column with the students' ids in the gradebook.")
]
Update = Annotated[bool, typer.Option("--update", help="Take a notebook in place of another one in submitted/.")]


class Systems(StrEnum):
    """Whose rules the names in a download follow."""

    canvas = "canvas"
    moodle = "moodle"
    plain = "plain"


def collect(
    system: Annotated[
        Systems, typer.Argument(help="Who made the download: canvas, moodle, or plain for STUDENT.ipynb.")
    ],
    assignment: Annotated[str, typer.Argument(help="The assignment's name: that of a folder in the course's source/.")],
    download: Annotated[Path, typer.Argument(help="The zip, or a folder that it was unpacked into.")],
    roster: Roster = None,
    id_column: IdColumn = None,
    update: Update = False,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Sort a download of all submissions into submitted/, and say who is missing.

    A file whose student can't be told for sure is listed and left. A notebook that is already there stays, unless
    --update is given. The download isn't changed.

    Exit status 0 when every file found its student; 2 when one didn't.
    """
    console = Console()
    try:
        from autograder.nbgrader.opened import OpenedCourse

        found = find_course(course)
        found.assignment(assignment)
        opened = OpenedCourse(found.folder)
        opened.register(assignment)
        clean = take(console, opened, assignment, download, system.value, roster, id_column, update)
    except (*ERRORS, DownloadError) as error:
        fail(error, verbose)
    raise typer.Exit(0 if clean else 2)


def take(
    console: Console,
    opened: OpenedCourse,
    assignment: str,
    source: Path,
    system: System | None,
    roster: Path | None,
    id_column: str | None,
    update: bool,
) -> bool:
    """Collect a download and say what became of it; returns whether every file found its student.

    Raises:
        DownloadError: the download or the roster can't be read.
    """
    from autograder.nbgrader.collect import collect as sort

    with Download(source, system) as download:
        listed = None if roster is None else read_roster(roster, download.system, id_column)
        collected = sort(opened, assignment, download, listed, update)
    _show(console, collected)
    return not collected.unmatched


def _show(console: Console, collected: Collected) -> None:
    words = f"{len(collected.taken)} notebooks collected"
    if collected.same:
        words += f", {len(collected.same)} were there already"
    console.print(words, highlight=False)
    for note in collected.notes[:_NAMED]:
        _say(console, note)
    if len(collected.notes) > _NAMED:
        _say(console, f"and {len(collected.notes) - _NAMED} more who are late")
    if collected.kept:
        _say(console, f"other notebooks are in submitted/, and stay (--update takes these): {_names(collected.kept)}")
    if collected.missing:
        _say(console, f"{len(collected.missing)} handed in nothing: {_names(collected.missing)}")
    for line in collected.unmatched[:_NAMED]:
        complain(f"left: {line}")
    if len(collected.unmatched) > _NAMED:
        complain(f"left: {len(collected.unmatched) - _NAMED} more")


def _names(students: tuple[str, ...]) -> str:
    more = f" and {len(students) - _NAMED} more" if len(students) > _NAMED else ""
    return ", ".join(students[:_NAMED]) + more


def _say(console: Console, text: str) -> None:
    plain = printable(text, 4000, instead="?")
    console.print(plain, style="yellow", markup=False, highlight=False, soft_wrap=True)
