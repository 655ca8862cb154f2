"""Hidden tests of ps3: gradients of secret functions and networks, and what autograd is left with afterwards.

Code in the student's process can report what it likes, through tools too. So points are earned by numbers alone that
only a right answer gives on the grader's inputs; a report that speaks against the code is believed and makes the
plainer message, one that speaks for it earns nothing.

===================================  ==================================================================================
fact                                 what proves it
===================================  ==================================================================================
a returned gradient, w, b, losses    its values
x.grad was not left behind           the values at a second call with the very same tensor
a gradient in p.grad                 its values
gradients were cleared at the start  the values after a second call, with nothing between the two
no weight was moved                  the gradients at a later backward pass, which depend on every weight
a step was taken in place            the weights' values, and the gradients of the moved network
gradients were cleared by a step     the weights after a second step, at once and after gradients were added twice
autograd still records parameters    the gradients of a backward pass after the step
which layers are frozen              the gradients of a backward pass, of layers drawn afresh: None, or their values
x is unwatched, no graph is          nothing: a report can only cost points
attached, None is returned
===================================  ==================================================================================

What values can't tell: a formula, or differences of values in float64, in place of autograd in `mean_square_gradient`,
`fit_linear` and `accumulate_gradients`. In `gradient_of` they are told apart (see `CONSTANT`).
"""

from contextlib import contextmanager, suppress

import torch

from autograder.authoring import Mismatch, StudentRaised, described, expect, grades, numbers, show_curve, tools_of

EXACT = 1e-5
"""Largest error, relative to the largest entry; float32 arithmetic in another order stays a hundred times below it."""

CONSTANT = 1e12
"""Added to a function it changes no gradient, and leaves no digits to differences of values, in float64 neither."""


def tensor(rng, *shape):
    """A float32 tensor of generic numbers."""
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def plain(value, what):
    """Expect a tensor that carries no graph."""
    expect.that(isinstance(value, torch.Tensor), f"{what} should be a tensor, but is {described(value)}.")
    expect.that(
        not value.requires_grad, f"{what} still carries a graph; expected a plain tensor (requires_grad False)."
    )


def untouched(seen, place, before, name, function):
    """Expect the tensor argument at `place` as it was: its numbers, not recorded, without a gradient."""
    left = seen.arguments[place] if place < len(seen.arguments) else None
    expect.unchanged(left, before, name, function)
    watched, gradient = getattr(left, "requires_grad", False), getattr(left, "grad", None)
    expect.that(not watched, f"{function} left {name} with requires_grad=True; expected False, as before.")
    expect.that(gradient is None, f"{function} left a gradient in {name}.grad; expected None, as before.")


def same_tensors(got, wanted, named, rtol=EXACT):
    """Expect the tensors of `wanted` by name, None where it is None; `named` says what the one of a name is."""
    for name, value in wanted.items():
        mine = got.get(name) if isinstance(got, dict) else None
        if value is None:
            expect.that(mine is None, f"{named(name)} should be None, but holds a gradient.")
        else:
            expect.that(mine is not None, f"{named(name)} is None; expected a tensor.")
            expect.close(mine, value, named(name), rtol=rtol)


@contextmanager
def missing_gradients_explained(function):
    """Say in words what Python's error about `None` means where `function` reads a gradient that isn't there."""
    try:
        yield
    except StudentRaised as error:
        about_none = error.type in ("AttributeError", "TypeError") and "NoneType" in error.text
        if not about_none or error.where.rpartition(" cell ")[2] != function:
            raise
        raise Mismatch(
            f"{function} raised {error.type} in {error.where}: {error.text}. If that is a .grad: it is None as long as "
            "no backward has filled it, and in every new tensor, such as the one that w = w - lr * w.grad makes."
        ) from error


# --- mean_square_gradient ------------------------------------------------------------------------------------


