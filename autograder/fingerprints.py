"""Fingerprints: what a notebook's visible checks see of each misconception, in a form that a release can ship.

A student's checks can then name a known mistake by comparing outcomes, errors and numbers, without a
wrong or a right answer at hand.
The notebook and the bank are the instructor's own: they run in this process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec

from autograder.authoring.bank import Misconception
from autograder.course import Assignment, AssignmentError

FILENAME = "known_mistakes.json"

Results = dict[str, list[float | str]]
"""By a check's sentence, what the helper's `Checks.seen` holds."""


def known_mistakes(assignment: Assignment) -> bytes:
    """The content of the file that ships with the assignment's notebook.

    JSON: by function, for each mistake that the visible checks can tell from a right answer by a value or an error: its
    title, its hint, and its results by the checks' sentences. A mistake that only turns a verdict is left out: the
    check's own sentence says all that is known then.

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
            helper.autograd_on()
            _run(cell.source, namespace, f"cell {cell.grade_id}")
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def _seen(
    source: str, namespace: dict[str, Any], bank: list[Misconception], helper: ModuleType
) -> Iterator[dict[str, Any]]:
    function = bank[0].function

    def results(code: Any) -> Results:
        """What the test cell's checks see of `code`; nothing where they don't come to their end."""
        check = helper.Checks(function)
        stand_in = SimpleNamespace(**{**vars(helper), "checks": lambda _: contextlib.nullcontext(check)})
        _run(source, {**namespace, function: code, "helper": stand_in}, f"cell test_{function}")
        return {sentence: list(map(_short, seen)) for sentence, seen in check.seen.items()} if check.finished else {}

    right = _values(results(namespace[function]))
    for entry in bank:
        found = results(entry.code)
        if found and not helper.same_results(_values(found), right):
            yield {"title": entry.title, "hint": entry.hint, "results": found}


def _values(results: Results) -> Results:
    """The results without the verdicts of checks that came to one."""
    verdicts = ("passed", "failed")
    return {
        sentence: [0.0 if outcome in verdicts else outcome, *numbers]
        for sentence, (outcome, *numbers) in results.items()
    }


def _short(part: float | str) -> float | str:
    return part if isinstance(part, str) else float(f"{part:.6g}")


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
    """No prints, no warnings, no windows with figures, and one thread: small networks take longer with several."""
    import matplotlib
    import torch

    matplotlib.use("Agg")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(threads)
    import matplotlib.pyplot as plt

    plt.close("all")
