"""Hidden tests of ps3: gradients of secret functions and networks, and what autograd is left with afterwards."""

from functools import partial

import torch

from autograder.authoring import described, expect, grades, right_or_following, show_curve, tools_of

EXACT = 1e-5
"""float32 arithmetic in another order stays a hundred times below this; finite differences don't come near it."""


def tensor(rng, *shape):
    """A float32 tensor of generic numbers."""
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def plain(value, what):
    """Expect a tensor that carries no graph."""
    expect.that(isinstance(value, torch.Tensor), f"{what} should be a tensor, but is {described(value)}.")
    expect.that(
        not value.requires_grad, f"{what} still carries a graph; expected a plain tensor (requires_grad False)."
    )


def untouched(left, before, name, function):
    """Expect a tensor argument as it was: its numbers, not recorded, without a gradient."""
    expect.unchanged(left, before, name, function)
    expect.that(not left.requires_grad, f"{function} left {name} with requires_grad=True; expected False, as before.")
    expect.that(left.grad is None, f"{function} left a gradient in {name}.grad; expected None, as before.")


# --- mean_square_gradient ------------------------------------------------------------------------------------


@grades("test_mean_square_gradient", weight=2)
def test_mean_square_gradient_value(student, reference, rng):
    """The gradient of mean(x²) is right for every shape."""
    for shape in ((2, 2), (5,), (2, 3, 4)):
        x = tensor(rng, *shape)
        tools_of(student).watch()
        got, wanted = student.mean_square_gradient(x), reference.mean_square_gradient(x)
        tools_of(student).events()
        expect.close(got, wanted, f"mean_square_gradient(x) for x of shape {shape}", rtol=EXACT)


@grades("test_mean_square_gradient")
def test_mean_square_gradient_leaves_x(student, reference, rng):
    """x is not recorded afterwards and has no gradient."""
    x = tensor(rng, 3, 2)
    got = student.mean_square_gradient(x)
    untouched(student._caller.left[0], x, "x", "mean_square_gradient")
    expect.close(got, reference.mean_square_gradient(x), "mean_square_gradient(x)", rtol=EXACT)


# --- gradient_of ---------------------------------------------------------------------------------------------


def functions(rng, shape):
    """Secret differentiable functions: family and coefficients."""
    return (
        ("polynomial", tensor(rng, *shape), tensor(rng, *shape), 0.7),
        ("waves", tensor(rng, *shape), tensor(rng, *shape), 1.3),
        ("softplus", tensor(rng, *shape), tensor(rng, *shape)),
    )


@grades("test_gradient_of", weight=2)
def test_gradient_of_value(student, reference, rng):
    """The gradient of any differentiable function is right, for every shape of x."""
    for shape in ((4,), (2, 3)):
        x = tensor(rng, *shape)
        for family in functions(rng, shape):
            got, wanted = (who.gradient_of(tools_of(who).scalar_function(*family), x) for who in (student, reference))
            expect.close(got, wanted, f"gradient_of(f, x) for x of shape {shape}", rtol=EXACT)


@grades("test_gradient_of")
def test_gradient_of_plain(student, reference, rng):
    """The gradient is a plain tensor, the same at the second call, and x is left as it was."""
    x = tensor(rng, 3)
    family = functions(rng, (3,))[1]
    mine, right = (tools_of(who).scalar_function(*family) for who in (student, reference))
    wanted = reference.gradient_of(right, x)
    for call in ("first", "second"):
        got = student.gradient_of(mine, x)
        expect.close(got, wanted, f"gradient_of(f, x) at the {call} call", rtol=EXACT)
        plain(got, "gradient_of(f, x)")
        untouched(student._caller.left[1], x, "x", "gradient_of")


# --- accumulate_gradients ------------------------------------------------------------------------------------

LAYERS: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("first", "Linear", {"in_features": 5, "out_features": 4}),
    ("bend", "Tanh", {}),
    ("second", "Linear", {"in_features": 4, "out_features": 3}),
)


ALIKE: tuple[tuple[str, str, dict[str, int]], ...] = tuple(
    (name, "Linear", {"in_features": 3, "out_features": 3}) for name in ("fc", "fc1", "fc10")
)


def secret_weights(rng):
    """Weights and biases of the small network."""
    return {
        "first.weight": tensor(rng, 4, 5),
        "first.bias": tensor(rng, 4),
        "second.weight": tensor(rng, 3, 4),
        "second.bias": tensor(rng, 3),
    }


