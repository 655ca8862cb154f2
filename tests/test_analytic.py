"""Slopes measured by small steps are no answer where a formula is asked for; nor are libraries that differentiate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conspiracy import earned, with_sources

from autograder.course import Course
from autograder.grading import Grader

COURSE = Course(Path(__file__).resolve().parent.parent)
PS1, PS2 = "ps1_gradient_descent", "ps2_backpropagation"
MEASURED = """
def measured(loss, w, eps={eps}, central={central}, kind=np.{kind}):
    w = np.array(w, dtype=kind)
    slopes = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        above, below = w.copy(), w.copy()
        above[i] += eps
        if central:
            below[i] -= eps
        slopes[i] = (kind(loss(above)) - kind(loss(below))) / (eps * (1 + central))
    return slopes
"""
STEPS = {
    "central": MEASURED.format(eps=1e-5, central=True, kind="float64"),
    "central, wide": MEASURED.format(eps=1e-3, central=True, kind="float64"),
    "forward": MEASURED.format(eps=1e-7, central=False, kind="float64"),
    "central, float32": MEASURED.format(eps=1e-2, central=True, kind="float32"),
}
ANSWERS = {
    (PS1, "mse_gradient"): """
def mse_gradient(y, y_hat):
    return measured(lambda v: mse_loss(y, v), y_hat)
""",
    (PS1, "linear_gradients"): """
def linear_gradients(X, y, w, b):
    slopes = measured(lambda v: mse_loss(y, X @ v[:-1] + v[-1]), np.append(w, b))
    return slopes[:-1], slopes[-1]
""",
    (PS2, "sigmoid_gradient"): """
def sigmoid_gradient(z):
    slopes = [measured(lambda v: sigmoid(v).sum(), np.array([float(entry)]))[0] for entry in np.ravel(z)]
    return np.array(slopes).reshape(np.shape(z))
""",
    (PS2, "linear_backward"): """
def linear_backward(a, W, D):
    losses = (
        lambda v: np.sum(D * (v @ W)),
        lambda v: np.sum(D * (a @ v)),
        lambda v: np.sum(D * (a @ W + v)),
    )
    return tuple(measured(loss, w) for loss, w in zip(losses, (a, W, np.zeros(W.shape[1])), strict=True))
""",
    (PS2, "backward"): """
def backward(y, y_hat, cache, params):
    x = cache[0]
    def loss(name):
        return lambda w: np.sum((y - forward(x, {**params, name: w})[0]) ** 2) / (2 * len(y))
    return {name: measured(loss(name), params[name]) for name in params}
""",
}


@pytest.fixture(scope="module")
def graders() -> Iterator[dict[str, Grader]]:
    made = {name: Grader(COURSE.assignment(name)) for name in (PS1, PS2)}
    yield made
    for grader in made.values():
        grader.close()


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("name", "function"), ANSWERS)
def test_measured_slopes_score_nothing(graders: dict[str, Grader], name: str, function: str, steps: str) -> None:
    task = COURSE.assignment(name)
    source = STEPS[steps] + ANSWERS[name, function]
    report = graders[name].grade(with_sources(task, {function: source}), seed=6).report
    assert earned(report, task, function) == (0, [])
    cell = next(cell for cell in report.cells if cell.grade_id == task.cell_of(function))
    assert {check.outcome for check in cell.checks} == {"failed"}
    lost = [cell.grade_id for cell in report.cells if cell.score < cell.max_score]
    assert lost == [task.cell_of(function)]


@pytest.mark.parametrize("library", ["mpmath", "sympy", "torch"])
def test_libraries_that_differentiate_are_out_of_reach(graders: dict[str, Grader], library: str) -> None:
    task = COURSE.assignment(PS1)
    source = f"import {library}\n" + ANSWERS[PS1, "mse_gradient"]
    report = graders[PS1].grade(with_sources(task, {"mse_gradient": source}), seed=6).report
    cell = next(cell for cell in report.cells if cell.grade_id == "test_mse_gradient")
    assert cell.score == 0
    assert all("ModuleNotFoundError" in check.message for check in cell.checks)
