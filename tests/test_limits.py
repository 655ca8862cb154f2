"""Code that loops, prints, recurses or allocates without end costs its own cell's points, and a few seconds."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from conftest import FUNCTIONS, LIMITS, outcomes, printed, scores

from autograder.assignments.ps1_gradient_descent import answers as right_answers
from autograder.course import Assignment, Course
from autograder.grading import Grader
from autograder.notebook import Cell
from autograder.report import Check, Limit, Report
from autograder.sandbox.limits import MIB, Limits
from autograder.submission import Submission, parse_submission, read_submission

NotebookWith = Callable[..., Submission]
ROOT = Path(__file__).resolve().parent.parent
TORCH = Course(ROOT).assignment("ps4_training_loop")
BODIES = {
    "endless loop": "while True: pass",
    "endless printing": "while True: print('again and again')",
    "endless printing that goes on": """
    while True:
        try:
            print('again and again' * 10)
        except Exception:
            pass""",
    "infinite recursion": "return {name}({arguments})",
    "huge allocation": "return [np.ones(1 << 28) for _ in range(100)]",
    "nested lists": """
    nested = []
    for _ in range(10**6):
        nested = [nested]
    return nested""",
}
SECONDS = 10.0
"""CPU seconds beyond those of a right notebook, at the most; by the clock of a busy machine three times that."""


def with_body(source: str, name: str, body: str) -> str:
    """A function's cell with another body."""
    head = source[: source.index("\n", source.index(f"def {name}(")) + 1]
    arguments = head.partition("(")[2].partition(")")[0]
    arguments = ", ".join(part.partition(":")[0].partition("=")[0].strip() for part in arguments.split(","))
    return head + "    " + body.replace("{name}", name).replace("{arguments}", arguments).strip() + "\n"


def checks_of(report: Report, function: str) -> tuple[Check, ...]:
    return next(cell.checks for cell in report.cells if cell.grade_id == f"test_{function}")


@pytest.fixture(scope="module")
def plain(assignment: Assignment) -> Iterator[Grader]:
    """A grader with the limits that grading has by default."""
    with Grader(assignment, msgspec.structs.replace(Limits(), memory=512 * MIB)) as grader:
        yield grader


@pytest.mark.parametrize("name", BODIES)
def test_a_function_without_end_costs_seconds_and_its_own_points(
    plain: Grader, notebook_with: NotebookWith, name: str
) -> None:
    right = plain.grade(notebook_with({}), seed=1).report
    source = with_body(inspect.getsource(right_answers.linear_gradients), "linear_gradients", BODIES[name])
    started = time.monotonic()
    report = plain.grade(notebook_with({"linear_gradients": source}), seed=1).report
    assert time.monotonic() - started < right.duration + 3 * SECONDS
    assert {function for function, share in scores(report).items() if share < 1} == {"linear_gradients"}
    assert scores(report)["linear_gradients"] == 0


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("name", BODIES)
def test_a_training_step_without_end_costs_seconds_and_its_own_points(torch_grader: Grader, name: str) -> None:
    submission = read_submission(TORCH.notebook, TORCH)
    right = torch_grader.grade(submission, seed=1).report
    place = submission.position("train_step")
    cell = submission.cells[place]
    body = BODIES[name].replace("np.ones(1 << 28)", "torch.ones(1 << 28)")
    cells: list[Cell] = [*submission.cells]
    cells[place] = msgspec.structs.replace(cell, source=with_body(cell.source, "train_step", body))
    started = time.monotonic()
    report = torch_grader.grade(msgspec.structs.replace(submission, cells=tuple(cells)), seed=1).report
    assert time.monotonic() - started < right.duration + 3 * SECONDS
    assert right.score == right.max_score
    # The final accuracy asks for the student's whole work: nothing stands in for the step.
    assert {function for function, share in scores(report).items() if share < 1} == {"train_step", "final_accuracy"}


@pytest.fixture(scope="module")
def torch_grader() -> Iterator[Grader]:
    with Grader(TORCH) as grader:
        yield grader


HIT = {
    "call_seconds": ("while True: pass", 1.0, "timed out"),
    "idle_seconds": ("import time; time.sleep(60)", 0.5, "timed out"),
    "memory": ("return np.ones(1 << 30)", 256 * MIB, "out of memory"),
    "files": ("open('large', 'wb').write(bytes(3 << 20)); open('another', 'wb').write(bytes(3 << 20)); input()\n"
              "    while True: pass", 4 * MIB, "timed out"),
    "printed": ("while True: print('x' * 10000)", 2 * MIB, "error"),
}  # fmt: skip
"""By the limit: a body that goes beyond it, the limit's value, and the outcome."""


@pytest.fixture(scope="module")
def strict(assignment: Assignment) -> Iterator[Grader]:
    limits = msgspec.structs.replace(LIMITS, idle_seconds=0.5, files=4 * MIB, printed=2 * MIB, lives=8, outputs=2 * MIB)
    with Grader(assignment, limits) as grader:
        yield grader


@pytest.mark.parametrize("name", HIT)
def test_a_check_names_the_limit_that_was_hit_and_its_value(
    strict: Grader, notebook_with: NotebookWith, name: str
) -> None:
    body, value, outcome = HIT[name]
    body = body.replace("input()", "pass")
    source = with_body(inspect.getsource(right_answers.mse_gradient), "mse_gradient", body)
    report = strict.grade(notebook_with({"mse_gradient": source}), seed=1).report
    check = checks_of(report, "mse_gradient")[0]
    if name == "files" and report.isolation == "bubblewrap":
        outcome = "error"  # its folder has a fixed size, and writing beyond it raises
    assert (check.outcome, check.limit) == (outcome, Limit(name=name, value=value))
    number = f"{value // MIB if value >= MIB else value:g}"
    assert number in check.message
    assert report.limits[name] == value
    assert all(check.limit is None for check in checks_of(report, "mse_loss"))


