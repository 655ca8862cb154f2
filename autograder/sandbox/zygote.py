"""A process with everything imported and warmed up, which forks a worker for each submission in milliseconds.

It is exec'd, never forked from the grader, so that neither hidden tests nor hidden data are in its memory.
Run as ``python -I -c 'from autograder.sandbox.zygote import serve; serve()' FD``, where FD is its end of the
grader's socket.
"""

from __future__ import annotations

import gc
import os
import py_compile
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from autograder.sandbox import messages
from autograder.sandbox.isolation import Place, Tier, Unavailable, enclose
from autograder.sandbox.shell import OUTPUTS, Shell, make_shell, run_cell
from autograder.sandbox.warm import warm_torch
from autograder.sandbox.worker import Notebook, Ran, live

TORCH_PACKAGES = ("torch", "torchvision", "torchgen", "functorch", "nvidia", "triton")
OTHER_AUTOGRAD = ("jax", "jaxlib", "tensorflow", "keras", "autograd", "mxnet", "theano", "tinygrad", "sympy", "mpmath")
"""Libraries that would differentiate by themselves; out of reach, as torch is, where NumPy alone is allowed."""


def serve() -> None:
    """Serve the grader at the other end of the socket until it hangs up."""
    try:
        _serve()
    except Exception:  # sys.stderr is the notebook's by now
        os.write(2, traceback.format_exc().encode())
        raise SystemExit(1) from None


def _serve() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to handle
    size = open("/proc/self/statm", "rb", buffering=0)  # noqa: SIM115 - workers' namespaces have no /proc
    try:
        setup = msgspec.msgpack.decode(connection.recv(1 << 16), type=messages.Setup)
        shell, versions = _warm_up(setup)
        absent = [*TORCH_PACKAGES, *OTHER_AUTOGRAD] if setup.libraries == messages.NUMPY else []
        enclosed = enclose(setup.isolation, Place(setup.files, setup.home, setup.secret, absent))
        ran = _run_prefix(setup, shell)
        if setup.isolation != "none":
            for name in absent:
                sys.modules[name] = None  # type: ignore[assignment]
        enclosed.tier.finish()
    except Unavailable as error:
        connection.send(msgspec.msgpack.encode(messages.NotStarted(str(error))))
        return
    except Exception as error:
        reason = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        connection.send(msgspec.msgpack.encode(messages.NotStarted(reason)))
        return
    gc.collect()
    gc.freeze()
    connection.send(msgspec.msgpack.encode(messages.Ready(versions, enclosed.tier.name, enclosed.notes)))
    children: set[int] = set()
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
        if not data:
            return
        request = msgspec.msgpack.decode(data, type=messages.Fork | messages.Kill)
        if isinstance(request, messages.Fork):
            size.seek(0)
            address_space = int(size.read().split()[0]) * resource.getpagesize()
            pid = os.fork()
            if pid == 0:
                connection.close()
                _be_worker(descriptors[0], request.settings, address_space, enclosed.tier, Notebook(shell, ran))
            children.add(pid)
            os.close(descriptors[0])
            connection.send(msgspec.msgpack.encode(messages.Forked(pid)))
        else:
            connection.send(msgspec.msgpack.encode(messages.Ended(_end(request.pid, children))))


def _be_worker(
    descriptor: int, settings: messages.WorkerSettings, address_space: int, tier: Tier, notebook: Notebook
) -> None:
    try:
        live(socket.socket(fileno=descriptor), settings, address_space, tier, notebook)
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


def _warm_up(setup: messages.Setup) -> tuple[Shell, dict[str, str]]:
    import matplotlib
    import numpy

    versions = {"python": sys.version.split()[0], "numpy": numpy.__version__, "matplotlib": matplotlib.__version__}
    if setup.libraries == messages.TORCH:
        warm_torch()
        import torch
        import torchvision

        _adapt_loaders(torch.utils.data)
        torch.cuda._lazy_init = _no_gpu
        versions |= {"torch": str(torch.__version__), "torchvision": str(torchvision.__version__)}
    shell = make_shell()
    _warm_helper(setup)
    return shell, versions


def _run_prefix(setup: messages.Setup, shell: Shell) -> list[Ran]:
    """Run the cells that every notebook begins with, up to one that fails."""
    here = os.getcwd()
    os.chdir(setup.files)
    sys.path.insert(0, setup.files)
    ran = []
    for cell in setup.prefix:
        labels: dict[str, str] = {}
        if run_cell(shell, cell.source, cell.label, cell.max_output, labels) is not None:
            break
        ran.append(Ran(cell.source, OUTPUTS.items))
    os.chdir(here)
    return ran


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