def accumulated(who, weights, batches, stale=None):
    """The gradients that accumulate_gradients leaves, what it returns, and the weights afterwards."""
    model = tools_of(who).network(LAYERS, weights)
    if stale is not None:
        tools_of(who).set_gradients(model, stale)
    tools_of(who).watch()
    returned = who.accumulate_gradients(model, tools_of(who).new("torch.nn.MSELoss"), batches)
    tools_of(who).events()
    return tools_of(who).gradients(model), returned, tools_of(who).weights(model)


def same_gradients(got, wanted, when):
    """Expect the same gradient for every parameter."""
    for name, gradient in wanted.items():
        expect.that(got.get(name) is not None, f"{when} {name}.grad is None; expected a gradient.")
        expect.close(got[name], gradient, f"{when} {name}.grad", rtol=EXACT)


def batches_of(rng, *sizes):
    """Batches of inputs and targets."""
    return [(tensor(rng, n, 5), tensor(rng, n, 3)) for n in sizes]


@grades("test_accumulate_gradients", weight=2)
def test_accumulate_gradients_sum(student, reference, rng):
    """The gradients are the sum over all batches, whatever their sizes."""
    weights = secret_weights(rng)
    for sizes in ((4,), (4, 4, 2)):
        batches = batches_of(rng, *sizes)
        got, wanted = (accumulated(who, weights, batches)[0] for who in (student, reference))
        same_gradients(got, wanted, f"After {len(sizes)} batch{'es' * (len(sizes) > 1)}")


@grades("test_accumulate_gradients", weight=2)
def test_accumulate_gradients_stale(student, reference, rng):
    """Gradients that stood there before have no part in it."""
    weights, batches = secret_weights(rng), batches_of(rng, 3, 2)
    stale = {name: tensor(rng, *value.shape) for name, value in weights.items()}
    got, wanted = (accumulated(who, weights, batches, stale)[0] for who in (student, reference))
    same_gradients(got, wanted, "With gradients left from earlier,")


@grades("test_accumulate_gradients")
def test_accumulate_gradients_nothing_else(student, reference, rng):
    """Nothing is returned, and no weight is moved."""
    weights, batches = secret_weights(rng), batches_of(rng, 3, 2)
    got, returned, after = accumulated(student, weights, batches)
    same_gradients(got, accumulated(reference, weights, batches)[0], "Afterwards")
    expect.that(returned is None, f"accumulate_gradients should return None, but returned {described(returned)}.")
    moved = [name for name in weights if not torch.equal(after[name], weights[name])]
    expect.that(not moved, f"accumulate_gradients should leave the weights alone; it moved {', '.join(moved)}.")


# --- sgd_step ------------------------------------------------------------------------------------------------


def stepped(who, weights, gradients, lr, as_list):
    """What sgd_step makes of a network's parameters: weights, gradients, leaf flags, and what it returned."""
    tools = tools_of(who)
    model = tools.network(LAYERS, weights)
    tools.set_gradients(model, gradients)
    returned = who.sgd_step(tools.parameter_list(model) if as_list else tools.parameters(model), lr)
    return tools.weights(model), tools.gradients(model), tools.are_parameters_of(model), returned


def secret_gradients(rng, weights):
    """A gradient for each parameter."""
    return {name: tensor(rng, *value.shape) for name, value in weights.items()}


@grades("test_sgd_step", weight=3)
def test_sgd_step_moves(student, reference, rng):
    """Every parameter moves against its gradient, in place, scaled by the learning rate."""
    weights = secret_weights(rng)
    for lr, as_list in ((0.1, True), (0.7, False)):
        gradients = secret_gradients(rng, weights)
        got, wanted = (stepped(who, weights, gradients, lr, as_list)[0] for who in (student, reference))
        for name in weights:
            change, right = got[name] - weights[name], wanted[name] - weights[name]
            expect.close(change, right, f"the change of {name} in a step with lr = {lr}", rtol=1e-4)


