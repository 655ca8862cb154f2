"""Hidden tests of ps1: fresh data of fresh shapes every time, at least two different numbers of examples."""

from functools import partial
from itertools import product

import numpy as np

from autograder.authoring import expect, grades, right_or_following, show_curve


def vectors(rng, n):
    """Targets and predictions with generic residuals."""
    return rng.normal(size=n), rng.normal(size=n)


def regression(rng, n, d):
    """A linear regression problem with generic weights and a bias far from 0: X, y, w, b."""
    return rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=d), float(rng.normal() + 2)


@grades("test_mse_loss", weight=2)
def test_mse_loss_value(student, reference, rng):
    """The loss is half the mean of the squared errors."""
    y, y_hat = vectors(rng, 3)
    given = {"y": y, "y_hat": y_hat}
    expect.close(student.mse_loss(y, y_hat), reference.mse_loss(y, y_hat), "mse_loss(y, y_hat)", given=given)


@grades("test_mse_loss")
def test_mse_loss_sizes(student, reference, rng):
    """The loss is right for few and for many examples."""
    for n in (1, int(rng.integers(4, 9)), int(rng.integers(20, 60))):
        y, y_hat = vectors(rng, n)
        what = f"mse_loss(y, y_hat) for {n} example{'s' if n > 1 else ''}"
        expect.close(student.mse_loss(y, y_hat), reference.mse_loss(y, y_hat), what)


@grades("test_mse_gradient", weight=2)
def test_mse_gradient_value(student, reference, rng):
    """The gradient points from the targets to the predictions, divided by n."""
    y, y_hat = vectors(rng, 3)
    given = {"y": y, "y_hat": y_hat}
    wanted = reference.mse_gradient(y, y_hat)
    expect.close(student.mse_gradient(y, y_hat), wanted, "mse_gradient(y, y_hat)", given=given)


@grades("test_mse_gradient")
def test_mse_gradient_sizes(student, reference, rng):
    """The gradient is right for few and for many examples, and leaves its arguments alone."""
    for n in (1, int(rng.integers(4, 9)), int(rng.integers(20, 60))):
        y, y_hat = vectors(rng, n)
        wanted = reference.mse_gradient(y, y_hat)
        expect.close(student.mse_gradient(y, y_hat), wanted, f"mse_gradient(y, y_hat) for n = {n}", rtol=1e-9)
        expect.unchanged(student._caller.left[0], y, "y", "mse_gradient")
        expect.unchanged(student._caller.left[1], y_hat, "y_hat", "mse_gradient")


def gradients_of(who, X, y, w, b):
    """The pair that linear_gradients returns, or a Mismatch that says what came instead."""
    pair = who.linear_gradients(X, y, w, b)
    expect.that(
        isinstance(pair, tuple | list) and len(pair) == 2,
        "linear_gradients should return two things, dw and db (return dw, db).",
    )
    return pair


def judge_gradients(student, reference, judge, *arguments):
    """Judge the student's pair by the right one, or by what follows from the student's own mse_gradient."""
    got, wanted = (gradients_of(who, *arguments) for who in (student, reference))
    right_or_following(student, partial(judge, got), wanted, partial(chained, student, *arguments))


def chained(who, X, y, w, b):
    """The gradients that follow from `who`'s mse_gradient by the chain rule."""
    slope = who.mse_gradient(y, X @ w + b)
    return X.T @ slope, np.sum(slope)


@grades("test_linear_gradients", weight=2)
def test_linear_gradients_weights(student, reference, rng):
    """The gradient with respect to the weights has an entry for each feature."""
    for n, d in ((5, 2), (int(rng.integers(6, 12)), int(rng.integers(3, 6))), (3, 7)):

        def judge(got, wanted, n=n, d=d):
            expect.close(got[0], wanted[0], f"dw for X of shape ({n}, {d})", rtol=1e-9)

        judge_gradients(student, reference, judge, *regression(rng, n, d))


@grades("test_linear_gradients")
def test_linear_gradients_bias(student, reference, rng):
    """The gradient with respect to the bias is a single number."""
    for n, d in ((5, 2), (int(rng.integers(6, 12)), int(rng.integers(3, 6)))):

        def judge(got, wanted, n=n, d=d):
            expect.close(got[1], wanted[1], f"db for X of shape ({n}, {d})", rtol=1e-9)

        judge_gradients(student, reference, judge, *regression(rng, n, d))


