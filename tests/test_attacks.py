"""Attacks by a submission, in the test's own process: what is shown of them, and what they cost the trusted side.

tests/test_attack_suite.py has all attacks; here is what needs more than a Report to be seen.
"""

from __future__ import annotations

import inspect
import io
import re
import resource
import textwrap
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from attacks.forged_frames import FORGE, FORGERIES, LAST_CELLS
from attacks.table import RIGHT, SIGNATURE, TARGET
from attacks.text import HOSTILE_ANSWERS
from conftest import FUNCTIONS, LIMITS, outcomes, printed, scores, text_of
from nbformat.notebooknode import NotebookNode
from rich.console import Console

from autograder.assignments.ps1_gradient_descent import answers as right_answers
from autograder.course import Assignment
from autograder.grading import Graded, Grader
from autograder.nbgrader.documents import as_notebook
from autograder.pages.feedback import feedback_page
from autograder.report import to_json
from autograder.submission import Submission
from autograder.terminal import show_report

NotebookWith = Callable[..., Submission]


def in_function(code: str) -> str:
    """A cell whose function runs `code` when it is called."""
    return SIGNATURE + textwrap.indent(textwrap.dedent(code).strip(), "    ") + "\n"


def graded_attack(grader: Grader, notebook_with: NotebookWith, source: str, *further: str) -> Graded:
    """Grade a notebook with `source` as the cell TARGET; then an honest one must still get all its points."""
    graded = grader.grade(notebook_with({TARGET: source}, *further), seed=1)
    assert grader.grade(notebook_with({}), seed=1).report.score == sum(FUNCTIONS.values())
    return graded


