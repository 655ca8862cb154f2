"""What a student is told about a mistake that the bank does not know, in real notebooks: an edit, or a symptom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autograder.course import Course
from autograder.grading import Grader
from autograder.nbgrader.documents import checks_as_text
from autograder.report import CellReport, Check
from autograder.submission import Submission

ROOT = Path(__file__).resolve().parent.parent
NAME = "ps1_gradient_descent"


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(Course(ROOT).assignment(NAME)) as grader:
        yield grader


def cell(grader: Grader, function: str, source: str) -> CellReport:
    task = Course(ROOT).assignment(NAME)
    cells = tuple(
        msgspec.structs.replace(cell, source=source) if cell.grade_id == function else cell for cell in task.cells
    )
    report = grader.grade(Submission(task, cells, ()), seed=5).report
    [found] = [cell for cell in report.cells if cell.grade_id == f"test_{function}"]
    return found


def failed(found: CellReport) -> list[Check]:
    return [check for check in found.checks if check.outcome == "failed"]


def test_an_edit_that_no_author_has_named_is_told_by_its_step(grader: Grader) -> None:
    found = cell(
        grader,
        "numerical_gradient",
        """
def numerical_gradient(f, w, eps=1e-5):
    slopes = np.zeros(w.shape)
    for place in np.ndindex(w.shape):
        d = np.zeros(w.shape)
        d[place] = eps
        slopes[place] = (f(w + d) + f(w - d)) / (2 * eps)
    return slopes
""",
    )
    assert {check.diagnosis for check in failed(found)} == {"numerical_gradient~operator"}
    assert all("where gradient is computed" in check.hint and not check.symptom for check in failed(found))


def test_where_nothing_fits_the_numbers_are_described(grader: Grader) -> None:
    found = cell(
        grader,
        "linear_gradients",
        """
def linear_gradients(X, y, w, b):
    error = (X @ w + b - y) / len(y)
    return X.T @ error, 3.7 * error.sum() - 0.2
""",
    )
    assert failed(found)
    assert all(check.diagnosis is None and not check.hint for check in failed(found))
    symptoms = [check.symptom for check in failed(found) if check.symptom]
    assert symptoms
    assert any("1 are as expected; result 2 is not" in symptom for symptom in symptoms)
    assert all(symptom in checks_as_text(found) for symptom in symptoms)
