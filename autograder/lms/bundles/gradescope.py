"""Gradescope: its folders, its metadata and its results.json.

Formats: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from autograder.files import write_atomically
from autograder.lms.bundles.outcome import (
    BY_HAND,
    FAILED,
    TOO_LONG,
    Outcome,
    decoded,
    function_of,
    sandbox_line,
    shares,
    stand_in_line,
)
from autograder.lms.bundles.settings import BundleSettings
from autograder.report import Check, Report
from autograder.terminal import number
from autograder.text import as_typed

_MAX_USERS = 100


class Gradescope:
    """One run in Gradescope's container, or in another folder that is laid out like it."""

    def __init__(self, root: Path, settings: BundleSettings) -> None:
        """
        Args:
            root: `/autograder`.
            settings: the bundle's.
        """
        self._results = root / "results" / "results.json"
        self._settings = settings
        self._metadata = decoded(root / "submission_metadata.json")
        self.folder = root / "submission"

    def protect(self) -> None:
        """Let nobody but root see what earlier runs and the metadata tell."""
        self._results.parent.mkdir(exist_ok=True)
        self._results.parent.chmod(0o700)
        for path in (self.folder, self.folder.parent / "submission_metadata.json"):
            with contextlib.suppress(OSError):
                path.chmod(0o700 if path.is_dir() else 0o600, follow_symlinks=False)

    @property
    def student(self) -> str:
        """Who handed in: the ids of the group's members, sorted."""
        users = self._metadata.get("users")
        ids = [str(user.get("id")) for user in users if isinstance(user, dict)] if isinstance(users, list) else []
        return " ".join(sorted(ids[:_MAX_USERS]))

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1."""
        previous = self._metadata.get("previous_submissions")
        return 1 + len(previous) if isinstance(previous, list) else 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What the student should know of how this was handed in."""
        count = len(self.student.split())
        return (f"This is one submission for a group of {count}.",) if count > 1 else ()

    def write(self, outcome: Outcome) -> None:
        """Write results.json, whole or not at all."""
        write_atomically(self._results, results(outcome, self._settings))


def results(outcome: Outcome, settings: BundleSettings) -> bytes:
    """results.json for what came of a submission."""
    report = outcome.report
    if report is None:
        return _encoded(_without_grade(outcome))
    tests = []
    for place, cell in enumerate(report.cells, start=1):
        hint = ""
        for which, (check, points) in enumerate(shares(cell), start=1):
            output = _output(check, hint) if outcome.feedback else ""
            tests.append(_test(check, points, f"{place}.{which}", function_of(cell), settings, output))
            hint = check.hint or hint
    tests += [_unmeasured(cell.grade_id, cell.max_score, settings) for cell in report.cells if not cell.checks]
    tests += [
        {
            "name": f"{written.grade_id}: written answer, {number(written.max_score)} points",
            "output": BY_HAND if written.answered else f"No answer was given. {BY_HAND}",
            "output_format": "text",
            "visibility": settings.visibility,
        }
        for written in report.manual
    ]
    found: dict[str, Any] = {
        "score": report.score,
        "execution_time": round(outcome.seconds, 2),
        "output": _summary(outcome, report),
        "output_format": "md",
        "test_output_format": "md",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
        "extra_data": {"report": msgspec.to_builtins(report)},
        "tests": tests,
    }
    if settings.leaderboard and report.measured:
        found["leaderboard"] = [
            {"name": name, "value": round(value, 4), "order": "desc"} for name, value in report.measured.items()
        ]
    return _encoded(found)


def interrupted(too_long: bool) -> bytes:
    """results.json for a run that was ended before it had any."""
    return _encoded(_without_grade(Outcome(refusal=TOO_LONG if too_long else FAILED)))


def _without_grade(outcome: Outcome) -> dict[str, Any]:
    text = "\n\n".join(as_typed(line) for line in (outcome.refusal or FAILED, *outcome.notes))
    # A visible test beside the summary: some views show tests alone.
    note = {"name": "Grading", "status": "failed", "score": 0, "max_score": 0, "output": text, "output_format": "md"}
    return {
        "score": 0,
        "execution_time": round(outcome.seconds, 2),
        "output": text,
        "output_format": "md",
        "stdout_visibility": "hidden",
        "tests": [{**note, "visibility": "visible"}],
    }


def _test(
    check: Check, points: float, place: str, function: str, settings: BundleSettings, output: str
) -> dict[str, Any]:
    passed = check.outcome == "passed"
    return {
        "name": f"{function}: {check.title}",
        "number": place,
        "score": points if passed else 0,
        "max_score": points,
        "status": "passed" if passed else "failed",
        "output": output,
        "output_format": "md",
        "visibility": settings.visibility,
        "extra_data": {"check": check.name, "outcome": check.outcome, "diagnosis": check.diagnosis},
    }


def _output(check: Check, hint_before: str) -> str:
    parts = []
    if check.outcome not in ("passed", "failed"):
        parts.append(f"**{check.outcome.capitalize()}**")
    parts += [as_typed(line) for line in (check.message, stand_in_line(check)) if line]
    if check.hint and check.hint == hint_before:
        parts.append("The same mistake as above.")
    elif check.hint:
        parts.append(f"**To think about:** {as_typed(check.hint)}")
    return "\n\n".join(parts)


def _unmeasured(grade_id: str, max_score: float, settings: BundleSettings) -> dict[str, Any]:
    output = "Nothing was measured here, so there are no points."
    points = {"score": 0, "max_score": max_score, "status": "failed"}
    return {"name": grade_id, **points, "output": output, "output_format": "text", "visibility": settings.visibility}


def _summary(outcome: Outcome, report: Report) -> str:
    lines = [as_typed(note) for note in outcome.notes]
    if report.problems and outcome.feedback:
        lines.append("Notes on the file:\n\n" + "\n".join(f"* {as_typed(problem)}" for problem in report.problems))
    return "\n\n".join([*lines, as_typed(sandbox_line(report))])


def _encoded(found: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(found), indent=1)
