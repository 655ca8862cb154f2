"""Hidden tests of ps2: a network whose four sizes all differ, with several outputs and biases far from 0."""

from functools import partial
from itertools import product

import numpy as np

from autograder.authoring import (
    StudentRaised,
    described,
    expect,
    grades,
    numbers,
    off_the_record,
    right_or_following,
    show_curve,
    tools_of,
)

NAMES = ("W1", "b1", "W2", "b2")
LARGE = 1e6
"""Targets and outputs of this size leave the chain rule exact, and drown measured slopes in rounding."""
EXACT = 1e-11
"""Tolerance on a gradient, relative to its norm: the chain rule errs by 1e-15, the best measured slope by 1e-10."""


def sizes(rng):
    """Four different sizes: n examples, d inputs, h hidden units, k outputs."""
    return [int(size) for size in rng.permutation([2, 3, 4, 5, 6, 7])[:4]]


def network(rng, d, h, k, scale=1.0):
    """Generic parameters; hidden units are neither flat nor alike. `scale` is the size of the outputs."""
    return {
        "W1": rng.normal(size=(d, h)) / np.sqrt(d),
        "b1": rng.normal(size=h),
        "W2": rng.normal(size=(h, k)),
        "b2": rng.normal(size=k) * scale,
    }


def problem(rng, n, d, h, k, scale=1.0):
    """Inputs x (n, d), targets y (n, k) and a network between them."""
    return rng.normal(size=(n, d)), rng.normal(size=(n, k)) * scale, network(rng, d, h, k, scale)


def same_params(left, before, function):
    """Expect the dict `params` to be as it was."""
    expect.that(isinstance(left, dict) and set(left) == set(before), f"{function} changed the keys of params.")
    for name in before:
        expect.unchanged(left[name], before[name], f'params["{name}"]', function)


def where_known(got, wanted):
    """Both, with zeros where following the student's own functions leads to no number."""
    received, known = numbers(got), np.isfinite(wanted)
    if received is None or np.all(known) or received.shape != np.shape(wanted):
        return got, wanted
    return np.where(known, received, 0), np.where(known, wanted, 0)


# --- sigmoid and its slope -----------------------------------------------------------------------------------


@grades("test_sigmoid", weight=2)
def test_sigmoid_value(student, reference, rng):
    """The sigmoid is right for a number, a vector, a matrix and a batch of matrices."""
    for shape in ((), (4,), (3, 5), (2, 3, 4)):
        z = rng.normal(size=shape) * 3
        what = f"sigmoid(z) for z of shape {shape}" if shape else f"sigmoid({float(z):.4f})"
        expect.close(student.sigmoid(z if shape else float(z)), reference.sigmoid(z), what)
        if shape:
            expect.unchanged(student._caller.left[0], z, "z", "sigmoid")


@grades("test_sigmoid")
def test_sigmoid_far_out(student, rng):
    """Far out the sigmoid is 0 on the left and 1 on the right, and always a number."""
    far = float(rng.uniform(710, 1000))
    for z in ([-1000.0, 1000.0], [-far, far], [-30.0, 30.0], [-1000.0, -far, -30.0], [30.0, far, 1000.0]):
        wanted = [0.0 if place < 0 else 1.0 for place in z]
        expect.close(student.sigmoid(np.array(z)), wanted, f"sigmoid of {z}", scale=1.0)
    expect.close(student.sigmoid(-far), 0.0, f"sigmoid({-far:.0f})", scale=1.0)
    student.sigmoid(np.array([-1000.0, 1000.0]))
    complaints = tools_of(student).complaints()
    expect.that(
        not complaints,
        f"The values are right, but on the way to sigmoid of [-1000, 1000] NumPy complained: {', '.join(complaints)}.",
    )


