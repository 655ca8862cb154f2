"""What a Pool and its grading processes say to each other."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec

from autograder.report import Report
from autograder.sandbox.isolation import Isolation
from autograder.sandbox.limits import Limits

_LENGTH = struct.Struct("<Q")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a grading process grades, and how; the first message to it."""

    course: str
    """The course's folder."""
    assignment: str
    limits: Limits = Limits()
    isolation: Isolation = "auto"
    illustrations: bool = False
    """Whether the instructor's cells that nothing graded needs are run, too."""


class Job(msgspec.Struct, frozen=True):
    """One notebook to grade; answered by Graded or Failed."""

    path: str
    seed: int | bytes
    """A seed, or the student's key, with which the notebook's bytes decide it."""
    watched: bool = False
    """Whether a Progress comes before every check."""


class Progress(msgspec.Struct, tag="progress", frozen=True):
    """The check that is being made now."""

    function: str
    """The function that it grades."""
    title: str
    """The hidden test's title: not for students who aren't shown the checks."""
    done: int
    """How many checks have been made."""
    checks: int
    """How many there are."""


class Graded(msgspec.Struct, tag="graded", frozen=True):
    """A notebook's Report, and what each of its cells left behind, as the notebook format has it."""

    report: Report
    outputs: list[list[dict[str, Any]]]


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """Why this assignment can't be graded on this machine."""

    reason: str
    by_assignment: bool
    """Whether the assignment is at fault, and not the machine."""


def send(stream: BinaryIO, message: msgspec.Struct) -> None:
    """Write one message."""
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO, kind: Any) -> Any:
    """Read one message; None where the other side has hung up."""
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    data = stream.read(length)
    return msgspec.msgpack.decode(data, type=kind) if len(data) == length else None
