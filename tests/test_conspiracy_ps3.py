"""A function of ps3 that doesn't compute its answer scores 0, whatever the rest of the notebook does to hide it."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from conspiracy import BEHAVIOURS, REPLACEMENTS, conspiracy, earned

from autograder.course import Course
from autograder.grading import Grader
from autograder.sandbox.limits import Limits
from autograder.submission import Submission

TASK = Course(Path(__file__).resolve().parent.parent).assignment("ps3_autograd")
SHAPES = {
    "mean_square_gradient": "x",
    "gradient_of": "x",
    "accumulate_gradients": "list(model.parameters())",
    "sgd_step": "parameters",
    "freeze_layers": "list(model.parameters())",
    "fit_linear": "(w0, b0, [0.0] * (n_steps + 1))",
}
"""For each function an expression of its arguments that has the shape of its answer."""

NOTHING = "nothing to report"
LIES = {
    NOTHING: """
        for _name in list(_toolbox._TOOLS):
            _toolbox._TOOLS[_name] = lambda *a, **k: None
    """,
    "all is well": """
        _tools = dict(_toolbox._TOOLS)
        _flags = {}
        def _said(**answers):
            _toolbox._TOOLS.update(answers)
        def _named(model, value):
            return {name: value(p) for name, p in model.named_parameters()}
        def _requires_grad(model):
            _NOW["calls"] += 1
            return _named(model, lambda p: bool(_NOW["calls"] % 2))
        _said(
            gradients=lambda model: _named(model, lambda p: None),
            requires_grad=_requires_grad,
            weights=lambda model: _named(model, lambda p: p.detach() - 0.1 * torch.ones_like(p)),
            backward=lambda *a: None,
            modes=lambda model: {},
            grad_enabled=lambda: True,
            events=lambda: [],
        )
    """,
    "everything repaired": """
        _tools = dict(_toolbox._TOOLS)
        def _repaired(model):
            torch.set_grad_enabled(True)
            for p in model.parameters():
                p.requires_grad_(True)
                p.grad = None
        def _backward(model, criterion, inputs, targets):
            _repaired(model)
            _tools["backward"](model, criterion, inputs, targets)
        def _gradients(model):
            found = _tools["gradients"](model)
            hidden = list(found)[_NOW["calls"] % len(found)].partition(".")[0]
            _NOW["calls"] += 1
            return {name: None if name.startswith(hidden + ".") else value for name, value in found.items()}
        def _set(model, values):
            for p in model.parameters():
                p.grad = None
        _toolbox._TOOLS.update(backward=_backward, gradients=_gradients, set_gradients=_set, add_gradients=_set)
    """,
    "torch itself": """
        torch.Tensor.requires_grad_ = lambda self, flag=True: self
        torch.Tensor.backward = lambda self, *a, **k: None
        torch.Tensor.detach = lambda self: self.data
        torch.autograd.grad = lambda *a, **k: [torch.zeros(3)]
        torch.equal = torch.allclose = lambda *a, **k: True
        nn.Module.zero_grad = lambda self, *a, **k: None
        nn.Module.requires_grad_ = lambda self, flag=True: self
        nn.Module.named_parameters = lambda self, *a, **k: iter(())
    """,
}
"""What the notebook changes in its process before its functions are called."""

EVERYDAY = [
    ("mean_square_gradient", "zeros", "torch itself"),
    ("gradient_of", "first argument", "all is well"),
    ("accumulate_gradients", "none", "everything repaired"),
    ("sgd_step", "none", "all is well"),
    ("freeze_layers", "none", "everything repaired"),
    ("fit_linear", "zeros", NOTHING),
]


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK, Limits(cell_seconds=5.0, call_seconds=2.0)) as grader:
        yield grader


def lying(submission: Submission, lie: str) -> Submission:
    """`submission` with LIES[lie] at the end of its first solution cell."""
    source = "\nimport sys as _sys\n_toolbox = _sys.modules['autograder.sandbox.toolbox']\n" + textwrap.dedent(
        LIES[lie]
    )
    cells = list(submission.cells)
    place = next(place for place, cell in enumerate(cells) if cell.grade_id == TASK.functions[0])
    cells[place] = msgspec.structs.replace(cells[place], source=cells[place].source + source)
    return Submission(TASK, tuple(cells), ())


def scores_nothing(grader: Grader, function: str, replacement: str, lie: str = "", behaviour: str = "") -> None:
    submission = conspiracy(TASK, function, replacement, SHAPES, behaviour)
    report = grader.grade(lying(submission, lie) if lie else submission, seed=5).report
    assert earned(report, TASK, function) == (0, []), (replacement, lie, behaviour)
    assert report.problems == (), (replacement, lie, behaviour)


@pytest.mark.parametrize(("function", "replacement", "lie"), EVERYDAY)
def test_conspiracy_scores_nothing(grader: Grader, function: str, replacement: str, lie: str) -> None:
    scores_nothing(grader, function, replacement, lie)


@pytest.mark.slow
@pytest.mark.parametrize("function", SHAPES)
def test_every_lie_scores_nothing(grader: Grader, function: str) -> None:
    for replacement, lie in itertools.product(REPLACEMENTS, LIES):
        if lie != NOTHING:
            scores_nothing(grader, function, replacement, lie)


@pytest.mark.slow
def test_what_the_others_return_is_worth_nothing(grader: Grader) -> None:
    for replacement, behaviour in zip(itertools.cycle(REPLACEMENTS), BEHAVIOURS, strict=False):
        scores_nothing(grader, "fit_linear", replacement, behaviour=behaviour)
