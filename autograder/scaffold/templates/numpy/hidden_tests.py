"""Hidden tests of {{name}}. A test's docstring is its title, and students read it."""

from autograder.authoring import expect, grades


@grades("test_mean_square", weight=2)
def test_mean_square_value(student, reference, rng):
    """mean_square gives the mean of the squares."""
    for length in (3, 8):
        x = rng.normal(size=length)
        expect.close(student.mean_square(x), reference.mean_square(x), "mean_square(x)", given={"x": x})


@grades("test_mean_square")
def test_mean_square_keeps_x(student, reference, rng):
    """mean_square leaves its argument unchanged."""
    x = rng.normal(size=4)
    call = student.mean_square.observed(x)
    expect.unchanged(call.arguments[0], x, "x", "mean_square")
    expect.close(call.value, reference.mean_square(x), "mean_square(x)", given={"x": x})
