"""Unusual right answers to ps4: other ways to take logarithms, to clear, to step, to sum up, to flatten, to count."""

from collections import OrderedDict, deque
from itertools import chain, repeat

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograder.authoring import unusual


@unusual("build_network", "add_module in a loop, ReLUs in place")
def added(input_size=784, hidden_sizes=(128, 64), output_size=10):
    network = nn.Sequential()
    sizes = [input_size, *hidden_sizes]
    for i in range(1, len(sizes)):
        network.add_module(f"fc{i}", nn.Linear(sizes[i - 1], sizes[i]))
        network.add_module(f"relu{i}", nn.ReLU(inplace=True))
    network.add_module("logits", nn.Linear(sizes[-1], output_size))
    return network


@unusual("build_network", "a dictionary comprehension, unpacked")
def comprehended(input_size=784, hidden_sizes=(128, 64), output_size=10):
    sizes = list(zip([input_size, *hidden_sizes], hidden_sizes))
    pairs = [
        pair for i, (a, b) in enumerate(sizes, 1) for pair in ((f"fc{i}", nn.Linear(a, b)), (f"relu{i}", nn.ReLU()))
    ]
    last = hidden_sizes[-1] if len(hidden_sizes) else input_size
    return nn.Sequential(OrderedDict([*pairs, ("logits", nn.Linear(last, output_size))]))


@unusual("build_network", "weights drawn by hand")
def own_weights(input_size=784, hidden_sizes=(128, 64), output_size=10):
    network = nn.Sequential()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        network.add_module(f"fc{i}", nn.Linear(size, hidden))
        network.add_module(f"relu{i}", nn.ReLU())
        size = hidden
    network.add_module("logits", nn.Linear(size, output_size))
    for parameter in network.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_uniform_(parameter, nonlinearity="relu")
    return network


@unusual("cross_entropy", "logsumexp and a one-hot table")
def table(logits, labels):
    n, classes = logits.shape
    right = F.one_hot(labels, classes).to(logits.dtype)
    total = torch.logsumexp(logits, dim=1, keepdim=True)
    loss = (total.squeeze(1) - (logits * right).sum(dim=1)).sum() / n
    return loss.item(), ((logits - total).exp() - right) / n


@unusual("cross_entropy", "image by image, in plain Python")
def image_by_image(logits, labels):
    loss, rows = 0.0, []
    for z, t in zip(logits, labels):
        powers = torch.exp(z - z.max())
        loss += torch.log(powers.sum()) + z.max() - z[t]
        row = powers / powers.sum()
        row[t] -= 1.0
        rows.append(row / len(labels))
    return loss / len(labels), torch.stack(rows)


@unusual("cross_entropy", "in NumPy")
def numpy_entropy(logits, labels):
    z, t = logits.numpy(), labels.numpy()
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    gradient = np.exp(log_p)
    gradient[np.arange(len(t)), t] -= 1
    return -log_p[np.arange(len(t)), t].mean(), gradient / len(t)


@unusual("cross_entropy", "gather and scatter_add_, on a copy")
def gathered(logits, labels):
    column = labels.unsqueeze(1)
    z = logits.clone()
    z -= z.amax(1, True)
    loss = z.exp().sum(1).log().sub(z.gather(1, column).squeeze(1)).mean()
    p = torch.softmax(z, dim=1)
    return [loss, p.scatter_add_(1, column, -torch.ones_like(column, dtype=p.dtype)).div_(len(labels))]


@unusual("cross_entropy", "differences to the right class's logit")
def differences(logits, labels):
    right = logits[torch.arange(len(labels)), labels].view(-1, 1)
    margin = logits - right
    loss = torch.logsumexp(margin, dim=1).mean()
    one_hot = torch.zeros_like(logits).scatter_(1, labels.view(-1, 1), 1.0)
    return loss, (F.softmax(margin, dim=-1) - one_hot) / logits.size(0)


