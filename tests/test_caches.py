"""A backward with a cache of its own form keeps its points when the functions before it are wrong; so does training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conspiracy import with_sources

from autograder.course import Course
from autograder.grading import Grader
from autograder.sandbox.limits import Limits

TASK = Course(Path(__file__).resolve().parent.parent).assignment("ps2_backpropagation")

FORWARD = """
def forward(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    y_hat = s @ params["W2"] + params["b2"]
    return y_hat, {cache}
"""
BACKWARD = """
def backward(y, y_hat, cache, params):
    {taken}
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T * {slope}
    return {{"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}}
"""
STYLES = {
    "tuple": ("(x, l1, s)", "x, l1, s = cache", "sigmoid_gradient(l1)"),
    "list": ("[s, x]", "s, x = cache", "s * (1 - s)"),
    "other order": ("(l1, s, x)", "l1, s, x = cache", "sigmoid_gradient(l1)"),
    "dict": ('{"x": x, "l1": l1, "s": s}', 'x, s = cache["x"], cache["s"]', "s * (1 - s)"),
    "dict, own names": ('{"input": x, "hidden": s}', 'x, s = cache["input"], cache["hidden"]', "s * (1 - s)"),
    "with the outputs": ("(x, s, y_hat)", "x, s, y_hat = cache", "s * (1 - s)"),
    "with parameters": ('(x, s, params["W2"])', "x, s, W2 = cache", "s * (1 - s)"),
    "x alone": ("x", 'x = cache; s = sigmoid(x @ params["W1"] + params["b1"])', "s * (1 - s)"),
    "x in a tuple": ("(x,)", 'x = cache[0]; s = sigmoid(x @ params["W1"] + params["b1"])', "s * (1 - s)"),
}
"""What forward puts into the cache, how backward takes it out, and the sigmoid's slope as it then has it."""

SIGMOIDS = {
    "sigmoid doubled": ("sigmoid", "def sigmoid(z):\n    return 1 + np.tanh(z / 2)"),
    "sigmoid is a stub": ("sigmoid", "def sigmoid(z):\n    raise NotImplementedError"),
    "sigmoid_gradient of s": ("sigmoid_gradient", "def sigmoid_gradient(z):\n    return z * (1 - z)"),
}
FORWARDS = {
    "value": ('+ params["b2"]', '- params["b2"]'),
    "bias forgotten": (' + params["b1"]', ""),
    "activation forgotten": ("s = sigmoid(l1)", "s = l1"),
    "weights forgotten": ('x @ params["W1"]', 'x @ (0 * params["W1"])'),
    "stub": ("    l1 =", "    raise NotImplementedError\n    l1 ="),
    "no cache": ("    return y_hat,", "    return y_hat\n    return y_hat,"),
    "endless": ("    l1 =", "    while True: pass\n    l1 ="),
}


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK, Limits(cell_seconds=1.0, call_seconds=1.0)) as grader:
        yield grader


def lost(grader: Grader, sources: dict[str, str]) -> set[str]:
    report = grader.grade(with_sources(TASK, sources), seed=4).report
    return {cell.grade_id.removeprefix("test_") for cell in report.cells if cell.score < cell.max_score}


def pair(style: str) -> dict[str, str]:
    cache, taken, slope = STYLES[style]
    return {"forward": FORWARD.format(cache=cache), "backward": BACKWARD.format(taken=taken, slope=slope)}


@pytest.mark.parametrize("style", STYLES)
def test_any_cache_is_right(grader: Grader, style: str) -> None:
    assert lost(grader, pair(style)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("fault", SIGMOIDS)
@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_sigmoid_costs_its_own_points(grader: Grader, style: str, fault: str) -> None:
    function, source = SIGMOIDS[fault]
    assert lost(grader, {**pair(style), function: source}) == {function}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FORWARDS)
@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_forward_costs_its_own_points(grader: Grader, style: str, fault: str) -> None:
    sources = pair(style)
    assert sources["forward"].count(FORWARDS[fault][0]) == 1
    sources["forward"] = sources["forward"].replace(*FORWARDS[fault])
    assert lost(grader, sources) == {"forward"}


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_forward_and_a_wrong_sigmoid_cost_their_own_points(grader: Grader, style: str) -> None:
    sources = pair(style) | dict([SIGMOIDS["sigmoid doubled"]])
    sources["forward"] = sources["forward"].replace(*FORWARDS["bias forgotten"])
    assert lost(grader, sources) == {"sigmoid", "forward"}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FORWARDS)
@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_backward_gains_nothing_from_a_wrong_forward(grader: Grader, style: str, fault: str) -> None:
    sources = pair(style)
    sources["forward"] = sources["forward"].replace(*FORWARDS[fault])
    sources["backward"] = sources["backward"].replace('@ params["W2"].T', '@ params["W2"].T * 0')
    report = grader.grade(with_sources(TASK, sources), seed=4).report
    first = [
        c for cell in report.cells for c in cell.checks if c.name in ("backward_first_weights", "backward_first_biases")
    ]
    assert [check.outcome == "passed" for check in first] == [False, False]


@pytest.mark.parametrize("style", ["tuple", "dict, own names"])
def test_a_wrong_backward_costs_no_training(grader: Grader, style: str) -> None:
    sources = pair(style)
    sources["backward"] = sources["backward"].replace("(y_hat - y) / len(y)", "y_hat - y")
    assert lost(grader, sources) == {"backward"}
