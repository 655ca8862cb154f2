"""nbgrader's own commands over a real course: gradebook, late penalties, bad submissions, feedback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parent.parent
NAME = "ps1_gradient_descent"
CONFIG = """
c.AssignLatePenalties.plugin_class = "late.Half"
c.GradeInSandbox.call_seconds = 1.0
c.GradeInSandbox.cell_seconds = 3.0
"""
LATE = """
from nbgrader.plugins import LateSubmissionPlugin


class Half(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score / 2
"""
UPHILL = "def gradient_step(w, gradient, lr):\n    return w + lr * gradient"
ESSAY = "essay_learning_rate"
LINKS = "[a](javascript:alert(1)) [b] [c](https://web.example/)\n\n[b]: &#106;avascript:alert(2)"
SCRIPT = "<script>alert(1)</script>"


def nbgrader(course: Path, *arguments: str, code: int = 0) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(course)}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def submit(course: Path, student: str, notebook: dict[str, Any] | str, when: str = "2026-01-01 00:00:00 UTC") -> None:
    folder = course / "submitted" / student / NAME
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
    (folder / "timestamp.txt").write_text(when)


def changed(notebook: dict[str, Any], **sources: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in sources:
            cell["source"] = sources[name]
    return copy


def without(notebook: dict[str, Any], *names: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(notebook))
    copy["cells"] = [c for c in copy["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") not in names]
    return copy


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded course with a class of odd submissions."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "source" / NAME, folder / "source" / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text() + CONFIG)
    (folder / "late.py").write_text(LATE)
    solved = json.loads((ROOT / "source" / NAME / f"{NAME}.ipynb").read_text())
    nbgrader(folder, "generate_assignment", NAME)
    stub = json.loads((folder / "release" / NAME / f"{NAME}.ipynb").read_text())
    doubled = json.loads(json.dumps(solved))
    doubled["cells"] += [json.loads(json.dumps(cell)) for cell in doubled["cells"][-6:]]
    submit(folder, "right", solved)
    submit(folder, "partial", changed(solved, gradient_step=UPHILL))
    submit(folder, "stub", stub)
    submit(folder, "late", solved, "2026-02-01 00:00:00 UTC")
    submit(folder, "unreadable", "this is no notebook")
    submit(folder, "deleted", without(solved, "test_mse_loss", "imports", "mse_gradient"))
    submit(folder, "doubled", doubled)
    submit(folder, "endless", changed(solved, mse_loss="def mse_loss(y, y_hat):\n    while True:\n        pass"))
    shows = f"print({SCRIPT!r})\ndef mse_loss(y, y_hat):\n    raise ValueError({SCRIPT!r})"
    submit(folder, "script", changed(solved, mse_loss=shows, essay_learning_rate=SCRIPT))
    submit(folder, "linking", changed(solved, essay_learning_rate=LINKS))
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate=datetime(2026, 1, 15))
    nbgrader(folder, "autograde", NAME)
    nbgrader(folder, "generate_feedback", NAME)
    return folder


def grades(course: Path, student: str) -> dict[str, tuple[float, bool]]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, student)
        return {grade.name: (grade.score, grade.needs_manual_grade) for grade in notebook.grades}


def total(course: Path, student: str) -> float:
    return sum(score for score, _ in grades(course, student).values())


def page(course: Path, student: str) -> str:
    return (course / "feedback" / student / NAME / f"{NAME}.html").read_text()


def test_right_answers_get_all_points_and_the_essay_waits_for_a_person(course: Path) -> None:
    found = grades(course, "right")
    assert total(course, "right") == 20
    assert found["essay_learning_rate"] == (0, True)
    assert not any(waits for name, (_, waits) in found.items() if name.startswith("test_"))


def test_partial_credit_reaches_the_gradebook(course: Path) -> None:
    found = grades(course, "partial")
    assert found["test_gradient_step"][0] < 2
    assert total(course, "partial") == 18 + found["test_gradient_step"][0]


def test_stubs_and_unreadable_files_score_zero_and_stop_nobody(course: Path) -> None:
    for student in ("stub", "unreadable"):
        assert total(course, student) == 0
        assert grades(course, student)["essay_learning_rate"] == (0, False)
    assert "can&#39;t be read" in page(course, "unreadable")


def test_late_penalty_is_taken_off(course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission_notebook(NAME, NAME, "late").late_submission_penalty == 10
        assert gradebook.find_submission_notebook(NAME, NAME, "right").late_submission_penalty is None


def test_deleted_and_doubled_cells_are_put_right(course: Path) -> None:
    assert total(course, "doubled") == 20
    found = grades(course, "deleted")
    assert found["test_mse_loss"][0] == 2
    assert found["test_mse_gradient"][0] == 0
    assert "was missing: put back" in page(course, "deleted")


def test_endless_loop_costs_its_own_cell(course: Path) -> None:
    found = grades(course, "endless")
    assert found["test_mse_loss"][0] == 0
    assert found["test_mse_gradient"][0] == 3
    assert found["test_gradient_step"][0] == 2
    assert "(timed out)" in page(course, "endless")


def test_feedback_shows_titles_and_messages_and_no_hidden_code(course: Path) -> None:
    text = page(course, "partial")
    assert "One step goes against the gradient" in text
    assert "received" in text
    for secret in ("expect.close", "rng.normal", "def test_", "reference."):
        assert secret not in text


def test_feedback_and_autograded_notebook_hold_nothing_unescaped(course: Path) -> None:
    assert SCRIPT not in page(course, "script")
    assert "&lt;script&gt;" in page(course, "script")
    notebook = json.loads((course / "autograded" / "script" / NAME / f"{NAME}.ipynb").read_text())
    markdown = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    assert not any("<script" in text for text in markdown)
    kinds = {mime for cell in notebook["cells"] for out in cell.get("outputs", []) for mime in out.get("data", {})}
    assert kinds <= {"text/plain", "image/png"}


def test_links_in_a_written_answer_lead_to_the_web_or_nowhere(course: Path) -> None:
    """Neither on formgrader's page, which renders the autograded notebook, nor in the feedback; the file stays."""
    notebook = json.loads((course / "autograded" / "linking" / NAME / f"{NAME}.ipynb").read_text())
    answer = next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == ESSAY)
    shown = markdown2html_mistune("".join(answer["source"]))
    assert re.findall(r'href="([^"]*)"', shown) == ["https://web.example/"]
    assert "javascript:" in shown
    assert "href" not in page(course, "linking").split(f'<section id="{ESSAY}">')[1]
    submitted = json.loads((course / "submitted" / "linking" / NAME / f"{NAME}.ipynb").read_text())
    assert LINKS in [cell["source"] for cell in submitted["cells"]]


