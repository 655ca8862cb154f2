"""The worker's side of a call: a namespace, the objects that handles stand for, and what may be done with them.

The same bench serves inside the sandbox, where the namespace is a student's notebook, and in the trusted
process, where it holds right answers or misconceptions: what a hidden test sees is made alike for both.
"""

from __future__ import annotations

import builtins
import hashlib
import random
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Set, ValuesView
from typing import Any

import numpy as np

from autograder.sandbox import messages, toolbox, watching
from autograder.sandbox.wire import Function, Handle, Packer, Unpacker, WireError

Exchange = Callable[[messages.Reply, list[memoryview]], tuple[messages.Request, memoryview]]
"""Sends a message to the trusted side and returns its answer with its body."""


_MISSING = object()


class Bench:
    """Answers requests over a namespace of functions."""

    def __init__(
        self, namespace: MutableMapping[str, Any], exchange: Exchange, labels: MutableMapping[str, str] | None = None
    ) -> None:
        self._namespace = namespace
        self._exchange = exchange
        self._labels = labels if labels is not None else {}
        self._handles: dict[int, object] = {}
        self._handle_of: dict[int, Handle] = {}
        self._replaced: dict[str, Any] = {}
        self._events: list[str] = []
        self._next = 1

    def keep(self, value: object) -> Handle:
        """Store `value`, which can't be sent as data, and return its handle."""
        if id(value) not in self._handle_of:
            self._handle_of[id(value)] = Handle(self._next, type(value).__name__)
            self._handles[self._next] = value
            self._next += 1
        return self._handle_of[id(value)]

    def find(self, reference: Handle | Function) -> object:
        """Return what the trusted side refers to: a kept object, or a callable that calls it back."""
        if isinstance(reference, Handle):
            if reference.id not in self._handles:
                raise WireError("a handle that this bench doesn't hold")
            return self._handles[reference.id]
        identifier = reference.id

        def hidden_function(*arguments: object) -> object:
            packer = Packer(self)
            message = messages.CallBack(identifier, [packer.pack(argument) for argument in arguments])
            answer, body = self._answer(message, packer.buffers)
            if isinstance(answer, messages.Answer):
                return Unpacker(self, body).unpack(answer.value)
            raise WireError("an answer was expected")

        return hidden_function

    def _stand_in(self, name: str) -> Callable[..., object]:
        """A function that asks the trusted side for the right answer, and changes its arguments as that one does."""

        def stand_in(*arguments: object, **keywords: object) -> object:
            given = [_listed(value) for value in arguments]
            given_named = {key: _listed(value) for key, value in keywords.items()}
            packer = Packer(self)
            packed = [packer.pack(value) for value in given]
            named = {key: packer.pack(value) for key, value in given_named.items()}
            answer, body = self._answer(messages.StandInCall(name, packed, named), packer.buffers)
            if not isinstance(answer, messages.StandInAnswer):
                raise WireError("a stand-in's answer was expected")
            unpacker = Unpacker(self, body)
            value = unpacker.unpack(answer.value)
            for argument, tree in zip([*given, *given_named.values()], answer.arguments, strict=True):
                overwrite(argument, unpacker.unpack(tree))
            return value

        stand_in.__name__ = stand_in.__qualname__ = name
        return stand_in

    def _answer(
        self, message: messages.CallBack | messages.StandInCall, buffers: list[memoryview]
    ) -> tuple[messages.Request, memoryview]:
        """The trusted side's answer; on the way it may use tools."""
        answer, body = self._exchange(message, buffers)
        while isinstance(answer, messages.Tool):
            reply, reply_buffers = self.handle(answer, body)
            assert isinstance(reply, messages.Returned | messages.Raised)
            answer, body = self._exchange(reply, reply_buffers)
        if isinstance(answer, messages.Refusal):
            error = getattr(builtins, answer.kind, None)
            known = isinstance(error, type) and issubclass(error, Exception)
            raise (error if known else RuntimeError)(answer.message)  # type: ignore[misc]
        return answer, body

    def _install(self, stand_ins: list[str]) -> None:
        """Put stand-ins in the place of the notebook's functions, and back what those of the last test replaced."""
        for name, value in self._replaced.items():
            if value is _MISSING:
                self._namespace.pop(name, None)
            else:
                self._namespace[name] = value
        self._replaced = {}
        for name in stand_ins:
            self._replaced[name] = self._namespace.get(name, _MISSING)
            self._namespace[name] = self._stand_in(name)

    def handle(self, request: messages.Request, body: memoryview) -> tuple[messages.Reply, list[memoryview]]:
        """Do what `request` asks and return the reply with its buffers. Student code's exceptions become Raised."""
        if isinstance(request, messages.BeginTest):
            self._handles.clear()
            self._handle_of.clear()
            self._events.clear()
            self._install(request.stand_ins)
            seed_everything(request.seed)
            switch_autograd_on()
            watching.watch()
            return messages.Returned(None, []), []
        if not isinstance(request, messages.Call | messages.Tool):
            raise WireError("a request of no known kind")
        unpacker = Unpacker(self, body)
        arguments = [unpacker.unpack(tree) for tree in request.arguments]
        keywords = {name: unpacker.unpack(tree) for name, tree in request.keywords.items()}
        try:
            with watching.serving(self._events, recording=isinstance(request, messages.Call)):
                if isinstance(request, messages.Tool):
                    value: object = toolbox.use(request.name, arguments, keywords)
                    return self._reply(self.keep(value.value) if isinstance(value, toolbox.Stays) else value, (), [])
                # Arguments that came as handles stay with the bench; the others return as the call leaves them.
                kept = {id(thing) for thing in self._handles.values()}
                data = [None if id(argument) in kept or callable(argument) else argument for argument in arguments]
                value = self._function(request.function)(*arguments, **keywords)
                return self._reply(value, request.opaque, data)
        except BaseException as error:
            return self._raised(error), []

    def _function(self, name: str) -> Callable[..., object]:
        function = self._namespace.get(name)
        if function is None:
            raise NameError(f"name '{name}' is not defined")
        if not callable(function):
            raise TypeError(f"{name} is no function but {type(function).__name__}")
        return function  # type: ignore[no-any-return]

    def _reply(
        self, value: object, opaque: tuple[int, ...] | list[int], left: list[object]
    ) -> tuple[messages.Reply, list[memoryview]]:
        packer = Packer(self)
        if opaque and type(value) in (tuple, list):
            items: list[object] = list(value)  # type: ignore[call-overload]
            value = tuple(self.keep(item) if place in opaque else item for place, item in enumerate(items))
        tree = packer.pack(value)
        return messages.Returned(tree, [packer.pack(argument) for argument in left]), packer.buffers

    def _raised(self, error: BaseException) -> messages.Raised:
        text = str(error)
        no_memory = isinstance(error, MemoryError) or "can't allocate memory" in text
        return messages.Raised(type(error).__name__, text[:2000], line_of(error, self._labels), no_memory)


