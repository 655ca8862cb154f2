"""Report: the one result type. Everything that shows a grade only translates it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

VERSION = 1

Outcome = Literal["passed", "failed", "error", "timed out", "crashed", "out of memory"]


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that a submission went beyond."""

    name: str
    """As in the Report's `limits`."""
    value: float
    """What it was: for a call, what followed from the right answer's time."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One hidden test's verdict."""

    name: str
    """The test's name, unique in its cell."""
    title: str
    """What the test checks, as a sentence."""
    outcome: Outcome
    message: str = ""
    """What was expected and what came; empty where it passed."""
    hint: str = ""
    """The idea to think about again, and where the lesson explains it."""
    symptom: str = ""
    """What the numbers show by themselves, where there is no diagnosis; it claims no cause."""
    stand_ins: tuple[str, ...] = ()
    """Functions that a right answer stood in for in this check, because the submission's own had lost points."""
    diagnosis: str | None = None
    """The misconception's id, where exactly one does what this submission does; ``function~family`` for an edit of the
    right answer that no author has named."""
    limit: Limit | None = None
    """The limit that stopped the check."""
    weight: float = 1.0
    """The check's share of its cell's points, relative to the cell's other checks."""
    duration: float = 0.0
    """Seconds by the clock."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A loss curve as the student's code returned it, beside that of a right answer on the same data."""

    title: str
    """What was trained, in a few words."""
    student: tuple[float | None, ...]
    """None where a loss was not a finite number."""
    healthy: tuple[float, ...]


class CellReport(msgspec.Struct, frozen=True, kw_only=True):
    """One auto-graded cell's points and the checks that decided them."""

    grade_id: str
    score: float
    max_score: float
    checks: tuple[Check, ...]
    curve: Curve | None = None
    """Where the cell trains something, and not rightly."""


class ManualCell(msgspec.Struct, frozen=True, kw_only=True):
    """A written answer, which waits for a person."""

    grade_id: str
    max_score: float
    answered: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One submission's grade, with all that is needed to explain it and to repeat it exactly."""

    version: int = VERSION
    assignment: str
    score: float
    """Points of the auto-graded cells together."""
    max_score: float
    cells: tuple[CellReport, ...]
    manual: tuple[ManualCell, ...] = ()
    measured: dict[str, float] = {}
    """Numbers that hidden tests measured and that are worth comparing, such as a share classified correctly."""
    problems: tuple[str, ...] = ()
    """What was odd about the submission, and what was put right."""
    seed: int
    isolation: str
    versions: dict[str, str] = {}
    limits: dict[str, int | float] = {}
    duration: float = 0.0
    """Seconds by the clock."""


def points(max_score: float, checks: tuple[Check, ...]) -> float:
    """Share `max_score` out among `checks` by weight; no checks means nothing was measured, and 0 points."""
    total = sum(check.weight for check in checks)
    if not checks or total <= 0:
        return 0.0
    passed = sum(check.weight for check in checks if check.outcome == "passed")
    return max_score if passed == total else round(max_score * passed / total, 2)


def to_json(report: Report) -> bytes:
    """The Report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def from_json(data: bytes) -> Report:
    """A Report out of its JSON.

    Raises:
        msgspec.ValidationError: it isn't one.
    """
    return msgspec.json.decode(data, type=Report)


def schema() -> dict[str, Any]:
    """The JSON schema of a Report."""
    return msgspec.json.schema(Report)


def differences(one: Report, other: Report) -> list[str]:
    """What differs between two Reports but for times: a line each, with the place, the one's and the other's value."""
    return list(_differences("", msgspec.to_builtins(without_times(one)), msgspec.to_builtins(without_times(other))))


def _differences(place: str, one: object, other: object) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            yield from _differences(f"{place}.{key}".lstrip("."), one.get(key), other.get(key))
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for number, (value, another) in enumerate(zip(one, other, strict=True)):
            name = value.get("grade_id") or value.get("name") if isinstance(value, dict) else None
            yield from _differences(f"{place}[{name or number}]", value, another)
    elif one != other:
        yield f"{place}: {one!r} became {other!r}"


def without_times(report: Report) -> Report:
    """The Report with its times set to 0: what the same submission and seed give again, byte for byte."""
    cells = tuple(
        msgspec.structs.replace(
            cell, checks=tuple(msgspec.structs.replace(check, duration=0.0) for check in cell.checks)
        )
        for cell in report.cells
    )
    return msgspec.structs.replace(report, cells=cells, duration=0.0)
