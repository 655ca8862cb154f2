"""The gradients of a linear model, and the descent that uses them, with switches."""

import numpy as np

from autograder.authoring.descent import descent
from autograder.authoring.simulators import Simulator

# --- linear_gradients ----------------------------------------------------------------------------------------

FACTORS = {
    "1/n": lambda n, d: 1 / n,
    "1": lambda n, d: 1.0,
    "2/n": lambda n, d: 2 / n,
    "1/2n": lambda n, d: 1 / (2 * n),
    "1/d": lambda n, d: 1 / d,
}


def gradients_with(sign=1.0, factor="1/n", bias=True, x="X", db="sum", returned="both", examples="all"):
    """linear_gradients with these settings."""

    def gradients(X, y, w, b):
        n, d = X.shape
        error = sign * (X @ w + (b if bias else 0.0) - y) * FACTORS[factor](n, d)
        if examples == "last":
            error = np.where(np.arange(n) == n - 1, error, 0.0)
        inputs = {"X": X, "1": np.ones_like(X), "X²": X**2}[x]
        slope = np.sum(error)
        slope = {"sum": slope, "sum of all": slope * n, "mean": slope / n, "0": 0.0}[db]
        pair = inputs.T @ error, slope
        return {"both": pair, "swapped": pair[::-1], "w": pair[0]}[returned]

    return gradients


GRADIENTS = {
    "error_flipped": {"sign": -1.0},
    "summed": {"factor": "1"},
    "doubled": {"factor": "2/n"},
    "halved": {"factor": "1/2n"},
    "divided_by_features": {"factor": "1/d"},
    "bias_forgotten": {"bias": False},
    "without_x": {"x": "1"},
    "x_squared": {"x": "X²"},
    "bias_summed": {"db": "sum of all"},
    "bias_averaged_twice": {"db": "mean"},
    "bias_zero": {"db": "0"},
    "last_example": {"examples": "last"},
    "swapped": {"returned": "swapped"},
    "only_weights": {"returned": "w"},
}


# --- gradient_descent ----------------------------------------------------------------------------------------


def descent_with(returned="three", **settings):
    """gradient_descent with these settings."""

    def gradient_descent(X, y, w0, b0, lr, n_steps):
        def gradients(here, rows):
            return dict(zip(("w", "b"), linear_gradients(X[rows], y[rows], here["w"], here["b"]), strict=True))

        def loss(here):
            return mse_loss(y, X @ here["w"] + here["b"])

        here, losses = descent({"w": w0, "b": b0}, gradients, loss, lr, n_steps, len(y), **settings)
        return losses if returned == "losses" else (here["w"], here["b"], losses)

    return gradient_descent


DESCENT = {
    "descent_uphill": {"uphill": True},
    "bias_never_moves": {"still": ("b",)},
    "one_after_the_other": {"order": "one after the other"},
    "bias_without_rate": {"unscaled": ("b",)},
    "gradient_computed_once": {"gradient": "once"},
    "always_from_the_start": {"gradient": "once", "base": "start"},
    "gradients_pile_up": {"gradient": "piled up"},
    "step_for_each_example": {"gradient": "each example"},
    "one_step_short": {"steps": "one less"},
    "one_step_more": {"steps": "one more"},
    "returns_after_one_step": {"steps": "one"},
    "first_loss_missing": {"record": "no first"},
    "last_loss_missing": {"record": "no last"},
    "losses_one_behind": {"record": "one behind"},
    "only_last_loss": {"record": "last"},
    "losses_without_half": {"report": 2.0},
    "shrinking_rate": {"rate": "shrinking"},
    "begins_at_zero": {"begin": "zero"},
    "only_losses": {"returned": "losses"},
}

SIMULATORS = {
    "linear_gradients": Simulator(gradients_with, GRADIENTS),
    "gradient_descent": Simulator(descent_with, DESCENT),
}
