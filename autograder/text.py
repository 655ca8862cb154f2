"""Text that a submission may have chosen, made fit to be shown: the one place that decides which characters pass."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")


def printable(text: str, limit: int, *, keep: str = "", instead: str = "") -> str:
    """The first `limit` characters of `text` without any that could move a terminal's cursor or hide others.

    Args:
        text: from anywhere.
        limit: characters looked at.
        keep: control characters that pass all the same: line breaks and tabs, where they do no harm.
        instead: what stands for each character that doesn't pass.
    """
    return "".join(letter if letter.isprintable() or letter in keep else instead for letter in text[:limit])


def without_addresses(text: str) -> str:
    """`text` without addresses in memory, which differ from run to run: ``<object at 0x…>``."""
    return _ADDRESS.sub("0x…", text)
