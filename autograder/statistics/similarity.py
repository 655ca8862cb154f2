"""Submissions whose code is alike beyond chance.

copydetect turns code into fingerprints in which names and comments don't count. What everybody was given (stub, visible
checks) and what the instructor's own code has doesn't count either, and what few have counts more than what many have.
How alike two submissions of this class are by chance is found by dealing the class's answers out anew, cell by cell:
two who work apart may well choose the same answer to one function, but not to all of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]

LENGTH = 20
"""Characters of normalised code in a fingerprint: a name is one character, spaces and comments none."""
MAX_CODE = 20_000
"""Characters of a cell that are compared."""
DEALS = 200
"""How often the answers are dealt out anew."""
MAX_PAIRS = 50
"""Pairs that are shown."""


class Piece(msgspec.Struct, frozen=True):
    """A stretch of code, and whether the other submission has it, too."""

    text: str
    shared: bool


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One function as two students wrote it."""

    cell: str
    left: tuple[Piece, ...]
    right: tuple[Piece, ...]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two submissions alike beyond chance."""

    left: str
    right: str
    strength: float
    """How alike they are, in units of the most that one of 200 classes with the answers dealt out anew had."""
    shared: tuple[float, float]
    """The share of each one's own code that the other has, too."""
    sides: tuple[Side, ...]


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, or why nothing could be."""

    pairs: tuple[Pair, ...] = ()
    compared: int = 0
    """Submissions with code of their own."""
    omitted: int = 0
    """Pairs alike beyond chance that are not shown."""
    note: str = ""
    """Why there was no comparison; empty where there was one."""


class _Code:
    """One cell of one student, as fingerprints; what everybody was given is left out."""

    def __init__(self, text: str, given: set[int]) -> None:
        from copydetect import CodeFingerprint

        self.whole = CodeFingerprint("cell", LENGTH, 1, language="python", fp=io.StringIO(text[:MAX_CODE]))
        self.whole.hashes = {int(value) for value in self.whole.hashes} - given
        self.whole.hash_idx = {
            key: where for key, where in self.whole.hash_idx.items() if int(key) in self.whole.hashes
        }
        self.own: set[int] = self.whole.hashes


def likeness(
    sources: Mapping[str, Mapping[str, str]], given: Sequence[str], *, seed: int = 0, deals: int = DEALS
) -> Likeness:
    """Find the pairs of submissions that are alike beyond chance.

    A pair that is found is more alike than any pair of `deals` classes in which the answers of each cell are dealt out
    anew. So a class in which all work apart shows a pair once in about `deals` assignments.

    Args:
        sources: by student, the code by cell.
        given: code that everybody was given or that is the instructor's.
        seed: of the random deals.
        deals: how many.
    """
    try:
        import copydetect  # noqa: F401
    except ImportError:
        return Likeness(note="This needs copydetect: pip install 'autograder[similarity]'.")
    students = sorted(sources)
    cells = sorted({cell for code in sources.values() for cell in code})
    known = {value for text in given for value in _Code(text, set()).own}
    codes = {cell: [_Code(sources[student].get(cell, ""), known) for student in students] for cell in cells}
    used = [cell for cell in cells if sum(bool(code.own) for code in codes[cell]) > 2]
    compared = sum(any(codes[cell][place].own for cell in cells) for place in range(len(students)))
    if len(used) < 2 or compared < 3:
        return Likeness(compared=compared, note="There is too little code of the students' own to compare.")
    tables = [_alike([code.own for code in codes[cell]]) for cell in used]
    together = np.sum(tables, axis=0)
    most = _by_chance(tables, seed, deals)
    rows, columns = np.nonzero(np.triu(together > most, 1))
    order = np.argsort(-together[rows, columns], kind="stable")
    pairs = []
    for place in order[:MAX_PAIRS]:
        one, other = int(rows[place]), int(columns[place])
        pairs.append(
            Pair(
                left=students[one],
                right=students[other],
                strength=float(together[one, other] / most),
                shared=_shares([(codes[cell][one].own, codes[cell][other].own) for cell in used]),
                sides=tuple(_side(cell, codes[cell][one], codes[cell][other]) for cell in used),
            )
        )
    return Likeness(pairs=tuple(pairs), compared=compared, omitted=len(order) - len(pairs))


def _alike(owned: Sequence[set[int]]) -> Array:
    """How alike each two students are in one cell, `(n, n)`: the rarity -log(share) of all that both have, summed."""
    holders: dict[int, list[int]] = {}
    for place, values in enumerate(owned):
        for value in values:
            holders.setdefault(value, []).append(place)
    writers = sum(bool(values) for values in owned)
    # Fingerprints that the same students have count in one go.
    groups: dict[tuple[int, ...], int] = {}
    for who in holders.values():
        if 1 < len(who) < writers:
            groups[tuple(who)] = groups.get(tuple(who), 0) + 1
    table = np.zeros((len(owned), len(owned)))
    for people, count in groups.items():
        table[np.ix_(people, people)] += count * np.log(writers / len(people))
    np.fill_diagonal(table, 0.0)
    return table


def _by_chance(tables: Sequence[Array], seed: int, deals: int) -> float:
    """The most that two students are alike in any of `deals` classes with each cell's answers dealt out anew."""
    rng = np.random.default_rng(seed)
    most = 0.0
    for _ in range(deals):
        total = tables[0].copy()
        for table in tables[1:]:
            order = rng.permutation(len(table))
            total += table[np.ix_(order, order)]
        most = max(most, float(total.max()))
    return most or 1.0


def _shares(pairs: Sequence[tuple[set[int], set[int]]]) -> tuple[float, float]:
    both = sum(len(left & right) for left, right in pairs)
    lefts, rights = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    return both / max(lefts, 1), both / max(rights, 1)


def _side(cell: str, left: _Code, right: _Code) -> Side:
    from copydetect import compare_files

    _, _, slices = compare_files(left.whole, right.whole)
    return Side(
        cell=cell,
        left=_pieces(left.whole.raw_code, slices[0]),
        right=_pieces(right.whole.raw_code, slices[1]),
    )


def _pieces(text: str, slices: Array) -> tuple[Piece, ...]:
    """`text` cut where what is shared begins and ends."""
    pieces, place = [], 0
    for start, end in slices.T.astype(int).tolist() if slices.size else []:
        start, end = max(start, place), max(end, place)
        pieces += [Piece(text[place:start], False), Piece(text[start:end], True)]
        place = end
    return tuple(piece for piece in (*pieces, Piece(text[place:], False)) if piece.text)
