"""All that the class report shows, computed from the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from autograder.statistics.items import CellItem, CheckItem, cell_items, check_items
from autograder.statistics.mistakes import Mistake, Unexplained, mistakes, unexplained
from autograder.statistics.records import ClassRecords, Record, empty_cells, filled_in
from autograder.statistics.similarity import Likeness


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution in numbers; the standard deviation is that of a sample."""

    values: tuple[float, ...]
    mean: float
    deviation: float
    lowest: float
    quarter: float
    median: float
    three_quarters: float
    highest: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A number that hidden tests measured, over the class."""

    name: str
    spread: Spread
    students: int


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome other than passed and failed, and who met it."""

    outcome: str
    students: tuple[str, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One student in a line."""

    student: str
    name: str
    score: float
    max_score: float
    penalty: float
    waiting: int
    cells: tuple[tuple[str, float, float], ...]
    """grade_id, points and most points of each auto-graded cell."""
    empty: int
    mistakes: tuple[str, ...]
    """Ids of misconceptions."""
    problems: tuple[str, ...]
    seconds: float
    measured: Mapping[str, float]
    """What hidden tests measured."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the class report shows."""

    assignment: str
    rows: tuple[Row, ...]
    points: Spread | None
    """None where nobody's submission was graded."""
    max_score: float
    with_written: bool
    """Whether `points` are all points, and not those of code alone, because no written answer waits any more."""
    waiting: int
    """Written answers that wait."""
    blank: tuple[str, ...]
    """Who filled in nothing; left out of items."""
    cells: tuple[CellItem, ...]
    checks: tuple[CheckItem, ...]
    mistakes: tuple[Mistake, ...]
    unexplained: tuple[Unexplained, ...]
    empty_written: tuple[tuple[str, tuple[str, ...]], ...]
    """Written answers not given, by cell."""
    measured: tuple[Measured, ...]
    seconds: Spread | None
    limits: tuple[Limit, ...]
    isolations: tuple[tuple[str, int], ...]
    versions: tuple[tuple[str, int], ...]
    """Libraries' versions, and how many were graded with them."""
    notes: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Students whose graded notebook can't be used, and why."""
    likeness: Likeness


def summarised(
    found: ClassRecords, code_of: Mapping[str, str], known: Mapping[str, tuple[str, str]], likeness: Likeness
) -> Summary:
    """Compute the class report.

    Args:
        found: the class.
        code_of: for each graded cell, the student's cell that it grades.
        known: the bank's titles and hints of misconceptions, by id.
        likeness: submissions that are alike.
    """
    records = found.records
    tried = [record for record in records if filled_in(record, found.stub)]
    waiting = sum(record.waiting for record in records)
    empty = {record.student: empty_cells(record, found.stub) for record in records}
    found_mistakes = mistakes(records, known, code_of, empty)
    had = {name: [mistake.id for mistake in found_mistakes if name in mistake.students] for name in empty}
    written = dict.fromkeys(cell.grade_id for record in records for cell in record.report.manual)
    return Summary(
        assignment=found.assignment,
        rows=tuple(_row(record, empty[record.student], had[record.student]) for record in records),
        points=spread([record.report.score if waiting else record.score for record in records]),
        max_score=max((r.report.max_score if waiting else r.max_score for r in records), default=0.0),
        with_written=not waiting,
        waiting=waiting,
        blank=tuple(record.student for record in records if record not in tried),
        cells=tuple(cell_items(records, found.stub, code_of)),
        checks=tuple(check_items(tried)),
        mistakes=tuple(found_mistakes),
        unexplained=tuple(unexplained(records, code_of, empty)),
        empty_written=tuple((cell, tuple(who for who in empty if cell in empty[who])) for cell in written),
        measured=tuple(_measured(records)),
        seconds=spread([record.report.duration for record in records]),
        limits=tuple(_limits(records)),
        isolations=tuple(Counter(record.report.isolation for record in records).most_common()),
        versions=tuple(_versions(records)),
        notes=tuple(_notes(found)),
        unreadable=tuple((entry.student, entry.reason) for entry in found.unreadable),
        likeness=likeness,
    )


def spread(values: Sequence[float]) -> Spread | None:
    """The distribution of `values`; None where there are none."""
    if not values:
        return None
    lowest, quarter, median, three_quarters, highest = np.percentile(values, [0, 25, 50, 75, 100]).tolist()
    return Spread(
        values=tuple(values),
        mean=float(np.mean(values)),
        deviation=float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        lowest=lowest,
        quarter=quarter,
        median=median,
        three_quarters=three_quarters,
        highest=highest,
    )


def _row(record: Record, empty: Sequence[str], had: Sequence[str]) -> Row:
    report = record.report
    return Row(
        student=record.student,
        name=record.name,
        score=record.score,
        max_score=record.max_score,
        penalty=record.penalty,
        waiting=record.waiting,
        cells=tuple((cell.grade_id, cell.score, cell.max_score) for cell in report.cells),
        empty=len(empty),
        mistakes=tuple(had),
        problems=report.problems,
        seconds=report.duration,
        measured=report.measured,
    )


def _measured(records: Sequence[Record]) -> list[Measured]:
    values: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.report.measured.items():
            values.setdefault(name, []).append(value)
    return [
        Measured(name=name, spread=found, students=len(numbers))
        for name, numbers in values.items()
        if (found := spread(numbers)) is not None
    ]


def _limits(records: Sequence[Record]) -> list[Limit]:
    who: dict[str, dict[str, None]] = {}
    for record in records:
        for cell in record.report.cells:
            for check in cell.checks:
                if check.outcome not in ("passed", "failed", "error"):
                    who.setdefault(check.outcome, {})[record.student] = None
    return [Limit(outcome=outcome, students=tuple(students)) for outcome, students in sorted(who.items())]


def _versions(records: Sequence[Record]) -> list[tuple[str, int]]:
    texts = Counter(
        ", ".join(f"{name} {version}" for name, version in sorted(record.report.versions.items())) for record in records
    )
    return [(text, count) for text, count in texts.most_common() if text]


def _notes(found: ClassRecords) -> list[str]:
    """What an instructor should know before trusting the figures."""
    notes = []
    if found.absent:
        notes.append(f"Nothing graded of {len(found.absent)} in the gradebook: {', '.join(found.absent)}.")
    if open_ := [record.student for record in found.records if record.report.isolation == "none"]:
        notes.append(f"Graded without a sandbox: {', '.join(open_)}.")
    if len({record.report.max_score for record in found.records}) > 1:
        notes.append("Not all were graded with the same points: grade them again.")
    return notes
