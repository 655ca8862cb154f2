"""Attacks on problem set 4: networks that were trained elsewhere, and functions that cover up for one another.

The weights that are pasted are trained here, on the images that ship and on the grader's hidden ones, which is more
than any student has.
"""

from __future__ import annotations

import base64
import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from rehearsal import Rehearsal
from torch import nn, optim

from autograder.assignments.ps4_training_loop import answers as right_answers
from autograder.assignments.ps4_training_loop.hidden_tests import SCALE
from autograder.course import Course
from autograder.grading import Grader
from autograder.report import Report
from autograder.sandbox import toolbox
from autograder.submission import Submission

TASK = Course(Path(__file__).resolve().parent.parent).assignment("ps4_training_loop")


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK) as grader:
        yield grader


def graded(grader: Grader, seed: int, **sources: str) -> Report:
    """Grade the solved notebook with other sources in some cells."""
    cells = tuple(
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in TASK.cells
    )
    return grader.grade(Submission(TASK, cells, ()), seed).report


def points(report: Report, function: str) -> float:
    return next(cell.score for cell in report.cells if cell.grade_id == f"test_{function}")


def failed(report: Report, function: str) -> set[str]:
    """The names of a function's checks that were not passed."""
    cell = next(cell for cell in report.cells if cell.grade_id == f"test_{function}")
    return {check.name for check in cell.checks if check.outcome != "passed"}


# --- networks trained elsewhere ------------------------------------------------------------------------------

CONVOLUTIONAL = (
    "nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 8, 5, 3), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), "
    "nn.Flatten(), nn.Linear(144, 10)"
)
"""The layers of a small network with convolutions, wrapped so that it takes flat images."""
INVENTED = "return [0.5] * (epochs * len(loader) // print_every)"
"""Losses that nobody computed."""

VOTE = """
votes = torch.zeros(10, 10)
with torch.no_grad():
    for images, labels in loader:
        for answer, label in zip(model(images.flatten(1)).argmax(1), labels):
            votes[answer, label] += 1
    order = votes.argmax(0)
    model[-1].weight.copy_(model[-1].weight[order])
    model[-1].bias.copy_(model[-1].bias[order])
"""
ADAPT = """
with torch.no_grad():
    seen = torch.cat([images.flatten(1) for images, _ in loader]).mean(0).argsort()
    places = torch.empty(784, dtype=torch.long)
    places[MEANS.argsort()] = seen
    first = next(layer for layer in model if isinstance(layer, nn.Linear))
    weight = first.weight.clone()
    first.weight[:, places] = weight
"""
"""Pixels are brought back to their places by how bright they are on average: then it is the vote's turn."""
REFIT = """
with torch.no_grad():
    pairs = [(model[:-1](images.flatten(1)), labels) for images, labels in loader]
    features = torch.cat([features for features, _ in pairs])
    features = torch.cat([features, torch.ones(len(features), 1)], 1).double()
    wanted = nn.functional.one_hot(torch.cat([labels for _, labels in pairs]), 10).double()
    ridge = 1e-3 * len(features) * torch.eye(features.shape[1], dtype=torch.double)
    head = torch.linalg.solve(features.T @ features + ridge, features.T @ wanted).float()
    model[-1].weight.copy_(head[:-1].T)
    model[-1].bias.copy_(head[-1])
"""


def elsewhere(network: nn.Module, seed: int) -> str:
    """Train `network` on all images there are; source that holds its weights as PASTED, and the mean image."""
    parts = TASK.samples.shipped("mnist.npz"), TASK.samples.hidden()
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    x, y = toolbox.normalised(images, SCALE).flatten(1), torch.tensor(labels).long()
    torch.manual_seed(seed)
    optimizer = optim.Adam(network.parameters(), lr=0.003)
    for _ in range(3):
        for chosen in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[chosen]), y[chosen]).backward()
            optimizer.step()
    share = (network(x).argmax(1) == y).float().mean().item()
    assert share > 0.93, f"the pasted network classifies only {share:.1%} correctly: no attack at all"

    def source(tensor: torch.Tensor) -> str:
        code = base64.b64encode(tensor.detach().half().numpy().tobytes()).decode()
        return f"torch.tensor(np.frombuffer(base64.b64decode({code!r}), np.float16)).float()"

    weights = torch.cat([p.detach().flatten() for p in network.parameters()])
    return f"import base64\nimport numpy as np\nPASTED = {source(weights)}\nMEANS = {source(x.mean(0))}\n"


def train_that(*bodies: str) -> str:
    """A train that takes the pasted weights, where they fit, and does `bodies` with them."""
    body = textwrap.indent("".join(bodies), "    ")
    return (
        "def train(model, loader, criterion, optimizer, epochs, print_every=40):\n"
        "    if sum(p.numel() for p in model.parameters()) != len(PASTED):\n"
        f"        {INVENTED}\n"
        "    nn.utils.vector_to_parameters(PASTED.clone(), model.parameters())\n"
        f"{body}\n    {INVENTED}\n"
    )


