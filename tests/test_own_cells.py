"""Cells of the student's own, anywhere in a right notebook, cost nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course import Course
from autograder.grading import Grader
from autograder.notebook import Cell
from autograder.submission import Submission

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "source").glob("ps*/*.ipynb"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "ps5_fashion_mnist"])
def test_an_import_after_the_import_cell_costs_nothing(name: str) -> None:
    task = Course(ROOT).assignment(name)
    first_code = next(place for place, cell in enumerate(task.cells) if cell.kind == "code")
    cells = list(task.cells)
    cells.insert(first_code + 1, Cell(kind="code", source="import math"))
    with Grader(task, story=False) as grader:
        report = grader.grade(Submission(task, tuple(cells), ()), seed=1).report
    assert report.score == report.max_score, [cell.grade_id for cell in report.cells if cell.score < cell.max_score]