@grades("test_mean_square_gradient", weight=2)
def test_mean_square_gradient_value(student, reference, rng):
    """The gradient of mean(x²) is right for every shape."""
    for shape in ((2, 2), (5,), (2, 3, 4)):
        x = tensor(rng, *shape)
        got, wanted = student.mean_square_gradient(x), reference.mean_square_gradient(x)
        tools_of(student).events()
        expect.close(got, wanted, f"mean_square_gradient(x) for x of shape {shape}", rtol=EXACT)


@grades("test_mean_square_gradient")
def test_mean_square_gradient_leaves_x(student, reference, rng):
    """x is not recorded afterwards and has no gradient."""
    x = tensor(rng, 3, 2)
    seen, wanted = student.mean_square_gradient.observed(x), reference.mean_square_gradient(x)
    untouched(seen, 0, x, "x", "mean_square_gradient")
    expect.close(seen.value, wanted, "mean_square_gradient(x)", rtol=EXACT)
    held = tools_of(student).held(x)
    for call in ("first", "second"):
        got = student.mean_square_gradient(held)
        expect.close(got, wanted, f"mean_square_gradient(x) at the {call} call with the same tensor", rtol=EXACT)


# --- gradient_of ---------------------------------------------------------------------------------------------


def functions(rng, shape, constant=0.0):
    """Secret differentiable functions: family and coefficients."""
    return (
        ("polynomial", tensor(rng, *shape), tensor(rng, *shape), 0.7, constant),
        ("waves", tensor(rng, *shape), tensor(rng, *shape), 1.3, constant),
        ("softplus", tensor(rng, *shape), tensor(rng, *shape), constant),
    )


@grades("test_gradient_of", weight=2)
def test_gradient_of_value(student, reference, rng):
    """The gradient of any differentiable function is right, for every shape of x."""
    for shape, constant in (((4,), 0.0), ((2, 3), CONSTANT)):
        x = tensor(rng, *shape)
        for family in functions(rng, shape, constant):
            got, wanted = (who.gradient_of(tools_of(who).scalar_function(*family), x) for who in (student, reference))
            expect.close(got, wanted, f"gradient_of(f, x) for x of shape {shape}", rtol=EXACT)


@grades("test_gradient_of")
def test_gradient_of_plain(student, reference, rng):
    """The gradient is a plain tensor, the same at the second call, and x is left as it was."""
    x = tensor(rng, 3)
    family = functions(rng, (3,), CONSTANT)[2]
    mine, right = (tools_of(who).scalar_function(*family) for who in (student, reference))
    wanted = reference.gradient_of(right, x)
    seen = student.gradient_of.observed(mine, x)
    expect.close(seen.value, wanted, "gradient_of(f, x)", rtol=EXACT)
    plain(seen.value, "gradient_of(f, x)")
    untouched(seen, 1, x, "x", "gradient_of")
    held = tools_of(student).held(x)
    for call in ("first", "second"):
        got = student.gradient_of(mine, held)
        expect.close(got, wanted, f"gradient_of(f, x) at the {call} call with the same x", rtol=EXACT)


# --- accumulate_gradients ------------------------------------------------------------------------------------

LAYERS: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("first", "Linear", {"in_features": 5, "out_features": 4}),
    ("bend", "Tanh", {}),
    ("second", "Linear", {"in_features": 4, "out_features": 3}),
)


def secret_weights(rng):
    """Weights and biases of the small network."""
    return {
        "first.weight": tensor(rng, 4, 5),
        "first.bias": tensor(rng, 4),
        "second.weight": tensor(rng, 3, 4),
        "second.bias": tensor(rng, 3),
    }


def new_network(who, weights, stale=None):
    """A network; its gradients are `stale`, if there are any."""
    model = tools_of(who).network(LAYERS, weights)
    if stale is not None:
        tools_of(who).set_gradients(model, stale)
    return model


def accumulated(who, model, *calls):
    """The gradients that calls of accumulate_gradients with these batches leave, and what the last one returns."""
    criterion = tools_of(who).new("torch.nn.MSELoss")
    returned = None
    for batches in calls:
        with missing_gradients_explained("accumulate_gradients"):
            returned = who.accumulate_gradients(model, criterion, batches)
    tools_of(who).events()
    return tools_of(who).gradients(model), returned


