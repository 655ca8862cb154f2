"""A mistake of any kind costs its points once: in its own cell, and in what asks for the whole work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autograder.course import Assignment, Course
from autograder.grading import Grader
from autograder.sandbox.limits import Limits
from autograder.submission import Submission

COURSE = Course(Path(__file__).resolve().parent.parent)
FAULTS = {
    "stub": "raise NotImplementedError",
    "exception": "raise ValueError('a mistake')",
    "none": "return None",
    "wrong value": "return 12345.0",
    "endless loop": "while True: pass",
    "crash": "import os; os._exit(0)",
}
CASES = [
    (task.name, function, fault)
    for task in COURSE.assignments
    if task.name != "ps5_fashion_mnist"
    for function in task.functions
    for fault in FAULTS
]


@pytest.fixture(scope="module")
def graders() -> Iterator[dict[str, Grader]]:
    limits = Limits(cell_seconds=1.0, call_seconds=1.0)
    names = {name for name, _, _ in CASES}
    made = {name: Grader(COURSE.assignment(name), limits) for name in sorted(names)}
    yield made
    for grader in made.values():
        grader.close()


def broken(task: Assignment, function: str, body: str) -> Submission:
    """The solved notebook in which `function` does nothing but `body`."""
    cells = []
    for cell in task.cells:
        if cell.grade_id == function:
            head = re.search(rf"def {function}\(.*?\):\n", cell.source, re.DOTALL)
            assert head is not None
            cell = msgspec.structs.replace(cell, source=f"{head[0]}    {body}\n")
        cells.append(cell)
    return Submission(task, tuple(cells), ())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "function", "fault"), CASES)
def test_a_mistake_costs_its_points_once(graders: dict[str, Grader], name: str, function: str, fault: str) -> None:
    task = COURSE.assignment(name)
    report = graders[name].grade(broken(task, function, FAULTS[fault]), seed=11).report
    lost = {cell.grade_id: cell.score for cell in report.cells if cell.score < cell.max_score}
    assert set(lost) - {"test_final_accuracy"} == {task.cell_of(function)}, {
        check.name: (check.outcome, check.message, check.stand_ins)
        for cell in report.cells
        for check in cell.checks
        if check.outcome != "passed" and cell.grade_id != task.cell_of(function)
    }
    assert lost[task.cell_of(function)] == 0
