"""What an assignment's files import: expectations, `grades`, and how misconceptions and unusual answers are written.

Hidden tests are ordinary pytest tests that take `student` as a fixture. A test's docstring is its title and is read
by students, and so is the message when it fails.
"""

from collections.abc import Sequence

import pytest

from autograder.authoring.expect import Mismatch, described, expect, numbers
from autograder.authoring.misconceptions import Misconceptions, also_right, unusual
from autograder.sandbox.errors import StudentRaised, WorkerLost
from autograder.sandbox.student import kept_for, measure, off_the_record, show_curve, tools_of


def grades(
    cell: str, weight: float = 1.0, diagnose: bool = True, stand_ins: bool = True, together: Sequence[str] = ()
) -> pytest.MarkDecorator:
    """Mark a test as one of those that grade the cell `cell`.

    Args:
        cell: the test cell's grade_id.
        weight: the test's share of the cell's points, relative to the cell's other tests.
        diagnose: whether misconceptions are tried on it when it fails; off for tests that take seconds.
        stand_ins: whether the test is run again with right answers in place of earlier functions that lost points,
            so that a mistake costs its points once; off for tests of the submission as a whole.
        together: functions that hand each other something of which only they know the form. The test may call them
            itself; and where one of them is stood in for, those before the cell all are.
    """
    return pytest.mark.grades(cell, weight=weight, diagnose=diagnose, stand_ins=stand_ins, together=together)


__all__ = [
    "Misconceptions",
    "Mismatch",
    "StudentRaised",
    "WorkerLost",
    "also_right",
    "described",
    "expect",
    "grades",
    "kept_for",
    "measure",
    "numbers",
    "off_the_record",
    "show_curve",
    "tools_of",
    "unusual",
]
