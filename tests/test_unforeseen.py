"""Wrong answers that no author of a bank wrote: unusual right answers with a slip of the pen, in other words.

The slips are made in the text, token by token and line by line, and not in the syntax tree; what they are made in are
answers that no edit of the bank is made in, with the variables renamed.
"""

from __future__ import annotations

import ast
import io
import keyword
import os
import random
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rehearsal import Rehearsal

from autograder.authoring.source import Source, function_of
from autograder.course import Course
from autograder.diagnosis import same_course, symptom
from autograder.diagnosis.trial import Rerun
from autograder.sandbox.deadline import Late, deadline

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENTS = ["ps1_gradient_descent", "ps2_backpropagation", "ps3_autograd", "ps4_training_loop"]
COUNT = int(os.environ.get("UNFORESEEN", "12"))
"""Wrong answers of each assignment; ``UNFORESEEN=50`` makes the 200 of docs/diagnosis.md."""

OTHER_TOKENS = {
    "+": ["-", "*"], "-": ["+"], "*": ["/", "+"], "/": ["*", "//"], "@": ["*"], "**": ["*"], "+=": ["=", "-="],
    "-=": ["+=", "="], "==": ["!=", ">"], "<": ["<=", ">"], ">": [">=", "<"], "0": ["1"], "1": ["0", "2"],
    "2": ["1", "3"],
    "sum": ["mean", "max"], "mean": ["sum", "max"], "argmax": ["argmin", "max"], "softmax": ["sigmoid", "log_softmax"],
    "eval": ["train"], "True": ["False"], "False": ["True"], "zeros": ["ones"], "zeros_like": ["ones_like"],
}  # fmt: skip


def renamed(source: str, rng: random.Random) -> str:
    """The function with other names for its variables; its arguments keep theirs."""
    tree = ast.parse(source)
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - arguments
    names = {name: f"{rng.choice(['my', 'cur', 'tmp', 'the'])}_{name.strip('_') or 'x'}" for name in sorted(stored)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = names[node.id]
    return ast.unparse(tree)


def slip(source: str, rng: random.Random) -> str:
    """The text with one slip."""
    return rng.choice([other_token, other_token, other_token, line_lost, line_moved, line_shifted, names_exchanged])(
        source, rng
    )


def other_token(source: str, rng: random.Random) -> str:
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    places = [token for token in tokens[1:] if token.string in OTHER_TOKENS]
    if not places:
        return source
    token = rng.choice(places)
    return put(source, token, rng.choice(OTHER_TOKENS[token.string]))


def names_exchanged(source: str, rng: random.Random) -> str:
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    names = [t for t in tokens if t.type == tokenize.NAME and not keyword.iskeyword(t.string) and t.start[0] > 1]
    one = rng.choice(names)
    near = [t for t in names if t.start[0] == one.start[0] and t.string != one.string]
    return put(source, one, rng.choice(near).string) if near else source


def put(source: str, token: tokenize.TokenInfo, text: str) -> str:
    lines = source.splitlines()
    line = lines[token.start[0] - 1]
    lines[token.start[0] - 1] = line[: token.start[1]] + text + line[token.end[1] :]
    return "\n".join(lines)


def line_lost(source: str, rng: random.Random) -> str:
    lines = source.splitlines()
    del lines[rng.randrange(1, len(lines))]
    return "\n".join(lines)


def line_moved(source: str, rng: random.Random) -> str:
    lines = source.splitlines()
    if len(lines) < 3:
        return source
    lines.insert(rng.randrange(1, len(lines)), lines.pop(rng.randrange(1, len(lines))))
    return "\n".join(lines)


def line_shifted(source: str, rng: random.Random) -> str:
    lines = source.splitlines()
    number = rng.randrange(1, len(lines))
    lines[number] = f"    {lines[number]}" if rng.random() < 0.5 else lines[number].removeprefix("    ")
    return "\n".join(lines)


def wrong_answers(assignment: str) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Functions with their names and sources, without end; one in four has two slips."""
    bank = Course(ROOT).assignment(assignment).bank
    rng = random.Random(f"unforeseen {assignment}")
    while True:
        entry = rng.choice(bank.unusual)
        try:
            text = slip(renamed(entry.source.body, rng), rng)
            if rng.random() < 0.25:
                text = slip(text, rng)
            ast.parse(text)
            yield entry.function, text, function_of(Source(entry.source.header, text), entry.function, bank.answers)
        except (SyntaxError, tokenize.TokenError):
            continue


@pytest.mark.parametrize(
    "assignment",
    [name if name == ASSIGNMENTS[0] else pytest.param(name, marks=pytest.mark.slow) for name in ASSIGNMENTS],
)
def test_unforeseen_mistakes_are_named_rightly_or_have_a_symptom(assignment: str) -> None:
    """What raises is told by its error, and isn't counted."""
    wrong = named = shown = 0
    seen: set[str] = set()
    rehearsals: dict[tuple[str, int], Rehearsal] = {}
    bank = Course(ROOT).assignment(assignment).bank
    for function, text, code in wrong_answers(assignment):
        if wrong == COUNT:
            break
        if text in seen:
            continue
        seen.add(text)
        for seed in (0, 1):
            if (function, seed) not in rehearsals:
                rehearsals[function, seed] = Rehearsal(assignment, function, seed)
        here, elsewhere = rehearsals[function, 0], rehearsals[function, 1]
        try:
            with deadline(20):
                trials = here.trials(code)
        except Late:
            continue
        failed = [trial for trial in trials if trial.failed]
        if not failed or any(exchange.error for trial in failed for exchange in trial.transcript):
            continue
        wrong += 1
        found = here.diagnosis_of(trials)
        if found is None:
            told = [symptom(function, Rerun(trial, bank.answers), bank, here.rtol) for trial in failed]
            shown += any(told)
            if not any(told):
                print(f"nothing said of {function}:\n{text}")
            continue
        named += 1
        pairs = zip(elsewhere.trials(code), elsewhere.trials(found.code), strict=True)
        alike = all(same_course(one.transcript, other.transcript, here.rtol) for one, other in pairs)
        assert alike, f"{found.id}, {found.title}:\n{text}"
    print(f"{assignment}: {wrong} wrong answers, {named} named, {shown} with a symptom")
    assert named + shown >= 0.8 * wrong
