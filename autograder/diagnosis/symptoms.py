"""What the numbers of a failed check show by themselves, where nothing is known that explains them.

A symptom says what is measured and never claims a cause: "exactly what a right answer gives with one step less" is true
of the numbers, whatever the code is like. Each is a right answer whose arguments or whose result are changed, or, where
none of them fits, a relation between the first result that differs and the expected one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.authoring.bank import Bank
from autograder.diagnosis.comparison import EXPLAINING, numbers_of, same, same_exchange
from autograder.diagnosis.trial import Fit, Rerun
from autograder.sandbox.student import Exchange

Function = Callable[..., Any]
Change = Callable[[Any], Any]


def symptom(function: str, rerun: Rerun, bank: Bank, rtol: float) -> str:
    """What a failed trial shows, as a sentence; "" where the numbers show nothing in particular."""
    for words, code in _neighbours(bank.answers[function]):
        if rerun.fit({**bank.answers, function: code}, rtol) is not Fit.DIFFERENT:
            return f"What came out of {function} in this check is {words}."
    return _first_difference(rerun.trial.transcript, rerun.right, rtol)


def _neighbours(right: Function) -> Iterator[tuple[str, Function]]:
    """Right answers with another argument or another result, and what they are in words."""
    names = list(inspect.signature(right).parameters)
    for name in names:
        for change, words in _ARGUMENTS.items():
            yield f"what a right answer gives {words.format(name=name)}", _with_argument(right, names, name, change)
    for change, words in _RESULTS.items():
        yield words, _with_result(right, change)
    for number, name in enumerate(names):
        yield f"its argument {name}, unchanged", lambda *given, number=number: given[number]


def _one_less(value: Any) -> Any:
    return value - 1 if isinstance(value, int) and not isinstance(value, bool) else _NOT


def _one_more(value: Any) -> Any:
    return value + 1 if isinstance(value, int) and not isinstance(value, bool) else _NOT


def _only_last(value: Any) -> Any:
    return list(value)[-1:] if _batches(value) else _NOT


def _only_first(value: Any) -> Any:
    return list(value)[:1] if _batches(value) else _NOT


def _not_last(value: Any) -> Any:
    return list(value)[:-1] if _batches(value) else _NOT


def _not_first(value: Any) -> Any:
    return list(value)[1:] if _batches(value) else _NOT


def _batches(value: Any) -> bool:
    """Whether one goes through it batch by batch."""
    goes_on = hasattr(value, "__iter__") and hasattr(value, "__len__")
    return goes_on and not isinstance(value, str | tuple | Mapping) and not hasattr(value, "shape")


def _negative(value: Any) -> Any:
    return -value if isinstance(value, float) or hasattr(value, "shape") else _NOT


def _transposed(value: Any) -> Any:
    return value.T if getattr(value, "ndim", 0) == 2 else _NOT


_NOT = object()
"""A change that can't be made of this value."""
_ARGUMENTS: dict[Change, str] = {
    _one_less: "where {name} is one less",
    _one_more: "where {name} is one more",
    _only_last: "from the last part of {name} alone",
    _only_first: "from the first part of {name} alone",
    _not_last: "without the last part of {name}",
    _not_first: "without the first part of {name}",
    _negative: "where {name} has the opposite sign",
    _transposed: "where {name} is transposed",
}


def _with_argument(right: Function, names: Sequence[str], name: str, change: Change) -> Function:
    def code(*given: Any, **named: Any) -> Any:
        arguments = {**dict(zip(names, given, strict=False)), **named}
        if name in arguments:
            changed = change(arguments[name])
            if changed is _NOT:
                raise _Unfit
            arguments[name] = changed
        return right(**arguments)

    return code


class _Unfit(Exception):
    """This change can't be made of these values."""


