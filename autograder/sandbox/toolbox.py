"""What a hidden test may ask of the process where the student's objects live: build things, read things.

Models, criteria, optimizers and loaders are built there from data and read back as data, so that none of
them ever crosses the wire. Nothing here judges: a tool's answer comes from inside the sandbox, and is
believed no more than a student's return value is.
"""

from __future__ import annotations

import functools
import importlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from autograder.sandbox import known, watching

_TOOLS: dict[str, Callable[..., object]] = {}


F = TypeVar("F", bound=Callable[..., object])


def _tool(function: F) -> F:
    _TOOLS[function.__name__] = function
    return function


def use(name: str, arguments: Sequence[Any], keywords: dict[str, Any]) -> object:
    """Use the tool `name`.

    Raises:
        LookupError: there is no such tool.
    """
    if name not in _TOOLS:
        raise LookupError(f"no tool is called {name}")
    return _TOOLS[name](*arguments, **keywords)


@_tool
def network(layers: Sequence[Sequence[Any]], weights: dict[str, Any] | None = None) -> Any:
    """An `nn.Sequential` of named layers.

    Args:
        layers: one `(name, class in torch.nn, keyword arguments)` for each layer.
        weights: parameters by name (`fc1.weight`), tensors of the parameters' shapes.
    """
    from torch import nn

    with _no_first_weights() if weights is not None else nullcontext():
        model = nn.Sequential(OrderedDict((name, getattr(nn, kind)(**keywords)) for name, kind, keywords in layers))
    if weights is not None:
        _fill(model, weights)
    model.register_forward_pre_hook(watching.forward)
    return model


@contextmanager
def _no_first_weights() -> Iterator[None]:
    """Linear layers made inside draw no random weights: to draw them takes longer than all else about a network."""
    from torch import nn

    before = nn.Linear.reset_parameters
    nn.Linear.reset_parameters = lambda self: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Linear.reset_parameters = before  # type: ignore[method-assign]


def _fill(model: Any, weights: dict[str, Any]) -> None:
    """Put `weights` into a new model. `load_state_dict` does the same and takes five times as long."""
    import torch

    kind = next(iter(weights.values())).dtype
    if kind != torch.get_default_dtype():
        model.to(kind)
    places = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    if {name: place.shape for name, place in places.items()} != {name: value.shape for name, value in weights.items()}:
        raise ValueError("these weights don't fit these layers")
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(weights[name])


@_tool
def new(path: str, *arguments: Any, **keywords: Any) -> Any:
    """Whatever `path` names (`torch.nn.CrossEntropyLoss`), called with the arguments."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(*arguments, **keywords)


@_tool
def optimizer(model: Any, name: str, rates: dict[str, float] | None = None, **keywords: Any) -> Any:
    """`torch.optim.<name>` over all parameters of `model`.

    Args:
        model: whose parameters it steps.
        name: of the class.
        rates: a learning rate for each child module with parameters, by name: a group of its own for each.
        keywords: of the optimizer.
    """
    import torch

    groups = [{"params": model.get_submodule(child).parameters(), "lr": lr} for child, lr in (rates or {}).items()]
    return getattr(torch.optim, name)(groups or model.parameters(), **keywords)


@_tool
def loader(
    images: Any, labels: Any, batch_size: int, scale: Sequence[float] = (0.0, 1.0), shuffle: bool = False
) -> Any:
    """A `DataLoader`; its last batch is short where `batch_size` doesn't divide the pictures.

    Args:
        images: `(n, …)` float tensor; or uint8 pictures `(n, 28, 28)`, which become normalised `(n, 1, 28, 28)`.
        labels: `(n,)` integers.
        batch_size: pictures a batch.
        scale: mean and standard deviation that uint8 pictures are normalised with.
        shuffle: in another order each time; in the order given, if not.
    """
    import torch
    from torch.utils.data import DataLoader, Dataset

    given = torch.as_tensor(images)
    targets = torch.as_tensor(labels).long()

    class Pictures(Dataset):  # type: ignore[type-arg]
        """Serves a whole batch by one indexing, which is twice as quick as picture by picture."""

        @functools.cached_property
        def tensors(self) -> tuple[Any, Any]:
            return normalised(given, scale), targets

        def __len__(self) -> int:
            return len(targets)

        def __getitem__(self, index: Any) -> tuple[Any, Any]:
            return normalised(given[index], scale), targets[index]

        def __getitems__(self, indices: list[int]) -> tuple[Any, Any]:
            if indices == list(range(indices[0], indices[0] + len(indices))):
                window = slice(indices[0], indices[0] + len(indices))
                return normalised(given[window].clone(), scale), targets[window].clone()
            return normalised(given[indices], scale), targets[indices]

    return DataLoader(Pictures(), batch_size=batch_size, shuffle=shuffle, collate_fn=_as_is)


def _as_is(batch: Any) -> Any:
    return batch


def normalised(images: Any, scale: Sequence[float]) -> Any:
    """uint8 pictures `(…, 28, 28)` as float32 `(…, 1, 28, 28)`, normalised; anything else as a tensor, unchanged."""
    import torch

    tensor = torch.as_tensor(images)
    if tensor.dtype != torch.uint8:
        return tensor
    mean, std = scale
    return tensor.unsqueeze(-3).float().div_(255).sub_(mean).div_(std)


@_tool
def known_outputs(model: Any, classes: Sequence[int], signs: Sequence[str], height: float) -> None:
    """Replace the outputs of `model` by known ones; see `known.known`."""
    known.known(model, classes, signs, height)


@_tool
def record(model: Any) -> dict[str, int]:
    """What has happened to a network with known outputs, see `known.Record`: to explain, never to judge."""
    return dict(model._record.counts)


@_tool
def pass_loader(images: Any, labels: Any, batch_size: int, scale: Sequence[float]) -> Any:
    """A loader whose labels are others in each pass, see `known.passes`; uint8 images are normalised."""
    return known.passes(normalised(images, scale), labels, batch_size)


@_tool
def shuffle_weights(model: Any, seed: int) -> None:
    """Shuffle the entries of each trainable parameter, see `known.shuffled`."""
    known.shuffled(model, seed)


@_tool
def take_steps(model: Any, images: Any, labels: Any, steps: int) -> None:
    """A few steps of gradient descent on all parameters that can be trained, see `known.stepped`."""
    known.stepped(model, images, labels, steps)


@_tool
def weights(model: Any) -> dict[str, Any]:
    """Every parameter's value by name, detached copies."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@_tool
