"""Text that a submission may have chosen, made fit to be shown: the one place that decides which characters pass."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
MAX_SHOWN = 100_000
"""Characters of a text that `as_typed` shows."""


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


def as_typed(source: str) -> str:
    """Markdown that shows `source` letter by letter: whatever could be a sign of Markdown is written as a number."""
    lines = []
    for line in source[:MAX_SHOWN].splitlines():
        text = line.lstrip()
        indent = "&#160;" * (len(line) - len(text))
        lines.append(indent + re.sub(r"[^\w\s.,;?'\"]|_", lambda sign: f"&#{ord(sign[0])};", text))
    if len(source) > MAX_SHOWN:
        lines.append("… The rest is in the file that was handed in.")
    return "  \n".join(lines)
