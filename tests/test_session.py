"""Running a notebook and its hidden tests: what is lost when a worker is lost, and what comes out the same again."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import FUNCTIONS, LIMITS, NAME, cell, notebook_of, outcomes, printed, scores, solved_cells

from autograder.assignments.ps1_gradient_descent import answers as right_answers
from autograder.course import Assignment, Course
from autograder.grading import Grader
from autograder.report import Report, from_json, to_json, without_times
from autograder.sandbox.isolation import TIERS
from autograder.submission import Submission, parse_submission, read_submission

NotebookWith = Callable[..., Submission]
WHOLE = sum(FUNCTIONS.values())


def right(name: str) -> str:
    return inspect.getsource(getattr(right_answers, name))


def with_own_cells(assignment: Assignment, after: str, *sources: str) -> Submission:
    """The solved notebook with cells of the student's own after the cell `after`."""
    cells = solved_cells()
    place = next(i for i, entry in enumerate(cells) if entry["metadata"]["nbgrader"]["grade_id"] == after)
    cells[place + 1 : place + 1] = [cell(source) for source in sources]
    return parse_submission(notebook_of(cells), assignment)


def check_of(report: Report, name: str) -> Any:
    return next(check for entry in report.cells for check in entry.checks if check.name == name)


def test_after_a_crash_the_cells_before_have_run_again(grader: Grader, notebook_with: NotebookWith) -> None:
    sources = {
        "mse_loss": f"state = [1]\n{right('mse_loss')}",
        "mse_gradient": "def mse_gradient(y, y_hat):\n    import os\n    os._exit(0)\n",
        "linear_gradients": right("linear_gradients").replace("mse_gradient(y, X @ w + b)", "(X @ w + b - y) / len(y)"),
        "gradient_step": right("gradient_step").replace("return w", "state.append(1)\n    return state[0] * w"),
    }
    report = grader.grade(notebook_with(sources), seed=1).report
    assert {name for name, share in scores(report).items() if share < 1} == {"mse_gradient"}
    assert outcomes(report, "mse_gradient") == {"crashed"}


def test_a_crash_or_a_timeout_costs_its_test_and_not_its_cell_s_others(
    grader: Grader, notebook_with: NotebookWith
) -> None:
    for ending, outcome in (("import os; os._exit(0)", "crashed"), ("while True: pass", "timed out")):
        only_one_step = right("gradient_descent").replace(
            "    w, b =", f"    if n_steps == 1:\n        {ending}\n    w, b =", 1
        )
        report = grader.grade(notebook_with({"gradient_descent": only_one_step}), seed=1).report
        assert check_of(report, "gradient_descent_first_step").outcome == outcome
        assert check_of(report, "gradient_descent_path").outcome == "passed"
        assert 0 < scores(report)["gradient_descent"] < 1
        assert report.score < WHOLE
        assert set(scores(report).values()) == {1.0, scores(report)["gradient_descent"]}


def test_a_cell_that_stops_its_worker_is_not_run_again_and_says_so(grader: Grader, notebook_with: NotebookWith) -> None:
    graded = grader.grade(notebook_with({"mse_gradient": f"{right('mse_gradient')}\nimport os; os._exit(0)"}), seed=1)
    assert "[grader] This cell was stopped: the notebook's process ended." in printed(graded, "mse_gradient")
    assert outcomes(graded.report, "mse_gradient") == {"crashed"}
    assert "The notebook's process ended." in check_of(graded.report, "mse_gradient_value").message


def test_a_submission_that_has_lost_too_many_workers_is_given_up(
    assignment: Assignment, notebook_with: NotebookWith
) -> None:
    crash = {name: f"import os\ndef {name}(*_):\n    os._exit(0)\n" for name in ("mse_loss", "mse_gradient")}
    with Grader(assignment, msgspec.structs.replace(LIMITS, lives=3), "auto") as grader:
        report = grader.grade(notebook_with(crash), seed=1).report
    assert outcomes(report, "numerical_gradient") == {"crashed"}
    assert "too often to go on" in check_of(report, "numerical_gradient_eps").message
    assert report.score == 0


