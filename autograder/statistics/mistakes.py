"""The misconceptions of a class, most frequent first, and what failed without a known cause."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from autograder.statistics.records import Record


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A misconception, and who has it."""

    id: str
    title: str
    hint: str
    cells: tuple[str, ...]
    """The graded cells in which it showed."""
    students: tuple[str, ...]
    lost: float
    """Mean points that those students lost in the cells where it showed."""


class Unexplained(msgspec.Struct, frozen=True, kw_only=True):
    """Checks of a cell that failed in one way, without a known misconception."""

    cell: str
    title: str
    """Of the check."""
    outcome: str
    message: str
    """Of the first student; numbers differ from student to student."""
    students: tuple[str, ...]


def mistakes(
    records: Sequence[Record],
    known: Mapping[str, tuple[str, str]],
    code_of: Mapping[str, str],
    empty: Mapping[str, Sequence[str]],
) -> list[Mistake]:
    """The misconceptions, most frequent first. Two at once in one function count for both.

    Args:
        records: the submissions.
        known: the bank's titles and hints, by id.
        code_of: for each graded cell, the student's cell that it grades.
        empty: by student, the cells left empty: who wrote nothing made no mistake.
    """
    students: dict[str, dict[str, float]] = defaultdict(dict)
    cells: dict[str, dict[str, None]] = defaultdict(dict)
    hints: dict[str, str] = {}
    for record in records:
        for cell in record.report.cells:
            if code_of.get(cell.grade_id) in empty[record.student]:
                continue
            found = {check.diagnosis: check.hint for check in cell.checks if check.diagnosis}
            for diagnosis, hint in found.items():
                for part in parts(diagnosis):
                    lost = students[part].get(record.student, 0.0)
                    students[part][record.student] = lost + cell.max_score - cell.score
                    cells[part][cell.grade_id] = None
                    if part == diagnosis or part not in hints:
                        hints[part] = hint
    made = [
        Mistake(
            id=name,
            title=known[name][0] if name in known else name.partition(".")[2].replace("_", " ") or name,
            hint=known[name][1] if name in known else hints[name],
            cells=tuple(cells[name]),
            students=tuple(who),
            lost=sum(who.values()) / len(who),
        )
        for name, who in students.items()
    ]
    return sorted(made, key=lambda mistake: (-len(mistake.students), mistake.id))


def parts(diagnosis: str) -> list[str]:
    """The ids of the misconceptions in a diagnosis: ``f.a+b`` is two of them, ``f.a`` and ``f.b``."""
    function, dot, names = diagnosis.partition(".")
    return [f"{function}.{name}" for name in names.split("+")] if dot else [diagnosis]


def unexplained(
    records: Sequence[Record], code_of: Mapping[str, str], empty: Mapping[str, Sequence[str]]
) -> list[Unexplained]:
    """What failed in cells without a diagnosis, most frequent first; a cell counts by its first failed check.

    Args:
        records: the submissions.
        code_of: for each graded cell, the student's cell that it grades.
        empty: by student, the cells left empty: those need no explanation.
    """
    groups: dict[tuple[str, str, str, str], list[tuple[Record, str]]] = defaultdict(list)
    for record in records:
        for cell in record.report.cells:
            failed = [check for check in cell.checks if check.outcome != "passed"]
            if not failed or any(check.diagnosis for check in failed):
                continue
            if code_of.get(cell.grade_id) in empty[record.student]:
                continue
            first = failed[0]
            kind = re.sub(r"[-+]?\d[\d.,e+-]*", "#", first.message)[:200]
            groups[cell.grade_id, first.title, first.outcome, kind].append((record, first.message))
    made = [
        Unexplained(
            cell=cell,
            title=title,
            outcome=outcome,
            message=who[0][1],
            students=tuple(record.student for record, _ in who),
        )
        for (cell, title, outcome, _), who in groups.items()
    ]
    return sorted(made, key=lambda group: -len(group.students))
