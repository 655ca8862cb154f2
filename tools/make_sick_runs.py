"""Make the four sick training runs of ps4: real ones, each with one thing wrong, as the text of the notebook's cell.

    python tools/make_sick_runs.py

The network, the images and the batches are the notebook's. A loop that diverges ends elsewhere on another machine, so
the curves are recorded once and stand in the notebook, which also keeps their causes out of what students get.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn, optim

DATA = Path(__file__).resolve().parent.parent / "source" / "ps4_training_loop" / "mnist.npz"
EPOCHS = 12
FIRST_STEPS = 60
RUNS = {
    "A": {"softmax": True, "lr": 0.01, "momentum": 0.9},
    "B": {"cleared": False, "lr": 0.01},
    "C": {"shuffled": True, "lr": 0.01, "momentum": 0.9},
    "D": {"lr": 1.0},
}


def images_and_labels(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images (n, 784) and labels (n,) of a part of the shipped sample."""
    with np.load(DATA) as file:
        pixels, labels = file[f"{part}_images"], file[f"{part}_labels"]
    return (torch.tensor(pixels).flatten(1) / 255 - 0.1307) / 0.3081, torch.tensor(labels).long()


def sick_run(
    softmax: bool = False, cleared: bool = True, shuffled: bool = False, lr: float = 0.01, momentum: float = 0.0
) -> dict[str, list[float]]:
    """The losses of the first steps; by epoch the mean training loss and the validation loss; the shares right."""
    torch.manual_seed(1)
    layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
    model = nn.Sequential(*layers, *([nn.Softmax(dim=1)] if softmax else []))
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    (images, labels), (unseen, truth) = images_and_labels("train"), images_and_labels("validation")
    if shuffled:
        labels = labels[torch.randperm(len(labels))]
    steps: list[float] = []
    epochs, validation = [], []
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            if cleared:
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
        epochs.append(float(np.mean(steps[-157:])))
        with torch.no_grad():
            scores = model(unseen)
        validation.append(nn.functional.cross_entropy(scores, truth).item())
    with torch.no_grad():
        learned = (model(images).argmax(1) == labels).float().mean().item()
        read = (scores.argmax(1) == truth).float().mean().item()
    return {"steps": steps[:FIRST_STEPS], "epochs": epochs, "validation": validation, "right": [learned, read]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, settings in RUNS.items():
        print(f'"{name}": {{')
        for kind, values in sick_run(**settings).items():
            print(f'    "{kind}": [{", ".join(f"{value:.2f}" for value in values)}],')
        print("},")