def test_a_function_counts_as_it_is_defined_when_its_test_cell_is_reached(
    grader: Grader, assignment: Assignment
) -> None:
    wrong = "def mse_loss(y, y_hat):\n    return 0.0"
    before = grader.grade(with_own_cells(assignment, "mse_loss", wrong), seed=1).report
    after = grader.grade(with_own_cells(assignment, "test_mse_loss", wrong), seed=1).report
    assert scores(before)["mse_loss"] == 0
    assert scores(after)["mse_loss"] == 1


def test_helpers_in_cells_of_the_student_s_own_are_there(grader: Grader, assignment: Assignment) -> None:
    cells = solved_cells()
    for entry in cells:
        if entry["metadata"]["nbgrader"]["grade_id"] == "mse_gradient":
            entry["source"] = "def mse_gradient(y, y_hat):\n    return difference(y_hat, y) / len(y)\n"
    cells.insert(2, cell("def difference(a, b):\n    return a - b"))
    report = grader.grade(parse_submission(notebook_of(cells), assignment), seed=1).report
    assert report.score == WHOLE


def test_an_error_in_a_cell_stops_neither_the_notebook_nor_the_tests(grader: Grader, assignment: Assignment) -> None:
    submission = with_own_cells(assignment, "imports", "1 / 0", "def broken(:")
    graded = grader.grade(submission, seed=1)
    assert graded.report.score == WHOLE
    assert "ZeroDivisionError" in str(graded.outputs[1])
    assert "SyntaxError" in str(graded.outputs[2])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def mse_loss(y, y_hat):\n    return np.mean((y - y_hat) ** 2", "SyntaxError in line 2 of cell mse_loss: "),
        (
            "def mse_loss(y, y_hat):\nreturn 0.0",
            "IndentationError in line 2 of cell mse_loss: expected an indented block",
        ),
        ("import numpy\nhalf = one / 2", "NameError in line 2 of cell mse_loss: name 'one' is not defined"),
        ("raise ValueError", "its cell stopped with ValueError in line 1 of cell mse_loss"),
    ],
    ids=["SyntaxError", "IndentationError", "NameError", "no text"],
)
def test_a_function_whose_cell_failed_says_with_which_error_in_which_line(
    grader: Grader, notebook_with: NotebookWith, source: str, reason: str
) -> None:
    report = grader.grade(notebook_with({"mse_loss": source}), seed=1).report
    message = check_of(report, "mse_loss_value").message
    assert "mse_loss is not defined: its cell stopped with" in message
    assert reason in message
    assert "ipython" not in message.lower()


def test_an_unfilled_stub_is_an_error_that_says_so(grader: Grader, notebook_with: NotebookWith) -> None:
    stub = right("gradient_step").split("\n")[0] + "\n    raise NotImplementedError\n"
    report = grader.grade(notebook_with({"gradient_step": stub}), seed=1).report
    assert outcomes(report, "gradient_step") == {"error"}
    assert "not filled in yet" in check_of(report, "gradient_step_value").message


MESSY = {
    "mse_loss": "def mse_loss(y, y_hat):\n    return np.random.normal()\n",
    "mse_gradient": "def mse_gradient(y, y_hat):\n    print('lost')\n",
    "gradient_step": "def gradient_step(w, gradient, lr):\n    import os\n    os._exit(0)\n",
    "numerical_gradient": """
def numerical_gradient(f, w, eps=1e-5):
    while eps > 0.1:
        pass
    return [f(w)] * 3, hash('text'), {1: w}
""",
}
"""Every outcome but "out of memory", and chance."""


