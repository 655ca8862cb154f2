"""Pairs of edits: an edit alone is its misconception, and two at once are told apart from others."""

from __future__ import annotations

import functools
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rehearsal import Rehearsal

from autograder.authoring.bank import Bank
from autograder.authoring.source import function_of
from autograder.course import Course
from autograder.diagnosis import Trial, numbers_of, same_course

ROOT = Path(__file__).resolve().parent.parent

QUICK = [
    ("ps1_gradient_descent", "linear_gradients"),
    ("ps1_gradient_descent", "gradient_descent"),
    ("ps2_backpropagation", "backward"),
    ("ps2_backpropagation", "linear_backward"),
    ("ps2_backpropagation", "train_two_layer"),
    ("ps3_autograd", "fit_linear"),
]
LONG = [("ps4_training_loop", "train_step"), ("ps4_training_loop", "train")]
ALL = [*QUICK, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in LONG)]
RTOL = 1e-5


@functools.cache
def rehearsal_of(assignment: str, function: str) -> Rehearsal:
    return Rehearsal(assignment, function)


def bank_of(assignment: str) -> Bank:
    return Course(ROOT).assignment(assignment).bank


@pytest.mark.parametrize(("assignment", "function"), [*QUICK, *LONG])
def test_no_edit_is_the_right_answer(assignment: str, function: str) -> None:
    rehearsal, bank = rehearsal_of(assignment, function), bank_of(assignment)
    for form in bank.forms(function):
        assert not any(trial.failed for trial in rehearsal.trials(function_of(form, function, bank.answers)))


@pytest.mark.parametrize(("assignment", "function"), ALL)
def test_each_edit_alone_is_its_misconception(assignment: str, function: str) -> None:
    """In whichever form of the right answer it is made."""
    rehearsal, bank = rehearsal_of(assignment, function), bank_of(assignment)
    for entry in bank.of(function):
        for form in bank.forms(function) if entry.edit else ():
            places = form.places(entry.edit)
            if places is None or form.edited(places) == entry.source:
                continue
            code = function_of(form.edited(places), function, bank.answers)
            pairs = zip(rehearsal.trials(entry.code), rehearsal.trials(code), strict=True)
            assert all(same_course(one.transcript, other.transcript, RTOL) for one, other in pairs), entry.id


@pytest.mark.parametrize(("assignment", "function"), ALL)
def test_nine_in_ten_pairs_behave_like_no_other(assignment: str, function: str) -> None:
    """A pair that does what no other pair and no single misconception does is diagnosed; all others are not named."""
    rehearsal, bank = rehearsal_of(assignment, function), bank_of(assignment)
    known = [bank.answers[function], *(entry.code for entry in bank.of(function) if entry.edit)]
    codes = [*known, *(pair.code for pair in bank.pairs(function))]
    groups = [list(range(len(codes)))]
    for rerun in rehearsal.reruns:
        # What one test has told apart needs no other one.
        finer = [
            [[group[n] for n in alike] for alike in grouped([rehearsal.trial(rerun, codes[n]) for n in group])]
            for group in groups
            if len(group) > 1
        ]
        groups = [group for group in groups if len(group) == 1] + [group for found in finer for group in found]
    new = [group for group in groups if min(group) >= len(known)]
    named = [group for group in new if len(group) == 1]
    changing = sum(map(len, new))
    assert changing > 50
    assert len(named) >= 0.9 * changing, f"{len(named)} of {changing}"


@pytest.mark.parametrize(("assignment", "function"), ALL)
def test_pairs_are_named_or_left_in_silence(assignment: str, function: str) -> None:
    """The diagnosis of a pair is this pair, or something that does the very same; nothing else is ever named."""
    rehearsal = rehearsal_of(assignment, function)
    pairs = list(bank_of(assignment).pairs(function))
    found = []
    for pair in pairs[:: len(pairs) // 6]:
        trials = rehearsal.trials(pair.code)
        if not any(trial.failed for trial in trials):
            continue
        diagnosis = rehearsal.diagnosis_of(trials)
        found.append(diagnosis is not None)
        if diagnosis is not None and diagnosis.id != pair.id:
            others = rehearsal.trials(diagnosis.code)
            assert all(
                same_course(one.transcript, other.transcript, RTOL) for one, other in zip(trials, others, strict=True)
            ), (pair.id, diagnosis.id)
    assert sum(found) >= 0.75 * len(found) > 3


def grouped(runs: list[Trial]) -> list[list[int]]:
    """Which runs were alike: their numbers in groups."""
    prints = [fingerprint(run) for run in runs]
    by_length: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (words, values) in enumerate(prints):
        by_length[words, len(values)].append(number)
    groups = []
    for numbers in by_length.values():
        while numbers:
            values = prints[numbers[0]][1]
            close = 1e-5 * np.abs(values) + 1e-7
            alike = [n for n in numbers if np.all(np.abs(prints[n][1] - values) <= close)]
            groups.append(alike)
            numbers = [n for n in numbers if n not in alike]
    return groups


def fingerprint(run: Trial) -> tuple[int, np.ndarray]:
    """All that a run did: what is not a number, as a checksum; and the numbers."""
    words: list[Any] = []
    values: list[np.ndarray] = []

    def add(value: Any) -> None:
        if isinstance(value, dict):
            words.append(sorted(value))
            for key in sorted(value):
                add(value[key])
        elif isinstance(value, list | tuple):
            words.append(len(value))
            for item in value:
                add(item)
        elif (array := numbers_of(value)) is not None:
            words.append((array.shape, bool(getattr(value, "requires_grad", False))))
            values.append(np.nan_to_num(array.ravel(), nan=1e100, posinf=1e200, neginf=-1e200))
        else:
            words.append(getattr(value, "type", None) or str(value))

    for exchange in run.transcript:
        words.append((exchange.name, str(exchange.error)))
        add(exchange.result)
        add(exchange.left)
    return zlib.crc32(repr(words).encode()), np.concatenate(values) if values else np.zeros(0)