@grades("test_linear_gradients")
def test_linear_gradients_agree_with_slopes(student, reference, rng):
    """The gradients agree with the slopes of the loss, measured by small steps, and the arguments are left alone."""
    X, y, w, b = regression(rng, 6, 3)

    def loss(v):
        return reference.mse_loss(y, X @ v[:-1] + v[-1])

    slopes = reference.numerical_gradient(loss, np.append(w, b))

    def judge(got, wanted):
        expect.close(got[0], wanted[0], "dw, against measured slopes", rtol=1e-6)
        expect.close(got[1], wanted[1], "db, against the measured slope", rtol=1e-6, scale=np.abs(slopes).max())

    got = gradients_of(student, X, y, w, b)
    left = student._caller.left
    right_or_following(student, partial(judge, got), (slopes[:-1], slopes[-1]), partial(chained, student, X, y, w, b))
    for name, after, before in zip("Xyw", left, (X, y, w), strict=False):
        expect.unchanged(after, before, name, "linear_gradients")


@grades("test_gradient_step")
def test_gradient_step_value(student, reference, rng):
    """One step goes against the gradient, scaled by the learning rate."""
    for shape, lr in (((3,), 0.1), ((4,), 0.03), ((2, 3), 0.7)):
        w, gradient = rng.normal(size=shape), rng.normal(size=shape)
        given = {"w": w, "gradient": gradient, "lr": lr}
        wanted = reference.gradient_step(w, gradient, lr)
        expect.close(student.gradient_step(w, gradient, lr), wanted, "gradient_step(w, gradient, lr)", given=given)


@grades("test_gradient_step")
def test_gradient_step_leaves_w(student, reference, rng):
    """One step returns new weights and leaves the old ones as they were."""
    w, gradient = rng.normal(size=4), rng.normal(size=4)
    stepped = student.gradient_step(w, gradient, 0.1)
    expect.unchanged(student._caller.left[0], w, "w", "gradient_step")
    expect.unchanged(student._caller.left[1], gradient, "gradient", "gradient_step")
    expect.close(stepped, reference.gradient_step(w, gradient, 0.1), "gradient_step(w, gradient, 0.1)")


def descend(who, X, y, w, b, lr, n_steps):
    """The triple that gradient_descent returns, or a Mismatch that says what came instead."""
    triple = who.gradient_descent(X, y, w, b, lr, n_steps)
    expect.that(
        isinstance(triple, tuple | list) and len(triple) == 3,
        "gradient_descent should return three things: w, b and losses.",
    )
    return triple


def followings(student, reference, *start):
    """What a right descent makes of the student's own functions, whichever of them it uses, as `descend` returns it."""
    own = (student, reference)
    for loss, gradients, step_w, step_b in product(own, own, own, (student, None)):
        if (loss, gradients, step_w, step_b) != (reference, reference, reference, None):
            yield partial(follow, loss, gradients, step_w, step_b, *start)


