"""What is known of each submission of a class, and the same without names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from autograder.report import Report

MISSING = "# This cell was missing from the submission."
"""What grading puts in the place of a cell that was not handed in."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One graded submission: its Report, and what the gradebook has besides."""

    student: str
    """The student's id."""
    name: str = ""
    """As the gradebook has it; may be empty."""
    report: Report
    score: float
    """All points, those of people and extra credit included, less the late penalty."""
    max_score: float
    penalty: float = 0.0
    """Points taken off for being late."""
    waiting: int = 0
    """Written answers that nobody has graded yet."""
    sources: Mapping[str, str] = {}
    """The student's code, by the grade_id of its cell."""


class Unreadable(msgspec.Struct, frozen=True):
    """A student whose graded notebook can't be used, and why."""

    student: str
    reason: str


class ClassRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The submissions of one assignment."""

    assignment: str
    records: tuple[Record, ...]
    unreadable: tuple[Unreadable, ...] = ()
    absent: tuple[str, ...] = ()
    """Students in the gradebook of whom there is nothing."""
    stub: Mapping[str, str] = {}
    """What the release has in the students' cells, by grade_id."""


def is_empty(source: str, stub: str) -> bool:
    """Whether a cell was left as it was released, or cleared."""
    text = "".join(source.split())
    return text in ("", "".join(MISSING.split()), "".join(stub.split()))


def empty_cells(record: Record, stub: Mapping[str, str]) -> tuple[str, ...]:
    """The grade_ids of the cells that a student left empty: code, and written answers."""
    code = [name for name, text in stub.items() if is_empty(record.sources.get(name, ""), text)]
    return (*code, *(cell.grade_id for cell in record.report.manual if not cell.answered))


def filled_in(record: Record, stub: Mapping[str, str]) -> bool:
    """Whether a student filled in any code at all."""
    return not stub or any(not is_empty(record.sources.get(name, ""), text) for name, text in stub.items())


def anonymised(found: ClassRecords, key: bytes) -> ClassRecords:
    """The same class without names, and without text that a student wrote, but for the code.

    Args:
        found: the class.
        key: a secret: the numbers are the same each time, and nobody without it can tell whose they are.
    """
    ids = {*(record.student for record in found.records), *(entry.student for entry in found.unreadable), *found.absent}
    order = sorted(ids, key=lambda name: hashlib.blake2b(name.encode(), key=key[:64]).digest())
    width = len(str(len(order)))
    called = {name: f"student {place:0{width}}" for place, name in enumerate(order, start=1)}
    records = [
        msgspec.structs.replace(record, student=called[record.student], name="", report=_without_words(record.report))
        for record in found.records
    ]
    return msgspec.structs.replace(
        found,
        records=tuple(sorted(records, key=lambda record: record.student)),
        unreadable=tuple(Unreadable(called[entry.student], entry.reason) for entry in found.unreadable),
        absent=tuple(sorted(called[name] for name in found.absent)),
    )


def _without_words(report: Report) -> Report:
    """The Report without messages and notes, which may quote what a student wrote."""
    cells = tuple(
        msgspec.structs.replace(cell, checks=tuple(msgspec.structs.replace(check, message="") for check in cell.checks))
        for cell in report.cells
    )
    return msgspec.structs.replace(report, cells=cells, problems=())