def test_the_same_notebook_and_seed_give_the_same_report(
    grader: Grader, assignment: Assignment, notebook_with: NotebookWith
) -> None:
    submission = notebook_with(MESSY, "import random\nprint(random.random(), np.random.random())")
    first, again = (grader.grade(submission, seed=7) for _ in range(2))
    with Grader(assignment, LIMITS, "auto") as other:
        elsewhere = other.grade(submission, seed=7)
    assert without_times(first.report) == without_times(again.report)
    # Another tier gives the same points and messages, too.
    other_tier = msgspec.structs.replace(elsewhere.report, isolation=first.report.isolation)
    assert without_times(first.report) == without_times(other_tier)
    assert first.outputs == again.outputs == elsewhere.outputs
    assert from_json(to_json(first.report)) == first.report


def test_another_seed_gives_other_inputs(grader: Grader, notebook_with: NotebookWith) -> None:
    submission = notebook_with({"mse_loss": "def mse_loss(y, y_hat):\n    return float(y[0])\n"})
    messages = {check_of(grader.grade(submission, seed=seed).report, "mse_loss_value").message for seed in (1, 2, 3)}
    assert len(messages) == 3


def test_the_report_of_a_damaged_notebook_names_what_was_put_right(grader: Grader, assignment: Assignment) -> None:
    cells = [entry for entry in solved_cells() if entry["id"] != "test_mse_loss"]
    report = grader.grade(parse_submission(notebook_of(cells), assignment), seed=1).report
    assert report.problems == ("cell test_mse_loss was missing: put back",)
    assert report.score == WHOLE
    assert report.manual[0].answered


CLI = "from autograder.cli import app; app()"
WITHOUT_LANDLOCK = """
import errno
from autograder.sandbox.isolation import seccomp
load, equal, give = 0x20, 0x15, 0x06
allow, refuse = 0x7FFF0000, 0x00050000
code = seccomp._instruction(load, 0) + seccomp._instruction(equal, 444, 0, 1)
seccomp.install(code + seccomp._instruction(give, refuse | errno.ENOSYS) + seccomp._instruction(give, allow))
"""
WITHOUT_SECCOMP = """
import errno, platform
from autograder.sandbox.isolation import seccomp
load, equal, give = 0x20, 0x15, 0x06
allow, refuse = 0x7FFF0000, 0x00050000
prctl = {"x86_64": 157, "aarch64": 167}[platform.machine()]
code = seccomp._instruction(load, 0) + seccomp._instruction(equal, prctl, 0, 3)
code += seccomp._instruction(load, 16) + seccomp._instruction(equal, 22, 0, 1)
seccomp.install(code + seccomp._instruction(give, refuse | errno.EINVAL) + seccomp._instruction(give, allow))
"""


