"""Hidden tests of ps2: a network whose four sizes all differ, with several outputs and biases far from 0.

A function is judged at least as exactly as those that may use it: an inexact one costs its own points, and a stand-in
takes its place in the others' tests.
"""

from itertools import islice, permutations, product

import numpy as np

from autograder.authoring import (
    Mismatch,
    StudentRaised,
    described,
    expect,
    grades,
    off_the_record,
    show_curve,
    tools_of,
)

NAMES = ("W1", "b1", "W2", "b2")
TOGETHER = ("forward", "backward")
"""Only the two of them know what is in the cache."""
LARGE = 1e6
"""Targets and outputs of this size leave the chain rule exact, and drown measured slopes in rounding."""
EXACT = 1e-12
"""Tolerance on a gradient, relative to the size of what it sums up: the chain rule errs by 1e-15, the best measured
slope by 1e-10."""
SIGMOID = 5e-15
"""Tolerance on the sigmoid and its slope: formulas err by 1e-16, a slope measured with two or four steps by 1e-13."""
MAX_CACHES = 250
"""Caches that are tried on a backward whose forward lost points."""


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


# --- sigmoid and its slope -----------------------------------------------------------------------------------


@grades("test_sigmoid", weight=2)
def test_sigmoid_value(student, reference, rng):
    """The sigmoid is right for a number, a vector, a matrix and a batch of matrices."""
    for shape in ((), (4,), (3, 5), (2, 3, 4)):
        z = rng.normal(size=shape) * 3
        what = f"sigmoid(z) for z of shape {shape}" if shape else f"sigmoid({float(z):.4f})"
        call = student.sigmoid.observed(z if shape else float(z))
        expect.close(call.value, reference.sigmoid(z), what, rtol=SIGMOID, scale=1.0)
        if shape:
            expect.unchanged(call.arguments[0], z, "z", "sigmoid")


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
    """Expect the slope of the sigmoid at z, exact to rounding, and z as it was."""
    call = student.sigmoid_gradient.observed(z)
    expect.close(call.value, reference.sigmoid_gradient(z), what, scale=0.25)
    expect.exact(call.value, reference.sigmoid_gradient(z), what, scale=0.25, tolerance=SIGMOID / 0.25)
    if np.ndim(z):
        expect.unchanged(call.arguments[0], z, "z", "sigmoid_gradient")


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
    """What forward returns, its cache left where it is, and its arguments afterwards; or a Mismatch."""
    call = who.forward.opaque(1).observed(x, params)
    expect.that(
        isinstance(call.value, tuple | list) and len(call.value) == 2,
        "forward should return two things: y_hat and whatever backward needs (return y_hat, cache).",
    )
    return call.value, call.arguments


def judge_forward(student, reference, x, params, what):
    """Expect the right outputs; the arguments as they were left."""
    (got, _), left = run_forward(student, x, params)
    (wanted, _), _ = run_forward(reference, x, params)
    expect.close(got, wanted, what, rtol=1e-12)
    return left


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
        left = judge_forward(student, reference, x, moved, f"y_hat, where only {name} is new,")
        expect.unchanged(left[0], x, "x", "forward")
        same_params(left[1], moved, "forward")


# --- linear_backward -----------------------------------------------------------------------------------------


def layers(rng, n, p, q):
    """A layer (a, W, D), and another one with a single huge slope, in whose rounding measured slopes drown."""
    yield rng.normal(size=(n, p)), rng.normal(size=(p, q)), rng.normal(size=(n, q))
    D = rng.normal(size=(n, q))
    D[rng.integers(n), rng.integers(q)] *= LARGE
    yield rng.normal(size=(n, p)), rng.normal(size=(p, q)), D


def judge_layer(student, reference, rng, parts, n, p, q):
    """Expect the slopes along `parts` of a, W and b, exact to rounding, and the arguments as they were."""
    where = f"for a {n} × {p} and W {p} × {q}"
    for a, W, D in layers(rng, n, p, q):
        call = student.linear_backward.observed(a, W, D)
        expect.that(
            isinstance(call.value, tuple | list) and len(call.value) == 3,
            "linear_backward should return three things, the slopes along a, along W and along b; "
            f"it returned {described(call.value)}.",
        )
        wanted = reference.linear_backward(a, W, D)
        # What the entries would be if nothing in their sums cancelled: they can't be more exact.
        scales = reference.linear_backward(np.abs(a), np.abs(W), np.abs(D))
        for i, name in enumerate("aWb"):
            if name in parts:
                what = f"The slopes along {name} {where}"
                expect.close(call.value[i], wanted[i], what)
                expect.exact(call.value[i], wanted[i], what, scale=scales[i], tolerance=EXACT)
        for name, left, before in zip("aWD", call.arguments, (a, W, D), strict=True):
            expect.unchanged(left, before, name, "linear_backward")


