"""Bundles: what is in them, and how a Report reads in each system's format."""

from __future__ import annotations

import json
import re
import zipfile
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from lms_harness import TESTS, instructions, validated
from typer.testing import CliRunner

from autograder.cli import app
from autograder.lms.bundles import gradescope, prairielearn, vocareum
from autograder.lms.bundles.handed_in import find_notebook
from autograder.lms.bundles.outcome import Outcome
from autograder.lms.bundles.pins import requirements
from autograder.lms.bundles.settings import WORKERS, BundleSettings
from autograder.report import CellReport, Check, Curve, ManualCell, Report
from autograder.sandbox.isolation import identity
from autograder.sandbox.zygote import TORCH_PACKAGES

ROOT = TESTS.parent
NAME = "ps1_gradient_descent"
SETTINGS = BundleSettings(assignment=NAME, libraries="numpy", timeout=600, memory=1536)
NASTY = "</pre><script>alert(1)</script> [x](javascript:alert(1)) ![y](z) **b** `c` | # d\x1b[2J\n- e\n1) f\n\n    g"
CHECKS = (
    Check(name="value", title="The loss is half the mean.", outcome="passed", weight=2),
    Check(
        name="sizes",
        title="It is right for many.",
        outcome="failed",
        message=f"expected 1, got {NASTY}",
        hint="Think of the mean.",
        diagnosis="mse_loss.sum_for_mean",
        stand_ins=("helper",),
    ),
    Check(name="time", title="It ends.", outcome="timed out", message="it did not finish", hint="Think of the mean."),
)
CURVE = Curve(title="30 steps", student=(1.0, 2.0, None), healthy=(1.0, 0.5, 0.2))
REPORT = Report(
    assignment=NAME,
    score=2.0,
    max_score=5.0,
    cells=(
        CellReport(grade_id="test_mse_loss", score=2.0, max_score=4.0, checks=CHECKS, curve=CURVE),
        CellReport(grade_id="test_other", score=0.0, max_score=1.0, checks=()),
    ),
    manual=(ManualCell(grade_id="essay", max_score=5.0, answered=True),),
    measured={"accuracy": 0.87654},
    problems=(f"a cell is called {NASTY}",),
    seed=5,
    isolation="uid",
)
OUTCOME = Outcome(report=REPORT, notes=(f"Note {NASTY}",), seconds=1.5)


def changed(**fields: Any) -> BundleSettings:
    return msgspec.structs.replace(SETTINGS, **fields)


def on_gradescope(outcome: Outcome = OUTCOME, settings: BundleSettings = SETTINGS) -> dict[str, Any]:
    return validated(gradescope.results(outcome, settings), "gradescope")


def test_gradescope_gets_one_test_a_check_with_its_points() -> None:
    found = on_gradescope()
    checks = [test for test in found["tests"] if "number" in test]
    assert [(test["number"], test["score"], test["max_score"], test["status"]) for test in checks] == [
        ("1.1", 2, 2, "passed"),
        ("1.2", 0, 1, "failed"),
        ("1.3", 0, 1, "failed"),
    ]
    assert checks[0]["name"] == "mse_loss: The loss is half the mean."
    assert sum(test.get("max_score", 0) for test in found["tests"]) == REPORT.max_score
    assert found["score"] == 2
    assert found["execution_time"] == 1.5
    assert "Think of the mean." in checks[1]["output"]
    assert checks[1]["extra_data"]["diagnosis"] == "mse_loss.sum_for_mean"
    assert "Timed out" in checks[2]["output"]
    assert "The same mistake as above." in checks[2]["output"]
    assert msgspec.convert(found["extra_data"]["report"], Report) == REPORT
    assert "uid" in found["output"]


def test_gradescope_lists_written_answers_without_points() -> None:
    (written,) = [test for test in on_gradescope()["tests"] if test["name"].startswith("essay")]
    assert "5 points" in written["name"]
    assert "by hand" in written["output"]
    assert not {"score", "max_score", "status"} & set(written)


def test_gradescope_s_leaderboard_shows_what_was_measured() -> None:
    assert on_gradescope()["leaderboard"] == [{"name": "accuracy", "value": 0.8765, "order": "desc"}]
    assert "leaderboard" not in on_gradescope(settings=changed(leaderboard=False))
    unmeasured = msgspec.structs.replace(REPORT, measured={})
    assert "leaderboard" not in on_gradescope(Outcome(report=unmeasured))


