"""Misconceptions of ps3: what beginners get wrong about recording, adding up, stepping, freezing, and fitting."""

import torch

from autograder.authoring import Misconceptions, also_right

RECORD = "torch records only what is computed from a tensor that it watches (section 1)."
SCALAR = "A gradient says how one number changes with each entry: compare that number with the exercise's (section 1)."
YOURS = "The caller's tensor stays unwatched and without a gradient: work on a tensor of your own (section 2)."
CUT = "Some operations cut the record, and behind the cut there is nothing to differentiate (section 2)."
EXACT = "The record holds the exact slopes of every step: nothing has to be moved and measured (section 2)."
EVERY_ENTRY = "x has many entries, and each has a slope of its own (section 2)."
BARE = "Look at what comes back: the gradient alone is asked for, as a plain tensor (section 2)."
ADDS = (
    "backward adds to what stands in .grad: it must be empty before the first batch, and then not cleared (section 3)."
)
EACH = "Every batch of `batches` counts, once, with the slope of its own loss (section 3)."
LOSS = "The criterion says what a batch costs; leave its value as it is (section 3)."
NO_RESULT = "The gradients stay in the model; the docstring names no result."
DOWNHILL = "The gradient points uphill; the step goes against it, rate times gradient far (section 4)."
UNRECORDED = "A step changes the tensor itself, and leaves no record, since it is no part of the next loss (section 4)."
CLEARED = "After the step every .grad must be empty, or the next backward adds to it (section 4)."
NONE = "Some parameters may have no gradient: they stay, and all others move (section 4)."
GENERATOR = "After one loop over model.parameters(), nothing of it is left for a second one (section 4)."
NEW_TENSOR = "A tensor has a gradient only after backward, and a new tensor made by a step has none (section 4)."
DESCENT = "Write down the first three steps: each starts at the w and b that the one before has reached (section 5)."
COUNT = "Count the losses: one before the first step, then one after each, each of the w and b as they are then (section 5)."
MEAN = "Compare your loss with the formula, factor by factor: 1/(2n) times the summed squares (section 5)."
SHAPE = "Write down the shapes of y and of Xw + b: a column minus a row is a table (section 5)."
PLAIN = "A list of losses needs their numbers only, not their records (section 5)."
THREE = "The docstring names three results, in this order: w, b, losses."
NAMES = "Compare the whole name of each child with `names`: its flag is off if it is there, and on if not (section 6)."
THAW = "A layer may have been frozen before: those that are not named now must learn again (section 6)."
ARGUMENT = "This value is an argument: use the one that the caller gives."
LOOP_ENDS = "A return inside a loop ends the loop and the function at once."
RETURN = "A function gives back what stands behind return; what it prints is only shown."
PRINTED = "nothing is returned"
FITS = ("test_fit_linear",)

wrong = Misconceptions("mean_square_gradient")
wrong("of_the_sum", "the gradient of the sum, not of the mean", SCALAR, {"mean()": "sum()"})
wrong("half_of_x", "x/2, which is right for four entries only", SCALAR, {"copy.grad": "x / 2"})
wrong(
    "over_rows",
    "the sum is divided by the first size, not by the number of entries",
    SCALAR,
    {"(copy**2).mean()": "((copy**2).sum() / len(x))"},
)
wrong("without_two", "the 2 of the square is missing", SCALAR, {"copy.grad": "copy.grad / 2"})
wrong("of_the_mean", "the gradient of mean(x), without the square", SCALAR, {"(copy**2)": "copy"})
wrong(
    "square_of_mean",
    "the square of the mean, not the mean of the squares",
    SCALAR,
    {"(copy**2).mean()": "(copy.mean() ** 2)"},
)
wrong("value_itself", "z itself is returned, not its gradient", SCALAR, {"copy.grad": "(x**2).mean()"})
wrong(
    "not_watched",
    "nothing was recorded: x isn't watched, or the record is cut before the mean",
    RECORD,
    {".requires_grad_(True)": ""},
    same_as=("cut_inside",),
)
wrong("cut_inside", "the record is cut before the mean", CUT, {"copy**2": "copy.detach() ** 2"})
wrong("backward_of_many", "backward of a tensor that isn't a single number", SCALAR, {".mean()": ""})
wrong(
    "watches_callers", "the caller's x is watched from now on, and keeps a gradient", YOURS, {"x.detach().clone()": "x"}
)
wrong(
    "grad_of_the_other",
    "what comes back is None: the gradient isn't returned, or is read off a tensor that isn't watched",
    YOURS,
    {"return copy.grad": "return x.grad"},
)
wrong(
    "leaves_gradient",
    "only the caller's flag is put back, and its gradient stays",
    YOURS,
    {"x.detach().clone()": "x", "return copy.grad": "x.requires_grad_(False)\nreturn x.grad.clone()"},
)
wrong("mean_square_printed", PRINTED, RETURN, {"return copy.grad": "print(copy.grad)"})