@grades("test_linear_backward")
def test_linear_backward_weights(student, reference, rng):
    """The slopes along W join what came into the layer with what has arrived from the right."""
    judge_layer(student, reference, rng, "W", *sizes(rng)[:3])


@grades("test_linear_backward")
def test_linear_backward_biases(student, reference, rng):
    """The slopes along b are those that have arrived, summed over the examples."""
    judge_layer(student, reference, rng, "b", *sizes(rng)[:3])


@grades("test_linear_backward")
def test_linear_backward_inputs(student, reference, rng):
    """The slopes along a go back through the weights."""
    judge_layer(student, reference, rng, "a", *sizes(rng)[:3])


@grades("test_linear_backward")
def test_linear_backward_shapes(student, reference, rng):
    """All three are right for one example, for one output and for square arrays, whose shapes give no hint."""
    for n, p, q in ((1, 4, 3), (int(rng.integers(15, 30)), 2, 1), (3, 3, 3), (5, 2, 2)):
        judge_layer(student, reference, rng, "aWb", n, p, q)


# --- backward ------------------------------------------------------------------------------------------------


def problems(rng, n, d, h, k):
    """A problem, and another one whose gradients only the chain rule gets right: one output is as large as ever."""
    yield *problem(rng, n, d, h, k), False
    scale = np.full(k, LARGE)
    if k > 1:
        scale[rng.integers(k)] = 1.0
    yield *problem(rng, n, d, h, k, scale), True


def run_backward(student, y, y_hat, cache, params):
    """The dict that backward returns and its arguments afterwards; or a Mismatch that says what came instead."""
    call = student.backward.observed(y, y_hat, cache, params)
    expect.that(
        isinstance(call.value, dict),
        f"backward should return a dict with the keys W1, b1, W2 and b2; it returned {described(call.value)}.",
    )
    missing = [name for name in NAMES if name not in call.value]
    expect.that(not missing, f"The dict that backward returns lacks {', '.join(missing)}.")
    return call.value, call.arguments


def judge_backward(student, reference, lost, x, y, params, judge):
    """Judge what the student's backward makes of the cache of the student's own forward.

    Where forward lost points, a wrong cache may be its fault alone. Then a right backward is looked for with other
    caches: the own one with right values in it, and those that are common. What can't be found: after a forward that
    raises or returns no cache, a backward that wants objects of a class of the student's own, lists in lists, or other
    values than x, z1, s and y_hat.
    Every cache is judged by the right gradients, so that no luck with caches makes a wrong backward right.
    """
    y_hat, (_, z1, s) = reference.forward(x, params)
    with off_the_record(student):
        cache = run_forward(student, x, params)[0][1]
    try:
        return judge(*run_backward(student, y, y_hat, cache, params), y_hat)
    except (Mismatch, StudentRaised):
        if "forward" not in lost or not any_cache(
            lambda other: judge(*run_backward(student, y, y_hat, other, params), y_hat),
            own_cache(student, x, params),
            {"x": x, "z1": z1, "s": s, "y_hat": y_hat},
            params,
            student,
        ):
            raise


def own_cache(student, x, params):
    """The cache of the student's own forward as data, or None where it has none."""
    try:
        with off_the_record(student):
            return student.forward(x, params)[1]
    except (StudentRaised, TypeError, IndexError, KeyError):
        return None


def any_cache(judge, own, right, params, student):
    """Whether `judge` accepts some cache: the own one, repaired; a tuple or one array; a dict with any keys."""
    orders = (order for length in range(1, 5) for order in permutations(right.values(), length))
    waiting = [{}, *right.values(), *list(orders)[::-1], *list(islice(repaired(own, right, params), 50))[::-1]]
    with off_the_record(student):
        for _ in range(MAX_CACHES):
            if not waiting:
                return False
            cache = waiting.pop()
            try:
                judge(cache)
            except Mismatch:
                continue
            except StudentRaised as error:
                key = error.text.strip("'\"")
                if error.type == "KeyError" and isinstance(cache, dict) and key not in cache:
                    # What this key stands for: what is called so, or else any of them.
                    named = [right[key]] if key in right else list(right.values())
                    waiting += [{**cache, key: value} for value in named[::-1]]
                continue
            return True
    return False


