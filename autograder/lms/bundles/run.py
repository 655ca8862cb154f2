"""Grades what the harness of another system laid out: ``python -m autograder.lms.bundles.run SYSTEM BUNDLE ROOT``.

The bundle's shell script has already left results that say that grading failed. They stay where anything goes wrong
here, and the reason goes to standard error.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path
from typing import Protocol

import msgspec

from autograder.classroom import Pool, Settings
from autograder.course import Course
from autograder.lms.bundles.handed_in import find_notebook
from autograder.lms.bundles.outcome import Outcome
from autograder.lms.bundles.settings import COURSE, BundleSettings, read_settings
from autograder.seeds import course_secret, key_for
from autograder.submission import SubmissionError, read_submission


class Harness(Protocol):
    """How a system hands over a submission and takes its results."""

    @property
    def folder(self) -> Path:
        """Where the student's files lie."""

    @property
    def student(self) -> str:
        """Who handed in; the seed depends on it."""

    @property
    def attempt(self) -> int:
        """Which attempt of the student's this is, counted from 1."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the student should know of how this was handed in."""

    def protect(self) -> None:
        """Take from other users what they must not read."""

    def write(self, outcome: Outcome) -> None:
        """Put an outcome where the system looks for it."""


def grade(harness: Harness, settings: BundleSettings, bundle: Path) -> Outcome:
    """Grade what was handed in.

    Args:
        harness: where it lies.
        settings: the bundle's.
        bundle: the folder in which the bundle lies.

    Raises:
        SandboxError: this machine can't grade.
        GradingProcessLost: the grading process was killed twice.
        AssignmentError: the bundle lacks something.
    """
    started = time.monotonic()
    found = find_notebook(harness.folder, settings.assignment)
    notes = (*harness.notes, *found.notes)
    if found.notebook is None:
        return Outcome(refusal=found.refusal, notes=notes)
    course = bundle / COURSE
    assignment = Course(course).assignment(settings.assignment)
    try:
        submission = read_submission(found.notebook, assignment)
    except SubmissionError as error:
        return Outcome(refusal=f"Nothing was graded: {error}.", notes=notes)
    if not submission.recognised:
        refusal = f"This notebook has none of the cells of {settings.assignment}. Is it that of another assignment?"
        return Outcome(refusal=refusal, notes=notes)
    secret, remark = course_secret(course)
    if remark:
        print(remark, file=sys.stderr)
    pool_settings = Settings(
        course=str(course),
        assignment=settings.assignment,
        limits=settings.limits,
        isolation=settings.isolation,
    )
    with Pool(pool_settings, 1) as pool:
        key = key_for(secret, settings.assignment, harness.student)
        report = pool.submit(found.notebook, key).result().report
    feedback = not settings.feedback_attempts or harness.attempt <= settings.feedback_attempts
    if not feedback:
        count = settings.feedback_attempts
        notes += (f"Messages and hints were shown for the first {count} attempts; this is attempt {harness.attempt}.",)
    return Outcome(report=report, notes=notes, feedback=feedback, seconds=time.monotonic() - started)


def main() -> int:
    """Grade, and return the exit status: 0 where there are results, 1 where those of the shell script stay."""
    system, bundle, root = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    try:
        settings = read_settings(bundle)
        harness = _harness(system, root, settings)
        harness.protect()
        outcome = grade(harness, settings, bundle)
        harness.write(outcome)
    except Exception:
        # Whatever it is, results are there already, and an instructor finds the reason here.
        traceback.print_exc()
        return 1
    report = outcome.report
    print(msgspec.json.encode({"score": report.score, "isolation": report.isolation} if report else outcome).decode())
    return 0


def _harness(system: str, root: Path, settings: BundleSettings) -> Harness:
    # Imported here: each needs what the others don't.
    if system == "gradescope":
        from autograder.lms.bundles.gradescope import Gradescope

        return Gradescope(root, settings)
    if system == "prairielearn":
        from autograder.lms.bundles.prairielearn import PrairieLearn

        return PrairieLearn(root, settings)
    from autograder.lms.bundles.vocareum import Vocareum

    return Vocareum(root, settings)


if __name__ == "__main__":
    sys.exit(main())
