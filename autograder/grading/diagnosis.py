"""Which misconception explains a failed check: the one that does, on the same inputs, what the student's code did."""

from __future__ import annotations

import contextlib
import inspect
import io
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from autograder.authoring.bank import Misconception
from autograder.authoring.expect import MAX_NUMBERS
from autograder.sandbox.errors import OutOfMemory, StudentRaised
from autograder.sandbox.student import Exchange, Student

RTOL = {"numpy": 1e-8, "torch": 1e-5}
"""How close two numbers must be to be the same, relative to the largest of their array: float64 there, float32 here."""

EXPLAINING = frozenset({"events"})
"""Tools that tell how the student's code went about it: they help to explain, and never decide by themselves."""


class Trial(msgspec.Struct, frozen=True):
    """One hidden test of a cell, as it was run on the student's code, and how to run it on other code."""

    test: Callable[..., object]
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """The fixtures of a fresh run, seeded alike, on a student whose functions are the given ones."""
    transcript: Sequence[Exchange]
    failed: bool


class _Deviation(BaseException):
    """Other code went another way than the student's; not an Exception, so that no hidden test catches it."""


class _Followed(list[Exchange]):
    """A transcript that ends its test as soon as it isn't the one that it is compared with.

    Attributes:
        explained: whether what only explains has been the same, too.
    """

    def __init__(self, other: Sequence[Exchange], rtol: float) -> None:
        super().__init__()
        self._other = other
        self._rtol = rtol
        self.explained = True

    def append(self, exchange: Exchange) -> None:
        place = len(self)
        super().append(exchange)
        same_step = place < len(self._other) and _same_exchange(exchange, self._other[place], self._rtol)
        if same_step:
            return
        if place < len(self._other) and exchange.name == self._other[place].name and exchange.name in EXPLAINING:
            self.explained = False
            return
        raise _Deviation


def diagnose(
    trials: Sequence[Trial],
    stages: Iterable[Iterable[Misconception]],
    right_answers: Mapping[str, Any],
    rtol: float,
    seconds: float,
) -> Misconception | None:
    """The one misconception that does what the student's code did in every one of a cell's tests.

    Args:
        trials: the cell's tests that other code may be tried on; at least one of them failed.
        stages: candidates in the order in which they are tried; a stage counts only where none before it fits.
        right_answers: the other functions that a candidate may use.
        rtol: how close two numbers must be to be the same, relative to the largest of their array.
        seconds: by the clock, after which there is no diagnosis.

    Returns:
        The one that fits, or the first of several that behave alike by their own declaration; None where none
        fits, or several do that are not the same: then saying nothing is better than guessing.
    """
    deadline = time.monotonic() + seconds
    failed_first = sorted(trials, key=lambda trial: not trial.failed)
    for candidates in stages:
        fitting: list[tuple[Misconception, bool]] = []
        for entry in candidates:
            if time.monotonic() > deadline:
                return None
            ways = fits(failed_first, {**right_answers, entry.function: entry.code}, rtol)
            if ways is not None:
                fitting.append((entry, ways))
        if fitting:
            return _the_one(fitting)
    return None


def _the_one(fitting: Sequence[tuple[Misconception, bool]]) -> Misconception | None:
    """Of those that fit, only those count whose way of going about it is the same, too, if there are any."""
    first, *others = [entry for entry, explained in fitting if explained] or [entry for entry, _ in fitting]
    return first if all(first.like(other) for other in others) else None


def fits(trials: Iterable[Trial], functions: Mapping[str, Any], rtol: float) -> bool | None:
    """Whether `functions` do in all trials what the student's code did, number for number.

    Returns:
        None if they don't; else whether they go about it in the same way, as far as `EXPLAINING` tells.
    """
    explained = True
    for trial in trials:
        fixtures = trial.run(functions)
        student: Student = fixtures["student"]
        transcript = _Followed(trial.transcript, rtol)
        student._caller.transcript = transcript
        try:
            rehearse(trial.test, fixtures)
        except _Deviation:
            return None
        if len(transcript) != len(trial.transcript):
            return None
        explained &= transcript.explained
    return explained