def judge_slope(student, reference, z, what):
    """Judge sigmoid_gradient by the right slope, or by s(1 − s) with the student's own sigmoid."""
    got = student.sigmoid_gradient(z)
    left = student._caller.left

    def judge(wanted):
        expect.close(*where_known(got, wanted), what, scale=0.25)

    def following():
        s = np.asarray(student.sigmoid(z), dtype=float)
        return s * (1 - s)

    right_or_following(student, judge, reference.sigmoid_gradient(z), following)
    if np.ndim(z):
        expect.unchanged(left[0], z, "z", "sigmoid_gradient")


@grades("test_sigmoid_gradient", weight=2)
def test_sigmoid_gradient_value(student, reference, rng):
    """The slope of the sigmoid at z is right for a number, a vector, a matrix and a batch of matrices."""
    for shape in ((), (4,), (3, 5), (2, 3, 4)):
        z = rng.normal(size=shape) * 3
        what = f"sigmoid_gradient(z) for z of shape {shape}" if shape else f"sigmoid_gradient({float(z):.4f})"
        judge_slope(student, reference, z if shape else float(z), what)


@grades("test_sigmoid_gradient")
def test_sigmoid_gradient_shape_of_the_hill(student, reference, rng):
    """The slope is 1/4 in the middle, the same on both sides, and 0 far out."""
    z = float(rng.uniform(0.5, 3))
    far = float(rng.uniform(710, 1000))
    for places in ([0.0], [-z, z], [-30.0, 30.0], [-far, far]):
        judge_slope(student, reference, np.array(places), f"sigmoid_gradient of {np.round(places, 4).tolist()}")


# --- forward -------------------------------------------------------------------------------------------------


def run_forward(who, x, params):
    """What forward returns, its cache left where it is; or a Mismatch that says what came instead of two things."""
    pair = who.forward.opaque(1)(x, params)
    expect.that(
        isinstance(pair, tuple | list) and len(pair) == 2,
        "forward should return two things: y_hat and whatever backward needs (return y_hat, cache).",
    )
    return pair


def judge_forward(student, reference, x, params, what):
    """Judge forward by the right outputs, or by those that follow from the student's own sigmoid."""
    got = run_forward(student, x, params)[0]

    def judge(wanted):
        expect.close(got, wanted, what, rtol=1e-9)

    def following():
        return student.sigmoid(x @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]

    right_or_following(student, judge, run_forward(reference, x, params)[0], following)


@grades("test_forward", weight=2)
def test_forward_value(student, reference, rng):
    """Two layers with a sigmoid between them give the outputs, row by row."""
    n, d, h, k = sizes(rng)
    x, _, params = problem(rng, n, d, h, k)
    judge_forward(student, reference, x, params, f"y_hat of a network {d} → {h} → {k} for {n} examples")


@grades("test_forward")
def test_forward_sizes(student, reference, rng):
    """Any number of examples, inputs, hidden units and outputs will do."""
    for n, d, h, k in ((1, 3, 2, 4), (7, 1, 5, 1), (int(rng.integers(20, 40)), 2, 9, 3)):
        x, _, params = problem(rng, n, d, h, k)
        what = f"y_hat of a network {d} → {h} → {k} for {n} example{'s' * (n > 1)}"
        judge_forward(student, reference, x, params, what)


@grades("test_forward")
def test_forward_parameters(student, reference, rng):
    """Each parameter plays its part, and all arguments are left as they were."""
    n, d, h, k = sizes(rng)
    x, _, params = problem(rng, n, d, h, k)
    for name in NAMES:
        moved = params | {name: params[name] + rng.normal(size=params[name].shape)}
        judge_forward(student, reference, x, moved, f"y_hat, where only {name} is new,")
    run_forward(student, x, params)
    left = student._caller.left
    expect.unchanged(left[0], x, "x", "forward")
    same_params(left[1], params, "forward")


# --- backward ------------------------------------------------------------------------------------------------


def chain_rule(x, y, y_hat, s, slope, params):
    """The gradients, for hidden values s and their slopes ds/dl1."""
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T * slope
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}


