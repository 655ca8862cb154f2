"""Simulators: for an exercise, one program with switches; each switch is a misconception of the bank, two are a pair.

A simulator has SWITCHES, by the function of the notebook: for each misconception that it can simulate the settings that
make it, and a function that builds the code for settings. Two switches that set different things can be made at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

Settings = Mapping[str, Any]
Code = Callable[..., Any]


class Simulator(msgspec.Struct, frozen=True):
    """What can go wrong in one function of a notebook, one thing or two at a time."""

    build: Callable[..., Code]
    """The function with the given settings, as keywords; without any it is right."""
    switches: Mapping[str, Settings]
    """By the name of a misconception of this function: the settings that make it."""

    def singles(self) -> Iterator[tuple[str, Code]]:
        """Each switch by itself."""
        for name, settings in self.switches.items():
            yield name, self.build(**settings)

    def pairs(self) -> Iterator[tuple[str, str, Code]]:
        """Every two switches that can be made at once."""
        for (one, first), (other, second) in itertools.combinations(self.switches.items(), 2):
            if first.keys().isdisjoint(second):
                yield one, other, self.build(**first, **second)
