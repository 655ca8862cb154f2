"""Vocareum: its environment variables, its grade file and its report file.

Formats: https://help.vocareum.com/en/articles/14120536-using-custom-grading-scripts-in-vocareum-labs
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from autograder.course import Assignment
from autograder.lms.bundles.outcome import FAILED, TOO_LONG, Outcome, sandbox_line, stand_in_line
from autograder.lms.bundles.settings import BundleSettings
from autograder.terminal import number

NO_OUTPUT = "VOC_NO_REPORT_OUTPUT"
"""The report's first line: what grading prints is not for students."""

# Everything in a template is escaped; templates mark nothing as safe.
_TEMPLATES = Environment(
    loader=PackageLoader("autograder.lms.bundles"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["points"] = number
_TEMPLATES.filters["stand_ins"] = stand_in_line
_TEMPLATES.filters["tier"] = sandbox_line


class Vocareum:
    """One grading run in Vocareum's container, or with variables that say where else its folders are."""

    def __init__(self, root: Path, settings: BundleSettings, variables: Mapping[str, str] = os.environ) -> None:
        """
        Args:
            root: `/voc`.
            settings: the bundle's.
            variables: the environment.
        """
        self._variables = variables
        self._scripts = root / "scripts"
        self.folder = Path(variables.get("VOC_HOME_DIR") or root / "work")

    def protect(self) -> None:
        """Let nobody but root see the scripts and the files that hold results."""
        for path, mode in ((self._scripts, 0o700), (self.folder, 0o700), (self._grades, 0o600), (self._report, 0o600)):
            with contextlib.suppress(OSError):
                path.chmod(mode, follow_symlinks=False)

    @property
    def student(self) -> str:
        """Vocareum's id of the student."""
        return self._variables.get("VOC_USERID", "")

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1."""
        count = self._variables.get("VOC_SUBMISSION_COUNT", "")
        return max(1, int(count)) if count.isdecimal() else 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: Vocareum has no groups."""
        return ()

    @property
    def _grades(self) -> Path:
        return Path(self._variables["vocareumGradeFile"])

    @property
    def _report(self) -> Path:
        return Path(self._variables["vocareumReportFile"])

    def write(self, outcome: Outcome) -> None:
        """Write both files. They exist already, and Vocareum made them: their contents are replaced."""
        if outcome.report is not None:
            scores = {cell.grade_id: cell.score for cell in outcome.report.cells}
            self._grades.write_bytes(grades(scores))
        self._report.write_bytes(page(outcome))


def grades(scores: Mapping[str, float]) -> bytes:
    """The grade file: a line for each graded cell."""
    return "".join(f"{criterion(grade_id)},{number(score)}\n" for grade_id, score in scores.items()).encode()


def criterion(grade_id: str) -> str:
    """The rubric's criterion for a graded cell."""
    return grade_id.removeprefix("test_")


def page(outcome: Outcome) -> bytes:
    """The report file."""
    text = _TEMPLATES.get_template("vocareum/report.html.j2").render(outcome=outcome, report=outcome.report)
    return f"{NO_OUTPUT}\n{text}".encode()


def interrupted(assignment: Assignment, too_long: bool) -> tuple[bytes, bytes]:
    """The grade file and the report file for a run that was ended before it had any."""
    scores = {str(cell.grade_id): 0.0 for cell in assignment.tests}
    return grades(scores), page(Outcome(refusal=TOO_LONG if too_long else FAILED))


def rubric(assignment: Assignment) -> bytes:
    """What the instructor enters as the part's rubric: criterion and points, a line each."""
    return grades({str(cell.grade_id): cell.points for cell in assignment.tests})
