"""Expectations whose failures a student can read: what was expected, what came, for which input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MAX_NUMBERS = 1 << 23
"""Most numbers that an answer can have: as float64 they fill a frame."""
MAX_SHOWN = 1000
"""Most numbers of an array that a message shows the beginning of, where it has not the right shape."""


class Mismatch(AssertionError):
    """A student's result is not what was expected; the message is for the student.

    Attributes:
        mistake: the name of the one misconception of the cell's function that makes such a result, where a test knows
            it for sure; None where it doesn't.
    """

    def __init__(self, message: str, mistake: str | None = None) -> None:
        super().__init__(message)
        self.mistake = mistake


class expect:
    """Namespace of expectations; each returns None or raises Mismatch."""

    @staticmethod
    def that(condition: bool, message: str, mistake: str | None = None) -> None:
        """Expect `condition`; `message` says in words what was expected and what came, `mistake` as a Mismatch's."""
        if not condition:
            raise Mismatch(message, mistake)

    @staticmethod
    def close(
        got: Any,
        wanted: Any,
        what: str,
        *,
        rtol: float = 1e-6,
        scale: float | Array | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        """Expect numbers to agree.

        Args:
            got: what the student's code returned: a number, array, tensor, or list of numbers.
            wanted: the right answer, of the same shape.
            what: what `got` is, as the message names it: ``"mse_loss(y, y_hat)"``.
            rtol: largest difference allowed, relative to `scale`.
            scale: a number, or one for each entry; default: the largest absolute value in `wanted` (1e-8 at the
                least).
            given: inputs that the message shows.

        Raises:
            Mismatch: type, shape or values differ, in this order.
        """
        right = numbers(wanted)
        assert right is not None
        received = _of_shape(got, right, what, given)
        if right.size == 0 or _agree(received, right, rtol, scale):
            return
        # A large array is not shown whole: where it differs most says more.
        values = "not as expected."
        if right.size <= 12:
            expected, came = told_apart(right, received)
            values = f"expected {expected}, received {came}."
        raise Mismatch(f"{what}: {values}{_where(received, right)}{_given(given)}")

    @staticmethod
    def exact(
        got: Any, wanted: Any, what: str, *, scale: float | Array | None = None, tolerance: float = 1e-12
    ) -> None:
        """Expect numbers that are exact to rounding, as a formula in float64 gives them and a measured slope doesn't.

        Args:
            got: what the student's code returned.
            wanted: the right answer, of the same shape.
            what: what `got` is, as the message names it.
            scale: a number, or one for each entry, as in `close`: how large the numbers are that `got` is a sum of.
            tolerance: largest difference allowed, relative to `scale`.

        Raises:
            Mismatch: as `close`; or the numbers are right and not exact.
        """
        expect.close(got, wanted, what, rtol=1e-3, scale=scale)
        right, received = numbers(wanted), numbers(got)
        assert right is not None
        assert received is not None
        if right.size == 0 or _agree(received, right, tolerance, scale):
            return
        error = float(np.max(np.abs(received - right) / _scale(right, scale)))
        raise Mismatch(
            f"{what} should be exact to rounding, 15 digits or so; it is off by {error:.0e} of its size. A slope that "
            "is measured by small steps is off by that much, and so is float32; the formula in float64 is not."
        )

    @staticmethod
    def unchanged(left: Any, before: Any, name: str, function: str) -> None:
        """Expect an argument to be as it was before the call."""
        right = numbers(before)
        assert right is not None
        after = numbers(left) if shape_of(left) == right.shape else None
        if after is None:
            raise Mismatch(
                f"{function} changed its argument {name}: before the call it was {shown(right)}, "
                f"afterwards {described(left)}."
            )
        if not np.array_equal(after, right):
            was, came = told_apart(right, after)
            raise Mismatch(f"{function} changed its argument {name}: before the call it was {was}, afterwards {came}.")


def _of_shape(got: Any, right: Array, what: str, given: Mapping[str, Any] | None) -> Array:
    """`got` as float64, once its shape is known to be that of `right`: nothing is copied or computed before."""
    shape = shape_of(got)
    if shape is None:
        raise Mismatch(f"{what} should be {_kind(right.shape)}, but is {described(got)}.{_given(given)}")
    if shape != right.shape:
        values = ""
        if math.prod(shape) <= MAX_SHOWN and right.size <= MAX_SHOWN:
            values = f": expected {shown(right)}, received {shown(got)}"
        raise Mismatch(
            f"{what} should have the shape {_shape(right.shape)}, but has the shape {_shape(shape)}{values}."
            f"{_given(given)}"
        )
    received = numbers(got)
    if received is None:
        raise Mismatch(f"{what} should be {_kind(right.shape)}, but is {described(got)}.{_given(given)}")
    return received


def _scale(right: Array, scale: float | Array | None) -> Array:
    """What differences are compared with: one number, or one for each entry."""
    if scale is None:
        scale = float(np.max(np.abs(right[np.isfinite(right)]), initial=0.0))
    return np.maximum(scale, 1e-8)


def _agree(received: Array, right: Array, rtol: float, scale: float | Array | None) -> bool:
    """Whether the numbers agree; what is not finite must be the very same, and takes no part in the scale."""
    finite = np.isfinite(right)
    if not np.array_equal(received[~finite], right[~finite], equal_nan=True):
        return False
    limits = np.broadcast_to(rtol * _scale(right, scale), right.shape)
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(received[finite] - right[finite]) <= limits[finite]))


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape that `value` has as an array, found without making one; None where it isn't made of numbers."""
    if value is None or isinstance(value, str | bytes | Mapping):
        return None
    if isinstance(value, list | tuple):
        shapes = {shape_of(part) for part in value}
        if len(shapes) > 1 or None in shapes:
            return None
        return (len(value), *(part for shape in shapes if shape is not None for part in shape))
    if hasattr(value, "detach"):
        return tuple(value.shape)
    if isinstance(value, bool | int | float):
        # An int that no float holds is no number here.
        return () if not isinstance(value, int) or abs(value) < 1 << 1023 else None
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub":
        return value.shape
    return None


