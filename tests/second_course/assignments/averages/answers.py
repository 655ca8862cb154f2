"""Right answers to averages."""

import numpy as np


def weighted_mean(values, weights):
    """Σ wᵢ vᵢ / Σ wᵢ."""
    return np.sum(weights * values) / np.sum(weights)