def set_weights(model: Any, values: dict[str, Any]) -> None:
    """Overwrite the parameters of `model` by name."""
    model.load_state_dict(values)


@_tool
def state(model: Any) -> dict[str, Any]:
    """All that a step of training reads or changes: values and gradients by name, what requires gradients, modes."""
    return {
        "values": {name: value.detach().clone() for name, value in model.state_dict().items()},
        "gradients": gradients(model),
        "requires_grad": requires_grad(model),
        "training": {name: bool(module.training) for name, module in model.named_modules()},
    }


@_tool
def set_state(model: Any, state: dict[str, Any]) -> None:
    """Overwrite what `state` tells of a model of the same layers."""
    model.load_state_dict(state["values"])
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(state["requires_grad"][name])
        parameter.grad = state["gradients"][name]
    for name, module in model.named_modules():
        module.training = state["training"][name]


@_tool
def is_callable(thing: Any) -> bool:
    """Whether a handle's object can be called."""
    return callable(thing)


@_tool
def call_function(function: Any, *arguments: Any) -> Any:
    """What `function`, one of the notebook's, returns."""
    return function(*arguments)


@_tool
def value_and_gradient(function: Any, x: Any) -> tuple[Any, Any]:
    """What `function` returns at the tensor `x`, a scalar, and its gradient there, a tensor of x's shape."""
    import torch

    with torch.enable_grad():
        x = x.detach().clone().requires_grad_(True)
        value = function(x)
        (gradient,) = torch.autograd.grad(value, x)
    return value.detach(), gradient


@_tool
def gradients(model: Any) -> dict[str, Any]:
    """Every parameter's `.grad` by name; None where there is none."""
    return {
        name: None if parameter.grad is None else parameter.grad.detach().clone()
        for name, parameter in model.named_parameters()
    }


@_tool
def set_gradients(model: Any, values: dict[str, Any]) -> None:
    """Put gradients into `.grad` by name; None clears."""
    for name, parameter in model.named_parameters():
        parameter.grad = values.get(name)


@_tool
def add_gradients(model: Any, values: dict[str, Any]) -> None:
    """Add to every `.grad` by name, as a backward pass does."""
    for name, parameter in model.named_parameters():
        parameter.grad = values[name] if parameter.grad is None else parameter.grad.detach() + values[name]


@_tool
def backward(model: Any, criterion: Any, inputs: Any, targets: Any) -> None:
    """One backward pass of the criterion's loss on a batch."""
    criterion(model(inputs), targets).backward()


@_tool
def requires_grad(model: Any) -> dict[str, bool]:
    """By parameter name, whether autograd records it."""
    return {name: bool(parameter.requires_grad) for name, parameter in model.named_parameters()}


