"""Right answers to ps4: a network, its loss by hand, one learning step, the loop, sick runs, predictions, accuracy."""

from collections import OrderedDict

import torch
from torch import nn


def build_network(input_size=784, hidden_sizes=(128, 64), output_size=10):
    """fc1, relu1, fc2, relu2, …, logits: raw scores at the end, no softmax."""
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, start=1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


def cross_entropy(logits, labels):
    """The mean of −z_t + log Σ exp z_j, and its gradient (p − one-hot)/n, with the largest logit taken off first."""
    n = len(labels)
    rows = torch.arange(n)
    shifted = logits - logits.max(dim=1, keepdim=True).values
    powers = torch.exp(shifted)
    sums = powers.sum(dim=1)
    loss = (torch.log(sums) - shifted[rows, labels]).mean()
    gradient = powers / sums.view(n, 1)
    gradient[rows, labels] -= 1
    return loss, gradient / n


def train_step(model, images, labels, criterion, optimizer):
    """Forward, loss, backward, step: one update from this batch alone."""
    images = images.view(images.shape[0], -1)
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def overfit_batch(model, images, labels, criterion, optimizer, target, max_steps):
    """Steps on the same batch until one's loss is below the target, max_steps at the most."""
    losses = []
    for _ in range(max_steps):
        loss = train_step(model, images, labels, criterion, optimizer)
        losses.append(loss)
        if loss < target:
            break
    return losses


def train(model, loader, criterion, optimizer, epochs, print_every=40):
    """The mean loss of each full window of print_every steps; windows run on across epochs."""
    losses = []
    running, steps = 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


def diagnose_run(run):
    """What is wrong in each of the four recorded runs."""
    causes = {
        "A": "softmax twice",
        "B": "gradients never cleared",
        "C": "labels shuffled",
        "D": "rate too high",
    }
    return causes[run]


def predict(model, images):
    """Softmax of the logits, in evaluation mode, nothing recorded."""
    training = model.training
    model.eval()
    with torch.no_grad():
        probabilities = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train(training)
    return probabilities


def accuracy(model, loader):
    """Right answers over all answers."""
    right, total = 0, 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return right / total
