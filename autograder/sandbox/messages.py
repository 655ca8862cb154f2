"""What the trusted side and a worker say to each other; values inside are trees made by `wire.Packer`."""

from __future__ import annotations

from typing import Any

import msgspec


class RunCell(msgspec.Struct, tag="cell"):
    """Run one notebook cell; answered by CellRan."""

    source: str
    label: str
    max_output: int


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


Request = RunCell | Call | Tool | BeginTest | Answer | StandInAnswer | Refusal
Reply = CellRan | Returned | Raised | CallBack | StandInCall
