"""What a tier of isolation is: it prepares the zygote once, and locks up each worker right after the fork."""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import msgspec


class Place(msgspec.Struct, frozen=True):
    """What a sandbox is made for, as far as isolation has to know it."""

    files: str
    """The folder with the files that come with the assignment's notebook; every worker may read it."""
    home: str
    """The folder in which workers' own folders lie."""
    secret: list[str] = []
    """Files and folders that no worker may read or write, even where they lie among the libraries."""
    absent: list[str] = []
    """Names of packages that no worker may import."""


class Own(msgspec.Struct, frozen=True):
    """What one worker gets for itself."""

    folder: str
    """Its folder, the only one that it may write."""
    uid: int
    """The user to become; 0 where the grader isn't root and the worker stays who it is."""
    address_space: int
    """Bytes of address space."""
    files: int
    """Bytes of files in all."""
    threads: int
    """Threads at the same time, where the worker has a user of its own."""
    cpu_seconds: int
    """CPU seconds in all, after which the kernel ends the worker."""
    parent: int
    """The zygote's process id."""


class Tier(ABC):
    """One way to isolate workers.

    The zygote makes the tier that is used, calls `enclose` before any cell of a notebook runs and `finish` when the
    instructor's first cells have run; each worker calls `lock_up` before it gets any student code.
    """

    name: ClassVar[str]
    """As a Report and `--isolation` have it."""
    promise: ClassVar[str]
    """What it does, in a line."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @classmethod
    @abstractmethod
    def why_not(cls, place: Place) -> str:
        """What this host lacks for the tier, and how to get it; "" where nothing is known to be missing."""

    def enclose(self) -> list[str]:
        """Prepare the calling process, the zygote. Returns what an instructor should know.

        Raises:
            OSError: the kernel refused; the zygote is as it was before.
        """
        return []

    def finish(self) -> None:  # noqa: B027 - most tiers have nothing left to do
        """Do what must wait until the instructor's first cells have run, and come before the first fork."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Open files that `lock_up` needs, and closes."""
        return ()

    def make_folder(self, own: Own) -> None:
        """Make the worker's folder its own, empty and writable; called by the worker before `lock_up`."""
        if own.uid:
            os.chown(own.folder, own.uid, own.uid)

    @abstractmethod
    def lock_up(self, own: Own) -> None:
        """Restrict the calling process, a worker, for good.

        Raises:
            OSError: the kernel refused.
        """


class Unrestricted(Tier):
    """No isolation at all: submissions can do whatever the grader may do."""

    name = "none"
    promise = "nothing: submissions can do whatever the grader may do"

    @classmethod
    def why_not(cls, place: Place) -> str:
        """It works anywhere."""
        return ""

    def lock_up(self, own: Own) -> None:
        """Do nothing."""


def command_line(words: list[str], paths: list[Path]) -> str:
    """A command that a reader can copy: `words` and `paths`, quoted where that is needed."""
    return shlex.join([*words, *map(str, paths)])
