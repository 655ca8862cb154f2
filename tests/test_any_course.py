"""Courses outside of this repository: made by the commands or by hand, graded by the installed package and nbgrader."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course import Course
from autograder.grading import Grader
from autograder.report import Report, from_json
from autograder.scaffold import make_assignment, make_course
from autograder.submission import parse_submission, read_submission

ROOT = Path(__file__).resolve().parent.parent
SECOND = ROOT / "tests" / "second_course"
BIN = Path(sys.executable).parent
BOTH = ["numpy", pytest.param("torch", marks=pytest.mark.slow)]


def run(folder: Path, *line: str, code: int = 0, path: Path | None = None) -> str:
    """Run a command of this environment in `folder`; what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "AUTOGRADER_COURSE"}
    environment |= {"COLUMNS": "200"} | ({"PYTHONPATH": str(path)} if path else {})
    program = [str(BIN / line[0])] if line[0] == "autograder" else [sys.executable, "-m", line[0]]
    done = subprocess.run(
        [*program, *line[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def submit(course: Path, student: str, name: str, notebook: Path, **sources: str) -> None:
    """Hand in a notebook, with other sources in some of its cells."""
    document = json.loads(notebook.read_text())
    for cell in document["cells"]:
        name_of_cell = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = sources.get(name_of_cell, cell["source"])
    place = course / "submitted" / student / name
    place.mkdir(parents=True)
    (place / f"{name}.ipynb").write_text(json.dumps(document))


def released(course: Path, name: str) -> Path:
    """Release an assignment; its notebook."""
    run(course, "nbgrader", "generate_assignment", name)
    return course / "release" / name / f"{name}.ipynb"


def scores(course: Path, name: str) -> dict[str, float]:
    """What the gradebook has for each student."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {each.student.id: each.score for each in gradebook.assignment_submissions(name)}


def page(course: Path, student: str, name: str) -> str:
    """A student's feedback."""
    return (course / "feedback" / student / name / f"{name}.html").read_text()


def grade_class(course: Path, name: str) -> None:
    run(course, "nbgrader", "autograde", name)
    run(course, "nbgrader", "generate_feedback", name)


@pytest.fixture
def new_course(tmp_path: Path) -> Path:
    """A course that `autograder init` has just made, in no repository."""
    run(tmp_path, "autograder", "init", "a course")
    return tmp_path / "a course"


def test_init_makes_a_course_of_a_few_files_and_overwrites_nothing(new_course: Path) -> None:
    made = {path.name for path in new_course.iterdir()}
    assert made == {"source", "assignments", "nbgrader_config.py", "README.md", ".gitignore"}
    assert "configure(c)" in (new_course / "nbgrader_config.py").read_text()
    (new_course / "README.md").write_text("mine")
    told = run(new_course.parent, "autograder", "init", "a course", code=2)
    assert "is there already: nothing was written" in told
    assert (new_course / "README.md").read_text() == "mine"


@pytest.mark.parametrize("libraries", BOTH)
def test_a_new_assignment_goes_the_whole_way_with_nothing_edited(new_course: Path, libraries: str) -> None:
    run(new_course, "autograder", "new", "x", *(["--torch"] if libraries == "torch" else []))
    assert {path.name for path in (new_course / "assignments" / "x").iterdir()} == {
        *("answers.py", "assignment.toml", "hidden_tests.py", "misconceptions.py", "unusual.py")
    }
    assert "2 of 2 misconceptions caught, 2 diagnosed; 0 of 1 right answers marked down" in run(
        new_course, "autograder", "audit", "x"
    )
    stub = released(new_course, "x")
    assert "raise NotImplementedError" in stub.read_text()
    assert "SOLUTION" not in stub.read_text()
    task = Course(new_course).assignment("x")
    wrong = task.bank.misconceptions[0]
    submit(new_course, "right", "x", task.notebook)
    submit(new_course, "stub", "x", stub)
    submit(new_course, "wrong", "x", stub, **{wrong.function: wrong.source.text})
    grade_class(new_course, "x")
    assert scores(new_course, "x") == {"right": 4, "stub": 0, "wrong": 0}
    assert wrong.hint in page(new_course, "wrong", "x")


@pytest.mark.parametrize("libraries", ["numpy", "torch"])
def test_the_solved_notebook_of_a_new_assignment_is_a_valid_one_and_holds_the_right_answer(
    tmp_path: Path, libraries: str
) -> None:
    make_course(tmp_path)
    make_assignment(Course(tmp_path), "x", libraries)
    task = Course(tmp_path).assignment("x")
    nbformat.validate(nbformat.read(task.notebook, as_version=4))
    (function,) = task.functions
    solution = next(cell.source for cell in task.cells if cell.grade_id == function)
    for line in task.bank.forms(function)[0].body.splitlines()[1:]:
        assert line in solution
    assert task.settings.libraries == libraries


def test_a_new_assignment_needs_a_good_name_that_is_not_taken_and_a_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*line: str) -> str:
        done = CliRunner().invoke(app, line, env={"COLUMNS": "200"})
        assert done.exit_code == 2
        return done.output

    monkeypatch.chdir(tmp_path)
    assert "is in no course" in refused("new", "y")
    make_course(tmp_path)
    make_assignment(Course(tmp_path), "x", "numpy")
    assert "source/x is there already: nothing was written" in refused("new", "x")
    for name in ("../x", "x.y", "1x", "x y"):
        assert f"{name!r} is no name for an assignment" in refused("new", name)
    shutil.rmtree(tmp_path / "assignments")
    assert "has no folder assignments/" in refused("new", "z")
    assert not (tmp_path / "source" / "z").exists()


@pytest.fixture(scope="module")
def second_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the second course, in no repository."""
    folder = tmp_path_factory.mktemp("second") / "course"
    shutil.copytree(SECOND, folder, ignore=shutil.ignore_patterns("__pycache__", ".autograder"))
    return folder


TWICE = "def weighted_mean(values, weights):\n    return 2 * np.sum(weights * values) / np.sum(weights)"
ALL_ZERO = "def classify(means, inputs):\n    return torch.zeros(len(inputs), dtype=torch.long)"


@pytest.mark.slow
def test_a_course_with_plain_assertions_goes_the_whole_way(second_course: Path) -> None:
    run(second_course, "autograder", "audit", "averages")
    task = Course(second_course).assignment("averages")
    released(second_course, "averages")
    submit(second_course, "right", "averages", task.notebook)
    submit(second_course, "twice", "averages", task.notebook, weighted_mean=TWICE)
    grade_class(second_course, "averages")
    assert scores(second_course, "averages") == {"right": 6, "twice": 0}
    shown = page(second_course, "twice", "averages")
    assert "Each value should count as much as its weight says." in shown
    assert "What this check demands does not hold." in shown
    assert "itself failed" not in shown


@pytest.mark.slow
def test_a_course_with_torch_and_hidden_samples_goes_the_whole_way(second_course: Path) -> None:
    run(second_course, "autograder", "audit", "nearest_mean")
    task = Course(second_course).assignment("nearest_mean")
    released(second_course, "nearest_mean")
    assert not (second_course / "release" / "nearest_mean" / "hidden.npz").exists()
    submit(second_course, "right", "nearest_mean", task.notebook)
    submit(second_course, "zero", "nearest_mean", task.notebook, classify=ALL_ZERO)
    grade_class(second_course, "nearest_mean")
    assert scores(second_course, "nearest_mean") == {"right": 7, "zero": 3}
    assert "33% of the hidden samples are classified correctly" in page(second_course, "zero", "nearest_mean")


def test_a_failed_assertion_shows_its_own_message_and_no_hidden_value(second_course: Path) -> None:
    task = Course(second_course).assignment("averages")
    notebook = json.loads(task.notebook.read_text())
    for cell in notebook["cells"]:
        if cell["metadata"]["nbgrader"]["grade_id"] == "weighted_mean":
            cell["source"] = TWICE
    with Grader(task) as grader:
        report = grader.grade(parse_submission(json.dumps(notebook).encode(), task), 1).report
    checks = {check.name: check for check in report.cells[0].checks}
    assert {check.outcome for check in checks.values()} == {"failed"}
    assert checks["weighted_mean_value"].message == "Each value should count as much as its weight says."
    unsaid = "What this check demands does not hold."
    assert checks["weighted_mean_of_equal_weights"].message == unsaid
    assert checks["weighted_mean_of_one_value"].message == unsaid, "NumPy's message shows both values"
    assert report.problems == ()


def test_attack_a_submission_reads_nothing_of_its_own_course(second_course: Path) -> None:
    task = Course(second_course).assignment("averages")
    secrets = [
        *task.hidden_folder.iterdir(),
        task.notebook,
        second_course / "nbgrader_config.py",
        second_course / "assignments" / "nearest_mean" / "hidden.npz",
        ROOT / "autograder" / "assignments" / "__init__.py",
    ]
    files = [str(path) for path in secrets if path.is_file()]
    assert str(task.hidden_tests) in files
    prying = f"read = []\nfor path in {files!r}:\n    try:\n        read.append(open(path, 'rb').read())\n"
    prying += "    except OSError:\n        pass\n"
    prying += f"import os\ntry:\n    read += os.listdir({str(task.hidden_folder)!r})\nexcept OSError:\n    pass\n"
    prying += "print(len(read), 'were read')\n"
    notebook = json.loads(task.notebook.read_text())
    solution = next(c for c in notebook["cells"] if c["metadata"]["nbgrader"]["grade_id"] == "weighted_mean")
    solution["source"] = prying + "".join(solution["source"])
    with Grader(task) as grader:
        graded = grader.grade(parse_submission(json.dumps(notebook).encode(), task), 1)
    outputs = graded.outputs[graded.submission.position("weighted_mean")]
    assert "0 were read" in "".join(output.get("text", "") for output in outputs)
    assert graded.report.score == 6


def test_every_command_works_in_a_course_of_ones_own(second_course: Path) -> None:
    told = run(second_course, "autograder", "doctor")
    assert "averages: 1 graded cells, 6 points, 2 misconceptions" in told
    assert "nearest_mean: 2 graded cells, 7 points, 4 misconceptions" in told
    assert "averages: it has no helper.py" in run(second_course, "autograder", "fingerprints", "--check")
    copy = shutil.copy(Course(second_course).assignment("averages").notebook, second_course.parent / "mine.ipynb")
    told = run(second_course, "autograder", "grade", "averages", str(copy), "--json", str(copy.with_suffix(".json")))
    assert f"course {second_course.resolve()}" in told
    report: Report = from_json(copy.with_suffix(".json").read_bytes())
    assert (report.score, report.problems) == (6, ())


def test_right_answers_in_the_second_course_s_notebooks_read_as_submissions(second_course: Path) -> None:
    for task in Course(second_course).assignments:
        assert read_submission(task.notebook, task).problems == ()


@pytest.mark.slow
def test_an_installed_package_has_all_that_init_and_new_need(tmp_path: Path) -> None:
    target, project = tmp_path / "installed", tmp_path / "project"
    shutil.copytree(ROOT / "autograder", project / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", project)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"the package can't be built here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    where = [sys.executable, "-c", "import autograder; print(autograder.__file__)"]
    found = subprocess.run(
        where, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(target)}, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).is_relative_to(target)
    run(tmp_path, "autograder", "init", "course", path=target)
    for name in ("x", "y"):
        run(tmp_path / "course", "autograder", "new", name, *(["--torch"] if name == "y" else []), path=target)
    assert run(tmp_path / "course", "autograder", "audit", "x", path=target)
    assert Course(tmp_path / "course").names == ("x", "y")
