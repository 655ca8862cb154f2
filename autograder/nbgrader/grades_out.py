"""What the exporters to other gradebooks share: points out of nbgrader's gradebook, tables in, tables out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import msgspec
from nbgrader.api import MissingEntry
from nbgrader.plugins import ExportPlugin
from traitlets import Bool


class GradesError(Exception):
    """Grades can't be exported; the message says why and what to do."""


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """A student's points in one assignment."""

    student: str
    email: str = ""
    lms_user_id: str = ""
    score: float
    """All points less the late penalty."""
    max_score: float
    waiting: int = 0
    """Cells that a person has to look at: a written answer without points, or one that was handed in anew."""


class Table(msgspec.Struct):
    """A CSV file with all that is needed to write it as it was."""

    rows: list[list[str]]
    delimiter: str
    marked: bool
    """Whether it begins with a byte order mark."""
    line_end: str

    @property
    def header(self) -> list[str]:
        """The first row, without spaces at the ends."""
        return [text.strip() for text in self.rows[0]]

    def encoded(self, rows: Iterable[Sequence[str]]) -> bytes:
        """`rows` in the form of this file."""
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter, lineterminator=self.line_end).writerows(rows)
        return out.getvalue().encode("utf-8-sig" if self.marked else "utf-8")


def read_table(path: Path) -> Table:
    """Read a CSV file whose fields are separated by commas, semicolons or tabs.

    Raises:
        GradesError: it can't be read as such.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise GradesError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GradesError(f"{path} is not in UTF-8: download it again, and don't save it with a spreadsheet") from None
    line_end = "\r\n" if "\r\n" in text else "\n"
    found = []
    for delimiter in ",;\t":
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        rows = [row for row in rows if any(field.strip() for field in row)]
        if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows):
            found.append(Table(rows, delimiter, data.startswith(b"\xef\xbb\xbf"), line_end))
    if not found:
        raise GradesError(f"{path} is no table: its rows have different numbers of fields")
    return max(found, key=lambda table: len(table.rows[0]))


def rounded(score: float) -> str:
    """Points with at most two decimals, halves up, as Canvas and Moodle show them."""
    return f"{Decimal(repr(score)).quantize(Decimal('0.01'), ROUND_HALF_UP):f}".rstrip("0").rstrip(".")


def matched(rows: Mapping[int, Sequence[str]], points: Sequence[Points]) -> dict[int, Points]:
    """Which row is whose: one field identifies all of them, by one kind of id, and never by a name.

    Two kinds of numbers would be mixed up otherwise: one student's number here is another's there.

    Args:
        rows: by their place, the fields that may identify a student; as many in each row.
        points: the students.

    Raises:
        GradesError: two fields say different things, or a student would have two rows.
    """
    width = len(next(iter(rows.values()), ()))
    kinds = ("student", "email", "lms_user_id")
    ways = [found for field in range(width) for kind in kinds if (found := _matched(rows, points, field, kind))]
    most = max(map(len, ways), default=0)
    best = [found for found in ways if len(found) == most]
    if any(other != best[0] for other in best):
        raise GradesError("the file's ids can be read in two ways that lead to different students")
    return best[0] if best else {}


def _matched(rows: Mapping[int, Sequence[str]], points: Sequence[Points], field: int, kind: str) -> dict[int, Points]:
    known = {str(getattr(entry, kind)).strip().casefold(): entry for entry in points if getattr(entry, kind)}
    if len(known) < sum(bool(getattr(entry, kind)) for entry in points):
        return {}  # two students have the same
    found = {
        place: known[name] for place, fields in rows.items() if (name := fields[field].strip().casefold()) in known
    }
    students = [entry.student for entry in found.values()]
    doubled = sorted({name for name in students if students.count(name) > 1})
    if doubled:
        raise GradesError(f"more than one row of the file is that of {', '.join(doubled)}")
    return found


class GradesExporter(ExportPlugin):
    """An exporter of one assignment's points to another gradebook."""

    incomplete = Bool(
        False,
        help="Export the points of students at whose work a person has to look first, too; else they are left out.",
    ).tag(config=True)

    default_to = ""
    """The file that is written where --to is not given."""

    def export(self, gradebook: Any) -> None:
        """Write the file."""
        try:
            self.write(self._points(gradebook), Path(self.to or self.default_to))
        except GradesError as error:
            self.parent.fail(str(error))
        except OSError as error:
            self.parent.fail(f"{error.filename} can't be written: {error.strerror}")

    def write(self, points: list[Points], target: Path) -> None:
        """Write `points` to `target`.

        Raises:
            GradesError: it isn't possible.
        """
        raise NotImplementedError

    def the_assignment(self, gradebook: Any) -> str:
        """The one assignment that is exported."""
        names = [str(name) for name in self.assignment] or [entry.name for entry in gradebook.assignments]
        if len(names) != 1:
            raise GradesError(f"name one assignment: --assignment=NAME (there are {', '.join(names) or 'none'})")
        return names[0]

    def _points(self, gradebook: Any) -> list[Points]:
        """The points of everybody with a graded submission, but for those whose answers wait."""
        self.exported = self.the_assignment(gradebook)
        try:
            gradebook.find_assignment(self.exported)
        except MissingEntry:
            raise GradesError(f"the gradebook knows no assignment {self.exported}") from None
        wanted = {str(name) for name in self.student}
        found = [entry for entry in _all_points(gradebook, self.exported) if not wanted or entry.student in wanted]
        waiting = [entry.student for entry in found if entry.waiting]
        if waiting and not self.incomplete:
            self.log.warning(
                "Left out, because a person has to look at them first (--%s.incomplete=True exports them): %s",
                type(self).__name__,
                ", ".join(waiting),
            )
            found = [entry for entry in found if not entry.waiting]
        if not found:
            raise GradesError(f"nobody has a grade in {self.exported} that could be exported")
        return found

    def tell(self, written: int, unmatched: Sequence[str], target: Path) -> None:
        """Log what was written, and who has no row there."""
        if unmatched:
            self.log.warning("Not in the downloaded file, by any id: %s", ", ".join(unmatched))
        self.log.info("%d grades written to %s", written, target)


def _all_points(gradebook: Any, assignment: str) -> Iterator[Points]:
    for submission in gradebook.assignment_submissions(assignment):
        student = submission.student
        yield Points(
            student=student.id,
            email=student.email or "",
            lms_user_id=student.lms_user_id or "",
            score=max(0.0, float(submission.score) - float(submission.late_submission_penalty or 0.0)),
            max_score=float(submission.max_score),
            waiting=sum(
                bool(grade.needs_manual_grade) for notebook in submission.notebooks for grade in notebook.grades
            ),
        )


def unmatched(points: Sequence[Points], found: dict[int, Points]) -> list[str]:
    """The students without a row."""
    there = {entry.student for entry in found.values()}
    return [entry.student for entry in points if entry.student not in there]
