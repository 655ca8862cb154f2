"""Linux's namespaces, as far as the zygote and its workers enter and leave them; see namespaces(7)."""

from __future__ import annotations

import ctypes
import os

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30)
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8


def join(process: int, kinds: int) -> None:
    """Enter namespaces of another process, all of `kinds` or none; the caller must be single-threaded.

    Args:
        process: a pidfd.
        kinds: flags such as NEWNS.

    Raises:
        OSError: the kernel refused.
    """
    _check(_libc().setns(process, kinds), "enter the namespaces")


def own_folder(path: str, size: int, user: int) -> None:
    """Give the calling process mounts of its own, and in them an empty folder of at most `size` bytes at `path`.

    The folder ends with the process. Every name in it costs a page, so that there can't be too many either.

    Raises:
        OSError: the kernel refused.
    """
    libc = _libc()
    os.makedirs(path, exist_ok=True)
    _check(libc.unshare(NEWNS), "make mounts of its own")
    options = f"size={size},nr_inodes={size // 4096},mode=700,uid={user},gid={user}"
    flags = _NOSUID | _NODEV | _NOEXEC
    _check(libc.mount(b"tmpfs", path.encode(), b"tmpfs", flags, options.encode()), f"mount {path}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the process could not {what}: {os.strerror(number)}")