def line_of(error: BaseException, labels: Mapping[str, str]) -> str:
    """The innermost line of the traceback that lies in a cell of the notebook, or "".

    Args:
        error: an exception that was raised.
        labels: what a cell is called, by the name under which its code was compiled.
    """
    where = ""
    traceback = error.__traceback__
    while traceback is not None:
        label = labels.get(traceback.tb_frame.f_code.co_filename)
        if label:
            where = f"line {traceback.tb_lineno} of {label}"
        traceback = traceback.tb_next
    return where


def _listed(value: object) -> object:
    """A list in place of what can only be gone through: an iterator, a dict's values, a set."""
    return list(value) if isinstance(value, Iterator | ValuesView | Set) else value


def overwrite(target: Any, value: Any) -> None:
    """Change `target` in place to what `value` is: arrays, tensors (with their gradients) and containers of them."""
    if value is None:
        return
    if isinstance(target, dict) and isinstance(value, dict):
        for key in target:
            overwrite(target[key], value.get(key))
    elif isinstance(target, list | tuple) and isinstance(value, list | tuple):
        for item, other in zip(target, value, strict=False):
            overwrite(item, other)
    elif isinstance(target, np.ndarray) and isinstance(value, np.ndarray):
        target[...] = value
    elif hasattr(target, "detach") and hasattr(value, "detach"):
        target.detach().copy_(value.detach())
        target.grad = value.grad


def veiled(seed: int) -> int:
    """A seed for student code that doesn't give away `seed`, from which hidden inputs are drawn."""
    return int.from_bytes(hashlib.sha256(f"behind the walls: {seed}".encode()).digest()[:7], "big")


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and (where it is loaded) torch's generators; there are no devices inside the sandbox."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        # Not torch.manual_seed(), which takes a millisecond to leave a note for every kind of device.
        torch.default_generator.manual_seed(seed)


def switch_autograd_on() -> None:
    """Let torch record again: code that switched it off for good shall cost its own test and no other."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_grad_enabled(True)