HOW = {"vote": (VOTE,), "adapted": (ADAPT, VOTE), "refitted": (REFIT,)}
PLAIN = [("plain", how, seed) for how in HOW for seed in range(4)]
CONVOLUTIONS = [("convolutional", how, seed) for how in ("vote", "refitted") for seed in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "how", "seed"), PLAIN + CONVOLUTIONS)
def test_attack_network_trained_elsewhere_gets_nothing_for_it(grader: Grader, kind: str, how: str, seed: int) -> None:
    torch.manual_seed(100 + seed)
    if kind == "plain":
        network, build = (
            right_answers.build_network(),
            next(c.source for c in TASK.cells if c.grade_id == "build_network"),
        )
    else:
        network = eval(f"nn.Sequential({CONVOLUTIONAL})", {"nn": nn})
        build = f"def build_network(*sizes):\n    return nn.Sequential({CONVOLUTIONAL})\n"
    sources = {"build_network": f"{elsewhere(network, seed)}\n{build}", "train": train_that(*HOW[how])}
    report = graded(grader, seed, **sources)
    assert points(report, "final_accuracy") == 0
    assert points(report, "train") == 0


# --- functions that cover up for one another -----------------------------------------------------------------

ONES = """
asked = False

def train_step(model, images, labels, criterion, optimizer):
    if asked:
        return 1.0
    optimizer.zero_grad()
    loss = criterion(model(images.view(len(images), -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
"""
TRAINS_NOTHING = """
def train(model, loader, criterion, optimizer, epochs, print_every=40):
    global asked
    asked = True
    return [1.0] * (epochs * len(loader) // print_every)
"""


def test_attack_train_that_trains_nothing_gets_nothing(grader: Grader) -> None:
    report = graded(grader, 2, train_step=ONES, train=TRAINS_NOTHING)
    assert points(report, "train") == 0
    assert points(report, "final_accuracy") == 0


def test_attack_accuracy_of_zero_gets_nothing(grader: Grader) -> None:
    lying = "nonsense = False\n\ndef predict(model, images):\n" + (
        "    if nonsense:\n        return torch.full((len(images), 10), float('nan'))\n"
        "    training = model.training\n    model.eval()\n    with torch.no_grad():\n"
        "        result = torch.softmax(model(images.view(len(images), -1)), 1)\n"
        "    model.train(training)\n    return result\n"
    )
    zero = "def accuracy(model, loader):\n    global nonsense\n    nonsense = True\n    return 0.0\n"
    assert points(graded(grader, 2, predict=lying, accuracy=zero), "accuracy") == 0


PREDICT = """
{before}
def predict(model, images):
    training = model.training
    {mode}
    with torch.no_grad():
        result = torch.softmax(model(images.view(len(images), -1)), 1)
    {after}
    return result
"""
TOOLS = """
import sys
tools = sys.modules["autograder.sandbox.toolbox"]._TOOLS
modes = {}
def set_training(model, mode):
    modes[id(model)] = mode
    model.train(mode)
tools["set_training"] = set_training
tools["training"] = lambda model: modes.get(id(model), True)
tools["requires_grad"] = lambda model: {name: True for name, _ in model.named_parameters()}
tools["grad_enabled"] = lambda: True
"""


@pytest.mark.parametrize(
    ("mode", "after", "fails"),
    [
        ("pass", "pass", "predict_evaluates"),
        ("model.eval()", "pass", "predict_mode"),
        ("model.eval()", "model.train()", "predict_mode"),
        ("model.eval()", "model.train(training); torch.set_grad_enabled(False)", "predict_no_graph"),
        ("model.eval()", "model.train(training); model.requires_grad_(False)", "predict_no_graph"),
    ],
)
def test_attack_predict_in_the_wrong_mode_with_lying_tools(grader: Grader, mode: str, after: str, fails: str) -> None:
    report = graded(grader, 2, predict=PREDICT.format(before=TOOLS, mode=mode, after=after))
    assert failed(report, "predict") == {fails}
    assert points(report, "accuracy") == 2
    assert points(report, "final_accuracy") == 3


def test_attack_optimizer_made_anew_unseen_loses_points(grader: Grader) -> None:
    train = (
        "import sys\n"
        "sys.modules['autograder.sandbox.toolbox']._TOOLS['events'] = lambda: []\n"
        "def train(model, loader, criterion, optimizer, epochs, print_every=40):\n"
        "    means, window = [], []\n"
        "    for _ in range(epochs):\n"
        "        for images, labels in loader:\n"
        "            anew = torch.optim.SGD({})\n"
        "            window.append(train_step(model, images, labels, criterion, anew))\n"
        "            if len(window) == print_every:\n"
        "                means.append(sum(window) / print_every)\n"
        "                window = []\n"
        "    return means\n"
    )
    for how in ("model.parameters(), lr=optimizer.param_groups[0]['lr']", "optimizer.param_groups"):
        assert failed(graded(grader, 2, train=train.format(how)), "train") == {"train_keeps_the_optimizer"}


