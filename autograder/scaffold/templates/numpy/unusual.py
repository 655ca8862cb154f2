"""Unusual right answers to {{name}}: the audit demands all points for them."""

from autograder.authoring import unusual


@unusual("mean_square", "the dot product of x with itself")
def dotted(x):
    return float(x @ x) / len(x)
