"""`autograder class`: the gradebook and notebooks of nbgrader autograde, faster; resumable; regrades on record."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import create_engine, inspect, text
from test_nbgrader import CONFIG, LATE, NAME, ROOT, UPHILL, changed, nbgrader, submit, without
from typer.testing import CliRunner, Result

from autograder.cli import app

OTHER = "ps2_backpropagation"
ENDLESS = "def mse_loss(y, y_hat):\n    while True:\n        pass"
IMPOSSIBLE = """

@grades("test_gradient_descent")
def test_impossible(student, rng):
    '''One is two.'''
    raise AssertionError
"""


def autograder(course: Path, *arguments: str, code: int = 0) -> Result:
    """Run a command of the course in this process: importing nbgrader takes longer than grading a few notebooks."""
    done = CliRunner().invoke(app, [*arguments, "--course", str(course)], terminal_width=120)
    assert done.exit_code == code, done.output
    return done


def new_course(folder: Path) -> Path:
    """A course with one assignment, nothing released, nothing handed in."""
    for name in (NAME, OTHER):
        shutil.copytree(ROOT / "source" / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "autograder" / "assignments" / NAME, folder / "assignments" / NAME)
    (folder / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text() + CONFIG)
    (folder / "late.py").write_text(LATE)
    return folder


def solved(name: str = NAME) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "source" / name / f"{name}.ipynb").read_text())
    return document


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class graded once, which the tests below look at and grade again."""
    folder = new_course(tmp_path_factory.mktemp("class"))
    submit(folder, "right", solved())
    submit(folder, "partial", changed(solved(), gradient_step=UPHILL), "yesterday, I think")
    submit(folder, "other", solved(OTHER))
    submit(folder, "unreadable", "this is no notebook")
    submit(folder, "renamed", solved())
    place = folder / "submitted" / "renamed" / NAME / f"{NAME}.ipynb"
    place.rename(place.with_name(f"{NAME}-1.ipynb"))
    done = autograder(folder, "class", NAME, code=2)
    (folder / "first_run.txt").write_text(done.output)
    return folder


def grades(course: Path, student: str) -> dict[str, Any]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, student)
        return {grade.name: grade.to_dict() | {"score": grade.score} for grade in notebook.grades}


def total(course: Path, student: str) -> float:
    return sum(grade["score"] for grade in grades(course, student).values())