def numbers(value: Any) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """`value` as a float64 array, or None where it isn't made of numbers, or of more than any answer has."""
    shape = shape_of(value)
    if shape is None or math.prod(shape) > MAX_NUMBERS:
        return None
    if isinstance(value, list | tuple):
        return np.array([numbers(part) for part in value], dtype=np.float64)
    return np.array(value.detach().numpy() if hasattr(value, "detach") else value, dtype=np.float64)


def described(value: Any) -> str:
    """What kind of thing came, where a number or an array was expected."""
    if value is None:
        return "None (is there a return?)"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(str, list(value)[:8]))}"
    shape = shape_of(value)
    if shape is not None:
        size = math.prod(shape)
        if size > MAX_NUMBERS:
            return f"an array of more than {MAX_NUMBERS:,} numbers"
        return shown(value) if size <= MAX_SHOWN else f"an array of shape {_shape(shape)}"
    if isinstance(value, Sequence):
        return f"a {type(value).__name__} of {len(value)} things that are not all numbers of one shape"
    # What can't cross the wire as data comes as a handle, which knows the name of the type.
    return f"an object of type {getattr(value, 'type', type(value).__name__)}"


def shown(array: Any, digits: int = 4) -> str:
    """Numbers as a student reads them: `digits` decimals (a single number: two more), long arrays abbreviated."""
    array = numbers(array)
    if array is None:
        return "nothing"
    if array.ndim == 0:
        return f"{float(array):.{digits + 2}g}"
    text: str = np.array2string(
        array, precision=digits, suppress_small=False, threshold=12, edgeitems=2, max_line_width=10_000, separator=", "
    )
    return " ".join(text.split())


def told_apart(one: Array, other: Array) -> tuple[str, str]:
    """Two arrays of one shape that differ, each as `shown` shows it, with as many digits as show the difference."""
    texts = "", ""
    for digits in (4, 6, 8, 10, 12, 15):
        texts = shown(one, digits), shown(other, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _kind(shape: tuple[int, ...]) -> str:
    return f"an array of shape {_shape(shape)}" if shape else "a number"


def _shape(shape: tuple[int, ...]) -> str:
    return str(tuple(map(int, shape))) if shape else "of a single number"


def _given(given: Mapping[str, Any] | None) -> str:
    if not given:
        return ""
    return " Given " + ", ".join(f"{name} = {shown(value)}" for name, value in given.items()) + "."


def _where(received: Array, right: Array) -> str:
    """The one remark that helps most: what the numbers have in common, or else where they differ most."""
    if not np.all(np.isfinite(received)):
        return " Some of it is not finite (inf or nan)."
    with np.errstate(all="ignore"):
        remarks = (remark(received, right) for remark in (_rounded, _factor, _offset, _worst))
        return next(filter(None, remarks), "")


def _factor(received: Array, right: Array) -> str:
    """A factor other than 1 that all numbers are off by."""
    weight = float(np.sum(right * right))
    factor = float(np.sum(received * right)) / weight if weight > 0 else 0.0
    off = abs(factor - 1)
    if (
        not factor
        or not np.isfinite(factor)
        or off < 1e-7
        or not _agree(received, factor * right, 1e-3 * min(1, off), None)
    ):
        return ""
    # As many digits as tell the factor from 1.
    digits = 4 if off > 1e-2 else 3 - math.floor(math.log10(off))
    return f" That is {factor:.{digits}g} times what was expected{' throughout' if right.ndim else ''}."


def _offset(received: Array, right: Array) -> str:
    """A constant that all numbers are off by."""
    difference = received - right
    constant = float(np.mean(difference))
    noise = 1e-12 * float(np.max(np.abs(right)))
    if right.size < 2 or np.max(np.abs(difference - constant)) > 1e-6 * abs(constant) + noise or abs(constant) <= noise:
        return ""
    return f" Every entry is {abs(constant):.4g} too {'large' if constant > 0 else 'small'}."


def _rounded(received: Array, right: Array) -> str:
    """The decimal places that what was expected has been rounded to."""
    size = float(np.max(np.abs(right)))
    for places in range(13):
        # Three digits at the least: a coarser number may be near for other reasons.
        if size * 10**places >= 100 and np.allclose(received, np.round(right, places), rtol=1e-14, atol=0):
            return f" That is what was expected, rounded to {places} decimal place{'s' * (places != 1)}."
    return ""


def _worst(received: Array, right: Array) -> str:
    """How many entries differ, and which one most; for a single number how far the digits agree."""
    difference = np.abs(received - right)
    size = max(float(np.max(np.abs(right))), 1e-8)
    error = float(np.max(difference)) / size
    agree = f" The numbers agree to {math.floor(-math.log10(error))} digits only." if 0 < error < 1e-3 else ""
    if not right.ndim:
        return agree
    wrong = int(np.sum(difference > min(1e-6, error / 100) * size))
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(difference)), right.shape))
    expected, came = told_apart(right[place], received[place])
    inside = ", ".join(map(str, place))
    return f"{agree} {wrong} of {right.size} entries differ; most at [{inside}]: expected {expected}, received {came}."
