"""PrairieLearn: its folders, its data.json and its results.json.

Formats: https://docs.prairielearn.com/externalGrading/
"""

from __future__ import annotations

import contextlib
import textwrap
import uuid
from collections.abc import Iterator
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
from autograder.report import CellReport, Check, Report
from autograder.terminal import number
from autograder.text import printable

MAX_BYTES = 1_000_000
"""PrairieLearn takes no larger results.json."""
_COLUMNS = 90
"""Messages are shown as they are, in lines that don't wrap."""
_MAX_TEXT = 4000


class PrairieLearn:
    """One grading job in PrairieLearn's container, or in another folder that is laid out like it."""

    attempt = 1
    """PrairieLearn tells a grader nothing of earlier attempts."""
    notes: tuple[str, ...] = ()

    def __init__(self, root: Path, settings: BundleSettings) -> None:
        """
        Args:
            root: `/grade`.
            settings: the bundle's.
        """
        self._root = root
        self.folder = root / "student"

    def protect(self) -> None:
        """Let nobody but root see what lies in `/grade`."""
        for name in ("tests", "data", "student", "results"):
            with contextlib.suppress(OSError):
                (self._root / name).chmod(0o700, follow_symlinks=False)

    @property
    def student(self) -> str:
        """The variant: nothing tells who the student is."""
        return f"variant {decoded(self._root / 'data' / 'data.json').get('variant_seed')}"

    def write(self, outcome: Outcome) -> None:
        """Write results.json, whole or not at all."""
        folder = self._root / "results"
        folder.mkdir(exist_ok=True)
        write_atomically(folder / "results.json", results(outcome))


def info(settings: BundleSettings, image: str, identity: uuid.UUID) -> bytes:
    """info.json of the question.

    Args:
        settings: the bundle's.
        image: the name under which the image was pushed.
        identity: the question's id, which must never change.
    """
    notebook = f"{settings.assignment}.ipynb"
    found = {
        "uuid": str(identity),
        "title": settings.assignment,
        "topic": "Programming",
        "tags": [],
        "type": "v3",
        "singleVariant": True,
        "gradingMethod": "External",
        "externalGradingOptions": {
            "enabled": True,
            "image": image,
            "entrypoint": "/grade/tests/grade.sh",
            "timeout": settings.timeout,
            "enableNetworking": False,
        },
        "workspaceOptions": {
            "image": "prairielearn/workspace-jupyterlab-python",
            "port": 8080,
            "home": "/home/jovyan",
            "gradedFiles": [notebook],
            "environment": {"LAUNCH_FILE_NAME": notebook},
        },
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


def results(outcome: Outcome) -> bytes:
    """results.json for what came of a submission, below `MAX_BYTES`: first without pictures, then with short texts."""
    report = outcome.report
    if report is None:
        return _encoded(_ungradable((outcome.refusal, *outcome.notes)))
    for limit, pictures in ((_MAX_TEXT, True), (_MAX_TEXT, False), (400, False)):
        data = _encoded(_gradable(outcome, report, limit, pictures))
        if len(data) < MAX_BYTES:
            return data
    return _encoded({"gradable": True, "score": _share(report), "message": _text(sandbox_line(report), 400)})


def interrupted(too_long: bool) -> bytes:
    """results.json for a run that was ended before it had any."""
    return _encoded(_ungradable((TOO_LONG if too_long else FAILED,)))


def _ungradable(errors: tuple[str, ...]) -> dict[str, Any]:
    return {"gradable": False, "format_errors": [printable(error, _MAX_TEXT) for error in errors]}


def _gradable(outcome: Outcome, report: Report, limit: int, pictures: bool) -> dict[str, Any]:
    lines = [*outcome.notes, sandbox_line(report)]
    found: dict[str, Any] = {
        "gradable": True,
        "score": _share(report),
        "message": _text("\n".join(lines), limit),
        "tests": [test for cell in report.cells for test in _tests(cell, limit, pictures)],
    }
    if report.problems:
        found["output"] = _text("Notes on the file:\n" + "\n".join(report.problems), limit)
    for written in report.manual:
        name = f"{written.grade_id}: written answer, {number(written.max_score)} points"
        message = BY_HAND if written.answered else f"No answer was given. {BY_HAND}"
        found["tests"].append({"name": name, "points": 0, "max_points": 0, "message": message})
    return found


def _tests(cell: CellReport, limit: int, pictures: bool) -> Iterator[dict[str, Any]]:
    function = function_of(cell)
    shown: set[str] = set()
    if not cell.checks:
        message = "Nothing was measured here, so there are no points."
        yield {"name": function, "points": 0, "max_points": cell.max_score, "message": message}
    for check, points in shares(cell):
        yield {
            "name": f"{function}: {check.title}",
            "points": points if check.outcome == "passed" else 0,
            "max_points": points,
            "message": _text(_message(check), limit),
        }
    for check in cell.checks:
        if check.outcome != "passed" and check.hint and check.hint not in shown:
            shown.add(check.hint)
            yield {
                "name": f"{function}: to think about",
                "points": 0,
                "max_points": 0,
                "message": _text(check.hint, limit),
            }
    if cell.curve is not None and pictures:
        from autograder.pages.feedback import plot

        picture = {"label": cell.curve.title, "url": f"data:image/png;base64,{plot(cell.curve)}"}
        message = "The losses that your code returned, beside those of a right answer on the same data."
        name = f"{function}: losses"
        yield {"name": name, "points": 0, "max_points": 0, "message": message, "images": [picture]}


def _message(check: Check) -> str:
    outcome = "" if check.outcome in ("passed", "failed") else f"{check.outcome.capitalize()}."
    return "\n".join(line for line in (outcome, check.message, stand_in_line(check)) if line)


def _share(report: Report) -> float:
    return min(1.0, max(0.0, report.score / report.max_score)) if report.max_score else 0.0


def _text(text: str, limit: int) -> str:
    """Text without control characters, in lines that are narrow enough."""
    lines = printable(text, limit, keep="\n").splitlines()
    return "\n".join(part for line in lines for part in textwrap.wrap(line, _COLUMNS) or [""])


def _encoded(found: dict[str, Any]) -> bytes:
    return msgspec.json.encode(found)
