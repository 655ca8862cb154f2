"""One submission's run of the hidden tests: gives them their student and turns their outcomes into Checks."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import inspect
import itertools
import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import autograder
from autograder.authoring import Mismatch
from autograder.authoring.bank import Misconception
from autograder.authoring.expect import numbers
from autograder.course import Assignment, located
from autograder.diagnosis import Recording, Trial, known, recording_of, rehearse, right_student
from autograder.grading.session import Session
from autograder.report import Check, Curve, Limit
from autograder.sandbox.errors import (
    OutOfMemory,
    PrintedTooMuch,
    SandboxError,
    StudentError,
    StudentRaised,
    TimedOut,
    WorkerLost,
)
from autograder.sandbox.limits import Limits
from autograder.sandbox.stand_ins import StandIns
from autograder.sandbox.student import Caller, Exchange, LocalChannel, OnExchange, Student
from autograder.text import printable, without_addresses

MAX_MESSAGE = 4000
"""Characters of a check's message."""
MAX_CURVE = 500
"""Losses of a curve."""
_PACKAGE = Path(str(autograder.__file__)).resolve().parent


class Run:
    """What hidden tests need of one submission, and what they found out about it.

    Attributes:
        checks: the finished Checks by grade_id.
        trials: by grade_id, the tests that other code may be tried on, with what the student's code did in them.
        curves: by grade_id, a loss curve where the cell's function trains something.
        explained_elsewhere: cells whose function fails because another cell's does: the other one is to be explained.
        faults: what went wrong on the grader's own side.
    """

    def __init__(self, session: Session, assignment: Assignment, limits: Limits, seed: int) -> None:
        self._session = session
        self._caller = Caller(session)
        self._cells = [str(cell.grade_id) for cell in assignment.tests]
        self._limits = limits
        self._seed = seed
        self._assignment = assignment
        self._bank = assignment.bank
        self._lost: dict[str, list[WorkerLost]] = {}
        self._samples = assignment.samples
        self.checks: dict[str, list[Check]] = {cell: [] for cell in self._cells}
        self.trials: dict[str, list[Trial]] = {cell: [] for cell in self._cells}
        self.curves: dict[str, Curve] = {}
        self.explained_elsewhere: set[str] = set()
        self.faults: list[str] = []

    @property
    def measured(self) -> dict[str, float]:
        """Numbers that hidden tests put into the Report."""
        return self._caller.measured

    def seed_of(self, item: pytest.Item) -> int:
        """A test's own seed."""
        return test_seed(self._seed, item.name)

    def fixture(self, name: str, item: pytest.Item) -> Any:
        """What a test gets that asks for the fixture `name`; see HiddenTests, where pytest finds them."""
        return FIXTURES[name](self, item)

    def _student(self, item: pytest.Item) -> Student:
        cell = cell_of(item)
        lost = self._lost.get(cell, [])
        if len(lost) >= self._limits.lives_per_cell:
            raise lost[-1]
        self._session.advance(cell)
        self._caller.begin(self.seed_of(item))
        return Student(self._caller)

    def _right_student(self, item: pytest.Item) -> Student:
        return right_student(self._bank.answers, self.seed_of(item))

    @contextlib.contextmanager
    def recorded(self, item: pytest.Item) -> Iterator[None]:
        """Keep the Check of a test that is run inside."""
        started = time.perf_counter()
        self._error: BaseException | None = None
        self._replaced: tuple[str, ...] = ()
        self._reference: Recording | None = None
        self._isolated = True
        yield
        self._record(item, cell_of(item), self._error, time.perf_counter() - started)

    def raised(self, error: BaseException) -> None:
        """Keep the first exception of the phases of a test."""
        if self._error is None:
            self._error = error

    def do(self, item: pytest.Function) -> None:
        """All phases of a test that asks for nothing but the fixtures from here."""
        try:
            item.funcargs = {name: self.fixture(name, item) for name in item._fixtureinfo.argnames}
            self.call(item)
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            self.raised(error)

    def call(self, pyfuncitem: pytest.Function) -> None:
        """Run a test; where it fails, run it again with right answers in place of functions that lost points."""
        mark = pyfuncitem.get_closest_marker("grades")
        assert mark is not None
        fixtures = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        self._session.right_seconds = functools.partial(self._right_seconds, pyfuncitem)
        suspects = self._suspects(str(mark.args[0]), mark.kwargs["together"])
        hangs = any(self._hangs(name) for name in suspects)
        names = suspects if mark.kwargs["stand_ins"] else []
        alone = False  # whether the test turned out to call none of them
        first = None if names and hangs else self._attempt(pyfuncitem.obj, fixtures)
        if names and (first is None or first.error is not None):
            second = self._attempt_with_stand_ins(pyfuncitem, fixtures, names)
            alone = first is not None and not second.stand_ins
            if first is None or (second.stand_ins and _rank(second) <= _rank(first)):
                first = second
        assert first is not None
        self._isolated = not names or bool(first.stand_ins) or alone
        self._caller.transcript, self._caller.curve, self._replaced = first.transcript, first.curve, first.stand_ins
        self._reference = first.reference
        if first.error is not None:
            raise first.error

    def _attempt(self, test: Callable[..., object], fixtures: Mapping[str, Any]) -> _Attempt:
        error: Exception | None = None
        try:
            test(**fixtures)
        except Exception as raised:
            error = raised
        recording = recording_of(fixtures.get("reference"))
        return _Attempt(error, self._caller.transcript, self._caller.curve, (), recording)

    def _attempt_with_stand_ins(
        self, item: pytest.Function, fixtures: Mapping[str, Any], names: Sequence[str]
    ) -> _Attempt:
        seed = self.seed_of(item)
        stand_ins = StandIns(names, self._bank.answers)
        fresh = {"reference": self._right_student(item), "rng": np.random.default_rng(seed)}
        try:
            self._caller.begin(seed, stand_ins)
            self._session.replaced = frozenset(names)
            attempt = self._attempt(item.obj, {name: fresh.get(name, value) for name, value in fixtures.items()})
            if not isinstance(attempt.error, WorkerLost):
                self._caller.begin(seed)  # the notebook's own functions are back where they were
        except WorkerLost as error:
            return _Attempt(error, [], None, (), None)
        finally:
            self._session.replaced = frozenset()
        called = tuple(name for name in names if name in stand_ins.called)
        return msgspec.structs.replace(attempt, stand_ins=called)

    def _suspects(self, cell: str, together: Sequence[str]) -> list[str]:
        """The functions graded before `cell` that lost points and that its test or the notebook's code for it may call.

        Where one of `together` is among them, the others graded before `cell` are, too.
        """
        lost = self._lost_before(cell)
        if not lost:
            return []
        function = self._assignment.function_of(cell)
        used = self._session.may_call(function)
        if function in together:
            used = used.union(together, *map(self._session.may_call, together))
        names = {name for name in lost if name in used}
        if names & set(together):
            names |= set(together)
        return [name for name in self._before(cell) if name in names]

    def _before(self, cell: str) -> list[str]:
        """The functions graded before `cell`."""
        return [self._assignment.function_of(name) for name in self._cells[: self._cells.index(cell)]]

    def _lost_before(self, cell: str) -> list[str]:
        """The functions graded before `cell` that lost points."""
        checks = {name: self.checks[self._assignment.cell_of(name)] for name in self._before(cell)}
        return [name for name, made in checks.items() if any(check.outcome != "passed" for check in made)]

    def _right_seconds(self, item: pytest.Function) -> float | None:
        """The longest that the right answers take between two calls of a test; None where there was no call."""
        stamps = [time.perf_counter()]
        fixtures = self._fixtures(self.seed_of(item), self._bank.answers, lambda _: stamps.append(time.perf_counter()))
        rehearse(item.obj, fixtures)
        return max((after - before for before, after in itertools.pairwise(stamps)), default=None)

    def _hangs(self, function: str) -> bool:
        """Whether a hidden test of `function` has cost a worker."""
        return bool(self._lost.get(self._assignment.cell_of(function)))

    def _record(self, item: pytest.Item, cell: str, error: BaseException | None, seconds: float) -> None:
        assert isinstance(item, pytest.Function)
        mark = item.get_closest_marker("grades")
        assert mark is not None
        name = item.name.removeprefix("test_")
        outcome, message = self._verdict(name, cell, error)
        found = self._named(cell, error)
        explanation = known(found) if found else None
        self.checks[cell].append(
            Check(
                name=name,
                title=title_of(item.obj),
                outcome=outcome,  # type: ignore[arg-type]
                message=without_addresses(message),
                stand_ins=self._replaced,
                hint=explanation.hint if explanation else "",
                diagnosis=explanation.diagnosis if explanation else None,
                weight=mark.kwargs["weight"],
                limit=self._limit_of(error),
                duration=round(seconds, 4),
            )
        )
        if self._caller.curve is not None and not self._session.exposed:
            self.curves.setdefault(cell, drawn(*self._caller.curve))
        if isinstance(error, WorkerLost):
            self._lost.setdefault(cell, []).append(error)
            self._session.skip(cell, f"Not run, because a hidden test of this cell had to be stopped: {error}.")
            self._session.avoid(self._assignment.function_of(cell))
        elif isinstance(error, StudentRaised) and self._raised_elsewhere(error, cell):
            self.explained_elsewhere.add(cell)
        elif mark.kwargs["diagnose"] and self._isolated:
            seed = self.seed_of(item)
            here, elsewhere, usual = (
                functools.partial(self._fixtures, number)
                for number in (seed, test_seed(seed, item.name), test_seed(0, item.name))
            )
            self.trials[cell].append(
                Trial(
                    test=item.obj,
                    fixtures=here,
                    transcript=self._caller.transcript,
                    failed=error is not None,
                    elsewhere=elsewhere,
                    usual=usual,
                    reference=self._reference,
                )
            )

    def _named(self, cell: str, error: BaseException | None) -> Misconception | None:
        """The misconception that a hidden test has named by itself."""
        if not isinstance(error, Mismatch) or error.mistake is None:
            return None
        identifier = f"{self._assignment.function_of(cell)}.{error.mistake}"
        found = [entry for entry in self._bank.misconceptions if entry.id == identifier]
        if not found:
            self.faults.append(f"a hidden test of {cell} names a mistake that is in no bank: {identifier}")
        return found[0] if found else None

    def _raised_elsewhere(self, error: StudentRaised, cell: str) -> bool:
        """Whether the line that raised stands in the cell of another graded function."""
        place = error.where.rpartition(" cell ")[2]
        return self._assignment.cell_of(place) in self._cells and self._assignment.cell_of(place) != cell

    def _fixtures(
        self, seed: int, functions: Mapping[str, Any], on_exchange: OnExchange | None = None
    ) -> dict[str, Any]:
        """The fixtures of a test with the seed `seed`, for a student whose functions are the given ones."""
        return {
            "student": local_student(functions, seed, on_exchange),
            "reference": right_student(self._bank.answers, seed),
            "rng": np.random.default_rng(seed),
            "samples": self._samples,
            "seed": seed,
            "lost": frozenset(),
        }

    def _limit_of(self, error: BaseException | None) -> Limit | None:
        """The limit that stopped a test."""
        if isinstance(error, OutOfMemory):
            return Limit(name="memory", value=self._limits.memory)
        if isinstance(error, StudentRaised):
            if error.type == PrintedTooMuch.__name__:
                return Limit(name="printed", value=self._limits.printed)
            return Limit(name="files", value=self._limits.files) if _found_folder_full(error) else None
        hit = error.limit if isinstance(error, StudentError) else None
        return None if hit is None else Limit(name=hit.name, value=hit.value)

    def _verdict(self, name: str, cell: str, error: BaseException | None) -> tuple[str, str]:
        if error is None:
            return "passed", ""
        if isinstance(error, Mismatch):
            return "failed", printable(str(error), MAX_MESSAGE, keep="\n")
        if isinstance(error, StudentRaised):
            full = f" It may write {self._limits.files >> 20} MiB of files." if _found_folder_full(error) else ""
            return "error", explain(error) + full
        if isinstance(error, StudentError):
            memory = f": {self._limits.memory >> 20} MiB" if isinstance(error, OutOfMemory) else ""
            return error.outcome, f"{error}{memory}."[0].upper() + f"{error}{memory}."[1:]
        if isinstance(error, SandboxError):
            raise error
        if isinstance(error, AssertionError) and not _raised_by_package(error, self._assignment.hidden_folder):
            return "failed", printable(_asserted(error, self._assignment.hidden_folder), MAX_MESSAGE, keep="\n")
        where = located(error, self._assignment.hidden_folder)
        self.faults.append(printable(f"hidden test {name} of cell {cell} itself failed: {where}", MAX_MESSAGE))
        return "error", COULD_NOT_BE_MADE