def same_gradients(got, wanted, when):
    """Expect the same gradient for every parameter."""
    same_tensors(got, wanted, lambda name: f"{when} {name}.grad")


def batches_of(rng, *sizes):
    """Batches of inputs and targets."""
    return [(tensor(rng, n, 5), tensor(rng, n, 3)) for n in sizes]


@grades("test_accumulate_gradients", weight=2)
def test_accumulate_gradients_sum(student, reference, rng):
    """The gradients are the sum over all batches, whatever their sizes."""
    weights = secret_weights(rng)
    for sizes in ((4,), (4, 4, 2)):
        batches = batches_of(rng, *sizes)
        got, wanted = (accumulated(who, new_network(who, weights), batches)[0] for who in (student, reference))
        same_gradients(got, wanted, f"After {len(sizes)} batch{'es' * (len(sizes) > 1)}")


@grades("test_accumulate_gradients", weight=2)
def test_accumulate_gradients_stale(student, reference, rng):
    """Gradients that stood there before have no part in it."""
    weights, batches = secret_weights(rng), batches_of(rng, 3, 2)
    stale = {name: tensor(rng, *value.shape) for name, value in weights.items()}
    got, wanted = (accumulated(who, new_network(who, weights, stale), batches)[0] for who in (student, reference))
    same_gradients(got, wanted, "With gradients left from earlier,")
    earlier, later = batches_of(rng, 2, 3), batches_of(rng, 3, 4)
    got, _ = accumulated(student, new_network(student, weights), earlier, later)
    wanted, _ = accumulated(reference, new_network(reference, weights), later)
    same_gradients(got, wanted, "After a second call with other batches")


@grades("test_accumulate_gradients")
def test_accumulate_gradients_nothing_else(student, reference, rng):
    """Nothing is returned, and no weight is moved."""
    weights = secret_weights(rng)
    model = new_network(student, weights)
    for when, batches in (("Afterwards", batches_of(rng, 3, 2)), ("At a second call,", batches_of(rng, 2, 4))):
        got, returned = accumulated(student, model, batches)
        wanted, _ = accumulated(reference, new_network(reference, weights), batches)
        same_gradients(got, wanted, when)
        expect.that(returned is None, f"accumulate_gradients should return None, but returned {described(returned)}.")
        after = tools_of(student).weights(model)
        told = "accumulate_gradients should leave the weights alone; afterwards"
        same_tensors(after, weights, lambda name, told=told: f"{told} {name}", rtol=0)
        # What stands in .grad before the second call is another test's matter.
        tools_of(student).set_gradients(model, {})


# --- sgd_step ------------------------------------------------------------------------------------------------


def ready(who, weights, gradients, as_list=True):
    """A network with gradients, and its parameters in two handles, each good for one call."""
    tools = tools_of(who)
    model = tools.network(LAYERS, weights)
    tools.set_gradients(model, gradients)
    return model, [tools.parameter_list(model) if as_list else tools.parameters(model) for _ in range(2)]


def stepped(who, weights, gradients, lr, as_list=True):
    """The network after one sgd_step, and what that returned."""
    model, (parameters, _) = ready(who, weights, gradients, as_list)
    with missing_gradients_explained("sgd_step"):
        return model, who.sgd_step(parameters, lr)


def secret_gradients(rng, weights):
    """A gradient for each parameter."""
    return {name: tensor(rng, *value.shape) for name, value in weights.items()}


@grades("test_sgd_step", weight=3)
def test_sgd_step_moves(student, reference, rng):
    """Every parameter moves against its gradient, in place, scaled by the learning rate."""
    weights = secret_weights(rng)
    for lr, as_list in ((0.1, True), (0.7, False)):
        gradients = secret_gradients(rng, weights)
        got, wanted = (
            tools_of(who).weights(stepped(who, weights, gradients, lr, as_list)[0]) for who in (student, reference)
        )
        for name, before in weights.items():
            after = numbers(got.get(name)) if isinstance(got, dict) else None
            shape = tuple(before.shape)
            expect.that(
                after is not None and after.shape == shape,
                f"{name} should be numbers of the shape {shape} after the step.",
            )
            change, right = after - numbers(before), numbers(wanted[name]) - numbers(before)
            expect.close(change, right, f"the change of {name} in a step with lr = {lr}", rtol=1e-4)


