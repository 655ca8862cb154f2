"""Measure how far the accuracy of honest, correct solutions spreads, and write it into docs/accuracy.md.

    python tools/measure_accuracy.py [--seeds 30] [--only TEXT]

Every recipe trains a network on the pictures that ship with an assignment and counts right answers on the grader's
hidden sample, once for each seed: the seed sets the first weights and the order of the pictures. Thresholds for
`final_accuracy` are chosen from this table, never by eye. One thread, as in the grader.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn, optim

from autograder.authoring.fresh_task import FreshTask
from autograder.sandbox.toolbox import normalised

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = {
    "mnist": ROOT / "source" / "ps4_training_loop" / "mnist.npz",
    "fashion_mnist": ROOT / "source" / "ps5_fashion_mnist" / "fashion_mnist.npz",
}
HIDDEN = {
    "mnist": ROOT / "autograder" / "assignments" / "ps4_training_loop" / "hidden.npz",
    "fashion_mnist": ROOT / "autograder" / "assignments" / "ps5_fashion_mnist" / "hidden.npz",
}
NORMALISATION = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2860, 0.3530)}  # as in the notebooks' helper
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Schedule = Callable[[optim.Optimizer, int], optim.lr_scheduler.LRScheduler]


@dataclass(frozen=True)
class Recipe:
    """One way to train: everything but the seed."""

    title: str
    data: str
    network: Callable[[], nn.Module]
    optimizer: Callable[[nn.Module], optim.Optimizer]
    epochs: int
    batch_size: int = 64
    pictures: int = 10_000
    same_order: bool = False  # every epoch of every seed goes through the pictures in the order of the file
    same_weights: bool = False  # every seed starts from the same weights: only the order differs
    schedule: Schedule | None = None  # optimizer and number of steps → scheduler, stepped after every batch
    halves: bool = False  # pixels normalised with mean and standard deviation 0.5 instead of the data's own
    flips: bool = False  # mirror half of the pictures, chosen afresh in every epoch
    fresh: bool = False  # a task of its own for each seed, as the grader draws it (autograder.authoring.fresh_task)


def plain_network() -> nn.Module:
    """784-128-64-10 with ReLU between: what build_network() makes."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def wide_network() -> nn.Module:
    """A wider plain network, with dropout against learning by heart."""
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2)),
        nn.Linear(128, 10),
    )


