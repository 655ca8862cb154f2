"""Who is in the class: a list that Canvas or Moodle lets a teacher download, which ties their numbers to students."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from dateutil import parser as dates

from autograder.classroom.downloads import DownloadError, System

_CANVAS_ID = "ID"
_CANVAS_LOGINS = ("SIS Login ID", "SIS User ID")
_MOODLE_TIME = "Last modified (submission)"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A student on the list."""

    student: str
    """The id in nbgrader's gradebook."""
    key: str
    """The number in the names of downloaded files."""
    name: str
    handed_in: datetime | None = None
    """When, in UTC, where the list says so."""


def read_roster(path: Path, system: System, column: str | None) -> dict[str, Listed]:
    """The students on a list, by the number that the names of downloaded files have.

    Args:
        path: of the CSV file: Canvas's gradebook export, or Moodle's grading worksheet in any language.
        system: which of the two.
        column: the heading of the column with the students' ids. By default Canvas's login; Moodle's e-mail address,
            the one column in which every line has an @.

    Raises:
        DownloadError: it isn't such a file, or two students have the same id.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(1 << 16)
            file.seek(0)
            delimiter = max(",;\t", key=sample.split("\n", 1)[0].count)
            rows = [row for row in csv.reader(file, delimiter=delimiter) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DownloadError(f"{path} can't be read: {error}") from None
    if not rows:
        raise DownloadError(f"{path} is empty")
    head, lines = rows[0], rows[1:]
    keys = _canvas_keys(path, head) if system == "canvas" else 0
    lines = [line for line in lines if len(line) == len(head) and re.search(r"\d+\s*$", line[keys])]
    ids = _id_column(path, head, lines, system, column)
    times = head.index(_MOODLE_TIME) if system == "moodle" and _MOODLE_TIME in head else None
    found: dict[str, Listed] = {}
    for line in lines:
        number = re.search(r"\d+\s*$", line[keys])
        assert number is not None
        listed = Listed(
            student=line[ids].strip(),
            key=number[0].strip(),
            name=line[0 if system == "canvas" else 1].strip(),
            handed_in=None if times is None else _utc(line[times]),
        )
        if not listed.student:
            continue
        if listed.key in found or listed.student in {other.student for other in found.values()}:
            raise DownloadError(f"{path}: {listed.student} is there twice")
        found[listed.key] = listed
    if not found:
        raise DownloadError(f"{path} names no student")
    return found


def _canvas_keys(path: Path, head: list[str]) -> int:
    if _CANVAS_ID not in head:
        raise DownloadError(f"{path} has no column {_CANVAS_ID}: export the gradebook from Canvas")
    return head.index(_CANVAS_ID)


def _id_column(path: Path, head: list[str], lines: list[list[str]], system: System, column: str | None) -> int:
    if column is not None:
        if column not in head:
            raise DownloadError(f"{path} has no column {column}; it has {', '.join(head)}")
        return head.index(column)
    if system == "canvas":
        for name in _CANVAS_LOGINS:
            if name in head:
                return head.index(name)
        raise DownloadError(f"{path} has none of the columns {', '.join(_CANVAS_LOGINS)}: name one with --id-column")
    places = [place for place in range(1, len(head)) if lines and all("@" in line[place] for line in lines)]
    if len(places) != 1:
        raise DownloadError(
            f"{path}: the column with the students' ids can't be told: name it with --id-column ({', '.join(head)})"
        )
    return places[0]


def _utc(text: str) -> datetime | None:
    """A time as Moodle writes it, taken to be this machine's, in UTC."""
    try:
        when: datetime = dates.parse(text)
        return when.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
