"""How much of everything a submission may use."""

from __future__ import annotations

import msgspec

MIB = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on one submission; all can be set by the one who grades."""

    cell_seconds: float = 60.0
    """CPU seconds for running one notebook cell; it may take twice that by the clock."""
    call_seconds: float = 10.0
    """CPU seconds that one call of a student's function may ever take, where its test doesn't ask for more."""
    call_floor: float = 1.0
    """CPU seconds that one call may take at least; beyond them the right answer's own time decides."""
    training_floor: float = 5.0
    """The same for a call whose test asks for more than `call_seconds`, which is then the most it may take."""
    hung_share: float = 0.25
    """How much of these floors is left for a call that may lead to a function that had to be stopped before."""
    call_factor: float = 20.0
    """How many times as long as the right answer one call may take."""
    idle_seconds: float = 3.0
    """Seconds by the clock that code may wait for something without computing anything."""
    memory: int = 2048 * MIB
    """Bytes of memory beyond what the worker starts with."""
    threads: int = 64
    """Threads that may run at the same time."""
    files: int = 64 * MIB
    """Bytes in the worker's folder, all files together."""
    output: int = 1 * MIB
    """Characters of text that one cell may leave behind; what it prints beyond them is dropped."""
    outputs: int = 24 * MIB
    """Characters of text and of encoded figures that all cells of a submission may leave behind."""
    printed: int = 16 * MIB
    """Characters that one cell or one call may print at all, before it is stopped."""
    submission_seconds: float = 900.0
    """Seconds by the clock after which nothing more of a submission is run."""
    lives: int = 12
    """How many times a crashed or stuck worker is replaced before the rest is given up."""
    lives_per_cell: int = 2
    """How many tests of one cell may cost a worker before the cell's other tests are given up."""