def convolutional_network() -> nn.Module:
    """Two convolutions with pooling, then two linear layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * 49, 128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, 10)),
    )


def sgd(lr: float, momentum: float = 0.0) -> Callable[[nn.Module], optim.Optimizer]:
    return lambda model: optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def adam(lr: float, weight_decay: float = 0.0) -> Callable[[nn.Module], optim.Optimizer]:
    return lambda model: optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)


def one_cycle(highest: float) -> Schedule:
    return lambda optimizer, steps: optim.lr_scheduler.OneCycleLR(optimizer, highest, total_steps=steps)


def cosine(optimizer: optim.Optimizer, steps: int) -> optim.lr_scheduler.LRScheduler:
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)


RECIPES = [
    # What the lesson tells about the learning rate.
    Recipe("ps4 SGD 0.003, 3 epochs", "mnist", plain_network, sgd(0.003), 3),
    Recipe("ps4 SGD 0.01, 3 epochs", "mnist", plain_network, sgd(0.01), 3),
    Recipe("ps4 SGD 0.1, 3 epochs", "mnist", plain_network, sgd(0.1), 3),
    Recipe("ps4 SGD 0.3, 3 epochs", "mnist", plain_network, sgd(0.3), 3),
    Recipe("ps4 SGD 1, 3 epochs", "mnist", plain_network, sgd(1.0), 3),
    Recipe("ps4 SGD 0.05 momentum 0.9, 3 epochs", "mnist", plain_network, sgd(0.05, 0.9), 3),
    Recipe("ps4 SGD 0.01 momentum 0.9, 3 epochs", "mnist", plain_network, sgd(0.01, 0.9), 3),
    # The same with pixels in [-1, 1].
    Recipe("ps4 SGD 0.1, 3 epochs, pixels in [-1, 1]", "mnist", plain_network, sgd(0.1), 3, halves=True),
    Recipe(
        "ps4 SGD 0.01 momentum 0.9, 3 epochs, pixels in [-1, 1]",
        *("mnist", plain_network, sgd(0.01, 0.9), 3),
        halves=True,
    ),
    # Candidates for the training in the grader.
    Recipe(
        "ps4 SGD 0.01 momentum 0.9, 3 epochs, same order", "mnist", plain_network, sgd(0.01, 0.9), 3, same_order=True
    ),
    Recipe(
        "ps4 SGD 0.01 momentum 0.9, 3 epochs, same weights",
        *("mnist", plain_network, sgd(0.01, 0.9), 3),
        same_weights=True,
    ),
    Recipe("ps4 SGD 0.01 momentum 0.9, 2 epochs", "mnist", plain_network, sgd(0.01, 0.9), 2),
    Recipe("ps4 SGD 0.01 momentum 0.9, 2 epochs, 5,000 pictures", "mnist", plain_network, sgd(0.01, 0.9), 2, 64, 5_000),
    Recipe("ps4 SGD 0.02 momentum 0.9, 2 epochs, batch 128", "mnist", plain_network, sgd(0.02, 0.9), 2, 128),
    Recipe("ps4 SGD 0.05, 2 epochs, batch 32", "mnist", plain_network, sgd(0.05), 2, 32),
    Recipe("ps4 SGD 0.03, 3 epochs", "mnist", plain_network, sgd(0.03), 3),
    Recipe("ps4 Adam 0.001, 2 epochs", "mnist", plain_network, adam(0.001), 2),
    Recipe("ps4 Adam 0.001, 2 epochs, 5,000 pictures", "mnist", plain_network, adam(0.001), 2, 64, 5_000),
    # From a first try on Fashion-MNIST to a careful one.
    Recipe("ps5 plain, SGD 0.003, 3 epochs", "fashion_mnist", plain_network, sgd(0.003), 3),
    Recipe("ps5 plain, SGD 0.1, 3 epochs", "fashion_mnist", plain_network, sgd(0.1), 3),
    Recipe("ps5 plain, SGD 0.01 momentum 0.9, 3 epochs", "fashion_mnist", plain_network, sgd(0.01, 0.9), 3),
    Recipe("ps5 plain, SGD 0.01 momentum 0.9, 10 epochs", "fashion_mnist", plain_network, sgd(0.01, 0.9), 10),
    Recipe("ps5 plain, Adam 0.001, 5 epochs", "fashion_mnist", plain_network, adam(0.001), 5),
    Recipe("ps5 plain, Adam 0.001, 20 epochs", "fashion_mnist", plain_network, adam(0.001), 20),
    Recipe(
        "ps5 wide with dropout, AdamW, one cycle to 0.003, 10 epochs",
        *("fashion_mnist", wide_network, adam(0.001, 0.01), 10),
        schedule=one_cycle(0.003),
    ),
    Recipe(
        "ps5 wide with dropout, AdamW, one cycle to 0.003, flips, 25 epochs",
        *("fashion_mnist", wide_network, adam(0.001, 0.01), 25),
        schedule=one_cycle(0.003),
        flips=True,
    ),
    Recipe(
        "ps5 convolutional, Adam 0.001, 4 epochs",
        *("fashion_mnist", convolutional_network, adam(0.001), 4),
    ),
    Recipe(
        "ps5 convolutional, AdamW, one cycle to 0.004, 12 epochs",
        *("fashion_mnist", convolutional_network, adam(0.001, 0.01), 12),
        schedule=one_cycle(0.004),
    ),
]


PS5 = [recipe for recipe in RECIPES if recipe.data == "fashion_mnist"]
RECIPES += [replace(recipe, title=recipe.title.replace("ps5", "ps5 fresh task,"), fresh=True) for recipe in PS5]


@cache
def load(name: str, mean: float, std: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training pictures (n, 1, 28, 28), normalised, and labels (n,), int64; then the hidden ones."""

    def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(images).unsqueeze(1).float().div_(255).sub_(mean).div_(std), torch.tensor(labels).long()

    shipped, hidden = np.load(SHIPPED[name]), np.load(HIDDEN[name])
    training = tensors(shipped["train_images"], shipped["train_labels"])
    return *training, *tensors(hidden["images"], hidden["labels"])


