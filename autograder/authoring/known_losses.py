"""What losses a training must return on networks whose outputs are known (`autograder.sandbox.known`).

On such a network an image's loss has one of two values: a low one where its label is the class that the outputs point
to, a high one elsewhere. So the loss of an epoch follows from the labels that its pass served, for every criterion and
whatever was learned; and so does what each wrong way of averaging makes of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import torch
from torch.nn import functional as F

Array = np.ndarray[Any, np.dtype[np.float64]]

HEIGHT = 2.0
"""The logit of the class that a known network's outputs point to; all others are 0."""
PASSES = 64
"""After so many passes a loader's labels come again."""
RTOL = 1e-3
LEAST = 4
"""Losses that are needed to accept a criterion that is not known here."""


class Part(msgspec.Struct, frozen=True):
    """One loader's batches. All images of a batch have the same label, in each pass another one."""

    sizes: tuple[int, ...]
    labels: np.ndarray[Any, Any]
    """`(PASSES, batches)`."""
    points_to: int
    """The class that a known network's outputs point to for these images."""

    @property
    def rows(self) -> np.ndarray[Any, Any]:
        """The labels of all images `(PASSES, images)`."""
        rows: np.ndarray[Any, Any] = np.repeat(self.labels, self.sizes, axis=1)
        return rows

    @property
    def high(self) -> Array:
        """`(PASSES, batches)`: 1 where the loss is the high one, 0 where it is the low one."""
        high: Array = (self.labels != self.points_to).astype(float)
        return high


class Setting(msgspec.Struct, frozen=True):
    """The two loaders of a training, and the class that outputs point to where they tell of a sign."""

    training: Part
    validation: Part
    other: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, training: tuple[int, int], validation: tuple[int, int]) -> Setting:
        """Classes and labels at random; for each loader, how many images it has and how many make a batch."""
        ours, theirs, other, *rest = (int(number) for number in rng.permutation(10))
        return cls(_part(rng, *training, ours, rest, 3), _part(rng, *validation, theirs, rest, 1), other)

    @property
    def classes(self) -> tuple[int, int, int]:
        """The class that outputs point to: for training images, for validation images, at a sign."""
        return self.training.points_to, self.validation.points_to, self.other


def _part(rng: np.random.Generator, n: int, batch: int, points_to: int, rest: Sequence[int], late: int) -> Part:
    """A part in each of whose passes some batch from the place `late` on has the low loss, and some batch the high one.

    No label is the class of a sign: where a sign shows, losses rise and none falls.
    """
    sizes = tuple(min(batch, n - start) for start in range(0, n, batch))
    labels = rng.choice(rest, size=(PASSES, len(sizes)))
    for row in labels:
        low = rng.random(len(sizes)) < 0.5
        low[rng.integers(late, len(sizes))] = True
        if low.all():
            low[rng.integers(0, late)] = False
        row[low] = points_to
    return Part(sizes, labels, points_to)


class Criterion(msgspec.Struct, frozen=True):
    """A criterion, or what somebody takes for a loss: its values where the outputs point to the label and elsewhere."""

    name: str
    low: float
    high: float


