"""What happens in a call, as far as torch tells: to explain how code went about it, never to judge."""

from __future__ import annotations

import builtins
import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_events: list[str] = []
"""What calls of the bench that is being served did, as far as torch tells."""
_recording = False
_complaints: list[str] = []
_MAX_EVENTS = 10_000


@contextmanager
def serving(events: list[str], recording: bool) -> Iterator[None]:
    """Until the end, what happens goes into `events` and into what `complaints` tells, if it is recorded at all."""
    global _events, _recording, _complaints
    before = _events, _recording
    _events, _recording = events, recording
    try:
        if not recording:
            yield
            return
        with warnings.catch_warnings(record=True) as caught:
            yield
        _complaints = [str(warning.message) for warning in caught if issubclass(warning.category, RuntimeWarning)]
    finally:
        _events, _recording = before


def _happened(event: str) -> None:
    if _recording and len(_events) < _MAX_EVENTS:
        _events.append(event)


def watch() -> None:
    """From now on `events` tells of optimizers made, gradients cleared, backward passes, steps, and what is printed."""
    torch = sys.modules.get("torch")
    if torch is None or getattr(torch.autograd.backward, "watched", False):
        return
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    for owner, name, event in (
        (torch.optim.Optimizer, "__init__", "new optimizer"),
        (torch.optim.Optimizer, "zero_grad", "zero_grad"),
        (torch.nn.Module, "zero_grad", "zero_grad"),
        (torch.autograd, "backward", "backward"),
        (torch.autograd, "grad", "grad"),
        (builtins, "print", "print"),
    ):
        setattr(owner, name, _watched(getattr(owner, name), event))
    register_optimizer_step_pre_hook(lambda *_: _happened("step"))


def _watched(original: Callable[..., Any], event: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        _happened(event)
        return original(*arguments, **keywords)

    watched.watched = True  # type: ignore[attr-defined]
    return watched


def forward(model: Any, inputs: Any) -> None:
    """A hook of a model's: it makes a forward pass."""
    import torch

    _happened("forward" + " in training" * model.training + " recorded" * torch.is_grad_enabled())


def taken() -> list[str]:
    """What happened in the calls of the bench that is being served since this was asked last, in order."""
    seen = list(_events)
    _events.clear()
    return seen


def complaints() -> list[str]:
    """The RuntimeWarnings of the last call that returned."""
    return [complaint[:100] for complaint in _complaints[:10]]