@unusual("train_step", "gradients cleared on the model")
def model_zero_grad(model, images, labels, criterion, optimizer):
    model.zero_grad()
    loss = criterion(model(torch.flatten(images, 1)), labels)
    loss.backward()
    optimizer.step()
    return float(loss)


@unusual("train_step", "gradients cleared before and after, to zeros")
def cleared_twice(model, images, labels, criterion, optimizer):
    optimizer.zero_grad(set_to_none=False)
    loss = criterion(model(images.reshape(len(images), -1)), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return loss.detach()


@unusual("train_step", "steps by hand, driven by the optimizer's groups")
def by_hand(model, images, labels, criterion, optimizer):
    for p in model.parameters():
        p.grad = None
    loss = criterion(model(images.view(images.size(0), -1)), labels)
    loss.backward()
    with torch.no_grad():
        for group in optimizer.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad
    return loss.item()


@unusual("train_step", "a closure for the optimizer")
def closure(model, images, labels, criterion, optimizer):
    def evaluate():
        optimizer.zero_grad()
        loss = criterion(model(images.view(len(images), -1)), labels)
        loss.backward()
        return loss

    return optimizer.step(evaluate).item()


@unusual("train_step", "gradients from torch.autograd.grad")
def functional(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(len(images), -1)), labels)
    parameters = list(model.parameters())
    for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
        p.grad = g
    optimizer.step()
    return np.float32(loss.item())


@unusual("overfit_batch", "while, with the length of the list as counter")
def while_above(model, images, labels, criterion, optimizer, target, max_steps):
    losses = []
    while len(losses) < max_steps and (not losses or losses[-1] >= target):
        losses += [train_step(model, images, labels, criterion, optimizer)]
    return losses


@unusual("overfit_batch", "return in the middle of the loop")
def returns_early(model, images, labels, criterion, optimizer, target, max_steps):
    history = []
    for step in range(1, max_steps + 1):
        history.append(float(train_step(model, images, labels, criterion, optimizer)))
        if history[-1] < target or step == max_steps:
            return history
    return history


@unusual("overfit_batch", "a generator, and takewhile one further")
def generated(model, images, labels, criterion, optimizer, target, max_steps):
    def steps():
        for _ in range(max_steps):
            loss = train_step(model, images, labels, criterion, optimizer)
            yield loss
            if loss < target:
                return

    return np.array(list(steps()))