def follow(loss, gradients, step_w, step_b, X, y, w, b, lr, n_steps):
    """A right descent with the functions of others; `step_b` None updates the bias without gradient_step."""
    losses = [loss.mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = gradients.linear_gradients(X, y, w, b)
        b = b - lr * db if step_b is None else step_b.gradient_step(b, db, lr)
        w = step_w.gradient_step(w, dw, lr)
        losses.append(loss.mse_loss(y, X @ w + b))
    return w, b, losses


def judge_descent(student, reference, judge, *start):
    """Judge the student's descent by a right one, or by one that follows from the student's own functions."""
    got, wanted = (descend(who, *start) for who in (student, reference))
    left = student._caller.left
    right_or_following(student, partial(judge, got), wanted, *followings(student, reference, *start))
    return left


def same_place(when, got, wanted):
    """Expect the same w and b."""
    expect.close(got[0], wanted[0], f"w after {when}", rtol=1e-8)
    expect.close(got[1], wanted[1], f"b after {when}", rtol=1e-8)


def same_losses(got, wanted):
    """Expect the same losses."""
    expect.close(got[2], wanted[2], f"losses of {len(wanted[2]) - 1} steps", rtol=1e-8)


@grades("test_gradient_descent")
def test_gradient_descent_first_step(student, reference, rng):
    """The first step moves weights and bias downhill, both by the gradient at the starting point."""
    X, y, w, b = regression(rng, 7, 3)
    for lr in (0.1, 0.02):
        judge_descent(student, reference, partial(same_place, f"one step with lr = {lr}"), X, y, w, b, lr, 1)


@grades("test_gradient_descent", weight=2)
def test_gradient_descent_path(student, reference, rng):
    """After every number of steps the weights and the bias are where gradient descent leads."""
    X, y, w, b = regression(rng, int(rng.integers(6, 12)), int(rng.integers(2, 5)))
    for n_steps in (2, 3, int(rng.integers(5, 12))):
        judge_descent(student, reference, partial(same_place, f"{n_steps} steps"), X, y, w, b, 0.05, n_steps)


@grades("test_gradient_descent", weight=2)
def test_gradient_descent_losses(student, reference, rng):
    """`losses` holds the loss before the first step and after each one."""
    X, y, w, b = regression(rng, int(rng.integers(6, 12)), int(rng.integers(2, 5)))
    for n_steps in (4, int(rng.integers(5, 12))):
        judge_descent(student, reference, same_losses, X, y, w, b, 0.05, n_steps)


@grades("test_gradient_descent")
def test_gradient_descent_loss_decreases(student, reference, rng):
    """The loss decreases, and the starting weights are left as they were."""
    X, y, w, b = regression(rng, 20, 3)

    def loss(place):
        # Recomputed here from the weights: what the student's code reports has no part in it.
        return reference.mse_loss(y, X @ np.asarray(place[0], dtype=float) + float(place[1]))

    def judge(got, wanted):
        show_curve(student, "30 steps with lr = 0.05", got[2], wanted[2])
        same_place("30 steps", got, wanted)
        start, end, reached = loss((w, b)), loss(got), loss(wanted)
        expect.that(end <= reached * (1 + 1e-6), f"In 30 steps the loss should fall from {start:.4g} to {reached:.4g}; "
                    f"it went to {end:.4g}.")  # fmt: skip

    left = judge_descent(student, reference, judge, X, y, w, b, 0.05, 30)
    for name, after, before in zip(("X", "y", "w0"), left, (X, y, w), strict=False):
        expect.unchanged(after, before, name, "gradient_descent")


@grades("test_numerical_gradient", weight=2)
def test_numerical_gradient_central(student, rng):
    """Central differences come within a ten-millionth of the true gradient."""
    a, b = rng.normal(size=5), rng.normal(size=5)
    w = rng.normal(size=5)

    def f(v):
        # Its slope along one entry depends on the others: an entry that stays moved shows.
        return float(np.sum(a * np.sin(v)) + np.sum(b * v) ** 2)

    wanted = a * np.cos(w) + 2 * np.sum(b * w) * b
    what = "numerical_gradient(f, w) of a smooth function"
    expect.close(student.numerical_gradient(f, w), wanted, what, rtol=1e-7)


@grades("test_numerical_gradient", weight=2)
def test_numerical_gradient_shapes(student, rng):
    """The result has the shape of w, for a vector and for a matrix, and w is left as it was."""
    for shape in ((4,), (2, 3), (3, 1, 2)):
        a, w = rng.normal(size=shape), rng.normal(size=shape)

        def f(v, a=a):
            return float(np.sum(a * np.exp(0.5 * v)))

        got = student.numerical_gradient(f, w)
        expect.close(got, 0.5 * a * np.exp(0.5 * w), f"numerical_gradient(f, w) for w of shape {shape}", rtol=1e-7)
        expect.unchanged(student._caller.left[1], w, "w", "numerical_gradient")


@grades("test_numerical_gradient")
def test_numerical_gradient_eps(student, rng):
    """`eps` is the half-width of the difference: with a wide one, its error is the known one."""
    # For f = Σ wᵢ³ the central difference is 3w² + ε², whatever w is.
    w = rng.normal(size=3)
    eps = 0.3
    got = student.numerical_gradient(lambda v: float(np.sum(v**3)), w, eps)
    expect.close(got, 3 * w**2 + eps**2, f"numerical_gradient of Σ w³ with eps = {eps}", given={"w": w})
