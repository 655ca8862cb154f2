"""From what all cells' hidden tests saw to what explains it: the one place that words a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from autograder.authoring.bank import Bank, Misconception
from autograder.diagnosis.comparison import count_numbers
from autograder.diagnosis.effects import Effects
from autograder.diagnosis.trial import Fit, Rerun, Trial, alike_elsewhere, fit

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

    Single mistakes are tried before pairs. None where nothing fits, or where several fit that don't behave alike:
    then saying nothing is better than guessing.
    """
    reruns = [Rerun(trial, bank.answers) for trial in trials]
    reruns.sort(key=lambda rerun: (not rerun.trial.failed, rerun.work))
    for candidates in (bank.of(function), _likely_pairs(function, reruns[0], bank, rtol)):
        fitting: list[tuple[Misconception, Fit]] = []
        for candidate in candidates:
            found = fit(reruns, {**bank.answers, function: candidate.code}, rtol)
            if found is not Fit.DIFFERENT:
                fitting.append((candidate, found))
        if fitting:
            return _the_one(fitting, lambda one, other: _alike(one, other, trials, bank, rtol))
    return None


def _alike(one: Misconception, other: Misconception, trials: Sequence[Trial], bank: Bank, rtol: float) -> bool:
    """Whether naming the first is not wrong: an author says so, or both are pairs that do the same elsewhere, too.

    Single mistakes have hints of their own: which of two it was, no other inputs can tell.
    """
    if one.like(other) or "+" not in one.id or "+" not in other.id:
        return one.like(other)
    first, second = ({**bank.answers, entry.function: entry.code} for entry in (one, other))
    return alike_elsewhere(trials, first, second, rtol)


def _likely_pairs(function: str, rerun: Rerun, bank: Bank, rtol: float) -> Iterator[Misconception]:
    """Pairs of mistakes, those first of which the single mistakes contradict least what the student's code did."""
    effects = Effects(rerun.trial.transcript, rerun.right, rtol)
    of = {entry.id: effects.of(rerun.transcript({**bank.answers, function: entry.code})) for entry in bank.of(function)}
    couples = sorted(bank.couples(function), key=lambda couple: effects.against(of[couple.one.id], of[couple.other.id]))
    for couple in couples[:MAX_PAIRS]:
        pair = bank.pair(couple)
        if pair is not None:
            yield pair


def _the_one(
    fitting: Sequence[tuple[Misconception, Fit]], alike: Callable[[Misconception, Misconception], bool]
) -> Misconception | None:
    """Of those that fit, only those count whose way there is the same, too, if there are any."""
    first, *others = [entry for entry, how in fitting if how is Fit.SAME] or [entry for entry, _ in fitting]
    return first if all(alike(first, other) for other in others) else None


def _evidence(misconception: Misconception, trials: Sequence[Trial]) -> str:
    count = sum(count_numbers(trial.transcript) for trial in trials)
    numbers = f"All {count:,} numbers that came out of your {misconception.function} in these checks are"
    return f"{numbers if count > 1 else 'That is'} what comes out of this mistake: {_advice(misconception)}"


def _advice(misconception: Misconception) -> str:
    return f"{misconception.title}. {misconception.hint}"