def peak_memory() -> int:
    """MiB that this process, the trusted one, has held at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def assert_only_target_lost(graded: Graded, outcome: set[str]) -> None:
    """The cell TARGET has 0 points and only checks with these outcomes; every other cell is untouched."""
    shares = scores(graded.report)
    assert shares.pop(TARGET) == 0, shares
    assert set(shares.values()) == {1.0}, shares
    assert outcomes(graded.report, TARGET) <= outcome
    assert not any("itself failed" in problem for problem in graded.report.problems), graded.report.problems


@pytest.mark.parametrize("name", FORGERIES)
def test_attack_by_forged_frames_gains_nothing(grader: Grader, notebook_with: NotebookWith, name: str) -> None:
    held = peak_memory()
    attack = in_function(f"{FORGE}\n{textwrap.dedent(FORGERIES[name]).strip()}\nreturn w0 + 1, b0, []")
    graded = graded_attack(grader, notebook_with, attack)
    shares = scores(graded.report)
    assert shares[TARGET] == 0
    before = list(shares)[: list(shares).index(TARGET)]
    assert {shares[function] for function in before} == {1.0}
    assert graded.report.duration < 12
    assert not any("itself failed" in problem for problem in graded.report.problems), graded.report.problems
    assert b"\\u001b" not in to_json(graded.report)
    assert len(to_json(graded.report)) < 100_000
    assert peak_memory() - held < 300


@pytest.mark.parametrize("name", LAST_CELLS)
def test_attack_after_the_last_test_changes_no_score(grader: Grader, notebook_with: NotebookWith, name: str) -> None:
    held = peak_memory()
    graded = graded_attack(grader, notebook_with, RIGHT, FORGE, textwrap.dedent(LAST_CELLS[name]).strip())
    assert graded.report.score == graded.report.max_score
    assert graded.outputs[-1] == [] or "[grader]" in str(graded.outputs[-1])
    assert peak_memory() - held < 300


def test_attack_by_a_flood_of_call_backs_ends_in_time(grader: Grader, notebook_with: NotebookWith) -> None:
    flood = "def numerical_gradient(f, w, eps=1e-5):\n    while True: f(w)\n"
    graded = grader.grade(notebook_with({"numerical_gradient": flood}), seed=1)
    assert outcomes(graded.report, "numerical_gradient") <= {"timed out", "crashed"}
    assert graded.report.score == sum(FUNCTIONS.values()) - FUNCTIONS["numerical_gradient"]
    assert graded.report.duration < 15


def test_attack_by_call_backs_with_large_arrays_is_refused(grader: Grader, notebook_with: NotebookWith) -> None:
    held = peak_memory()
    large = "def numerical_gradient(f, w, eps=1e-5):\n    return f(np.ones((7 << 20, *[1] * w.ndim)))\n"
    graded = grader.grade(notebook_with({"numerical_gradient": large}), seed=1)
    assert scores(graded.report)["numerical_gradient"] == 0
    assert peak_memory() - held < 200


def test_attack_by_large_results_leaves_the_grader_small(grader: Grader, notebook_with: NotebookWith) -> None:
    held = peak_memory()
    large = "{}\n    return np.zeros(60 << 20, bool)\n"
    sources = {name: large.format(inspect.getsource(getattr(right_answers, name)).split("\n")[0]) for name in FUNCTIONS}
    graded = grader.grade(notebook_with(sources), seed=1)
    assert graded.report.score == 0
    assert peak_memory() - held < 900


def test_attack_by_sleeping_is_bounded_for_the_submission_as_a_whole(
    assignment: Assignment, notebook_with: NotebookWith
) -> None:
    sleep = "import time; time.sleep(1.5)"
    with Grader(assignment, msgspec.structs.replace(LIMITS, submission_seconds=2.0), "auto") as grader:
        at_the_end = grader.grade(notebook_with({}, *[sleep] * 100), seed=1).report
        before_a_test = grader.grade(notebook_with({"mse_gradient": f"{sleep}\ntime.sleep(1)"}), seed=1).report
    assert at_the_end.score == at_the_end.max_score
    assert at_the_end.duration < 5
    assert scores(before_a_test)["mse_loss"] == 1
    assert outcomes(before_a_test, "numerical_gradient") == {"timed out"}


def test_attack_by_a_cell_of_many_megabytes_costs_that_cell(grader: Grader, notebook_with: NotebookWith) -> None:
    graded = graded_attack(grader, notebook_with, f"{RIGHT}\n# {'x' * (3 << 20)}")
    assert_only_target_lost(graded, {"crashed"})


PICTURES = ("image/png", "image/jpeg")


def all_outputs(graded: Graded) -> list[dict[str, Any]]:
    """What all cells left behind."""
    return [output for outputs in graded.outputs for output in outputs]


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
def test_attack_by_text_reaches_neither_a_terminal_nor_a_browser(
    grader: Grader, notebook_with: NotebookWith, name: str
) -> None:
    graded = graded_attack(grader, notebook_with, HOSTILE_ANSWERS[name])
    assert scores(graded.report)[TARGET] == 0
    notebook = as_notebook(graded.submission)
    for node, outputs in zip(notebook.cells, graded.outputs, strict=True):
        if node.cell_type == "code":
            node.outputs = [NotebookNode(output) for output in outputs]
    page = feedback_page(
        graded.report, student="<b>", notebook=notebook, written=[], score=0.0, max_score=16.0, late_penalty=0.0
    )
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page.replace("<b>✓", "").replace("<b>✗", "")
    terminal = io.StringIO()
    show_report(Console(file=terminal, force_terminal=False, width=200), graded.report)
    shown = [check.message for cell in graded.report.cells for check in cell.checks]
    for text in (*shown, *graded.report.problems, *map(text_of, graded.outputs), terminal.getvalue()):
        assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\t"]
    assert max(map(len, shown)) < 5000
    assert not {"text/html", "image/svg+xml", "application/javascript"} & set(str(graded.outputs).split("'"))
    pictures = [output.get("data", {}).get(mime, "") for output in all_outputs(graded) for mime in PICTURES]
    assert all(re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", picture) for picture in pictures)


def test_attack_by_endless_text_leaves_no_more_than_its_allowance(grader: Grader, notebook_with: NotebookWith) -> None:
    flood = "import sys\nfor _ in range(1000):\n    print('x' * 100_000)\n    sys.stderr.write('y' * 100_000)"
    graded = graded_attack(grader, notebook_with, f"{RIGHT}\n{flood}")
    assert graded.report.score == graded.report.max_score
    assert len(printed(graded, TARGET)) < (1 << 20) + 2000
    assert "[output cut here]" in printed(graded, TARGET)


def test_attack_by_thousands_of_outputs_leaves_a_few_hundred(grader: Grader, notebook_with: NotebookWith) -> None:
    graded = graded_attack(grader, notebook_with, f"{RIGHT}\nfor i in range(3000): display(i)")
    assert graded.report.score == graded.report.max_score
    assert len(graded.outputs[graded.submission.position(TARGET)]) <= 500