def _scaled(factor: float) -> Change:
    def change(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: change(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(change(item) for item in value)
        if isinstance(value, bool) or not (isinstance(value, int | float) or hasattr(value, "shape")):
            raise _Unfit
        return value * factor

    return change


def _listed(change: Change) -> Change:
    """The change of a list, or of the last list among several results."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return change(value)
        if isinstance(value, tuple) and value and isinstance(value[-1], list):
            return (*value[:-1], change(value[-1]))
        raise _Unfit

    return changed


_RESULTS: dict[Change, str] = {
    _scaled(-1): "the expected result with the opposite sign",
    _scaled(2): "twice the expected result",
    _scaled(0.5): "half the expected result",
    _scaled(0): "zero",
    (lambda value: value.T): "the expected result, transposed",
    (lambda value: value.ravel()): "the expected numbers in one row",
    (lambda value: value[::-1]): "the expected result in the opposite order",
    (lambda value: value.sum()): "the sum of the expected numbers",
    (lambda value: value.mean()): "the mean of the expected numbers",
    (lambda value: value**2): "the square of the expected result",
    (lambda value: abs(value) ** 0.5): "the root of the expected result",
    _listed(lambda value: value[:-1]): "the expected result without the last entry of its list",
    _listed(lambda value: value[1:]): "the expected result without the first entry of its list",
    _listed(lambda value: value[-1:]): "the expected result with the last entry of its list alone",
    _listed(lambda value: value[-1] if value else 0.0): "the last of the expected entries, not a list of them",
    _listed(lambda value: list(np.cumsum(value))): "the expected entries added up one after the other",
    _listed(lambda value: value[:1] + value[:-1]): "the expected list, one step late",
}


def _with_result(right: Function, change: Change) -> Function:
    def code(*given: Any, **named: Any) -> Any:
        return change(right(*given, **named))

    return code


def _first_difference(student: Sequence[Exchange], right: Sequence[Exchange], rtol: float) -> str:
    """What the first result that differs has in common with the expected one."""
    as_expected = 0
    for one, other in zip(student, right, strict=False):
        if one.name != other.name or one.error is not None or other.error is not None:
            return ""
        if one.name in EXPLAINING:
            continue
        if not same_exchange(one, other, rtol):
            related = _parts(one.result, other.result, rtol) or _relation(one.result, other.result, rtol)
            if related or not as_expected:
                return related
            return f"The first {as_expected} results in this check are as expected, and this one is not."
        as_expected += numbers_of(one.result) is not None
    return ""


def _parts(got: Any, wanted: Any, rtol: float) -> str:
    """Which of several results differ, and how."""
    if isinstance(got, Mapping) and isinstance(wanted, Mapping) and set(got) == set(wanted):
        pairs = [(str(key), got[key], wanted[key]) for key in wanted]
    elif isinstance(got, list | tuple) and isinstance(wanted, list | tuple) and numbers_of(wanted) is None:
        pairs = [(f"result {n}", a, b) for n, (a, b) in enumerate(zip(got, wanted, strict=False), start=1)]
    else:
        return ""
    wrong = [(name, a, b) for name, a, b in pairs if not same(a, b, rtol)]
    told = ""
    if wrong and len(wrong) < len(pairs):
        shown = ", ".join(name for name, _, _ in wrong[:4]) + (", …" if len(wrong) > 4 else "")
        verb = "is" if len(wrong) == 1 else "are"
        told = f"Of {len(pairs)} results {len(pairs) - len(wrong)} are as expected; {shown} {verb} not."
    for name, a, b in wrong:
        related = _relation(a, b, rtol)
        if related:
            return f"{told} {name}: {related}".strip()
    return told


def _relation(got: Any, wanted: Any, rtol: float) -> str:
    """What one array has to do with another."""
    received, right = numbers_of(got), numbers_of(wanted)
    if received is None or right is None or received.size == 0 or right.size == 0:
        return ""
    if not np.all(np.isfinite(received)):
        return f"{int(np.sum(~np.isfinite(received)))} of {received.size} numbers are inf or nan."
    if received.shape != right.shape:
        if received.ndim == right.ndim == 1:
            length = min(received.size, right.size)
            if length and np.allclose(received[:length], right[:length], rtol=max(rtol, 1e-6)):
                return f"The first {length} entries are as expected; {received.size} came, {right.size} were expected."
        if received.size > 1 and received.size == right.size:
            return "The right number of entries came, in another shape."
        if (right.ndim and received.ndim == right.ndim + 1) or received.size == right.size**2 > 1:
            return "There is an entry for every pair of the expected entries, as where a column meets a row."
        return ""
    if received.size > 1 and np.all(received == received.flat[0]) and not np.all(right == right.flat[0]):
        return "All entries that came are the same number; the expected ones differ."
    alike = np.isclose(received, right, rtol=rtol, atol=rtol * float(np.max(np.abs(right))))
    if alike.any():
        return f"{int(alike.sum())} of {alike.size} entries are as expected."
    with np.errstate(all="ignore"):
        factors = received / right
    if received.size > 1 and np.all(np.isfinite(factors)) and np.allclose(factors, factors.flat[0], rtol=1e-4):
        return f"Every entry is {factors.flat[0]:.4g} times the expected one."
    if received.size > 1 and np.all(np.sign(received) == -np.sign(right)):
        return "Every entry has the opposite sign of the expected one."
    ratios = np.abs(factors)
    if received.size > 1 and np.all(np.sign(received) == np.sign(right)):
        low, high = float(ratios.min()), float(ratios.max())
        return f"All signs are as expected; the sizes are {low:.3g} to {high:.3g} times the expected ones."
    return ""