FIXTURES: dict[str, Callable[[Run, pytest.Item], Any]] = {
    "seed": Run.seed_of,
    "rng": lambda run, item: np.random.default_rng(run.seed_of(item)),
    "samples": lambda run, _: run._samples.telling(run._session.expose),
    "student": Run._student,
    "lost": lambda run, item: frozenset(run._lost_before(cell_of(item))),
    "reference": Run._right_student,
}
"""What every hidden test may ask for, and how a run makes it."""


def _found_folder_full(error: StudentRaised) -> bool:
    """Whether writing failed because the worker's folder, where it has a fixed size, is full."""
    return error.type == "OSError" and error.text.startswith(f"[Errno {errno.ENOSPC}]")


def test_seed(seed: int, name: str) -> int:
    """A test's seed out of the run's seed and the test's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:4], "big")


class _Attempt(msgspec.Struct, frozen=True):
    """One run of a hidden test."""

    error: Exception | None
    transcript: list[Exchange]
    curve: tuple[str, Any, Any] | None
    stand_ins: tuple[str, ...]
    """The functions that a right answer stood in for, and that were called."""
    reference: Recording | None
    """What the right answers replied that the test compares with."""


_RANKS = (type(None), AssertionError, StudentRaised, OutOfMemory, TimedOut)
"""How an attempt can end, the better first."""


def _rank(attempt: _Attempt) -> int:
    kinds = [place for place, kind in enumerate(_RANKS) if isinstance(attempt.error, kind)]
    return min(kinds, default=len(_RANKS))


def local_student(namespace: Mapping[str, Any], seed: int, on_exchange: OnExchange | None = None) -> Student:
    """A Student whose functions run in this process: for code that is the grader's own."""
    caller = Caller(LocalChannel(dict(namespace)), on_exchange)
    caller.begin(seed)
    return Student(caller)


