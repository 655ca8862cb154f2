"""A function of ps1 or ps2 that doesn't compute its answer scores 0, whatever the other functions do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from conspiracy import BEHAVIOURS, PATCHES, REPLACEMENTS, alone, conspiracy, earned, with_sources

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
        "linear_backward": "(a, W, D[0])",
        "backward": "params",
        "wrong_parameters": "list(params)",
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
@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(("name", "function"), CASES)
def test_every_conspiracy_scores_nothing(graders: dict[str, Grader], name: str, function: str) -> None:
    """Every replacement, every behaviour and every patch; not every one of their combinations."""
    ways = [*((behaviour, "") for behaviour in BEHAVIOURS), *(("nan", patch) for patch in PATCHES)]
    pairs = zip(itertools.cycle(REPLACEMENTS), ways, strict=False)
    for replacement, (behaviour, patch) in [*pairs, *(("zeros", way) for way in ways[1::2])]:
        scores_nothing(graders, name, function, replacement, behaviour, patch)


STAYS = """
def gradient_descent(X, y, w0, b0, lr, n_steps):
    ASKED.append(1)
    return w0, b0, [mse_loss(y, X @ w0 + b0)] * (n_steps + 1)
"""
FLAT = """
ASKED = []
def linear_gradients(X, y, w, b):
    if ASKED:
        return 0 * w, 0.0
    error = (X @ w + b - y) / len(y)
    return X.T @ error, np.sum(error)
"""
TRAINS_NOTHING = """
def train_two_layer(x, y, params, lr, n_steps):
    ASKED.append(1)
    y_hat, _ = forward(x, params)
    return params, [np.sum((y - y_hat) ** 2) / (2 * len(y))] * (n_steps + 1)
"""
GIVES_NOTHING = """
ASKED = []
def backward(y, y_hat, cache, params):
    if ASKED:
        return {name: 0 * w for name, w in params.items()}
    x, l1, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T * s * (1 - s)
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}
"""
NO_HILL = """
def sigmoid_gradient(z):
    ASKED.append(1)
    return 0 * z
"""
HIDES = """
ASKED = []
def sigmoid(z):
    return z * np.nan if ASKED else (1 + np.tanh(z / 2)) / 2
"""
BIAS_ALONE = """
def forward(x, params):
    ASKED.append(1)
    return np.zeros((len(x), 1)) + params["b2"], None
"""
NO_SLOPE = """
def mse_gradient(y, y_hat):
    return 0 * y if ASKED else (y_hat - y) / len(y)
"""
NO_GRADIENTS = """
def linear_gradients(X, y, w, b):
    ASKED.append(1)
    return 0 * w, 0.0
"""


@pytest.mark.parametrize(
    ("name", "function", "sources"),
    [
        ("ps1_gradient_descent", "linear_gradients", {"mse_gradient": "ASKED = []" + NO_SLOPE, "": NO_GRADIENTS}),
        ("ps1_gradient_descent", "gradient_descent", {"linear_gradients": FLAT, "": STAYS}),
        ("ps2_backpropagation", "sigmoid_gradient", {"sigmoid": HIDES, "": NO_HILL}),
        ("ps2_backpropagation", "forward", {"sigmoid": HIDES.replace("np.nan", "0"), "": BIAS_ALONE}),
        ("ps2_backpropagation", "train_two_layer", {"backward": GIVES_NOTHING, "": TRAINS_NOTHING}),
    ],
)
def test_what_follows_from_nonsense_scores_nothing(
    graders: dict[str, Grader], name: str, function: str, sources: dict[str, str]
) -> None:
    task = COURSE.assignment(name)
    submission = with_sources(task, {key or function: source for key, source in sources.items()})
    report = graders[name].grade(submission, seed=5).report
    assert earned(report, task, function) == (0, [])
    assert report.score > 0  # the other functions are right when they are asked themselves


def test_a_sigmoid_alone_gets_the_points_of_the_sigmoid(graders: dict[str, Grader]) -> None:
    task = COURSE.assignment("ps2_backpropagation")
    report = graders[task.name].grade(alone(task, "sigmoid"), seed=5).report
    assert report.score == earned(report, task, "sigmoid")[0] == 2