class Own:
    """What a right backward could meet if it built on the student's other functions."""

    def __init__(self, student, reference, x, params):
        self.student, self.reference, self.x, self.params = student, reference, x, params
        self.l1 = x @ params["W1"] + params["b1"]

    def s_of_forward(self):
        """The hidden values in the student's forward: a second layer that does nothing shows them."""
        h = len(self.params["b1"])
        return run_forward(self.student, self.x, {**self.params, "W2": np.eye(h), "b2": np.zeros(h)})[0]

    def s_of_sigmoid(self):
        return self.student.sigmoid(self.l1)

    def s_right(self):
        return self.reference.sigmoid(self.l1)

    def slope_of_s(self, s):
        return s * (1 - s)

    def slope_of_gradient(self, s):
        return self.student.sigmoid_gradient(self.l1)

    def slope_of_gradient_there(self, s):
        return self.student.sigmoid_gradient(np.log(s / (1 - s)))

    def slope_right(self, s):
        return self.reference.sigmoid_gradient(self.l1)

    def y_hat(self):
        return run_forward(self.student, self.x, self.params)[0]

    def hidden(self):
        """Every pair of hidden values and their slopes, as functions that give them."""
        values = (self.s_of_forward, self.s_of_sigmoid, self.s_right)
        slopes = (self.slope_of_s, self.slope_of_gradient, self.slope_of_gradient_there, self.slope_right)
        return product(values, slopes)


def following(own, s_of, slope_of, y, y_hat_of):
    """The chain rule on values of the student's own; a hidden layer that never changes gives nothing to follow."""
    s = np.asarray(s_of(), dtype=float)
    slope = np.asarray(slope_of(s), dtype=float)
    y_hat = np.asarray(y_hat_of(), dtype=float)
    expect.that(bool(np.ptp(s) > 0 and np.any(slope)), "The hidden layer is flat.")
    return chain_rule(own.x, y, y_hat, s, slope, own.params)


def run_backward(student, x, y, y_hat, params):
    """The dict that backward returns for the cache of the student's own forward, or a Mismatch."""
    cache = run_forward(student, x, params)[1]
    gradients = student.backward(y, y_hat, cache, params)
    expect.that(
        isinstance(gradients, dict),
        f"backward should return a dict with the keys W1, b1, W2 and b2; it returned {described(gradients)}.",
    )
    missing = [name for name in NAMES if name not in gradients]
    expect.that(not missing, f"The dict that backward returns lacks {', '.join(missing)}.")
    return gradients


def judge_backward(student, reference, names, x, y, params, judge):
    """Judge the student's gradients by the right ones, or by those that follow from the student's own functions."""
    y_hat = run_forward(reference, x, params)[0]
    got = run_backward(student, x, y, y_hat, params)
    own = Own(student, reference, x, params)
    right = following(own, own.s_right, own.slope_right, y, lambda: y_hat)
    followings = [
        partial(following, own, s_of, slope_of, y, y_hat_of)
        for s_of, slope_of in own.hidden()
        for y_hat_of in (lambda: y_hat, own.y_hat)
    ]
    for name in names:
        right_or_following(student, partial(judge, name, got[name], name), right, *followings)


def same_gradient(where, name, got, key, wanted):
    """Expect one gradient to be right."""
    expect.close(got, wanted[key], f'backward(…)["{name}"] {where}', rtol=1e-6)


def exact_gradient(where, name, got, key, wanted):
    """Expect one gradient to be exact to rounding."""
    right = wanted[key]
    norm = float(np.linalg.norm(right))
    expect.close(got, right, f'backward(…)["{name}"] {where}, targets in the millions,', rtol=1e-3, scale=norm)
    error = float(np.max(np.abs(numbers(got) - right))) / norm
    expect.that(
        error <= EXACT,
        f'backward(…)["{name}"] should be exact to rounding, 15 digits or so; with targets in the millions its error '
        f"is {error:.0e} of the gradient's length. A slope that was measured by small steps is off by that much, and "
        "so is float32; the chain rule in float64 is not.",
    )


