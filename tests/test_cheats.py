"""Attacks on problem set 5: networks that were not trained by the code that was handed in, and losses of no training.

The weights that are pasted here are trained here: on the images that ship and on the grader's hidden ones, which
is more than any student has. None may get more points for accuracy than an honest plain network (two of three steps),
and train_model's cell gives nothing for losses that were not computed from a network that learns by gradient steps.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable, Iterator
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
SEEDS = range(4)
"""Of gradings: each seed draws another task."""
HONEST = 8
"""Points for accuracy of an honest plain network."""

Pasted = Callable[[str], str]
"""Makes the source of a cell with the weights of a network of some kind, and ways to use it."""

LAYERS = {
    "small": "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10)",
    "wide": "nn.Flatten(), nn.Linear(784, 192), nn.ReLU(), nn.Linear(192, 64), nn.ReLU(), nn.Linear(64, 10)",
    "convolutional": (
        "nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), "
        "nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 49, 64), nn.ReLU(), nn.Linear(64, 10)"
    ),
}
EPOCHS = {"small": 12, "wide": 8, "convolutional": 3}

HELPERS = """
class Pasted(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(LAYERS)
        self.register_buffer("numbers", torch.eye(10))
        self.axes = ()

    def fill(self):
        nn.utils.vector_to_parameters(PASTED.float(), self.body.parameters())
        return self

    def forward(self, x):
        return self.body(x.flip(self.axes) if self.axes else x) @ self.numbers


class Frozen(nn.Module):
    # A new head, learned by honest steps, on what a hidden network from elsewhere puts out.
    def __init__(self, layers):
        super().__init__()
        self.secret = [Pasted().fill().body.eval()[:layers]]
        width = self.secret[0](torch.zeros(2, 1, 28, 28)).shape[1]
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        with torch.no_grad():
            seen = self.secret[0](x)
        return self.head(self.norm(seen))


def ask(model, loader):
    # Set the numbers of the classes by majority vote; how many of the votes agree.
    votes = torch.zeros(10, 10)
    model.numbers = torch.eye(10)
    with torch.no_grad():
        for images, labels in loader:
            for answer, label in zip(model(images).argmax(1), labels):
                votes[answer, label] += 1
    model.numbers = nn.functional.one_hot(votes.argmax(1), 10).float()
    return votes.max(1).values.sum().item()


def search(model, loader):
    tried = {}
    for axes in ((), (2,), (3,), (2, 3)):
        model.axes = axes
        tried[axes] = ask(model, loader)
    model.axes = max(tried, key=tried.get)
    ask(model, loader)


def everything(loader):
    return tuple(torch.cat(parts) for parts in zip(*loader))


def solve(model, loader, decay=10.0):
    # The last linear layer by ridge regression on what goes into it.
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    images, labels = everything(loader)
    inputs = []
    hook = last.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach()))
    with torch.no_grad():
        model(images)
        hook.remove()
        x = torch.cat([inputs[0], torch.ones(len(images), 1)], 1).double()
        targets = nn.functional.one_hot(labels, 10).double() - 0.1
        w = torch.linalg.solve(x.T @ x + decay * torch.eye(x.shape[1]).double(), x.T @ targets).float()
        last.weight.copy_(5 * w[:-1].T)
        last.bias.copy_(5 * w[-1])


def adapt(model, loader):
    # Scale and shift the pixels until the network is sure of its answers to the images handed in.
    images, _ = everything(loader)
    scale, shift = nn.Parameter(torch.ones(1, 1, 28, 28)), nn.Parameter(torch.zeros(1, 1, 28, 28))
    optimizer = optim.Adam([scale, shift], lr=0.02)
    for chosen in torch.randperm(len(images)).split(200):
        p = torch.log_softmax(model.body(images[chosen] * scale + shift), 1)
        optimizer.zero_grad()
        (-(p.exp() * p).sum(1).mean()).backward()
        optimizer.step()
    model.body.register_forward_pre_hook(lambda _, given: (given[0] * scale.detach() + shift.detach(),))


def said(model, loader):
    with torch.no_grad():
        losses = torch.cat([nn.functional.cross_entropy(model(x), y, reduction="none") for x, y in loader])
    return [losses.mean().item()]