def test_gradescope_shows_messages_by_default_and_scores_as_the_instructor_sets() -> None:
    found = on_gradescope()
    assert {test["visibility"] for test in found["tests"]} == {"visible"}
    assert "visibility" not in found
    assert found["stdout_visibility"] == "hidden"
    later = on_gradescope(settings=changed(visibility="after_published"))
    assert {test["visibility"] for test in later["tests"]} == {"after_published"}


def test_a_late_attempt_gets_points_alone() -> None:
    quiet = on_gradescope(msgspec.structs.replace(OUTCOME, feedback=False))
    assert [test["output"] for test in quiet["tests"] if "number" in test] == [""] * 3
    assert [test.get("score") for test in quiet["tests"]] == [test.get("score") for test in on_gradescope()["tests"]]
    page = vocareum.page(msgspec.structs.replace(OUTCOME, feedback=False)).decode()
    assert "Think of the mean" not in page
    assert "expected 1" not in page


def test_students_text_is_text_in_every_format() -> None:
    found = on_gradescope()
    shown = found["output"] + found["tests"][1]["output"]
    assert not re.search(r"[<>\[\]`|#\x1b]|!\[|^\s*[-+*] e", re.sub(r"&#\d+;", "", shown).replace("\n* ", "\n"))
    assert "<script>alert(1)</script>" in unescape(shown)
    page = vocareum.page(OUTCOME).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    found.pop("extra_data")
    for text in (prairielearn.results(OUTCOME).decode(), json.dumps(found)):
        assert "\\u001b" not in text.lower()


def test_prairielearn_gets_points_on_every_test_and_diagnoses_as_neutral_ones() -> None:
    found = validated(prairielearn.results(OUTCOME), "prairielearn")
    assert found["gradable"] is True
    assert found["score"] == pytest.approx(0.4)
    worth = [(test["points"], test["max_points"]) for test in found["tests"] if test["max_points"]]
    assert worth == [(2, 2), (0, 1), (0, 1), (0, 1)]
    neutral = [test for test in found["tests"] if not test["max_points"]]
    assert [test["name"] for test in neutral] == [
        "mse_loss: to think about",
        "mse_loss: losses",
        "essay: written answer, 5 points",
    ]
    assert neutral[0]["message"] == "Think of the mean."
    assert "uid" in found["message"]
    assert max(len(line) for test in found["tests"] for line in test["message"].splitlines()) <= 90


def test_prairielearn_s_results_stay_below_a_megabyte() -> None:
    talkative = msgspec.structs.replace(CHECKS[1], message="m " * 2000, hint="h " * 2000)
    cells = tuple(
        CellReport(
            grade_id=f"test_f{place}",
            score=0.0,
            max_score=1.0,
            checks=(talkative,) * 40,
            curve=None if place else CURVE,
        )
        for place in range(30)
    )
    outcome = Outcome(report=msgspec.structs.replace(REPORT, cells=cells, score=0.0, max_score=30.0))
    data = prairielearn.results(outcome)
    assert len(data) < 1_000_000
    assert len(validated(data, "prairielearn")["tests"]) >= 1200


@pytest.mark.parametrize("outcome", [Outcome(refusal=f"There is no notebook {NASTY}"), Outcome()])
def test_what_was_not_graded_is_valid_too(outcome: Outcome) -> None:
    assert on_gradescope(outcome)["score"] == 0
    found = validated(prairielearn.results(Outcome(refusal="There is no notebook.")), "prairielearn")
    assert found == {"gradable": False, "format_errors": ["There is no notebook."]}


@pytest.mark.parametrize("too_long", [False, True])
def test_interrupted_runs_have_valid_results_that_say_so(too_long: bool) -> None:
    for data, system in (
        (gradescope.interrupted(too_long), "gradescope"),
        (prairielearn.interrupted(too_long), "prairielearn"),
    ):
        text = unescape(json.dumps(validated(data, system)))
        assert "The instructor has been told" in text
        assert ("longer than it may" in text) == too_long