wrong = Misconceptions("gradient_of")
wrong("value_of_f", "f(x) is returned, not its gradient", SCALAR, {"f(copy).backward()": "", "copy.grad": "f(x)"})
wrong(
    "f_not_recorded",
    "nothing was recorded: x isn't watched, or isn't what f was given, or autograd was off",
    RECORD,
    {".requires_grad_(True)": ""},
    same_as=("under_no_grad", "f_of_detached"),
)
wrong(
    "under_no_grad",
    "the forward pass runs under no_grad: nothing is recorded",
    RECORD,
    {"f(copy)": "with torch.no_grad():\n    value = f(copy)\nvalue"},
    same_as=("f_of_detached",),
)
wrong("item_first", "item() makes a plain number of the value before backward", CUT, {"f(copy)": "f(copy).item()"})
wrong(
    "f_of_detached",
    "f is given a cut copy, so that the watched tensor has no part in its value",
    CUT,
    {"f(copy)": "f(copy.detach())"},
)
wrong(
    "watches_callers_x",
    "the caller's x is watched from now on, and keeps a gradient",
    YOURS,
    {"x.detach().clone()": "x"},
)
wrong(
    "gradient_stays",
    "the caller's x keeps the gradient, and at the second call it has doubled",
    YOURS,
    {"x.detach().clone()": "x", "return copy.grad": "x.requires_grad_(False)\nreturn x.grad.clone()"},
)
wrong("slopes_summed", "the slopes are summed to a single number", EVERY_ENTRY, {"copy.grad": "copy.grad.sum()"})
wrong(
    "sum_in_every_entry",
    "the sum of all slopes stands in every entry",
    EVERY_ENTRY,
    {"copy.grad": "torch.full_like(x, copy.grad.sum())"},
)
wrong("gradient_flipped", "the sign is flipped", SCALAR, {"f(copy)": "(-f(copy))"})
wrong(
    "backward_twice",
    "backward runs twice, and the gradients add up",
    ADDS,
    {"f(copy).backward()": "f(copy).backward()\nf(copy).backward()"},
)
wrong(
    "record_used_twice",
    "the same record is used twice, though it is gone after the first time",
    "A record can be walked back once: backward frees it (section 2).",
    {"f(copy).backward()": "value = f(copy)\nvalue.backward()\nvalue.backward()"},
)
wrong(
    "unit_length",
    "the gradient is scaled to unit length",
    "A gradient's size says how steep the slope is: it counts as well as the direction (section 2).",
    {"copy.grad": "copy.grad / copy.grad.norm()"},
)
wrong(
    "with_graph",
    "the gradient carries a record of its own",
    CUT,
    {
        "f(copy).backward()": "(gradient,) = torch.autograd.grad(f(copy), copy, create_graph=True)",
        "copy.grad": "gradient + 0 * copy",
    },
)
wrong(
    "as_tuple",
    "torch.autograd.grad gives a tuple, and the tuple is returned",
    BARE,
    {"f(copy).backward()": "", "copy.grad": "torch.autograd.grad(f(copy), copy)"},
)
wrong("tensor_returned", "the tensor is returned, not its gradient", BARE, {"copy.grad": "copy.detach()"})


@wrong("forward_step", "the slope is measured with a forward step, not recorded", EXACT)
def _(f, x):
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        nudged = x.clone()
        nudged.view(-1)[i] += 1e-3
        gradient.view(-1)[i] = (f(nudged) - f(x)) / 1e-3
    return gradient


@wrong("central_steps", "the slopes are measured with small steps, not recorded", EXACT)
def _(f, x):
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        above, below = x.clone(), x.clone()
        above.view(-1)[i] += 1e-2
        below.view(-1)[i] -= 1e-2
        gradient.view(-1)[i] = (f(above) - f(below)) / 2e-2
    return gradient


