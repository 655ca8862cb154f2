"""Who a worker is and what it may use up: a user of its own where the grader is root, and resource limits."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from autograder.sandbox.isolation.tier import Own

FIRST_UID = 61_184
LAST_UID = 65_517
NUMPY_GROUP, GROUP = 65_518, 65_519
"""Users and groups in the range that Linux systems set aside for those made on the fly (systemd's DynamicUser).

All workers of tier uid are in GROUP, those that may use NumPy alone in NUMPY_GROUP as well.
"""

_CAP_DAC_READ_SEARCH = 2
_PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_DUMPABLE, _PR_SET_PDEATHSIG = 8, 24, 4, 1
_CAPABILITY_VERSION_3 = 0x20080522


class Reservation:
    """A user id that no other worker on this machine has until `release`.

    It is held by the name of a socket: the kernel gives the name back when its process ends, however that ends.
    """

    def __init__(self) -> None:
        """
        Raises:
            OSError: all user ids are taken.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for uid in range(FIRST_UID, LAST_UID + 1):
            try:
                self._socket.bind(f"\0autograder-worker-{uid}")
            except OSError:
                continue
            self.uid = uid
            return
        self._socket.close()
        raise OSError(errno.EAGAIN, f"all user ids from {FIRST_UID} to {LAST_UID} are in use by workers")

    def release(self) -> None:
        """Let another worker have the user id; its last process must have ended."""
        self._socket.close()


def become(uid: int, keep_reading: bool = False, groups: Sequence[int] = ()) -> None:
    """Become the user `uid`, without other groups than `groups` and without capabilities, for good.

    Args:
        uid: an unprivileged user id that nothing else uses.
        keep_reading: keep the capability to read files whatever their permissions. Needed where the interpreter
            lies in a folder that only root may enter; Landlock still decides which files those are.
        groups: supplementary groups.

    Raises:
        OSError: the kernel refused, as it does where the id isn't mapped into this container.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_reading:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups(groups)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _keep_capabilities(libc, 1 << _CAP_DAC_READ_SEARCH if keep_reading else 0)


def drop_capabilities() -> None:
    """Give up all capabilities.

    Raises:
        OSError: the kernel refused.
    """
    _keep_capabilities(ctypes.CDLL(None, use_errno=True), 0)


def _keep_capabilities(libc: ctypes.CDLL, kept: int) -> None:
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("<6I", kept, kept, 0, 0, 0, 0)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "the worker could not give up its capabilities")


def capabilities() -> int:
    """The calling process's effective capabilities, as a set of bits."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("CapEff:")[2].split()[0], 16)


def conceal() -> None:
    """Keep processes of the same user from tracing the calling process or reading its memory."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with(parent: int) -> None:
    """Have the kernel kill the calling process when its parent ends, whose process id is `parent`.

    Holds until the process becomes another user.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() not in (parent, 0):  # 0: it lives in another namespace
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


def limit(own: Own) -> None:
    """Set the calling process's resource limits, for good."""
    limits = [
        (resource.RLIMIT_AS, own.address_space),
        (resource.RLIMIT_FSIZE, own.files),
        (resource.RLIMIT_CPU, own.cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if own.uid:  # it counts all of a user's threads, and this user has no others
        limits.append((resource.RLIMIT_NPROC, own.threads))
    for what, value in limits:
        resource.setrlimit(what, (value, value))
