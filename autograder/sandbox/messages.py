"""What the trusted side, the zygote and workers say to each other; values inside are trees made by `wire.Packer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class RunCell(msgspec.Struct, tag="cell"):
    """Run one notebook cell; answered by CellRan."""

    source: str
    label: str
    max_output: int
    """Characters of text that are kept."""
    max_printed: int = 1 << 24
    """Characters that may be printed at all."""


class Call(msgspec.Struct, tag="call"):
    """Call a function of the notebook by name; answered by Returned or Raised, perhaps after some CallBacks."""

    function: str
    arguments: list[Any]
    keywords: dict[str, Any]
    opaque: list[int]


class Tool(msgspec.Struct, tag="tool"):
    """Use one of the worker's own tools (build a model, read its weights); answered as a Call is."""

    name: str
    arguments: list[Any]
    keywords: dict[str, Any]


class BeginTest(msgspec.Struct, tag="test"):
    """Seed every random generator and forget all handles; answered by Returned.

    Until the next test, calls of the functions in `stand_ins` go to the trusted side instead of the notebook's own.
    """

    seed: int
    stand_ins: list[str] = []


class Answer(msgspec.Struct, tag="answer"):
    """What a function of the trusted side returned to a CallBack."""

    value: Any


class StandInAnswer(msgspec.Struct, tag="stand-in answer"):
    """What a right answer gave to a StandInCall, and the arguments that it changed; None for those it left alone."""

    value: Any
    arguments: list[Any]


class Refusal(msgspec.Struct, tag="refusal"):
    """What a CallBack or a StandInCall asked for raised; the worker raises it again where it was called."""

    kind: str
    message: str


class CellRan(msgspec.Struct, tag="ran"):
    """A cell is done. The body is msgpack: the list of its outputs."""

    error: str | None
    """The type name of the exception that stopped it, MemoryError for all of its kind; None where it ran through."""
    message: str = ""
    where: str = ""
    """The line of the notebook, as in Raised."""


class Returned(msgspec.Struct, tag="returned"):
    """A call's result, and its arguments as the call left them."""

    value: Any
    arguments: list[Any]


class Raised(msgspec.Struct, tag="raised"):
    """A call raised. `where` names the student's line, `no_memory` says that an allocation was refused."""

    kind: str
    message: str
    where: str
    no_memory: bool


class CallBack(msgspec.Struct, tag="back"):
    """The student's code calls a function that stayed on the trusted side."""

    function: int
    arguments: list[Any]


class StandInCall(msgspec.Struct, tag="stand-in call"):
    """The student's code calls a function that a right answer stands in for. Answered by StandInAnswer or Refusal.

    Before that, the trusted side may use tools: to read and set the state of what `arguments` refer to.
    """

    function: str
    arguments: list[Any]
    keywords: dict[str, Any]


MAX_OUTPUTS = 500
"""Outputs of one cell; what comes after them is dropped."""

Request = RunCell | Call | Tool | BeginTest | Answer | StandInAnswer | Refusal
Reply = CellRan | Returned | Raised | CallBack | StandInCall

Nested = Callable[[Request, list[memoryview]], tuple[Reply, memoryview]]
"""Sends the worker another request while it waits for an answer, and returns the reply."""
OnCallBack = Callable[[CallBack | StandInCall, memoryview, Nested], tuple[Request, list[memoryview]]]


# --- to and from the base process ---

NUMPY, TORCH = "numpy", "torch"


class StartBase(msgspec.Struct, frozen=True):
    """The first message to a base process: what to import."""

    libraries: str
    """NUMPY or TORCH."""
    entry: str
    """``module:function`` that a grading process runs; the module is imported before any fork. "" for none."""


class ForkZygote(msgspec.Struct, tag="fork zygote", frozen=True):
    """Fork a zygote. Its socket and its standard error come along. Answered by Forked or NotStarted."""


class ForkGrading(msgspec.Struct, tag="fork grading process", frozen=True):
    """Fork a grading process. Its socket and its standard error come along. Answered by Forked or NotStarted."""


class Reap(msgspec.Struct, tag="reap", frozen=True):
    """Kill what was forked, if it hasn't ended yet, and wait for its end; answered by Ended."""

    pid: int


# --- to and from the zygote ---


class WorkerSettings(msgspec.Struct, frozen=True):
    """What differs from worker to worker."""

    folder: str
    """The worker's own folder, empty but for links to the assignment's data."""
    files: str
    """The folder with the files that come with the assignment's notebook."""
    uid: int
    """The user to become; 0 where the grader isn't root and the worker stays who it is."""
    seed: int
    memory: int
    file_size: int


class Setup(msgspec.Struct, frozen=True):
    """The first message to a zygote: what its workers may import and read."""

    libraries: str
    """NUMPY or TORCH."""
    files: str
    """The folder with the files that come with the assignment's notebook."""
    isolated: bool
    prefix: list[RunCell]
    """The instructor's cells that the notebook begins with: run here once, and not again in every worker."""
    secret: list[str]
    """Folders that no worker may read, even where they lie among the libraries."""


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The zygote's answer: versions by name, and what an instructor should know about isolation."""

    versions: dict[str, str]
    notes: list[str]


class Fork(msgspec.Struct, tag="fork", frozen=True):
    """Fork a worker; its socket comes along as a file descriptor. Answered by Forked."""

    settings: WorkerSettings


class Kill(msgspec.Struct, tag="kill", frozen=True):
    """Kill a worker and wait for its end; answered by Ended."""

    pid: int


class Forked(msgspec.Struct, tag="forked", frozen=True):
    """The new process's id."""

    pid: int


class Ended(msgspec.Struct, tag="ended", frozen=True):
    """How a process ended: the status that waitpid gives, or None if it was no child of the one asked."""

    status: int | None


class NotStarted(msgspec.Struct, tag="failed", frozen=True):
    """The base process or the zygote could not start."""

    reason: str
