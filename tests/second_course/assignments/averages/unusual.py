"""Unusual right answers to averages."""

import numpy as np

from autograder.authoring import unusual


@unusual("weighted_mean", "NumPy's own")
def numpys(values, weights):
    return np.average(values, weights=weights)