wrong = Misconceptions("accumulate_gradients")
wrong("never_cleared", "what stood in .grad before is never cleared", ADDS, {"model.zero_grad()": ""})
wrong(
    "cleared_each_batch",
    "the gradients are cleared before every batch: only the last one is left",
    ADDS,
    {"model.zero_grad()": "", "criterion(model": "model.zero_grad()\ncriterion(model"},
)
wrong(
    "averaged",
    "the gradients are averaged over the batches",
    EACH,
    {"criterion(model(inputs), targets)": "(criterion(model(inputs), targets) / len(batches))"},
)
wrong(
    "weighted",
    "each batch is weighted by its size",
    LOSS,
    {"criterion(model(inputs), targets)": "(criterion(model(inputs), targets) * len(inputs))"},
)
wrong("joined", "all batches are joined to a single one", EACH, {"in batches": "in [map(torch.cat, zip(*batches))]"})
wrong("first_batch", "only the first batch counts", EACH, {".backward()": ".backward()\nreturn"})
wrong(
    "in_a_copy",
    "the gradients are computed in a copy of the model",
    "The caller looks at the .grad of the model that it has handed in (section 3).",
    {"model.zero_grad()": "import copy\nmodel = copy.deepcopy(model)\nmodel.zero_grad()"},
)
wrong(
    "sum_flipped",
    "the sign is flipped",
    LOSS,
    {"criterion(model(inputs), targets)": "(-criterion(model(inputs), targets))"},
)
wrong(
    "no_backward",
    "there is no backward at all",
    "A loss by itself changes no gradient: backward computes them (section 1).",
    {".backward()": ""},
)
wrong(
    "passes_unrecorded",
    "the forward passes run under no_grad",
    RECORD,
    {"criterion(model(inputs), targets)": "with torch.no_grad():\n    loss = criterion(model(inputs), targets)\nloss"},
)
wrong(
    "own_criterion",
    "a criterion of its own, not the one that was given",
    LOSS,
    {"criterion(model(inputs), targets)": "((model(inputs) - targets) ** 2).sum()"},
)
wrong(
    "biases_not_cleared",
    "only the weights are cleared, not the biases",
    ADDS,
    {
        "model.zero_grad()": """
            for name, p in model.named_parameters():
                p.grad = None if "weight" in name else p.grad
        """
    },
)
wrong("swapped", "inputs and targets are swapped", EACH, {"inputs, targets in": "targets, inputs in"})
AT_THE_END = """
    for inputs, targets in batches:
        criterion(model(inputs), targets).backward()
"""
wrong(
    "cleared_at_end",
    "the gradients are cleared at the end",
    ADDS,
    {"model.zero_grad()": "", AT_THE_END: AT_THE_END + "    model.zero_grad()"},
)
wrong(
    "steps_too",
    "the weights are moved as well",
    "This function leaves gradients alone; another one of this problem set takes the step (section 4).",
    {
        AT_THE_END: AT_THE_END
        + "    with torch.no_grad():\n        for p in model.parameters():\n            p -= 0.1 * p.grad"
    },
)
wrong(
    "gradients_returned",
    "the gradients are returned",
    NO_RESULT,
    {AT_THE_END: AT_THE_END + "    return [p.grad for p in model.parameters()]"},
)
wrong(
    "last_loss",
    "backward runs once, behind the loop, on the last loss",
    EACH,
    {
        AT_THE_END: """
            for inputs, targets in batches:
                loss = criterion(model(inputs), targets)
            loss.backward()
        """
    },
)
wrong(
    "losses_returned",
    "the sum of the losses is returned",
    NO_RESULT,
    {
        AT_THE_END: """
            total = 0.0
            for inputs, targets in batches:
                loss = criterion(model(inputs), targets)
                loss.backward()
                total += loss.item()
            return total
        """
    },
)

