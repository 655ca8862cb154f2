"""Item analysis: for each check, how many pass it, and whether those who do are the ones who do well elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from autograder.report import CellReport
from autograder.statistics.records import Record, empty_cells

FEW = 30
"""Below so many students a correlation says little."""


class CheckItem(msgspec.Struct, frozen=True, kw_only=True):
    """One check over all students."""

    cell: str
    name: str
    title: str
    students: int
    """How many submissions the figures rest on."""
    passed: float
    """The share of them that passed."""
    separates: float | None
    """Point-biserial correlation of passing with all other points of the Report, this check's own left out; None
    where all or none passed, or all others are equal."""
    interval: tuple[float, float] | None
    """Where it lies with 95 % probability, by Fisher's z; None below four students."""

    @property
    def advice(self) -> str:
        """What a teacher may want to look at, in a few words; empty where there is nothing."""
        if self.students < FEW:
            return "few students"
        if self.separates is not None and self.separates < 0:
            return "the strong fail it more often: look at this check"
        if self.passed < 0.1:
            return "almost nobody passes"
        if self.separates is not None and self.separates < 0.15 and self.passed < 0.95:
            return "hardly separates"
        return ""


class CellItem(msgspec.Struct, frozen=True, kw_only=True):
    """One graded cell over all students; shares of all of them."""

    grade_id: str
    max_score: float
    mean: float
    """Mean share of the points."""
    full: float
    none: float
    empty: tuple[str, ...]
    """Who left it empty."""
    seconds: float
    """Median of the time that its checks took, by the clock."""


def check_items(records: Sequence[Record]) -> list[CheckItem]:
    """Every check that any Report has, in the Reports' order."""
    names = dict.fromkeys(
        (cell.grade_id, check.name) for record in records for cell in record.report.cells for check in cell.checks
    )
    return [_check_item(records, *name) for name in names]


def _check_item(records: Sequence[Record], grade_id: str, name: str) -> CheckItem:
    passed, rest, title = [], [], ""
    for record in records:
        for cell in record.report.cells:
            for check in cell.checks:
                if (cell.grade_id, check.name) == (grade_id, name):
                    title = check.title
                    passed.append(check.outcome == "passed")
                    rest.append(record.report.score - (_worth(cell, check.weight) if passed[-1] else 0.0))
    r = _correlation(passed, rest)
    return CheckItem(
        cell=grade_id,
        name=name,
        title=title,
        students=len(passed),
        passed=sum(passed) / len(passed),
        separates=r,
        interval=_interval(r, len(passed)),
    )


def _worth(cell: CellReport, weight: float) -> float:
    """The points that a check of `weight` is worth in its cell."""
    return cell.max_score * weight / sum(check.weight for check in cell.checks)


def _correlation(passed: Sequence[bool], rest: Sequence[float]) -> float | None:
    """Pearson's correlation, which for a yes-or-no variable is the point-biserial one; None where it isn't defined."""
    x, y = np.asarray(passed, float), np.asarray(rest, float)
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / length if length > 1e-9 else None


def _interval(r: float | None, n: int) -> tuple[float, float] | None:
    if r is None or n < 4:
        return None
    z, half = math.atanh(max(min(r, 0.999999), -0.999999)), 1.96 / math.sqrt(n - 3)
    return math.tanh(z - half), math.tanh(z + half)


def cell_items(records: Sequence[Record], stub: Mapping[str, str], code_of: Mapping[str, str]) -> list[CellItem]:
    """Every graded cell, those of written answers excepted.

    Args:
        records: the submissions.
        stub: what the release has in the students' cells.
        code_of: for each graded cell, the student's cell that it grades.
    """
    empty = {record.student: empty_cells(record, stub) for record in records}
    found = []
    for grade_id in dict.fromkeys(cell.grade_id for record in records for cell in record.report.cells):
        pairs = [(r, cell) for r in records for cell in r.report.cells if cell.grade_id == grade_id]
        shares = [cell.score / cell.max_score if cell.max_score else 0.0 for _, cell in pairs]
        found.append(
            CellItem(
                grade_id=grade_id,
                max_score=pairs[0][1].max_score,
                mean=float(np.mean(shares)),
                full=float(np.mean([share >= 1 for share in shares])),
                none=float(np.mean([share <= 0 for share in shares])),
                empty=tuple(r.student for r, _ in pairs if code_of.get(grade_id) in empty[r.student]),
                seconds=float(np.median([sum(check.duration for check in cell.checks) for _, cell in pairs])),
            )
        )
    return found