def repaired(cache, right, params):
    """`cache` with right values in place of its arrays: each by one of its shape, the nearest first.

    An array that is the only one to have a right value keeps it.
    """
    known = [value for name in (right, params) for value in name.values()]
    known += [value.T for value in right.values()]
    arrays = list(leaves(cache))

    def choices(array):
        fitting = [value for value in known if value.shape == array.shape]
        same = [value for value in fitting if np.allclose(array, value, rtol=1e-9, atol=0)]
        if same and sum(other.shape == array.shape and np.array_equal(other, array) for other in arrays) == 1:
            return same[:1]
        return sorted(fitting, key=lambda value: np.nan_to_num(np.abs(array - value)).sum()) or [array]

    if arrays:
        for chosen in product(*map(choices, arrays)):
            yield rebuilt(cache, iter(chosen))


def leaves(cache):
    """The arrays in tuples, lists and dicts."""
    if isinstance(cache, np.ndarray):
        yield cache
    elif isinstance(cache, tuple | list | dict):
        for item in cache.values() if isinstance(cache, dict) else cache:
            yield from leaves(item)


def rebuilt(cache, arrays):
    """`cache` with other arrays, in the order of `leaves`."""
    if isinstance(cache, np.ndarray):
        return next(arrays)
    if isinstance(cache, dict):
        return {key: rebuilt(item, arrays) for key, item in cache.items()}
    if isinstance(cache, tuple | list):
        return type(cache)(rebuilt(item, arrays) for item in cache)
    return cache


def magnitudes(y, y_hat, cache, params):
    """What the entries of the gradients would be if nothing in their sums cancelled: they can't be more exact."""
    x, _, s = cache
    d_z2 = (np.abs(y) + np.abs(y_hat)) / len(y)
    d_z1 = d_z2 @ np.abs(params["W2"]).T * s * (1 - s)
    return {"W1": np.abs(x).T @ d_z1, "b1": d_z1.sum(axis=0), "W2": s.T @ d_z2, "b2": d_z2.sum(axis=0)}


def judge_gradients(student, reference, rng, lost, names, n, d, h, k):
    """Judge the gradients of `names`, also where only the chain rule is exact, and the arguments' state."""
    where = f"for x {n} × {d}, {h} hidden units, {k} output{'s' * (k > 1)}"
    for x, y, params, large in problems(rng, n, d, h, k):

        def judge(got, left, y_hat, x=x, y=y, params=params, large=large):
            cache = reference.forward(x, params)[1]
            wanted, scale = reference.backward(y, y_hat, cache, params), magnitudes(y, y_hat, cache, params)
            for name in names:
                what = f'backward(…)["{name}"] {where}'
                if large:
                    what = f"{what}, targets in the millions,"
                    expect.exact(got[name], wanted[name], what, scale=scale[name], tolerance=EXACT)
                else:
                    expect.close(got[name], wanted[name], what)
            expect.unchanged(left[0], y, "y", "backward")
            expect.unchanged(left[1], y_hat, "y_hat", "backward")
            same_params(left[3], params, "backward")

        judge_backward(student, reference, lost, x, y, params, judge)


@grades("test_backward", weight=2, together=TOGETHER)
def test_backward_second_weights(student, reference, rng, lost):
    """The gradient of W2 joins the slope of the loss with what came out of the hidden layer."""
    for _ in range(2):
        judge_gradients(student, reference, rng, lost, ["W2"], *sizes(rng))


@grades("test_backward", together=TOGETHER)
def test_backward_second_biases(student, reference, rng, lost):
    """The gradient of b2 is the slope of the loss, summed over the examples."""
    for _ in range(2):
        judge_gradients(student, reference, rng, lost, ["b2"], *sizes(rng))


@grades("test_backward", weight=3, together=TOGETHER)
def test_backward_first_weights(student, reference, rng, lost):
    """The gradient of W1 has come back through W2 and the slope of the sigmoid."""
    for _ in range(2):
        judge_gradients(student, reference, rng, lost, ["W1"], *sizes(rng))


@grades("test_backward", together=TOGETHER)
def test_backward_first_biases(student, reference, rng, lost):
    """The gradient of b1 has come back the same way, summed over the examples."""
    for _ in range(2):
        judge_gradients(student, reference, rng, lost, ["b1"], *sizes(rng))