wrong = Misconceptions("sgd_step")
wrong("uphill", "the step goes uphill", DOWNHILL, {"p -=": "p +="}, also=FITS)
wrong("without_rate", "the learning rate is left out", DOWNHILL, {"lr * ": ""})
wrong("divided_by_rate", "the gradient is divided by the learning rate", DOWNHILL, {"lr * p.grad": "p.grad / lr"})
wrong("rate_squared", "the learning rate counts twice", DOWNHILL, {"lr *": "lr * lr *"})
wrong("fixed_rate", "the learning rate is a number of its own, not the argument", ARGUMENT, {"lr *": "0.01 *"})
wrong(
    "sign_only", "only the direction of each gradient counts, not its size", DOWNHILL, {"* p.grad": "* p.grad.sign()"}
)
wrong(
    "step_assigned",
    "the step replaces the parameter, which it should change",
    DOWNHILL,
    {"p -= lr * p.grad": "p.copy_(-lr * p.grad)"},
)
wrong(
    "rebound",
    "a new tensor gets the name p; the parameter stays as it was, with its gradient",
    UNRECORDED,
    {"p -= lr * p.grad": "p = p - lr * p.grad", "p.grad = None": ""},
    same_as=("rebound_recorded",),
)
wrong(
    "rebound_zeroed",
    "a new tensor gets the name p, and the gradient that is set to zero is the new tensor's, which has none",
    NEW_TENSOR,
    {"p -= lr * p.grad": "p = p - lr * p.grad", "p.grad = None": "p.grad.zero_()"},
)
wrong("not_cleared", "the gradients are never cleared", CLEARED, {"p.grad = None": ""})
wrong(
    "cleared_first",
    "the gradients are cleared before the step",
    CLEARED,
    {"for p in parameters:": "for p in parameters:\n    p.grad = None"},
)
wrong(
    "none_forgotten", "a parameter without a gradient isn't thought of", NONE, {"p.grad is not None": "p.requires_grad"}
)
wrong(
    "stops_at_none",
    "the loop ends at the first parameter without a gradient",
    NONE,
    {"if p": "if p.grad is None:\n    break\nif p"},
)
wrong(
    "first_only",
    "only the first parameter is stepped: a return stands in the loop",
    LOOP_ENDS,
    {"p.grad = None": "p.grad = None\nreturn"},
)
wrong(
    "gradient_changed",
    "each gradient is multiplied by the rate in place, and not cleared",
    CLEARED,
    {"p -= lr * p.grad": "p.grad *= lr\np -= p.grad", "p.grad = None": ""},
)
wrong(
    "zero_assigned",
    "0 is put where a gradient stands: a number, not a tensor",
    CLEARED,
    {"p.grad = None": "p.grad = 0"},
    also=FITS,
)


@also_right("sgd_step", "the numbers are reached through .data")
def through_data(parameters, lr):
    for p in parameters:
        if p.grad is not None:
            p.data -= lr * p.grad
            p.grad = None


wrong(
    "rebound_recorded",
    "a new tensor is bound, and the gradient that is cleared is the new tensor's",
    UNRECORDED,
    {"p.data -=": "p = p -"},
)
wrong("in_place_recorded", "changed in place where autograd still records", UNRECORDED, {"p.data -=": "p -="})
wrong(
    "unwatched",
    "the parameters stop being watched",
    UNRECORDED,
    {"p.data -=": "p.requires_grad_(False)\np -="},
    also=FITS,
)
wrong(
    "switched_off",
    "autograd is switched off and stays off",
    UNRECORDED,
    {"for p": "torch.set_grad_enabled(False)\nfor p", "p.data": "p"},
    also=FITS,
)


