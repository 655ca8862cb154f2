"""From what all cells' hidden tests saw to what explains it: the one place that words a hint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from autograder.authoring.bank import Bank, Misconception
from autograder.diagnosis.comparison import count_numbers
from autograder.diagnosis.trial import Fit, Rerun, Trial, fit

MAX_PAIRS = 400
"""Pairs of mistakes that are tried for one function. A number, not a time: a Report must not depend on how busy the
machine is."""


class Explanation(msgspec.Struct, frozen=True):
    """What explains a failed check."""

    diagnosis: str
    """The misconception's id; two of them joined by ``+`` where two mistakes were made."""
    hint: str


def explain(cells: Mapping[str, Sequence[Trial]], bank: Bank, rtol: float) -> dict[str, Explanation]:
    """What explains the failures of each function, where the bank knows it.

    Args:
        cells: by the function's name, those of its hidden tests that other code may be tried on. Earlier functions
            that were wrong themselves have been replaced by right answers in them.
        bank: the misconceptions that are tried.
        rtol: how close two numbers must be to be the same, relative to the largest of their array.
    """
    found = {}
    for function, trials in cells.items():
        if any(trial.failed for trial in trials):
            misconception = diagnose(function, trials, bank, rtol)
            if misconception is not None:
                found[function] = Explanation(misconception.id, _evidence(misconception, trials))
    return found


def known(misconception: Misconception) -> Explanation:
    """The explanation where a hidden test itself has recognised the misconception."""
    return Explanation(misconception.id, f"That is what comes out of this mistake: {_advice(misconception)}")


def diagnose(function: str, trials: Sequence[Trial], bank: Bank, rtol: float) -> Misconception | None:
    """The one misconception, or pair of them, that does what the student's code did in every trial.

    Single mistakes are tried before pairs. None where nothing fits, or where several fit that are not declared to
    behave alike: then saying nothing is better than guessing.
    """
    reruns = [Rerun(trial, bank.answers) for trial in trials]
    reruns.sort(key=lambda rerun: (not rerun.trial.failed, rerun.seconds))
    for candidates in (bank.of(function), _likely_pairs(function, reruns[0], bank)):
        fitting: list[tuple[Misconception, Fit]] = []
        for candidate in candidates:
            found = fit(reruns, {**bank.answers, function: candidate.code}, rtol)
            if found is not Fit.DIFFERENT:
                fitting.append((candidate, found))
        if fitting:
            return _the_one(fitting)
    return None


def _likely_pairs(function: str, rerun: Rerun, bank: Bank) -> Iterator[Misconception]:
    """Pairs of mistakes, first those with one that explains a part of what the student's code did in a test."""
    explains = {
        entry.id for entry in bank.of(function) if rerun.agreement({**bank.answers, function: entry.code}) - rerun.right
    }
    pairs = sorted(bank.pairs(function), key=lambda pair: not any(_part_of(one, pair) for one in explains))
    yield from pairs[:MAX_PAIRS]


def _part_of(single: str, pair: Misconception) -> bool:
    first, _, second = pair.id.partition("+")
    return single in (first, f"{pair.function}.{second}")


def _the_one(fitting: Sequence[tuple[Misconception, Fit]]) -> Misconception | None:
    """Of those that fit, only those count whose way there is the same, too, if there are any."""
    first, *others = [entry for entry, how in fitting if how is Fit.SAME] or [entry for entry, _ in fitting]
    return first if all(first.like(other) for other in others) else None


def _evidence(misconception: Misconception, trials: Sequence[Trial]) -> str:
    count = sum(count_numbers(trial.transcript) for trial in trials)
    numbers = f"All {count:,} numbers that came out of your {misconception.function} in these checks are"
    return f"{numbers if count > 1 else 'That is'} what comes out of this mistake: {_advice(misconception)}"


def _advice(misconception: Misconception) -> str:
    return f"{misconception.title}. {misconception.hint}"