@grades("test_backward", together=TOGETHER)
def test_backward_whole(student, reference, rng, lost):
    """All four gradients are right for one example and for many, and the arguments are left as they were."""
    for n, d, h, k in ((1, 3, 7, 4), (int(rng.integers(20, 40)), 2, 5, 1)):
        judge_gradients(student, reference, rng, lost, NAMES, n, d, h, k)


# --- wrong_parameters ----------------------------------------------------------------------------------------


def like(params, given):
    """`given`, where it may be the place at which a hidden loss is asked; its sums would fill the memory, if not."""
    if not isinstance(given, dict) or any(np.shape(given.get(name)) != w.shape for name, w in params.items()):
        raise ValueError("loss and gradients take a dict like params: with all its keys, and arrays of the same shapes")
    return given


def two_layers(rng, n, d, h, k, size=1.0):
    """The loss of the lesson's network times `size`, its gradients by the chain rule, and a place.

    `gradients(params, **faults)`: a part of the chain rule by its name, and what takes its place.
    """
    x, y, place = problem(rng, n, d, h, k)

    def run(params):
        z1 = x @ params["W1"] + params["b1"]
        s = (1 + np.tanh(z1 / 2)) / 2
        return z1, s, s @ params["W2"] + params["b2"]

    def loss(params):
        return float(size * np.sum((run(like(place, params))[2] - y) ** 2) / (2 * n))

    def gradients(params, bend=lambda z1, s: s * (1 - s), feeds=lambda z1, s: s, start=lambda error: error / n):
        z1, s, y_hat = run(like(place, params))
        d_z2 = size * start(y_hat - y)
        d_z1 = d_z2 @ params["W2"].T * bend(z1, s)
        return {"W1": x.T @ d_z1, "b1": d_z1.sum(axis=0), "W2": feeds(z1, s).T @ d_z2, "b2": d_z2.sum(axis=0)}

    return loss, gradients, place


def waves(rng, size=1.0):
    """Another loss, of parameters with other names and shapes, and one that it is flat along; as in `two_layers`."""
    place = {"kernel": rng.normal(size=(2, 2)), "offset": rng.normal(size=2), "cube": rng.normal(size=(2, 1, 2))}
    place["flat"] = np.zeros(2)

    def loss(params):
        given = like(place, params)
        inside = given["kernel"] @ given["offset"]
        return float(size * (np.sum(np.sin(inside)) + np.sum(given["cube"] ** 2) + np.sum(given["flat"] ** 4)))

    def gradients(params):
        given = like(place, params)
        slope = np.cos(given["kernel"] @ given["offset"])
        slopes = {"kernel": np.outer(slope, given["offset"]), "offset": given["kernel"].T @ slope}
        return {
            name: size * g for name, g in {**slopes, "cube": 2 * given["cube"], "flat": 4 * given["flat"] ** 3}.items()
        }

    return loss, gradients, place


def judge_verdicts(student, *cases):
    """Expect the right names, in any order, for each of (loss, gradients and a place; names; what it is in words).

    All are asked for before any is judged: what a mistake is called shows in all of them together.
    """
    calls = [student.wrong_parameters.observed(*case) for case, _, _ in cases]
    for ((_, _, params), wrong, what), call in zip(cases, calls, strict=True):
        names = call.value
        expect.that(
            isinstance(names, list | tuple) and all(isinstance(name, str) for name in names),
            f"wrong_parameters should return a list of names; it returned {described(names)}.",
        )
        expected, received = [name for name in params if name in wrong], list(names)
        message = f"wrong_parameters, for {what}: expected {expected}, received {received}."
        expect.that(set(names) == set(wrong), message)
        same_params(call.arguments[2], params, "wrong_parameters")


def valley(rng):
    """A place near the bottom of a valley: the slope is small and its change isn't, so a step to one side errs."""
    bottom = {"w": rng.normal(size=3), "b": rng.normal(size=(1, 2))}
    place = {name: w + rng.choice([-0.002, 0.002], size=w.shape) for name, w in bottom.items()}

    def loss(params):
        return float(sum(np.sum((like(place, params)[name] - w) ** 2) for name, w in bottom.items()))

    def gradients(params):
        return {name: 2 * (like(place, params)[name] - w) for name, w in bottom.items()}

    return loss, gradients, place