@grades("test_sgd_step", weight=2)
def test_sgd_step_clears(student, reference, rng):
    """After the step every gradient is cleared, None or zeros."""
    weights = secret_weights(rng)
    for as_list in (True, False):
        moved, left, _, _ = stepped(student, weights, secret_gradients(rng, weights), 0.1, as_list)
        for name, gradient in left.items():
            cleared = gradient is None or not bool(gradient.any())
            parameters = "a list of parameters" if as_list else "parameters from a generator"
            expect.that(
                cleared,
                f"After the step with {parameters}, {name}.grad should be None or zeros; it still holds a gradient.",
            )
        expect.that(any(not torch.equal(moved[n], weights[n]) for n in weights), "The step moved nothing.")


@grades("test_sgd_step", weight=2)
def test_sgd_step_without_gradient(student, reference, rng):
    """Parameters without a gradient stay as they are; the others move."""
    weights = secret_weights(rng)
    gradients = secret_gradients(rng, weights) | {"first.bias": None, "second.weight": None}
    got, wanted = (stepped(who, weights, gradients, 0.2, True)[0] for who in (student, reference))
    for name in weights:
        expect.close(got[name], wanted[name], f"{name} after the step", rtol=EXACT)


@grades("test_sgd_step")
def test_sgd_step_unrecorded(student, reference, rng):
    """Nothing is recorded: the parameters are still leaves that require gradients, and nothing is returned."""
    weights = secret_weights(rng)
    gradients = secret_gradients(rng, weights)
    got, _, leaves, returned = stepped(student, weights, gradients, 0.1, True)
    wanted = stepped(reference, weights, gradients, 0.1, True)[0]
    for name in weights:
        expect.close(got[name], wanted[name], f"{name} after the step", rtol=EXACT)
        expect.that(
            leaves[name],
            f"After the step {name} is no leaf that requires gradients any more, as it was before the step.",
        )
    expect.that(returned is None, f"sgd_step should return None, but returned {described(returned)}.")
    expect.that(tools_of(student).grad_enabled(), "sgd_step switched autograd off for everything that comes after it.")


# --- freeze_layers -------------------------------------------------------------------------------------------


@grades("test_freeze_layers", weight=2)
def test_freeze_layers_flags(student, reference):
    """The named layers' parameters stop requiring gradients, and no others."""
    for names in (["first"], ["second"], ["first", "second"]):
        got, wanted = (frozen(who, names) for who in (student, reference))
        same_flags(got, wanted, f"freeze_layers(model, {names})")


@grades("test_freeze_layers")
def test_freeze_layers_whole_names(student, reference):
    """A layer's name stands for this layer alone, and not for others whose names begin like it."""
    for names in (["fc1"], ["fc10"], ["fc"]):
        got, wanted = (frozen(who, names, layers=ALIKE) for who in (student, reference))
        same_flags(got, wanted, f"freeze_layers(model, {names}) of a model with the layers fc, fc1 and fc10")


@grades("test_freeze_layers")
def test_freeze_layers_values(student, rng):
    """Flags are turned, and no weight is moved."""
    tools, weights = tools_of(student), secret_weights(rng)
    model = tools.network(LAYERS, weights)
    tools.set_gradients(model, secret_gradients(rng, weights))
    student.freeze_layers(model, ["second"])
    # Gradients and modes are nobody's business here; that they changed tells what went wrong where flags didn't.
    tools.gradients(model), tools.modes(model)
    flags, after = tools.requires_grad(model), tools.weights(model)
    expect.that(not flags["second.weight"], "After freeze_layers(model, ['second']) second.weight still learns.")
    for name, value in weights.items():
        expect.close(after[name], value, f"{name} after freeze_layers(model, ['second'])", rtol=EXACT)


@grades("test_freeze_layers")
def test_freeze_layers_thaws(student, reference):
    """A layer that was frozen before and is not named requires gradients again."""
    for names, before in ((["second"], ["first"]), ([], ["first", "second"])):
        got, wanted = (frozen(who, names, before) for who in (student, reference))
        same_flags(got, wanted, f"freeze_layers(model, {names}) of a model with frozen {', '.join(before)}")


def frozen(who, names, before=(), layers=LAYERS):
    """Which parameters require gradients after freeze_layers."""
    model = tools_of(who).network(layers)
    flags = {name: name.partition(".")[0] not in before for name in tools_of(who).requires_grad(model)}
    tools_of(who).set_requires_grad(model, flags)
    who.freeze_layers(model, names)
    return tools_of(who).requires_grad(model)


def same_flags(got, wanted, call):
    """Expect the same parameters to require gradients."""
    for name, flag in wanted.items():
        verb = "require" if flag else "not require"
        expect.that(got.get(name) == flag, f"After {call}, {name} should {verb} a gradient.")