@_tool
def set_requires_grad(model: Any, flags: dict[str, bool]) -> None:
    """Set by parameter name whether autograd records it."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(flags[name])


@_tool
def parameters(model: Any) -> Any:
    """The parameters as an iterator, as `model.parameters()` gives it."""
    return model.parameters()


@_tool
def parameter_list(model: Any) -> Any:
    """The parameters in a list that stays where the student's objects are."""
    return Stays(list(model.parameters()))


@_tool
def held(tensor: Any) -> Any:
    """A tensor that stays where the student's objects are, so that several calls are given the very same one."""
    return Stays(tensor)


class Stays:
    """Data that is not sent but stays where the student's objects are, and is referred to by a handle."""

    def __init__(self, value: Any) -> None:
        self.value = value


@_tool
def layers(model: Any) -> list[dict[str, Any]]:
    """The child modules in order: name, class name, and the sizes of those that have any."""
    return [
        {
            "name": name,
            "kind": type(module).__name__,
            "in": getattr(module, "in_features", None),
            "out": getattr(module, "out_features", None),
            "bias": getattr(module, "bias", None) is not None,
        }
        # Not named_children(), which tells only once of a ReLU that stands in several places.
        for name, module in model._modules.items()
    ]


@_tool
def kind(thing: Any) -> list[str]:
    """The names of the classes that `thing` is an instance of, from its own to `object`."""
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(thing).__mro__]


@_tool
def modes(model: Any) -> dict[str, bool]:
    """By name, whether each child module is in training mode."""
    return {name: bool(child.training) for name, child in model.named_children()}


@_tool
def set_training(model: Any, mode: bool) -> None:
    """Put the model into training or evaluation mode."""
    model.train(mode)


@_tool
def learn(model: Any, inputs: Any, labels: Any, lr: float) -> None:
    """One step of plain gradient descent on the cross-entropy; autograd and the parameters are taken as they are.

    Args:
        model: takes `inputs` to logits.
        inputs: `(n, …)` float tensor.
        labels: `(n,)` integers.
        lr: the learning rate.

    Raises:
        RuntimeError: nothing was recorded, because autograd is off or no parameter requires gradients.
    """
    import torch

    model.zero_grad()
    torch.nn.functional.cross_entropy(model(inputs), labels).backward()
    torch.optim.SGD(model.parameters(), lr=lr).step()


@_tool
def layer_outputs(model: Any, inputs: Any) -> dict[str, Any]:
    """What each child of an `nn.Sequential` puts out, by its name, nothing recorded."""
    import torch

    found = {}
    with torch.no_grad():
        for name, module in model._modules.items():
            inputs = module(inputs)
            found[name] = inputs.clone()
    return found


@_tool
def outputs(
    model: Any, images: Any, flat: bool = False, scale: Sequence[float] = (0.0, 1.0), training: bool | None = False
) -> Any:
    """The model's outputs in evaluation mode (or training mode; None: in the mode that it is in), nothing recorded.

    Pictures are as `loader` takes them, or flattened.
    """
    import torch

    pictures = normalised(images, scale)
    batches = (pictures.flatten(1) if flat else pictures).split(1000)
    before = model.training
    if training is not None:
        model.train(training)
    try:
        with torch.no_grad():
            return torch.cat([model(batch) for batch in batches])
    finally:
        if training is not None:
            model.train(before)


@_tool
def events() -> list[str]:
    """What happened in the calls since the last time that this was asked, in order.

    Forward passes of models made by `network` (their mode, and whether autograd recorded them), and what
    `watching.watch` names.
    """
    return watching.taken()


@_tool
def complaints() -> list[str]:
    """The RuntimeWarnings of the last call that returned: NumPy's overflows, divisions by zero and the like."""
    return watching.complaints()


@_tool
def scalar_function(family: str, *coefficients: Any) -> Any:
    """A differentiable function from a tensor to a scalar, of a family with secret coefficients.

    Families, with a, b tensors of x's shape and c, k, d scalars:
        ``polynomial``: d + Σ a·x³ + b·x² + c·x; ``waves``: d + Σ a·sin(k·x) + b·cos(x);
        ``softplus``: d + Σ a·log(1 + exp(b·x)).
    """
    import torch

    def polynomial(x: Any, a: Any, b: Any, c: float, d: float) -> Any:
        return (a * x**3 + b * x**2 + c * x).sum() + d

    def waves(x: Any, a: Any, b: Any, k: float, d: float) -> Any:
        return (a * torch.sin(k * x) + b * torch.cos(x)).sum() + d

    def softplus(x: Any, a: Any, b: Any, d: float) -> Any:
        return (a * torch.nn.functional.softplus(b * x)).sum() + d

    families: dict[str, Callable[..., Any]] = {"polynomial": polynomial, "waves": waves, "softplus": softplus}
    chosen = families[family]

    def function(x: Any) -> Any:
        return chosen(x, *coefficients)

    return function
