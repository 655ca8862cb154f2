"""A function of ps1 or ps2 that doesn't compute its answer scores 0, whatever the other functions do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from conspiracy import BEHAVIOURS, PATCHES, REPLACEMENTS, conspiracy, earned

from autograder.course import Course
from autograder.grading import Grader
from autograder.sandbox.limits import Limits

COURSE = Course(Path(__file__).resolve().parent.parent)
SHAPES = {
    "ps1_gradient_descent": {
        "mse_loss": "0.0",
        "mse_gradient": "y",
        "linear_gradients": "(w, 0.0)",
        "gradient_step": "w",
        "gradient_descent": "(w0, 0.0, [0.0] * (n_steps + 1))",
        "numerical_gradient": "w",
    },
    "ps2_backpropagation": {
        "sigmoid": "z",
        "sigmoid_gradient": "z",
        "forward": "(_np.zeros((len(x), len(params['b2']))), (x, x, x))",
        "backward": "params",
        "train_two_layer": "(params, [0.0] * (n_steps + 1))",
    },
}
"""For each function an expression of its arguments that has the shape of its answer."""

CASES = [(name, function) for name, shapes in SHAPES.items() for function in shapes]
EVERYDAY = [
    ("ps1_gradient_descent", "linear_gradients", "zeros", "nan", ""),
    ("ps1_gradient_descent", "gradient_descent", "first argument", "zeros", ""),
    ("ps2_backpropagation", "sigmoid_gradient", "zeros", "nan", ""),
    ("ps2_backpropagation", "backward", "zeros", "1e200", "tools"),
    ("ps2_backpropagation", "train_two_layer", "zeros", "alternating", "numpy"),
]


@pytest.fixture(scope="module")
def graders() -> Iterator[dict[str, Grader]]:
    limits = Limits(cell_seconds=2.0, call_seconds=1.0)
    made = {name: Grader(COURSE.assignment(name), limits) for name in SHAPES}
    yield made
    for grader in made.values():
        grader.close()


def scores_nothing(
    graders: dict[str, Grader], name: str, function: str, replacement: str, behaviour: str, patch: str
) -> None:
    task = COURSE.assignment(name)
    submission = conspiracy(task, function, replacement, SHAPES[name], behaviour, patch)
    report = graders[name].grade(submission, seed=5).report
    assert earned(report, task, function) == (0, []), (replacement, behaviour, patch)


@pytest.mark.parametrize(("name", "function", "replacement", "behaviour", "patch"), EVERYDAY)
def test_conspiracy_scores_nothing(
    graders: dict[str, Grader], name: str, function: str, replacement: str, behaviour: str, patch: str
) -> None:
    scores_nothing(graders, name, function, replacement, behaviour, patch)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "function"), CASES)
def test_every_conspiracy_scores_nothing(graders: dict[str, Grader], name: str, function: str) -> None:
    ways = [(behaviour, "") for behaviour in BEHAVIOURS] + [("", patch) for patch in PATCHES] + [("nan", "tools")]
    for replacement, (behaviour, patch) in itertools.product(REPLACEMENTS, ways):
        scores_nothing(graders, name, function, replacement, behaviour, patch)
