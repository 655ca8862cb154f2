"""Bundles in their systems' harnesses: whatever is handed in, there are valid results, with the right points."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lms_harness import Files, Gradescope, Harness, PrairieLearn, Vocareum, environment_of
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course import Course
from autograder.report import Report, without_times
from autograder.seeds import digest_of, key_for, seed_for

ROOT = Path(__file__).resolve().parent.parent
NAME = "ps1_gradient_descent"
NOTEBOOK = f"{NAME}.ipynb"
RIGHT = (ROOT / "source" / NAME / NOTEBOOK).read_bytes()
UNFILLED = (ROOT / "release" / NAME / NOTEBOOK).read_bytes()
KINDS: dict[str, type[Harness]] = {"gradescope": Gradescope, "prairielearn": PrairieLearn, "vocareum": Vocareum}
DETAILS = {
    "gradescope": {"users": [{"id": 41, "email": "a@example.org", "name": "Ada"}], "previous_submissions": []},
    "prairielearn": {"variant_seed": 7, "submitted_answers": {}},
    "vocareum": {"VOC_USERID": "ada", "VOC_SUBMISSION_COUNT": "1"},
}
STUDENTS = {"gradescope": "41", "prairielearn": "variant 7", "vocareum": "ada"}


def edited(edits: dict[str, str], extra: tuple[str, ...] = (), name: str = NAME) -> bytes:
    """The solved notebook of an assignment with other sources by grade_id, and further cells at its end."""
    notebook = json.loads((ROOT / "source" / name / f"{name}.ipynb").read_bytes())
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = edits.get(grade_id, cell["source"])
    for place, source in enumerate(extra):
        blank = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        notebook["cells"].append({**blank, "id": f"extra-{place}", "source": source})
    return json.dumps(notebook).encode()


WRONG = edited({"mse_loss": "def mse_loss(y, y_hat):\n    return float(((y_hat - y) ** 2).mean())"})
INJECTION = "</pre><script>alert(1)</script> ![x](javascript:alert(1)) [y](data:text/html,z) `**_\x1b[2J"


def hostile(root: Path) -> bytes:
    """A notebook that looks for secrets, tries to write results, and puts what it finds and more into messages."""
    look = f"""
import os, glob
found = [repr(dict(os.environ))]
for top, folders, files in os.walk({str(root)!r}):
    for name in files:
        try:
            with open(os.path.join(top, name), "rb") as file:
                data = file.read(4000)
            if "environment" not in top and "/opt/" not in top and "/package/" not in top:
                found.append(os.path.join(top, name) + " " + repr(data) + " " + data.hex())
        except OSError as error:
            pass
        if "results" in top or "temporary" in top or "report" in name:
            try:
                with open(os.path.join(top, name), "w") as file:
                    file.write('{{"score": 1000}}')
            except OSError:
                pass
