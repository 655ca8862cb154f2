"""Expectations whose failures a student can read: what was expected, what came, for which input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.sandbox.student import Student, off_the_record

MAX_NUMBERS = 1 << 23
"""Most numbers that an answer can have: as float64 they fill a frame."""


class Mismatch(AssertionError):
    """A student's result is not what was expected; the message is for the student.

    Attributes:
        mistake: the name of the one misconception of the cell's function that makes such a result, where a test knows
            it for sure; None where it doesn't.
    """

    def __init__(self, message: str, mistake: str | None = None) -> None:
        super().__init__(message)
        self.mistake = mistake


def right_or_following(
    student: Student, judge: Callable[[Any], None], wanted: Any, *followings: Callable[[], Any]
) -> None:
    """Judge by the right answer; where that fails, by what follows from the student's own other functions.

    So a mistake costs its points once, in the cell where it was made, and not again in every cell that uses it.

    Args:
        student: whose functions `followings` call.
        judge: takes what is wanted; raises Mismatch where the student's result is something else.
        wanted: what a right function gives.
        followings: each gives what a right function would have made of the student's other functions; it may
            raise whatever they raise, and then there is nothing to follow.

    Raises:
        Mismatch: of the first judgement.
    """
    try:
        judge(wanted)
    except Mismatch as mismatch:
        with off_the_record(student):
            if not any(_accepts(judge, following) for following in followings):
                raise mismatch from None


def _accepts(judge: Callable[[Any], None], following: Callable[[], Any]) -> bool:
    try:
        judge(following())
    except Exception:
        return False
    return True


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
        scale: float | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        """Expect numbers to agree.

        Args:
            got: what the student's code returned: a number, array, tensor, or list of numbers.
            wanted: the right answer, of the same shape.
            what: what `got` is, as the message names it: ``"mse_loss(y, y_hat)"``.
            rtol: largest difference allowed, relative to `scale`.
            scale: default: the largest absolute value in `wanted` (1e-8 at the least).
            given: inputs that the message shows.

        Raises:
            Mismatch: type, shape or values differ, in this order.
        """
        right = numbers(wanted)
        assert right is not None
        received = numbers(got)
        suffix = _given(given)
        if received is None:
            raise Mismatch(f"{what} should be {_kind(right)}, but is {described(got)}.{suffix}")
        if received.shape != right.shape:
            raise Mismatch(
                f"{what} should have the shape {_shape(right)}, but has the shape {_shape(received)}"
                f": expected {shown(right)}, received {shown(received)}.{suffix}"
            )
        if right.size == 0 or _agree(received, right, rtol, scale):
            return
        # A large array is not shown whole: where it differs most says more.
        values = f"expected {shown(right)}, received {shown(received)}." if right.size <= 12 else "not as expected."
        raise Mismatch(f"{what}: {values}{_where(received, right)}{suffix}")

    @staticmethod
    def unchanged(left: Any, before: Any, name: str, function: str) -> None:
        """Expect an argument to be as it was before the call."""
        after, right = numbers(left), numbers(before)
        if after is None or right is None or after.shape != right.shape or not np.array_equal(after, right):
            raise Mismatch(
                f"{function} changed its argument {name}: before the call it was {shown(right)}, "
                f"afterwards {described(left) if after is None else shown(after)}."
            )


def _agree(received: np.ndarray[Any, Any], right: np.ndarray[Any, Any], rtol: float, scale: float | None) -> bool:
    """Whether the numbers agree; what is not finite must be the very same, and takes no part in the scale."""
    finite = np.isfinite(right)
    if not np.array_equal(received[~finite], right[~finite], equal_nan=True):
        return False
    if scale is None:
        scale = float(np.max(np.abs(right[finite]), initial=0.0))
    return bool(np.all(np.abs(received[finite] - right[finite]) <= rtol * max(scale, 1e-8)))


def numbers(value: Any) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """`value` as a float64 array, or None where it isn't made of numbers, or of more than any answer has."""
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    if value is None or isinstance(value, str | bytes | Mapping):
        return None
    try:
        if isinstance(value, list | tuple):
            parts = [numbers(part) for part in value]
            if any(part is None for part in parts):
                return None
            return np.array(parts, dtype=np.float64)
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "fiub" and array.size <= MAX_NUMBERS else None
    except (ValueError, TypeError):
        return None


def described(value: Any) -> str:
    """What kind of thing came, where a number or an array was expected."""
    if value is None:
        return "None (is there a return?)"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(str, list(value)[:8]))}"
    if isinstance(value, Sequence):
        return f"a {type(value).__name__} of {len(value)} things that are not all numbers of one shape"
    if hasattr(value, "shape") and np.prod(value.shape) > MAX_NUMBERS:
        return f"an array of more than {MAX_NUMBERS:,} numbers"
    # What can't cross the wire as data comes as a handle, which knows the name of the type.
    return f"an object of type {getattr(value, 'type', type(value).__name__)}"


def shown(array: Any) -> str:
    """Numbers as a student reads them: four or five digits, long arrays abbreviated."""
    array = numbers(array)
    if array is None:
        return "nothing"
    if array.ndim == 0:
        return f"{float(array):.6g}"
    text: str = np.array2string(
        array, precision=4, suppress_small=False, threshold=12, edgeitems=2, max_line_width=10_000, separator=", "
    )
    return " ".join(text.split())


def _kind(array: np.ndarray[Any, Any]) -> str:
    return "a number" if array.ndim == 0 else f"an array of shape {_shape(array)}"


def _shape(array: np.ndarray[Any, Any]) -> str:
    return "of a single number" if array.ndim == 0 else str(tuple(int(length) for length in array.shape))


def _given(given: Mapping[str, Any] | None) -> str:
    if not given:
        return ""
    return " Given " + ", ".join(f"{name} = {shown(value)}" for name, value in given.items()) + "."


def _where(received: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> str:
    """The one remark that helps most: a constant factor, the sign, NaN, or where the largest difference is."""
    if not np.all(np.isfinite(received)):
        return " Some of it is not finite (inf or nan)."
    weight = float(np.sum(right * right))
    if weight > 0:
        factor = float(np.sum(received * right)) / weight
        if factor and _agree(received, factor * right, 1e-3, None):
            return f" That is {factor:.4g} times what was expected{' throughout' if right.ndim else ''}."
    if right.ndim:
        wrong = int(np.sum(np.abs(received - right) > 1e-6 * max(float(np.max(np.abs(right))), 1e-8)))
        place = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(received - right))), right.shape))
        inside = ", ".join(map(str, place))
        return (
            f" {wrong} of {right.size} entries differ; most at [{inside}]: "
            f"expected {right[place]:.6g}, received {received[place]:.6g}."
        )
    return ""