def cell_of(item: pytest.Item) -> str:
    """The grade_id of the cell that a test grades."""
    mark = item.get_closest_marker("grades")
    assert mark is not None
    return str(mark.args[0])


def title_of(function: Callable[..., object]) -> str:
    """A test's title: its docstring's first paragraph on one line."""
    return " ".join((inspect.getdoc(function) or function.__name__).split("\n\n")[0].split())


def drawn(title: str, losses: Any, healthy: Any) -> Curve:
    """A curve out of what a student's code returned, whatever that is, and of what is right."""
    received = numbers(losses)
    flat = [] if received is None or received.ndim != 1 else received[:MAX_CURVE].tolist()
    return Curve(
        title=title,
        student=tuple(loss if math.isfinite(loss) else None for loss in flat),
        healthy=tuple(map(float, healthy)),
    )


COULD_NOT_BE_MADE = "This check could not be made: the fault is the grader's, and the instructor has been told."
"""What a student reads where a hidden test itself failed."""
NOT_SAID = "What this check demands does not hold."
"""Instead of a message that might show hidden values."""


def _asserted(error: AssertionError, folder: Path) -> str:
    """What an ``assert`` of an author's in `folder` says. Other messages, NumPy's for example, show hidden values."""
    own = Path(_raised_in(error)).is_relative_to(folder)
    return (str(error) if own else "") or NOT_SAID


def _raised_by_package(error: BaseException, folder: Path) -> bool:
    """Whether an error comes out of this package: out of what authors call, and not out of their files in `folder`."""
    file = Path(_raised_in(error))
    return file.is_relative_to(_PACKAGE) and not file.is_relative_to(folder)


def _raised_in(error: BaseException) -> str:
    """The file whose line raised an error."""
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].filename if frames else ""


def explain(error: StudentRaised) -> str:
    """What a student reads where their function raised."""
    if error.type == "NotImplementedError":
        return f"{error.function} is not filled in yet: raise NotImplementedError is still there."
    place = f" in {error.where}" if error.where else ""
    text = f": {error.text}" if error.text else ""
    return f"{error.function} raised {error.type}{place}{text}"


test_seed.__test__ = False  # type: ignore[attr-defined]
