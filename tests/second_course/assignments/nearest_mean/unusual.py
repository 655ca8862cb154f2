"""Unusual right answers to nearest_mean."""

import torch

from autograder.authoring import unusual


@unusual("class_means", "a matrix product with the classes as 0 and 1")
def one_hot(inputs, labels):
    belongs = torch.nn.functional.one_hot(labels).to(inputs.dtype)
    return (belongs.T @ inputs) / belongs.sum(dim=0)[:, None]


@unusual("classify", "a loop over the inputs")
def looped(means, inputs):
    return torch.tensor([int(((means - x) ** 2).sum(dim=1).argmin()) for x in inputs])