"""


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK) as grader:
        yield grader


def normalised(images: np.ndarray) -> torch.Tensor:
    return torch.tensor(images / 255, dtype=torch.float32).sub_(0.2860).div_(0.3530).unsqueeze(1)


@pytest.fixture(scope="session")
def pasted() -> Pasted:
    """Networks that know the hidden images; each kind is trained once."""
    made: dict[str, str] = {}

    def source(kind: str) -> str:
        if kind not in made:
            made[kind] = trained(kind)
        return made[kind]

    return source


def trained(kind: str) -> str:
    torch.manual_seed(0)
    parts = SAMPLES.shipped("fashion_mnist.npz"), SAMPLES.hidden()
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    x, y = normalised(images), torch.tensor(labels).long()
    network: nn.Module = eval(f"nn.Sequential({LAYERS[kind]})")
    optimizer = optim.Adam(network.parameters(), lr=0.002)
    for _ in range(EPOCHS[kind]):
        for chosen in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[chosen]), y[chosen]).backward()
            optimizer.step()
    hidden, right = SAMPLES.hidden()
    with torch.no_grad():
        share = (network(normalised(hidden)).argmax(1) == torch.tensor(right)).float().mean().item()
    assert share > 0.87, f"the pasted network classifies only {share:.1%} correctly: no attack at all"
    weights = torch.cat([p.detach().flatten() for p in network.parameters()]).half().numpy()
    code = base64.b64encode(weights.tobytes()).decode()
    given = f"PASTED = torch.tensor(np.frombuffer(base64.b64decode({code!r}), np.float16))\n"
    return "import base64\nimport numpy as np\n" + given + HELPERS.replace("LAYERS", LAYERS[kind])


def train_model(body: str, losses: str | None = None) -> str:
    """A train_model that does `body`, and returns the losses of what came of it, or invented ones."""
    told = losses or '{"train_loss": said(model, train_loader), "validation_loss": said(model, validation_loader)}'
    return (
        "def train_model(model, train_loader, validation_loader):\n"
        + textwrap.indent(textwrap.dedent(body).strip(), "    ")
        + f"\n    return {told}\n"
    )


def graded(grader: Grader, seed: int, **sources: str) -> Report:
    """Grade the solved notebook with other sources in some cells."""
    cells = tuple(
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in TASK.cells
    )
    return grader.grade(Submission(TASK, cells, ()), seed).report


def points(report: Report, cell: str) -> float:
    return next(found.score for found in report.cells if found.grade_id == f"test_{cell}")


def accuracy_points(report: Report) -> float:
    return points(report, "final_accuracy")


def said_of_accuracy(report: Report) -> str:
    return " ".join(c.message for cell in report.cells if cell.grade_id == "test_final_accuracy" for c in cell.checks)


FRESH = "\ndef build_model():\n    return Pasted()\n"
FILLED = "\ndef build_model():\n    return Pasted().fill()\n"
INVENTED = '{"train_loss": [1.0], "validation_loss": [0.5]}'
RANDOM_FEATURES = """
def build_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 2000), nn.ReLU(), nn.Linear(2000, 10))
"""
WAYS = {
    "voting": "model.fill()\nask(model, train_loader)",
    "searching": "model.fill()\nsearch(model, train_loader)",
    "adapting": "model.fill()\nadapt(model, train_loader)\nask(model, train_loader)",
    "a head by ridge regression": "model.fill()\nsolve(model, train_loader)",
}
"""What a train_model that trains nothing does with pasted weights."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_attack_pasted_weights_get_no_accuracy(grader: Grader, pasted: Pasted, seed: int) -> None:
    report = graded(grader, seed, build_model=pasted("small") + FILLED, train_model=train_model("pass"))
    assert accuracy_points(report) == 0
    assert "must start untrained" in said_of_accuracy(report)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_attack_pasted_weights_loaded_in_training_get_no_accuracy(grader: Grader, pasted: Pasted, seed: int) -> None:
    report = graded(grader, seed, build_model=pasted("small") + FRESH, train_model=train_model("model.fill()"))
    assert accuracy_points(report) == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", ["voting", "searching"])
def test_attack_majority_vote_on_pasted_weights_gets_no_accuracy(
    grader: Grader, pasted: Pasted, way: str, seed: int
) -> None:
    report = graded(grader, seed, build_model=pasted("small") + FRESH, train_model=train_model(WAYS[way]))
    assert accuracy_points(report) == 0
    assert points(report, "train_model") == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("losses", [None, INVENTED], ids=["measured", "invented"])
def test_attack_pasted_weights_without_a_training_get_no_more_than_a_plain_network(
    grader: Grader, pasted: Pasted, kind: str, way: str, losses: str | None
) -> None:
    report = graded(grader, 5, build_model=pasted(kind) + FRESH, train_model=train_model(WAYS[way], losses))
    assert accuracy_points(report) <= HONEST
    assert points(report, "train_model") == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("layers", [None, -1], ids=["all of it", "without its last layer"])
