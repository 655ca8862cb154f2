"""Points for Canvas: the CSV file that its gradebook exports, edited so that it can be imported again.

Rules of Canvas's importer: a student is known by ID, SIS User ID or SIS Login ID; a column whose title has no id of an
assignment makes a new assignment; an empty cell over a grade erases it; ``EX`` excuses; scores have two decimals.
"""

from __future__ import annotations

import re
from pathlib import Path

from traitlets import Bool, Unicode

from autograder.files import write_atomically
from autograder.nbgrader.grades_out import (
    GradesError,
    GradesExporter,
    Points,
    Table,
    matched,
    read_table,
    rounded,
    unmatched,
)

_IDS = ("ID", "SIS User ID", "SIS Login ID", "Integration ID")
_TITLE = re.compile(r"(?P<title>.*\S)\s+\((?P<id>\d+)\)")


class CanvasExporter(GradesExporter):
    """Edits the CSV file downloaded from Canvas's gradebook."""

    downloaded = Unicode("", help="The file that Canvas's gradebook exported.").tag(config=True)
    column = Unicode(
        "", help="The assignment's column in it: its title, its id, or both as there. Default: the assignment's name."
    ).tag(config=True)
    rescale = Bool(
        False, help="Convert points where Canvas counts another number of points for the assignment than the gradebook."
    ).tag(config=True)

    default_to = "canvas_grades.csv"

    def write(self, points: list[Points], target: Path) -> None:
        """Write the edited file."""
        if not self.downloaded:
            raise GradesError("name the file that Canvas's gradebook exported: --CanvasExporter.downloaded=FILE")
        if Path(self.downloaded).resolve() == target.resolve():
            raise GradesError("--to would overwrite the downloaded file: name another one")
        table = read_table(Path(self.downloaded))
        edited, found = edited_table(table, points, self.column or self.exported, rescale=self.rescale)
        write_atomically(target, table.encoded(edited))
        self.tell(len(found), unmatched(points, found), target)


def edited_table(
    table: Table, points: list[Points], column: str, *, rescale: bool = False
) -> tuple[list[list[str]], dict[int, Points]]:
    """The rows to import, and whose they are by their place in the downloaded file.

    Rows of students without a grade are left out, so that no empty cell can erase one; excused students stay excused.

    Args:
        table: as Canvas exported it.
        points: what is exported.
        column: the assignment's title, id, or both.
        rescale: convert points to those of Canvas.

    Raises:
        GradesError: it is no gradebook of Canvas's, or its points are others.
    """
    header = table.header
    first = 0 if header[0] == "Student" else 2 if header[:2] == ["LastName", "FirstName"] else None
    if first is None or "ID" not in header or "Section" not in header:
        raise GradesError("the file is no gradebook of Canvas's: it has no columns Student, ID and Section")
    place = _column(header, column)
    ids = [header.index(name) for name in _IDS if name in header]
    kept: list[int] = []
    rows: dict[int, list[str]] = {}
    factor: dict[float, float] = {}
    for number, row in enumerate(table.rows):
        if number == 0:
            continue
        if "Points Possible" in row[0]:
            factor = _factors(row[place], points, rescale)
            kept.append(number)
        elif row[header.index("ID")].strip():
            rows[number] = [row[index] for index in ids]
    found = matched(rows, points)
    edited = []
    for number, row in enumerate(table.rows):
        if number == 0 or number in kept:
            edited.append(row)
        elif number in found:
            excused = row[place].strip().upper() == "EX"
            score = found[number].score * factor.get(found[number].max_score, 1.0)
            edited.append([*row[:place], row[place] if excused else rounded(score), *row[place + 1 :]])
    return edited, found


def _column(header: list[str], wanted: str) -> int:
    """The place of the assignment's column."""
    found, titles = [], []
    for place, text in enumerate(header):
        match = _TITLE.fullmatch(text)
        if match:
            titles.append(text)
            if wanted.strip() in (text, match["title"], match["id"]):
                found.append(place)
    if len(found) == 1:
        return found[0]
    problem = "no assignment" if not found else "more than one assignment"
    choice = "; ".join(titles) or "none"
    raise GradesError(f"Canvas's file has {problem} {wanted}: choose one with --CanvasExporter.column=… ({choice})")


def _factors(possible: str, points: list[Points], rescale: bool) -> dict[float, float]:
    """By an assignment's most points, what one of them is worth in Canvas."""
    try:
        most = float(possible.strip().replace(",", "."))
    except ValueError:
        return {}
    factors = {}
    for entry in points:
        if entry.max_score != most and not rescale:
            raise GradesError(
                f"Canvas counts {rounded(most)} points for it and the gradebook {rounded(entry.max_score)}: change "
                "Canvas's, or convert the points with --CanvasExporter.rescale=True"
            )
        factors[entry.max_score] = most / entry.max_score if entry.max_score else 1.0
    return factors
