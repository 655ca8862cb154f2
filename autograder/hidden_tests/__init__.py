"""Hidden tests: one pytest module an assignment; ordinary tests that take `student` as a fixture.

A test's docstring is its title, and is read by students; so is the message when it fails. A module says in
`LIBRARIES` what a submission may import: ``"numpy"`` or ``"torch"``; and in `INSTEAD_OF`, where it has any, which of
the instructor's cells the grader needn't run, because its tests do the same at the same cost.
"""

import pytest

from autograder.hidden_tests.expect import Mismatch, expect, right_or_following


def grades(cell: str, weight: float = 1.0, diagnose: bool = True) -> pytest.MarkDecorator:
    """Mark a test as one of those that grade the cell `cell`.

    Args:
        cell: the test cell's grade_id.
        weight: the test's share of the cell's points, relative to the cell's other tests.
        diagnose: whether misconceptions are tried on it when it fails; off for tests that take seconds.
    """
    return pytest.mark.grades(cell, weight=weight, diagnose=diagnose)


__all__ = ["Mismatch", "expect", "grades", "right_or_following"]