def bundle(system: str, output: Path, *options: str) -> zipfile.ZipFile:
    arguments = ["bundle", system, NAME, "--output", str(output), "--course", str(ROOT), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return zipfile.ZipFile(output)


def test_gradescope_s_archive_has_what_is_needed_and_no_other_assignment(tmp_path: Path) -> None:
    with bundle("gradescope", tmp_path / "a.zip") as archive:
        names = archive.namelist()
        for name in ("setup.sh", "run_autograder"):
            assert archive.read(name).startswith(b"#!/usr/bin/env bash\n")
            assert archive.getinfo(name).external_attr >> 16 == 0o100755
        assert b"\r" not in archive.read("run_autograder")
        others = [path.name for path in (ROOT / "source").iterdir() if path.is_dir() and path.name != NAME]
        assert others
        assert not [name for name in names for other in others if other in name]
        kept = {"answers.py", "hidden_tests.py", "misconceptions.py", "assignment.toml"}
        assert {f"course/assignments/{NAME}/{name}" for name in kept} <= set(names)
        assert f"course/source/{NAME}/{NAME}.ipynb" in names
        assert "package/autograder/lms/bundles/run.py" in names
        pins = archive.read("requirements.txt").decode()
    assert "torch" not in pins
    with bundle("gradescope", tmp_path / "b.zip"):
        assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_every_bundle_has_a_secret_of_its_own(tmp_path: Path) -> None:
    secrets = set()
    for system in ("gradescope", "vocareum", "prairielearn"):
        options = ["--image", "x/y:1"] if system == "prairielearn" else []
        with bundle(system, tmp_path / f"{system}.zip", *options) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".autograder/secret")]
            secrets.add(archive.read(name))
    secrets.add((ROOT / ".autograder" / "secret").read_bytes())
    assert len(secrets) == 4


def test_torch_is_pinned_to_its_build_without_cuda() -> None:
    lines = requirements("torch").splitlines()
    assert lines[0] == "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+!]+", line) for line in lines[1:])
    pinned = dict(line.split("==") for line in lines[1:])
    assert pinned["torch"].endswith("+cpu")
    assert pinned["torchvision"].endswith("+cpu")
    assert not [name for name in pinned if re.match(r"nvidia|cuda|triton", name)]


def test_prairielearn_s_image_holds_no_hidden_test_and_its_question_does(tmp_path: Path) -> None:
    with bundle("prairielearn", tmp_path / "a.zip", "--image", "registry.example.org/x:1") as archive:
        names = archive.namelist()
        question = f"questions/{NAME}"
        info = json.loads(archive.read(f"{question}/info.json"))
        released = archive.read(f"{question}/workspace/{NAME}.ipynb")
        dockerfile = archive.read("image/Dockerfile").decode()
    assert not [name for name in names if name.startswith("image/") and ("hidden" in name or NAME in name)]
    assert released == (ROOT / "release" / NAME / f"{NAME}.ipynb").read_bytes()
    jsonschema.validate(info, json.loads((TESTS / "schemas" / "prairielearn_info.json").read_text()))
    assert info["externalGradingOptions"]["image"] == "registry.example.org/x:1"
    assert info["workspaceOptions"]["gradedFiles"] == [f"{NAME}.ipynb"]
    sources = {name.split("/")[1] for name in names if name.startswith("image/")}
    lint(dockerfile, sources)


def lint(dockerfile: str, sources: set[str]) -> None:
    """What a container build would refuse, or an instructor regret."""
    found = instructions(dockerfile)
    assert {name for name, _ in found} <= {"FROM", "RUN", "COPY", "WORKDIR", "USER", "ENTRYPOINT"}
    assert found[0][0] == "FROM"
    assert re.fullmatch(r"[\w/.-]+:[\w.-]+", found[0][1])
    assert not found[0][1].endswith(":latest")
    for name, arguments in found:
        if name == "COPY":
            assert {source.split("/")[0] for source in arguments.split()[:-1]} <= sources
        if name == "RUN" and "pip install" in arguments and "--no-index" not in arguments:
            assert "--no-cache-dir" in arguments
        if name == "ENTRYPOINT":
            assert json.loads(arguments)
    assert [arguments for name, arguments in found if name == "USER"] == ["root"]


def test_the_container_closes_folders_and_packages_to_the_groups_of_workers() -> None:
    script = (ROOT / "deploy" / "container_entrypoint.sh").read_text()
    assert re.findall(r"chgrp (\d+)", script) == [str(identity.NUMPY_GROUP), str(identity.GROUP)]
    assert identity.GROUP == WORKERS
    (names,) = re.findall(r"for name in (.+); do", script)
    assert set(TORCH_PACKAGES) <= set(names.split())


def test_the_dockerfile_is_well_formed() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    lint((ROOT / "Dockerfile").read_text(), {path.name for path in ROOT.iterdir()} - set(ignored))


