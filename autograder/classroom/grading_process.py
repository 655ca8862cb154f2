"""A grading process: grades notebooks, one after the other, for a Pool."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from autograder.course import AssignmentError, Course
from autograder.report import Report
from autograder.sandbox.errors import SandboxError
from autograder.sandbox.isolation import Isolation
from autograder.sandbox.limits import Limits
from autograder.seeds import seed_for
from autograder.submission import SubmissionError, empty_submission, read_submission

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


class Graded(msgspec.Struct, tag="graded", frozen=True):
    """A notebook's Report, and what each of its cells left behind, as the notebook format has it."""

    report: Report
    outputs: list[list[dict[str, Any]]]


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """Why this machine can't grade this assignment."""

    reason: str


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
    return msgspec.msgpack.decode(stream.read(*_LENGTH.unpack(prefix)), type=kind)


def main() -> None:
    """Grade jobs from standard input until it ends; results go to standard output, and nothing else does."""
    jobs, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings = receive(jobs, Settings)
    # Imported here: a Pool needs this module's messages, and not all that grading needs.
    from autograder.grading import Grader

    try:
        assignment = Course(Path(settings.course)).assignment(settings.assignment)
        grader = Grader(assignment, settings.limits, settings.isolation, settings.illustrations)
    except (AssignmentError, SandboxError) as error:
        send(results, Failed(str(error)))
        return
    with grader:
        while (job := receive(jobs, Job)) is not None:
            try:
                submission = read_submission(Path(job.path), assignment)
            except SubmissionError as error:
                submission = empty_submission(assignment, str(error))
            try:
                seed = seed_for(job.seed, submission.digest) if isinstance(job.seed, bytes) else job.seed
                graded = grader.grade(submission, seed)
            except SandboxError as error:
                send(results, Failed(str(error)))
                return
            send(results, Graded(graded.report, list(graded.outputs)))
