"""Attacks on the final accuracy of problem set 5: networks that were not trained by the code that was handed in.

The weights that are pasted here are trained here: on the pictures that ship and on the grader's hidden ones, which
is more than any student has.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn, optim

from autograder.course import Course
from autograder.grading import Grader
from autograder.report import Report
from autograder.submission import Submission

TASK = Course(Path(__file__).resolve().parent.parent).assignment("ps5_fashion_mnist")
SAMPLES = TASK.samples
SIZES = (784, 64, 10)
SEEDS = range(4)
"""Of gradings: each seed numbers the classes and turns the pictures in another way."""


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK) as grader:
        yield grader


def normalised(images: np.ndarray) -> torch.Tensor:
    return torch.tensor(images / 255, dtype=torch.float32).sub_(0.2860).div_(0.3530).flatten(1)


@pytest.fixture(scope="module")
def pasted() -> str:
    """Source of a cell with the weights of a network that knows the hidden pictures, and how to make it."""
    torch.manual_seed(0)
    parts = SAMPLES.shipped("fashion_mnist.npz"), SAMPLES.hidden()
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    x, y = normalised(images), torch.tensor(labels).long()
    network = nn.Sequential(nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]))
    optimizer = optim.Adam(network.parameters(), lr=0.002)
    for _ in range(12):
        for chosen in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[chosen]), y[chosen]).backward()
            optimizer.step()
    hidden, right = SAMPLES.hidden()
    share = (network(normalised(hidden)).argmax(1) == torch.tensor(right)).float().mean().item()
    assert share > 0.88, f"the pasted network reads only {share:.1%}: no attack at all"
    weights = torch.cat([p.detach().flatten() for p in network.parameters()]).half().numpy()
    code = base64.b64encode(weights.tobytes()).decode()
    return textwrap.dedent(f"""
        import base64
        import numpy as np

        PASTED = torch.tensor(np.frombuffer(base64.b64decode({code!r}), np.float16))

        class Pasted(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
                self.register_buffer("numbers", torch.eye(10))
                self.axes = ()

            def fill(self):
                nn.utils.vector_to_parameters(PASTED.float(), self.body.parameters())
                return self

            def forward(self, x):
                return self.body(x.flip(self.axes) if self.axes else x) @ self.numbers

        def ask(model, loader):
            '''Set the numbers of the classes by majority vote; how many of the votes agree.'''
            votes = torch.zeros(10, 10)
            model.numbers = torch.eye(10)
            with torch.no_grad():
                for images, labels in loader:
                    for answer, label in zip(model(images).argmax(1), labels):
                        votes[answer, label] += 1
            model.numbers = nn.functional.one_hot(votes.argmax(1), 10).float()
            return votes.max(1).values.sum().item()

        def search(model, loader):
            tried = {{}}
            for axes in ((), (2,), (3,), (2, 3)):
                model.axes = axes
                tried[axes] = ask(model, loader)
            model.axes = max(tried, key=tried.get)
            ask(model, loader)

        def said(model, loader):
            with torch.no_grad():
                losses = torch.cat([nn.functional.cross_entropy(model(x), y, reduction="none") for x, y in loader])
            return [losses.mean().item()]
        """)


def train_model(body: str) -> str:
    """A train_model that does `body`, and tells the losses of what came of it."""
    return (
        "def train_model(model, train_loader, validation_loader):\n"
        + textwrap.indent(textwrap.dedent(body).strip(), "    ")
        + '\n    return {"train_loss": said(model, train_loader), "validation_loss": said(model, validation_loader)}\n'
    )


def graded(grader: Grader, seed: int, **sources: str) -> Report:
    """Grade the solved notebook with other sources in some cells."""
    cells = tuple(
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in TASK.cells
    )
    return grader.grade(Submission(TASK, cells, ()), seed).report


def accuracy_points(report: Report) -> float:
    return next(cell.score for cell in report.cells if cell.grade_id == "test_final_accuracy")


def said_of_accuracy(report: Report) -> str:
    return " ".join(c.message for cell in report.cells if cell.grade_id == "test_final_accuracy" for c in cell.checks)


FRESH = "\ndef build_model():\n    return Pasted()\n"
FILLED = "\ndef build_model():\n    return Pasted().fill()\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_attack_pasted_weights_get_no_accuracy(grader: Grader, pasted: str, seed: int) -> None:
    report = graded(grader, seed, build_model=pasted + FILLED, train_model=train_model("pass"))
    assert accuracy_points(report) == 0
    assert "must start untrained" in said_of_accuracy(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_attack_pasted_weights_loaded_in_training_get_no_accuracy(grader: Grader, pasted: str, seed: int) -> None:
    report = graded(grader, seed, build_model=pasted + FRESH, train_model=train_model("model.fill()"))
    assert accuracy_points(report) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_attack_majority_vote_on_pasted_weights_gets_no_accuracy(grader: Grader, pasted: str, seed: int) -> None:
    attack = train_model("model.fill()\nask(model, train_loader)")
    assert accuracy_points(graded(grader, seed, build_model=pasted + FRESH, train_model=attack)) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_attack_majority_vote_in_every_position_gets_no_accuracy(grader: Grader, pasted: str, seed: int) -> None:
    attack = train_model("model.fill()\nsearch(model, train_loader)")
    report = graded(grader, seed, build_model=pasted + FRESH, train_model=attack)
    assert accuracy_points(report) == 0
    assert "learned elsewhere" in said_of_accuracy(report)


def test_attack_pasted_network_with_a_new_last_layer_gets_no_accuracy(grader: Grader, pasted: str) -> None:
    build = pasted + (
        "\ndef build_model():\n"
        "    model = Pasted().fill()\n"
        "    model.body[3] = nn.Sequential(nn.Linear(64, 10), nn.Linear(10, 10))\n"
        "    with torch.no_grad():\n"
        "        model.body[3][0].weight.copy_(PASTED[-650:-10].view(10, 64))\n"
        "    return model\n"
    )
    report = graded(grader, 1, build_model=build)
    assert accuracy_points(report) == 0


def test_attack_constant_answers_get_no_accuracy(grader: Grader, pasted: str) -> None:
    attack = train_model("with torch.no_grad():\n    model.body[3].bias[3] += 1000.0")
    assert accuracy_points(graded(grader, 1, build_model=pasted + FRESH, train_model=attack)) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_attack_table_of_known_pictures_gets_no_accuracy(grader: Grader, pasted: str, seed: int) -> None:
    """Every hidden and every shipped picture is known by a sum over its pixels, in all four positions."""
    parts = SAMPLES.shipped("fashion_mnist.npz"), SAMPLES.hidden()
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    sums = images.astype(np.int64).reshape(len(images), -1)
    keys = sums.sum(1) * 2**20 + (sums**2).sum(1) % 2**20
    assert len(np.unique(keys)) > 0.99 * len(keys)
    order = np.argsort(keys)
    table, classes = (base64.b64encode(a[order].tobytes()).decode() for a in (keys, labels.astype(np.uint8)))
    build = pasted + textwrap.dedent(f"""
        KEYS = torch.tensor(np.frombuffer(base64.b64decode({table!r}), np.int64))
        CLASSES = torch.tensor(np.frombuffer(base64.b64decode({classes!r}), np.uint8)).long()

        class Table(Pasted):
            known = False

            def forward(self, x):
                if not self.known:
                    return self.body(x)
                pixels = (x.flatten(1).double() * 0.3530 + 0.2860).mul(255).round().long()
                keys = pixels.sum(1) * 2**20 + (pixels**2).sum(1) % 2**20
                place = torch.searchsorted(KEYS, keys).clamp(max=len(KEYS) - 1)
                found = (KEYS[place] == keys).float()[:, None]
                return self.body(x) + 100 * found * nn.functional.one_hot(CLASSES[place], 10) @ self.numbers

        def build_model():
            return Table()
        """)
    attack = train_model(
        "model.known = True\nwith torch.no_grad():\n    model.body[3].weight.zero_()\nask(model, train_loader)"
    )
    report = graded(grader, seed, build_model=build, train_model=attack)
    assert accuracy_points(report) == 0
