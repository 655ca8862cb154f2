"""The trusted side's view of the base process: starts it, and has it fork zygotes and grading processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from autograder.sandbox import leftovers, messages
from autograder.sandbox.errors import SandboxError, SandboxLost

START_SECONDS = 180.0
# Not "-m": IPython takes the name __main__ for the notebook.
_PROGRAM = "from autograder.sandbox.base_process import serve; serve()"


class BaseLost(SandboxLost):
    """The base process is gone, and with it all that it has forked."""


class Child:
    """A process that the base process has forked."""

    def __init__(self, base: Base, connection: socket.socket, pid: int) -> None:
        self._base = base
        self.connection = connection
        self.pid = pid

    def end(self, seconds: float = 5.0) -> None:
        """Hang up, which ends it; kill it where it hasn't ended after so many seconds."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(seconds)
            while self.connection.recv(1 << 16):
                pass
        except OSError:
            pass
        self.connection.close()
        self._base.reap(self.pid)


class Base:
    """A base process, or a line to the one that the calling process was forked from; a context manager.

    Starts at once, and is waited for when something is forked first. May be used from several threads.

    Attributes:
        home: a folder for everything that the base process and its children need; removed with it.
    """

    def __init__(self, libraries: str = messages.NUMPY, entry: str = "", line: socket.socket | None = None) -> None:
        """
        Args:
            libraries: `messages.NUMPY` or `messages.TORCH`: what is imported.
            entry: ``module:function`` that grading processes run; the function takes a socket and a Base.
            line: a forked process's own line to the base process; no other one is started.
        """
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_forked = False
        if line is not None:
            self._socket, self.home = line, Path(os.environ["HOME"])
            return
        self.home, self._in_use = leftovers.temporary_folder()
        self.home.chmod(0o711)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # No variable of the owner's reaches the base process, and none of its files but by inheritance of this socket.
        with (self.home / "base.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(self.home),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        theirs.close()
        self._socket.settimeout(START_SECONDS)
        self._socket.send(msgspec.msgpack.encode(messages.StartBase(libraries, entry)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; whoever started the base process ends it, and removes its folder. May be called again."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._socket.close()
        if self._process is not None:
            try:
                self._process.wait(5 if self._has_forked else 0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            leftovers.remove(self.home)
            os.close(self._in_use)

    def fork_zygote(self, errors: int) -> Child:
        """Fork a zygote, to talk to in packets; its standard error goes to the file descriptor `errors`.

        Raises:
            SandboxError: the base process couldn't start.
            BaseLost: it is gone.
        """
        return self._fork(messages.ForkZygote(), socket.SOCK_SEQPACKET, errors)

    def fork_grading_process(self, errors: int) -> Child:
        """Fork a grading process, to talk to in a stream; its output goes to the file descriptor `errors`.

        Raises:
            SandboxError: the base process couldn't start.
            BaseLost: it is gone.
        """
        return self._fork(messages.ForkGrading(), socket.SOCK_STREAM, errors)

    def reap(self, pid: int) -> None:
        """Kill a process that was forked here, if it hasn't ended yet, and wait for its end."""
        try:
            self._ask(messages.Reap(pid), [])
        except SandboxError:
            return

    def _fork(self, request: msgspec.Struct, kind: socket.SocketKind, errors: int) -> Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        with theirs:
            answer = self._ask(request, [theirs.fileno(), errors])
        if isinstance(answer, messages.NotStarted):
            ours.close()
            raise SandboxError(answer.reason)
        self._has_forked = True
        return Child(self, ours, answer.pid)

    def _ask(self, request: msgspec.Struct, descriptors: list[int]) -> Any:
        kind: Any = messages.Forked | messages.NotStarted | messages.Ended
        with self._lock:
            try:
                socket.send_fds(self._socket, [msgspec.msgpack.encode(request)], descriptors)
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise SandboxError(f"the base process didn't start within {START_SECONDS:g} seconds") from None
            except OSError:
                data = b""
        if not data:
            raise BaseLost(f"the base process ended by itself: {last_words(self.home / 'base.log')}")
        return msgspec.msgpack.decode(data, type=kind)


def last_words(log: Path) -> str:
    """The last line of what a process has written on its standard error."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it left no message"


def _environment(home: Path) -> dict[str, str]:
    """The base process's whole environment: nothing of its owner's but what tells libraries how to run here."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "MPLCONFIGDIR": str(_cache() / "matplotlib"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLBACKEND": "agg",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        # No GPU: workers are forked, which no driver survives, and grades shall not depend on the machine.
        "CUDA_VISIBLE_DEVICES": "",
        "HIP_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LD_LIBRARY_PATH"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _cache() -> Path:
    """Where matplotlib's list of fonts outlives this run; making it anew would cost seconds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autograder"