def test_attack_head_learned_on_pasted_layers_gets_no_more_than_a_plain_network(
    grader: Grader, pasted: Pasted, kind: str, layers: int | None
) -> None:
    """Its training is honest; what it stands on comes from elsewhere, and from another task."""
    build = pasted(kind) + f"\ndef build_model():\n    return Frozen({layers})\n"
    assert accuracy_points(graded(grader, 6, build_model=build)) <= HONEST


@pytest.mark.parametrize("losses", [None, INVENTED], ids=["measured", "invented"])
def test_attack_ridge_regression_on_random_features_is_no_training(grader: Grader, losses: str | None) -> None:
    build = HELPERS.replace("LAYERS", LAYERS["small"]) + RANDOM_FEATURES
    report = graded(grader, 7, build_model=build, train_model=train_model("solve(model, train_loader)", losses))
    assert accuracy_points(report) <= HONEST
    assert points(report, "train_model") == 0


def test_attack_vote_of_a_pasted_network_with_invented_losses_gets_nothing(grader: Grader, pasted: Pasted) -> None:
    attack = train_model(WAYS["voting"], INVENTED)
    report = graded(grader, 8, build_model=pasted("small") + FRESH, train_model=attack)
    assert accuracy_points(report) == 0
    assert points(report, "train_model") == 0


def test_attack_network_that_raises_on_few_images_skips_no_check(grader: Grader, pasted: Pasted) -> None:
    few = "model.fill()\nif len(train_loader.dataset) < 1000:\n    raise ValueError\nask(model, train_loader)"
    report = graded(grader, 9, build_model=pasted("small") + FRESH, train_model=train_model(few))
    assert points(report, "train_model") == 0
    assert accuracy_points(report) == 0


@pytest.mark.parametrize(
    "losses",
    [INVENTED, "{key: [float(torch.rand(())) for _ in range(10)] for key in history}"],
    ids=["fixed", "random"],
)
def test_attack_right_training_with_invented_losses_gets_nothing_for_train_model(grader: Grader, losses: str) -> None:
    training = next(cell.source for cell in TASK.cells if cell.grade_id == "train_model")
    report = graded(grader, 10, train_model=training.replace("return history", f"return {losses}"))
    assert points(report, "train_model") == 0
    assert accuracy_points(report) <= HONEST


@pytest.mark.parametrize("returned", ["0.0", "float('nan')", "{}", "model", "[1.0, 0.5]", INVENTED])
def test_attack_train_model_that_does_nothing_gets_nothing(grader: Grader, returned: str) -> None:
    """Whatever the tools in its process were made to report."""
    build = """
from autograder.sandbox import toolbox
toolbox._TOOLS["record"] = lambda model: {key: 1 for key in model._record.counts}
toolbox._TOOLS["events"] = lambda: ["zero_grad", "backward", "step"] * 20
def build_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
"""
    source = f"def train_model(model, train_loader, validation_loader):\n    return {returned}\n"
    report = graded(grader, 11, build_model=build, train_model=source)
    assert points(report, "train_model") == 0
    assert accuracy_points(report) == 0


@pytest.mark.slow
def test_attack_pasted_network_with_a_new_last_layer_gets_no_accuracy(grader: Grader, pasted: Pasted) -> None:
    build = pasted("small") + (
        "\ndef build_model():\n"
        "    model = Pasted().fill()\n"
        "    model.body[3] = nn.Sequential(nn.Linear(64, 10), nn.Linear(10, 10))\n"
        "    with torch.no_grad():\n"
        "        model.body[3][0].weight.copy_(PASTED[-650:-10].view(10, 64))\n"
        "    return model\n"
    )
    report = graded(grader, 1, build_model=build)
    assert accuracy_points(report) == 0


@pytest.mark.slow
def test_attack_constant_answers_get_no_accuracy(grader: Grader, pasted: Pasted) -> None:
    attack = train_model("with torch.no_grad():\n    model.body[3].bias[3] += 1000.0")
    assert accuracy_points(graded(grader, 1, build_model=pasted("small") + FRESH, train_model=attack)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_attack_table_of_known_pictures_gets_no_accuracy(grader: Grader, pasted: Pasted, seed: int) -> None:
    """Every hidden and every shipped picture is known by a sum over its pixels, in all four positions."""
    parts = SAMPLES.shipped("fashion_mnist.npz"), SAMPLES.hidden()
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    sums = images.astype(np.int64).reshape(len(images), -1)
    keys = sums.sum(1) * 2**20 + (sums**2).sum(1) % 2**20
    assert len(np.unique(keys)) > 0.99 * len(keys)
    order = np.argsort(keys)
    table, classes = (base64.b64encode(a[order].tobytes()).decode() for a in (keys, labels.astype(np.uint8)))
    build = pasted("small") + textwrap.dedent(f"""
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