def give(course: Path, student: str, cell: str, points: float, comment: str = "") -> None:
    """What a person does in formgrader."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade(cell, NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = points, False
        if comment:
            gradebook.find_comment(cell, NAME, NAME, student).manual_comment = comment
        gradebook.db.commit()


def contents(course: Path) -> dict[str, list[Any]]:
    """Everything in the gradebook, with names in place of the numbers that nbgrader draws, and without times."""
    engine = create_engine(f"sqlite:///{course / 'gradebook.db'}")
    with engine.connect() as connection:
        tables = {
            table: [dict(row) for row in connection.execute(text(f"select * from {table}")).mappings()]
            for table in inspect(engine).get_table_names()
        }
    engine.dispose()
    names: dict[str, str] = {}
    keys = ("student_id", "assignment_id", "notebook_id", "cell_id")
    for table in ("assignment", "notebook", "base_cell", "source_cell", "submitted_assignment", "submitted_notebook"):
        for row in tables[table]:
            own = row.get("name") or "/".join(str(names.get(row[key], row[key])) for key in keys if row.get(key))
            names[row["id"]] = f"{table} {own} {row.get('type', '')}"
    found = {}
    for table, rows in tables.items():
        for row in rows:
            row.pop("at", None)
            if table in ("grade", "comment", "autograder_grading"):
                row.pop("id")
        found[table] = sorted(repr({key: names.get(value, value) for key, value in row.items()}) for row in rows)
    return found


def notebook_without_times(course: Path, student: str) -> str:
    written = json.loads((course / "autograded" / student / NAME / f"{NAME}.ipynb").read_text())
    return re.sub(r'"duration": [\d.e-]+', '"duration": 0', json.dumps(written))


def test_class_is_graded_into_the_gradebook_without_any_step_before(course: Path) -> None:
    assert total(course, "right") == 20
    assert 18 <= total(course, "partial") < 20
    assert grades(course, "right")["essay_learning_rate"]["needs_manual_grade"]
    assert (course / "autograded" / "right" / NAME / "timestamp.txt").read_text() == "2026-01-01 00:00:00 UTC"
    assert not (course / "release").exists()


def test_what_went_wrong_is_said_in_a_line_with_its_reason(course: Path) -> None:
    told = (course / "first_run.txt").read_text()
    assert f"other: this is the notebook of {OTHER}, and {NAME} is graded\n" in told
    assert "unreadable: the notebook can't be read: it is no JSON" in told
    assert f"renamed: {NAME}.ipynb is missing; there is {NAME}-1.ipynb: rename it if it is the one" in told
    assert "partial: timestamp.txt says no time that can be read: it doesn't count as late" in told
    assert "4 graded" in told
    assert "Traceback" not in told


def test_submission_that_cannot_be_read_waits_for_a_person_and_says_why_in_formgrader(course: Path) -> None:
    for student, words in (("unreadable", "can't be read"), ("other", "this is the notebook of")):
        assert total(course, student) == 0
        assert grades(course, student)["test_mse_loss"]["needs_manual_grade"]
        document = json.loads((course / "autograded" / student / NAME / f"{NAME}.ipynb").read_text())
        assert words in "".join(document["cells"][0]["source"])
    assert not grades(course, "right")["test_mse_loss"]["needs_manual_grade"]


def test_nothing_that_is_unchanged_is_graded_again(course: Path) -> None:
    before = (course / "autograded" / "right" / NAME / f"{NAME}.ipynb").stat().st_mtime_ns
    told = autograder(course, "class", NAME, "--student", "right", "--student", "partial").output
    assert "0 graded · 2 unchanged" in told
    assert (course / "autograded" / "right" / NAME / f"{NAME}.ipynb").stat().st_mtime_ns == before


def test_regrade_lists_first_what_it_then_does_and_keeps_what_a_person_gave(course: Path) -> None:
    give(course, "right", "essay_learning_rate", 4, "Well said.")
    give(course, "partial", "test_mse_loss", 1.5)
    tests = course / "assignments" / NAME / "hidden_tests.py"
    kept = tests.read_text()
    tests.write_text(kept + IMPOSSIBLE)
    before = contents(course)
    dry = autograder(course, "class", NAME, "--regrade", "--dry-run", code=2).output
    assert contents(course) == before
    told = autograder(course, "class", NAME, "--regrade", code=2).output
    listed = re.search(r"2 scores would change:\n(.*?)\n\n", dry, re.DOTALL)
    done = re.search(r"2 scores changed:\n(.*?)\n\n", told, re.DOTALL)
    assert listed is not None
    assert done is not None
    assert listed[1] == done[1]
    assert "right: 24 → 23.14 of 25 (-0.86): the assignment changed" in done[1]
    assert "One is two.: no such test → failed" in done[1]
    assert total(course, "right") == pytest.approx(23.14)
    assert grades(course, "right")["essay_learning_rate"]["manual_score"] == 4
    assert not grades(course, "right")["essay_learning_rate"]["needs_manual_grade"]
    assert grades(course, "partial")["test_mse_loss"]["score"] == 1.5
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_comment("essay_learning_rate", NAME, NAME, "right").comment == "Well said."
    record = autograder(course, "history", "right", NAME).output
    assert "right: – → 20 of 25: first grading on record" in record
    assert "right: 24 → 23.14 of 25 (-0.86): the assignment changed" in record
    tests.write_text(kept)


def test_points_that_differ_from_the_gradebook_are_refused(course: Path) -> None:
    before = contents(course)
    source = course / "source" / NAME / f"{NAME}.ipynb"
    kept = source.read_text()
    document = json.loads(kept)
    for cell in document["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "test_mse_loss":
            cell["metadata"]["nbgrader"]["points"] = 4
    source.write_text(json.dumps(document))
    told = autograder(course, "class", NAME, "--student", "right", code=2).output
    source.write_text(kept)
    assert "cell test_mse_loss has 4 points in source/, and 2 in the gradebook" in told
    assert f"nbgrader generate_assignment {NAME} --force" in told
    assert contents(course) == before


def recorded(course: Path) -> list[str]:
    """The students of all gradings on record, one a grading."""
    engine = create_engine(f"sqlite:///{course / 'gradebook.db'}")
    with engine.connect() as connection:
        there = "autograder_grading" in inspect(engine).get_table_names()
        found = list(connection.scalars(text("select student from autograder_grading"))) if there else []
    engine.dispose()
    return found


def begin(course: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command as the leader of a process group, as a terminal does."""
    command = [str(Path(sys.executable).with_name("autograder")), *arguments, "--course", str(course)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(found: Any, process: subprocess.Popen[str]) -> None:
    """Wait until `found()` is true, as long as the process runs."""
    while not found():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


@pytest.fixture(scope="module")
def handful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with eight submissions, not graded."""
    folder = new_course(tmp_path_factory.mktemp("handful"))
    (folder / ".autograder").mkdir(mode=0o700)
    (folder / ".autograder" / "secret").write_bytes(bytes(range(32)))
    (folder / ".autograder" / "secret").chmod(0o600)
    for number in range(8):
        notebook = changed(solved(), gradient_step=UPHILL) if number % 2 else solved()
        submit(
            folder, f"student{number}", notebook, "2026-02-01 00:00:00 UTC" if number == 3 else "2026-01-01 00:00:00"
        )
    return folder


@pytest.mark.slow
def test_class_gives_what_nbgrader_autograde_gives(handful: Path, tmp_path: Path) -> None:
    """Row by row in the gradebook, value by value in the notebooks, but for times; odd submissions, too."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        shutil.copytree(handful, folder)
        submit(folder, "unreadable", "this is no notebook")
        submit(folder, "deleted", without(solved(), "test_mse_loss", "imports", "mse_gradient"))
        submit(folder, "endless", changed(solved(), mse_loss=ENDLESS))
        submit(folder, "other", solved(OTHER))
        nbgrader(folder, "generate_assignment", NAME)
    autograder(ours, "class", NAME)
    nbgrader(theirs, "autograde", NAME)
    assert contents(ours) == contents(theirs)
    for student in recorded(ours):
        assert notebook_without_times(ours, student) == notebook_without_times(theirs, student)


@pytest.mark.slow
def test_interrupted_run_goes_on_where_it_was_and_grades_nothing_twice(handful: Path, tmp_path: Path) -> None:
    straight, interrupted = tmp_path / "straight", tmp_path / "interrupted"
    for folder in (straight, interrupted):
        shutil.copytree(handful, folder)
    autograder(straight, "class", NAME)
    process = begin(interrupted, "class", NAME, "--jobs", "1")
    wait_for(lambda: len(recorded(interrupted)) >= 3, process)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches the grading processes as well
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "The same command goes on with them" in told
    assert "Traceback" not in told
    assert 3 <= len(recorded(interrupted)) < 8
    autograder(interrupted, "class", NAME)
    assert sorted(recorded(interrupted)) == [f"student{number}" for number in range(8)]
    assert contents(interrupted) == contents(straight)


@pytest.mark.slow
def test_killed_run_goes_on_where_it_was(handful: Path, tmp_path: Path) -> None:
    folder = tmp_path / "course"
    shutil.copytree(handful, folder)
    process = begin(folder, "class", NAME, "--jobs", "1")
    wait_for(lambda: len(recorded(folder)) >= 2, process)
    process.kill()
    process.communicate(timeout=60)
    autograder(folder, "class", NAME)
    assert sorted(recorded(folder)) == [f"student{number}" for number in range(8)]


def test_folder_of_notebooks_named_by_student_is_graded_and_stays_as_it_is(course: Path, tmp_path: Path) -> None:
    source = tmp_path / "handed in"
    source.mkdir()
    (source / "newcomer.ipynb").write_text(json.dumps(solved()))
    (source / "notes.txt").write_text("?")
    told = autograder(course, "class", NAME, str(source), "--student", "newcomer", code=2).output
    assert "1 notebooks collected" in told
    assert "notes.txt: not named as STUDENT.ipynb names a submission" in told
    assert total(course, "newcomer") == 20
    assert {path.name for path in source.iterdir()} == {"newcomer.ipynb", "notes.txt"}
