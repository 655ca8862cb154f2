"""The trusted side of the sandbox: has a zygote forked, has it fork workers, talks to them within limits."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from autograder.sandbox import leftovers, messages, wire
from autograder.sandbox.base import START_SECONDS, Base, Child, last_words
from autograder.sandbox.bench import veiled
from autograder.sandbox.errors import Crashed, LimitHit, SandboxError, SandboxLost, TimedOut
from autograder.sandbox.isolation import Isolation
from autograder.sandbox.isolation.identity import Reservation
from autograder.sandbox.limits import Limits

_POLL_SECONDS = 0.1
_DISK_SLACK = 64 << 20
"""Bytes that others may take from the file system before anything is concluded from its free space."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = 4096


class Worker:
    """One worker process and the socket to it."""

    def __init__(
        self,
        sandbox: Sandbox,
        connection: socket.socket,
        pid: int,
        folder: Path,
        limits: Limits,
        user: Reservation | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._user = user
        self._free = _free(folder)
        self._socket = connection
        self._socket.settimeout(_POLL_SECONDS)
        self.pid = pid
        self._folder = folder
        self._limits = limits
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[messages.Reply] = msgspec.msgpack.Decoder(messages.Reply)
        self._deadline = _Deadline(self, 60.0)
        self._hung_up = False
        self.killed_from_outside = False
        """Once it is closed: whether somebody killed it who is neither the grader nor the notebook's own code."""

    def request(
        self,
        message: messages.Request,
        buffers: list[memoryview],
        seconds: float,
        on_call_back: messages.OnCallBack,
        more: Callable[[], float] | None = None,
        limit: str = "call_seconds",
    ) -> tuple[messages.Reply, memoryview]:
        """Send `message` and return the reply with its body, answering call-backs on the way.

        Args:
            message: what the worker shall do.
            buffers: the message's arrays.
            seconds: CPU seconds the worker may take; twice that (and a little) by the clock.
            on_call_back: answers the student's calls of functions that stayed here.
            more: asked once where `seconds` are over: the seconds that the worker may take after all.
            limit: what the limit of time is called in `Limits`.

        Raises:
            TimedOut: the worker took longer, or filled its folder.
            Crashed: the worker ended, or sent what isn't the protocol.
        """
        self._deadline = _Deadline(self, seconds, more, limit)
        try:
            answer = self._exchange(message, buffers, on_call_back)
            self._deadline.check_disk()  # what fills it within a tenth of a second isn't seen on the way
            return answer
        except (ConnectionError, BrokenPipeError):
            self._hung_up = True
            raise Crashed("the notebook's process ended") from None
        except wire.WireError as error:
            raise Crashed(f"the notebook's process broke the protocol: {error}") from None

    def _exchange(
        self, message: messages.Request, buffers: list[memoryview], on_call_back: messages.OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        self._send(message, buffers)
        while True:
            reply, body = self._receive()
            if not isinstance(reply, messages.CallBack | messages.StandInCall):
                return reply, body
            answer, answer_buffers = on_call_back(
                reply, body, lambda request, pieces: self._exchange(request, pieces, on_call_back)
            )
            self._send(answer, answer_buffers)

    def close(self) -> None:
        """Kill the worker and remove its folder."""
        self._socket.close()
        ended = self._hung_up and self._has_ended()
        status = self._sandbox.end(self.pid)
        # No submission can send itself this signal: seccomp denies it.
        killed = status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
        self.killed_from_outside = ended and killed
        leftovers.remove(self._folder)
        if self._user is not None:
            self._user.release()

    def _has_ended(self) -> bool:
        """Whether the process has ended by now; its socket is closed a moment earlier."""
        for _ in range(20):
            try:
                if Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return True
            except OSError:
                return True
            time.sleep(0.01)
        return False

    def _send(self, message: messages.Request, buffers: list[memoryview]) -> None:
        for piece in wire.frame(self._encoder.encode(message), buffers):
            view = memoryview(piece)
            while view:
                self._deadline.check_now_and_then()
                with contextlib.suppress(TimeoutError):
                    view = view[self._socket.send(view) :]

    def _receive(self) -> tuple[messages.Reply, memoryview]:
        header, body = wire.lengths(self._exactly(wire.PREFIX.size))
        frame = memoryview(self._exactly(header + body))
        return wire.decoded(self._decoder, frame[:header]), frame[header:]

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._deadline.check_now_and_then()
            try:
                count = self._socket.recv_into(view)
            except TimeoutError:
                continue
            if count == 0:
                raise ConnectionError
            view = view[count:]
        return data

    def usage(self) -> tuple[float, bool, int]:
        """CPU seconds that the worker has used, as the kernel counts them, whether it waits, and how many threads."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0, False, 0
        return (int(fields[11]) + int(fields[12])) / _TICKS, fields[0] == "S", int(fields[17])

    def fills_disk(self) -> bool:
        """Whether the worker holds files that are in no folder any more, and more than it may.

        What it has written tells, together with what the file system has lost since the worker began; where the first
        isn't known, the second must be much more, because others use the file system, too.
        """
        if self.isolation == "bubblewrap":  # its folder has a fixed size
            return False
        lost = self._free - _free(self._folder)
        if lost <= self._limits.files + _DISK_SLACK:
            return False  # the usual case costs microseconds
        try:
            counts = dict(line.split(": ") for line in Path(f"/proc/{self.pid}/io").read_text().splitlines())
        except OSError:
            return lost > self._limits.files + 16 * _DISK_SLACK
        return max(int(counts["wchar"]), int(counts["write_bytes"])) > self._limits.files

    def folder_size(self) -> int:
        """Bytes in the worker's folder, links not followed; counting ends where it is more than the worker may use.

        Every name counts as a page at the least, and a folder that can't be looked into as too much.
        """
        total = 0
        waiting = [str(self._folder)]
        while waiting and total <= self._limits.files:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        total += max(_PAGE, entry.stat(follow_symlinks=False).st_blocks * 512)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        if total > self._limits.files:
                            break
            except FileNotFoundError:
                continue  # it went away while we looked
            except OSError:
                return self._limits.files + 1
        return total

    @property
    def isolation(self) -> str:
        """The tier that isolates this worker."""
        return self._sandbox.ready().isolation

    @property
    def limits(self) -> Limits:
        """What this worker may use up."""
        return self._limits


class _Deadline:
    def __init__(
        self, worker: Worker, seconds: float, more: Callable[[], float] | None = None, limit: str = "cell_seconds"
    ) -> None:
        self._worker = worker
        self._seconds = seconds
        self._limit = limit
        self._more = more
        self._start = self._last = time.monotonic()
        self._cpu: float | None = None
        self._used = 0.0
        self._idle = 0.0

    def check_now_and_then(self) -> None:
        """Raise TimedOut where the worker has had its time, or has filled its folder; looks every tenth of a second."""
        now = time.monotonic()
        passed = now - self._last
        if passed < _POLL_SECONDS:
            return
        self._last = now
        used, waits, threads = self._worker.usage()
        elapsed = now - self._start
        # The first check comes a tenth of a second in, and no worker used more CPU than that before it.
        self._cpu = max(0.0, used - elapsed) if self._cpu is None else self._cpu
        # Whoever sleeps or waits for a lock uses no CPU time; a worker that only waits for its turn doesn't "wait".
        self._idle = self._idle + passed if waits and used == self._used else 0.0
        self._used = used
        limits = self._worker.limits
        if self._idle > limits.idle_seconds:
            reason = f"it waited for {limits.idle_seconds:g} seconds without computing anything"
            raise TimedOut(reason, LimitHit("idle_seconds", limits.idle_seconds))
        if used - self._cpu > self._seconds or elapsed > 2 * self._seconds + 5:
            if self._more is not None:
                self._seconds, self._more = max(self._seconds, self._more()), None
                return
            reason = f"it did not finish within {self._seconds:.3g} seconds"
            raise TimedOut(reason, LimitHit(self._limit, round(self._seconds, 3)))
        if threads > limits.threads:
            raise TimedOut(f"it started more than {limits.threads} threads", LimitHit("threads", limits.threads))
        if self._worker.folder_size() > limits.files:
            raise _too_many_files(limits)
        self.check_disk()

    def check_disk(self) -> None:
        """Raise TimedOut where the worker holds more than it may in files that have no name any more."""
        if self._worker.fills_disk():
            raise _too_many_files(self._worker.limits)


def _too_many_files(limits: Limits) -> TimedOut:
    return TimedOut(f"it wrote more than {limits.files >> 20} MiB of files", LimitHit("files", limits.files))


class Sandbox:
    """A zygote and its isolated workers; a context manager. Waited for when it is first needed."""

    def __init__(
        self,
        libraries: str,
        files: Path,
        limits: Limits,
        isolation: Isolation = "auto",
        prefix: Sequence[messages.RunCell] = (),
        secret: Sequence[Path] = (),
        base: Base | None = None,
    ) -> None:
        """
        Args:
            libraries: `messages.NUMPY` or `messages.TORCH`.
            files: the folder with the files that come with the assignment's notebook; copied, but for notebooks.
            limits: what each worker may use up.
            isolation: the tier that workers are isolated with.
            prefix: the instructor's cells that every notebook begins with; run once, before any fork.
            secret: folders that no worker may read, even where they lie among the libraries.
            base: what forks the zygote, with these `libraries` imported; without it, a base process of its own.
        """
        self._limits = limits
        self._base = base or Base(libraries)
        self._owns_base = base is None
        self._home = Path(tempfile.mkdtemp(prefix="sandbox-", dir=self._base.home))
        self._home.chmod(0o711)
        self._files = self._home / "files"
        _copy_files(files, self._files)
        self._setup = messages.Setup(
            libraries=libraries,
            files=str(self._files),
            home=str(self._home),
            isolation=isolation,
            prefix=list(prefix),
            secret=[str(folder) for folder in secret],
        )
        self._ready: messages.Ready | None = None
        self._log = self._home / "zygote.log"
        self._zygote: Child | None = None
        if not self._owns_base:
            self._start()

    def _start(self) -> None:
        with self._log.open("wb") as log:
            self._zygote = self._base.fork_zygote(log.fileno())
        self._socket = self._zygote.connection
        self._send(self._setup)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote and its workers and remove their folders."""
        if self._zygote is not None:
            self._zygote.end()
        if self._owns_base:
            self._base.close()
        leftovers.remove(self._home)

    def ready(self) -> messages.Ready:
        """Wait for the zygote and return what it says of itself.

        Raises:
            SandboxError: it couldn't start, with the reason.
        """
        if self._ready is None:
            if self._zygote is None:
                self._start()
            self._socket.settimeout(START_SECONDS)
            answer = self._receive(messages.Ready | messages.NotStarted)
            if isinstance(answer, messages.NotStarted):
                raise SandboxError(_advice(answer.reason))
            self._ready = answer
        return self._ready

    def spawn(self, seed: int) -> Worker:
        """Fork a worker whose generators start from `seed`.

        Raises:
            SandboxError: the worker couldn't lock itself up.
            SandboxLost: the zygote is gone, or the machine can't make another worker: no fault of a submission's.
        """
        isolated = self.ready().isolation != "none"
        try:
            return self._spawn(seed, isolated)
        except OSError as error:
            raise SandboxLost(f"no worker can be made any more: {error}") from None

    def _spawn(self, seed: int, isolated: bool) -> Worker:
        folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self._home))
        user = Reservation() if os.getuid() == 0 and isolated else None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        settings = messages.WorkerSettings(
            folder=str(folder),
            files=str(self._files),
            uid=user.uid if user is not None else 0,
            seed=veiled(seed),
            memory=self._limits.memory,
            file_size=self._limits.files,
            threads=self._limits.threads,
            cpu_seconds=int(2 * self._limits.submission_seconds) + 60,
        )
        socket.send_fds(self._socket, [msgspec.msgpack.encode(messages.Fork(settings))], [theirs.fileno()])
        theirs.close()
        forked = self._receive(messages.Forked)
        worker = Worker(self, ours, forked.pid, folder, self._limits, user)
        try:
            worker._deadline = _Deadline(worker, 30.0)
            worker._receive()
        except (ConnectionError, TimedOut):
            worker._hung_up = True
            worker.close()
            if worker.killed_from_outside:
                raise SandboxLost("a worker was killed before it had begun") from None
            reason = f"a worker could not lock itself up: {last_words(self._log)}"
            raise SandboxError(_advice(reason)) from None
        return worker

    def end(self, pid: int) -> int | None:
        """Kill a worker; returns its wait status, or None where it was none of this zygote's."""
        try:
            self._send(messages.Kill(pid))
            ended: messages.Ended = self._receive(messages.Ended)
        except (OSError, SandboxError):
            return None
        return ended.status

    def _send(self, message: messages.Setup | messages.Kill) -> None:
        self._socket.send(msgspec.msgpack.encode(message))

    def _receive(self, kind: Any) -> Any:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise SandboxError(f"the sandbox didn't start within {START_SECONDS:g} seconds") from None
        if not data:
            kind_of_end = SandboxError if self._ready is None else SandboxLost
            raise kind_of_end(f"the sandbox ended by itself: {last_words(self._log)}")
        return msgspec.msgpack.decode(data, type=kind)


def _free(folder: Path) -> int:
    """Bytes that are free in the file system of `folder`."""
    status = os.statvfs(folder)
    return status.f_bfree * status.f_frsize


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.rglob("*"):
        if path.is_file() and path.suffix != ".ipynb" and "__pycache__" not in path.parts and path.name[0] != ".":
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _advice(reason: str) -> str:
    return f"{reason}\nTo grade without a sandbox, which lets submissions do whatever you may do, use --isolation none."
