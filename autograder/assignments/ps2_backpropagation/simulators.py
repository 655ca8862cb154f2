"""The chain rule through two layers, and the training that uses it, with switches."""

import numpy as np

from autograder.authoring.descent import descent
from autograder.authoring.simulators import Simulator

# --- backward ------------------------------------------------------------------------------------------------

FACTORS = {
    "1/n": lambda n, k: 1 / n,
    "1": lambda n, k: 1.0,
    "2/n": lambda n, k: 2 / n,
    "1/2n": lambda n, k: 1 / (2 * n),
    "1/nk": lambda n, k: 1 / (n * k),
    "1/k": lambda n, k: 1 / k,
    "1/n²": lambda n, k: 1 / n**2,
}
SLOPES = {
    "σ′(l1)": lambda l1, s: sigmoid_gradient(l1),
    "1": lambda l1, s: np.ones_like(s),
    "σ′(s)": lambda l1, s: sigmoid_gradient(s),
    "l1(1 - l1)": lambda l1, s: l1 * (1 - l1),
    "s": lambda l1, s: s,
    "1 - s": lambda l1, s: 1 - s,
    "1 - s²": lambda l1, s: 1 - s**2,
    "l1 > 0": lambda l1, s: (l1 > 0).astype(float),
    "1/4": lambda l1, s: np.full_like(s, 0.25),
    "σ′²": lambda l1, s: sigmoid_gradient(l1) ** 2,
}
BIASES = {
    "sum": lambda slope: slope.sum(axis=0),
    "mean": lambda slope: slope.mean(axis=0),
    "sum of all": lambda slope: slope.sum(axis=0) * len(slope),
    "0": lambda slope: np.zeros(slope.shape[1]),
    "number": lambda slope: slope.sum(),
    "wrong axis": lambda slope: slope.sum(axis=1),
    "rows": lambda slope: slope,
}


def backward_with(
    sign=1.0,
    factor="1/n",
    slope="σ′(l1)",
    through_w2=True,
    behind=False,
    b1="sum",
    b2="sum",
    turned=(),
    feeds="s",
    examples="all",
    stops=False,
):
    """backward with these settings."""

    def backward(y, y_hat, cache, params):
        x, l1, s = cache
        n, k = y.shape
        d_l2 = sign * (y_hat - y) * FACTORS[factor](n, k)
        if behind:
            d_l2 = d_l2 * sigmoid_gradient(y_hat)
        if examples != "all":
            d_l2 = np.where((np.arange(n) == {"first": 0, "last": n - 1}[examples])[:, None], d_l2, 0.0)
        d_s = d_l2 @ params["W2"].T if through_w2 else d_l2.sum(axis=1, keepdims=True)
        d_l1 = d_s * SLOPES[slope](l1, s) * (not stops)
        gradients = {
            "W1": x.T @ d_l1,
            "b1": BIASES[b1](d_l1),
            "W2": {"s": s, "l1": l1}[feeds].T @ d_l2,
            "b2": BIASES[b2](d_l2),
        }
        return {name: gradient.T if name in turned else gradient for name, gradient in gradients.items()}

    return backward


BACKWARD = {
    "not_averaged": {"factor": "1"},
    "two_kept": {"factor": "2/n"},
    "half_kept": {"factor": "1/2n"},
    "mean_over_outputs": {"factor": "1/nk"},
    "divided_by_outputs": {"factor": "1/k"},
    "averaged_twice": {"factor": "1/n²"},
    "error_flipped": {"sign": -1.0},
    "slope_at_output": {"behind": True},
    "without_slope": {"slope": "1"},
    "slope_at_s": {"slope": "σ′(s)"},
    "slope_of_l1": {"slope": "l1(1 - l1)"},
    "slope_is_s": {"slope": "s"},
    "slope_is_one_minus_s": {"slope": "1 - s"},
    "slope_of_tanh": {"slope": "1 - s²"},
    "slope_of_relu": {"slope": "l1 > 0"},
    "slope_is_quarter": {"slope": "1/4"},
    "slope_squared": {"slope": "σ′²"},
    "without_w2": {"through_w2": False},
    "w2_from_l1": {"feeds": "l1"},
    "biases_averaged": {"b1": "mean", "b2": "mean"},
    "b1_averaged": {"b1": "mean"},
    "b2_averaged": {"b2": "mean"},
    "biases_summed": {"b1": "sum of all", "b2": "sum of all"},
    "biases_zero": {"b1": "0", "b2": "0"},
    "biases_to_one_number": {"b1": "number", "b2": "number"},
    "biases_wrong_axis": {"b1": "wrong axis", "b2": "wrong axis"},
    "biases_not_summed": {"b1": "rows", "b2": "rows"},
    "transposed": {"turned": ("W1", "W2")},
    "w1_transposed": {"turned": ("W1",)},
    "w2_transposed": {"turned": ("W2",)},
    "last_example": {"examples": "last"},
    "first_example": {"examples": "first"},
    "first_layer_zero": {"stops": True},
}


# --- train_two_layer -----------------------------------------------------------------------------------------

REPORTS = {
    "1/2n": lambda error: np.sum(error**2) / (2 * len(error)),
    "1/n": lambda error: np.sum(error**2) / len(error),
    "1/2nk": lambda error: np.mean(error**2) / 2,
    "1/nk": lambda error: np.mean(error**2),
    "1/2": lambda error: np.sum(error**2) / 2,
}


def training_with(loss_of="1/2n", averaged="once", **settings):
    """train_two_layer with these settings."""

    def train_two_layer(x, y, params, lr, n_steps):
        def gradients(here, rows):
            y_hat, cache = forward(x[rows], here)
            return backward(y[rows], y_hat, cache, here)

        def loss(here):
            return REPORTS[loss_of](y - forward(x, here)[0])

        scale = 1 / len(y) if averaged == "twice" else 1.0
        return descent(params, gradients, loss, lr, n_steps, len(y), scale=scale, **settings)

    return train_two_layer


TRAINING = {
    "uphill": {"uphill": True},
    "without_rate": {"rate": "none"},
    "fixed_rate": {"rate": "0.01"},
    "divided_by_rate": {"rate": "inverse"},
    "rate_squared": {"rate": "squared"},
    "rate_shrinks": {"rate": "shrinking"},
    "averaged_again": {"averaged": "twice"},
    "biases_stay": {"still": ("b1", "b2")},
    "second_layer_only": {"still": ("W1", "b1")},
    "first_layer_only": {"still": ("W2", "b2")},
    "step_assigned": {"base": "nowhere"},
    "starts_again": {"base": "start"},
    "gradient_once": {"gradient": "once"},
    "gradients_add_up": {"gradient": "piled up"},
    "step_per_example": {"gradient": "each example"},
    "step_too_few": {"steps": "one less"},
    "step_too_many": {"steps": "one more"},
    "returns_in_loop": {"steps": "one"},
    "first_loss_missing": {"record": "no first"},
    "last_loss_missing": {"record": "no last"},
    "last_loss_only": {"record": "last"},
    "steps_after_the_last_loss": {"record": "and a step behind"},
    "losses_without_half": {"loss_of": "1/n"},
    "losses_over_outputs": {"loss_of": "1/2nk"},
    "losses_mean": {"loss_of": "1/nk"},
    "losses_summed": {"loss_of": "1/2"},
}

SIMULATORS = {
    "backward": Simulator(backward_with, BACKWARD),
    "train_two_layer": Simulator(training_with, TRAINING),
}
