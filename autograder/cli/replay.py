"""`autograder grade --replay`: grade a notebook again as a Report says, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from autograder.classroom import Pool, Settings
from autograder.cli.common import ERRORS, CommandError, complain, fail, isolation_of
from autograder.cli.which_course import course_for
from autograder.report import Report, differences, from_json
from autograder.sandbox.errors import SandboxError
from autograder.sandbox.isolation import CHOICES
from autograder.sandbox.limits import Limits
from autograder.submission import read_submission
from autograder.terminal import number
from autograder.text import printable

MAX_LINE = 2000


def replay_report(
    console: Console, file: Path, notebooks: Sequence[Path], course: Path | None, isolation: str, verbose: bool
) -> int:
    """Grade the one notebook in `notebooks` as the Report in `file` says; print what differs.

    Args:
        console: where to print.
        file: a Report as JSON.
        notebooks: the notebook that it is about.
        course: the course's folder, if it was named.
        isolation: the tier to use; auto: the Report's own, or else the strongest.
        verbose: whether to show tracebacks of the grader's own errors.

    Returns:
        The exit status: 0 where the Report came out the same but for times, 1 where it didn't.
    """
    try:
        old = _read(file)
        if len(notebooks) != 1:
            raise CommandError("--replay takes one Report and one notebook")
        chosen, note = course_for(notebooks, course)
        task = chosen.assignment(old.assignment)
        read_submission(notebooks[0], task)
        limits = msgspec.convert(old.limits, Limits)
        wanted = isolation_of(isolation)
        if wanted == "auto" and old.isolation in CHOICES and old.isolation != "none":
            wanted = isolation_of(old.isolation)
        settings = Settings(course=str(chosen.folder), assignment=old.assignment, limits=limits, isolation=wanted)
        new = _graded(settings, notebooks[0], old.seed, isolation)
    except msgspec.ValidationError as error:
        fail(CommandError(f"{file} holds limits that this version doesn't know: {error}"), verbose)
    except ERRORS as error:
        fail(error, verbose)
    if note:
        complain(note)
    if new.isolation != old.isolation:
        console.print(f"Isolation {new.isolation} took the place of {old.isolation}.", markup=False)
        new = msgspec.structs.replace(new, isolation=old.isolation)
    found = differences(old, new)
    score = f"{number(new.score)} of {number(new.max_score)} points"
    if not found:
        console.print(f"The same Report came out again, but for times: {score}.", markup=False)
        return 0
    console.print(f"Another Report came out, {score}:", markup=False)
    for line in found:
        console.print(f"  {printable(line, MAX_LINE, instead='?')}", markup=False, highlight=False, soft_wrap=True)
    return 1


def _read(file: Path) -> Report:
    try:
        return from_json(file.read_bytes())
    except msgspec.DecodeError as error:
        raise CommandError(f"{file} is no Report: {error}") from None


def _graded(settings: Settings, notebook: Path, seed: int, asked: str) -> Report:
    """A new Report, made in the tier of `settings` or, where nobody asked for a certain one, the strongest there is."""
    try:
        with Pool(settings, jobs=1) as pool:
            return pool.submit(notebook, seed).result().report
    except SandboxError:
        if asked != "auto" or settings.isolation == "auto":
            raise
    return _graded(msgspec.structs.replace(settings, isolation="auto"), notebook, seed, asked)
