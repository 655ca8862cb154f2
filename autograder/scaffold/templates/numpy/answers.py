"""Right answers to {{name}}: each function that students write, as it stands in the solved notebook."""

import numpy as np


def mean_square(x):
    """(1/n) Σ xᵢ²."""
    return np.mean(x**2)
