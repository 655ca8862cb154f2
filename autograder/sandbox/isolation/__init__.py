"""Tiers of isolation: which ones this host offers, the strongest of them, and what they are asked to do."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from autograder.sandbox.isolation.by_bubblewrap import BubblewrapTier
from autograder.sandbox.isolation.by_landlock import LandlockTier
from autograder.sandbox.isolation.by_uid import UidTier
from autograder.sandbox.isolation.tier import Own, Place, Tier, Unrestricted

Isolation = Literal["auto", "bubblewrap", "landlock", "uid", "none"]
"""What can be asked for. ``auto`` takes the strongest tier that the host offers, and never ``none``."""

CHOICES: tuple[str, ...] = get_args(Isolation)

TIERS: tuple[type[Tier], ...] = (BubblewrapTier, LandlockTier, UidTier)
"""From the strongest to the weakest."""

__all__ = ["CHOICES", "TIERS", "Enclosed", "Isolation", "Own", "Place", "Tier", "Unavailable", "enclose"]


class Unavailable(OSError):
    """This host doesn't offer the isolation that is asked for; the message says what is missing and how to get it."""


class Enclosed(msgspec.Struct, frozen=True):
    """A tier in force, and what an instructor should know about it."""

    tier: Tier
    notes: list[str]


def enclose(wanted: str, place: Place) -> Enclosed:
    """Put the calling process, a zygote, into the tier `wanted`, or for ``auto`` into the strongest possible.

    Raises:
        Unavailable: this host doesn't offer it.
    """
    if wanted == Unrestricted.name:
        return Enclosed(Unrestricted(place), [])
    reasons: list[str] = []
    notes: list[str] = []
    for kind in TIERS:
        if wanted not in ("auto", kind.name):
            continue
        reason = kind.why_not(place)
        if not reason:
            try:
                tier = kind(place)
                return Enclosed(tier, [*notes, *tier.enclose()])
            except OSError as error:
                reason = error.strerror or str(error)
                notes.append(f"tier {kind.name} can't be used, a weaker one is: {reason}")
        reasons.append(f"{kind.name}: {reason}")
    raise Unavailable("\n".join(["this host can't isolate submissions:", *reasons]))
