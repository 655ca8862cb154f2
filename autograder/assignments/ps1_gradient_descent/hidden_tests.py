"""Hidden tests of ps1: fresh data of fresh shapes every time, at least two different numbers of examples.

A function is judged at least as exactly as those that may use it: an inexact one costs its own points, and a stand-in
takes its place in the others' tests.
"""

import numpy as np

from autograder.authoring import expect, grades, show_curve

MILLION = 1e6
"""Losses of such numbers drown measured slopes in rounding; the formula stays exact."""


def vectors(rng, n):
    """Targets and predictions with generic residuals."""
    return rng.normal(size=n), rng.normal(size=n)


def regression(rng, n, d):
    """A linear regression problem with generic weights and a bias far from 0: X, y, w, b."""
    return rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=d), float(rng.normal() + 2)


def examples(n):
    """The number of examples, in words."""
    return f"{n} example{'s' if n > 1 else ''}"


@grades("test_mse_loss", weight=2)
def test_mse_loss_value(student, reference, rng):
    """The loss is half the mean of the squared errors."""
    y, y_hat = vectors(rng, 3)
    wanted = reference.mse_loss(y, y_hat)
    expect.close(student.mse_loss(y, y_hat), wanted, "mse_loss(y, y_hat)", rtol=1e-12, given={"y": y, "y_hat": y_hat})


@grades("test_mse_loss")
def test_mse_loss_sizes(student, reference, rng):
    """The loss is right for few and for many examples."""
    for n in (1, int(rng.integers(4, 9)), int(rng.integers(20, 60))):
        y, y_hat = vectors(rng, n)
        wanted = reference.mse_loss(y, y_hat)
        expect.close(student.mse_loss(y, y_hat), wanted, f"mse_loss(y, y_hat) for {examples(n)}", rtol=1e-12)


def exact_slopes(student, reference, rng):
    """Expect slopes that are exact for errors of a thousandth beside errors of a million."""
    size = 10.0 ** rng.permutation([-3, 0, 3, 6])
    y, y_hat = size * rng.normal(size=4), size * rng.normal(size=4)
    expect.exact(
        student.mse_gradient(y, y_hat),
        reference.mse_gradient(y, y_hat),
        "mse_gradient(y, y_hat), some errors in the millions,",
        scale=(np.abs(y) + np.abs(y_hat)) / len(y),
    )


@grades("test_mse_gradient", weight=2)
def test_mse_gradient_value(student, reference, rng):
    """The gradient points from the targets to the predictions, divided by n."""
    y, y_hat = vectors(rng, 3)
    given = {"y": y, "y_hat": y_hat}
    wanted = reference.mse_gradient(y, y_hat)
    expect.close(student.mse_gradient(y, y_hat), wanted, "mse_gradient(y, y_hat)", given=given)
    exact_slopes(student, reference, rng)


@grades("test_mse_gradient")
def test_mse_gradient_sizes(student, reference, rng):
    """The gradient is right for few and for many examples, and leaves its arguments alone."""
    for n in (1, int(rng.integers(4, 9)), int(rng.integers(20, 60))):
        y, y_hat = vectors(rng, n)
        call = student.mse_gradient.observed(y, y_hat)
        expect.close(call.value, reference.mse_gradient(y, y_hat), f"mse_gradient(y, y_hat) for n = {n}", rtol=1e-9)
        expect.unchanged(call.arguments[0], y, "y", "mse_gradient")
        expect.unchanged(call.arguments[1], y_hat, "y_hat", "mse_gradient")
    exact_slopes(student, reference, rng)


def gradients_of(who, X, y, w, b):
    """The pair that linear_gradients returns, and its arguments afterwards; or a Mismatch that says what came."""
    call = who.linear_gradients.observed(X, y, w, b)
    expect.that(
        isinstance(call.value, tuple | list) and len(call.value) == 2,
        "linear_gradients should return two things, dw and db (return dw, db).",
    )
    return call.value, call.arguments


def exact_gradients(student, reference, rng, places):
    """Expect those of dw and db that `places` names to be exact, for features of very different size."""
    n, d = 6, 3
    size = 10.0 ** rng.permutation([-5, 0, 5])
    X, y = rng.normal(size=(n, d)) * size, rng.normal(size=n) * MILLION
    w, b = rng.normal(size=d) * MILLION / size, float(rng.normal() + 2)
    got, wanted = (gradients_of(who, X, y, w, b)[0] for who in (student, reference))
    largest = np.abs(X) @ np.abs(w) + abs(b) + np.abs(y)
    scales = np.abs(X).T @ largest / n, float(np.sum(largest)) / n
    for place in places:
        what = f"{('dw', 'db')[place]}, with targets in the millions and features of very different size,"
        expect.exact(got[place], wanted[place], what, scale=scales[place])


