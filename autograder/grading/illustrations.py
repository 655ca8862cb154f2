"""Which of the instructor's cells only illustrate: nothing that is graded needs them, and they need not be run."""

from __future__ import annotations

import re
import symtable
from collections.abc import Collection
from functools import lru_cache

from autograder.notebook import Cell

Names = frozenset[str]


def illustrations(cells: tuple[Cell, ...], released: Collection[str]) -> set[int]:
    """The places in `cells` of the instructor's code that no code of the student's needs, directly or through others.

    A cell that a student may change is the instructor's, too, while its source is one of `released`.

    A cell is needed where it binds a name that a cell of the student's, or another needed cell, reads as a global one.
    The instructor's cells at the notebook's beginning (imports, data) always count as needed.
    """
    beginning = next((place for place, cell in enumerate(cells) if cell.role != "locked"), len(cells))
    ours = [cell.role in ("locked", "test") or (cell.role == "plain" and cell.source in released) for cell in cells]
    candidates = {
        place: _names(cell.source)
        for place, cell in enumerate(cells)
        if place >= beginning and cell.kind == "code" and ours[place]
    }
    wanted: set[str] = set()
    for place, cell in enumerate(cells):
        if cell.kind == "code" and not ours[place]:
            wanted |= _names(cell.source)[1]
    while True:
        needed = {place for place, (bound, _) in candidates.items() if not bound.isdisjoint(wanted)}
        if not needed:
            return set(candidates)
        for place in needed:
            wanted |= candidates.pop(place)[1]


@lru_cache(maxsize=1024)
def _names(source: str) -> tuple[Names, Names]:
    """The global names that a cell binds, and those that it reads; all of its words where it is no plain Python."""
    lines = ("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    try:
        top = symtable.symtable("\n".join(lines), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = frozenset(re.findall(r"\w+", source))
        return words, words
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    read: set[str] = set()
    tables = [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                read.add(symbol.get_name())
            if table is not top and symbol.is_declared_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
    return frozenset(bound), frozenset(read)