def test_feedback_does_not_show_the_seed_from_which_hidden_inputs_can_be_drawn(course: Path) -> None:
    for student in ("right", "partial", "unreadable"):
        notebook = json.loads((course / "autograded" / student / NAME / f"{NAME}.ipynb").read_text())
        assert str(notebook["metadata"]["autograder"]["report"]["seed"]) not in page(course, student)


def test_originals_stay_untouched_and_a_regrade_gives_the_same(course: Path) -> None:
    place = course / "submitted" / "partial" / NAME / f"{NAME}.ipynb"
    before, scores = place.read_bytes(), grades(course, "partial")
    nbgrader(course, "autograde", NAME, "--student", "partial", "--force")
    assert place.read_bytes() == before
    assert grades(course, "partial") == scores


def test_failure_midway_saves_nothing(course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        before = grades(course, "right")
        grade = gradebook.find_grade("test_mse_loss", NAME, NAME, "right")
        grade.auto_score = 0.5
        gradebook.db.commit()
    broken = LATE.replace("return score / 2", "raise RuntimeError('no penalty today')")
    submitted = course / "submitted" / "right" / NAME / "timestamp.txt"
    submitted.write_text("2026-03-01 00:00:00 UTC")
    (course / "late.py").write_text(broken)
    nbgrader(course, "autograde", NAME, "--student", "right", "--force", code=1)
    assert grades(course, "right")["test_mse_loss"][0] == 0.5
    (course / "late.py").write_text(LATE)
    submitted.write_text("2026-01-01 00:00:00 UTC")
    nbgrader(course, "autograde", NAME, "--student", "right", "--force")
    assert grades(course, "right") == before


@pytest.mark.slow
def test_nothing_but_the_notebook_and_the_time_leaves_the_folder_of_a_submission(tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(ROOT / "source" / NAME, course / "source" / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nbgrader_config.py", course)
    solved = json.loads((ROOT / "source" / NAME / f"{NAME}.ipynb").read_text())
    students = ("link", "pipe", "device", "sparse", "many", "folder", "time", "plain", "brack[et]s")
    for student in students:
        submit(course, student, solved)
    folders = {student: course / "submitted" / student / NAME for student in students}
    (tmp_path / "secret.txt").write_text("secret")
    (folders["link"] / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folders["link"] / "all").symlink_to("/")
    os.mkfifo(folders["pipe"] / "pipe")
    (folders["pipe"] / "timestamp.txt").unlink()
    os.mkfifo(folders["pipe"] / "timestamp.txt")
    (folders["device"] / "zeros").symlink_to("/dev/zero")
    with (folders["sparse"] / "sparse").open("wb") as sparse:
        sparse.truncate(3 << 30)
    for number in range(10_000):
        (folders["many"] / f".{number}").touch()
    (folders["folder"] / "data").mkdir()
    (folders["folder"] / "data" / "mine.csv").write_text("1,2")
    (folders["time"] / "timestamp.txt").write_text("the day after tomorrow")
    before = time.monotonic()
    nbgrader(course, "generate_assignment", NAME)
    said = nbgrader(course, "autograde", NAME)
    assert time.monotonic() - before < 90

    graded = {path.relative_to(course / "autograded").parts for path in (course / "autograded").rglob("*")}
    files = {parts for parts in graded if len(parts) > 2}
    notebook, stamp = f"{NAME}.ipynb", "timestamp.txt"
    assert files == {
        *((student, NAME, notebook) for student in students[:-1]),
        *((student, NAME, stamp) for student in students[:-1] if student not in ("pipe", "time")),
    }
    assert (course / "autograded" / "plain" / NAME / stamp).read_text() == "2026-01-01 00:00:00 UTC"
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        for student in students[:-1]:
            assert gradebook.find_submission(NAME, student).score == 20, student
    assert "says no time that can be read" in said
    assert "brack[et]s" in said