# --- modes in accuracy ---------------------------------------------------------------------------------------

ACCURACY = """
def accuracy(model, loader):
    training = model.training
    {before}
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (model(images.view(len(images), -1)).argmax(1) == labels).sum().item()
            total += len(labels)
    {after}
    return right / total
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "fails"),
    [
        ("pass", "pass", {"accuracy_evaluates"}),
        ("model.eval()", "pass", {"accuracy_mode"}),
        ("model.eval()", "model.train()", {"accuracy_mode"}),
        ("model.train()", "model.train(training)", {"accuracy_evaluates", "accuracy_mode"}),
        ("model.eval()", "model.train(training)", set()),
    ],
)
def test_mode_in_accuracy(grader: Grader, before: str, after: str, fails: set[str]) -> None:
    report = graded(grader, 2, accuracy=ACCURACY.format(before=before, after=after))
    assert failed(report, "accuracy") == fails


@pytest.mark.slow
@pytest.mark.parametrize("batches", ["list(loader)[-1:]", "list(loader)[:1]", "[b for b in loader if len(b[1]) == 8]"])
@pytest.mark.parametrize("seed", range(4))
def test_part_of_the_batches_fails_wherever_the_parts_differ(grader: Grader, batches: str, seed: int) -> None:
    source = (
        "def accuracy(model, loader):\n"
        f"    pairs = [(predict(model, x).argmax(1), y) for x, y in {batches}]\n"
        "    return sum((a == y).sum().item() for a, y in pairs) / max(sum(len(y) for _, y in pairs), 1)\n"
    )
    expected = {"accuracy_short_batch", "accuracy_range", "accuracy_mixed", "accuracy_evaluates"}
    assert failed(graded(grader, seed, accuracy=source), "accuracy") >= expected


# --- a mistake in train_step costs its points once ------------------------------------------------------------

STEP = """
def train_step(model, images, labels, criterion, optimizer):
    images = {flat}
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    return {value}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flat", "value"),
    [
        ("images.view(len(images), -1)", "loss"),
        ("images.view(len(images), -1)", "None"),
        ("images.view(64, -1)", "loss.item()"),
        ("images.resize_(64, 784)", "loss.item()"),
        ("images.view(len(images), -1).cuda()", "loss.item()"),
    ],
)
def test_mistake_in_a_step_costs_the_loop_nothing(grader: Grader, flat: str, value: str) -> None:
    report = graded(grader, 2, train_step=STEP.format(flat=flat, value=value))
    assert points(report, "train_step") < 4
    assert points(report, "train") == 5


@pytest.mark.slow
@pytest.mark.parametrize("result", ["None", "torch.zeros(3)", "1 / 0", "model(images.flatten(1)).detach()"])
def test_mistake_in_a_prediction_costs_accuracy_nothing(grader: Grader, result: str) -> None:
    report = graded(grader, 2, predict=f"def predict(model, images):\n    return {result}\n")
    assert points(report, "predict") < 2
    assert points(report, "accuracy") == 2


# --- loss by hand, one batch, sick runs ----------------------------------------------------------------------

YES = """
class Yes(str):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = str.__hash__

def diagnose_run(run):
    return Yes("any")
"""
FALLING = """
def overfit_batch(model, images, labels, criterion, optimizer, target, max_steps):
    losses = [criterion(model(images.flatten(1)), labels).item()]
    while losses[-1] >= target and len(losses) < max_steps:
        losses.append(losses[-1] * 0.9)
    return losses
"""
FROM_THE_STACK = """
import sys

def cross_entropy(logits, labels):
    frame = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, tuple) and len(value) == 2 and torch.is_tensor(value[1]):
                return value
        frame = frame.f_back
    return torch.zeros(()), torch.zeros_like(logits)
"""


@pytest.mark.parametrize(
    ("function", "source"),
    [("diagnose_run", YES), ("overfit_batch", FALLING), ("cross_entropy", FROM_THE_STACK)],
    ids=["text equal to all", "losses that fall by themselves", "looks for the answer in the stack"],
)
def test_attack_on_the_smaller_functions_scores_nothing(grader: Grader, function: str, source: str) -> None:
    assert points(graded(grader, 2, **{function: source}), function) == 0


def test_guess_among_the_orders_of_the_four_causes_earns_a_twelfth() -> None:
    rehearsal = Rehearsal(TASK.name, "diagnose_run")
    causes = [right_answers.diagnose_run(run) for run in "ABCD"]
    earned = []
    for order in itertools.permutations(causes):
        guess = dict(zip("ABCD", order, strict=True))
        trials = list(rehearsal.trials(guess.__getitem__))
        earned.append(sum(not trial.failed for trial in trials) / len(trials))
    assert max(earned) == 1
    assert sum(earned) / len(earned) == pytest.approx(1 / 12)
