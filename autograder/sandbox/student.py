"""A student's functions as a hidden test sees them: `student.mse_loss(y, y_hat)` looks like a call and is a message."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

from autograder.sandbox import messages
from autograder.sandbox.bench import Bench, veiled
from autograder.sandbox.errors import Crashed, OutOfMemory, StudentRaised
from autograder.sandbox.process import OnCallBack
from autograder.sandbox.wire import Function, Handle, Packer, Unpacker, WireError

MAX_CALL_BACKS = 100_000
MAX_CALL_BACK_BODY = 1 << 20
"""Largest body of a call-back: hidden functions are asked about weights, and not about more than that."""
MAX_TRANSCRIPT = 128 << 20
"""Bytes of arrays that the transcripts of one submission may hold, all together."""
_FORGOTTEN = Handle(0, "something too large to be remembered")


class Channel(Protocol):
    """Carries requests to where the functions are, and replies back."""

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """Send `message`; returns the reply and its body."""


class Exchange(msgspec.Struct, frozen=True):
    """One call or use of a tool that a hidden test made, and what came of it."""

    name: str
    result: Any
    left: list[Any]
    """The arguments as the call left them; None for those that crossed as handles or functions."""
    error: StudentRaised | OutOfMemory | None


class Tools:
    """The worker's toolbox: `tools.network(...)` builds or reads things where the student's objects are."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def use(*arguments: Any, seconds: float | None = None, **keywords: Any) -> Any:
            return self._student._use(name, arguments, keywords, seconds)

        return use