def cubic(rng):
    """A place at 0 of a loss that is nearly straight there: nothing is rounded, and a nudge of ε errs by ε² alone."""
    place, a = {"u": np.zeros(2), "v": np.zeros(1)}, rng.uniform(1, 2, size=3)

    def loss(params):
        given = like(place, params)
        return float(a[:2] @ given["u"] + a[2] * given["v"][0] + np.sum(given["u"] ** 3) + given["v"][0] ** 3)

    def gradients(params):
        given = like(place, params)
        return {"u": a[:2] + 3 * given["u"] ** 2, "v": a[2:] + 3 * given["v"] ** 2}

    return loss, gradients, place


def changed(case, **faults):
    """The case with other gradients: by a parameter's name, a function from its right gradient to the wrong one."""
    loss, gradients, params = case

    def faulty(given):
        return {name: faults.get(name, np.copy)(g) for name, g in gradients(given).items()}

    return loss, faulty, params


def by_rule(case, **parts):
    """The case of two layers with other parts of the chain rule."""
    loss, gradients, params = case
    return loss, lambda given: gradients(given, **parts), params


def one_entry_off(place, by=0.02):
    """A gradient in which one entry, counted in order, is off by a part of the whole gradient's length."""

    def off(gradient):
        other = gradient.copy()
        other.flat[place] += by * np.linalg.norm(gradient)
        return other

    return off


@grades("test_wrong_parameters", weight=2)
def test_wrong_parameters_of_a_network(student, rng):
    """Faults of the chain rule are found, each with the parameters that it spoils, and right gradients are let pass."""
    case = two_layers(rng, 5, 2, 2, 3)
    at_s = by_rule(case, bend=lambda z1, s: np.exp(-s) / (1 + np.exp(-s)) ** 2)
    judge_verdicts(
        student,
        (case, [], "right gradients"),
        (by_rule(case, bend=lambda z1, s: 1), ["W1", "b1"], "gradients without σ′"),
        (at_s, ["W1", "b1"], "gradients with σ′ taken at s"),
        (by_rule(case, feeds=lambda z1, s: z1), ["W2"], "a gradient of W2 made with z1 in place of s"),
        (by_rule(case, start=lambda error: error), NAMES, "gradients without the 1/n"),
        (by_rule(case, start=lambda error: -error / 5), NAMES, "gradients with the other sign"),
        (changed(case, b1=lambda g: g / 5), ["b1"], "a gradient of b1 that is averaged twice"),
        (changed(case, b2=lambda g: g * 1.25), ["b2"], "a gradient of b2 divided by n − 1"),
        (changed(case, W1=np.zeros_like, b2=np.zeros_like), ["W1", "b2"], "zeros for W1 and b2"),
    )


@grades("test_wrong_parameters")
def test_wrong_parameters_in_one_entry(student, rng):
    """A fault in a single entry is found wherever it is, and so is one that sums and lengths don't show."""
    case = two_layers(rng, 4, 2, 2, 2)
    places = (("W1", 3), ("W2", int(rng.integers(1, 3))), ("b2", 0))
    shift = np.array([0.1, -0.1])
    judge_verdicts(
        student,
        (case, [], "right gradients"),
        *(
            (changed(case, **{name: one_entry_off(place)}), [name], f"a gradient of {name} with one wrong entry")
            for name, place in places
        ),
        (changed(case, W1=lambda g: g[::-1]), ["W1"], "a gradient of W1 with its rows reversed"),
        (changed(case, W2=np.transpose), ["W2"], "a gradient of W2, which is square, transposed"),
        (changed(case, b1=lambda g: g + shift * np.linalg.norm(g)), ["b1"], "a gradient of b1 whose sum is right"),
    )


@grades("test_wrong_parameters")
def test_wrong_parameters_sizes(student, rng):
    """What counts is how far apart the two are for their size: losses may be tiny or huge, gradients nearly 0."""
    cases = []
    for size, case, name in ((1e-10, two_layers(rng, 4, 2, 2, 2, 1e-10), "W1"), (1e8, waves(rng, 1e8), "cube")):
        what = f"a loss of the size {size:.0e} and"
        cases += [
            (case, [], f"{what} right gradients"),
            (changed(case, **{name: one_entry_off(1)}), [name], f"{what} a wrong entry of {name}"),
            (changed(case, **{name: lambda g: 2 * g}), [name], f"{what} a doubled gradient of {name}"),
        ]
    case = valley(rng)
    judge_verdicts(
        student,
        *cases,
        (case, [], "right gradients near the bottom of a valley"),
        (changed(case, b=lambda g: 1.01 * g), ["b"], "a gradient of b near the bottom of a valley, 1 % too long"),
    )


