"""What the tests share: problem set 1, solved, and a grader for it whose limits are short."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

# Two test processes share the machine, and small networks take longer with several threads. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec
import pytest

from autograder.assignments.ps1_gradient_descent import answers as right_answers
from autograder.course import Assignment, Course
from autograder.grading import Graded, Grader
from autograder.report import Report
from autograder.sandbox import messages
from autograder.sandbox.limits import MIB, Limits
from autograder.sandbox.messages import NUMPY
from autograder.sandbox.process import Sandbox, Worker
from autograder.submission import Submission, parse_submission

NAME = "ps1_gradient_descent"
FUNCTIONS = {
    "mse_loss": 2,
    "mse_gradient": 2,
    "linear_gradients": 3,
    "gradient_step": 2,
    "gradient_descent": 4,
    "numerical_gradient": 3,
}
"""The notebook's functions in order, with the points of their test cells."""

CANARY = "canary-9f2c61d07b"
"""Stands in the grader's environment, in its files and in its notebook: none of it may ever reach a submission."""

ISOLATIONS = os.environ.get("AUTOGRADER_TIERS", "auto").split(",")
"""Every kind of isolation that attacks are tried on."""

LIMITS = Limits(cell_seconds=1.0, call_seconds=1.0, memory=256 * MIB, files=8 * MIB)

BY_PART = ("test_attack_suite", "test_conspiracy_ps4", "test_audit")
"""Files that are too long to stay in one piece where tests are run side by side, and what is long and comes first."""
LONG_FIRST = (*BY_PART, "test_conspiracy", "test_faults", "test_class", "test_ps5", "test_pairs", "test_lms_harnesses")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together with ``--dist loadgroup``: those of a file, or of one of a long file's parts."""
    for item in items:
        file, call = item.path.stem, getattr(item, "callspec", None)
        part = ""
        if file in BY_PART and call is not None:
            part = str(call.params.get("suite_grader") or next(iter(call.params.values())))
        item.add_marker(pytest.mark.xdist_group(f"{file}{part}"))
    items.sort(key=lambda item: item.path.stem not in LONG_FIRST)


def notebook_of(cells: list[dict[str, object]]) -> bytes:
    """A notebook file with these cells."""
    document = {
        "cells": cells,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document).encode()


def cell(source: str, grade_id: str | None = None, kind: str = "code", **flags: object) -> dict[str, object]:
    """One cell of a notebook file; with a grade_id it is one of nbgrader's."""
    details = {"grade": False, "solution": False, "locked": False, "schema_version": 3, "task": False, **flags}
    return {
        "cell_type": kind,
        "id": grade_id or f"cell-{abs(hash(source)) % 10**8}",
        "metadata": {"nbgrader": {"grade_id": grade_id, **details}} if grade_id else {},
        "source": source,
        **({"outputs": [], "execution_count": None} if kind == "code" else {}),
    }


def solved_cells() -> list[dict[str, object]]:
    """The cells of a solved notebook of problem set 1, as small as they can be."""
    cells = [cell("import numpy as np", "imports", locked=True)]
    for name, points in FUNCTIONS.items():
        cells.append(cell(inspect.getsource(getattr(right_answers, name)), name, solution=True))
        test = f"assert callable({name})"
        cells.append(cell(test, f"test_{name}", grade=True, locked=True, points=points))
    cells.append(cell("Because the loss falls that way.", "essay", "markdown", grade=True, solution=True, points=5))
    return cells


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course's folder whose only assignment is problem set 1."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "source" / NAME).mkdir(parents=True)
    (folder / "source" / NAME / f"{NAME}.ipynb").write_bytes(notebook_of(solved_cells()))
    (folder / "gradebook.db").write_text(CANARY)
    (folder / "gradebook.db").chmod(0o666)
    return folder


@pytest.fixture
def undiagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No failure is explained: that takes most of the time where all functions are wrong, and changes no points."""
    monkeypatch.setattr("autograder.grading.grader.explain", lambda *_: {})


@pytest.fixture(scope="session")
def assignment(course: Path) -> Assignment:
    """Problem set 1."""
    return Course(course).assignment(NAME)


@pytest.fixture(scope="session", params=ISOLATIONS)
def grader(request: pytest.FixtureRequest, assignment: Assignment) -> Iterator[Grader]:
    """A grader of problem set 1 with short limits, with each kind of isolation."""
    os.environ["AUTOGRADER_CANARY"] = CANARY
    with Grader(assignment, LIMITS, request.param) as grader:
        yield grader


@pytest.fixture(scope="session", params=ISOLATIONS)
def sandbox(request: pytest.FixtureRequest, course: Path) -> Iterator[Sandbox]:
    """A sandbox of its own, to talk to workers without grading anything."""
    os.environ["AUTOGRADER_CANARY"] = CANARY
    with Sandbox(NUMPY, course / "source" / NAME, LIMITS, isolation=request.param) as sandbox:
        yield sandbox


def run(worker: Worker, source: str, seconds: float = 20.0) -> tuple[str | None, str]:
    """Run a cell in a worker: the name of its exception's type, if it raised, and the text it left behind."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a cell called back")

    reply, body = worker.request(messages.RunCell(source, "a cell", 1 << 20), [], seconds, refuse)
    assert isinstance(reply, messages.CellRan)
    return reply.error, text_of(msgspec.msgpack.decode(body))


@pytest.fixture(scope="session")
def notebook_with(assignment: Assignment) -> Callable[..., Submission]:
    """Makes a submission out of the solved notebook: other sources by grade_id, further cells at the end."""

    def make(sources: dict[str, str], *further: str) -> Submission:
        cells = solved_cells()
        for entry in cells:
            if entry["metadata"] and entry["metadata"]["nbgrader"]["grade_id"] in sources:
                entry["source"] = sources[entry["metadata"]["nbgrader"]["grade_id"]]
        return parse_submission(notebook_of([*cells, *map(cell, further)]), assignment)

    return make


def scores(report: Report) -> dict[str, float]:
    """The share of its points that each cell got, by the function's name."""
    return {cell.grade_id.removeprefix("test_"): cell.score / cell.max_score for cell in report.cells}


def outcomes(report: Report, function: str) -> set[str]:
    """The outcomes of the checks of a function's cell."""
    return {check.outcome for cell in report.cells if cell.grade_id == f"test_{function}" for check in cell.checks}


def printed(graded: Graded, grade_id: str) -> str:
    """All text that a cell left behind when it ran."""
    return text_of(graded.outputs[graded.submission.position(grade_id)])


def text_of(outputs: list[dict[str, Any]]) -> str:
    """All text of a cell's outputs."""
    parts = []
    for output in outputs:
        parts += [output.get("text", ""), *output.get("data", {}).values(), *output.get("traceback", [])]
        parts += [output.get("ename", ""), output.get("evalue", "")]
    return "\n".join(part for part in parts if part)


def pytest_configure(config: pytest.Config) -> None:
    """Hidden tests are imported in this process, too: their marker is no typing error."""
    config.addinivalue_line("markers", "grades(cell, weight, diagnose): a hidden test of a cell")


@pytest.fixture(scope="session")
def graded_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course's folder with a graded class of 12 and two notebooks that can't be read; copy it to change it."""
    folder = tmp_path_factory.mktemp("class") / "course"
    command = [sys.executable, "tools/sample_class.py", NAME, str(folder)]
    options = ["--students", "12", "--graded", "3", "--waiting"]
    subprocess.run([*command, *options], cwd=Path(__file__).resolve().parent.parent, check=True)
    return folder
