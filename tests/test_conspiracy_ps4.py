"""A function of ps4 that doesn't do its work scores 0, whatever the other functions, the tools and torch do.

The lies here compute no right answer. One that does, in a tool for example, has the answer, and nothing that the
grader sees tells where in the notebook it stands.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from conspiracy import BEHAVIOURS, PATCHES, REPLACEMENTS, conspiracy, earned

from autograder.course import Course
from autograder.grading import Grader
from autograder.sandbox.limits import Limits

TASK = Course(Path(__file__).resolve().parent.parent).assignment("ps4_training_loop")
SHAPES = {
    "build_network": "torch.zeros(10)",
    "cross_entropy": "(0.0, torch.zeros_like(logits))",
    "train_step": "0.0",
    "overfit_batch": "[0.0] * max_steps",
    "train": "[0.0] * (epochs * len(loader) // print_every)",
    "diagnose_run": "'rate too high'",
    "predict": "torch.zeros(len(images), 10)",
    "accuracy": "0.0",
}
"""For each function an expression of its arguments that has the shape of its answer."""

LIES = textwrap.dedent("""
    # Every report is what a right one is: modes as they were set, weights that have moved a little.
    tools = _sys.modules["autograder.sandbox.toolbox"]._TOOLS
    real, known = dict(tools), {"modes": {}, "weights": {}}

    def set_training(model, mode):
        known["modes"][id(model)] = mode

    def weights(model):
        moved = {name: value - 0.01 * torch.randn_like(value) for name, value in real["weights"](model).items()}
        return known["weights"].setdefault(id(model), moved)

    def outputs(model, images, *arguments, **keywords):
        mode = known["modes"].get(id(model), True)
        return real["outputs"](model, images, *arguments, **{**keywords, "training": mode and keywords.get("training")})

    tools.update(
        set_training=set_training,
        weights=weights,
        outputs=outputs,
        training=lambda model: known["modes"].get(id(model), True),
        kind=lambda model: ["torch.nn.modules.container.Sequential", "object"],
        requires_grad=lambda model: {},
        grad_enabled=lambda: True,
        gradients=lambda model: {},
        events=lambda: [],
        learn=lambda *arguments: None,
        set_weights=lambda *arguments: None,
    )
""")
TORCH = textwrap.dedent("""
    # Networks answer nothing, optimizers move every weight somewhere, loaders are empty, losses are what one likes.
    from torch.utils.data import DataLoader

    def move(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(0.99)

    nn.Module.__call__ = lambda self, *arguments, **keywords: torch.zeros(len(arguments[0]), 10, requires_grad=True)
    torch.optim.SGD.step = torch.optim.Optimizer.step = move
    DataLoader.__iter__ = lambda self: iter(())
    torch.softmax = nn.functional.softmax = lambda value, dim=None: torch.full_like(value, 0.1)
    torch.Tensor.backward = lambda self, *arguments, **keywords: None
    torch.Tensor.item = lambda self: 1.0
""")
PATCHES["lies"] = f"exec({LIES!r}, globals())"
PATCHES["torch"] = f"exec({TORCH!r}, globals())"

EVERYDAY = [
    ("build_network", "none", "", "lies"),
    ("cross_entropy", "zeros", "nan", "torch"),
    ("train_step", "zeros", "", "lies"),
    ("overfit_batch", "constant", "alternating", "lies"),
    ("train", "constant", "ones", ""),
    ("diagnose_run", "constant", "", "tools"),
    ("predict", "zeros", "nan", "tools"),
    ("accuracy", "zeros", "nan", "torch"),
]


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK, Limits(cell_seconds=2.0, call_seconds=1.0)) as grader:
        yield grader


def scores_nothing(grader: Grader, function: str, replacement: str, behaviour: str, patch: str) -> None:
    submission = conspiracy(TASK, function, replacement, SHAPES, behaviour, patch)
    report = grader.grade(submission, seed=5).report
    assert earned(report, TASK, function) == (0, []), (replacement, behaviour, patch)


@pytest.mark.parametrize(("function", "replacement", "behaviour", "patch"), EVERYDAY)
def test_conspiracy_scores_nothing(grader: Grader, function: str, replacement: str, behaviour: str, patch: str) -> None:
    scores_nothing(grader, function, replacement, behaviour, patch)


@pytest.mark.slow
@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize("function", SHAPES)
def test_every_conspiracy_scores_nothing(grader: Grader, function: str) -> None:
    # Each replacement meets the worst patches, and the behaviours of the other functions in turn.
    behaviours = itertools.cycle(BEHAVIOURS)
    for replacement in REPLACEMENTS:
        for patch in ("lies", "torch", ""):
            scores_nothing(grader, function, replacement, next(behaviours), patch)
