"""Misconceptions of ps3: what beginners get wrong about recording, adding up, stepping, freezing, and fitting."""

import copy

import torch

from autograder.authoring import misconception

RECORD = "torch records only what is computed from a tensor that it watches: which one has to be watched? (section 1)"
YOURS = "The caller's tensor should be as unwatched as before: work on a tensor of your own (section 2)."
SCALAR = "A gradient says how one number moves. Which number is it here, and what stands before its sum? (section 1)"
CUT = "Which operations cut the record, and what is left to differentiate behind the cut? (section 2)"
EXACT = "The record holds the exact slopes of every step: nothing has to be nudged and measured (section 2)."
ADDS = "backward adds to what stands in .grad. What has to stand there before the first batch, and when? (section 3)"
EACH = "Every batch of `batches` counts, once, with the slope of its own loss (section 3)."
LOSS = "The criterion says what a batch costs; leave its value as it is (section 3)."
DOWNHILL = "The gradient points uphill, and the rate says how far to go against it (section 4)."
UNRECORDED = "A step is no part of the next loss: it must change the very tensor, and leave no record (section 4)."
CLEARED = "What stands in .grad when the next backward comes? (section 4)"
NONE = "Some parameters may have no gradient; they stay, and the others move all the same (section 4)."
NAMES = "Go through named_children and compare each whole name: which flags should be off, which on? (section 6)"
THAW = "A layer may have been frozen before. What should the call do with those that aren't named now? (section 6)"
DESCENT = (
    "Follow the first three steps on paper: from which w and b, and with which gradient, does each start? (section 5)"
)
COUNT = "Count the losses: one before the first step, then one after each, each of the w and b as they are then."
MEAN = "Read the loss again, factor by factor: 1/(2n) of the summed squares (section 5)."
SHAPE = "Which shapes do y and Xw + b have? A column minus a row is a table (section 5)."
PLAIN = "What should a list of losses keep of each loss, the number or its whole record? (section 5)"
RETURN = "A function gives back what stands behind return, and nothing else."


# --- mean_square_gradient ------------------------------------------------------------------------------------


@misconception("mean_square_gradient", "the gradient of the sum, not of the mean", SCALAR)
def of_the_sum(x):
    return 2 * x


@misconception("mean_square_gradient", "x/2, which is right for four entries only", SCALAR)
def half_of_x(x):
    return x / 2


@misconception("mean_square_gradient", "the sum is divided by the first size, not by the number of entries", SCALAR)
def over_rows(x):
    x = x.clone().requires_grad_()
    ((x**2).sum() / len(x)).backward()
    return x.grad


@misconception("mean_square_gradient", "the 2 of the square is missing", SCALAR)
def without_two(x):
    return x / x.numel()


@misconception("mean_square_gradient", "the gradient of mean(x), without the square", SCALAR)
def of_the_mean(x):
    x = x.clone().requires_grad_()
    x.mean().backward()
    return x.grad


@misconception("mean_square_gradient", "the square of the mean, not the mean of the squares", SCALAR)
def square_of_mean(x):
    x = x.clone().requires_grad_()
    (x.mean() ** 2).backward()
    return x.grad


@misconception("mean_square_gradient", "z itself is returned, not its gradient", SCALAR)
def value_itself(x):
    return (x**2).mean()


@misconception(
    "mean_square_gradient",
    "nothing was recorded: x isn't watched, or the record is cut before the mean",
    RECORD,
    same_as=("cut_inside",),
)
def not_watched(x):
    z = (x**2).mean()
    z.backward()
    return x.grad


@misconception("mean_square_gradient", "the record is cut before the mean", CUT)
def cut_inside(x):
    x = x.clone().requires_grad_()
    z = (x.detach() ** 2).mean()
    z.backward()
    return x.grad


@misconception("mean_square_gradient", "backward of a tensor that isn't a single number", SCALAR)
def backward_of_many(x):
    x = x.clone().requires_grad_()
    (x**2).backward()
    return x.grad


@misconception("mean_square_gradient", "the caller's x is watched from now on, and keeps a gradient", YOURS)
def watches_callers(x):
    x.requires_grad_()
    (x**2).mean().backward()
    return x.grad


@misconception(
    "mean_square_gradient",
    "what comes back is None: the gradient isn't returned, or is read off a tensor that isn't watched",
    YOURS,
)
def grad_of_the_other(x):
    watched = x.detach().clone().requires_grad_()
    (watched**2).mean().backward()
    return x.grad


