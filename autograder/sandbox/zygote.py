"""A process that forks a worker for each submission in milliseconds: one assignment's, with everything in memory.

It is forked from the base process, never from a grading process, so that neither hidden tests nor hidden data are in
its memory.
"""

from __future__ import annotations

import gc
import os
import py_compile
import signal
import socket
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any, NoReturn

import msgspec

import autograder
from autograder.sandbox import identity, landlock, messages, seccomp
from autograder.sandbox.shell import OUTPUTS, Shell, run_cell
from autograder.sandbox.worker import Notebook, Ran, Restrictions, live

_LARGEST = 1 << 16
"""Bytes of a message, at most."""
TORCH_PACKAGES = ("torch", "torchvision", "torchgen", "functorch", "nvidia", "triton")
OTHER_AUTOGRAD = ("jax", "jaxlib", "tensorflow", "keras", "autograd", "mxnet", "theano", "tinygrad", "sympy", "mpmath")
"""Libraries that would differentiate by themselves; out of reach, as torch is, where NumPy alone is allowed."""


def serve(connection: socket.socket, shell: Shell, versions: dict[str, str]) -> None:
    """Be a zygote until the other side hangs up: run the notebook's beginning once, then fork workers.

    Args:
        connection: the socket to the grading process; Setup is the first message on it.
        shell: the process's shell, warmed up.
        versions: of the libraries, by name.
    """
    setup = msgspec.msgpack.decode(connection.recv(_LARGEST), type=messages.Setup)
    try:
        if setup.libraries == messages.TORCH:
            _adapt_torch()
        _warm_helper(setup)
        ran = _run_prefix(setup, shell)
        restrictions, notes = _restrictions(setup)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        connection.send(msgspec.msgpack.encode(messages.NotStarted(reason)))
        return
    gc.collect()
    gc.freeze()
    connection.send(msgspec.msgpack.encode(messages.Ready(versions, notes)))
    _fork_workers(connection, restrictions, Notebook(shell, ran))


def _fork_workers(connection: socket.socket, restrictions: Restrictions | None, notebook: Notebook) -> None:
    zygote = os.getpid()
    children: set[int] = set()
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, 1)
        if not data:
            for pid in list(children):
                _end(pid, children)
            return
        request = msgspec.msgpack.decode(data, type=messages.Fork | messages.Kill)
        if isinstance(request, messages.Fork):
            pid = os.fork()
            if pid == 0:
                _be_worker(connection, descriptors[0], request.settings, restrictions, notebook, zygote)
            children.add(pid)
            os.close(descriptors[0])
            connection.send(msgspec.msgpack.encode(messages.Forked(pid)))
        else:
            connection.send(msgspec.msgpack.encode(messages.Ended(_end(request.pid, children))))


def _be_worker(
    connection: socket.socket,
    descriptor: int,
    settings: messages.WorkerSettings,
    restrictions: Restrictions | None,
    notebook: Notebook,
    zygote: int,
) -> None:
    try:
        connection.close()
        live(socket.socket(fileno=descriptor), settings, restrictions, notebook, zygote)
    except OSError as error:  # only the restrictions raise it: what the student's code does is answered, not raised
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(1)


def _end(pid: int, children: set[int]) -> int | None:
    if pid not in children:
        return None
    children.discard(pid)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _run_prefix(setup: messages.Setup, shell: Shell) -> list[Ran]:
    """Run the cells that every notebook begins with, up to one that fails."""
    here = os.getcwd()
    os.chdir(setup.files)
    sys.path.insert(0, setup.files)
    ran = []
    for cell in setup.prefix:
        labels: dict[str, str] = {}
        if run_cell(shell, cell, labels) is not None:
            break
        ran.append(Ran(cell.source, OUTPUTS.items))
    os.chdir(here)
    return ran


def _adapt_torch() -> None:
    """Make torch run in a worker as well as it can."""
    import torch

    _adapt_loaders(torch.utils.data)
    torch.cuda._lazy_init = _no_gpu


def _adapt_loaders(data: Any) -> None:
    """Make DataLoader load in the worker itself, which may start no processes; a student need not care.

    Batches of a plain TensorDataset are indexed at once: the same batches as picture by picture, in half the time.
    """
    original = data.DataLoader.__init__
    collate = data.default_collate

    class Batch(list[Any]):
        """A batch that needs no collating."""

    def __getitems__(self: Any, indices: list[int]) -> Batch:
        return Batch(tensor[indices] for tensor in self.tensors)

    def collate_unless_done(items: Any) -> Any:
        return list(items) if isinstance(items, Batch) else collate(items)

    def __init__(self: Any, dataset: Any, *arguments: Any, **keywords: Any) -> None:
        for name in ("num_workers", "persistent_workers", "prefetch_factor", "multiprocessing_context"):
            keywords.pop(name, None)
        if type(dataset) is data.TensorDataset and len(arguments) < 6 and keywords.get("collate_fn") is None:
            keywords["collate_fn"] = collate_unless_done
            dataset.__getitems__ = __getitems__.__get__(dataset)
        original(self, dataset, *arguments, **keywords)

    data.DataLoader.__init__ = __init__


def _no_gpu() -> NoReturn:
    """What torch does when somebody asks for a GPU: its own message speaks of forked processes."""
    raise RuntimeError(
        "there is no GPU where notebooks are graded. Write .to(device) instead of .cuda(), with "
        "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu'): that works everywhere."
    )


def _warm_helper(setup: messages.Setup) -> None:
    """Compile the assignment's modules once, so that no worker has to."""
    for path in Path(setup.files).glob("*.py"):
        py_compile.compile(str(path), doraise=True)


def _restrictions(setup: messages.Setup) -> tuple[Restrictions | None, list[str]]:
    if not setup.isolated:
        return None, []
    if landlock.version() < 1:
        raise OSError("Landlock is missing from this kernel (it needs Linux 5.13 or newer, with Landlock switched on)")
    roots = [*_library_roots(), *map(Path, _SYSTEM)]
    site_packages = {Path(str(sysconfig.get_path(name))) for name in ("purelib", "platlib")}
    absent = [*TORCH_PACKAGES, *OTHER_AUTOGRAD] if setup.libraries == messages.NUMPY else []
    package = Path(str(autograder.__file__)).parent
    hidden = [package, *map(Path, setup.secret), *(site / name for site in site_packages for name in absent)]
    rules = [*landlock.readable([*roots, Path(setup.files)], hidden), *_DEVICES]
    locked = identity.unreachable([path for path in (*_library_roots(), Path(setup.files)) if path.exists()])
    keep_reading = os.getuid() == 0 and bool(locked)
    notes = []
    if keep_reading:
        notes.append(
            f"{locked[0]} can be entered by root only, and Python lies below it: workers keep the capability to read "
            "(behind Landlock). Install Python where every user can read it to do without."
        )
    return Restrictions(rules, seccomp.program(), keep_reading, absent), notes


def _library_roots() -> list[Path]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return [Path(path) for path in dict.fromkeys(str(sysconfig.get_path(name)) for name in names)] + [
        Path(sys.base_prefix, "lib")
    ]


_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime",
    "/usr/share/zoneinfo", "/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts", "/usr/share/fontconfig",
)  # fmt: skip
_DEVICES = [
    ("/dev/null", landlock.DEVICE),
    ("/dev/zero", landlock.READ),
    ("/dev/random", landlock.READ),
    ("/dev/urandom", landlock.READ),
]