def test_a_cell_without_end_and_too_many_lost_workers_are_named_as_limits(
    assignment: Assignment, strict: Grader, notebook_with: NotebookWith
) -> None:
    endless = notebook_with({"mse_gradient": "def mse_gradient(y, y_hat): return y\nwhile True: pass"})
    check = checks_of(strict.grade(endless, seed=1).report, "mse_gradient")[0]
    assert check.limit == Limit(name="cell_seconds", value=1.0)
    crash = {name: f"import os\ndef {name}(*_):\n    os._exit(0)\n" for name in FUNCTIONS}
    report = strict.grade(notebook_with(crash), seed=1).report
    assert checks_of(report, "numerical_gradient")[-1].limit == Limit(name="lives", value=8)


def test_what_all_cells_leave_behind_has_a_limit_together(strict: Grader, notebook_with: NotebookWith) -> None:
    graded = strict.grade(notebook_with({}, *["print('x' * (900 << 10))"] * 4), seed=1)
    kept = [sum(len(output.get("text", "")) for output in outputs) for outputs in graded.outputs[-4:]]
    assert [size > 900 << 10 for size in kept] == [True, True, False, False]
    assert "is left out: the notebook's outputs may take 2 MiB together." in str(graded.outputs[-1])
    assert graded.report.score == graded.report.max_score


def test_a_cell_that_prints_without_end_is_stopped_with_an_error_that_says_why(
    strict: Grader, notebook_with: NotebookWith
) -> None:
    loop = "while True:\n    try:\n        print('x' * 1000)\n    except Exception:\n        pass"
    graded = strict.grade(notebook_with({"mse_gradient": f"def mse_gradient(y, y_hat): return 1\n{loop}"}), seed=1)
    assert "PrintedTooMuch\nmore than 2 MiB were printed" in printed(graded, "mse_gradient")
    assert outcomes(graded.report, "mse_gradient") == {"failed"}


def test_a_function_that_hung_once_has_little_time_in_its_other_tests(
    plain: Grader, notebook_with: NotebookWith
) -> None:
    source = inspect.getsource(right_answers.mse_gradient)
    report = plain.grade(
        notebook_with({"mse_gradient": with_body(source, "mse_gradient", "while True: pass")}), 1
    ).report
    first, second = (check.limit for check in checks_of(report, "mse_gradient")[:2])
    assert first == Limit(name="call_seconds", value=1.0)
    assert second == Limit(name="call_seconds", value=0.25)


def test_a_quiz_is_run_for_who_has_answered_it() -> None:
    task = Course(ROOT).assignment("ps1_gradient_descent")
    untouched = parse_submission(task.notebook.read_bytes(), task)
    place = next(place for place, cell in enumerate(untouched.cells) if "helper.quiz" in cell.source)
    cells = [*untouched.cells]
    answered = cells[place].source.replace('"1": ""', '"1": "b"')
    cells[place] = msgspec.structs.replace(cells[place], source=answered)
    with Grader(task, LIMITS) as grader:
        without = grader.grade(untouched, seed=1)
        having = grader.grade(msgspec.structs.replace(untouched, cells=tuple(cells)), seed=1)
    assert without.report.score == having.report.score == 20
    assert "Not run" in str(without.outputs[place])
    assert having.outputs[place]
    assert "Not run" not in str(having.outputs[place])


def test_an_illustration_isn_t_run_into_the_endless_loop_that_a_hidden_test_met(tmp_path: Path) -> None:
    task = Course(ROOT).assignment("ps1_gradient_descent")
    document = task.notebook.read_text()
    with Grader(task, LIMITS, with_illustrations=True) as grader:
        submission = parse_submission(document.encode(), task)
        place = submission.position("gradient_descent")
        cell = submission.cells[place]
        cells: list[Cell] = [*submission.cells]
        body = with_body(cell.source, "gradient_descent", "while True: pass")
        cells[place] = msgspec.structs.replace(cell, source=body)
        graded = grader.grade(msgspec.structs.replace(submission, cells=tuple(cells)), seed=1)
    assert {name for name, share in scores(graded.report).items() if share < 1} == {"gradient_descent"}
    assert "Not run: it may call gradient_descent, which had to be stopped." in str(graded.outputs)


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("name", ["ps1_gradient_descent", "ps4_training_loop"])
def test_five_mistakes_cost_at_most_two_and_a_half_times_a_right_notebook(name: str) -> None:
    task = Course(ROOT).assignment(name)
    right = read_submission(task.notebook, task)
    cells: list[Cell] = [*right.cells]
    for function in task.functions[:5]:
        place = right.position(function)
        wrong = task.bank.of(function)[0].source.text
        cells[place] = msgspec.structs.replace(cells[place], source=wrong)
    five = msgspec.structs.replace(right, cells=tuple(cells))
    with Grader(task) as grader:
        grader.grade(five, seed=1)
        took = {
            submission is five: min(grader.grade(submission, seed).report.duration for seed in range(3))
            for submission in (right, five)
        }
    assert took[True] < 2.5 * took[False], took
