"""Points for Moodle: a CSV file for its gradebook, or the offline grading worksheet with a zip of feedback pages.

Rules of Moodle's importers. Gradebook: one bad value or unknown user rejects the whole file, an empty grade erases one,
and a row without user takes that of the row before. Worksheet: columns are known by localised names, so the downloaded
file is edited; rows without or with too many points are skipped without a word, and so are those whose time of the last
grade is more than 60 s older than Moodle's own; an emptied comment erases one. Zip: a folder NAME_N_assignfeedback_file
for each participant N, where NAME has no underscore.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from traitlets import Enum, Unicode

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
from autograder.submission import SubmissionError, read_bytes

MAX_PAGE = 64 << 20
"""Bytes of a feedback page."""

_IDENTIFIER = re.compile(r"\D*?(?P<number>\d+)")
_NUMBER = re.compile(r"\d+([.,]\d+)?")
_GRADE = {"grade", "bewertung", "note", "calificación", "cijfer", "valutazione", "avaliação", "nota"}
"""What the column is called in some languages, in small letters; in others it is found by what stands in it."""


class MoodleGradebookExporter(GradesExporter):
    """Writes a CSV file for Moodle's Grades, Import, CSV file."""

    identify = Enum(
        ["id", "email", "lms"],
        "id",
        help="By what Moodle knows the students: id, the gradebook's id (map it to what it is in Moodle: ID number, "
        "username or email address); email; lms, the gradebook's lms_user_id (map it to Moodle's user id).",
    ).tag(config=True)

    default_to = "moodle_grades.csv"

    def write(self, points: list[Points], target: Path) -> None:
        """Write the file: one column that identifies the student, one of points."""
        rows, without = gradebook_rows(points, self.identify, self.exported)
        if without:
            self.log.warning("Left out, because they have no %s that Moodle could know: %s", self.identify, without)
        out = io.StringIO()
        csv.writer(out, lineterminator="\r\n").writerows(rows)
        write_atomically(target, out.getvalue().encode())
        self.tell(len(rows) - 1, [], target)


def gradebook_rows(points: list[Points], identify: str, assignment: str) -> tuple[list[list[str]], list[str]]:
    """The rows of a file for Moodle's gradebook, and who is left out because nothing identifies them.

    There is one identifying column, and no row without it: Moodle would take it for the student above.
    """
    titles = {"id": "Student id", "email": "Email address", "lms": "User id"}
    rows, without = [[titles[identify], assignment]], []
    for entry in points:
        known = {"id": entry.student, "email": entry.email, "lms": entry.lms_user_id}[identify].strip()
        # PHP takes "0" for empty; a spreadsheet takes the others for formulas.
        if known in ("", "0") or known.startswith(("=", "+", "-", "@")):
            without.append(entry.student)
        else:
            rows.append([known, rounded(entry.score)])
    doubled = {row[0] for row in rows if sum(other[0].casefold() == row[0].casefold() for other in rows) > 1}
    if doubled:
        raise GradesError(
            f"more than one student is known by {', '.join(sorted(doubled))}: identify them in another way"
        )
    return rows, without


class MoodleWorksheetExporter(GradesExporter):
    """Edits the offline grading worksheet of a Moodle assignment, and packs the feedback pages for it."""

    downloaded = Unicode("", help="The offline grading worksheet that Moodle's assignment gave.").tag(config=True)
    grade_column = Unicode("", help="The column of grades, as its header has it, where it isn't found.").tag(
        config=True
    )
    feedback_zip = Unicode(
        "", help="The zip for Moodle's 'Upload multiple feedback files in a zip'. Default: beside --to, ending in .zip."
    ).tag(config=True)

    default_to = "moodle_worksheet.csv"

    def write(self, points: list[Points], target: Path) -> None:
        """Write the edited worksheet, and the zip where there are feedback pages."""
        if not self.downloaded:
            raise GradesError("name the worksheet that Moodle gave: --MoodleWorksheetExporter.downloaded=FILE")
        if Path(self.downloaded).resolve() == target.resolve():
            raise GradesError("--to would overwrite the downloaded file: name another one")
        table = read_table(Path(self.downloaded))
        edited, found, notes = edited_worksheet(table, points, self.grade_column)
        for note in notes:
            self.log.warning(note)
        write_atomically(target, table.encoded(edited))
        self.tell(len(found), unmatched(points, found), target)
        numbers = {participant(table.rows[place][0]): entry.student for place, entry in found.items()}
        pages = self._pages(numbers)
        if pages:
            path = Path(self.feedback_zip) if self.feedback_zip else target.with_suffix(".zip")
            write_atomically(path, feedback_zip(pages))
            self.log.info("%d feedback pages packed in %s", len(pages), path)
        else:
            self.log.warning("There are no feedback pages: nbgrader generate_feedback %s makes them", self.exported)

    def _pages(self, numbers: dict[str, str]) -> dict[str, bytes]:
        """By the path in the zip, the feedback page of each participant that has one."""
        coursedir: Any = self.parent.coursedir
        pages = {}
        for number, student in numbers.items():
            folder = Path(coursedir.format_path(coursedir.feedback_directory, student, self.exported))
            try:
                page = read_bytes(folder / f"{self.exported}.html", MAX_PAGE)
            except SubmissionError:
                continue
            pages[f"Participant_{number}_assignfeedback_file/{self.exported}.html"] = page
        return pages


