"""Temporary folders of graders that were killed: the next grader removes them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PREFIX = "autograder-"
_LOCK = "in-use"
_STARTING_SECONDS = 60.0
"""A folder without a lock may be one whose owner is about to make it."""


def temporary_folder() -> tuple[Path, int]:
    """A new temporary folder and the descriptor that holds its lock; folders that nobody holds any more are removed."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(home / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return home, lock


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{PREFIX}*"):
        if _abandoned(folder):
            remove(folder)


def _abandoned(folder: Path) -> bool:
    """Whether `folder` is one of ours whose owner is gone: the kernel gives up the lock of a process that ends."""
    try:
        status = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or status.st_uid != os.geteuid():
            return False
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return folder.is_dir() and time.time() - status.st_mtime > _STARTING_SECONDS
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(lock)


def remove(folder: Path) -> None:
    """Remove `folder`, however deep the folders in it are nested and whatever their permissions."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        quiet = {"check": False, "stderr": subprocess.DEVNULL}
        subprocess.run(["chmod", "-R", "u+rwx", "--", str(folder)], **quiet)  # type: ignore[call-overload]
        subprocess.run(["rm", "-rf", "--", str(folder)], **quiet)  # type: ignore[call-overload]
