"""A student's functions as a hidden test sees them: `student.mse_loss(y, y_hat)` looks like a call and is a message."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

from autograder.sandbox import messages
from autograder.sandbox.bench import Bench, veiled
from autograder.sandbox.errors import Crashed, OutOfMemory, StudentRaised
from autograder.sandbox.messages import Nested, OnCallBack
from autograder.sandbox.stand_ins import StandIns
from autograder.sandbox.wire import Function, Handle, Packer, Unpacker, WireError
from autograder.text import printable

MAX_CALL_BACKS = 100_000
"""Calls of the trusted side's functions during one call of a student's function."""
MAX_CALL_BACK_BODY = 16 << 20
"""Largest body of a call-back, in bytes: weights, or a batch of images."""
MAX_TRANSCRIPT = 128 << 20
"""Bytes of arrays that the transcripts of one submission may hold, all together."""
MAX_ERROR = 2000
"""Characters of an error's text."""
_FORGOTTEN = Handle(0, "something too large to be remembered")


class Channel(Protocol):
    """Carries requests to where the functions are, and replies back."""

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float | None, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """Send `message`; returns the reply and its body. Without `seconds`, the channel's own limit holds."""


class Exchange(msgspec.Struct, frozen=True):
    """One call or use of a tool that a hidden test made, and what came of it."""

    name: str
    result: Any
    left: list[Any]
    """The arguments as the call left them; None for those that crossed as handles or functions."""
    error: StudentRaised | OutOfMemory | None


OnExchange = Callable[[Exchange], None]


class Observed(msgspec.Struct, frozen=True):
    """What a call returned, and its arguments as the call left them; None for those that are no plain data."""

    value: Any
    arguments: list[Any]


class Calls(Protocol):
    """What a Student sends its calls through."""

    curve: Any
    measured: dict[str, float]
    recording: bool

    def call(
        self,
        function: str,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        seconds: float | None,
        opaque: tuple[int, ...],
        /,
    ) -> Observed:
        """Call a function of the notebook."""

    def use(
        self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], seconds: float | None = None, /
    ) -> Any:
        """Use a tool of the worker's."""


class Student:
    """Every public name is a function of the notebook: `student.plot(x)` calls the student's function ``plot``.

    What else a hidden test may do is in `tools_of`, `show_curve` and in the methods of a RemoteFunction.
    """

    def __init__(self, caller: Calls) -> None:
        self._caller = caller

    def __getattr__(self, name: str) -> RemoteFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return RemoteFunction(self._caller, name)


class RemoteFunction:
    """A function of the notebook by its name; calling it sends a message."""

    def __init__(self, caller: Calls, name: str, seconds: float | None = None, opaque: tuple[int, ...] = ()) -> None:
        self._caller = caller
        self._name = name
        self._seconds = seconds
        self._opaque = opaque

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function and return its result.

        Args:
            arguments: data, handles, or functions that stay here and are called back.
            keywords: keyword arguments, as `arguments`.

        Raises:
            StudentRaised: the function raised.
            OutOfMemory: it asked for more memory than there is for it.
            TimedOut, Crashed: it cost its process.
        """
        return self.observed(*arguments, **keywords).value

    def observed(self, *arguments: Any, **keywords: Any) -> Observed:
        """As a call, but with the arguments as the call left them."""
        return self._caller.call(self._name, arguments, keywords, self._seconds, self._opaque)

    def within(self, seconds: float) -> RemoteFunction:
        """The same function, which may take `seconds` CPU seconds instead of the grader's limit on a call."""
        return RemoteFunction(self._caller, self._name, seconds, self._opaque)

    def opaque(self, *places: int) -> RemoteFunction:
        """The same function; items at these places of a returned tuple stay where they are and come as handles."""
        return RemoteFunction(self._caller, self._name, self._seconds, places)


class Tools:
    """The worker's toolbox: `tools.network(...)` builds or reads things where the student's objects are."""

    def __init__(self, caller: Calls, seconds: float | None) -> None:
        self._caller = caller
        self._seconds = seconds

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def use(*arguments: Any, **keywords: Any) -> Any:
            return self._caller.use(name, arguments, keywords, self._seconds)

        return use


def tools_of(student: Student, seconds: float | None = None) -> Tools:
    """The toolbox in the process where the functions of `student` are.

    Args:
        student: whose process it is.
        seconds: CPU seconds that a tool may take; default: the grader's limit on a call.
    """
    return Tools(student._caller, seconds)


def kept_for(student: Student) -> dict[Any, Any]:
    """What hidden tests keep of one submission from test to test, handles excepted: they end with their test."""
    caller = student._caller
    assert isinstance(caller, Caller)
    return caller.kept


