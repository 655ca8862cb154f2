"""One hidden test as it was run on the student's code, and how well other code fits it."""

from __future__ import annotations

import contextlib
import enum
import inspect
import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from autograder.diagnosis.comparison import EXPLAINING, same_exchange
from autograder.sandbox.student import Exchange, OnExchange, Student


class MakeFixtures(Protocol):
    """Makes the fixtures of a fresh run of a test, seeded alike, on a student whose functions are the given ones."""

    def __call__(self, functions: Mapping[str, Any], on_exchange: OnExchange | None = None) -> Mapping[str, Any]:
        """`on_exchange` is told of everything that the test asks of the student."""


class Trial(msgspec.Struct, frozen=True):
    """One hidden test of a cell, as it was run on the student's code, and how to run it on other code."""

    test: Callable[..., object]
    fixtures: MakeFixtures
    transcript: Sequence[Exchange]
    failed: bool


class Fit(enum.Enum):
    """How well other code does what the student's code did."""

    DIFFERENT = enum.auto()
    """Some number differs."""
    SAME_RESULTS = enum.auto()
    """Every number is the same; the way there isn't, as far as `EXPLAINING` tells."""
    SAME = enum.auto()
    """Every number is the same, and the way there."""


class Budget:
    """How much work a search may do, counted in calls: a Report must not depend on how busy the machine is."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def spend(self) -> None:
        """Count one call."""
        self._left -= 1

    @property
    def exhausted(self) -> bool:
        """Whether the search must end."""
        return self._left <= 0


class _Deviation(BaseException):
    """Other code went another way than the student's; not an Exception, so that no hidden test catches it."""


def fit(trials: Iterable[Trial], functions: Mapping[str, Any], rtol: float, budget: Budget) -> Fit:
    """How well `functions` do in all trials what the student's code did; ends at the first number that differs."""
    result = Fit.SAME
    for trial in trials:
        found = _fit_one(trial, functions, rtol, budget)
        if found is Fit.DIFFERENT:
            return found
        if found is Fit.SAME_RESULTS:
            result = found
    return result


def _fit_one(trial: Trial, functions: Mapping[str, Any], rtol: float, budget: Budget) -> Fit:
    wanted = trial.transcript
    place = 0
    result = Fit.SAME

    def compare(exchange: Exchange) -> None:
        nonlocal place, result
        budget.spend()
        if place >= len(wanted):
            raise _Deviation
        other = wanted[place]
        place += 1
        if same_exchange(exchange, other, rtol):
            return
        if exchange.name != other.name or exchange.name not in EXPLAINING:
            raise _Deviation
        result = Fit.SAME_RESULTS

    try:
        rehearse(trial.test, trial.fixtures(functions, compare))
    except _Deviation:
        return Fit.DIFFERENT
    return result if place == len(wanted) else Fit.DIFFERENT


def rehearse(test: Callable[..., object], fixtures: Mapping[str, Any]) -> bool:
    """Run a hidden test without a word; whether it failed."""
    wanted = inspect.signature(test).parameters
    with contextlib.suppress(Exception), warnings.catch_warnings(record=True), contextlib.redirect_stdout(_Nowhere()):
        warnings.simplefilter("default")  # what a student's code is told, this code is told, too
        test(**{name: fixtures[name] for name in wanted})
        return False
    return True


def transcript_of(student: Student) -> list[Exchange]:
    """Everything that the last test asked of `student`."""
    return student._caller.transcript


class _Nowhere(io.TextIOBase):
    """Where misconceptions print to."""

    def write(self, text: str) -> int:
        return len(text)