def judge_gradients(student, reference, rng, names, n, d, h, k):
    """Judge the gradients of `names` on a network, and once more where only the chain rule is exact."""
    where = f"for x {n} × {d}, {h} hidden units, {k} output{'s' * (k > 1)}"
    for scale, same in ((1.0, same_gradient), (LARGE, exact_gradient)):
        x, y, params = problem(rng, n, d, h, k, scale)
        judge_backward(student, reference, names, x, y, params, partial(same, where))


@grades("test_backward", weight=2)
def test_backward_second_weights(student, reference, rng):
    """The gradient of W2 joins the slope of the loss with what came out of the hidden layer."""
    for _ in range(2):
        judge_gradients(student, reference, rng, ["W2"], *sizes(rng))


@grades("test_backward")
def test_backward_second_biases(student, reference, rng):
    """The gradient of b2 is the slope of the loss, summed over the examples."""
    for _ in range(2):
        judge_gradients(student, reference, rng, ["b2"], *sizes(rng))


@grades("test_backward", weight=3)
def test_backward_first_weights(student, reference, rng):
    """The gradient of W1 has come back through W2 and the slope of the sigmoid."""
    for _ in range(2):
        judge_gradients(student, reference, rng, ["W1"], *sizes(rng))


@grades("test_backward")
def test_backward_first_biases(student, reference, rng):
    """The gradient of b1 has come back the same way, summed over the examples."""
    for _ in range(2):
        judge_gradients(student, reference, rng, ["b1"], *sizes(rng))


@grades("test_backward")
def test_backward_whole(student, reference, rng):
    """All four gradients are right for one example and for many, and the arguments are left as they were."""
    for n, d, h, k in ((1, 3, 7, 4), (int(rng.integers(20, 40)), 2, 5, 1)):
        x, y, params = problem(rng, n, d, h, k)
        y_hat = run_forward(reference, x, params)[0]
        run_backward(student, x, y, y_hat, params)
        left = student._caller.left
        expect.unchanged(left[0], y, "y", "backward")
        expect.unchanged(left[1], y_hat, "y_hat", "backward")
        same_params(left[3], params, "backward")
        judge_gradients(student, reference, rng, NAMES, n, d, h, k)


# --- train_two_layer -----------------------------------------------------------------------------------------


def run_training(who, x, y, params, lr, n_steps):
    """The params and the losses that train_two_layer returns, or a Mismatch that says what came instead."""
    pair = who.train_two_layer(x, y, params, lr, n_steps)
    expect.that(
        isinstance(pair, tuple | list) and len(pair) == 2,
        "train_two_layer should return two things, params and losses (return params, losses).",
    )
    expect.that(
        isinstance(pair[0], dict) and all(name in pair[0] for name in NAMES),
        f"train_two_layer should return params, a dict with the keys W1, b1, W2 and b2, first; "
        f"it returned {described(pair[0])}.",
    )
    return pair


def own_y_hat(student):
    """The outputs of the student's own forward, as `follow` takes them."""
    return lambda x, y, params: run_forward(student, x, params)[0]


def own_gradients(student):
    """The gradients of the student's own backward, as `follow` takes them."""
    return lambda x, y, params, y_hat: run_backward(student, x, y, y_hat, params)


def followings(student, reference, *start):
    """What right training makes of the student's own functions, whichever of them it uses."""

    def y_hat_of_sigmoid(x, y, params):
        return student.sigmoid(x @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]

    def y_hat_right(x, y, params):
        return run_forward(reference, x, params)[0]

    def gradients_of(slope, x, y, params, y_hat):
        own = Own(student, reference, x, params)
        return following(own, own.s_of_sigmoid, partial(slope, own), y, lambda: y_hat)

    slopes = (Own.slope_of_s, Own.slope_of_gradient, Own.slope_right)
    all_gradients = [own_gradients(student), *(partial(gradients_of, slope) for slope in slopes)]
    for gradients, y_hat in product(all_gradients, (own_y_hat(student), y_hat_of_sigmoid, y_hat_right)):
        yield partial(follow, y_hat, gradients, *start)


