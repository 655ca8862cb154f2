"""What an assignment's files import: expectations, `grades`, and how misconceptions and unusual answers are written.

Hidden tests are ordinary pytest tests that take `student` as a fixture. A test's docstring is its title and is read
by students, and so is the message when it fails.
"""

import pytest

from autograder.authoring.bank import misconception, unusual
from autograder.authoring.expect import Mismatch, described, expect, numbers, right_or_following
from autograder.sandbox.errors import StudentRaised, WorkerLost


def grades(cell: str, weight: float = 1.0, diagnose: bool = True) -> pytest.MarkDecorator:
    """Mark a test as one of those that grade the cell `cell`.

    Args:
        cell: the test cell's grade_id.
        weight: the test's share of the cell's points, relative to the cell's other tests.
        diagnose: whether misconceptions are tried on it when it fails; off for tests that take seconds.
    """
    return pytest.mark.grades(cell, weight=weight, diagnose=diagnose)


__all__ = [
    "Mismatch",
    "StudentRaised",
    "WorkerLost",
    "described",
    "expect",
    "grades",
    "misconception",
    "numbers",
    "right_or_following",
    "unusual",
]
