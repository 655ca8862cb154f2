"""Right answers to nearest_mean."""

import torch


def class_means(inputs, labels):
    """The mean of each class's inputs."""
    return torch.stack([inputs[labels == k].mean(dim=0) for k in range(int(labels.max()) + 1)])


def classify(means, inputs):
    """The class whose mean is nearest."""
    return torch.cdist(inputs, means).argmin(dim=1)
