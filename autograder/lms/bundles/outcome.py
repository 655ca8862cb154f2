"""What came of one submission, before it is put into the words of a system; and the words that all of them share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from autograder.report import CellReport, Check, Report

FAILED = (
    "Your submission could not be graded automatically, which says nothing about your work. "
    "The instructor has been told: the reason stands where only instructors see it. Your files are safe."
)
"""What a student reads where the grader itself failed."""
TOO_LONG = (
    "Grading your submission took longer than it may, and was stopped. The instructor has been told: the details stand "
    "where only instructors see them. If your code loops without end, or trains for far longer than the notebook asks, "
    "that is the likely cause."
)
"""What a student reads where grading was ended by the bundle's own time-out."""
BY_HAND = "To be graded by hand."
_MAX_DETAILS = 64 << 20


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A Report, or why there is none."""

    report: Report | None = None
    refusal: str = ""
    """Why there was nothing to grade, for the student; where there is a Report, empty."""
    notes: tuple[str, ...] = ()
    """What the student should know."""
    feedback: bool = True
    """Whether messages and hints are shown, and not points alone."""
    seconds: float = 0.0
    """By the clock, since the bundle began."""


def decoded(path: Path) -> dict[str, Any]:
    """The JSON object in a file of the harness's; an empty one where there is none that can be read."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            found = msgspec.json.decode(file.read(_MAX_DETAILS))
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def shares(cell: CellReport) -> Iterator[tuple[Check, float]]:
    """A cell's checks, each with its share of the cell's points, to four digits."""
    total = sum(check.weight for check in cell.checks)
    for check in cell.checks:
        yield check, round(cell.max_score * check.weight / total, 4) if total > 0 else 0.0


def function_of(cell: CellReport) -> str:
    """What a cell grades, as students know it."""
    return cell.grade_id.removeprefix("test_")


def sandbox_line(report: Report) -> str:
    """A line that names the tier of the sandbox."""
    if report.isolation == "none":
        return "Isolation: none. This grade was made on trust."
    return f"Isolation: {report.isolation}."


def stand_in_line(check: Check) -> str:
    """A line that names the functions that right answers stood in for, or ""."""
    names = ", ".join(check.stand_ins)
    return f"Checked with a right answer in place of your {names}." if names else ""
