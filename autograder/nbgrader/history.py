"""Every grading on record: a table of this package's own in nbgrader's gradebook, written together with the grades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Float, Index, Integer, MetaData, String, Table, Text, func, select

from autograder.classroom.versions import Version
from autograder.report import CellReport, Report

_METADATA = MetaData()
_GRADINGS = Table(
    "autograder_grading",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("assignment", String(128), nullable=False),
    Column("student", String(128), nullable=False),
    Column("score_before", Float),
    Column("score", Float, nullable=False),
    Column("version", Text, nullable=False),
    Column("seed", String(20), nullable=False),
    Column("change", Text, nullable=False),
    Column("checks", Text, nullable=False),
    Index("autograder_grading_place", "assignment", "student"),
)


class CheckChange(msgspec.Struct, frozen=True, kw_only=True):
    """A hidden test whose outcome isn't what it was."""

    title: str
    before: str
    """The outcome; empty where there was no such test."""
    after: str


class CellChange(msgspec.Struct, frozen=True, kw_only=True):
    """An auto-graded cell whose points aren't what they were."""

    grade_id: str
    before: float | None
    """None where nothing had been graded yet."""
    after: float
    kept: float | None = None
    """Points that a person gave, and that go on to count instead."""
    checks: tuple[CheckChange, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one grading did to a student's score for an assignment."""

    student: str
    before: float | None
    """The score with points given by hand, extra credit and late penalty; None where there was none."""
    after: float
    max_score: float
    """Of all cells, written ones included."""
    why: str
    cells: tuple[CellChange, ...] = ()
    penalty_before: float = 0.0
    penalty: float = 0.0

    @property
    def gain(self) -> float:
        """Points won, negative where points were lost; the first score counts as no change."""
        return 0.0 if self.before is None else round(self.after - self.before, 6)


class Grading(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the record."""

    at: str
    """When, in UTC."""
    version: Version
    seed: int
    change: Change
    checks: dict[str, dict[str, tuple[str, str]]]
    """By the cell and the test: its title and outcome."""


def prepare(gradebook: Any) -> None:
    """Make the table where there is none yet."""
    _METADATA.create_all(gradebook.engine)


def record(gradebook: Any, assignment: str, report: Report, version: Version, change: Change) -> None:
    """Put one grading on record, in the transaction in which its grades are saved."""
    gradebook.db.execute(
        _GRADINGS.insert().values(
            at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            assignment=assignment,
            student=change.student,
            score_before=change.before,
            score=change.after,
            version=_json(version),
            seed=str(report.seed),
            change=_json(change),
            checks=_json({cell.grade_id: _outcomes(cell) for cell in report.cells}),
        )
    )


def gradings(gradebook: Any, assignment: str, student: str) -> list[Grading]:
    """All that is on record of a student's submissions of an assignment, oldest first."""
    rows = gradebook.db.execute(
        select(_GRADINGS)
        .where(_GRADINGS.c.assignment == assignment, _GRADINGS.c.student == student)
        .order_by(_GRADINGS.c.id)
    )
    return [_grading(row) for row in rows]


def last_grading(gradebook: Any, assignment: str, student: str) -> Grading | None:
    """The last entry for a student's submissions of an assignment, or None."""
    row = gradebook.db.execute(
        select(_GRADINGS)
        .where(_GRADINGS.c.assignment == assignment, _GRADINGS.c.student == student)
        .order_by(_GRADINGS.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _grading(row)


def last_versions(gradebook: Any, assignment: str) -> dict[str, Version]:
    """By the student, what the last grading was made from."""
    last = select(func.max(_GRADINGS.c.id)).where(_GRADINGS.c.assignment == assignment).group_by(_GRADINGS.c.student)
    rows = gradebook.db.execute(select(_GRADINGS.c.student, _GRADINGS.c.version).where(_GRADINGS.c.id.in_(last)))
    return {student: msgspec.json.decode(version, type=Version) for student, version in rows}


def changed_checks(before: Grading | None, cell: CellReport) -> tuple[CheckChange, ...]:
    """The hidden tests of a cell whose outcomes differ from those on record."""
    if before is None:
        return ()
    old, new = before.checks.get(cell.grade_id, {}), _outcomes(cell)
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        CheckChange(title=(new.get(name) or old[name])[0], before=was, after=now)
        for name in names
        if (was := old.get(name, ("", ""))[1]) != (now := new.get(name, ("", ""))[1])
    )


def reason(before: Grading | None, version: Version) -> str:
    """Why a submission is graded, in a few words."""
    if before is None:
        return "first grading on record"
    names = {
        "notebook": "another notebook was handed in",
        "assignment": "the assignment changed (points, hidden tests or data)",
        "grader": f"the grader changed ({before.version.grader} → {version.grader})",
        "settings": "limits or other settings changed",
    }
    found = [words for name, words in names.items() if getattr(before.version, name) != getattr(version, name)]
    return "; ".join(found) or "graded again, nothing had changed"


def _outcomes(cell: CellReport) -> dict[str, tuple[str, str]]:
    return {check.name: (check.title, check.outcome) for check in cell.checks}


def _grading(row: Any) -> Grading:
    return Grading(
        at=row.at,
        version=msgspec.json.decode(row.version, type=Version),
        seed=int(row.seed),
        change=msgspec.json.decode(row.change, type=Change),
        checks=msgspec.json.decode(row.checks, type=dict[str, dict[str, tuple[str, str]]]),
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def changes_of(changes: Sequence[Change]) -> list[Change]:
    """Those of `changes` in which a score that was there has become another one, the greatest loss first."""
    return sorted((change for change in changes if change.gain), key=lambda change: (change.gain, change.student))