@unusual("overfit_batch", "a step of its own, with a flag")
def own_step(model, images, labels, criterion, optimizer, target, max_steps):
    flat, losses, learning = images.flatten(start_dim=1), [], True
    while learning and max_steps > 0:
        optimizer.zero_grad()
        loss = criterion(model(flat), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        learning = loss.item() >= target
        max_steps -= 1
    return losses


@unusual("train", "one iterator over all epochs, a queue of losses")
def chained(model, loader, criterion, optimizer, epochs, print_every=40):
    window, means = deque(), []
    for images, labels in chain.from_iterable(repeat(loader, epochs)):
        window.append(train_step(model, images, labels, criterion, optimizer))
        if len(window) == print_every:
            means.append(float(np.mean(window)))
            window.clear()
    return means


@unusual("train", "all losses first, windows afterwards")
def windows_afterwards(model, loader, criterion, optimizer, epochs, print_every=40):
    losses = [train_step(model, x, y, criterion, optimizer) for _ in range(epochs) for x, y in loader]
    full = len(losses) // print_every
    return np.array(losses[: full * print_every]).reshape(full, print_every).mean(axis=1).tolist()


@unusual("train", "a loop of its own, with while and next")
def while_next(model, loader, criterion, optimizer, epochs, print_every=40):
    model.train()
    means, total, count, epoch = [], torch.zeros(()), 0, 0
    batches = iter(loader)
    while epoch < epochs:
        try:
            images, labels = next(batches)
        except StopIteration:
            epoch += 1
            batches = iter(loader)
            continue
        optimizer.zero_grad()
        loss = criterion(model(images.flatten(start_dim=1)), labels)
        loss.backward()
        optimizer.step()
        total += loss.detach()
        count += 1
        if count == print_every:
            means.append(total.item() / count)
            total, count = torch.zeros(()), 0
    return means


@unusual("train", "steps by hand inside the loop")
def loop_by_hand(model, loader, criterion, optimizer, epochs, print_every=40):
    means, window = [], []
    for _ in range(epochs):
        for images, labels in loader:
            model.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.data = p.data - group["lr"] * p.grad
            window = [*window, loss.item()]
            if len(window) == print_every:
                means, window = [*means, sum(window) / print_every], []
    return means


@unusual("diagnose_run", "a chain of questions")
def asked(run):
    if run == "A":
        return "softmax twice"
    elif run == "B":
        return "gradients never cleared"
    elif run == "C":
        return "labels shuffled"
    return "rate too high"


@unusual("diagnose_run", "match")
def matched(run):
    match run:
        case "D":
            cause = "rate too high"
        case "C":
            cause = "labels shuffled"
        case "B":
            cause = "gradients never cleared"
        case _:
            cause = "softmax twice"
    return cause


@unusual("diagnose_run", "by the notebook's list of causes")
def from_the_list(run):
    return CAUSES[[3, 2, 4, 0]["ABCD".index(run)]]


@unusual("diagnose_run", "two lists side by side")
def side_by_side(run):
    runs = ["B", "D", "A", "C"]
    causes = ["gradients never cleared", "rate too high", "softmax twice", "labels shuffled"]
    return next(cause for name, cause in zip(runs, causes) if name == run)


@unusual("predict", "the exponential of log_softmax, in inference mode")
def exp_log(model, images):
    training = model.training
    model.eval()
    with torch.inference_mode():
        result = F.log_softmax(model(images.flatten(1)), dim=-1).exp()
    model.train(training)
    return result


@unusual("predict", "the decorator, and the modes of all layers put back one by one")
@torch.no_grad()
def decorated(model, images):
    modes = [module.training for module in model.modules()]
    probabilities = F.softmax(model.eval()(images.reshape(len(images), -1)), 1)
    for module, mode in zip(model.modules(), modes):
        module.training = mode
    return probabilities


@unusual("predict", "the softmax written out, shifted by its largest logit")
def written_out(model, images):
    mode = model.training
    logits = model.train(False)(images.view(len(images), -1)).detach()
    model.train(mode)
    powers = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return powers / powers.sum(dim=1, keepdim=True)


@unusual("predict", "a Softmax layer, image by image")
def layer(model, images):
    if model.training:
        model.eval()
        try:
            return predict(model, images)
        finally:
            model.train()
    with torch.no_grad():
        rows = [nn.Softmax(dim=1)(model(image.reshape(1, -1))) for image in images]
    return torch.cat(rows)


@unusual("accuracy", "counted in NumPy over all batches at once")
def numpy_counted(model, loader):
    pairs = [(predict(model, images).numpy().argmax(1), labels.numpy()) for images, labels in loader]
    answers, labels = (np.concatenate(part) for part in zip(*pairs))
    return np.mean(answers == labels)


@unusual("accuracy", "logits instead of probabilities, batches weighted by their size")
def weighted(model, loader):
    shares, sizes = [], []
    mode = model.training
    model.eval()
    with torch.no_grad():
        for images, labels in loader:
            answers = model(images.view(len(images), -1)).max(1).indices
            shares.append((answers == labels).float().mean().item())
            sizes.append(len(labels))
    model.train(mode)
    return float(np.average(shares, weights=sizes))


@unusual("accuracy", "divided by the size of the data set")
def by_dataset(model, loader):
    right = 0
    for images, labels in loader:
        right += int(torch.sum(torch.argmax(predict(model, images), dim=1).eq(labels)))
    return right / len(loader.dataset)
