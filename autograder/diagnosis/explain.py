"""From what all cells' hidden tests saw to what explains it: the one place that words a hint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from autograder.authoring.bank import Bank, Misconception
from autograder.diagnosis.comparison import count_numbers
from autograder.diagnosis.effects import Effects
from autograder.diagnosis.symptoms import symptom
from autograder.diagnosis.trial import Fit, Rerun, Trial, elsewhere, fit
from autograder.sandbox.errors import StudentRaised

_STUB = "NotImplementedError"
MAX_PAIRS = 400
"""Pairs of mistakes that are tried for one function. A number, not a time: a Report must not depend on how busy the
machine is."""
MAX_WORK = 40_000
"""Calls of right answers that as many systematic edits may take as are tried for one function."""


class Explanation(msgspec.Struct, frozen=True):
    """What explains a failed check, or what its numbers show where nothing does."""

    diagnosis: str | None
    """The misconception's id; two of them joined by ``+`` where two mistakes were made; ``function~family`` where a
    systematic edit of the right answer does the same; None where nothing is known that does."""
    hint: str = ""
    symptoms: Mapping[str, str] = {}
    """By the test's name, what the numbers of a failed check show, where there is no diagnosis."""


def explain(cells: Mapping[str, Sequence[Trial]], bank: Bank, rtol: float) -> dict[str, Explanation]:
    """What explains the failures of each function, or what they show.

    Args:
        cells: by the function's name, those of its hidden tests that other code may be tried on. Earlier functions
            that were wrong themselves have been replaced by right answers in them.
        bank: the misconceptions that are tried.
        rtol: how close two numbers must be to be the same, relative to the largest of their array.
    """
    found = {}
    for function, trials in cells.items():
        if any(trial.failed for trial in trials):
            reruns = [Rerun(trial, bank.answers) for trial in trials]
            misconception = diagnose(function, reruns, bank, rtol)
            if misconception is not None:
                found[function] = Explanation(misconception.id, _evidence(misconception, trials))
            else:
                failed = [] if _is_unfilled(trials) else [rerun for rerun in reruns if rerun.trial.failed]
                shown = {rerun.trial.test.__name__: symptom(function, rerun, bank, rtol) for rerun in failed}
                found[function] = Explanation(None, symptoms=shown)
    return found


def known(misconception: Misconception) -> Explanation:
    """The explanation where a hidden test itself has recognised the misconception."""
    return Explanation(misconception.id, f"That is what comes out of this mistake: {_advice(misconception)}")


def diagnose(function: str, reruns: Sequence[Rerun], bank: Bank, rtol: float) -> Misconception | None:
    """The one misconception, or pair of them, that does what the student's code did in every trial.

    Single mistakes are tried before pairs. None where nothing fits, or where several fit that don't behave alike:
    then saying nothing is better than guessing.
    """
    # The failed ones first, and of those the quickest: that is where most candidates differ.
    ordered = sorted(reruns, key=lambda rerun: (not rerun.trial.failed, rerun.work))
    trials = [rerun.trial for rerun in ordered]
    for candidates in _candidates(function, ordered, bank, rtol):
        fitting: list[tuple[Misconception, Fit]] = []
        for candidate in candidates:
            found = fit(ordered, {**bank.answers, function: candidate.code}, rtol)
            if found is not Fit.DIFFERENT:
                fitting.append((candidate, found))
        if fitting:
            return _the_one(fitting, trials, bank, rtol)
    return None


def _candidates(function: str, reruns: Sequence[Rerun], bank: Bank, rtol: float) -> Iterator[Iterable[Misconception]]:
    """What is tried, in groups, the likelier ones first."""
    if _is_unfilled([rerun.trial for rerun in reruns]):
        yield [entry for entry in bank.of(function) if _STUB in entry.source.text]
        return
    yield bank.of(function)
    yield _variations(function, reruns, bank)
    yield _pairs(function, reruns, bank, rtol)


def _is_unfilled(trials: Sequence[Trial]) -> bool:
    """Whether the student's function stops at the stub that it was released with."""
    errors = [exchange.error for trial in trials for exchange in trial.transcript]
    return any(isinstance(error, StudentRaised) and error.type == _STUB for error in errors)


def _variations(function: str, reruns: Sequence[Rerun], bank: Bank) -> Iterator[Misconception]:
    """As many systematic edits as the limit on work allows."""
    yield from bank.variations(function)[: MAX_WORK // max(1, reruns[0].work)]


def _pairs(function: str, reruns: Sequence[Rerun], bank: Bank, rtol: float) -> Iterator[Misconception]:
    """Pairs of mistakes, those first of which the single mistakes contradict least what the student's code did."""
    rerun = reruns[0]
    effects = Effects(rerun.trial.transcript, rerun.right, rtol)
    of = {entry.id: effects.of(rerun.transcript({**bank.answers, function: entry.code})) for entry in bank.of(function)}
    couples = sorted(bank.couples(function), key=lambda couple: effects.against(of[couple.one.id], of[couple.other.id]))
    for couple in couples[:MAX_PAIRS]:
        pair = bank.pair(couple)
        if pair is not None:
            yield pair


def _the_one(
    fitting: Sequence[tuple[Misconception, Fit]], trials: Sequence[Trial], bank: Bank, rtol: float
) -> Misconception | None:
    """The first of those that fit, where nobody could tell the others from it: None where somebody could.

    Only those count whose way there is the same, too, if there are any. Two single mistakes are alike only where an
    author says so: each has a hint of its own, and which of two it was, no other inputs can tell. Pairs and systematic
    edits are alike also where they do the same on other inputs.
    """
    first, *others = [entry for entry, how in fitting if how is Fit.SAME] or [entry for entry, _ in fitting]
    others = [other for other in others if "~" in other.id or not first.like(other)]
    if others:
        if not _is_composed(first):
            return None
        reruns = elsewhere(trials, bank.answers, {**bank.answers, first.function: first.code})
        for other in others:
            if fit(reruns, {**bank.answers, other.function: other.code}, rtol) is Fit.DIFFERENT:
                return None
    return first


def _is_composed(misconception: Misconception) -> bool:
    """Whether it is a pair of mistakes or a systematic edit, so that nobody wrote its hint for it alone."""
    return "+" in misconception.id or "~" in misconception.id


def _evidence(misconception: Misconception, trials: Sequence[Trial]) -> str:
    """A sentence that says what the diagnosis rests on, and the advice."""
    count = sum(count_numbers(trial.transcript) for trial in trials)
    numbers = f"All {count:,} numbers that came out of your {misconception.function} in these checks are"
    return f"{numbers if count > 1 else 'That is'} what comes out of this mistake: {_advice(misconception)}"


def _advice(misconception: Misconception) -> str:
    if "~" in misconception.id:
        return f"in a right answer like the lesson's, {misconception.title}. {misconception.hint}"
    return f"{misconception.title}. {misconception.hint}"