@grades("test_wrong_parameters")
def test_wrong_parameters_of_any_loss(student, rng):
    """Any names and shapes will do; another shape or a nan is wrong, and two gradients of zeros agree."""
    case, other = waves(rng), cubic(rng)
    judge_verdicts(
        student,
        (case, [], "right gradients, one of them 0"),
        (changed(case, flat=lambda g: g + 0.1), ["flat"], "a gradient that isn't 0 where the loss is flat"),
        (changed(case, kernel=lambda g: -g), ["kernel"], "one gradient with the other sign"),
        (changed(case, cube=lambda g: np.where([True, False], g, np.nan)), ["cube"], "a gradient with a nan in it"),
        (changed(case, offset=lambda g: g[None]), ["offset"], "a gradient with an axis too many"),
        (changed(case, flat=lambda g: 0.0), ["flat"], "one number for an array of zeros"),
        (changed(case, cube=np.ravel), ["cube"], "a gradient in a row, for an array of another shape"),
        (changed(case, **dict.fromkeys(case[2], lambda g: g + 1)), list(case[2]), "gradients that are all wrong"),
        (other, [], "right gradients at 0"),
        (changed(other, v=lambda g: 2e-5 * g), ["v"], "a gradient of v that is far too short"),
    )


# --- train_two_layer -----------------------------------------------------------------------------------------


def run_training(who, x, y, params, lr, n_steps):
    """The params and the losses that train_two_layer returns, and its arguments afterwards; or a Mismatch."""
    call = who.train_two_layer.observed(x, y, params, lr, n_steps)
    expect.that(
        isinstance(call.value, tuple | list) and len(call.value) == 2,
        "train_two_layer should return two things, params and losses (return params, losses).",
    )
    expect.that(
        isinstance(call.value[0], dict) and all(name in call.value[0] for name in NAMES),
        f"train_two_layer should return params, a dict with the keys W1, b1, W2 and b2, first; "
        f"it returned {described(call.value[0])}.",
    )
    return call.value, call.arguments


def same_parameters(when, got, wanted):
    """Expect the same parameters."""
    for name in NAMES:
        expect.close(got[0][name], wanted[0][name], f"{name} after {when}", rtol=1e-8)


@grades("test_train_two_layer", together=TOGETHER)
def test_train_first_step(student, reference, rng):
    """The first step moves all four parameters downhill, each by its gradient at the starting point."""
    for lr in (0.1, 0.02):
        x, y, params = problem(rng, *sizes(rng))
        got, wanted = (run_training(who, x, y, params, lr, 1)[0] for who in (student, reference))
        same_parameters(f"one step with lr = {lr}", got, wanted)


@grades("test_train_two_layer", together=TOGETHER)
def test_train_path(student, reference, rng):
    """After every number of steps the parameters are where full-batch descent leads."""
    x, y, params = problem(rng, *sizes(rng))
    for n_steps in (2, 3, int(rng.integers(5, 12))):
        got, wanted = (run_training(who, x, y, params, 0.05, n_steps)[0] for who in (student, reference))
        same_parameters(f"{n_steps} steps", got, wanted)


@grades("test_train_two_layer", together=TOGETHER)
def test_train_losses(student, reference, rng):
    """`losses` holds the loss before the first step and after each one."""
    x, y, params = problem(rng, *sizes(rng))
    for n_steps in (4, int(rng.integers(5, 12))):
        got, wanted = (run_training(who, x, y, params, 0.05, n_steps)[0] for who in (student, reference))
        expect.close(got[1], wanted[1], f"losses of {n_steps} steps", rtol=1e-8)


@grades("test_train_two_layer", together=TOGETHER)
def test_train_leaves_arguments(student, reference, rng):
    """The data and the given parameters are left as they were, and new parameters are returned."""
    x, y, params = problem(rng, int(rng.integers(15, 25)), 2, 5, 3)
    got, left = run_training(student, x, y, params, 0.05, 20)
    wanted, _ = run_training(reference, x, y, params, 0.05, 20)
    show_curve(student, "20 steps with lr = 0.05", got[1], wanted[1])
    same_parameters("20 steps", got, wanted)
    expect.unchanged(left[0], x, "x", "train_two_layer")
    expect.unchanged(left[1], y, "y", "train_two_layer")
    same_params(left[2], params, "train_two_layer")
