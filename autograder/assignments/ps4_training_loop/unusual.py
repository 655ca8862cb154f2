"""Unusual right answers to ps4: other ways to clear, to step, to sum up, to flatten, to count."""

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