@pytest.fixture
def command(course: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `autograder grade` on the solved notebook, or on another, in a process of its own."""
    notebook = tmp_path / "solved.ipynb"
    notebook.write_bytes(notebook_of(solved_cells()))

    def run(*arguments: str, before: str = "", file: Path = notebook) -> subprocess.CompletedProcess[str]:
        line = ["grade", NAME, str(file), "--course", str(course), *arguments]
        return subprocess.run(
            [sys.executable, "-c", before + CLI, *line], capture_output=True, text=True, check=False, timeout=60
        )

    return run


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("before", "missing"),
    [(WITHOUT_LANDLOCK, "Landlock is missing from this kernel"), (WITHOUT_SECCOMP, "refused the seccomp filter")],
    ids=["Landlock", "seccomp"],
)
def test_a_machine_without_walls_refuses_and_says_what_is_missing_and_what_to_do(
    command: Command, before: str, missing: str
) -> None:
    done = command(before=before)
    assert done.returncode == 2
    assert missing in done.stderr
    assert "--isolation none" in done.stderr
    assert "points" not in done.stdout


def test_grading_without_walls_works_anywhere_and_says_so(command: Command, tmp_path: Path) -> None:
    done = command("--isolation", "none", "--json", str(tmp_path / "report.json"), before=WITHOUT_LANDLOCK)
    assert done.returncode == 0
    assert "none: this grade was made on trust" in " ".join(done.stdout.split())
    report = from_json((tmp_path / "report.json").read_bytes())
    assert report.isolation == "none"
    assert report.score == WHOLE


def test_the_command_exits_with_0_whatever_the_score_and_writes_the_report(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "empty.ipynb"
    file.write_bytes(notebook_of([]))
    done = command("--json", "-", "--seed", "5", file=file)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["score"] == 0
    assert (report["assignment"], report["max_score"], report["seed"]) == (NAME, 16, 5)
    assert report["isolation"] in [tier.name for tier in TIERS]
    assert [entry["grade_id"] for entry in report["cells"]] == [f"test_{name}" for name in FUNCTIONS]
    assert {"name", "title", "outcome", "message", "hint", "diagnosis"} <= set(report["cells"][0]["checks"][0])
    assert len(report["problems"]) == len(solved_cells())


def test_the_command_exits_with_2_where_nothing_can_be_graded(command: Command, tmp_path: Path) -> None:
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    link = tmp_path / "link.ipynb"
    link.symlink_to(tmp_path / "solved.ipynb")
    for file, reason in ((broken, "can't be read"), (link, "can't be opened"), (tmp_path / "no.ipynb", "No such file")):
        done = command(file=file)
        assert done.returncode == 2
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
    assert command("--isolation", "paper").returncode == 2


def test_nothing_of_a_submission_is_left_in_the_tests_of_the_next(tmp_path: Path) -> None:
    hidden = """
import pytest
from autograder.authoring import expect, grades, measure

BEGUN = []

@pytest.fixture(scope="module")
def once():
    BEGUN.append("begun")
    yield len(BEGUN)
    BEGUN.append("ended")

@grades("test_double")
def test_double(student, once, tmp_path):
    \"\"\"Twice the number.\"\"\"
    assert BEGUN == ["begun", "ended"] * (len(BEGUN) // 2) + ["begun"], "a fixture outlived its submission"
    (tmp_path / "there").mkdir()
    measure(student, "begun", once)
    expect.close(student.double(once), 2.0 * once, "the result")

@pytest.fixture
def lost():
    return "the module's own"

@grades("test_double")
def test_own_fixture_of_a_known_name(student, lost):
    \"\"\"A fixture of the module's takes the place of the grader's.\"\"\"
    assert lost == "the module's own"
    expect.close(student.double(2.0), 4.0, "the result")

@grades("test_double")
@pytest.mark.parametrize("factor", [3.0, 4.0])
def test_parameters(student, factor):
    \"\"\"A test may have parameters.\"\"\"
    expect.close(student.double(factor), 2 * factor, "the result")

@grades("test_double")
def test_last(student, rng, seed, reference):
    \"\"\"A test that asks for nothing else comes last.\"\"\"
    x = rng.normal()
    expect.close(student.double(x), reference.double(x), "the result")
"""
    cells = [
        cell("def double(x):\n    return 2.0 * x", "double", solution=True),
        cell("assert callable(double)", "test_double", grade=True, locked=True, points=1),
    ]
    (tmp_path / "source" / "tiny").mkdir(parents=True)
    (tmp_path / "source" / "tiny" / "tiny.ipynb").write_bytes(notebook_of(cells))
    folder = tmp_path / "assignments" / "tiny"
    folder.mkdir(parents=True)
    (folder / "hidden_tests.py").write_text(hidden)
    (folder / "assignment.toml").write_text('libraries = "numpy"\n')
    (folder / "misconceptions.py").touch()
    (folder / "unusual.py").touch()
    (folder / "answers.py").write_text("def double(x):\n    return 2.0 * x\n")
    task = Course(tmp_path).assignment("tiny")
    with Grader(task, LIMITS) as grader:
        for before in range(3):
            report = grader.grade(read_submission(task.notebook, task), seed=1).report
            assert (report.score, report.problems) == (1, ()), report
            assert report.measured["begun"] == 2 * before + 1
            assert len(report.cells[0].checks) == 5
