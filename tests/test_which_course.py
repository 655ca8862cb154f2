"""Which course grades a notebook: never one that came with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NAME, cell, notebook_of, scores, solved_cells

from autograder.report import Report, from_json

ROOT = Path(__file__).resolve().parent.parent
PLANTED = "raise SystemExit('a program of the student's ran as the instructor')"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A student's folder: a wrong notebook, and a course in which it is the right answer."""
    folder = tmp_path / "unpacked"
    (folder / "source" / NAME).mkdir(parents=True)
    wrong = [entry for entry in solved_cells() if entry["id"] != "mse_loss"]
    wrong.insert(1, cell("def mse_loss(y, y_hat):\n    return 42.0", "mse_loss", solution=True))
    for place in (folder / "source" / NAME / f"{NAME}.ipynb", folder / f"{NAME}.ipynb"):
        place.write_bytes(notebook_of(wrong))
    (folder / "nbgrader_config.py").write_text(PLANTED)
    hidden = folder / "assignments" / NAME
    hidden.mkdir(parents=True)
    (hidden / "assignment.toml").write_text('libraries = "numpy"\n')
    for name in ("answers.py", "hidden_tests.py", "misconceptions.py", "unusual.py"):
        (hidden / name).write_text(PLANTED)
    return folder


def grade(folder: Path, notebook: str, *arguments: str, code: int = 0, **variables: str) -> tuple[str, Report | None]:
    """Run `autograder grade` in `folder`: what it printed, and the Report."""
    report = folder.parent / "report.json"
    line = ["grade", NAME, notebook, "--json", str(report), *arguments]
    done = subprocess.run(
        [sys.executable, "-c", "from autograder.cli import app; app()", *line],
        cwd=folder,
        env={**os.environ, **variables, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr, from_json(report.read_bytes()) if code == 0 else None


@pytest.mark.parametrize("where", [".", "work", "submitted/ada", "submitted/ada/ps1/more"])
def test_attack_a_course_planted_beside_the_notebook_does_not_grade_it(unpacked: Path, where: str) -> None:
    folder = unpacked / where
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(unpacked / f"{NAME}.ipynb", folder / "mine.ipynb")
    told, report = grade(unpacked, f"{where}/mine.ipynb")
    assert report is not None
    assert scores(report)["mse_loss"] == 0
    assert f"course {ROOT}" in told
    assert f"the course in {unpacked} was not used: say --course {unpacked} if it is yours" in told


def test_attack_a_course_planted_above_the_notebook_does_not_grade_it(unpacked: Path) -> None:
    folder = unpacked / "work"
    folder.mkdir()
    told, report = grade(folder, f"../{NAME}.ipynb")
    assert report is not None
    assert scores(report)["mse_loss"] == 0
    assert f"course {ROOT}" in told


def test_attack_a_link_out_of_the_folder_does_not_bring_in_its_course(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    shutil.copy(unpacked / f"{NAME}.ipynb", tmp_path / "outside")
    (unpacked / "work").symlink_to(tmp_path / "outside")
    _, report = grade(unpacked, f"work/{NAME}.ipynb")
    assert report is not None
    assert scores(report)["mse_loss"] == 0


@pytest.fixture
def instructor(tmp_path: Path) -> Path:
    """An instructor's course, in which mse_loss is worth 9 points."""
    folder = tmp_path / "course"
    (folder / "source" / NAME).mkdir(parents=True)
    cells = solved_cells()
    for entry in cells:
        if entry["id"] == "test_mse_loss":
            entry["metadata"]["nbgrader"]["points"] = 9  # type: ignore[index]
    (folder / "source" / NAME / f"{NAME}.ipynb").write_bytes(notebook_of(cells))
    (folder / "nbgrader_config.py").write_text("c = get_config()")
    place = folder / "submitted" / "ada" / NAME
    place.mkdir(parents=True)
    (place / f"{NAME}.ipynb").write_bytes(notebook_of(solved_cells()))
    return folder


def test_an_instructor_in_the_course_s_folder_grades_what_was_submitted_there(instructor: Path, tmp_path: Path) -> None:
    (tmp_path / "mail.ipynb").write_bytes(notebook_of(solved_cells()))
    for notebook in (f"submitted/ada/{NAME}/{NAME}.ipynb", "../mail.ipynb"):
        told, report = grade(instructor, notebook)
        assert report is not None
        assert report.cells[0].max_score == 9
        assert f"course {instructor}" in told
        assert "was not used" not in told


def test_a_course_that_was_asked_for_grades_from_anywhere(instructor: Path) -> None:
    folder = instructor / "submitted" / "ada" / NAME
    for arguments, variables in ((["--course", "../../.."], {}), ([], {"AUTOGRADER_COURSE": str(instructor)})):
        told, report = grade(folder, f"{NAME}.ipynb", *arguments, **variables)
        assert report is not None
        assert report.cells[0].max_score == 9
        assert f"course {instructor}" in told


def test_a_folder_that_is_no_course_is_refused_by_its_name(instructor: Path) -> None:
    told, _ = grade(instructor, f"submitted/ada/{NAME}/{NAME}.ipynb", "--course", "nowhere", code=2)
    assert "nowhere is no course: it has no folder source/" in told
