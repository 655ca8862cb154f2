"""Unusual right answers to {{name}}: the audit demands all points for them."""

from autograder.authoring import unusual


@unusual("mean_square_gradient", "the derivative by hand")
def by_hand(x):
    return 2 * x.detach() / x.numel()