def test_vocareum_s_archive_names_the_rubric(tmp_path: Path) -> None:
    with bundle("vocareum", tmp_path / "a.zip") as archive:
        rubric = dict(line.split(",") for line in archive.read("rubric.csv").decode().splitlines())
        failed = dict(line.split(",") for line in archive.read("scripts/failed.csv").decode().splitlines())
        assert archive.getinfo("scripts/grade.sh").external_attr >> 16 == 0o100755
        assert archive.read("scripts/failed.html").startswith(b"VOC_NO_REPORT_OUTPUT\n")
    assert rubric["gradient_descent"] == "6"
    assert set(failed) == set(rubric)
    assert set(failed.values()) == {"0"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["gradescope", "nothing"], "there is no assignment nothing"),
        (["gradescope", NAME, "--visibility", "sometimes"], "sometimes"),
    ],
)
def test_what_can_not_be_bundled_is_said_in_a_line(tmp_path: Path, options: list[str], words: str) -> None:
    arguments = ["bundle", *options, "--output", str(tmp_path / "a.zip"), "--course", str(ROOT)]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "a.zip").exists()


def test_the_notebook_is_chosen_by_its_name(tmp_path: Path) -> None:
    wanted = f"{NAME}.ipynb"

    def chosen(*names: str) -> tuple[str, str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("{}")
        found = find_notebook(folder, NAME)
        return str(found.notebook.relative_to(folder)) if found.notebook else "", found.refusal + "".join(found.notes)

    assert chosen(wanted) == (wanted, "")
    assert chosen(f"a/b/{wanted}", "a/.ipynb_checkpoints/x.ipynb", "__MACOSX/._x.ipynb") == (f"a/b/{wanted}", "")
    assert chosen(wanted, "other.ipynb") == (
        wanted,
        f"Only {wanted} was graded. These other notebooks were not: other.ipynb.",
    )
    assert chosen("x.ipynb")[0] == "x.ipynb"
    assert "Please call the file" in chosen("x.ipynb")[1]
    assert chosen("x.ipynb", "y.ipynb")[0] == ""
    assert "more than one notebook: a/" in chosen(f"a/{wanted}", f"b/{wanted}")[1]
    assert "\x1b" not in chosen("\x1b[2J.ipynb", "y.ipynb")[1]
    assert "no notebook" in chosen(*(f"{place}.txt" for place in range(2500)), "a/b/c/d/e/f.ipynb")[1]


def test_links_in_a_submission_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / f"{NAME}.ipynb").write_text("{}")
    (tmp_path / "handed_in").mkdir()
    (tmp_path / "handed_in" / f"{NAME}.ipynb").symlink_to(tmp_path / "secret" / f"{NAME}.ipynb")
    (tmp_path / "handed_in" / "folder").symlink_to(tmp_path / "secret")
    found = find_notebook(tmp_path / "handed_in", NAME)
    assert found.notebook is None
    assert "Links are not followed" in "".join(found.notes)


def test_settings_keep_a_submission_within_its_container() -> None:
    small = changed(memory=768, timeout=120)
    assert small.limits.memory <= 768 << 20
    assert small.limits.submission_seconds < small.stop_seconds < 120
    assert changed(memory=100_000).limits.memory == 2048 << 20


def described(folder: Path, details: object) -> gradescope.Gradescope:
    data = details if isinstance(details, bytes) else json.dumps(details).encode()
    (folder / "submission_metadata.json").write_bytes(data)
    return gradescope.Gradescope(folder, SETTINGS)


def test_a_group_is_graded_once_whoever_hands_in(tmp_path: Path) -> None:
    users = [{"id": 9, "email": "b@example.org"}, {"id": 10, "email": "a@example.org"}]
    first, second = (described(tmp_path, {"users": order}) for order in (users, users[::-1]))
    assert first.student == second.student == "10 9"
    assert first.notes == ("This is one submission for a group of 2.",)
    assert described(tmp_path, {"users": users[:1]}).notes == ()


@pytest.mark.parametrize("details", [b"", b"\xff", b"[" * 100_000, [], {"users": None}, {"users": [7, "x", None]}])
def test_metadata_that_tells_nothing_is_no_error(tmp_path: Path, details: object) -> None:
    found = described(tmp_path, details)
    assert (found.student, found.attempt, found.notes) == ("", 1, ())


def test_attempts_are_counted(tmp_path: Path) -> None:
    assert described(tmp_path, {"previous_submissions": [{"score": "1.0"}, {}]}).attempt == 3
    for count, attempt in (("4", 4), ("", 1), ("many", 1), ("-1", 1)):
        assert vocareum.Vocareum(tmp_path, SETTINGS, {"VOC_SUBMISSION_COUNT": count}).attempt == attempt


def test_metadata_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"users": [{"id": 1}]}')
    (tmp_path / "submission_metadata.json").symlink_to(tmp_path / "elsewhere")
    assert gradescope.Gradescope(tmp_path, SETTINGS).student == ""
