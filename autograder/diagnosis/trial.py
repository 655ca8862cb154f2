"""One hidden test as it was run on the student's code, and how well other code fits it."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import io
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType, FunctionType
from typing import Any, Protocol

import msgspec

from autograder.diagnosis.comparison import EXPLAINING, same_exchange
from autograder.diagnosis.reference import Recording, Strayed, played, recording_of
from autograder.sandbox.deadline import Late, deadline
from autograder.sandbox.student import Exchange, OnExchange, Student

CALLS_AN_EXCHANGE = 5
"""What an exchange costs besides, as many calls of a right answer's as take that long."""
TRIAL_SECONDS = 10.0
"""By the clock, for one candidate in one test: two edits together may never end."""

_WORK: weakref.WeakKeyDictionary[Callable[..., object], int] = weakref.WeakKeyDictionary()


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
    elsewhere: MakeFixtures
    """As `fixtures`, on other inputs."""
    usual: MakeFixtures
    """As `fixtures`, on inputs that are the same for all submissions."""
    reference: Recording | None = None
    """What the right answers replied in that run."""


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
    """Runs a trial's test on other code, with what the right answers replied in the trial.

    Attributes:
        trial: the test, and what the student's code did in it.
    """

    def __init__(self, trial: Trial, answers: Mapping[str, Any]) -> None:
        self.trial = trial
        self._answers = answers

    @functools.cached_property
    def right(self) -> list[Exchange]:
        """What the right answers do in the whole test."""
        transcript: list[Exchange] = []
        rehearse(self.trial.test, self.trial.fixtures(self._answers, transcript.append))
        return transcript

    @property
    def work(self) -> int:
        """How much the right answers do in the test, in calls: a count, because a clock tells how busy the machine is.

        It is counted once for each test, on inputs that don't depend on the submission: counting is slow.
        """
        test = self.trial.test
        if test not in _WORK:
            transcript: list[Exchange] = []
            with _counting_calls(self._answers) as count:
                rehearse(test, self.trial.usual(self._answers, transcript.append))
            _WORK[test] = count() + CALLS_AN_EXCHANGE * len(transcript)
        return _WORK[test]

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

    def transcript(self, functions: Mapping[str, Any]) -> list[Exchange]:
        """What `functions` do in the test, up to where the trial ended: no reply of a right answer is known beyond."""
        transcript: list[Exchange] = []
        self._run(functions, transcript.append)
        return transcript

    def fixtures(self, functions: Mapping[str, Any], on_exchange: OnExchange | None = None) -> dict[str, Any]:
        """As the trial's fixtures; what was recorded stands in for the right answers where it can."""
        fixtures = self.trial.fixtures(functions, on_exchange)
        if self.trial.reference is not None and self.trial.reference.complete:
            fixtures["reference"] = played(self.trial.reference)
        return fixtures

    def _run(self, functions: Mapping[str, Any], compare: OnExchange) -> bool:
        """Run the test; whether it ended by itself, passed or failed."""
        fixtures = self.fixtures(functions, compare)
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


def elsewhere(trials: Iterable[Trial], answers: Mapping[str, Any], functions: Mapping[str, Any]) -> list[Rerun]:
    """Trials on other inputs, in which `functions` take the place of the student's."""
    reruns = []
    for trial in trials:
        there = msgspec.structs.replace(trial, fixtures=trial.elsewhere)
        with contextlib.suppress(Late), deadline(TRIAL_SECONDS):
            reruns.append(Rerun(observed(there, functions), answers))
    return reruns


def observed(trial: Trial, functions: Mapping[str, Any]) -> Trial:
    """The trial as it goes where `functions` take the place of the student's."""
    fixtures = trial.fixtures(functions)
    failed = rehearse(trial.test, fixtures)
    return msgspec.structs.replace(
        trial,
        transcript=transcript_of(fixtures["student"]),
        failed=failed,
        reference=recording_of(fixtures["reference"]),
    )


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


@contextlib.contextmanager
def _counting_calls(answers: Mapping[str, Any]) -> Iterator[Callable[[], int]]:
    """Counts the calls that the right answers make, and those of them, until the block ends."""
    files = {answer.__code__.co_filename for answer in answers.values() if isinstance(answer, FunctionType)}
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call") and frame.f_code.co_filename in files

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(before)


class _Nowhere(io.TextIOBase):
    """Where misconceptions print to."""

    def write(self, text: str) -> int:
        return len(text)