@misconception("mean_square_gradient", "only the caller's flag is put back, and its gradient stays", YOURS)
def leaves_gradient(x):
    x.requires_grad_()
    (x**2).mean().backward()
    gradient = x.grad.clone()
    x.requires_grad_(False)
    return gradient


@misconception("mean_square_gradient", "nothing is returned: printing shows a result, and gives nothing back", RETURN)
def mean_square_printed(x):
    print(2 * x / x.numel())


# --- gradient_of ---------------------------------------------------------------------------------------------


@misconception("gradient_of", "f(x) is returned, not its gradient", SCALAR)
def value_of_f(f, x):
    return f(x)


@misconception(
    "gradient_of",
    "nothing was recorded: x isn't watched, or isn't what f was given, or autograd was off",
    RECORD,
    same_as=(
        "under_no_grad",
        "f_of_detached",
    ),
)
def f_not_recorded(f, x):
    f(x).backward()
    return x.grad


@misconception(
    "gradient_of", "the forward pass runs under no_grad: nothing is recorded", RECORD, same_as=("f_of_detached",)
)
def under_no_grad(f, x):
    x = x.clone().requires_grad_()
    with torch.no_grad():
        value = f(x)
    value.backward()
    return x.grad


@misconception("gradient_of", "item() makes a plain number of the value before backward", CUT)
def item_first(f, x):
    x = x.clone().requires_grad_()
    f(x).item().backward()
    return x.grad


@misconception("gradient_of", "f is given a cut copy, so that the watched tensor has no part in its value", CUT)
def f_of_detached(f, x):
    x = x.clone().requires_grad_()
    f(x.detach()).backward()
    return x.grad


@misconception("gradient_of", "the caller's x is watched from now on, and keeps a gradient", YOURS)
def watches_callers_x(f, x):
    x.requires_grad_(True)
    f(x).backward()
    return x.grad


@misconception("gradient_of", "the caller's x keeps the gradient, and at the second call it has doubled", YOURS)
def gradient_stays(f, x):
    x.requires_grad_(True)
    f(x).backward()
    gradient = x.grad.clone()
    x.requires_grad_(False)
    return gradient


@misconception("gradient_of", "the slope is measured with a forward step, not recorded", EXACT)
def forward_step(f, x):
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        nudged = x.clone()
        nudged.view(-1)[i] += 1e-3
        gradient.view(-1)[i] = (f(nudged) - f(x)) / 1e-3
    return gradient


@misconception("gradient_of", "the slopes are measured with small steps, not recorded", EXACT)
def central_steps(f, x):
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        above, below = x.clone(), x.clone()
        above.view(-1)[i] += 1e-2
        below.view(-1)[i] -= 1e-2
        gradient.view(-1)[i] = (f(above) - f(below)) / 2e-2
    return gradient


@misconception("gradient_of", "the slopes are summed to a single number", "x has many entries, each with its slope.")
def slopes_summed(f, x):
    x = x.clone().requires_grad_()
    f(x).backward()
    return x.grad.sum()


@misconception("gradient_of", "the sign is flipped", SCALAR)
def gradient_flipped(f, x):
    x = x.clone().requires_grad_()
    (-f(x)).backward()
    return x.grad


@misconception("gradient_of", "backward runs twice, and the gradients add up", ADDS)
def backward_twice(f, x):
    x = x.clone().requires_grad_()
    f(x).backward()
    f(x).backward()
    return x.grad


@misconception("gradient_of", "the same record is used twice, though it is gone after the first time", ADDS)
def record_used_twice(f, x):
    x = x.clone().requires_grad_()
    value = f(x)
    value.backward()
    value.backward()
    return x.grad


@misconception("gradient_of", "the gradient is scaled to unit length", "How steep a slope is, is half of the answer.")
def unit_length(f, x):
    x = x.clone().requires_grad_()
    f(x).backward()
    return x.grad / x.grad.norm()


@misconception("gradient_of", "the gradient carries a record of its own", CUT)
def with_graph(f, x):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(x), x, create_graph=True)
    return gradient + 0 * x


@misconception(
    "gradient_of", "torch.autograd.grad gives a tuple, and the tuple is returned", "Look at what comes back."
)
def as_tuple(f, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x), x)


@misconception("gradient_of", "the tensor is returned, not its gradient", SCALAR)
def tensor_returned(f, x):
    x = x.clone().requires_grad_()
    f(x).backward()
    return x.detach()