@cache
def criteria() -> tuple[Criterion, ...]:
    """Those that students choose, cross-entropy first."""
    logits = torch.zeros(1, 10, dtype=torch.float64)
    logits[0, 0] = HEIGHT
    chances = torch.softmax(logits, dim=1)
    found = []

    def enter(name: str, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        values = []
        for label in (0, 1):
            labels = torch.tensor([label])
            values.append(float(loss(labels, F.one_hot(labels, 10).double())))
        found.append(Criterion(name, *values))

    enter("cross-entropy", lambda labels, _: F.cross_entropy(logits, labels))
    for percent in range(1, 41):
        enter(
            f"cross-entropy with label smoothing {percent / 100}",
            lambda labels, _, s=percent / 100: F.cross_entropy(logits, labels, label_smoothing=s),  # type: ignore[misc]
        )
    for power in (0.5, 1.0, 2.0, 3.0, 5.0):
        enter(
            f"focal loss {power}",
            lambda labels, _, g=power: (1 - chances[0, labels]) ** g * F.cross_entropy(logits, labels),  # type: ignore[misc]
        )
    enter("squared error of logits", lambda _, ones: F.mse_loss(logits, ones))
    enter("squared error of probabilities", lambda _, ones: F.mse_loss(chances, ones))
    enter("sum of squared errors of logits", lambda _, ones: F.mse_loss(logits, ones, reduction="sum"))
    enter("sum of squared errors of probabilities", lambda _, ones: F.mse_loss(chances, ones, reduction="sum"))
    enter("absolute error of probabilities", lambda _, ones: F.l1_loss(chances, ones))
    enter("binary cross-entropy", lambda _, ones: F.binary_cross_entropy_with_logits(logits, ones))
    enter("binary cross-entropy of probabilities", lambda _, ones: F.binary_cross_entropy(chances, ones))
    enter("margin", lambda labels, _: F.multi_margin_loss(logits, labels))
    enter("squared margin", lambda labels, _: F.multi_margin_loss(logits, labels, p=2))
    return tuple(found)


NO_LOSSES = (
    Criterion("the share classified correctly", 1.0, 0.0),
    Criterion("the percentage classified correctly", 100.0, 0.0),
    Criterion("the share classified wrongly", 0.0, 1.0),
    Criterion("the percentage classified wrongly", 0.0, 100.0),
)
"""What is returned in place of a loss."""

Average = Callable[[Array, Array], Array]
"""Takes the batches' mean losses `(epochs, batches)` and sizes `(batches,)` to one number for each epoch."""


def _mean(losses: Array, sizes: Array) -> Array:
    result: Array = losses @ sizes / sizes.sum()
    return result


WRONG: dict[str, Average] = {
    "the mean of the batches' means, in which a short last batch counts as much as a full one": lambda x, n: x.mean(1),
    "the sum of the batches' means": lambda x, n: x.sum(1),
    "the sum of the batches' means divided by the number of images": lambda x, n: x.sum(1) / n.sum(),
    "the mean over the last batch alone": lambda x, n: x[:, -1],
    "the mean over the first batch alone": lambda x, n: x[:, 0],
    "the mean over the last batch divided by the number of batches": lambda x, n: x[:, -1] / len(n),
    "the mean over the last batch divided by the number of images": lambda x, n: x[:, -1] / n.sum(),
    "the sum over all images": lambda x, n: x @ n,
    "the sum over all images divided by the number of batches": lambda x, n: x @ n / len(n),
    "the sum over all images divided by the number of batches times the size of a full one": (
        lambda x, n: x @ n / (len(n) * n[0])
    ),
    "the sum of the batches' means times the size of a full batch, divided by the number of images": (
        lambda x, n: x.sum(1) * n[0] / n.sum()
    ),
    "the mean divided by the size of a batch": lambda x, n: _mean(x, n) / n[0],
    "a hundred times the mean": lambda x, n: 100 * _mean(x, n),
    "minus the mean": lambda x, n: -_mean(x, n),
    "a sum that goes on from epoch to epoch, divided by the number of images": lambda x, n: np.cumsum(_mean(x, n)),
    "a sum that goes on from epoch to epoch, divided by the number of batches": lambda x, n: np.cumsum(x.mean(1)),
    "a mean over all epochs so far": lambda x, n: np.cumsum(_mean(x, n)) / np.arange(1, len(x) + 1),
}
"""Wrong ways to average, in words."""


class Found(msgspec.Struct, frozen=True):
    """What explains the losses."""

    right: bool
    what: str
    """The criterion where it is right; else what the losses are, in words."""
    start: int
    """The pass that the first loss is of, from 0."""
    stride: int
    """How many passes lie between two entries."""


Observed = Sequence[tuple[Setting, Array]]
"""The losses of one list, run by run, and the setting of each run."""


def explained(observed: Observed, part: str) -> Found | None:
    """What the losses in the list `part` (``training`` or ``validation``) are; None where nothing fits.

    An average is right where it fits with a known criterion, or with any two values for low and high losses where
    there are LEAST different losses to tell.
    """
    for right, average, what in [(True, _mean, ""), *((False, wrong, words) for words, wrong in WRONG.items())]:
        if not right and np.ptp(np.concatenate([losses for _, losses in observed])) < RTOL:
            break  # One number throughout is what many mistakes make.
        for start, stride in _alignments(observed):
            low, high, losses = _coefficients(observed, part, average, start, stride)
            known = (*criteria(), *NO_LOSSES) if right else criteria()
            fits = [c for c in known if _close(losses, c.low * low + c.high * high)]
            if fits:
                loss = fits[0] not in NO_LOSSES
                return Found(right and loss, what or fits[0].name, start, stride)
    return _elsewhere(observed, part) or _any_criterion(observed, part)


def _elsewhere(observed: Observed, part: str) -> Found | None:
    """Losses of other images than those of the part, or of a softmax in another direction."""
    losses = np.concatenate([values for _, values in observed])
    for own, other in itertools.product((None, (0, 1), (0, 2)), ((0, 1), (0, 2), (1, 2))):
        for criterion in criteria():
            if _close(losses, np.concatenate([_others(s, part, criterion, len(v), own, other) for s, v in observed])):
                loaders = "the other loader" if own is None else "both loaders"
                return Found(False, f"the mean over the batches of {loaders}", *other)
    sizes = [np.array(_pair(setting, part)[0].sizes, float) for setting, _ in observed]
    wanted = np.concatenate(
        [np.full(len(values), n @ np.log(n) / n.sum()) for n, (_, values) in zip(sizes, observed, strict=True)]
    )
    if _close(losses, wanted):
        return Found(False, "what a softmax over the batch instead of the classes gives", 0, 1)
    return None


def _any_criterion(observed: Observed, part: str) -> Found | None:
    for start, stride in _alignments(observed):
        low, high, losses = _coefficients(observed, part, _mean, start, stride)
        if len(losses) < LEAST or len(np.unique(np.round(high, 6))) < 3:
            return None
        values = np.linalg.lstsq(np.column_stack([low, high]), losses, rcond=None)[0]
        rest = np.abs(np.column_stack([low, high]) @ values - losses).max()
        if values[1] > values[0] and rest <= 0.01 * (values[1] - values[0]):
            return Found(True, "a criterion of its own", start, stride)
    return None


def _pair(setting: Setting, part: str) -> tuple[Part, Part]:
    """The part and the other one."""
    both = (setting.training, setting.validation)
    return both if part == "training" else both[::-1]


def _alignments(observed: Observed) -> Iterator[tuple[int, int]]:
    """Which pass the first entry is of, and how many passes lie between two entries.

    A stride of 1 is the rule; loaders may be gone through more than once in an epoch, or kept in a list.
    """
    yield 0, 1
    for stride in (1, 2, 0, 3):
        for start in range(stride + 1):
            if (start, stride) != (0, 1):
                yield start, stride
    if all(len(losses) == 1 for _, losses in observed):
        # A list that starts anew in each epoch ends with a single entry, which is of a late pass.
        for start in range(2, PASSES):
            yield start, 0


def _epochs(count: int, start: int, stride: int) -> np.ndarray[Any, Any]:
    return (start + stride * np.arange(count)) % PASSES


def _coefficients(observed: Observed, part: str, average: Average, start: int, stride: int) -> tuple[Array, ...]:
    """By how much the low and the high loss count in each entry of all runs; and the entries."""
    low, high = [], []
    for setting, losses in observed:
        chosen = _pair(setting, part)[0]
        rows = chosen.high[_epochs(len(losses), start, stride)]
        sizes = np.array(chosen.sizes, float)
        low.append(average(1 - rows, sizes))
        high.append(average(rows, sizes))
    return np.concatenate(low), np.concatenate(high), np.concatenate([losses for _, losses in observed])


def _others(
    setting: Setting,
    part: str,
    criterion: Criterion,
    count: int,
    own: tuple[int, int] | None,
    other: tuple[int, int],
) -> Array:
    """The losses of the other part's images, alone or (with an alignment of its own) together with the part's."""
    first, second = _pair(setting, part)
    rows = second.high[_epochs(count, *other)]
    sizes = np.array(second.sizes, float)
    if own is not None:
        rows = np.concatenate([first.high[_epochs(count, *own)], rows], axis=1)
        sizes = np.concatenate([first.sizes, sizes])
    return _mean(criterion.low + (criterion.high - criterion.low) * rows, sizes)


def _close(one: Array, other: Array) -> bool:
    return bool(np.all(np.abs(one - other) <= RTOL * np.maximum(np.abs(other), 1e-3)))


def expected(setting: Setting, part: str, count: int) -> Array:
    """The first `count` losses of a list, for cross-entropy."""
    chosen, loss = _pair(setting, part)[0], criteria()[0]
    rows = chosen.high[_epochs(count, 0, 1)]
    return _mean(loss.low + (loss.high - loss.low) * rows, np.array(chosen.sizes, float))