# --- fit_linear ----------------------------------------------------------------------------------------------


def regression(rng, n, d):
    """A linear regression problem in float32: X, y, w0, b0."""
    return tensor(rng, n, d), tensor(rng, n), tensor(rng, d), torch.tensor(float(rng.normal() + 1))


def fitted(who, *problem):
    """The triple that fit_linear returns, or a Mismatch that says what came instead."""
    triple = who.fit_linear(*problem)
    expect.that(
        isinstance(triple, tuple | list) and len(triple) == 3,
        "fit_linear should return three things: w, b and losses.",
    )
    return triple


def judge_fit(student, reference, judge, *problem):
    """Judge the student's fit by a right one, or by one that follows from the student's own sgd_step."""
    got, wanted = (fitted(who, *problem) for who in (student, reference))
    left = student._caller.left
    right_or_following(student, partial(judge, got), wanted, partial(followed, student, *problem))
    return got, left


def followed(student, X, y, w0, b0, lr, n_steps):
    """A right descent that steps with the student's own sgd_step."""
    tools = tools_of(student)
    state = {"w": w0.clone(), "b": b0.clone()}
    model = tools.parameters_named(state)

    def loss():
        return float(((y - (X @ state["w"] + state["b"])) ** 2).sum() / (2 * len(y)))

    losses = [loss()]
    for _ in range(n_steps):
        error = (X @ state["w"] + state["b"] - y) / len(y)
        held = tools.gradients(model)
        fresh = {"w": X.T @ error, "b": error.sum()}
        # backward() adds to what stands there.
        tools.set_gradients(model, {n: fresh[n] if held[n] is None else held[n] + fresh[n] for n in fresh})
        student.sgd_step(tools.parameter_list(model), lr)
        state = tools.weights(model)
        losses.append(loss())
    return state["w"], state["b"], losses


@grades("test_fit_linear", weight=2)
def test_fit_linear_path(student, reference, rng):
    """After every number of steps the weights and the bias are where gradient descent leads."""
    problem = regression(rng, 8, 3)
    for n_steps, lr in ((1, 0.1), (2, 0.05), (7, 0.1)):

        def judge(got, wanted, n_steps=n_steps, lr=lr):
            expect.close(got[0], wanted[0], f"w after {n_steps} steps with lr = {lr}", rtol=1e-4)
            expect.close(got[1], wanted[1], f"b after {n_steps} steps with lr = {lr}", rtol=1e-4, scale=1.0)

        judge_fit(student, reference, judge, *problem, lr, n_steps)


@grades("test_fit_linear", weight=2)
def test_fit_linear_losses(student, reference, rng):
    """`losses` holds the loss before the first step and after each one, as plain numbers."""
    problem = regression(rng, 9, 2)
    for n_steps in (3, int(rng.integers(5, 9))):

        def judge(got, wanted, n_steps=n_steps):
            expect.close(got[2], wanted[2], f"losses of {n_steps} steps", rtol=1e-4)

        got, _ = judge_fit(student, reference, judge, *problem, 0.05, n_steps)
        graph = any(getattr(loss, "requires_grad", False) for loss in got[2])
        expect.that(not graph, "The losses still carry their graphs; expected plain floats.")


@grades("test_fit_linear", weight=2)
def test_fit_linear_leaves_start(student, reference, rng):
    """The starting point and the data are left as they were, and the loss has fallen."""
    X, y, w0, b0 = regression(rng, 20, 3)

    def loss(place):
        # Recomputed here from the weights: what the student's code reports has no part in it.
        w, b = (torch.as_tensor(part).detach() for part in place[:2])
        return float(((y - (X @ w + b)) ** 2).sum() / (2 * len(y)))

    def judge(got, wanted):
        show_curve(student, "25 steps with lr = 0.1", got[2], wanted[2])
        start, end, reached = loss((w0, b0)), loss(got), loss(wanted)
        expect.that(
            end <= reached * (1 + 1e-3),
            f"In 25 steps the loss should fall from {start:.4g} to {reached:.4g}; it went to {end:.4g}.",
        )

    _, left = judge_fit(student, reference, judge, X, y, w0, b0, 0.1, 25)
    for name, after, before in zip(("X", "y", "w0", "b0"), left, (X, y, w0, b0), strict=False):
        untouched(after, before, name, "fit_linear")
