"""The right answers of one hidden test, recorded once, so that no candidate has them computed again."""

from __future__ import annotations

import copy
from typing import Any

from autograder.sandbox.student import Calls, Observed


class Strayed(BaseException):
    """The test asked the right answers for something else than when it was recorded."""


class Recorder:
    """Passes on what a test asks of the right answers, and keeps what comes back.

    Attributes:
        kept: names and results, in order.
        complete: whether that is all that the right answers did.
    """

    def __init__(self, caller: Calls) -> None:
        self._caller = caller
        self.recording = True
        self.curve: object = None
        self.measured: dict[str, float] = {}
        self.kept: list[tuple[str, Any]] = []
        self.complete = True

    def call(self, function: str, *arguments: Any) -> Observed:
        """As a Caller's."""
        # A function of the test's that is called back may ask the student for something, each time anew.
        self.complete &= not any(callable(argument) for argument in arguments[0])
        observed = self._caller.call(function, *arguments)
        self.kept.append((function, copy.deepcopy(observed)))
        return observed

    def use(self, name: str, *arguments: Any) -> Any:
        """As a Caller's."""
        result = self._caller.use(name, *arguments)
        self.kept.append((name, copy.deepcopy(result)))
        return result


class Player:
    """Gives back what a Recorder has kept, in the same order."""

    def __init__(self, kept: list[tuple[str, Any]]) -> None:
        self._kept = kept
        self._place = 0
        self.recording = True
        self.curve: object = None
        self.measured: dict[str, float] = {}

    def call(self, function: str, *arguments: Any) -> Observed:
        """As a Caller's; raises Strayed where the recording has something else here."""
        observed: Observed = self._next(function)
        return observed

    def use(self, name: str, *arguments: Any) -> Any:
        """As a Caller's; raises Strayed where the recording has something else here."""
        return self._next(name)

    def _next(self, name: str) -> Any:
        if self._place >= len(self._kept) or self._kept[self._place][0] != name:
            raise Strayed
        self._place += 1
        return copy.deepcopy(self._kept[self._place - 1][1])