def edited_worksheet(
    table: Table, points: list[Points], grade_column: str = ""
) -> tuple[list[list[str]], dict[int, Points], list[str]]:
    """The rows to upload, whose they are by their place in the downloaded file, and what to tell.

    Args:
        table: as Moodle gave it; everything but the grades stays as it is.
        points: what is exported.
        grade_column: the header of the column of grades; "" finds it.

    Raises:
        GradesError: it is no such worksheet.
    """
    rows = table.rows[1:]
    if not rows or not all(_IDENTIFIER.fullmatch(row[0].strip()) for row in rows):
        raise GradesError(
            "the file is no offline grading worksheet of Moodle's: its first column is not 'Participant' and a number"
        )
    place = _grade_column(table, grade_column)
    # The participant's number counts where no field of identity does: it is a number of this assignment alone.
    found = matched(dict(enumerate((row[1:place] for row in rows), start=1)), points) or matched(
        {number: [row[0], participant(row[0])] for number, row in enumerate(rows, start=1)}, points
    )
    edited, notes = [table.rows[0]], []
    for number, entry in found.items():
        row = table.rows[number]
        most = _value(row[place + 1])
        score = entry.score
        if most != entry.max_score:
            raise GradesError(
                f"Moodle counts {row[place + 1]} points for it and the gradebook {rounded(entry.max_score)}: "
                "change Moodle's maximum grade"
            )
        if score > most:
            notes.append(f"{entry.student}: {rounded(score)} of {rounded(most)} points: Moodle takes no more than all")
            score = most
        text = rounded(score).replace(".", "," if "," in row[place + 1] else ".")
        edited.append([*row[:place], text, *row[place + 1 :]])
    return edited, found, notes


def participant(identifier: str) -> str:
    """The number in ``Participant 42``."""
    match = _IDENTIFIER.fullmatch(identifier.strip())
    assert match is not None
    return match["number"]


def _grade_column(table: Table, wanted: str) -> int:
    """The place of the column of grades: the one whose right neighbour is the maximum, the same number in each row."""
    header = table.header
    if wanted:
        if header.count(wanted.strip()) != 1:
            raise GradesError(f"the worksheet has no single column {wanted}; it has {'; '.join(header)}")
        return header.index(wanted.strip())
    found = []
    for place in range(1, len(header) - 1):
        grades = [row[place].strip() for row in table.rows[1:]]
        most = {row[place + 1].strip() for row in table.rows[1:]}
        numbers = all(text in ("", "-") or _NUMBER.fullmatch(text) for text in grades)
        if numbers and len(most) == 1 and _NUMBER.fullmatch(text := most.pop()) and _value(text) > 0:
            found.append(place)
    named = [place for place in found if header[place].casefold() in _GRADE]
    found = named or found
    if len(found) != 1:
        raise GradesError(
            "the worksheet's column of grades isn't clear (Moodle's scales are not supported): name it with "
            f"--MoodleWorksheetExporter.grade_column=… ({'; '.join(header)})"
        )
    return found[0]


def _value(text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise GradesError(f"the worksheet's maximum grade is no number: {text}") from None


def feedback_zip(pages: dict[str, bytes]) -> bytes:
    """A zip of `pages` by their paths; the same pages give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, page in sorted(pages.items()):
            archive.writestr(zipfile.ZipInfo(path), page, zipfile.ZIP_DEFLATED)
    return out.getvalue()
