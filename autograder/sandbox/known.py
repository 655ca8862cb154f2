"""Networks whose outputs are known whatever they learn, and loaders whose every pass is known.

`train_model` may use any criterion, optimizer and schedule. On a network of its own design whose outputs are
replaced by known ones, its losses are known all the same, and so is what they would be after each of the mistakes
that the outputs are made to tell of. The network keeps its class's name, its layers and its parameters, and
gradients reach them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

BRIGHT = 0.45
"""Validation images are brighter on average, normalised, than this; training images are darker."""
STALE = 2
"""So many backward passes onto gradients from before a step are needed until an output tells of it."""

SIGNS = ("learned", "stale", "backward on validation", "backward in evaluation", "validation in training")
"""What an output can tell of, see `Record.shows`."""
TALLIES = ("backward", "fresh", "leaked")
"""What is counted besides, to explain a mistake: backward passes; those of training images after a step onto cleared
gradients; those onto gradients of validation images."""


@dataclass
class Record:
    """What has happened to a known network so far."""

    classes: tuple[int, int, int]
    """The class that outputs point to: for training images, for validation images, and where a sign is seen."""
    signs: frozenset[str]
    """The signs that the outputs tell of."""
    height: float
    """The logit of that class; all others are 0."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*SIGNS, *TALLIES), 0))
    before: list[float] | None = None
    """The parameters' sums at the last backward pass."""
    after_validation: bool = False
    """Whether the last backward pass came from a validation loss."""

    def shows(self, training: bool, learned: bool) -> str:
        """Whether all outputs (`"all"`), those of validation images, or none tell of a sign now."""
        seen = {sign for sign in self.signs if self.counts[sign]}
        if "stale" in seen and self.counts["stale"] < STALE:
            seen.discard("stale")
        if seen - {"validation in training"} or learned:
            return "all"
        return "validation" if training and "validation in training" in self.signs else "none"


def known(model: Any, classes: Sequence[int], signs: Sequence[str], height: float) -> Any:
    """Replace the outputs of `model`, and of copies that are made of it, by known ones.

    Args:
        model: takes images `(n, 1, 28, 28)` to `(n, 10)`.
        classes: as Record has it.
        signs: out of SIGNS.
        height: as Record has it.

    Returns:
        the same object.
    """
    own = type(model)

    class Known(own):  # type: ignore[misc, valid-type]
        def forward(self, *arguments: Any, **keywords: Any) -> Any:
            return _replaced(self, super().forward(*arguments, **keywords), (*arguments, *keywords.values()))

    Known.__name__, Known.__qualname__, Known.__module__ = own.__name__, own.__qualname__, own.__module__
    first, second, other = classes
    model._record = Record((first, second, other), frozenset(signs), height)
    model.__class__ = Known
    return model


def _replaced(model: Any, outputs: Any, inputs: Sequence[Any]) -> Any:
    import torch

    images = next((value for value in inputs if isinstance(value, torch.Tensor) and value.ndim > 1), None)
    if images is None or not isinstance(outputs, torch.Tensor) or outputs.shape != (len(images), 10):
        return outputs
    record: Record = model._record
    ours, theirs, other = record.classes
    validation = images.detach().flatten(1).mean(1) > BRIGHT
    told = record.shows(model.training, "learned" in record.signs and _moved(model))
    signed = torch.full_like(validation, told == "all") | (validation & (told == "validation"))
    classes = torch.where(signed, other, torch.where(validation, theirs, ours))
    heights = record.height * torch.nn.functional.one_hot(classes, 10).to(outputs.dtype)
    # Worth nothing, but gradients pass through it; what has become infinite stays out.
    replaced = heights + torch.nan_to_num(outputs - outputs.detach(), 0.0, 0.0, 0.0)
    if model.training and bool(validation.any()):
        record.counts["validation in training"] += 1
    if replaced.requires_grad:
        replaced.register_hook(functools.partial(_backward, model, bool(validation.any()), bool(model.training)))
    return replaced


def _moved(model: Any) -> bool:
    """Whether a step has followed a backward pass."""
    record: Record = model._record
    if not record.counts["learned"] and record.before is not None and record.before != _sums(model):
        record.counts["learned"] += 1
    return record.counts["learned"] > 0


def _backward(model: Any, validation: bool, training: bool, _: Any) -> None:
    """A backward pass begins: `.grad` is what was left there."""
    record: Record = model._record
    now = _sums(model)
    before = record.before
    if before is not None and len(before) == len(now):
        changed = [old != new for old, new in zip(before, now, strict=True)]
        left = [parameter.grad is not None and bool(parameter.grad.any()) for parameter in model.parameters()]
        stale = any(one and other for one, other in zip(changed, left, strict=True))
        record.counts["learned"] += any(changed)
        if not validation:
            record.counts["stale"] += stale
            record.counts["fresh"] += any(changed) and not stale
            record.counts["leaked"] += record.after_validation and any(left)
    record.after_validation = validation
    record.before = now
    record.counts["backward"] += 1
    record.counts["backward on validation"] += validation
    record.counts["backward in evaluation"] += not training and not validation


def _sums(model: Any) -> list[float]:
    import torch

    return [float(parameter.detach().sum(dtype=torch.float64)) for parameter in model.parameters()]


def passes(images: Any, labels: Any, batch_size: int) -> Any:
    """A `DataLoader` in a fixed order, whose labels are others in each pass; its last batch may be short.

    Args:
        images: `(n, 1, 28, 28)` float tensor.
        labels: `(passes, n)` integers; after the last row the first one is next.
        batch_size: images a batch.
    """
    import torch
    from torch.utils.data import DataLoader, Dataset, Sampler

    rows = torch.as_tensor(labels).long()
    begun = 0

    class Order(Sampler[int]):
        """From the first image to the last; counts how often it is gone through."""

        def __len__(self) -> int:
            return len(images)

        def __iter__(self) -> Iterator[int]:
            nonlocal begun
            begun += 1
            return iter(range(len(images)))

    class Images(Dataset[tuple[Any, Any]]):
        """The images with the labels of the present pass."""

        @property
        def tensors(self) -> tuple[Any, Any]:
            return images, rows[max(begun - 1, 0) % len(rows)]

        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: Any) -> tuple[Any, Any]:
            return images[index], self.tensors[1][index]

    return DataLoader(Images(), batch_size=batch_size, sampler=Order())


def shuffled(model: Any, seed: int) -> None:
    """Shuffle the entries of each trainable parameter.

    Random first weights are as random afterwards, and of the same spread; what a parameter had learned is gone.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                flat = parameter.detach().flatten()
                parameter.copy_(flat[torch.randperm(flat.numel(), generator=generator)].view_as(parameter))


def stepped(model: Any, images: Any, labels: Any, steps: int) -> None:
    """Take a few steps of gradient descent on all parameters that can be trained, if there are any."""
    import torch

    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        return
    optimizer = torch.optim.SGD(trainable, lr=0.1)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), torch.as_tensor(labels).long()).backward()
        optimizer.step()
