"""Tier uid: a user of its own for each worker, for hosts without Landlock, such as many containers; needs root.

Permissions do what Landlock does elsewhere, so they are checked before anything is graded: what is secret must be
closed to other users than root, and so must every folder that otherwise everybody may write.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from autograder.sandbox.isolation import identity, seccomp
from autograder.sandbox.isolation.host import library_roots, packages
from autograder.sandbox.isolation.tier import Own, Place, Tier, command_line

_CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
_NOT_FILES = {Path("/proc"), Path("/sys")}
_DEPTH = 4
"""How far below the root folders that everybody may write are looked for."""


class UidTier(Tier):
    """Workers are users of their own, who can read what everybody can read and write their folder only."""

    name = "uid"
    promise = "each worker is a user without rights; what is secret is closed to it; no network, no processes (seccomp)"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._filter = seccomp.program()

    @classmethod
    def why_not(cls, place: Place) -> str:
        """The grader isn't root, users can't be changed, Python can't be reached, or something is open to everybody."""
        return (
            _who_we_are()
            or seccomp.why_not()
            or _libraries(place)
            or _secrets(place)
            or _absent(place)
            or _writable_places(place)
        )

    def lock_up(self, own: Own) -> None:
        """Become the user, and enter the filter."""
        identity.limit(own)
        groups = [identity.GROUP, identity.NUMPY_GROUP] if self._place.absent else [identity.GROUP]
        identity.become(own.uid, groups=groups)
        identity.conceal()
        identity.die_with(own.parent)
        seccomp.install(self._filter)


def _who_we_are() -> str:
    if os.getuid() != 0:
        return "it needs root, who gives each submission a user of its own"
    held = identity.capabilities()
    missing = [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
    if missing:
        return f"root lacks the capabilities {', '.join(missing)} here (docker run --cap-add gives them)"
    if not all(_mapped(uid) for uid in (identity.FIRST_UID, identity.GROUP)):
        return f"this container maps no user ids up to {identity.GROUP}"
    return ""


def _mapped(uid: int) -> bool:
    lines = (map(int, line.split()) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return any(first <= uid < first + count for first, _, count in lines)


def _libraries(place: Place) -> str:
    locked = identity.unreachable([path for path in (*library_roots(), Path(place.files)) if path.exists()])
    if not locked:
        return ""
    return (
        f"{locked[0]} can be entered by root only, and Python or the assignment's files lie below it: "
        f"install Python where every user can read it, or let others pass with {command_line(['chmod', 'o+x'], locked)}"
    )


def _secrets(place: Place) -> str:
    libraries = [path.resolve() for path in library_roots()]
    paths = [path for folder in place.secret for path in _open_to_workers(Path(folder).resolve(), libraries)]
    if not paths:
        return ""
    return f"{paths[0]} can be read by every user: close it with {command_line(['chmod', 'go-rwx'], paths)}"


def _absent(place: Place) -> str:
    """The packages that submissions may not import are closed to the group that their workers are in."""
    paths = [
        path
        for path in packages(place.absent)
        if path.exists() and _bits(path.stat(), {identity.GROUP, identity.NUMPY_GROUP}) & 1
    ]
    if not paths:
        return ""
    group = command_line(["chgrp", str(identity.NUMPY_GROUP)], paths)
    return (
        f"{paths[0]} can be imported by submissions that may use NumPy alone: close it to their workers, and to nobody "
        f"else, with {group} && {command_line(['chmod', 'g-rwx'], paths)}"
    )


def _writable_places(place: Place) -> str:
    home = Path(place.home).resolve()
    paths = [path for path in _writable(Path("/"), _DEPTH) if path != home]
    if not paths:
        return ""
    group = command_line(["chgrp", str(identity.GROUP)], paths)
    return (
        f"{paths[0]} can be written by every user, so submissions could leave files there: close it to workers, and to "
        f"nobody else, with {group} && {command_line(['chmod', 'g=x'], paths)}"
    )


def _bits(status: os.stat_result, groups: Collection[int] = (identity.GROUP,)) -> int:
    """What a worker may do (4 read, 2 write, 1 enter); its group's bits count, even where all others may do more."""
    return (status.st_mode >> 3 if status.st_gid in groups else status.st_mode) & 0o7


def _open_to_workers(path: Path, public: Iterable[Path]) -> Iterator[Path]:
    """The files and folders at or below `path` that a worker could read or write, but for those in `public`.

    A folder that has nothing public in it counts as a whole: what is in it needn't be looked at one by one.
    """
    if any(not _bits(folder.stat()) & 1 for folder in path.parents):
        return
    waiting = [path]
    while waiting:
        path = waiting.pop()
        if path in public or path.is_symlink() or not path.exists():
            continue
        bits = _bits(path.stat())
        if not path.is_dir():
            if bits & 0o6:
                yield path
        elif bits:
            if any(root.is_relative_to(path) for root in public):
                waiting += path.iterdir()
            else:
                yield path


def _writable(folder: Path, depth: int) -> Iterator[Path]:
    """The folders at or below `folder` in which a worker could make files."""
    try:
        status = folder.lstat()
    except OSError:
        return
    bits = _bits(status)
    if not stat.S_ISDIR(status.st_mode) or folder in _NOT_FILES or not bits & 1:
        return
    if bits & 2:
        yield folder
    if depth:
        with os.scandir(folder) as entries:
            below = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        for path in below:
            yield from _writable(path, depth - 1)
