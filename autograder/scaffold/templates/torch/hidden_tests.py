"""Hidden tests of {{name}}. A test's docstring is its title, and students read it."""

import torch

from autograder.authoring import expect, grades


def tensor(rng, *shape):
    """A float32 tensor of normally distributed numbers."""
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


@grades("test_mean_square_gradient", weight=2)
def test_mean_square_gradient_value(student, reference, rng):
    """The gradient of mean(x²) is right for every shape."""
    for shape in ((5,), (2, 3)):
        x = tensor(rng, *shape)
        got, wanted = student.mean_square_gradient(x), reference.mean_square_gradient(x)
        expect.close(got, wanted, f"mean_square_gradient(x) for x of shape {shape}", rtol=1e-5)


@grades("test_mean_square_gradient")
def test_mean_square_gradient_keeps_x(student, reference, rng):
    """mean_square_gradient leaves its argument unchanged and without a gradient."""
    x = tensor(rng, 4)
    call = student.mean_square_gradient.observed(x)
    left = call.arguments[0]
    expect.unchanged(left, x, "x", "mean_square_gradient")
    expect.that(left.grad is None and not left.requires_grad, "x has a gradient or is recorded after the call.")
    expect.close(call.value, reference.mean_square_gradient(x), "mean_square_gradient(x)", rtol=1e-5)
