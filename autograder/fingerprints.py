"""Fingerprints: what each misconception makes of a notebook's visible checks, in numbers that a release can ship.

A student's checks can then name a known mistake by comparing numbers, without a wrong or a right answer at hand.
The notebook and the bank are the instructor's own: they run in this process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec

from autograder.authoring.bank import Misconception
from autograder.course import Assignment, AssignmentError
from autograder.sandbox.bench import seed_everything, switch_autograd_on

FILENAME = "known_mistakes.json"


class Recorder:
    """Stands in for the helper's `checks`: runs every check, and keeps the fingerprints of their values."""

    def __init__(self, fingerprint: Callable[[Any], list[float]]) -> None:
        self._fingerprint = fingerprint
        self.fingerprints: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def checks(self, function: str) -> Iterator[Recorder]:
        """As the helper's."""
        yield self

    def close(self, sentence: str, value: Callable[[], Any], expected: Any, tolerance: float = 1e-5) -> None:
        """As the helper's, without a verdict; a check that stops with an error has no fingerprint."""
        with contextlib.suppress(Exception):
            self.fingerprints[sentence] = [_short(number) for number in self._fingerprint(value())]

    def that(self, sentence: str, condition: Callable[[], Any]) -> None:
        """As the helper's: a condition may change what later checks see."""
        with contextlib.suppress(Exception):
            condition()


def known_mistakes(assignment: Assignment) -> bytes:
    """The content of the file that ships with the assignment's notebook.

    JSON: by function, for each mistake that the visible checks can see its title, its hint, and its fingerprints by the
    checks' sentences.

    Raises:
        AssignmentError: the solved notebook doesn't run.
    """
    helper = _helper(assignment)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found: dict[str, list[dict[str, Any]]] = {}
    with _quiet(), contextlib.chdir(assignment.folder):
        for cell in assignment.cells:
            if cell.kind != "code":
                continue
            function = assignment.function_of(str(cell.grade_id))
            bank = assignment.bank.of(function)
            if cell.role == "test" and bank:
                found[function] = list(_seen(cell.source, namespace, bank, helper))
            switch_autograd_on()
            _run(cell.source, namespace, f"cell {cell.grade_id}")
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def _seen(
    source: str, namespace: dict[str, Any], bank: list[Misconception], helper: ModuleType
) -> Iterator[dict[str, Any]]:
    def values(code: Any) -> dict[str, list[float]]:
        recorder = Recorder(helper.fingerprint)
        seed_everything(0)
        switch_autograd_on()
        stand_in = SimpleNamespace(**{**vars(helper), "checks": recorder.checks})
        function = bank[0].function
        _run(source, {**namespace, function: code, "helper": stand_in}, f"cell test_{function}")
        return recorder.fingerprints

    right = values(namespace[bank[0].function])
    earlier: list[tuple[Misconception, dict[str, list[float]]]] = []
    for entry in bank:
        fingerprints = values(entry.code)
        twin = any(entry.like(other) and fingerprints == theirs for other, theirs in earlier)
        earlier.append((entry, fingerprints))
        if fingerprints != right and fingerprints and not twin:
            yield {"title": entry.title, "hint": entry.hint, "fingerprints": fingerprints}


def _short(number: float) -> float:
    return float(f"{number:.6g}")


def _run(source: str, namespace: dict[str, Any], name: str) -> None:
    lines = ["" if line.startswith("%") else line for line in source.splitlines()]
    try:
        exec(compile("\n".join(lines), name, "exec"), namespace)
    except Exception as error:
        raise AssignmentError(f"{name} of the solved notebook stopped with {type(error).__name__}: {error}") from error


def _helper(assignment: Assignment) -> ModuleType:
    """The assignment's own helper.py, as its notebook imports it."""
    spec = importlib.util.spec_from_file_location("helper", assignment.folder / "helper.py")
    if spec is None or spec.loader is None or not (assignment.folder / "helper.py").exists():
        raise AssignmentError(f"{assignment.folder} has no helper.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["helper"] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder is released as it is
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No prints, no warnings, no windows with figures."""
    import matplotlib

    matplotlib.use("Agg")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    import matplotlib.pyplot as plt

    plt.close("all")