@grades("test_linear_gradients", weight=2)
def test_linear_gradients_weights(student, reference, rng):
    """The gradient with respect to the weights has an entry for each feature."""
    for n, d in ((5, 2), (int(rng.integers(6, 12)), int(rng.integers(3, 6))), (3, 7)):
        start = regression(rng, n, d)
        got, wanted = (gradients_of(who, *start)[0] for who in (student, reference))
        expect.close(got[0], wanted[0], f"dw for X of shape ({n}, {d})", rtol=1e-9)
    exact_gradients(student, reference, rng, [0])


@grades("test_linear_gradients")
def test_linear_gradients_bias(student, reference, rng):
    """The gradient with respect to the bias is a single number."""
    for n, d in ((5, 2), (int(rng.integers(6, 12)), int(rng.integers(3, 6)))):
        start = regression(rng, n, d)
        got, wanted = (gradients_of(who, *start)[0] for who in (student, reference))
        expect.close(got[1], wanted[1], f"db for X of shape ({n}, {d})", rtol=1e-9)
    exact_gradients(student, reference, rng, [1])


@grades("test_linear_gradients")
def test_linear_gradients_agree_with_slopes(student, reference, rng):
    """The gradients agree with the slopes of the loss, measured by small steps, and the arguments are left alone."""
    X, y, w, b = regression(rng, 6, 3)

    def loss(v):
        return reference.mse_loss(y, X @ v[:-1] + v[-1])

    slopes = reference.numerical_gradient(loss, np.append(w, b))
    got, left = gradients_of(student, X, y, w, b)
    expect.close(got[0], slopes[:-1], "dw, against measured slopes", rtol=1e-6)
    expect.close(got[1], slopes[-1], "db, against the measured slope", rtol=1e-6, scale=np.abs(slopes).max())
    for name, after, before in zip("Xyw", left, (X, y, w), strict=False):
        expect.unchanged(after, before, name, "linear_gradients")
    exact_gradients(student, reference, rng, [0, 1])


@grades("test_gradient_step")
def test_gradient_step_value(student, reference, rng):
    """One step goes against the gradient, scaled by the learning rate."""
    for shape, lr in (((3,), 0.1), ((4,), 0.03), ((2, 3), 0.7)):
        w, gradient = rng.normal(size=shape), rng.normal(size=shape)
        given = {"w": w, "gradient": gradient, "lr": lr}
        got, wanted = student.gradient_step(w, gradient, lr), reference.gradient_step(w, gradient, lr)
        expect.close(got, wanted, "gradient_step(w, gradient, lr)", rtol=1e-12, given=given)


@grades("test_gradient_step")
def test_gradient_step_leaves_w(student, reference, rng):
    """One step returns new weights and leaves the old ones as they were."""
    w, gradient = rng.normal(size=4), rng.normal(size=4)
    call = student.gradient_step.observed(w, gradient, 0.1)
    expect.unchanged(call.arguments[0], w, "w", "gradient_step")
    expect.unchanged(call.arguments[1], gradient, "gradient", "gradient_step")
    wanted = reference.gradient_step(w, gradient, 0.1)
    expect.close(call.value, wanted, "gradient_step(w, gradient, 0.1)", rtol=1e-12)


def descend(who, X, y, w, b, lr, n_steps):
    """The triple that gradient_descent returns, and its arguments afterwards; or a Mismatch that says what came."""
    call = who.gradient_descent.observed(X, y, w, b, lr, n_steps)
    expect.that(
        isinstance(call.value, tuple | list) and len(call.value) == 3,
        "gradient_descent should return three things: w, b and losses.",
    )
    return call.value, call.arguments


def same_place(when, got, wanted):
    """Expect the same w and b."""
    expect.close(got[0], wanted[0], f"w after {when}", rtol=1e-8)
    expect.close(got[1], wanted[1], f"b after {when}", rtol=1e-8)


@grades("test_gradient_descent")
def test_gradient_descent_first_step(student, reference, rng):
    """The first step moves weights and bias downhill, both by the gradient at the starting point."""
    X, y, w, b = regression(rng, 7, 3)
    for lr in (0.1, 0.02):
        got, wanted = (descend(who, X, y, w, b, lr, 1)[0] for who in (student, reference))
        same_place(f"one step with lr = {lr}", got, wanted)


