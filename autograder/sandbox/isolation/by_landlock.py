"""Tier landlock: a Landlock domain and a seccomp filter for each worker, and its own user if the grader is root."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.sandbox.isolation import identity, landlock, seccomp
from autograder.sandbox.isolation.host import DEVICES, SYSTEM, hidden_in_libraries, library_roots
from autograder.sandbox.isolation.tier import Own, Place, Tier

_DEVICE_RULES = [(path, landlock.DEVICE if path == "/dev/null" else landlock.READ) for path in DEVICES]


class LandlockTier(Tier):
    """Workers read the libraries and their assignment's files, write their folder, and reach nothing else."""

    name = "landlock"
    promise = "each worker reads libraries and its own files only, no network, no processes (Landlock, seccomp)"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._filter = seccomp.program()
        self._rules: list[landlock.Rule] = []
        self._common = -1
        self._keep_reading = False

    @classmethod
    def why_not(cls, place: Place) -> str:
        """Landlock or seccomp is missing."""
        if landlock.version() < 1:
            return "Landlock is missing from this kernel (it needs Linux 5.13 or newer, with Landlock switched on)"
        return seccomp.why_not()

    def enclose(self) -> list[str]:
        """Find out what workers may read.

        What holds for all of them takes many rules, so it becomes one ruleset here. Each worker enters that and one of
        its own, which tells its folder from those of others: a process may do what both allow.
        """
        roots = [*library_roots(), *map(Path, SYSTEM), Path(self._place.files)]
        home = Path(self._place.home)
        hidden = [*hidden_in_libraries(self._place.absent), *map(Path, self._place.secret)]
        self._common = landlock.ruleset([*landlock.readable(roots, hidden), *_DEVICE_RULES, landlock.full(home)])
        self._rules = [*landlock.readable(roots, [home]), *_DEVICE_RULES]
        locked = identity.unreachable([path for path in (*library_roots(), Path(self._place.files)) if path.exists()])
        self._keep_reading = os.getuid() == 0 and bool(locked)
        if not self._keep_reading:
            return []
        return [
            f"{locked[0]} can be entered by root only, and Python lies below it: workers keep the capability to read "
            "(restricted by Landlock). Install Python where every user can read it to do without."
        ]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The ruleset of all workers."""
        return (self._common,)

    def lock_up(self, own: Own) -> None:
        """Enter the domain and the filter, as a user without rights."""
        identity.limit(own)
        if own.uid:
            identity.become(own.uid, self._keep_reading)
        identity.conceal()
        identity.die_with(own.parent)
        landlock.enter(self._common, landlock.ruleset([*self._rules, landlock.full(Path(own.folder))]))
        seccomp.install(self._filter)
