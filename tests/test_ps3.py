"""Problem set 3 graded as a whole: answers that are worth nothing, right ones that lose nothing, and messages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from conspiracy import with_sources

from autograder.course import Course
from autograder.grading import Grader
from autograder.report import Check, Report
from autograder.sandbox.limits import Limits
from autograder.submission import Submission

TASK = Course(Path(__file__).resolve().parent.parent).assignment("ps3_autograd")


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK, Limits(cell_seconds=5.0, call_seconds=2.0)) as grader:
        yield grader


def solved(**sources: str) -> Submission:
    """The solved notebook with other sources in some cells."""
    return with_sources(TASK, {name: textwrap.dedent(source) for name, source in sources.items()})


def failed(report: Report, function: str = "") -> dict[str, Check]:
    """The checks that did not pass, by name; of a function's cell, or all."""
    cells = [cell for cell in report.cells if not function or cell.grade_id == TASK.cell_of(function)]
    return {check.name: check for cell in cells for check in cell.checks if check.outcome != "passed"}


def score(report: Report, function: str) -> float:
    return next(cell.score for cell in report.cells if cell.grade_id == TASK.cell_of(function))


# --- worth nothing -------------------------------------------------------------------------------------------

STAYS = """
def fit_linear(X, y, w0, b0, lr, n_steps):
    for _ in range(n_steps):
        sgd_step([w0.clone(), b0.clone()], lr)
    loss = float(((y - (X @ w0 + b0)) ** 2).sum() / (2 * len(y)))
    return w0, b0, [loss] * (n_steps + 1)
"""

FLATTERING = """
import sys
TOOLS = sys.modules["autograder.sandbox.toolbox"]._TOOLS
RIGHT = dict(TOOLS)

def cleared(model, *arguments):
    for p in model.parameters():
        p.grad = None
    return model

def gradients(model):
    return {name: None for name, p in model.named_parameters()}

def backward(model, *arguments):
    RIGHT["backward"](cleared(model), *arguments)

def add_gradients(model, values):
    RIGHT["add_gradients"](cleared(model), values)
"""

NEVER_CLEARS = """
def sgd_step(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
"""

MEASURED = """
def gradient_of(f, x):
    x = x.double()
    slopes = torch.zeros_like(x)
    for place in range(x.numel()):
        up, down = x.clone(), x.clone()
        up.view(-1)[place] += 1e-6
        down.view(-1)[place] -= 1e-6
        slopes.view(-1)[place] = (f(up) - f(down)) / 2e-6
    return slopes.float()
"""

COMPLEX_STEP = """
def gradient_of(f, x):
    slopes = torch.zeros_like(x, dtype=torch.float64)
    for place in range(x.numel()):
        moved = x.to(torch.complex128)
        moved.view(-1)[place] += 1e-30j
        slopes.view(-1)[place] = f(moved).imag / 1e-30
    return slopes.float()
"""


@pytest.mark.parametrize("step", ["the right one", "p.fill_(float('nan'))", "p.zero_()", "p.fill_(1e200)"])
def test_fit_linear_that_stays_where_it_is_is_worth_nothing(grader: Grader, step: str) -> None:
    nonsense = (
        f"def sgd_step(parameters, lr):\n    with torch.no_grad():\n        for p in parameters:\n            {step}"
    )
    sources = {} if step == "the right one" else {"sgd_step": nonsense}
    report = grader.grade(solved(fit_linear=STAYS, **sources), seed=2).report
    assert score(report, "fit_linear") == 0


@pytest.mark.parametrize("lies", ["gradients", "gradients, backward, add_gradients"])
def test_a_step_that_never_clears_is_known_by_the_next_one(grader: Grader, lies: str) -> None:
    pairs = ", ".join(f"{name}={name}" for name in lies.split(", "))
    source = f"{FLATTERING}\nTOOLS.update({pairs})\n{NEVER_CLEARS}"
    report = grader.grade(solved(sgd_step=source), seed=2).report
    assert failed(report)["sgd_step_clears"].outcome == "failed"


@pytest.mark.parametrize("source", [MEASURED, COMPLEX_STEP], ids=["differences in float64", "complex step"])
def test_measured_slopes_are_no_gradient(grader: Grader, source: str) -> None:
    report = grader.grade(solved(gradient_of=source), seed=2).report
    assert score(report, "gradient_of") == 0
    assert set(failed(report)) == set(failed(report, "gradient_of"))


@pytest.mark.parametrize("freezing", ["names or [False]", "names"])
def test_layers_reported_as_frozen_have_to_be_frozen(grader: Grader, freezing: str) -> None:
    """A notebook whose flags are all that the test wants to hear, while all layers go on learning."""
    source = f"""
        import sys
        FROZEN = []

        def freeze_layers(model, names):
            FROZEN[:] = {freezing}

        def requires_grad(model):
            return {{name: name.partition(".")[0] not in FROZEN for name, p in model.named_parameters()}}

        sys.modules["autograder.sandbox.toolbox"]._TOOLS["requires_grad"] = requires_grad
        """
    report = grader.grade(solved(freeze_layers=source), seed=2).report
    assert score(report, "freeze_layers") == 0


# --- no points lost ------------------------------------------------------------------------------------------

