"""The descent with autograd, with switches."""

import torch

from autograder.authoring.descent import descent
from autograder.authoring.simulators import Simulator

LOSSES = {
    "1/2n": lambda error: (error**2).sum() / (2 * len(error)),
    "1/n": lambda error: (error**2).mean(),
    "1/2": lambda error: (error**2).sum() / 2,
    "1": lambda error: (error**2).sum(),
    "absolute": lambda error: error.abs().mean(),
}


def fit_with(loss_of="1/2n", **settings):
    """fit_linear with these settings."""

    def fit_linear(X, y, w0, b0, lr, n_steps):
        def loss_at(here, rows):
            return LOSSES[loss_of](y[rows] - (X[rows] @ here["w"] + here["b"]))

        def gradients(here, rows):
            leaves = {name: value.detach().clone().requires_grad_() for name, value in here.items()}
            loss_at(leaves, rows).backward()
            return {name: leaf.grad for name, leaf in leaves.items()}

        start = {"w": w0.detach().clone(), "b": torch.as_tensor(b0).detach().clone()}
        here, losses = descent(
            start, gradients, lambda here: loss_at(here, slice(None)).item(), lr, n_steps, len(y), **settings
        )
        return here["w"], here["b"], losses

    return fit_linear


FIT = {
    "mean_squares": {"loss_of": "1/n"},
    "summed": {"loss_of": "1/2"},
    "plain_sum": {"loss_of": "1"},
    "absolute": {"loss_of": "absolute"},
    "losses_doubled": {"report": 2.0},
    "bias_stays": {"still": ("b",)},
    "gradients_add_up": {"gradient": "piled up"},
    "step_per_example": {"gradient": "each example"},
    "fit_uphill": {"uphill": True},
    "fit_without_rate": {"rate": "none"},
    "fit_fixed_rate": {"rate": "0.01"},
    "fit_rate_shrinks": {"rate": "shrinking"},
    "stepped_twice": {"rate": "twice"},
    "one_after_the_other": {"order": "one after the other"},
    "begins_at_zero": {"begin": "zero"},
    "step_too_few": {"steps": "one less"},
    "step_too_many": {"steps": "one more"},
    "returns_in_loop": {"steps": "one"},
    "first_loss_missing": {"record": "no first"},
    "last_loss_missing": {"record": "no last"},
    "first_loss_twice": {"record": "one behind"},
    "last_loss_only": {"record": "last"},
}

SIMULATORS = {"fit_linear": Simulator(fit_with, FIT)}
