"""What of this host a worker needs in order to run: Python, the libraries, a few files of the system."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import autograder

SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime",
    "/usr/share/zoneinfo", "/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts", "/usr/share/fontconfig",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def library_roots() -> list[Path]:
    """The folders with Python's standard library and the installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = dict.fromkeys(str(sysconfig.get_path(name)) for name in names)
    return [*map(Path, found), Path(sys.base_prefix, "lib")]


def packages(names: Iterable[str]) -> list[Path]:
    """Where installed packages of these names lie, or would lie."""
    site_packages = dict.fromkeys(Path(str(sysconfig.get_path(name))) for name in ("purelib", "platlib"))
    return [site / name for site in site_packages for name in names]


def hidden_in_libraries(absent: Iterable[str]) -> list[Path]:
    """What lies among the libraries and is no worker's business: this package, and the packages in `absent`."""
    return [Path(str(autograder.__file__)).parent, *packages(absent)]
