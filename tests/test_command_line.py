"""The command `autograder`: its help, several notebooks at once, where Reports go; and how make finds Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from conftest import FUNCTIONS, NAME, cell, notebook_of, solved_cells
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course import Course
from autograder.report import from_json, without_times

ROOT = Path(__file__).resolve().parent.parent


def command(*line: str | Path, code: int = 0) -> str:
    """Run a command; all that it printed."""
    done = CliRunner().invoke(app, [str(word) for word in line], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert done.exit_code == code, done.output
    return done.output


def solved(path: Path, **sources: str) -> Path:
    """A solved notebook of problem set 1 at `path`, with other sources in some of its cells."""
    cells = solved_cells()
    for entry in cells:
        entry["source"] = sources.get(str(entry["id"]), entry["source"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(notebook_of(cells))
    return path


def test_the_help_says_what_the_program_is_and_lists_its_commands() -> None:
    told = " ".join(command("--help").split())
    assert "Grade students' notebooks with hidden tests, while the students' code runs in a sandbox." in told
    assert "A course is a folder with source/" in told
    for name in ("grade", "init", "new", "audit", "doctor", "fingerprints"):
        assert f" {name} " in told
    for name in Course(ROOT).names:
        assert name not in told + command("grade", "--help")


def test_the_version_is_the_package_s() -> None:
    assert command("--version") == f"autograder {metadata.version('autograder')}\n"


def test_several_notebooks_are_graded_side_by_side_into_a_folder_of_reports(course: Path, tmp_path: Path) -> None:
    ada, bo = solved(tmp_path / "ada.ipynb"), solved(tmp_path / "bo.ipynb", mse_loss="def mse_loss(y, y_hat): return 1")
    folder = tmp_path / "new" / "reports"
    told = command("grade", NAME, ada, bo, "--course", course, "--json", folder, "--jobs", "2", "--seed", "7")
    assert f"{ada}: 16 of 16 points" in told
    assert f"{bo}: 14 of 16 points" in told
    assert {path.name for path in folder.iterdir()} == {"ada.json", "bo.json"}
    command("grade", NAME, bo, "--course", course, "--json", tmp_path / "alone.json", "--seed", "7")
    alone, beside = (from_json(path.read_bytes()) for path in (tmp_path / "alone.json", folder / "bo.json"))
    assert without_times(alone) == without_times(beside)


def test_of_several_notebooks_those_that_can_be_read_are_graded_and_the_others_are_named(
    course: Path, tmp_path: Path
) -> None:
    ada = solved(tmp_path / "ada.ipynb")
    (tmp_path / "script.py").write_text("import numpy as np")
    line = ["grade", NAME, ada, tmp_path / "script.py", tmp_path / "missing.ipynb", "--course", course]
    told = command(*line, "--json", tmp_path, code=2)
    assert f"{ada}: 16 of 16 points" in told
    assert f"{tmp_path / 'script.py'}: the notebook can't be read: it is no JSON" in told
    assert f"{tmp_path / 'missing.ipynb'}: missing.ipynb can't be opened" in told
    assert from_json((tmp_path / "ada.json").read_bytes()).score == 16


def test_a_file_that_is_no_notebook_is_named(course: Path, tmp_path: Path) -> None:
    (tmp_path / "script\x1b[2J.py").write_text("import numpy as np")
    told = command("grade", NAME, tmp_path / "script\x1b[2J.py", "--course", course, code=2)
    assert "script?[2J.py: the notebook can't be read: it is no JSON" in told
    assert "\x1b[2J" not in told


def test_reports_that_would_overwrite_each_other_are_refused_before_grading(course: Path, tmp_path: Path) -> None:
    notebooks = [solved(tmp_path / student / "ps1.ipynb") for student in ("ada", "bo")]
    told = command("grade", NAME, *notebooks, "--course", course, "--json", tmp_path / "reports", code=2)
    assert "would both be written to" in told
    assert "points" not in told


@pytest.mark.parametrize("where", ["new/report.json", "new/and/deeper/report.json"])
def test_a_report_in_a_missing_folder_makes_the_folder(course: Path, tmp_path: Path, where: str) -> None:
    notebook = solved(tmp_path / "ada.ipynb")
    command("grade", NAME, notebook, "--course", course, "--json", tmp_path / where)
    assert from_json((tmp_path / where).read_bytes()).score == sum(FUNCTIONS.values())


def test_a_report_that_can_not_be_written_is_refused_before_grading(course: Path, tmp_path: Path) -> None:
    notebook = solved(tmp_path / "ada.ipynb")
    (tmp_path / "file").write_text("")
    told = command("grade", NAME, notebook, "--course", course, "--json", tmp_path / "file" / "x.json", code=2)
    assert f"--json: {tmp_path / 'file'} can't be made" in told
    assert "points" not in told


def test_json_on_standard_output_takes_one_notebook(course: Path, tmp_path: Path) -> None:
    notebooks = [solved(tmp_path / f"{student}.ipynb") for student in ("ada", "bo")]
    told = command("grade", NAME, *notebooks, "--course", course, "--json", "-", code=2)
    assert "--json - takes one notebook" in told


def test_a_course_that_is_not_there_is_named(tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_bytes(notebook_of([cell("1")]))
    for line in (["grade", NAME, notebook], ["audit"], ["doctor"], ["fingerprints"], ["new", "x"]):
        assert "/nope" in command(*line, "--course", "/nope", code=2)


@pytest.fixture
def make(tmp_path: Path) -> Path:
    """A folder with the project's Makefile, in which nothing was made yet."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def planned(folder: Path, versions: dict[str, tuple[int, int]], *line: str) -> subprocess.CompletedProcess[str]:
    """What make would run where these Pythons are on the path."""
    places = folder / "bin"
    places.mkdir()
    for name in ("sh", "test", "echo"):
        (places / name).symlink_to(str(shutil.which(name)))
    for name, version in versions.items():
        code = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
        (places / name).write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$2"\n')
        (places / name).chmod(0o755)
    return subprocess.run(
        [str(shutil.which("make")), *line, ".venv/bin/autograder"],
        cwd=folder,
        env={"PATH": str(places)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("versions", "taken"),
    [
        ({"python3.12": (3, 12), "python3.11": (3, 11), "python3": (3, 10)}, "python3.12"),
        ({"python3.14": (3, 14), "python3.13": (3, 13)}, "python3.14"),
        ({"python3": (3, 11)}, "python3"),
        ({"python3.13": (3, 9), "python3": (3, 12)}, "python3"),
    ],
)
def test_make_takes_the_newest_python_that_will_do(
    make: Path, versions: dict[str, tuple[int, int]], taken: str
) -> None:
    assert f"{taken} -m venv .venv\n" in planned(make, versions, "-n").stdout


def test_make_takes_another_python_if_told_so(make: Path) -> None:
    assert "/opt/python -m venv .venv\n" in planned(make, {"python3": (3, 12)}, "-n", "PYTHON=/opt/python").stdout


def test_make_says_what_is_needed_where_no_python_will_do(make: Path) -> None:
    done = planned(make, {"python3": (3, 15), "python3.11": (3, 10)})
    assert done.returncode != 0
    assert "Python 3.11 to 3.14 is needed" in done.stdout
    assert not (make / ".venv").exists()
