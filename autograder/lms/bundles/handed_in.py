"""Which file of an uploaded folder is to be graded. Nothing in it is believed, and no link is followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from autograder.text import printable

MAX_FILES = 2000
"""Names that are looked at."""
MAX_DEPTH = 4
"""Folders in folders that are looked into."""
MAX_NAMED = 5
"""Files that a message names."""


class HandedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in the folder."""

    notebook: Path | None = None
    refusal: str = ""
    """Why there is nothing to grade, for the student."""
    notes: tuple[str, ...] = ()
    """What the student should know of the choice."""


def find_notebook(folder: Path, assignment: str) -> HandedIn:
    """The notebook to grade: the one that has the assignment's name, or the only one.

    Args:
        folder: the student's, whatever is in it.
        assignment: its name; the notebook should be called ``assignment.ipynb``.
    """
    wanted = f"{assignment}.ipynb"
    names: list[str] = []
    links: list[str] = []
    for relative, is_link in _files(folder):
        if relative.endswith(".ipynb"):
            (links if is_link else names).append(relative)
    names.sort()
    exact = [name for name in names if os.path.basename(name) == wanted]
    ignored = (f"Links are not followed, so these files were not looked at: {_named(links)}.",) if links else ()
    if len(exact) == 1 or (not exact and len(names) == 1):
        chosen = (exact or names)[0]
        others = [name for name in names if name != chosen]
        notes = [*ignored]
        if not exact:
            notes.append(f"{_named([chosen])} was graded. Please call the file {wanted}.")
        if others:
            notes.append(f"Only {_named([chosen])} was graded. These other notebooks were not: {_named(others)}.")
        return HandedIn(notebook=folder / chosen, notes=tuple(notes))
    if names:
        refusal = (
            f"There is more than one notebook: {_named(exact or names)}. Nothing was graded, because it is not clear "
            f"which one counts. Please hand in one notebook, called {wanted}."
        )
    else:
        refusal = f"There is no notebook in what was handed in. Please hand in {wanted}."
    return HandedIn(refusal=refusal, notes=ignored)


def _files(folder: Path) -> Iterator[tuple[str, bool]]:
    """Paths below `folder` with whether they are links; hidden ones and what else is no ordinary file are left out."""
    waiting = [("", 0)]
    seen = 0
    while waiting:
        inside, depth = waiting.pop()
        try:
            entries = os.scandir(folder / inside)
        except OSError:
            continue
        with entries:
            for entry in entries:
                seen += 1
                if seen > MAX_FILES:
                    return
                path = f"{inside}/{entry.name}" if inside else entry.name
                if entry.name.startswith((".", "__MACOSX")) or not _is_text(path):
                    continue
                if entry.is_symlink():
                    yield path, True
                elif entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH:
                    waiting.append((path, depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    yield path, False


def _is_text(path: str) -> bool:
    """Whether a path is one that UTF-8 can write: others can't be sent to a grading process."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(names: list[str]) -> str:
    shown = [printable(name, 120, instead="?") for name in names[:MAX_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
