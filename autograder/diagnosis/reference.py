"""The right answers as a hidden test asks them, and what they replied, so that no candidate has them computed again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from autograder.sandbox import messages
from autograder.sandbox.errors import StudentError
from autograder.sandbox.messages import Nested, OnCallBack
from autograder.sandbox.student import Caller, LocalChannel, Observed, Student

MAX_KEPT = 16 << 20
"""Bytes of arrays that are kept of one run of a test."""


class Strayed(BaseException):
    """The test asked the right answers for something else than when it was recorded; no hidden test catches it."""


class RightAnswerFailed(Exception):
    """A right answer raised: a fault of the grader's, never to be taken for the student's."""


class _Kept(NamedTuple):
    name: str
    reply: messages.Reply
    body: memoryview


class Recording:
    """A channel to right answers that keeps what they reply in one run of a test.

    Attributes:
        complete: whether what is kept is all that they did.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._channel = LocalChannel(dict(answers))
        self._size = 0
        self.kept: list[_Kept] = []
        self.complete = True

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float | None, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """As LocalChannel.request."""

        def noted(
            back: messages.CallBack | messages.StandInCall, body: memoryview, nested: Nested
        ) -> tuple[messages.Request, list[memoryview]]:
            # A function of the test's may ask the student for something, each time anew.
            self.complete = False
            return on_call_back(back, body, nested)

        reply, body = self._channel.request(message, buffers, seconds, noted)
        self._size += len(body)
        self.complete &= self._size <= MAX_KEPT
        if not self.complete:
            self.kept.clear()
        elif isinstance(message, messages.Call | messages.Tool):
            self.kept.append(_Kept(_name_of(message), reply, body))
        return reply, body


class _Played:
    """Replies what a Recording has kept, in the same order."""

    def __init__(self, recording: Recording) -> None:
        self._left = iter(recording.kept)

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float | None, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """What was replied; raises Strayed where the recording has something else here, or nothing more."""
        kept = next(self._left, None)
        if kept is None or kept.name != _name_of(message):
            raise Strayed
        return kept.reply, kept.body


def _name_of(message: messages.Request) -> str:
    return message.function if isinstance(message, messages.Call) else getattr(message, "name", "")


class RightAnswers(Caller):
    """A Caller whose functions are the right answers."""

    def call(self, function: str, *arguments: Any) -> Observed:
        """As Caller.call; raises RightAnswerFailed where that raises."""
        try:
            return super().call(function, *arguments)
        except StudentError as error:
            raise RightAnswerFailed(str(error)) from error


def right_student(answers: Mapping[str, Any], seed: int) -> Student:
    """The right answers, for one run of a test; they are recorded."""
    caller = RightAnswers(Recording(answers))
    caller.begin(seed)
    return Student(caller)


def recording_of(reference: Student | None) -> Recording | None:
    """What a `right_student` has replied so far; None where that is another student, or none."""
    channel = getattr(getattr(reference, "_caller", None), "_channel", None)
    return channel if isinstance(channel, Recording) else None


def played(recording: Recording) -> Student:
    """The right answers as they are recorded; they raise Strayed where the test asks for something else."""
    return Student(RightAnswers(_Played(recording)))
