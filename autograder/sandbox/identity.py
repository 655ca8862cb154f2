"""Who a worker is and what it may use up: a user of its own where the grader is root, and resource limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

FIRST_UID = 61_184
LAST_UID = 65_519
"""The range that Linux systems set aside for users made on the fly (systemd's DynamicUser)."""

_CAP_DAC_READ_SEARCH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_DROP = 1, 4, 8, 24
_CAPABILITY_VERSION_3 = 0x20080522


def become(uid: int, keep_reading: bool) -> None:
    """Become the user `uid`, without groups and capabilities, for good.

    Args:
        uid: an unprivileged user id that nothing else uses.
        keep_reading: keep the capability to read files whatever their permissions. Needed where the interpreter
            lies in a folder that only root may enter; Landlock still decides which files those are.

    Raises:
        OSError: the kernel refused, as it does where the id isn't mapped into this container.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_reading:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kept = 1 << _CAP_DAC_READ_SEARCH if keep_reading else 0
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("<6I", kept, kept, 0, 0, 0, 0)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "the worker could not give up its capabilities")


def conceal() -> None:
    """Keep processes of the same user from tracing the calling process or reading its memory."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with(parent: int) -> None:
    """Have the kernel kill the calling process when its parent ends, whose process id is `parent`.

    Holds until the process becomes another user.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it ended before


def unreachable(paths: list[Path]) -> list[Path]:
    """Those folders above `paths` that an ordinary user may not enter."""
    return sorted(
        {
            ancestor
            for path in paths
            for ancestor in (path.resolve(), *path.resolve().parents)
            if ancestor.is_dir() and not ancestor.stat().st_mode & 0o001
        }
    )


def limit(memory: int, file_size: int) -> None:
    """Limit the calling process: `memory` bytes of address space beyond what it has, files of `file_size` bytes."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, value in (
        (resource.RLIMIT_AS, held + memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (value, value))