FIT = """
import functools

class Loss(nn.Module):
    def __init__(self, X, y, b):
        super().__init__()
        self.X, self.y, self.b = X, y, b

    def forward(self, w):
        return ((self.y - self.X @ w - self.b) ** 2).mean() / 2

def fit_linear(X, y, w0, b0, lr, n_steps):
    w = w0.detach().clone().requires_grad_(True)
    b = torch.as_tensor(b0).detach().clone().requires_grad_(True)

    def loss(w, b):
        return ((y - (X @ w + b)) ** 2).mean() / 2

    losses = [loss(w, b).item()]
    for _ in range(n_steps):
        STEP
        losses.append(loss(w, b).item())
    return w.detach(), b.detach(), losses
"""

STEPS = {
    f"sgd_step: {arguments}": f"loss(w, b).backward(); sgd_step({arguments})"
    for arguments in (
        "[w, b], lr",
        "(w, b), lr",
        "iter([w, b]), lr",
        "(p for p in (w, b)), lr",
        "{'w': w, 'b': b}.values(), lr",
        "{w, b}, lr",
        "lr=lr, parameters=iter([w, b])",
        "map(lambda p: p, [w, b]), torch.tensor(lr)",
        "[w, b, torch.zeros(3, requires_grad=True)], lr",
    )
} | {
    f"gradient_of: {first}": f"dw, db = gradient_of({first}), gradient_of({second}); w, b = w - lr * dw, b - lr * db"
    for first, second in (
        ("lambda v: loss(v, b), w", "lambda v: loss(w, v), b"),
        ("f=lambda v: loss(v, b.detach()), x=w.detach()", "f=lambda v: loss(w.detach(), v), x=b.detach()"),
        ("functools.partial(loss, b=b), w", "functools.partial(loss, w), b"),
        ("Loss(X, y, b), w", "lambda v: loss(w, v), b"),
    )
}
"""Right ways to step with an earlier function, by that function and its arguments."""

WRONG = {
    "sgd_step": "def sgd_step(parameters, lr):\n    raise NotImplementedError\n",
    "gradient_of": "def gradient_of(f, x):\n    return 3.0\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("way", STEPS)
def test_a_right_fit_keeps_its_points_with_a_wrong_step(grader: Grader, way: str) -> None:
    function = way.partition(":")[0]
    fit = FIT.replace("STEP", STEPS[way])
    assert not failed(grader.grade(solved(fit_linear=fit), seed=2).report)
    report = grader.grade(solved(fit_linear=fit, **{function: WRONG[function]}), seed=2).report
    assert set(failed(report)) == set(failed(report, function))
    assert score(report, function) == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_right_answers_get_full_points(grader: Grader, seed: int) -> None:
    assert not failed(grader.grade(solved(), seed=seed).report)
    unusual = {name: [entry for entry in TASK.bank.unusual if entry.function == name] for name in TASK.functions}
    for turn in range(max(map(len, unusual.values()))):
        chosen = {name: entries[turn % len(entries)] for name, entries in unusual.items()}
        sources = {name: entry.source.text for name, entry in chosen.items()}
        report = grader.grade(with_sources(TASK, sources), seed=seed).report
        assert not failed(report), [entry.id for entry in chosen.values()]


def test_autograd_switched_off_in_a_cell_costs_nothing(grader: Grader) -> None:
    cells = list(TASK.cells)
    place = next(place for place, cell in enumerate(cells) if cell.grade_id == "gradient_of")
    cells[place] = msgspec.structs.replace(cells[place], source=cells[place].source + "\ntorch.set_grad_enabled(False)")
    assert not failed(grader.grade(Submission(TASK, tuple(cells), ()), seed=2).report)


def test_autograd_switched_off_by_a_function_costs_its_own_test(grader: Grader) -> None:
    source = """
        def sgd_step(parameters, lr):
            torch.set_grad_enabled(False)
            for p in parameters:
                if p.grad is not None:
                    p -= lr * p.grad
                    p.grad = None
        """
    report = grader.grade(solved(sgd_step=source), seed=2).report
    assert set(failed(report)) == {"sgd_step_unrecorded"}
    assert "switched autograd off" in failed(report)["sgd_step_unrecorded"].message


# --- words ---------------------------------------------------------------------------------------------------

REBOUND = (
    "loss(w, b).backward()\n        w, b = w - lr * w.grad, b - lr * b.grad\n        w.grad.zero_(); b.grad.zero_()"
)
TOO_EARLY = "w.grad.zero_(); b.grad.zero_()\n        loss(w, b).backward()\n        sgd_step([w, b], lr)"


@pytest.mark.parametrize("step", [REBOUND, TOO_EARLY], ids=["a new tensor", "before the first backward"])
def test_a_gradient_that_is_not_there_is_explained(grader: Grader, step: str) -> None:
    report = grader.grade(solved(fit_linear=FIT.replace("STEP", step)), seed=2).report
    assert score(report, "fit_linear") == 0
    for check in failed(report, "fit_linear").values():
        assert "it is None as long as no backward has filled it" in check.message
        assert " of cell fit_linear" in check.message
    assert set(failed(report)) == set(failed(report, "fit_linear"))


def test_one_sum_in_every_entry_is_named(grader: Grader) -> None:
    source = """
        def gradient_of(f, x):
            copy = x.detach().clone().requires_grad_(True)
            f(copy).backward()
            return torch.full_like(x, copy.grad.sum())
        """
    report = grader.grade(solved(gradient_of=source), seed=2).report
    assert {check.diagnosis for check in failed(report).values()} == {"gradient_of.sum_in_every_entry"}
