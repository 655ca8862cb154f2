"""One submission's process: locks itself up right after the fork, then runs cells and answers calls."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from autograder.sandbox import messages, wire
from autograder.sandbox.bench import Bench, line_of, seed_everything
from autograder.sandbox.isolation import Own, Tier, identity
from autograder.sandbox.shell import OUTPUTS, Output, Shell, enter_folder, run_cell


class Ran(msgspec.Struct, frozen=True):
    """A cell that the zygote has run, and what it showed."""

    source: str
    outputs: list[Output]


class Notebook:
    """The notebook's shell, in which the zygote may have run the first cells already."""

    def __init__(self, shell: Shell, ran: list[Ran]) -> None:
        self._shell = shell
        self._ran = list(reversed(ran))
        self._acknowledged: list[messages.RunCell] = []
        self.labels: dict[str, str] = {}

    @property
    def namespace(self) -> dict[str, Any]:
        """What the notebook's cells have defined."""
        names: dict[str, Any] = self._shell.user_ns
        return names

    def run(self, cell: messages.RunCell) -> tuple[messages.CellRan, list[Output]]:
        """Run one cell; how it ended, and what it showed."""
        if self._ran and self._ran[-1].source == cell.source:
            self._acknowledged.append(cell)
            return messages.CellRan(None), self._ran.pop().outputs
        if self._ran:
            # This notebook begins in another way: nothing that the zygote ran beyond this point may show, and what
            # it ran before has to run again.
            self._ran.clear()
            self._shell.reset(new_session=True)  # type: ignore[no-untyped-call]
            for earlier in self._acknowledged:
                self._run(earlier)
        return self._run(cell)

    def _run(self, cell: messages.RunCell) -> tuple[messages.CellRan, list[Output]]:
        error = run_cell(self._shell, cell, self.labels)
        return _ended(error, cell.label, self.labels), OUTPUTS.items


def _ended(error: BaseException | None, label: str, labels: dict[str, str]) -> messages.CellRan:
    """How a cell ended that was stopped by `error`, or by nothing."""
    if error is None:
        return messages.CellRan(None)
    kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    if isinstance(error, SyntaxError) and not line_of(error, labels):
        # Python's own text of it ends with the name of a file that no student knows.
        return messages.CellRan(kind, str(error.msg)[:2000], f"line {error.lineno} of {label}" if error.lineno else "")
    return messages.CellRan(kind, str(error)[:2000], line_of(error, labels))


class _Link:
    """The worker's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._decoder = msgspec.msgpack.Decoder(messages.Request)
        self._encoder = msgspec.msgpack.Encoder()

    def receive(self) -> tuple[messages.Request, memoryview]:
        header, body = wire.lengths(self._exactly(wire.PREFIX.size))
        frame = memoryview(self._exactly(header + body))
        return self._decoder.decode(frame[:header]), frame[header:]

    def send(self, reply: messages.Reply, buffers: list[memoryview]) -> None:
        for piece in wire.frame(self._encoder.encode(reply), buffers):
            self._socket.sendall(piece)

    def exchange(self, message: messages.Reply, buffers: list[memoryview]) -> tuple[messages.Request, memoryview]:
        self.send(message, buffers)
        return self.receive()

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                os._exit(0)  # the grader has gone: nothing is left to do
            view = view[count:]
        return data


def live(
    connection: socket.socket,
    settings: messages.WorkerSettings,
    address_space: int,
    tier: Tier,
    notebook: Notebook,
    zygote: int,
) -> None:
    """Lock the calling process up, then serve its requests until the other side hangs up. Never returns normally.

    Args:
        connection: the socket to the grader.
        settings: what is this worker's alone.
        address_space: bytes that the process has to begin with.
        tier: the isolation in force.
        notebook: what the zygote has prepared.
        zygote: the parent's process id; the worker ends with it.
    """
    identity.die_with(zygote)
    own = Own(
        folder=settings.folder,
        uid=settings.uid,
        address_space=address_space + settings.memory,
        files=settings.file_size,
        threads=settings.threads,
        cpu_seconds=settings.cpu_seconds,
        parent=zygote,
    )
    tier.make_folder(own)
    _settle(settings, [connection.fileno(), *tier.descriptors])
    tier.lock_up(own)
    _link_data(settings)
    _silence()
    link = _Link(connection)
    # This first message says that the restrictions are in force; without it the grader won't send any student code.
    link.send(messages.Returned(None, []), [])
    bench = Bench(notebook.namespace, link.exchange, notebook.labels)
    seed_everything(settings.seed)
    while True:
        request, body = link.receive()
        try:
            reply, buffers = _serve(request, body, bench, notebook)
        except (wire.WireError, MemoryError, RecursionError) as error:
            no_memory = isinstance(error, MemoryError)
            reply, buffers = messages.Raised(type(error).__name__, str(error)[:2000], "", no_memory), []
        link.send(reply, buffers)


def _serve(
    request: messages.Request, body: memoryview, bench: Bench, notebook: Notebook
) -> tuple[messages.Reply, list[memoryview]]:
    if isinstance(request, messages.RunCell):
        ran, outputs = notebook.run(request)
        return ran, [memoryview(msgspec.msgpack.encode(outputs))]
    OUTPUTS.begin_call()
    return bench.handle(request, body)


def _settle(settings: messages.WorkerSettings, kept: list[int]) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    for below, above in itertools.pairwise([2, *sorted(kept), min(highest, 65_536)]):
        os.closerange(below + 1, above)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    os.umask(0o077)
    enter_folder(settings.folder, settings.files)


def _link_data(settings: messages.WorkerSettings) -> None:
    """Let the notebook find the assignment's data beside it, as it does at home."""
    for path in Path(settings.files).iterdir():
        if path.suffix not in (".py", "") and path.is_file():
            Path(settings.folder, path.name).symlink_to(path)


def _silence() -> None:
    """Nothing printed below Python's level goes anywhere; until here, the zygote's log takes what fails."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