class Student:
    """Calls functions by name over a channel, and remembers what they returned.

    Attributes:
        tools: the toolbox on the other side.
        transcript: every call and use of a tool since the test began, with what came of it.
        curve: a title, losses that the student's code returned, and those of a right answer, where a test has any.
    """

    def __init__(self, channel: Channel, call_seconds: float) -> None:
        self._channel = channel
        self._seconds = call_seconds
        self._functions: list[Callable[..., object]] = []
        self.tools = Tools(self)
        self.transcript: list[Exchange] = []
        self.curve: tuple[str, Any, Any] | None = None
        self._remembered = 0
        self._left: list[Any] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            return self.call(name, *arguments, **keywords)

        return call

    def begin(self, seed: int) -> None:
        """Begin a test: generators start from `seed`, handles of earlier tests are gone, the transcript is empty."""
        self.transcript = []
        self.curve = None
        self._functions = []
        self._send(messages.BeginTest(veiled(seed)), [], self._seconds)

    def call(
        self,
        function: str,
        *arguments: Any,
        seconds: float | None = None,
        opaque: tuple[int, ...] = (),
        **keywords: Any,
    ) -> Any:
        """Call `function` and return its result.

        Args:
            function: the function's name in the notebook.
            arguments: data, handles, or functions that stay here and are called back.
            seconds: CPU seconds it may take (default: the grader's limit on a call).
            opaque: places in a returned tuple whose items stay where they are and come as handles.
            keywords: keyword arguments, as `arguments`.

        Raises:
            StudentRaised: the function raised.
            OutOfMemory: it asked for more memory than there is for it.
            TimedOut, Crashed: it cost its process.
        """
        packer = Packer(self)
        packed = [packer.pack(argument) for argument in arguments]
        named = {name: packer.pack(value) for name, value in keywords.items()}
        message = messages.Call(function, packed, named, list(opaque))
        return self._recorded(function, message, packer.buffers, seconds)

    def plot(self, title: str, losses: Any, healthy: Any) -> None:
        """Offer a loss curve for the feedback; of those that a test offers, the first one counts."""
        self.curve = self.curve or (title, losses, healthy)

    @property
    def arguments(self) -> list[Any]:
        """The last call's arguments, as the call left them."""
        return self._left

    @contextmanager
    def off_the_record(self) -> Iterator[None]:
        """Calls made inside are not remembered in the transcript."""
        transcript = self.transcript
        self.transcript = []
        try:
            yield
        finally:
            self.transcript = transcript

    def keep(self, value: object) -> Handle | Function:
        """Offer a function of a hidden test to be called back; nothing else of the trusted side is referred to."""
        if not callable(value):
            raise WireError(f"a hidden test can't send {type(value).__name__}")
        self._functions.append(value)
        return Function(len(self._functions) - 1)

    def find(self, reference: Handle | Function) -> object:
        """A handle stands for itself here; functions don't come from the other side."""
        if isinstance(reference, Function):
            raise WireError("a function came from the other side")
        name = "".join(letter for letter in reference.type[:80] if letter.isprintable())
        return Handle(reference.id, name)

    def _use(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], seconds: float | None) -> Any:
        packer = Packer(self)
        packed = [packer.pack(argument) for argument in arguments]
        named = {key: packer.pack(value) for key, value in keywords.items()}
        return self._recorded(name, messages.Tool(name, packed, named), packer.buffers, seconds)

    def _recorded(self, name: str, message: messages.Request, buffers: list[memoryview], seconds: float | None) -> Any:
        try:
            result, left, size = self._result(name, message, buffers, seconds or self._seconds)
        except (StudentRaised, OutOfMemory) as error:
            self.transcript.append(Exchange(name, None, [], error))
            raise
        self._remembered += size
        if self._remembered <= MAX_TRANSCRIPT:
            self.transcript.append(Exchange(name, _without_opaque(message, result), left, None))
        else:
            self.transcript.append(Exchange(name, _FORGOTTEN, [], None))
        if isinstance(message, messages.Call):
            self._left = left
        return result

    def _result(
        self, name: str, message: messages.Request, buffers: list[memoryview], seconds: float
    ) -> tuple[Any, list[Any], int]:
        """What came back, the arguments as the call left them, and how many bytes of arrays that was."""
        reply, body = self._send(message, buffers, seconds)
        if isinstance(reply, messages.Raised):
            if reply.no_memory:
                raise OutOfMemory(f"{name} asked for more memory than there is for it")
            raise StudentRaised(name, *(_printable(text) for text in (reply.kind, reply.message, reply.where)))
        try:
            if not isinstance(reply, messages.Returned):
                raise WireError("a result was expected")
            unpacker = Unpacker(self, body)
            return unpacker.unpack(reply.value), [unpacker.unpack(tree) for tree in reply.arguments], len(body)
        except WireError as error:
            raise Crashed(f"the notebook's process broke the protocol: {error}") from None

    def _send(
        self, message: messages.Request, buffers: list[memoryview], seconds: float
    ) -> tuple[messages.Reply, memoryview]:
        calls = 0

        def on_call_back(back: messages.CallBack, body: memoryview) -> tuple[messages.Request, list[memoryview]]:
            nonlocal calls
            calls += 1
            if (
                calls > MAX_CALL_BACKS
                or len(body) > MAX_CALL_BACK_BODY
                or not 0 <= back.function < len(self._functions)
            ):
                raise WireError("a call-back that was not offered, or one too many")
            unpacker = Unpacker(self, body)
            arguments = [unpacker.unpack(tree) for tree in back.arguments]
            try:
                value = self._functions[back.function](*arguments)
            except Exception as error:
                return messages.Refusal(type(error).__name__, str(error)[:500]), []
            packer = Packer(self)
            return messages.Answer(packer.pack(value)), packer.buffers

        return self._channel.request(message, buffers, seconds, on_call_back)


class LocalChannel:
    """Serves requests from a bench in this process: for right answers and misconceptions, never for students."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._on_call_back: OnCallBack | None = None
        self._bench = Bench(namespace, self._exchange)

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """Serve `message` at once; there is no limit of time."""
        self._on_call_back = on_call_back
        with contextlib.redirect_stdout(io.StringIO()):  # some mistakes are to print, and not to return
            reply, reply_buffers = self._bench.handle(message, _joined(buffers))
        return reply, _joined(reply_buffers)

    def _exchange(self, message: messages.CallBack, buffers: list[memoryview]) -> tuple[messages.Request, memoryview]:
        assert self._on_call_back is not None
        answer, answer_buffers = self._on_call_back(message, _joined(buffers))
        return answer, _joined(answer_buffers)


def _without_opaque(message: messages.Request, result: Any) -> Any:
    """What stays on the other side may be anything: it is no part of what was done."""
    if isinstance(message, messages.Call) and message.opaque and isinstance(result, tuple):
        return tuple(None if place in message.opaque else item for place, item in enumerate(result))
    return result


def _joined(buffers: list[memoryview]) -> memoryview:
    return memoryview(b"".join(buffers))


def _printable(text: str) -> str:
    """The beginning of `text` without control characters; line breaks stay."""
    return "".join(letter for letter in text[:2000] if letter.isprintable() or letter == "\n")
