"""Unusual right answers to ps3: other ways to a gradient, other ways to a step, other types."""

import torch
from torch import nn

from autograder.authoring import unusual

# --- mean_square_gradient ------------------------------------------------------------------------------------


@unusual("mean_square_gradient", "the formula, without autograd")
def formula(x):
    return 2 * x / x.numel()


@unusual("mean_square_gradient", "torch.autograd.grad on a copy")
def by_grad(x):
    leaf = torch.tensor(x.tolist(), requires_grad=True)
    return torch.autograd.grad(leaf.pow(2).mean(), leaf)[0]


@unusual("mean_square_gradient", "by the function that comes next, or torch.func")
def by_func(x):
    return torch.func.grad(lambda v: torch.mean(v * v))(x)


@unusual("mean_square_gradient", "the caller's x is watched for a while and put back")
def put_back(x):
    x.requires_grad_(True)
    torch.mean(x**2).backward()
    gradient = x.grad.clone()
    x.grad = None
    x.requires_grad_(False)
    return gradient


# --- gradient_of ---------------------------------------------------------------------------------------------


@unusual("gradient_of", "torch.autograd.grad")
def grad_of_leaf(f, x):
    leaf = x.clone().detach().requires_grad_()
    (gradient,) = torch.autograd.grad(f(leaf), [leaf])
    return gradient.detach()


@unusual("gradient_of", "the Jacobian of a scalar")
def by_jacobian(f, x):
    return torch.autograd.functional.jacobian(f, x.clone()).detach()


@unusual("gradient_of", "an nn.Parameter, and another loss scaled back")
def by_parameter(f, x):
    p = nn.Parameter(x.clone())
    (4 * f(p)).backward()
    return p.grad / 4


@unusual("gradient_of", "with autograd switched on in any case")
def enabled(f, x):
    with torch.enable_grad():
        leaf = x.detach().clone()
        leaf.requires_grad = True
        value = f(leaf)
        value.backward(torch.ones_like(value))
    return leaf.grad.detach().clone()


# --- accumulate_gradients ------------------------------------------------------------------------------------


@unusual("accumulate_gradients", "one backward of the summed losses")
def summed_losses(model, criterion, batches):
    for p in model.parameters():
        p.grad = None
    sum(criterion(model(x), y) for x, y in batches).backward()


@unusual("accumulate_gradients", "zeros in place, then a loop with an index")
def zeros_in_place(model, criterion, batches):
    model.zero_grad(set_to_none=False)
    batches = list(batches)
    for i in range(len(batches)):
        loss = criterion(model(batches[i][0]), batches[i][1])
        loss.backward()


@unusual("accumulate_gradients", "gradients by torch.autograd.grad, added up by hand")
def added_by_hand(model, criterion, batches):
    parameters = list(model.parameters())
    totals = [torch.zeros_like(p) for p in parameters]
    for inputs, targets in batches:
        for total, gradient in zip(totals, torch.autograd.grad(criterion(model(inputs), targets), parameters)):
            total += gradient
    for p, total in zip(parameters, totals):
        p.grad = total


# --- sgd_step ------------------------------------------------------------------------------------------------


@unusual("sgd_step", "by .data, zeros in place")
def by_data(parameters, lr):
    for p in parameters:
        if p.grad is not None:
            p.data = p.data - lr * p.grad.data
            p.grad.zero_()


@unusual("sgd_step", "torch's own optimizer, made for one step")
def by_optimizer(parameters, lr):
    optimizer = torch.optim.SGD(list(parameters), lr=lr)
    optimizer.step()
    optimizer.zero_grad()


@unusual("sgd_step", "copied in place, decorated")
@torch.no_grad()
def decorated(parameters, lr):
    for p in [q for q in parameters if q.grad is not None]:
        p.copy_(p.sub(p.grad, alpha=lr))
        p.grad = None


@unusual("sgd_step", "the switch turned by hand and back")
def switched(parameters, lr):
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    for p in parameters:
        if p.grad is None:
            continue
        p.add_(p.grad, alpha=-lr)
        p.grad = torch.zeros_like(p)
    torch.set_grad_enabled(before)


# --- freeze_layers -------------------------------------------------------------------------------------------


@unusual("freeze_layers", "by the parameters' own names")
def by_parameter_names(model, names):
    for name, p in model.named_parameters():
        p.requires_grad = name.split(".")[0] not in names


@unusual("freeze_layers", "everything on first, then the named off by getattr")
def by_getattr(model, names):
    for p in model.parameters():
        p.requires_grad = True
    for name in names:
        for p in getattr(model, name).parameters():
            p.requires_grad = False


@unusual("freeze_layers", "a set, and the modules as a dict")
def by_dict(model, names):
    model.requires_grad_(True)
    children = dict(model.named_children())
    for name in set(names) & set(children):
        children[name].requires_grad_(False)


# --- fit_linear ----------------------------------------------------------------------------------------------


@unusual("fit_linear", "nn.Linear and torch's optimizer")
def by_module(X, y, w0, b0, lr, n_steps):
    layer = nn.Linear(X.shape[1], 1)
    with torch.no_grad():
        layer.weight.copy_(w0.view(1, -1))
        layer.bias.copy_(b0.view(1))
    optimizer = torch.optim.SGD(layer.parameters(), lr=lr)
    losses = []
    for step in range(n_steps + 1):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(layer(X).squeeze(1), y) / 2
        losses.append(loss.item())
        if step < n_steps:
            loss.backward()
            optimizer.step()
    return layer.weight.detach()[0], layer.bias.detach()[0], losses


@unusual("fit_linear", "gradients by gradient_of, steps without a record")
def by_gradient_of(X, y, w0, b0, lr, n_steps):
    theta = torch.cat([w0, b0.view(1)])
    ones = torch.cat([X, torch.ones(len(X), 1)], dim=1)

    def loss(theta):
        return ((ones @ theta - y) ** 2).mean() / 2

    losses = [float(loss(theta))]
    for _ in range(n_steps):
        theta = theta - lr * gradient_of(loss, theta)
        losses.append(float(loss(theta)))
    return [theta[:-1], theta[-1], losses]


@unusual("fit_linear", "one loss a round, the last one behind the loop, floats of a tensor")
def last_behind(X, y, w0, b0, lr, n_steps):
    w = torch.nn.Parameter(w0.clone())
    b = torch.nn.Parameter(torch.as_tensor(b0).clone())
    losses = torch.zeros(n_steps + 1)
    for t in range(n_steps):
        error = X.matmul(w).add(b).sub(y)
        loss = error.square().sum() / (2 * X.shape[0])
        losses[t] = loss.detach()
        loss.backward()
        sgd_step(iter([w, b]), lr)
    losses[n_steps] = (X.matmul(w) + b - y).square().sum().detach() / (2 * X.shape[0])
    return w.data, b.data, losses.tolist()
