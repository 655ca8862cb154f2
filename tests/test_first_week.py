"""An instructor's first week: the documents' own commands, in the repo's layout and in a fresh folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from test_class import IMPOSSIBLE, NAME, autograder, give, grades, new_course, solved, total
from test_nbgrader import ROOT, UPHILL, changed, nbgrader, submit

ESSAY = "essay_learning_rate"


def run_here(script: str, course: Path) -> None:
    """Run Python in a process whose working folder is the course, as JupyterLab's server is."""
    environment = {**os.environ, "PYTHONPATH": str(course)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=course, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone: source/ and release/ are there, no gradebook; a submission is handed in."""
    folder = tmp_path_factory.mktemp("repo")
    for part in ("source", "release"):
        shutil.copytree(ROOT / part / NAME, folder / part / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    submit(folder, "ada", changed(solved(), gradient_step=UPHILL))
    return folder


@pytest.mark.slow
def test_commands_of_the_readme_work_in_the_repo_where_the_release_is_committed(repo: Path) -> None:
    commands = re.findall(r"^nbgrader (\w+) ps4_training_loop\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands == ["generate_assignment", "autograde", "generate_feedback"]
    before = (repo / "release" / NAME / f"{NAME}.ipynb").read_bytes()
    for command in commands:
        nbgrader(repo, command, NAME)
    assert total(repo, "ada") > 17
    assert (repo / "release" / NAME / f"{NAME}.ipynb").read_bytes() == before
    assert (repo / "feedback" / "ada" / NAME / f"{NAME}.html").is_file()


@pytest.mark.slow
def test_feedback_agrees_with_the_gradebook(repo: Path) -> None:
    if not (repo / "gradebook.db").exists():
        nbgrader(repo, "generate_assignment", NAME)
        nbgrader(repo, "autograde", NAME)
    with Gradebook(f"sqlite:///{repo / 'gradebook.db'}") as gradebook:
        overridden = gradebook.find_grade("test_gradient_step", NAME, NAME, "ada")
        overridden.manual_score, overridden.extra_credit = 2.0, 1.0
        gradebook.find_comment("gradient_step", NAME, NAME, "ada").manual_comment = "Almost: mind the sign."
        gradebook.db.commit()
    give(repo, "ada", ESSAY, 3.5, "Good.")
    nbgrader(repo, "autograde", NAME, "--force")  # what a person gave stays, and counts as graded
    nbgrader(repo, "generate_feedback", NAME, "--force")
    page = (repo / "feedback" / "ada" / NAME / f"{NAME}.html").read_text()
    words = " ".join(re.sub(r"<[^>]*>", " ", page.split("</style>")[1]).split())
    assert "24.5 of 25 points" in words
    assert "gradient_step 2 / 2 extra credit +1" in words
    assert "A person gave these points; the checks below gave" in words
    assert "Almost: mind the sign." in words
    assert f"{ESSAY} written answer 3.5 / 5" in words
    assert "not graded yet" not in words


@pytest.mark.slow
def test_stock_nbgrader_scores_nothing_and_says_so(tmp_path: Path) -> None:
    """Without the course's configuration there are no hidden tests, and any code runs as the instructor."""
    shutil.copytree(ROOT / "source" / NAME, tmp_path / "source" / NAME)
    nbgrader(tmp_path, "generate_assignment", NAME)
    submit(tmp_path, "ada", solved())
    nbgrader(tmp_path, "autograde", NAME)
    assert all(grade["score"] == 0 for name, grade in grades(tmp_path, "ada").items() if name.startswith("test_"))
    graded = json.loads((tmp_path / "autograded" / "ada" / NAME / f"{NAME}.ipynb").read_text())
    said = [output.get("evalue", "") for cell in graded["cells"] for output in cell.get("outputs", [])]
    assert any(text.startswith("Not graded: nbgrader ran this notebook without") for text in said)


BUTTON = f"""
from pathlib import Path
from nbgrader.apps.nbgraderapp import NbGraderApp
from nbgrader.apps.api import NbGraderAPI

app = NbGraderApp()
app.initialize([])
api = NbGraderAPI(app.coursedir, parent=app)
tests = Path("assignments/{NAME}/hidden_tests.py")
for addition in ("", {IMPOSSIBLE!r}):
    tests.write_text(tests.read_text() + addition)
    done = api.autograde("{NAME}", "ada")
    assert done["success"], done
    notebook = api.gradebook.find_submission_notebook("{NAME}", "{NAME}", "ada")
    print(notebook.score)
    Path("scores.txt").open("a").write(f"{{notebook.score}}\\n")
"""


@pytest.mark.slow
def test_formgraders_button_grades_with_the_hidden_tests_as_they_are_now(tmp_path: Path) -> None:
    """JupyterLab runs for weeks, and an instructor mends a hidden test meanwhile."""
    course = new_course(tmp_path / "course")
    submit(course, "ada", solved())
    nbgrader(course, "generate_assignment", NAME)
    run_here(BUTTON, course)
    assert (course / "scores.txt").read_text().split() == ["20.0", "19.14"]


@pytest.mark.slow
def test_late_penalty_counts_the_essay_that_was_graded_afterwards(tmp_path: Path) -> None:
    course = new_course(tmp_path / "course")
    submit(course, "late", solved(), "2026-02-01 00:00:00 UTC")
    nbgrader(course, "generate_assignment", NAME)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate=datetime(2026, 1, 15))
    autograder(course, "class", NAME)
    assert penalty(course) == 10
    give(course, "late", ESSAY, 5)
    nbgrader(course, "generate_feedback", NAME)
    assert penalty(course) == 12.5


def penalty(course: Path) -> Any:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return gradebook.find_submission_notebook(NAME, NAME, "late").late_submission_penalty