# --- accumulate_gradients ------------------------------------------------------------------------------------


@misconception("accumulate_gradients", "what stood in .grad before is never cleared", ADDS)
def never_cleared(model, criterion, batches):
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()


@misconception("accumulate_gradients", "the gradients are cleared before every batch: only the last one is left", ADDS)
def cleared_each_batch(model, criterion, batches):
    for inputs, targets in batches:
        model.zero_grad()
        criterion(model(inputs), targets).backward()


@misconception("accumulate_gradients", "the gradients are cleared at the end", ADDS)
def cleared_at_end(model, criterion, batches):
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()
    model.zero_grad()


@misconception("accumulate_gradients", "the gradients are averaged over the batches", EACH)
def averaged(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        (criterion(model(inputs), targets) / len(batches)).backward()


@misconception("accumulate_gradients", "each batch is weighted by its size", LOSS)
def weighted(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        (criterion(model(inputs), targets) * len(inputs)).backward()


@misconception("accumulate_gradients", "all batches are joined to a single one", EACH)
def joined(model, criterion, batches):
    model.zero_grad()
    inputs = torch.cat([x for x, _ in batches])
    targets = torch.cat([y for _, y in batches])
    criterion(model(inputs), targets).backward()


@misconception("accumulate_gradients", "only the first batch counts", EACH)
def first_batch(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()
        return


@misconception("accumulate_gradients", "backward runs once, behind the loop, on the last loss", EACH)
def last_loss(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        loss = criterion(model(inputs), targets)
    loss.backward()


@misconception("accumulate_gradients", "the weights are moved as well", "Which function of this problem set steps?")
def steps_too(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad


@misconception("accumulate_gradients", "the gradients are computed in a copy of the model", "Whose .grad is asked for?")
def in_a_copy(model, criterion, batches):
    twin = copy.deepcopy(model)
    twin.zero_grad()
    for inputs, targets in batches:
        criterion(twin(inputs), targets).backward()


@misconception("accumulate_gradients", "the sign is flipped", LOSS)
def sum_flipped(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        (-criterion(model(inputs), targets)).backward()


@misconception(
    "accumulate_gradients", "there is no backward at all", "What makes a gradient out of a loss? (section 1)"
)
def no_backward(model, criterion, batches):
    model.zero_grad()
    total = 0.0
    for inputs, targets in batches:
        total += criterion(model(inputs), targets)


@misconception("accumulate_gradients", "the forward passes run under no_grad", RECORD)
def passes_unrecorded(model, criterion, batches):
    model.zero_grad()
    with torch.no_grad():
        losses = [criterion(model(inputs), targets) for inputs, targets in batches]
    sum(losses).backward()


@misconception("accumulate_gradients", "a criterion of its own, not the one that was given", LOSS)
def own_criterion(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        ((model(inputs) - targets) ** 2).sum().backward()


@misconception("accumulate_gradients", "only the weights are cleared, not the biases", ADDS)
def biases_not_cleared(model, criterion, batches):
    for name, p in model.named_parameters():
        if "weight" in name:
            p.grad = None
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()


@misconception("accumulate_gradients", "the gradients are returned", "What does the docstring say about a result?")
def gradients_returned(model, criterion, batches):
    model.zero_grad()
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()
    return [p.grad for p in model.parameters()]


@misconception(
    "accumulate_gradients", "the sum of the losses is returned", "What does the docstring say about a result?"
)
def losses_returned(model, criterion, batches):
    model.zero_grad()
    total = 0.0
    for inputs, targets in batches:
        loss = criterion(model(inputs), targets)
        loss.backward()
        total += loss.item()
    return total


@misconception("accumulate_gradients", "inputs and targets are swapped", EACH)
def swapped(model, criterion, batches):
    model.zero_grad()
    for targets, inputs in batches:
        criterion(model(inputs), targets).backward()


# --- sgd_step ------------------------------------------------------------------------------------------------


@misconception("sgd_step", "the step goes uphill", DOWNHILL, also=("test_fit_linear",))
def uphill(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p += lr * p.grad
                p.grad = None


@misconception("sgd_step", "the learning rate is left out", DOWNHILL)
def without_rate(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= p.grad
                p.grad = None


@misconception("sgd_step", "the gradient is divided by the learning rate", DOWNHILL)
def divided_by_rate(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= p.grad / lr
                p.grad = None


@misconception("sgd_step", "the learning rate counts twice", DOWNHILL)
def rate_squared(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * lr * p.grad
                p.grad = None


@misconception("sgd_step", "the learning rate is a number of its own, not the argument", DOWNHILL)
def fixed_rate(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= 0.01 * p.grad
                p.grad = None


@misconception("sgd_step", "only the direction of each gradient counts, not its size", DOWNHILL)
def sign_only(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad.sign()
                p.grad = None


@misconception("sgd_step", "the step replaces the parameter, which it should change", DOWNHILL)
def step_assigned(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p.copy_(-lr * p.grad)
                p.grad = None


@misconception(
    "sgd_step",
    "a new tensor gets the name p; the parameter stays as it was, with its gradient",
    UNRECORDED,
    same_as=("rebound_recorded",),
)
def rebound(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p = p - lr * p.grad


@misconception("sgd_step", "a new tensor is bound, and the gradient that is cleared is the new tensor's", UNRECORDED)
def rebound_recorded(parameters, lr):
    for p in parameters:
        if p.grad is not None:
            p = p - lr * p.grad
            p.grad = None


@misconception("sgd_step", "changed in place where autograd still records", UNRECORDED)
def in_place_recorded(parameters, lr):
    for p in parameters:
        if p.grad is not None:
            p -= lr * p.grad
            p.grad = None


@misconception("sgd_step", "the gradients are never cleared", CLEARED)
def not_cleared(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad


@misconception("sgd_step", "the gradients are cleared before the step", CLEARED)
def cleared_first(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            p.grad = None
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad


@misconception("sgd_step", "only the last parameter's gradient is cleared: the line stands behind the loop", CLEARED)
def last_cleared(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
    p.grad = None


@misconception(
    "sgd_step",
    "a second loop over a generator: it has run out, and nothing is cleared",
    "What is left of model.parameters() after one loop over it? (section 4)",
)
def second_loop(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
    for p in parameters:
        p.grad = None


@misconception("sgd_step", "a parameter without a gradient isn't thought of", NONE)
def none_forgotten(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad
            p.grad = None


@misconception("sgd_step", "the loop ends at the first parameter without a gradient", NONE)
def stops_at_none(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is None:
                break
            p -= lr * p.grad
            p.grad = None


@misconception("sgd_step", "only the first parameter is stepped: a return stands in the loop", NONE)
def first_only(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad = None
                return


@misconception("sgd_step", "the parameters stop being watched", UNRECORDED, also=("test_fit_linear",))
def unwatched(parameters, lr):
    for p in parameters:
        if p.grad is not None:
            p.requires_grad_(False)
            p -= lr * p.grad
            p.grad = None


@misconception("sgd_step", "autograd is switched off and stays off", UNRECORDED, also=("test_fit_linear",))
def switched_off(parameters, lr):
    torch.set_grad_enabled(False)
    for p in parameters:
        if p.grad is not None:
            p -= lr * p.grad
            p.grad = None


@misconception("sgd_step", "the parameters are returned", "What does the docstring say about a result?")
def parameters_returned(parameters, lr):
    parameters = list(parameters)
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad = None
    return parameters


@misconception("sgd_step", "the gradients are doubled with every step: they are added to, not cleared", CLEARED)
def gradient_changed(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p.grad *= lr
                p -= p.grad


@misconception(
    "sgd_step", "0 is put where a gradient stands: a number, not a tensor", CLEARED, also=("test_fit_linear",)
)
def zero_assigned(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad = 0


# --- freeze_layers -------------------------------------------------------------------------------------------


@misconception("freeze_layers", "the layers that aren't named stay as they were", THAW)
def never_thaws(model, names):
    for name, child in model.named_children():
        if name in names:
            child.requires_grad_(False)


@misconception("freeze_layers", "the named layers are the only ones that learn", NAMES)
def the_others(model, names):
    for name, child in model.named_children():
        child.requires_grad_(name in names)


@misconception("freeze_layers", "everything is frozen", NAMES)
def everything(model, names):
    for p in model.parameters():
        p.requires_grad_(False)


@misconception("freeze_layers", "only the weights are frozen, the biases still learn", NAMES)
def weights_only(model, names):
    for name, child in model.named_children():
        for kind, p in child.named_parameters():
            p.requires_grad_(not (name in names and "weight" in kind))


@misconception("freeze_layers", "only the biases are frozen", NAMES)
def biases_only(model, names):
    for name, child in model.named_children():
        for kind, p in child.named_parameters():
            p.requires_grad_(not (name in names and "bias" in kind))


@misconception(
    "freeze_layers",
    "a flag is set on the layer, which isn't a tensor",
    "Which objects does autograd look at, modules or tensors? (section 6)",
)
def flag_on_layer(model, names):
    for name, child in model.named_children():
        child.requires_grad = name not in names


@misconception("freeze_layers", "a parameter's whole name is looked up among the layers' names", NAMES)
def whole_names(model, names):
    for name, p in model.named_parameters():
        p.requires_grad_(name not in names)


@misconception("freeze_layers", "only the first of the names is frozen", NAMES)
def first_name_only(model, names):
    for name, child in model.named_children():
        child.requires_grad_(name != (names[0] if names else None))


@misconception("freeze_layers", "only the last of the names is frozen: each name thaws the ones before", NAMES)
def last_name_only(model, names):
    for p in model.parameters():
        p.requires_grad_(True)
    for wanted in names:
        for name, child in model.named_children():
            child.requires_grad_(name != wanted)


@misconception(
    "freeze_layers", "a named layer is set to evaluation mode", "Modes and gradients are two things (section 6)."
)
def evaluation_mode(model, names):
    for name, child in model.named_children():
        child.train(name not in names)


@misconception("freeze_layers", "the gradients are cleared, the flags stay", NAMES)
def gradients_cleared(model, names):
    for name, child in model.named_children():
        if name in names:
            child.zero_grad()


@misconception("freeze_layers", "a copy of the model is frozen", "The docstring says: in place.")
def copy_frozen(model, names):
    model = copy.deepcopy(model)
    for name, child in model.named_children():
        child.requires_grad_(name not in names)


@misconception(
    "freeze_layers", "the weights are set to 0", "Frozen is to keep one's value, not to lose it (section 6)."
)
def set_to_zero(model, names):
    for name, child in model.named_children():
        child.requires_grad_(name not in names)
        if name in names:
            with torch.no_grad():
                for p in child.parameters():
                    p.zero_()


@misconception("freeze_layers", "a name that a layer's name begins with counts as well", NAMES)
def beginnings(model, names):
    for p in model.parameters():
        p.requires_grad_(True)
    for name, child in model.named_children():
        if any(name.startswith(wanted) for wanted in names):
            child.requires_grad_(False)


# --- fit_linear ----------------------------------------------------------------------------------------------


def fit(X, y, w0, b0, lr, n_steps, loss, step=None):
    """A descent with another loss, or another step: `step` gets its number, the parameters, and the rate."""
    w, b = w0.detach().clone().requires_grad_(), b0.detach().clone().requires_grad_()
    losses = [loss(y, X @ w + b).item()]
    for t in range(n_steps):
        loss(y, X @ w + b).backward()
        if step is None:
            sgd_step([w, b], lr)
        else:
            step(t, w, b, lr)
        losses.append(loss(y, X @ w + b).item())
    return w.detach(), b.detach(), losses


def right_loss(y, y_hat):
    return ((y - y_hat) ** 2).sum() / (2 * len(y))


@misconception("fit_linear", "the loss has no factor ½: the mean of the squares", MEAN)
def mean_squares(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, lambda y, y_hat: ((y - y_hat) ** 2).mean())


@misconception("fit_linear", "the squares are summed, not averaged", MEAN)
def summed(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, lambda y, y_hat: ((y - y_hat) ** 2).sum() / 2)


@misconception("fit_linear", "the squares are summed, without the ½", MEAN)
def plain_sum(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, lambda y, y_hat: ((y - y_hat) ** 2).sum())


@misconception("fit_linear", "absolute errors stand in for squared ones", MEAN)
def absolute(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, lambda y, y_hat: (y - y_hat).abs().mean())


@misconception("fit_linear", "y as a column minus the predictions as a row: a table of differences", SHAPE)
def broadcast(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, lambda y, y_hat: ((y.view(-1, 1) - y_hat) ** 2).mean() / 2)


@misconception("fit_linear", "the returned losses have no factor ½, the steps are right", MEAN)
def losses_doubled(X, y, w0, b0, lr, n_steps):
    w, b, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return w, b, [2 * loss for loss in losses]


@misconception("fit_linear", "the bias never moves", DESCENT)
def bias_stays(X, y, w0, b0, lr, n_steps):
    def step(t, w, b, lr):
        b.grad = None
        sgd_step([w], lr)

    return fit(X, y, w0, b0, lr, n_steps, right_loss, step)


@misconception("fit_linear", "the bias is left out of the prediction", DESCENT)
def without_bias(X, y, w0, b0, lr, n_steps):
    w = w0.detach().clone().requires_grad_()
    losses = [right_loss(y, X @ w).item()]
    for _ in range(n_steps):
        right_loss(y, X @ w).backward()
        sgd_step([w], lr)
        losses.append(right_loss(y, X @ w).item())
    return w.detach(), b0.clone(), losses


@misconception("fit_linear", "the gradients are never cleared: they add up from step to step", CLEARED)
def gradients_add_up(X, y, w0, b0, lr, n_steps):
    def step(t, w, b, lr):
        with torch.no_grad():
            for p in (w, b):
                p -= lr * p.grad

    return fit(X, y, w0, b0, lr, n_steps, right_loss, step)


@misconception("fit_linear", "only the gradient of w is cleared", CLEARED)
def bias_not_cleared(X, y, w0, b0, lr, n_steps):
    def step(t, w, b, lr):
        with torch.no_grad():
            for p in (w, b):
                p -= lr * p.grad
        w.grad = None

    return fit(X, y, w0, b0, lr, n_steps, right_loss, step)


@misconception("fit_linear", "the steps go uphill", DOWNHILL)
def fit_uphill(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, right_loss, lambda t, w, b, lr: sgd_step([w, b], -lr))


@misconception("fit_linear", "the learning rate is left out", DOWNHILL)
def fit_without_rate(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, right_loss, lambda t, w, b, lr: sgd_step([w, b], 1.0))


@misconception("fit_linear", "the learning rate is a number of its own, not the argument", DOWNHILL)
def fit_fixed_rate(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, right_loss, lambda t, w, b, lr: sgd_step([w, b], 0.01))


@misconception("fit_linear", "the learning rate shrinks from step to step", DOWNHILL)
def fit_rate_shrinks(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, right_loss, lambda t, w, b, lr: sgd_step([w, b], lr / (t + 1)))


@misconception("fit_linear", "the step is taken twice", DESCENT)
def stepped_twice(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, right_loss, lambda t, w, b, lr: sgd_step([w, b], 2 * lr))


@misconception("fit_linear", "the bias is stepped with a loss at the new w", DESCENT)
def one_after_the_other(X, y, w0, b0, lr, n_steps):
    w, b = w0.detach().clone().requires_grad_(), b0.detach().clone().requires_grad_()
    losses = [right_loss(y, X @ w + b).item()]
    for _ in range(n_steps):
        right_loss(y, X @ w + b).backward()
        sgd_step([w], lr)
        b.grad = None
        right_loss(y, X @ w + b).backward()
        sgd_step([b], lr)
        w.grad = None
        losses.append(right_loss(y, X @ w + b).item())
    return w.detach(), b.detach(), losses


@misconception("fit_linear", "the descent begins at 0, not at w0 and b0", DESCENT)
def begins_at_zero(X, y, w0, b0, lr, n_steps):
    return fit(X, y, torch.zeros_like(w0), torch.zeros_like(b0), lr, n_steps, right_loss)


@misconception("fit_linear", "the descent begins at a random place", DESCENT)
def begins_at_random(X, y, w0, b0, lr, n_steps):
    return fit(X, y, torch.randn_like(w0), torch.randn_like(b0), lr, n_steps, right_loss)


@misconception("fit_linear", "every example makes a step of its own", DESCENT)
def step_per_example(X, y, w0, b0, lr, n_steps):
    w, b = w0.detach().clone().requires_grad_(), b0.detach().clone().requires_grad_()
    losses = [right_loss(y, X @ w + b).item()]
    for _ in range(n_steps):
        for i in range(len(y)):
            right_loss(y[i : i + 1], X[i : i + 1] @ w + b).backward()
            sgd_step([w, b], lr)
        losses.append(right_loss(y, X @ w + b).item())
    return w.detach(), b.detach(), losses


@misconception("fit_linear", "there is a step too few", COUNT)
def step_too_few(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps - 1, right_loss)


@misconception("fit_linear", "there is a step too many", COUNT)
def step_too_many(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps + 1, right_loss)


@misconception("fit_linear", "the loss before the first step is missing", COUNT)
def first_loss_missing(X, y, w0, b0, lr, n_steps):
    w, b, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return w, b, losses[1:]


@misconception("fit_linear", "the loss after the last step is missing", COUNT)
def last_loss_missing(X, y, w0, b0, lr, n_steps):
    w, b, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return w, b, losses[:-1]


@misconception("fit_linear", "each loss is written down before its step: the first stands there twice", COUNT)
def first_loss_twice(X, y, w0, b0, lr, n_steps):
    w, b, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return w, b, [losses[0], *losses[:-1]]


@misconception("fit_linear", "only the last loss is returned", COUNT)
def last_loss_only(X, y, w0, b0, lr, n_steps):
    w, b, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return w, b, losses[-1]


@misconception("fit_linear", "the losses keep their records", PLAIN)
def losses_with_records(X, y, w0, b0, lr, n_steps):
    w, b = w0.detach().clone().requires_grad_(), b0.detach().clone().requires_grad_()
    losses = [right_loss(y, X @ w + b)]
    for _ in range(n_steps):
        right_loss(y, X @ w + b).backward()
        sgd_step([w, b], lr)
        losses.append(right_loss(y, X @ w + b))
    return w.detach(), b.detach(), losses


@misconception("fit_linear", "the caller's w0 and b0 are changed in place", YOURS)
def start_in_place(X, y, w0, b0, lr, n_steps):
    w, b = w0.requires_grad_(), b0.requires_grad_()
    losses = [right_loss(y, X @ w + b).item()]
    for _ in range(n_steps):
        right_loss(y, X @ w + b).backward()
        sgd_step([w, b], lr)
        losses.append(right_loss(y, X @ w + b).item())
    w.requires_grad_(False)
    b.requires_grad_(False)
    return w, b, losses


@misconception(
    "fit_linear",
    "detach shares the numbers: the steps reach the caller's w0 and b0",
    YOURS,
    same_as=("start_in_place",),
)
def detached_only(X, y, w0, b0, lr, n_steps):
    w, b = w0.detach().requires_grad_(), b0.detach().requires_grad_()
    losses = [right_loss(y, X @ w + b).item()]
    for _ in range(n_steps):
        right_loss(y, X @ w + b).backward()
        sgd_step([w, b], lr)
        losses.append(right_loss(y, X @ w + b).item())
    return w.detach(), b.detach(), losses


@misconception("fit_linear", "w and b aren't watched, so that nothing was recorded", RECORD)
def fit_not_watched(X, y, w0, b0, lr, n_steps):
    w, b = w0.clone(), b0.clone()
    losses = [right_loss(y, X @ w + b).item()]
    for _ in range(n_steps):
        right_loss(y, X @ w + b).backward()
        sgd_step([w, b], lr)
        losses.append(right_loss(y, X @ w + b).item())
    return w, b, losses


@misconception("fit_linear", "one recorded loss is used for all steps: its record is gone after the first", CUT)
def one_record(X, y, w0, b0, lr, n_steps):
    w, b = w0.clone().requires_grad_(), b0.clone().requires_grad_()
    loss = right_loss(y, X @ w + b)
    losses = [loss.item()]
    for _ in range(n_steps):
        loss.backward()
        sgd_step([w, b], lr)
        losses.append(loss.item())
    return w.detach(), b.detach(), losses


@misconception("fit_linear", "the starting point is returned, not where the descent ended", DESCENT)
def returns_the_start(X, y, w0, b0, lr, n_steps):
    _, _, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return w0.clone(), b0.clone(), losses


@misconception("fit_linear", "a return inside the loop ends it after one step", "What does return do to a loop?")
def returns_in_loop(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, 1, right_loss)


@misconception("fit_linear", "only w and b are returned", "The docstring names three things to return.")
def without_losses(X, y, w0, b0, lr, n_steps):
    return fit(X, y, w0, b0, lr, n_steps, right_loss)[:2]


@misconception("fit_linear", "the losses come first", "Look at the order in the docstring.")
def losses_first(X, y, w0, b0, lr, n_steps):
    w, b, losses = fit(X, y, w0, b0, lr, n_steps, right_loss)
    return losses, w, b


@misconception("fit_linear", "nothing is returned: printing shows a result, and gives nothing back", RETURN)
def fit_printed(X, y, w0, b0, lr, n_steps):
    print(fit(X, y, w0, b0, lr, n_steps, right_loss))