@grades("test_sgd_step", weight=2)
def test_sgd_step_clears(student, reference, rng):
    """After the step every gradient is cleared, None or zeros."""
    weights = secret_weights(rng)
    for as_list in (True, False):
        parameters = "a list of parameters" if as_list else "parameters from a generator"
        gradients = secret_gradients(rng, weights)
        model, _ = stepped(student, weights, gradients, 0.1, as_list)
        left = tools_of(student).gradients(model)
        for name in weights:
            gradient = left.get(name) if isinstance(left, dict) else None
            held = numbers(gradient)
            expect.that(
                gradient is None or (held is not None and not held.any()),
                f"After the step with {parameters}, {name}.grad should be None or zeros; it still holds a gradient.",
            )
        added = [secret_gradients(rng, weights) for _ in range(2)]
        got, wanted = (stepped_on(who, weights, gradients, added, as_list) for who in (student, reference))
        told = f"after three steps with {parameters}, each of which clears all gradients,"
        same_tensors(got, wanted, lambda name, told=told: f"{name} {told}")


def stepped_on(who, weights, gradients, added, as_list):
    """The weights after a step, another one at once, which finds nothing to do, and one with gradients added twice."""
    model, handles = ready(who, weights, gradients, as_list)
    tools = tools_of(who)
    last = tools.parameter_list(model) if as_list else tools.parameters(model)
    who.sgd_step(handles[0], 0.1)
    with suppress(StudentRaised):  # what happens where there is no gradient is another test's matter
        who.sgd_step(handles[1], 0.1)
    for gradients in added:
        tools.add_gradients(model, gradients)
    who.sgd_step(last, 0.3)
    return tools.weights(model)


@grades("test_sgd_step", weight=2)
def test_sgd_step_without_gradient(student, reference, rng):
    """Parameters without a gradient stay as they are; the others move."""
    weights = secret_weights(rng)
    gradients = secret_gradients(rng, weights) | {"first.bias": None, "second.weight": None}
    got, wanted = (tools_of(who).weights(stepped(who, weights, gradients, 0.2)[0]) for who in (student, reference))
    same_tensors(got, wanted, lambda name: f"{name} after the step")


@grades("test_sgd_step")
def test_sgd_step_unrecorded(student, reference, rng):
    """Nothing is recorded: the parameters are still leaves that require gradients, and nothing is returned."""
    weights = secret_weights(rng)
    gradients = secret_gradients(rng, weights)
    batch = batches_of(rng, 4)[0]
    model, returned = stepped(student, weights, gradients, 0.1)
    twin, _ = stepped(reference, weights, gradients, 0.1)
    got, wanted = (tools_of(who).weights(net) for who, net in ((student, model), (reference, twin)))
    same_tensors(got, wanted, lambda name: f"{name} after the step")
    expect.that(returned is None, f"sgd_step should return None, but returned {described(returned)}.")
    flags = tools_of(student).requires_grad(model)
    for name in weights:
        expect.that(
            isinstance(flags, dict) and flags.get(name) is True,
            f"After the step {name} is no leaf that requires gradients any more, as it was before the step.",
        )
    try:
        got = new_gradients(student, model, batch)
    except StudentRaised as error:
        raise Mismatch(
            "After the step a backward pass through the network fails "
            f"({error.type}: {error.text}). Has sgd_step switched autograd off for everything that comes after it?"
        ) from error
    same_gradients(got, new_gradients(reference, twin, batch), "At the next backward pass after the step,")


def new_gradients(who, model, batch):
    """The gradients of one backward pass, with none from before."""
    tools = tools_of(who)
    tools.set_gradients(model, {})
    tools.backward(model, tools.new("torch.nn.MSELoss"), *batch)
    return tools.gradients(model)