def rehearse(test: Callable[..., object], fixtures: Mapping[str, Any]) -> tuple[Sequence[Exchange], bool]:
    """Run a hidden test without a word; what its student did, and whether it failed."""
    wanted = inspect.signature(test).parameters
    failed = True
    with contextlib.suppress(Exception), warnings.catch_warnings(record=True), contextlib.redirect_stdout(_Nowhere()):
        warnings.simplefilter("default")  # what a student's code is told, this code is told, too
        test(**{name: fixtures[name] for name in wanted})
        failed = False
    student: Student = fixtures["student"]
    return student._caller.transcript, failed


class _Nowhere(io.TextIOBase):
    """Where misconceptions print to."""

    def write(self, text: str) -> int:
        return len(text)


def count_numbers(transcript: Iterable[Exchange]) -> int:
    """How many numbers a student's functions and objects gave in a test."""

    def count(value: Any) -> int:
        if isinstance(value, Mapping):
            return sum(map(count, value.values()))
        if isinstance(value, list | tuple):
            return sum(map(count, value))
        numbers = numbers_of(value)
        return 0 if numbers is None else numbers.size

    return sum(count(exchange.result) for exchange in transcript if exchange.name not in EXPLAINING)


def same_course(one: Sequence[Exchange], other: Sequence[Exchange], rtol: float) -> bool:
    """Whether two runs of a test did the same, as far as results go: what only explains may differ."""
    return len(one) == len(other) and all(
        a.name == b.name and (a.name in EXPLAINING or _same_exchange(a, b, rtol))
        for a, b in zip(one, other, strict=True)
    )


def _same_exchange(one: Exchange, other: Exchange, rtol: float) -> bool:
    if one.name != other.name or (one.error is None) != (other.error is None):
        return False
    if one.error is not None and other.error is not None:
        return _same_error(one.error, other.error)
    return same(one.result, other.result, rtol) and same(one.left, other.left, rtol)


def _same_error(one: StudentRaised | OutOfMemory, other: StudentRaised | OutOfMemory) -> bool:
    if isinstance(one, StudentRaised) and isinstance(other, StudentRaised):
        return one.type == other.type and one.text == other.text
    return type(one) is type(other)


def same(one: Any, other: Any, rtol: float) -> bool:
    """Whether two results are the same for a student: containers by their items, arrays by shape and numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(same(one[key], other[key], rtol) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b, rtol) for a, b in zip(one, other, strict=True))
    if hasattr(one, "requires_grad") and hasattr(other, "requires_grad"):
        if bool(one.requires_grad) != bool(other.requires_grad):
            return False
        one, other = one.detach(), other.detach()
    first, second = numbers_of(one), numbers_of(other)
    if first is None or second is None:
        if hasattr(one, "shape") or hasattr(other, "shape"):
            return False  # larger than any answer, or of no numbers at all
        # A handle stands for some object of a type; which one it is, the later exchanges show.
        types = [getattr(value, "type", None) for value in (one, other)]
        return (types[0] is not None and types[0] == types[1]) or (type(one) is type(other) and one == other)
    if first.shape != second.shape:
        return False
    finite = np.isfinite(first)
    if not np.array_equal(finite, np.isfinite(second)):
        return False
    if first.size == 0 or not finite.any():
        return bool(np.array_equal(first[~finite], second[~finite], equal_nan=True))
    scale = float(np.max(np.abs(first[finite])))
    difference = np.abs(first[finite] - second[finite])
    return bool(np.all(difference <= rtol * scale))


def numbers_of(value: Any) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """`value` as an array, where it is a number, an array or a tensor, or a list of numbers; None where it isn't."""
    if value is None or isinstance(value, str):
        return None
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return array.astype(np.float64) if array.dtype.kind in "fiub" and array.size <= MAX_NUMBERS else None
