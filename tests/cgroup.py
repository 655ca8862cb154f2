"""A memory limit as a container has it: a control group of the kernel's, where this machine lets tests make one."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


class Group:
    """A control group with a limit of `bytes` of memory and no swap."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._old = (folder / "memory.limit_in_bytes").exists()
        self._write("memory.limit_in_bytes" if self._old else "memory.max", size)
        with contextlib.suppress(OSError):
            self._write("memory.memsw.limit_in_bytes" if self._old else "memory.swap.max", size if self._old else 0)

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))

    @property
    def prefix(self) -> list[str]:
        """What starts a command in the group."""
        return ["bash", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$@"', "bash"]

    @property
    def peak(self) -> int:
        """The most bytes that the group has used, the cache of files included."""
        return int((self.folder / ("memory.max_usage_in_bytes" if self._old else "memory.peak")).read_text())

    @property
    def kills(self) -> int:
        """How many processes were killed for want of memory."""
        text = (self.folder / ("memory.oom_control" if self._old else "memory.events")).read_text()
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))


@contextlib.contextmanager
def limited(size: int) -> Iterator[Group]:
    """A group that may use `size` bytes.

    Raises:
        OSError: this machine lets nobody make one.
    """
    root = next((root for root in _ROOTS if root.is_dir() and os.access(root, os.W_OK)), None)
    if root is None:
        raise OSError("no control groups")
    folder = Path(tempfile.mkdtemp(prefix="autograder-test-", dir=root))
    try:
        yield Group(folder, size)
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        deadline = time.monotonic() + 10
        while True:
            try:
                folder.rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