# --- freeze_layers -------------------------------------------------------------------------------------------


def chain(rng, *names):
    """A secret network of linear layers with these names, its weights, and a batch."""
    layers = []
    for name in names:
        layers += [(name, "Linear", {"in_features": 3, "out_features": 3}), (f"{name}_tanh", "Tanh", {})]
    weights = {}
    for name in names:
        weights |= {f"{name}.weight": tensor(rng, 3, 3), f"{name}.bias": tensor(rng, 3)}
    return layers, weights, (tensor(rng, 4, 3), tensor(rng, 4, 3))


def some(rng, names, most=None):
    """Between one of the names and `most` (default: all but one); drawn, so that nobody foresees which."""
    count = int(rng.integers(1, most or len(names) - 1, endpoint=True))
    return [names[place] for place in rng.permutation(len(names))[:count]]


def judge_frozen(student, reference, problem, *calls, by_hand=(), described_as=""):
    """Expect that after calls of freeze_layers with these names just the right layers learn; some are frozen before."""
    layers, weights, batch = problem
    flags, gradients = [], []
    for who in (student, reference):
        model = tools_of(who).network(layers, weights)
        if by_hand:
            tools_of(who).set_requires_grad(model, {name: name.partition(".")[0] not in by_hand for name in weights})
        for names in calls:
            who.freeze_layers(model, names)
        flags.append(tools_of(who).requires_grad(model))
        try:
            gradients.append(new_gradients(who, model, batch))
        except StudentRaised:
            gradients.append(None)  # no layer learns, which no right call makes
    call = f"freeze_layers(model, {calls[-1]}){described_as}"
    for name, flag in flags[1].items():
        verb = "require" if flag else "not require"
        mine = flags[0].get(name) if isinstance(flags[0], dict) else None
        expect.that(mine is flag, f"After {call}, {name} should {verb} a gradient.")
    same_gradients(gradients[0], gradients[1], f"After {call} and a backward pass,")


@grades("test_freeze_layers", weight=2)
def test_freeze_layers_flags(student, reference, rng):
    """The named layers' parameters stop requiring gradients, and no others."""
    for layers in (("first", "second"), ("one", "two", "three", "four", "five"), ("body", "neck", "left", "right")):
        for _ in range(2):
            judge_frozen(student, reference, chain(rng, *layers), some(rng, layers))


@grades("test_freeze_layers")
def test_freeze_layers_whole_names(student, reference, rng):
    """A layer's name stands for this layer alone, and not for others whose names begin like it."""
    cases = [["fc1"], ["fc10"], ["fc"], some(rng, ("fc", "fc1", "fc10")), some(rng, ("fc10", "fc", "fc1"))]
    for place in rng.permutation(len(cases)):
        problem = chain(rng, "fc", "fc1", "fc10")
        judge_frozen(
            student, reference, problem, cases[place], described_as=" of a model with the layers fc, fc1 and fc10"
        )


@grades("test_freeze_layers")
def test_freeze_layers_values(student, reference, rng):
    """Flags are turned, and no weight is moved."""
    names = ("first", "second", "third", "fourth")
    problem = layers, weights, _ = chain(rng, *names)
    frozen = some(rng, names)
    tools = tools_of(student)
    model = tools.network(layers, weights)
    tools.set_gradients(model, secret_gradients(rng, weights))
    student.freeze_layers(model, frozen)
    # Gradients and modes are nobody's business here; that they changed tells what went wrong where flags didn't.
    tools.gradients(model), tools.modes(model)
    same_tensors(tools.weights(model), weights, lambda name: f"{name} after freeze_layers(model, {frozen})")
    judge_frozen(student, reference, problem, frozen)