def fresh(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `load` gives, as a task that `seed` draws."""
    shipped, hidden = np.load(SHIPPED["fashion_mnist"]), np.load(HIDDEN["fashion_mnist"])
    task = FreshTask(np.random.default_rng(seed), shipped["train_images"])
    parts: list[Tensor] = []
    for images, labels in (
        (shipped["train_images"], shipped["train_labels"]),
        (hidden["images"], hidden["labels"]),
    ):
        parts += [normalised(task.images(images), task.scale), torch.from_numpy(task.labels(labels))]
    return tuple(parts)  # type: ignore[return-value]


def batches(recipe: Recipe, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    order = torch.arange(len(images)) if recipe.same_order else torch.randperm(len(images))
    for rows in order.split(recipe.batch_size):
        batch = images[rows]
        if recipe.flips:
            mirrored = torch.rand(len(batch)) < 0.5
            batch[mirrored] = batch[mirrored].flip(-1)
        yield batch, labels[rows]


def run(recipe: Recipe, seed: int) -> tuple[float, float]:
    """Train once. Returns the accuracy on the hidden sample and the CPU seconds that training took."""
    normalisation = (0.5, 0.5) if recipe.halves else NORMALISATION[recipe.data]
    images, labels, hidden_images, hidden_labels = fresh(seed) if recipe.fresh else load(recipe.data, *normalisation)
    images, labels = images[: recipe.pictures], labels[: recipe.pictures]
    torch.manual_seed(0 if recipe.same_weights else seed)
    model = recipe.network()
    torch.manual_seed(seed)
    start = time.process_time()
    optimizer = recipe.optimizer(model)
    steps = recipe.epochs * -(-len(images) // recipe.batch_size)
    scheduler = recipe.schedule(optimizer, steps) if recipe.schedule else None
    for _ in range(recipe.epochs):
        for x, y in batches(recipe, images, labels):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
    seconds = time.process_time() - start
    model.eval()
    with torch.no_grad():
        right = (model(hidden_images).argmax(dim=1) == hidden_labels).float().mean().item()
    return right, seconds


def measure(recipe: Recipe, seeds: int) -> str:
    """One row of the table."""
    runs = [run(recipe, seed) for seed in range(seeds)]
    accuracies = [accuracy for accuracy, _ in runs]
    seconds = statistics.median(seconds for _, seconds in runs)
    spread = statistics.stdev(accuracies) if len(runs) > 1 else 0.0
    return (
        f"| {recipe.title} | {statistics.mean(accuracies):.3f} | {spread:.4f} | {min(accuracies):.3f} "
        f"| {len(runs)} | {seconds:.2f} |"
    )


def write_row(row: str) -> None:
    """Put a row into the page's table, in the order of the recipes, in place of an older row of the same recipe."""
    header = ["| training | mean | std | lowest | seeds | seconds |", "| --- | --- | --- | --- | --- | --- |"]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {title_of(line): line for line in [*table.strip().splitlines()[2:], row]}
    known = [rows[recipe.title] for recipe in RECIPES if recipe.title in rows]
    PAGE.write_text("\n".join([before + BEGIN, "", *header, *known, "", END + after]))


def title_of(row: str) -> str:
    """The recipe's title in a row of the table."""
    return row.split("|")[1].strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=30, help="runs of each recipe")
    parser.add_argument("--only", default="", help="only recipes whose title contains this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for recipe in RECIPES:
        if arguments.only in recipe.title:
            row = measure(recipe, arguments.seeds)
            print(row, flush=True)
            write_row(row)
    print(f"written to {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
