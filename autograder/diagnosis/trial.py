"""One hidden test as it was run on the student's code, and how well other code fits it."""

from __future__ import annotations

import contextlib
import enum
import inspect
import io
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from autograder.diagnosis.comparison import EXPLAINING, same_exchange
from autograder.diagnosis.replay import Player, Recorder, Strayed
from autograder.sandbox.deadline import Late, deadline
from autograder.sandbox.student import Exchange, OnExchange, Student

TRIAL_SECONDS = 10.0
"""By the clock, for one candidate in one test: two edits together may never end."""


class MakeFixtures(Protocol):
    """Makes the fixtures of a fresh run of a test, seeded alike, on a student whose functions are the given ones."""

    def __call__(self, functions: Mapping[str, Any], on_exchange: OnExchange | None = None) -> dict[str, Any]:
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


class _Deviation(BaseException):
    """Other code went another way than the student's; not an Exception, so that no hidden test catches it."""


class Rerun:
    """Runs a trial's test on other code, against right answers that were recorded once.

    Attributes:
        trial: the test, and what the student's code did in it.
        seconds: what the right answers take.
        right: the places of the transcript in which the right answers do what the student's code did.
    """

    def __init__(self, trial: Trial, answers: Mapping[str, Any]) -> None:
        self.trial = trial
        self._recorder: Recorder | None = None
        started = time.perf_counter()
        self.right = self.agreement(answers)
        self.seconds = time.perf_counter() - started

    def fit(self, functions: Mapping[str, Any], rtol: float) -> Fit:
        """How well `functions` do what the student's code did; ends at the first number that differs."""
        wanted, place, result = self.trial.transcript, 0, Fit.SAME

        def compare(exchange: Exchange) -> None:
            nonlocal place, result
            if place >= len(wanted):
                raise _Deviation
            other = wanted[place]
            place += 1
            if same_exchange(exchange, other, rtol):
                return
            if exchange.name != other.name or exchange.name not in EXPLAINING:
                raise _Deviation
            result = Fit.SAME_RESULTS

        if not self._run(functions, compare):
            return Fit.DIFFERENT
        return result if place == len(wanted) else Fit.DIFFERENT

    def agreement(self, functions: Mapping[str, Any], rtol: float = 1e-5) -> frozenset[int]:
        """The places of the transcript in which `functions` do what the student's code did."""
        wanted, place = self.trial.transcript, 0
        same: set[int] = set()

        def compare(exchange: Exchange) -> None:
            nonlocal place
            if place < len(wanted) and same_exchange(exchange, wanted[place], rtol):
                same.add(place)
            place += 1

        self._run(functions, compare)
        return frozenset(same)

    def _run(self, functions: Mapping[str, Any], compare: OnExchange) -> bool:
        """Run the test; whether it ended by itself, passed or failed."""
        fixtures = self.trial.fixtures(functions, compare)
        if self._recorder is None:
            reference: Student = fixtures["reference"]
            self._recorder = Recorder(reference._caller)
            fixtures["reference"] = Student(self._recorder)
        elif self._recorder.complete:
            fixtures["reference"] = Student(Player(self._recorder.kept))
        try:
            with deadline(TRIAL_SECONDS):
                rehearse(self.trial.test, fixtures)
        except (_Deviation, Strayed, Late):
            return False
        return True


def fit(reruns: Iterable[Rerun], functions: Mapping[str, Any], rtol: float) -> Fit:
    """How well `functions` do in all trials what the student's code did; ends at the first number that differs."""
    result = Fit.SAME
    for rerun in reruns:
        found = rerun.fit(functions, rtol)
        if found is Fit.DIFFERENT:
            return found
        if found is Fit.SAME_RESULTS:
            result = found
    return result


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
    transcript: list[Exchange] = student._caller.transcript  # type: ignore[attr-defined]
    return transcript


class _Nowhere(io.TextIOBase):
    """Where misconceptions print to."""

    def write(self, text: str) -> int:
        return len(text)
