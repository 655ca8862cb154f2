"""What an instructor decides when a bundle is made; it travels in the bundle as ``settings.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from autograder.sandbox.isolation import Isolation
from autograder.sandbox.limits import MIB, Limits

FILE = "settings.json"
COURSE = "course"
"""The folder in a bundle that is a course with one assignment."""

WORKERS = 65_519
"""The group of submissions' users in tier uid."""
DEPTH = 4
"""How far below the root that tier looks for folders that everybody may write."""

System = Literal["gradescope", "prairielearn", "vocareum"]
SYSTEMS: tuple[System, ...] = ("gradescope", "prairielearn", "vocareum")

Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]

HELD = {"numpy": 500, "torch": 1300}
"""MiB that grading holds beside what a submission uses, by the assignment's libraries: measured, with a reserve."""
START_SECONDS = 45
"""Seconds of a time-out that are kept for the start, the diagnosis and the writing of results."""
STOP_SECONDS = 10
"""Seconds before a harness's time-out at which the bundle ends grading by itself."""


class BundleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bundle's settings."""

    assignment: str
    libraries: Literal["numpy", "torch"]
    """As in the assignment's own settings."""
    timeout: int
    """Seconds after which the harness ends grading."""
    memory: int
    """MiB of the container."""
    visibility: Visibility = "visible"
    """When students see the checks, in the words of Gradescope."""
    feedback_attempts: int = 0
    """Attempts that get messages and hints; later ones get points alone. 0: all of them."""
    leaderboard: bool = True
    """Whether what hidden tests measured goes on Gradescope's leaderboard."""
    isolation: Isolation = "auto"
    """The sandbox's tier; auto: the strongest one that the host offers."""

    @property
    def limits(self) -> Limits:
        """What a submission may use up, so that grading fits into the container and into its time."""
        free = max(128, self.memory - HELD[self.libraries])
        return Limits(
            memory=min(Limits().memory, free * MIB),
            submission_seconds=min(Limits().submission_seconds, float(max(10, self.timeout - START_SECONDS))),
        )

    @property
    def stop_seconds(self) -> int:
        """Seconds after which the bundle ends grading by itself."""
        return max(5, self.timeout - STOP_SECONDS)


def recommended(system: System, libraries: str) -> tuple[int, int]:
    """The time-out in seconds and the container's MiB that docs/lms.md derives from measurements."""
    torch = libraries == "torch"
    if system == "gradescope":
        return 600, 3072 if torch else 1536
    return (300 if torch else 120), 2048


def read_settings(folder: Path) -> BundleSettings:
    """The settings of the bundle that is unpacked in `folder`.

    Raises:
        OSError, msgspec.ValidationError: they can't be read, or aren't settings.
    """
    return msgspec.json.decode((folder / FILE).read_bytes(), type=BundleSettings)
