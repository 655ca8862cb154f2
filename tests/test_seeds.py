"""The seed of a submission: nobody can foresee it, and the same file has it again."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import NAME, cell, notebook_of, solved_cells

from autograder.classroom import Settings
from autograder.nbgrader.course import Prefetch
from autograder.report import without_times
from autograder.seeds import FOLDER, course_secret, digest_of, key_for, seed_for

OWNER_ONLY = 0o600


def seed_of(secret: bytes, student: str, notebook: bytes, assignment: str = NAME) -> int:
    return seed_for(key_for(secret, assignment, student), digest_of(notebook))


def test_everything_that_counts_decides_the_seed() -> None:
    secret = bytes(32)
    first = seed_of(secret, "ada", b"{}")
    assert first == seed_of(secret, "ada", b"{}")
    others = {
        seed_of(secret, "bob", b"{}"),
        seed_of(secret, "ada", b"{} "),
        seed_of(secret, "ada", b"{}", "ps2"),
        seed_of(bytes(31) + b"1", "ada", b"{}"),
    }
    assert len(others | {first}) == 5
    assert seed_of(secret, "b", b"", "a") != seed_of(secret, "", b"", 'a","b')
    # JavaScript, and what else reads JSON numbers as floats, gets all of it.
    assert all(0 <= seed_of(secret, str(n), b"") < 2**53 for n in range(100))


def test_a_secret_is_made_once_for_its_owner_alone_and_out_of_git(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secret, note = course_secret(tmp_path)
    finally:
        os.umask(before)
    assert (len(secret), note) == (32, "")
    path = tmp_path / FOLDER / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == OWNER_ONLY
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert course_secret(tmp_path) == (secret, "")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    status = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
    (tmp_path / "other").mkdir()
    assert course_secret(tmp_path / "other")[0] != secret


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    code = "import sys; from autograder.seeds import *; print(course_secret(Path(sys.argv[1]))[0].hex())"

    def ask(_: int) -> str:
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        return done.stdout

    with ThreadPoolExecutor(8) as threads:
        in_processes = set(threads.map(ask, range(8)))
        again = set(threads.map(lambda _: course_secret(tmp_path)[0].hex() + "\n", range(50)))
    assert len(in_processes | again) == 1
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [".gitignore", "secret"]


def spoil_folder(course: Path) -> None:
    (course / FOLDER).write_text("in the way")


def spoil_length(course: Path) -> None:
    (course / FOLDER).mkdir()
    (course / FOLDER / "secret").write_bytes(b"short")


def spoil_link(course: Path) -> None:
    (course / FOLDER).mkdir()
    (course / "elsewhere").write_bytes(bytes(32))
    (course / FOLDER / "secret").symlink_to(course / "elsewhere")


def spoil_kind(course: Path) -> None:
    (course / FOLDER).mkdir()
    os.mkfifo(course / FOLDER / "secret")


@pytest.mark.parametrize("spoil", [spoil_folder, spoil_length, spoil_link, spoil_kind])
def test_without_a_secret_that_can_be_used_one_is_drawn_for_this_run_and_said_so(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path)
    (one, note), (other, _) = course_secret(tmp_path), course_secret(tmp_path)
    assert len(one) == len(other) == 32
    assert one != other
    assert one != bytes(32)
    assert f"{FOLDER}/secret can't be used" in note


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_course_that_can_t_be_written_is_graded_all_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "can't be used" in course_secret(tmp_path)[1]


def test_a_secret_that_others_could_read_is_closed_and_said_so(tmp_path: Path) -> None:
    secret, _ = course_secret(tmp_path)
    path = tmp_path / FOLDER / "secret"
    path.chmod(0o644)
    again, note = course_secret(tmp_path)
    assert again == secret
    assert "could be read by others" in note
    assert stat.S_IMODE(path.stat().st_mode) == OWNER_ONLY


Command = Callable[..., dict[str, Any]]


@pytest.fixture
def grade(course: Path, tmp_path: Path) -> Command:
    """Runs `autograder grade` in a process of its own on a notebook; returns its Report."""

    def run(*arguments: str, notebook: bytes) -> dict[str, Any]:
        file = tmp_path / "any_name.ipynb"
        file.write_bytes(notebook)
        line = ["grade", NAME, str(file), "--course", str(course), "--json", "-", *arguments]
        code = "from autograder.cli import app; app()"
        done = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, check=True)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


def test_the_same_file_meets_the_same_inputs_and_a_changed_one_fresh_ones(grade: Command, course: Path) -> None:
    notebook = notebook_of([*solved_cells(), cell("1 / 0")])
    seeds = [grade(notebook=notebook)["seed"] for _ in range(2)]
    secret = (course / FOLDER / "secret").read_bytes()
    assert seeds == [seed_of(secret, "", notebook)] * 2
    assert grade(notebook=notebook + b"\n")["seed"] == seed_of(secret, "", notebook + b"\n") != seeds[0]
    assert grade("--student", "ada", notebook=notebook)["seed"] == seed_of(secret, "ada", notebook) != seeds[0]
    assert grade("--student", "ada", "--seed", "7", notebook=notebook)["seed"] == 7


def test_nbgrader_s_steps_grade_with_the_same_seed_as_the_command(grade: Command, course: Path, tmp_path: Path) -> None:
    notebook = notebook_of(solved_cells())
    file = tmp_path / f"{NAME}.ipynb"
    file.write_bytes(notebook)
    settings = Settings(course=str(course), assignment=NAME)
    found = SimpleNamespace()
    for name, seed in (("drawn", None), ("set", 11)):
        prefetch = Prefetch(settings, 1, seed)
        prefetch.begin(file, "ada", [])
        setattr(found, name, prefetch.result(file).report)
        prefetch.close()
    assert found.set.seed == 11
    assert found.drawn.seed == seed_of((course / FOLDER / "secret").read_bytes(), "ada", notebook)
    again = grade("--student", "ada", notebook=notebook)
    assert again["seed"] == found.drawn.seed
    assert again["score"] == without_times(found.drawn).score