@wrong("last_cleared", "only the last parameter's gradient is cleared: the line stands behind the loop", CLEARED)
def _(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
    p.grad = None


@wrong("second_loop", "a second loop over a generator: it has run out, and nothing is cleared", GENERATOR)
def _(parameters, lr):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
    for p in parameters:
        p.grad = None


@wrong(
    "parameters_returned", "the parameters are returned", "The step happens in place; the docstring names no result."
)
def _(parameters, lr):
    parameters = list(parameters)
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad = None
    return parameters


wrong = Misconceptions("freeze_layers")
FLAG = "child.requires_grad_(name not in names)"
wrong(
    "never_thaws",
    "the layers that aren't named stay as they were",
    THAW,
    {FLAG: "if name in names:\n    child.requires_grad_(False)"},
)
wrong("the_others", "the named layers are the only ones that learn", NAMES, {"not in": "in"})
wrong("everything", "everything is frozen", NAMES, {"name not in names": "False"})
wrong(
    "weights_only",
    "only the weights are frozen, the biases still learn",
    NAMES,
    {FLAG: "for kind, p in child.named_parameters():\n    p.requires_grad_(name not in names or 'weight' not in kind)"},
)
wrong(
    "biases_only",
    "only the biases are frozen",
    NAMES,
    {FLAG: "for kind, p in child.named_parameters():\n    p.requires_grad_(name not in names or 'bias' not in kind)"},
)
wrong(
    "flag_on_layer",
    "a flag is set on the layer, which isn't a tensor",
    "Autograd looks at the flags of tensors, the layer's parameters, and not of modules (section 6).",
    {FLAG: "child.requires_grad = name not in names"},
)
wrong(
    "whole_names",
    "a parameter's whole name is looked up among the layers' names",
    NAMES,
    {"named_children": "named_parameters"},
)
wrong("first_name_only", "only the first of the names is frozen", NAMES, {"in names)": "in names[:1])"})
wrong(
    "last_name_only",
    "only the last of the names is frozen: each name thaws the ones before",
    NAMES,
    {"in names)": "in names[-1:])"},
)
wrong(
    "evaluation_mode",
    "a named layer is set to evaluation mode",
    "A layer's mode and its parameters' gradients are two different things (section 6).",
    {"requires_grad_": "train"},
)
wrong(
    "gradients_cleared",
    "the gradients are cleared, the flags stay",
    NAMES,
    {FLAG: "if name in names:\n    child.zero_grad()"},
)
wrong(
    "copy_frozen",
    "a copy of the model is frozen",
    "The docstring says that the model itself is changed (section 6).",
    {"for name": "import copy\nmodel = copy.deepcopy(model)\nfor name"},
)
wrong(
    "set_to_zero",
    "the weights are set to 0",
    "A frozen layer keeps its values; it does not lose them (section 6).",
    {FLAG: FLAG + "\nfor p in child.parameters():\n    p.data *= name not in names"},
)
wrong(
    "beginnings",
    "a name that a layer's name begins with counts as well",
    NAMES,
    {"name not in names": "not any(name.startswith(other) for other in names)"},
)

wrong = Misconceptions("fit_linear")
wrong("mean_squares", "the loss has no factor ½: the mean of the squares", MEAN, {".sum() / (2 * len(y))": ".mean()"})
wrong("summed", "the squares are summed, not averaged", MEAN, {"(2 * len(y))": "2"})
wrong("plain_sum", "the squares are summed, without the ½", MEAN, {" / (2 * len(y))": ""})
wrong(
    "absolute",
    "absolute errors stand where squared ones belong",
    MEAN,
    {" ** 2).sum() / (2 * len(y))": ").abs().mean()"},
)
wrong(
    "broadcast",
    "y as a column minus the predictions as a row: a table of differences",
    SHAPE,
    {"(y - (": "(y.view(-1, 1) - (", ".sum() / (2 * len(y))": ".mean() / 2"},
)
wrong(
    "losses_doubled",
    "the returned losses have no factor ½, the steps are right",
    MEAN,
    {"[loss_now": "[2 * loss_now", "append(loss_now": "append(2 * loss_now"},
)
wrong("bias_stays", "the bias never moves", DESCENT, {"sgd_step([w, b], lr)": "sgd_step([w], lr)\nb.grad = None"})
wrong("without_bias", "the bias is left out of the prediction", DESCENT, {"X @ w + b": "X @ w"})
wrong(
    "gradients_add_up",
    "the gradients are never cleared: they add up from step to step",
    CLEARED,
    {
        "loss_now().backward()": "loss_now().backward()\nsums = w.grad.clone(), b.grad.clone()",
        "losses.append(": "w.grad, b.grad = sums\nlosses.append(",
    },
)
wrong(
    "bias_not_cleared",
    "only the gradient of w is cleared",
    CLEARED,
    {
        "loss_now().backward()": "loss_now().backward()\nsums = b.grad.clone()",
        "losses.append(": "b.grad = sums\nlosses.append(",
    },
)
wrong(
    "zeroed_too_early",
    "a gradient is set to zero that isn't there: before the first backward, or on a new w or b",
    NEW_TENSOR,
    {"loss_now().backward()": "w.grad.zero_()\nb.grad.zero_()\nloss_now().backward()"},
    same_as=("rebound_zeroed",),
)
wrong(
    "rebound_zeroed",
    "the step makes a new w and b, and these have no gradient that could be set to zero",
    NEW_TENSOR,
    {
        "sgd_step([w, b], lr)": """
            w = w - lr * w.grad
            b = b - lr * b.grad
            w.grad.zero_()
            b.grad.zero_()
        """
    },
)
wrong("fit_uphill", "the steps go uphill", DOWNHILL, {"b], lr": "b], -lr"})
wrong("fit_without_rate", "the learning rate is left out", DOWNHILL, {"b], lr": "b], 1.0"})
wrong("fit_fixed_rate", "the learning rate is a number of its own, not the argument", ARGUMENT, {"b], lr": "b], 0.01"})
wrong(
    "fit_rate_shrinks",
    "the learning rate shrinks from step to step",
    DOWNHILL,
    {"for _": "for t", "b], lr": "b], lr / (t + 1)"},
)
wrong("stepped_twice", "the step is taken twice", DESCENT, {"b], lr": "b], 2 * lr"})
wrong(
    "one_after_the_other",
    "the bias is stepped with a loss at the new w",
    DESCENT,
    {
        "sgd_step([w, b], lr)": """
            sgd_step([w], lr)
            b.grad = None
            loss_now().backward()
            w.grad = None
            sgd_step([b], lr)
        """
    },
)
wrong(
    "begins_at_zero",
    "the descent begins at 0, not at w0 and b0",
    DESCENT,
    {"torch.as_tensor(w0)": "torch.zeros_like(w0)", "torch.as_tensor(b0, dtype=w.dtype)": "torch.zeros_like(b0)"},
)
wrong(
    "begins_at_random",
    "the descent begins at a random place",
    DESCENT,
    {"torch.as_tensor(w0)": "torch.randn_like(w0)", "torch.as_tensor(b0, dtype=w.dtype)": "torch.randn_like(b0)"},
)
wrong(
    "step_per_example",
    "every example makes a step of its own",
    DESCENT,
    {
        "loss_now().backward()\nsgd_step([w, b], lr)": """
            for i in range(len(y)):
                ((y[i] - (X[i] @ w + b)) ** 2 / 2).sum().backward()
                sgd_step([w, b], lr)
        """
    },
)
wrong("step_too_few", "there is a step too few", COUNT, {"(n_steps)": "(n_steps - 1)"})
wrong("step_too_many", "there is a step too many", COUNT, {"(n_steps)": "(n_steps + 1)"})
wrong("first_loss_missing", "the loss before the first step is missing", COUNT, {"[loss_now().item()]": "[]"})
wrong("last_loss_missing", "the loss after the last step is missing", COUNT, {"(), losses": "(), losses[:-1]"})
wrong(
    "first_loss_twice",
    "each loss is recorded before its step: the first stands there twice",
    COUNT,
    {
        "losses.append(loss_now().item())": "",
        "loss_now().backward()": "losses.append(loss_now().item())\nloss_now().backward()",
    },
)
wrong("last_loss_only", "only the last loss is returned", COUNT, {"(), losses": "(), losses[-1]"})
wrong(
    "losses_with_records",
    "the losses keep their records",
    PLAIN,
    {"[loss_now().item()]": "[loss_now()]", "append(loss_now().item())": "append(loss_now())"},
)
wrong(
    "start_in_place",
    "the caller's w0 and b0 are changed in place",
    YOURS,
    {
        "torch.as_tensor(w0).detach().clone()": "w0",
        "torch.as_tensor(b0, dtype=w.dtype).detach().clone()": "b0",
        "return w": "w.requires_grad_(False)\nb.requires_grad_(False)\nreturn w",
    },
)
wrong(
    "detached_only",
    "detach shares the numbers: the steps reach the caller's w0 and b0",
    YOURS,
    {"(w0).detach().clone()": "(w0).detach()", "dtype).detach().clone()": "dtype).detach()"},
    same_as=("start_in_place",),
)
wrong(
    "fit_not_watched",
    "w and b aren't watched, so that nothing was recorded",
    RECORD,
    {
        "(w0).detach().clone().requires_grad_(True)": "(w0).detach().clone()",
        "dtype).detach().clone().requires_grad_(True)": "dtype).detach().clone()",
    },
)
wrong(
    "one_record",
    "one recorded loss is used for all steps: its record is gone after the first",
    CUT,
    {
        "losses = [loss_now().item()]": "loss = loss_now()\nlosses = [loss.item()]",
        "loss_now().backward()": "loss.backward()",
        "append(loss_now().item())": "append(loss.item())",
    },
)
wrong(
    "returns_the_start",
    "the starting point is returned, not where the descent ended",
    DESCENT,
    {"return w.detach(), b.detach()": "return w0.clone(), b0.clone()"},
)
wrong("returns_in_loop", "a return inside the loop ends it after one step", LOOP_ENDS, {"return w": "    return w"})
wrong("without_losses", "only w and b are returned", THREE, {"b.detach(), losses": "b.detach()"})
wrong(
    "losses_first", "the losses come first", THREE, {"w.detach(), b.detach(), losses": "losses, w.detach(), b.detach()"}
)
wrong(
    "fit_printed", PRINTED, RETURN, {"return w.detach(), b.detach(), losses": "print(w.detach(), b.detach(), losses)"}
)
