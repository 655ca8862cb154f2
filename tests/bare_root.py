"""A bare root file system made by debootstrap: what a set-up script didn't install isn't there."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lms_harness import linked

MIRROR = "http://deb.debian.org/debian"
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
KEPT = "AUTOGRADER_BARE_ROOT"
"""Variable: a root file system that debootstrap made before; used as it is, and kept."""


@contextlib.contextmanager
def bare_root() -> Iterator[Path]:
    """A root file system with this Python in it, at the place where it lies here; skips where none can be made."""
    missing = "it takes root" if os.geteuid() != 0 else "debootstrap is missing"
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(f"{missing}: bundles were NOT tried in a bare root file system")
    kept = os.environ.get(KEPT)
    folder = Path(kept or tempfile.mkdtemp(prefix="bare-root-"))
    try:
        if not (folder / "bin").exists():
            command = ["debootstrap", "--variant=minbase", "bookworm", str(folder), MIRROR]
            subprocess.run(command, check=True, capture_output=True, timeout=600)
        _furnish(folder)
        yield folder
    finally:
        subprocess.run(["umount", str(folder / "proc")], check=False, capture_output=True)
        if kept is None and not os.path.ismount(folder / "proc"):
            shutil.rmtree(folder, ignore_errors=True)


def _furnish(folder: Path) -> None:
    folder.chmod(0o755)
    base = Path(sys.base_prefix)
    if not base.is_relative_to("/usr") and not (folder / base.relative_to("/")).exists():
        linked(base, folder / base.relative_to("/"))
    for ancestor in (folder / base.relative_to("/")).parents:
        if ancestor == folder:
            break
        ancestor.chmod(0o755)
    if not os.path.ismount(folder / "proc"):
        subprocess.run(["mount", "-t", "proc", "proc", str(folder / "proc")], check=True)
    for name, (major, minor) in DEVICES.items():
        if not (folder / "dev" / name).exists():
            os.mknod(folder / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        (folder / "dev" / name).chmod(0o666)
