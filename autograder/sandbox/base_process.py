"""The base process: imports and warms up all that is public, once, and forks zygotes and grading processes.

It is exec'd with a clean environment, and no notebook, hidden test or secret ever reaches it: what it forks inherits
nothing but libraries. Grading processes load what is secret after they were forked, and zygotes are never forked from
them. Run as ``python -I -c 'from autograder.sandbox.base_process import serve; serve()' FD``, where FD is its end of
its owner's socket; `base.Base` is the other side.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from autograder.sandbox import messages, zygote
from autograder.sandbox.base import Base
from autograder.sandbox.isolation import identity
from autograder.sandbox.shell import Shell, make_shell
from autograder.sandbox.warm import forget_code, warm_torch

_LARGEST = 1 << 16
"""Bytes of a message, at most."""

Entry = Callable[[socket.socket, Base], None]
"""What a grading process runs, with its socket and its own line to the base process."""

_Request = messages.ForkZygote | messages.ForkGrading | messages.Reap


def serve() -> None:
    """Serve the owner at the other end of the socket until it hangs up; its death ends all that was forked here."""
    owner = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to handle
    setup = msgspec.msgpack.decode(owner.recv(_LARGEST), type=messages.StartBase)
    forks: _Forks | messages.NotStarted
    try:
        forks = _Forks(setup)
    except Exception as error:
        forks = messages.NotStarted(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    gc.collect()
    gc.freeze()
    forget_code()
    lines = [owner]
    while True:
        poll = select.poll()
        for line in lines:
            poll.register(line, select.POLLIN)
        for descriptor, _ in poll.poll():
            line = next(line for line in lines if line.fileno() == descriptor)
            try:
                data, descriptors, _, _ = socket.recv_fds(line, _LARGEST, 2)
                if data:
                    answer = forks if isinstance(forks, messages.NotStarted) else forks.answer(data, descriptors, lines)
                    for number in descriptors:
                        os.close(number)
                    line.send(msgspec.msgpack.encode(answer))
                    continue
            except ConnectionError:
                pass  # the other side is gone, as where there is no data
            if line is owner:
                if isinstance(forks, _Forks):
                    forks.end()
                os._exit(0)
            lines.remove(line)
            line.close()


class _Forks:
    """What the base process has imported, and what it has forked."""

    def __init__(self, setup: messages.StartBase) -> None:
        self._versions, self._shell = _warm_up(setup.libraries)
        module, _, name = setup.entry.partition(":")
        self._entry: Entry | None = getattr(importlib.import_module(module), name) if module else None
        self._children: set[int] = set()

    def answer(self, data: bytes, descriptors: list[int], lines: list[socket.socket]) -> Any:
        """Do what the message `data` asks for. `lines` gets a new process's own line to here."""
        request = msgspec.msgpack.decode(data, type=_Request)
        if isinstance(request, messages.Reap):
            return messages.Ended(self._reap(request.pid))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        base = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                identity.die_with(base)
                connection = _alone(descriptors, theirs, [ours, *lines])
                if isinstance(request, messages.ForkZygote):
                    theirs.close()
                    zygote.serve(connection, self._shell, self._versions)
                elif self._entry is not None:
                    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
                    self._entry(connection, Base(line=theirs))
                os._exit(0)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(1)
        self._children.add(pid)
        theirs.close()
        if isinstance(request, messages.ForkGrading):
            lines.append(ours)
        else:
            ours.close()
        return messages.Forked(pid)

    def end(self) -> None:
        """End all that was forked."""
        for pid in list(self._children):
            self._reap(pid)

    def _reap(self, pid: int) -> int | None:
        if pid not in self._children:
            return None
        self._children.discard(pid)
        os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]


def _alone(descriptors: list[int], keep: socket.socket, others: list[socket.socket]) -> socket.socket:
    """Keep, of all that is open, the new process's own socket (the first of `descriptors`), `keep`, and output.

    The second of `descriptors` becomes standard output and standard error.
    """
    connection = socket.socket(fileno=descriptors[0])
    os.dup2(descriptors[1], 1)
    os.dup2(descriptors[1], 2)
    os.close(descriptors[1])
    for line in others:
        line.close()
    kept = sorted((connection.fileno(), keep.fileno()))
    for first, last in ((3, kept[0]), (kept[0] + 1, kept[1]), (kept[1] + 1, 4096)):
        os.closerange(first, last)
    return connection


def _warm_up(libraries: str) -> tuple[dict[str, str], Shell]:
    """Import and use what notebooks use; the libraries' versions, and a notebook's shell."""
    import matplotlib
    import numpy

    versions = {"python": sys.version.split()[0], "numpy": numpy.__version__, "matplotlib": matplotlib.__version__}
    if libraries == messages.TORCH:
        warm_torch()
        import torch
        import torchvision

        versions |= {"torch": str(torch.__version__), "torchvision": str(torchvision.__version__)}
    return versions, make_shell()