@grades("test_gradient_descent", weight=2)
def test_gradient_descent_path(student, reference, rng):
    """After every number of steps the weights and the bias are where gradient descent leads."""
    X, y, w, b = regression(rng, int(rng.integers(6, 12)), int(rng.integers(2, 5)))
    for n_steps in (2, 3, int(rng.integers(5, 12))):
        got, wanted = (descend(who, X, y, w, b, 0.05, n_steps)[0] for who in (student, reference))
        same_place(f"{n_steps} steps", got, wanted)


@grades("test_gradient_descent", weight=2)
def test_gradient_descent_losses(student, reference, rng):
    """`losses` holds the loss before the first step and after each one."""
    X, y, w, b = regression(rng, int(rng.integers(6, 12)), int(rng.integers(2, 5)))
    for n_steps in (4, int(rng.integers(5, 12))):
        got, wanted = (descend(who, X, y, w, b, 0.05, n_steps)[0] for who in (student, reference))
        expect.close(got[2], wanted[2], f"losses of {n_steps} steps", rtol=1e-8)


@grades("test_gradient_descent")
def test_gradient_descent_loss_decreases(student, reference, rng):
    """The loss decreases, and the starting weights are left as they were."""
    X, y, w, b = regression(rng, 20, 3)

    def loss(place):
        # Recomputed here from the weights: what the student's code reports has no part in it.
        return reference.mse_loss(y, X @ np.asarray(place[0], dtype=float) + float(place[1]))

    got, left = descend(student, X, y, w, b, 0.05, 30)
    wanted, _ = descend(reference, X, y, w, b, 0.05, 30)
    show_curve(student, "30 steps with lr = 0.05", got[2], wanted[2])
    same_place("30 steps", got, wanted)
    start, end, reached = loss((w, b)), loss(got), loss(wanted)
    expect.that(
        end <= reached * (1 + 1e-6),
        f"In 30 steps the loss should fall from {start:.4g} to {reached:.4g}; it went to {end:.4g}.",
    )
    for name, after, before in zip(("X", "y", "w0"), left, (X, y, w), strict=False):
        expect.unchanged(after, before, name, "gradient_descent")


def small(v):
    """`v`, where it may be the place at which a hidden function is asked; its sums would fill the memory, if not."""
    if np.size(v) > 1000:
        raise ValueError("f takes an array of w's shape")
    return v


@grades("test_numerical_gradient", weight=2)
def test_numerical_gradient_central(student, rng):
    """Central differences come within a ten-millionth of the true gradient."""
    a, b = rng.normal(size=5), rng.normal(size=5)
    w = rng.normal(size=5)

    def f(v):
        # Its slope along one entry depends on the others: an entry that stays moved shows.
        return float(np.sum(a * np.sin(small(v))) + np.sum(b * v) ** 2)

    wanted = a * np.cos(w) + 2 * np.sum(b * w) * b
    what = "numerical_gradient(f, w) of a smooth function"
    expect.close(student.numerical_gradient(f, w), wanted, what, rtol=1e-7)


@grades("test_numerical_gradient", weight=2)
def test_numerical_gradient_shapes(student, rng):
    """The result has the shape of w, for a vector and for a matrix, and w is left as it was."""
    for shape in ((4,), (2, 3), (3, 1, 2)):
        a, w = rng.normal(size=shape), rng.normal(size=shape)

        def f(v, a=a):
            return float(np.sum(a * np.exp(0.5 * small(v))))

        call = student.numerical_gradient.observed(f, w)
        expect.close(
            call.value, 0.5 * a * np.exp(0.5 * w), f"numerical_gradient(f, w) for w of shape {shape}", rtol=1e-7
        )
        expect.unchanged(call.arguments[1], w, "w", "numerical_gradient")


@grades("test_numerical_gradient")
def test_numerical_gradient_eps(student, rng):
    """`eps` is the half-width of the difference: with a wide one, its error is the known one."""
    # For f = Σ wᵢ³ the central difference is 3w² + ε², whatever w is.
    w = rng.normal(size=3)
    eps = 0.3
    got = student.numerical_gradient(lambda v: float(np.sum(small(v) ** 3)), w, eps)
    expect.close(got, 3 * w**2 + eps**2, f"numerical_gradient of Σ w³ with eps = {eps}", given={"w": w})