def show_curve(student: Student, title: str, losses: Any, healthy: Any) -> None:
    """Offer a loss curve for the feedback; of those that a test offers, the first one counts.

    Args:
        student: whose curve it is.
        title: what was trained, in a few words.
        losses: as the student's code returned them.
        healthy: those of a right answer.
    """
    caller = student._caller
    caller.curve = caller.curve or (title, losses, healthy)


def measure(student: Student, name: str, value: float) -> None:
    """Put a number that this test measured by itself into the Report, where a leaderboard finds it.

    Args:
        student: whose number it is.
        name: what was measured, in a word or two.
        value: the number; never one that the student's code said.
    """
    student._caller.measured[name] = float(value)


@contextmanager
def off_the_record(student: Student) -> Iterator[None]:
    """Calls made inside are not remembered in the transcript."""
    caller = student._caller
    before, caller.recording = caller.recording, False
    try:
        yield
    finally:
        caller.recording = before


class Caller:
    """Carries a hidden test's calls over a channel, and remembers what came of them.

    Attributes:
        transcript: every call and use of a tool since the test began, with what came of it.
        curve: a title, losses that the student's code returned, and those of a right answer, where a test has any.
        measured: see `measure`.
        stand_ins: the right answers that take the place of some of the notebook's functions in this test.
        recording: whether calls go into the transcript.
        kept: see `kept_for`.
    """

    def __init__(self, channel: Channel, on_exchange: OnExchange | None = None) -> None:
        """
        Args:
            channel: to where the functions are.
            on_exchange: is told of everything that goes into the transcript.
        """
        self._channel = channel
        self._functions: list[Callable[..., object]] = []
        self.transcript: list[Exchange] = []
        self.curve: tuple[str, Any, Any] | None = None
        self.measured: dict[str, float] = {}
        self.stand_ins: StandIns | None = None
        self.recording = True
        self.kept: dict[Any, Any] = {}
        self._on_exchange = on_exchange
        self._remembered = 0

    def begin(self, seed: int, stand_ins: StandIns | None = None) -> None:
        """Begin a test: generators start from `seed`, handles of earlier tests are gone, the transcript is empty."""
        self.transcript = []
        self.curve = None
        self.stand_ins = stand_ins
        self._functions = []
        self._send(messages.BeginTest(veiled(seed), stand_ins.names if stand_ins else []), [], None)

    def call(
        self,
        function: str,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        seconds: float | None,
        opaque: tuple[int, ...],
    ) -> Observed:
        """Call a function of the notebook; see RemoteFunction for what is raised."""
        packer, packed, named = self._packed(arguments, keywords)
        message = messages.Call(function, packed, named, list(opaque))
        return self._recorded(function, message, packer.buffers, seconds)

    def use(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], seconds: float | None = None) -> Any:
        """Use a tool of the worker's, for `seconds` CPU seconds at the most."""
        packer, packed, named = self._packed(arguments, keywords)
        result = self._recorded(name, messages.Tool(name, packed, named), packer.buffers, seconds).value
        if self.stand_ins is not None and isinstance(result, Handle):
            self.stand_ins.made(result, name, arguments, keywords)
        return result

    def keep(self, value: object) -> Handle | Function:
        """Offer a function of a hidden test to be called back. Only callables may be passed by reference."""
        if not callable(value):
            raise WireError(f"a hidden test can't send {type(value).__name__}")
        self._functions.append(value)
        return Function(len(self._functions) - 1)

    def find(self, reference: Handle | Function) -> object:
        """A handle stands for itself here; functions don't come from the other side."""
        if isinstance(reference, Function):
            raise WireError("a function came from the other side")
        return Handle(reference.id, printable(reference.type, 80))

    def _packed(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[Packer, list[object], dict[str, object]]:
        packer = Packer(self)
        packed = [packer.pack(argument) for argument in arguments]
        return packer, packed, {name: packer.pack(value) for name, value in keywords.items()}

    def _recorded(
        self, name: str, message: messages.Request, buffers: list[memoryview], seconds: float | None
    ) -> Observed:
        try:
            result, left, size = self._result(name, message, buffers, seconds)
        except (StudentRaised, OutOfMemory) as error:
            self._remember(Exchange(name, None, [], error))
            raise
        self._remembered += size
        if self._remembered <= MAX_TRANSCRIPT:
            self._remember(Exchange(name, _without_opaque(message, result), left, None))
        else:
            self._remember(Exchange(name, _FORGOTTEN, [], None))
        return Observed(result, left)

    def _remember(self, exchange: Exchange) -> None:
        if self.recording:
            self.transcript.append(exchange)
            if self._on_exchange is not None:
                self._on_exchange(exchange)

    def _result(
        self, name: str, message: messages.Request, buffers: list[memoryview], seconds: float | None
    ) -> tuple[Any, list[Any], int]:
        """What came back, the arguments as the call left them, and how many bytes of arrays that was."""
        reply, body = self._send(message, buffers, seconds)
        return *self._unpacked(name, reply, body), len(body)

    def _unpacked(self, name: str, reply: messages.Reply, body: memoryview) -> tuple[Any, list[Any]]:
        if isinstance(reply, messages.Raised):
            if reply.no_memory:
                raise OutOfMemory(f"{name} asked for more memory than there is for it")
            raise StudentRaised(
                name, *(printable(text, MAX_ERROR, keep="\n") for text in (reply.kind, reply.message, reply.where))
            )
        try:
            if not isinstance(reply, messages.Returned):
                raise WireError("a result was expected")
            unpacker = Unpacker(self, body)
            return unpacker.unpack(reply.value), [unpacker.unpack(tree) for tree in reply.arguments]
        except WireError as error:
            raise Crashed(f"the notebook's process broke the protocol: {error}") from None

    def _send(
        self, message: messages.Request, buffers: list[memoryview], seconds: float | None
    ) -> tuple[messages.Reply, memoryview]:
        calls = 0

        def on_call_back(
            back: messages.CallBack | messages.StandInCall, body: memoryview, nested: Nested
        ) -> tuple[messages.Request, list[memoryview]]:
            nonlocal calls
            calls += 1
            if calls > MAX_CALL_BACKS or len(body) > MAX_CALL_BACK_BODY:
                raise WireError("one call-back too many, or too large")
            if isinstance(back, messages.StandInCall):
                return self._stand_in(back, body, nested)
            return self._called_back(back, body)

        return self._channel.request(message, buffers, seconds, on_call_back)

    def _called_back(self, back: messages.CallBack, body: memoryview) -> tuple[messages.Request, list[memoryview]]:
        if not 0 <= back.function < len(self._functions):
            raise WireError("a call-back that was not offered")
        unpacker = Unpacker(self, body)
        arguments = [unpacker.unpack(tree) for tree in back.arguments]
        try:
            value = self._functions[back.function](*arguments)
        except Exception as error:
            return _refusal(error), []
        packer = Packer(self)
        return messages.Answer(packer.pack(value)), packer.buffers

    def _stand_in(
        self, call: messages.StandInCall, body: memoryview, nested: Nested
    ) -> tuple[messages.Request, list[memoryview]]:
        if self.stand_ins is None or call.function not in self.stand_ins.names:
            raise WireError("a call of a stand-in that isn't there")

        def tool(name: str, *arguments: Any) -> Any:
            packer, packed, named = self._packed(arguments, {})
            return self._unpacked(name, *nested(messages.Tool(name, packed, named), packer.buffers))[0]

        def unpacked() -> tuple[list[Any], dict[str, Any]]:
            unpacker = Unpacker(self, body)
            positional = [unpacker.unpack(tree) for tree in call.arguments]
            return positional, {key: unpacker.unpack(tree) for key, tree in call.keywords.items()}

        try:
            value, changed = self.stand_ins.answer(call.function, unpacked, tool)
            packer = Packer(self)
            return messages.StandInAnswer(packer.pack(value), [packer.pack(item) for item in changed]), packer.buffers
        except (Crashed, WireError):
            raise
        except Exception as error:
            return _refusal(error), []


class LocalChannel:
    """Serves requests from a bench in this process: for right answers and misconceptions, never for students."""

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self._on_call_back: OnCallBack | None = None
        self._bench = Bench(namespace, self._exchange)

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float | None, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """Serve `message` at once; there is no limit of time."""
        self._on_call_back = on_call_back
        with contextlib.redirect_stdout(io.StringIO()):  # some mistakes are to print, and not to return
            reply, reply_buffers = self._bench.handle(message, _joined(buffers))
        return reply, _joined(reply_buffers)

    def _exchange(self, message: messages.Reply, buffers: list[memoryview]) -> tuple[messages.Request, memoryview]:
        assert self._on_call_back is not None
        assert isinstance(message, messages.CallBack)
        answer, answer_buffers = self._on_call_back(message, _joined(buffers), _no_nesting)
        return answer, _joined(answer_buffers)


def _no_nesting(message: messages.Request, buffers: list[memoryview]) -> tuple[messages.Reply, memoryview]:
    raise WireError("a function of this process was asked for something while it waited")


def _refusal(error: Exception) -> messages.Refusal:
    return messages.Refusal(type(error).__name__, str(error)[:500])


def _without_opaque(message: messages.Request, result: Any) -> Any:
    """What stays on the other side may be anything: it is no part of what was done."""
    if isinstance(message, messages.Call) and message.opaque and isinstance(result, tuple):
        return tuple(None if place in message.opaque else item for place, item in enumerate(result))
    return result


def _joined(buffers: list[memoryview]) -> memoryview:
    return memoryview(b"".join(buffers))
