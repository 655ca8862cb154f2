"""Stand-ins: right answers on the trusted side that take the place of some of a notebook's functions.

A worker holds a proxy for each of them. A call of the proxy comes here as data and handles, is answered here, and
goes back as data: no line of an answer reaches the worker. What a handle refers to (a model, a criterion, an
optimizer) was built in the worker by a tool, from data; here it is built again from the same data, once a test, and
a model's state is fetched before each call and put back after it.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.sandbox import toolbox
from autograder.sandbox.deadline import Late, deadline
from autograder.sandbox.wire import Handle

CALL_SECONDS = 5
"""Seconds by the clock that one answer may take."""

UseTool = Callable[..., Any]
"""Uses a tool of the worker that waits for the answer."""


class StandIns:
    """The right answers to some functions, for one test.

    Attributes:
        names: the functions that are stood in for.
        called: those that the notebook has called so far.
    """

    def __init__(self, names: Sequence[str], answers: Mapping[str, Callable[..., Any]]) -> None:
        self.names = list(names)
        self.called: set[str] = set()
        self._answers = answers
        self._made: dict[int, tuple[str, tuple[Any, ...], dict[str, Any]]] = {}
        self._twins: dict[int, Any] = {}

    def made(self, handle: Handle, tool: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Remember what `handle` was built from."""
        self._made[handle.id] = (tool, copy.deepcopy(arguments), copy.deepcopy(keywords))

    def answer(
        self, name: str, unpacked: Callable[[], tuple[list[Any], dict[str, Any]]], use_tool: UseTool
    ) -> tuple[Any, list[Any]]:
        """What the right answer returns, and the arguments that it changed (None for those that it left alone).

        Args:
            name: the function.
            unpacked: gives a fresh copy of the arguments and keywords each time.
            use_tool: reads and sets the state of the worker's objects.

        Raises:
            Exception: whatever the right answer raises on these arguments; TypeError where one of them is an object
                that can't be had here.
        """
        self.called.add(name)
        (arguments, keywords), (before, before_named) = unpacked(), unpacked()
        models: dict[int, tuple[Handle, Any]] = {}

        def here(value: Any) -> Any:
            if isinstance(value, Handle):
                twin = self._twin(value, use_tool)
                if hasattr(twin, "named_parameters"):
                    models[value.id] = value, twin
                return twin
            if isinstance(value, list | tuple):
                return type(value)(here(item) for item in value)
            if isinstance(value, dict):
                return {key: here(item) for key, item in value.items()}
            return value

        local, named = [here(value) for value in arguments], {key: here(value) for key, value in keywords.items()}
        for handle, model in models.values():
            toolbox.set_state(model, use_tool("state", handle))
        try:
            with deadline(CALL_SECONDS):
                value = self._answers[name](*local, **named)
        except Late:
            raise TimeoutError(f"a right answer took more than {CALL_SECONDS} seconds on these arguments") from None
        for handle, model in models.values():
            use_tool("set_state", handle, toolbox.state(model))
        pairs = zip([*arguments, *keywords.values()], [*before, *before_named.values()], strict=True)
        return value, [None if _unchanged(after, first) else after for after, first in pairs]

    def _twin(self, handle: Handle, use_tool: UseTool) -> Any:
        """The object here that stands for the worker's."""
        if handle.id not in self._twins:
            if handle.id in self._made:
                tool, arguments, keywords = self._made[handle.id]
                twins = [self._twin(a, use_tool) if isinstance(a, Handle) else a for a in arguments]
                made = toolbox.use(tool, twins, keywords)
                self._twins[handle.id] = made.value if isinstance(made, toolbox.Stays) else made
            elif use_tool("is_callable", handle):
                return _RemoteCallable(handle, use_tool)
            else:
                raise TypeError(f"an object of type {handle.type} that the grader has not made can't be used here")
        return self._twins[handle.id]


class _RemoteCallable:
    """A function of the worker's, called from here; on a tensor that requires gradients it can be differentiated."""

    def __init__(self, handle: Handle, use_tool: UseTool) -> None:
        self._handle = handle
        self._use_tool = use_tool

    def __getattr__(self, name: str) -> Any:
        kind = self._handle.type
        raise AttributeError(f"an object of type {kind} that the grader has not made can be called here, and no more")

    def __call__(self, *arguments: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is None or len(arguments) != 1 or not getattr(arguments[0], "requires_grad", False):
            return self._use_tool("call_function", self._handle, *arguments)
        handle, use_tool = self._handle, self._use_tool

        class Remote(torch.autograd.Function):  # type: ignore[misc,name-defined]
            @staticmethod
            def forward(context: Any, x: Any) -> Any:
                value, gradient = use_tool("value_and_gradient", handle, x.detach())
                context.save_for_backward(gradient)
                return value.detach()

            @staticmethod
            def backward(context: Any, slope: Any) -> Any:
                return slope * context.saved_tensors[0]

        return Remote.apply(arguments[0])


def _unchanged(after: Any, before: Any) -> bool:
    if isinstance(after, list | tuple):
        return len(after) == len(before) and all(map(_unchanged, after, before))
    if isinstance(after, dict):
        return after.keys() == before.keys() and all(_unchanged(after[key], before[key]) for key in after)
    if hasattr(after, "detach"):
        grads = after.grad, before.grad
        same_grad = grads[0] is grads[1] or (None not in grads and _unchanged(*grads))
        return same_grad and _unchanged(after.detach().numpy(), before.detach().numpy())
    if isinstance(after, np.ndarray):
        return np.array_equal(after, before, equal_nan=after.dtype.kind == "f")
    return True
