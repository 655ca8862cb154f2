"""Text that a submission may have chosen, made fit to be shown: the one place that decides which characters pass."""

from __future__ import annotations


def printable(text: str, limit: int, *, keep: str = "", instead: str = "") -> str:
    """The first `limit` characters of `text` without any that could move a terminal's cursor or hide others.

    Args:
        text: from anywhere.
        limit: characters looked at.
        keep: control characters that pass all the same: line breaks and tabs, where they do no harm.
        instead: what stands for each character that doesn't pass.
    """
    return "".join(letter if letter.isprintable() or letter in keep else instead for letter in text[:limit])