@grades("test_freeze_layers")
def test_freeze_layers_thaws(student, reference, rng):
    """A layer that was frozen before and is not named requires gradients again."""
    names = ["first", "second", "third", "fourth"]
    for by_hand in (True, False):  # by an earlier call, it is sure to have happened
        frozen = some(rng, names)
        others = [name for name in names if name not in frozen]
        before = some(rng, others, len(others))
        told = f" of a model with frozen {', '.join(before)}"
        if by_hand:
            judge_frozen(student, reference, chain(rng, *names), frozen, by_hand=before, described_as=told)
        else:
            judge_frozen(student, reference, chain(rng, *names), before, frozen, described_as=told)
    told = f" of a model with frozen {', '.join(names)}"
    judge_frozen(student, reference, chain(rng, *names), names, [], described_as=told)


# --- fit_linear ----------------------------------------------------------------------------------------------


def regression(rng, n, d):
    """A linear regression problem in float32: X, y, w0, b0."""
    return tensor(rng, n, d), tensor(rng, n), tensor(rng, d), torch.tensor(float(rng.normal() + 1))


def fitted(student, reference, *problem):
    """The triples that fit_linear and the right answer return, and all that was seen of the student's call."""
    with missing_gradients_explained("fit_linear"):
        seen = student.fit_linear.observed(*problem)
    triple = seen.value
    expect.that(
        isinstance(triple, tuple | list) and len(triple) == 3,
        "fit_linear should return three things: w, b and losses.",
    )
    return triple, reference.fit_linear(*problem), seen


@grades("test_fit_linear", weight=2)
def test_fit_linear_path(student, reference, rng):
    """After every number of steps the weights and the bias are where gradient descent leads."""
    problem = regression(rng, 8, 3)
    for n_steps, lr in ((1, 0.1), (2, 0.05), (7, 0.1)):
        got, wanted, _ = fitted(student, reference, *problem, lr, n_steps)
        same_place(got, wanted, n_steps, lr)


def same_place(got, wanted, n_steps, lr):
    """Expect the same w and b."""
    expect.close(got[0], wanted[0], f"w after {n_steps} steps with lr = {lr}", rtol=1e-4)
    expect.close(got[1], wanted[1], f"b after {n_steps} steps with lr = {lr}", rtol=1e-4, scale=1.0)


@grades("test_fit_linear", weight=2)
def test_fit_linear_losses(student, reference, rng):
    """`losses` holds the loss before the first step and after each one, as plain numbers."""
    problem = regression(rng, 9, 2)
    for n_steps in (3, int(rng.integers(5, 9))):
        got, wanted, _ = fitted(student, reference, *problem, 0.05, n_steps)
        expect.close(got[2], wanted[2], f"losses of {n_steps} steps", rtol=1e-4)
        graph = any(getattr(loss, "requires_grad", False) for loss in got[2])
        expect.that(not graph, "The losses still carry their graphs; expected plain floats.")


@grades("test_fit_linear", weight=2)
def test_fit_linear_leaves_start(student, reference, rng):
    """The starting point and the data are left as they were, and the loss has fallen."""
    n_steps, lr = 25, 0.1
    X, y, w0, b0 = regression(rng, 20, 3)

    def loss(w, b):
        # Recomputed here from the weights: what the student's code reports has no part in it.
        return float(((y - (X @ w + b)) ** 2).sum() / (2 * len(y)))

    got, wanted, seen = fitted(student, reference, X, y, w0, b0, lr, n_steps)
    show_curve(student, f"{n_steps} steps with lr = {lr}", got[2], wanted[2])
    w, b = numbers(got[0]), numbers(got[1])
    if w is not None and b is not None and w.shape == w0.shape and b.shape == ():
        start, reached = loss(w0, b0), loss(*wanted[:2])
        end = loss(*(torch.as_tensor(part, dtype=X.dtype) for part in (w, b)))
        expect.that(
            end <= reached * (1 + 1e-3),
            f"In {n_steps} steps the loss should fall from {start:.4g} to {reached:.4g}; it went to {end:.4g}.",
        )
    same_place(got, wanted, n_steps, lr)
    for place, (name, before) in enumerate({"X": X, "y": y, "w0": w0, "b0": b0}.items()):
        untouched(seen, place, before, name, "fit_linear")