SEEN = "".join(found)
print(SEEN[:100000])
"""
    raising = f"def mse_loss(y, y_hat):\n    raise ValueError({INJECTION!r} + SEEN[:3000])"
    notebook = json.loads(edited({"mse_loss": look + raising}))
    return json.dumps(notebook).encode()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may enter, as a container's are."""
    path = Path(tempfile.mkdtemp(prefix="lms-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(folder: Path) -> Path:
    """The pinned packages and no others, for all harnesses: each installs the same grader into it."""
    bundle = make("gradescope", NAME, folder / "for-environment.zip")
    with zipfile.ZipFile(bundle) as archive:
        return environment_of(archive.read("requirements.txt").decode(), folder / "environment")


def make(system: str, name: str, output: Path, *options: str) -> Path:
    """Make a bundle by the command line."""
    image = ["--image", "registry.example.org/autograder:1"] if system == "prairielearn" else []
    arguments = ["bundle", system, name, "--output", str(output), "--course", str(ROOT), *image, *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return output


def built(system: str, name: str, folder: Path, environment: Path, *options: str) -> Harness:
    """A harness of its own with a bundle of its own."""
    own = Path(tempfile.mkdtemp(prefix=f"{system}-", dir=folder))
    own.chmod(0o755)
    bundle = make(system, name, own / "bundle.zip", *options)
    kind: Any = KINDS[system]
    return kind(bundle, own / "root", environment)


@pytest.fixture(
    scope="module",
    params=["gradescope", *(pytest.param(name, marks=pytest.mark.slow) for name in ("prairielearn", "vocareum"))],
)
def harness(request: pytest.FixtureRequest, folder: Path, environment: Path) -> Harness:
    """A harness with the bundle of problem set 1."""
    return built(request.param, NAME, folder, environment)


def secret_of(harness: Harness) -> bytes:
    return (harness.course / ".autograder" / "secret").read_bytes()


def no_secret_in(harness: Harness, log: str) -> None:
    """Neither the seeds' secret nor a line of hidden tests or answers is in anything that leaves the container."""
    secret = secret_of(harness)
    shown = harness.told() + log
    (hidden_tests,) = (harness.course / "assignments").glob("*/hidden_tests.py")
    hidden = hidden_tests.read_text()
    marks = [line for line in hidden.splitlines() if line.startswith(("@grades(", "def test_"))]
    assert len(marks) > 20
    for mark in [secret.hex(), repr(secret)[2:-1], base64.b64encode(secret).decode(), *marks]:
        assert mark not in shown


def graded(harness: Harness, files: Files, details: Any = None) -> str:
    """Run one submission; returns what the student reads."""
    harness.lay_out(files, DETAILS[harness.system] if details is None else details)
    ended = harness.run()
    assert ended.status == 0, ended.log
    harness.results()
    no_secret_in(harness, ended.log)
    return harness.told()


def graded_by_command(harness: Harness, notebook: bytes, folder: Path) -> Report:
    """What `autograder grade` says, given the bundle's course, and with it the secret that seeds follow from."""
    (source,) = (harness.course / "source").iterdir()
    path, written = folder / f"{source.name}.ipynb", folder / "report.json"
    path.write_bytes(notebook)
    course = ["--course", str(harness.course), "--student", STUDENTS[harness.system]]
    command = CliRunner().invoke(app, ["grade", source.name, str(path), *course, "--json", str(written)])
    assert command.exit_code == 0, command.output
    return msgspec.json.decode(written.read_bytes(), type=Report)


def test_a_wrong_answer_gets_the_points_of_autograder_grade(harness: Harness, tmp_path: Path) -> None:
    told = graded(harness, {NOTEBOOK: WRONG})
    report = graded_by_command(harness, WRONG, tmp_path)
    expected = {cell.grade_id.removeprefix("test_"): cell.score for cell in report.cells}
    assert harness.points() == pytest.approx(expected, abs=0.01)
    assert 0 < sum(expected.values()) < report.max_score
    assert f"Isolation: {report.isolation}" in told.replace("&#58;", ":")
    assert "half" in told  # the diagnosis' hint or the check's title says which factor is missing
    if harness.system == "gradescope":
        found = harness.results()
        assert found["score"] == report.score
        same = msgspec.convert(found["extra_data"]["report"], Report)
        assert without_times(same).cells == without_times(report).cells
        assert same.seed == report.seed == seed_for(key_for(secret_of(harness), NAME, "41"), digest_of(WRONG))


@pytest.mark.parametrize("kind", ["nothing", "two", "broken", "empty", "link", "another"])
def test_what_can_not_be_graded_is_said(harness: Harness, kind: str) -> None:
    other = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    files: dict[str, Files] = {
        "nothing": {"notes.txt": b"hello"},
        "two": {"first.ipynb": RIGHT, "second.ipynb": RIGHT},
        "broken": {NOTEBOOK: b'{"cells": ['},
        "empty": {NOTEBOOK: b""},
        "link": {NOTEBOOK: harness.course / "source" / NAME / NOTEBOOK},
        "another": {NOTEBOOK: other},
    }
    words = {
        "nothing": "no notebook",
        "two": "more than one notebook",
        "broken": "can't be read",
        "empty": "can't be read",
        "link": "Links are not followed",
        "another": "none of the cells",
    }
    told = graded(harness, files[kind])
    assert words[kind] in told.replace("&#39;", "'")
    assert sum(harness.points().values()) == 0


def killed_at_once(harness: Harness, earlier: bytes | None = None) -> None:
    harness.lay_out({NOTEBOOK: RIGHT}, DETAILS[harness.system], earlier)
    before = seen_by_system(harness)
    process = harness.start()
    deadline = time.monotonic() + 60
    while seen_by_system(harness) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def seen_by_system(harness: Harness) -> bytes:
    try:
        return harness.raw()
    except OSError:
        return b""


def test_a_run_that_is_killed_leaves_valid_results(harness: Harness) -> None:
    killed_at_once(harness)
    harness.results()
    assert "The instructor has been told" in harness.told().replace("&#58;", ":")
    assert sum(harness.points().values()) == 0


@pytest.mark.slow
def test_no_earlier_result_counts_for_a_run_that_is_killed_or_refused(harness: Harness) -> None:
    graded(harness, {NOTEBOOK: RIGHT})
    assert sum(harness.points().values()) == 20
    earlier = harness.raw()
    killed_at_once(harness, earlier)
    assert sum(harness.points().values()) == 0
    assert "The instructor has been told" in harness.told().replace("&#58;", ":")
    harness.lay_out({}, DETAILS[harness.system], earlier)
    assert harness.run().status == 0
    assert sum(harness.points().values()) == 0
    assert "There is no notebook" in harness.told()


@pytest.mark.slow
def test_a_late_attempt_gets_points_and_no_hints(folder: Path, environment: Path) -> None:
    harness = built("gradescope", NAME, folder, environment, "--feedback-attempts", "1")
    earlier = {**DETAILS["gradescope"], "previous_submissions": [{"score": "1.0"}]}
    told = graded(harness, {NOTEBOOK: WRONG}, earlier)
    assert "this is attempt 2" in told
    assert "To think about" not in told
    assert 15 < sum(harness.points().values()) < 20


@pytest.mark.slow
def test_a_right_answer_gets_all_points_under_another_name(harness: Harness) -> None:
    told = graded(harness, {"work/my notebook (2).ipynb": RIGHT, "work/.ipynb_checkpoints/x.ipynb": WRONG})
    assert sum(harness.points().values()) == 20
    assert "Please call the file" in told


@pytest.mark.slow
def test_unusual_right_answers_get_all_points(harness: Harness) -> None:
    unusual = {entry.function: entry.source.text for entry in Course(ROOT).assignment(NAME).bank.unusual}
    assert len(unusual) > 4
    graded(harness, {NOTEBOOK: edited(unusual)})
    assert sum(harness.points().values()) == 20


@pytest.mark.slow
def test_an_unfilled_notebook_gets_no_points(harness: Harness) -> None:
    graded(harness, {NOTEBOOK: UNFILLED})
    assert sum(harness.points().values()) == 0


@pytest.mark.slow
def test_a_hostile_notebook_reads_no_secret_and_writes_no_result(harness: Harness) -> None:
    told = graded(harness, {NOTEBOOK: hostile(harness.root)})
    assert harness.points()["mse_loss"] == 0
    assert 10 < sum(harness.points().values()) < 20
    assert "alert" in told
    assert "\x1b" not in told
    assert "\\u001b" not in told
    if harness.system == "gradescope":
        found = harness.results()
        shown = found["output"] + "".join(test["output"] for test in found["tests"])
        assert not any(sign in shown for sign in ("<script", "](javascript", "![x"))
    if harness.system == "vocareum":
        assert "<script" not in told


@pytest.mark.slow
@pytest.mark.parametrize("details", [b"\xff\xfe", b'{"users": 3, "previous_submissions": {}}', {"a": 1}])
def test_odd_details_of_a_submission_are_no_obstacle(harness: Harness, details: Any) -> None:
    harness.lay_out({NOTEBOOK: WRONG}, details, earlier=b"left behind")
    ended = harness.run()
    assert ended.status == 0
    harness.results()
    assert 15 < sum(harness.points().values()) < 20


@pytest.mark.slow
def test_missing_details_of_a_submission_are_no_obstacle(harness: Harness) -> None:
    harness.lay_out({NOTEBOOK: WRONG}, None)
    assert harness.run().status == 0
    assert 15 < sum(harness.points().values()) < 20


@pytest.mark.slow
def test_too_little_memory_leaves_valid_results(harness: Harness) -> None:
    harness.lay_out({NOTEBOOK: RIGHT}, DETAILS[harness.system])
    ended = harness.run(["bash", "-c", 'ulimit -v 60000; exec "$@"', "bash"])
    assert ended.status == 0
    harness.results()
    assert sum(harness.points().values()) == 0
    assert "The instructor has been told" in harness.told().replace("&#58;", ":")
    no_secret_in(harness, ended.log)


@pytest.mark.slow
def test_what_takes_too_long_is_stopped_and_said(folder: Path, environment: Path) -> None:
    endless = edited({"mse_loss": "while True:\n    pass"})
    for system in KINDS:
        harness = built(system, NAME, folder, environment, "--timeout", "15")
        harness.lay_out({NOTEBOOK: endless}, DETAILS[system])
        ended = harness.run()
        assert ended.status == 0
        assert ended.seconds < 30
        harness.results()
        assert "took longer than it may" in harness.told()


@pytest.mark.slow
def test_what_a_bundle_brings_is_for_root_alone(harness: Harness) -> None:
    graded(harness, {})
    for path in [harness.course.parent, *harness.course.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_course_of_the_repository_is_the_bundle_s(harness: Harness) -> None:
    """One assignment, and none of the others."""
    assert Course(harness.course).names == (NAME,)


@pytest.mark.slow
def test_modules_that_a_student_hands_in_are_not_imported(harness: Harness) -> None:
    """Vocareum starts a bundle in the student's folder."""
    module = b"raise SystemExit('a module of the student was imported')"
    names = ("json.py", "msgspec.py", "numpy.py", "autograder.py", "sitecustomize.py", "runpy.py")
    graded(harness, {NOTEBOOK: RIGHT, **dict.fromkeys(names, module)})
    assert sum(harness.points().values()) == 20