def follow(y_hat_of, gradients_of, x, y, params, lr, n_steps):
    """Right training with outputs and gradients of others."""
    losses = []
    for step in range(n_steps + 1):
        y_hat = np.asarray(y_hat_of(x, y, params), dtype=float)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        if step < n_steps:
            gradients = {name: np.asarray(g, dtype=float) for name, g in gradients_of(x, y, params, y_hat).items()}
            expect.that(any(gradients[name].any() for name in NAMES), "Gradients of 0 give nothing to follow.")
            params = {name: params[name] - lr * gradients[name] for name in NAMES}
    return params, losses


def judge_training(student, reference, judge, *start):
    """Judge the student's training by right training, or by what follows from the student's own functions.

    Returns the arguments as they were left, and as they were given.
    """
    try:
        got = run_training(student, *start)
    except StudentRaised:
        if not stumbles(student, *start):
            raise
        # A gradient of the wrong shape is backward's mistake: where all sizes are alike, training can go on.
        start = square(*start)
        got = run_training(student, *start)
    left = student._caller.left
    wanted = run_training(reference, *start)
    right_or_following(student, partial(judge, got), wanted, *followings(student, reference, *start))
    return left, start


def stumbles(student, *start):
    """Whether right training stumbles, too, over the student's own forward and backward."""
    try:
        with off_the_record(student):
            follow(own_y_hat(student), own_gradients(student), *start)
    except Exception:
        return True
    return False


def square(x, y, params, lr, n_steps):
    """The corner of a problem in which the number of examples, inputs, hidden units and outputs is the same."""
    m = min(x.shape + params["W2"].shape)
    return x[:m, :m], y[:m, :m], {name: w[(slice(m),) * w.ndim] for name, w in params.items()}, lr, n_steps


def same_parameters(when, got, wanted):
    """Expect the same parameters."""
    for name in NAMES:
        expect.close(*where_known(got[0][name], wanted[0][name]), f"{name} after {when}", rtol=1e-8)


def same_losses(got, wanted):
    """Expect the same losses."""
    expect.close(*where_known(got[1], wanted[1]), f"losses of {len(wanted[1]) - 1} steps", rtol=1e-8)


@grades("test_train_two_layer")
def test_train_first_step(student, reference, rng):
    """The first step moves all four parameters downhill, each by its gradient at the starting point."""
    for lr in (0.1, 0.02):
        start = problem(rng, *sizes(rng))
        judge_training(student, reference, partial(same_parameters, f"one step with lr = {lr}"), *start, lr, 1)


@grades("test_train_two_layer")
def test_train_path(student, reference, rng):
    """After every number of steps the parameters are where full-batch descent leads."""
    start = problem(rng, *sizes(rng))
    for n_steps in (2, 3, int(rng.integers(5, 12))):
        judge_training(student, reference, partial(same_parameters, f"{n_steps} steps"), *start, 0.05, n_steps)


@grades("test_train_two_layer")
def test_train_losses(student, reference, rng):
    """`losses` holds the loss before the first step and after each one."""
    start = problem(rng, *sizes(rng))
    for n_steps in (4, int(rng.integers(5, 12))):
        judge_training(student, reference, same_losses, *start, 0.05, n_steps)


@grades("test_train_two_layer")
def test_train_leaves_arguments(student, reference, rng):
    """The data and the given parameters are left as they were, and new parameters are returned."""
    start = problem(rng, int(rng.integers(15, 25)), 2, 5, 3)

    def judge(got, wanted):
        show_curve(student, "20 steps with lr = 0.05", got[1], wanted[1])
        same_parameters("20 steps", got, wanted)

    left, given = judge_training(student, reference, judge, *start, 0.05, 20)
    expect.unchanged(left[0], given[0], "x", "train_two_layer")
    expect.unchanged(left[1], given[1], "y", "train_two_layer")
    same_params(left[2], given[2], "train_two_layer")
