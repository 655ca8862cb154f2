"""What code changes in a test, place by place: by that, pairs of mistakes are tried in the order of their likelihood.

A place is a part of an exchange: an item of a tuple, a loss in a list, a gradient in a dictionary. Where one mistake of
a pair changes a place and the other doesn't, the pair most likely does there what the one does alone; where neither
changes it, what the right answer does. Places are kept as bits of an integer, so that a thousand pairs cost next to
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from autograder.diagnosis.comparison import EXPLAINING, same, same_error, same_exchange
from autograder.sandbox.errors import OutOfMemory, StudentRaised
from autograder.sandbox.student import Exchange

MAX_ITEMS = 50
"""A longer list is one place."""


class Place(NamedTuple):
    """A part of an exchange."""

    exchange: int
    path: tuple[str, ...]

    def inside(self, name: str) -> Place:
        """A part of what is there."""
        return Place(self.exchange, (*self.path, name))


class _Part(NamedTuple):
    value: Any


class Effect(msgspec.Struct, frozen=True):
    """What code does in one test; each bit is a place of what the student's code did there."""

    seen: int
    """It came to this place."""
    changes: int
    """It does something else than the right answer here."""
    agrees: int
    """It does what the student's code does here."""


class Effects:
    """Compares what code does in a test with what the right answer and what the student's code do in it."""

    def __init__(self, student: Sequence[Exchange], right: Sequence[Exchange], rtol: float) -> None:
        self._student = dict(_parts(student))
        self._right = right
        self._parts_of_right = dict(_parts(right))
        self._rtol = rtol
        self.right = self.of(right)

    def of(self, transcript: Sequence[Exchange]) -> Effect:
        """What code did, of which this is the transcript."""
        parts = dict(_parts(transcript))
        seen = changes = agrees = 0
        for number, (place, student) in enumerate(self._student.items()):
            if place.exchange >= len(transcript):
                break
            here = parts.get(place)
            seen |= 1 << number
            if self._changed(place, here, transcript):
                changes |= 1 << number
            if here is not None and self._alike(here, student):
                agrees |= 1 << number
        return Effect(seen, changes, agrees)

    def _changed(self, place: Place, here: _Part | None, transcript: Sequence[Exchange]) -> bool:
        right = self._parts_of_right.get(place)
        if here is not None and right is not None:
            return not self._alike(here, right)
        if here is not None or right is not None:
            return True
        # Only the student's result has such a part. What changes another part of the same result may change this one.
        number = place.exchange
        return number >= len(self._right) or not same_exchange(transcript[number], self._right[number], self._rtol)

    def _alike(self, one: _Part, other: _Part) -> bool:
        if isinstance(one.value, StudentRaised | OutOfMemory) and isinstance(other.value, StudentRaised | OutOfMemory):
            return same_error(one.value, other.value)
        return same(one.value, other.value, self._rtol)

    def against(self, one: Effect, other: Effect) -> tuple[int, int]:
        """How much speaks against two mistakes at once: places that contradict them, and minus those they explain."""
        both = one.seen & other.seen
        only_one = one.changes & ~other.changes & both
        only_other = other.changes & ~one.changes & both
        neither = both & ~one.changes & ~other.changes
        contradicting = only_one & ~one.agrees | only_other & ~other.agrees | neither & ~self.right.agrees
        explained = only_one & one.agrees | only_other & other.agrees
        return contradicting.bit_count(), -explained.bit_count()


def _parts(transcript: Sequence[Exchange]) -> Iterator[tuple[Place, _Part]]:
    """The places of a transcript and what is there."""
    for number, exchange in enumerate(transcript):
        if exchange.error is not None:
            yield Place(number, ("error",)), _Part(exchange.error)
        elif exchange.name in EXPLAINING:
            yield Place(number, (exchange.name,)), _Part(exchange.result)
        else:
            yield from _items(Place(number, (exchange.name,)), exchange.result)
            yield from _items(Place(number, ("left",)), exchange.left)


def _items(place: Place, value: Any) -> Iterator[tuple[Place, _Part]]:
    if isinstance(value, Mapping):
        yield place.inside("keys"), _Part(sorted(map(str, value)))
        for key, item in value.items():
            yield from _items(place.inside(str(key)), item)
    elif isinstance(value, list | tuple) and len(value) <= MAX_ITEMS:
        yield place.inside("length"), _Part(len(value))
        for number, item in enumerate(value):
            yield from _items(place.inside(str(number)), item)
    else:
        yield place, _Part(value)
