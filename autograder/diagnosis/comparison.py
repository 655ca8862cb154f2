"""When two results, two exchanges and two runs of a test are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.authoring.expect import MAX_NUMBERS
from autograder.sandbox.errors import OutOfMemory, StudentRaised
from autograder.sandbox.student import Exchange

RTOL = {"numpy": 1e-8, "torch": 1e-5}
"""How close two numbers must be to be the same, relative to the largest of their array: float64 there, float32 here."""

EXPLAINING = frozenset({"events"})
"""Tools that tell how the student's code went about it: they help to explain, and never decide by themselves."""


def same_course(one: Sequence[Exchange], other: Sequence[Exchange], rtol: float) -> bool:
    """Whether two runs of a test did the same, as far as results go: what only explains may differ."""
    return len(one) == len(other) and all(
        a.name == b.name and (a.name in EXPLAINING or same_exchange(a, b, rtol))
        for a, b in zip(one, other, strict=True)
    )


def same_exchange(one: Exchange, other: Exchange, rtol: float) -> bool:
    """Whether the same was called, with the same result or the same error, and the arguments were left alike."""
    if one.name != other.name or (one.error is None) != (other.error is None):
        return False
    if one.error is not None and other.error is not None:
        return same_error(one.error, other.error)
    return same(one.result, other.result, rtol) and same(one.left, other.left, rtol)


def same_error(one: StudentRaised | OutOfMemory, other: StudentRaised | OutOfMemory) -> bool:
    """Whether both are of the same type and say the same."""
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
    except (ValueError, TypeError, RuntimeError):  # a list of different shapes, of tensors that hold a graph
        return None
    return array.astype(np.float64) if array.dtype.kind in "fiub" and array.size <= MAX_NUMBERS else None


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
