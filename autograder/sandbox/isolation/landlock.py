"""A Landlock domain for a worker: the files it may read, the one folder it may write, and nothing else.

Landlock is part of Linux since 5.13; numbers and flags are from `linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FIRST_RIGHTS = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_NET = 0b11
_SCOPES = 0b11

READ = _READ_FILE | _READ_DIR
LIST = _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

Rule = tuple[str, int]
"""A path and the rights granted on it and, for a folder, below it."""


def version() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    answer = _libc().syscall(_CREATE_RULESET, None, 0, _VERSION)
    return max(0, int(answer))


def everything(abi: int) -> int:
    """All rights on files that this Landlock version can handle."""
    rights = _FIRST_RIGHTS
    rights |= _REFER if abi >= 2 else 0
    rights |= _TRUNCATE if abi >= 3 else 0
    return rights | (_IOCTL_DEV if abi >= 5 else 0)


def readable(roots: Iterable[Path], hidden: Iterable[Path]) -> Iterator[Rule]:
    """Rules that let `roots` be read, but for whatever lies at or below a `hidden` path.

    A rule holds for everything below its folder, so a folder with something hidden in it is granted by
    its other entries, one by one; of the folder itself only the names can be listed.
    """
    concealed = {path.resolve() for path in hidden}
    around = {ancestor for path in concealed for ancestor in path.parents}

    def walk(path: Path) -> Iterator[Rule]:
        if path in concealed:
            return
        if path not in around:
            yield str(path), READ
            return
        yield str(path), LIST
        for entry in sorted(path.iterdir()):
            # A link grants what it points to, which has rules of its own if it may be read at all.
            if not entry.is_symlink():
                yield from walk(entry)

    for root in roots:
        if root.exists():
            yield from walk(root.resolve())


def full(folder: Path) -> Rule:
    """The rule that lets `folder` be used in every way, but for starting programs from there."""
    return str(folder), everything(version()) & ~_EXECUTE


def ruleset(rules: Iterable[Rule]) -> int:
    """A descriptor of a ruleset: nothing but `rules` is allowed, no network, no signals to other domains.

    Raises:
        OSError: the kernel has no Landlock, or refused.
    """
    abi = version()
    if abi < 1:
        raise OSError(errno.ENOSYS, "this kernel has no Landlock")
    handled = everything(abi)
    attributes = struct.pack("<QQQ", handled, _NET if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    libc = _libc()
    made: int = libc.syscall(_CREATE_RULESET, attributes, size, 0)
    _check(made, "create its ruleset")
    try:
        for path, rights in rules:
            _allow(libc, made, path, rights & handled)
    except BaseException:
        os.close(made)
        raise
    return made


def enter(*rulesets: int) -> None:
    """Put the calling process into a domain of its own, for good: what all `rulesets` allow. Closes them.

    Raises:
        OSError: the kernel refused.
    """
    libc = _libc()
    try:
        _check(libc.prctl(38, 1, 0, 0, 0), "give up new privileges")
        for one in rulesets:
            _check(libc.syscall(_RESTRICT_SELF, one, 0), "enter its domain")
    finally:
        for one in rulesets:
            os.close(one)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        rule = struct.pack("<Qi", rights, descriptor)
        _check(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), f"allow {path}")
    finally:
        os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock could not {what}: {os.strerror(number)}")
