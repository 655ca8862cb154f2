"""The service is killed, restarted, and moved to PostgreSQL: nothing is lost, missing or sent twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import FUNCTIONS, NAME, notebook_of, solved_cells
from lti_platform import LINK, running, until
from sqlalchemy import select

from autograder.lms.service import tables

ROOT = Path(__file__).resolve().parent.parent
STUDENTS, SECONDS, KILLS = (int(one) for one in os.environ.get("AUTOGRADER_LOAD", "12,12,3").split(","))
"""The full figures: AUTOGRADER_LOAD=200,120,50."""


def load(*options: str) -> dict[str, object]:
    """What the load tool says."""
    command = [sys.executable, "tools/load_service.py", "--students", str(STUDENTS), "--seconds", str(SECONDS)]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    figures = json.loads(done.stdout)
    assert figures["wrong"] == []
    assert figures["scores_taken"] >= STUDENTS
    return figures


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_missing_or_sent_twice(tmp_path: Path) -> None:
    load("--kills", str(KILLS))


@pytest.mark.slow
def test_a_class_is_taken_quickly_and_graded(tmp_path: Path) -> None:
    figures = load()
    assert figures["submissions"] == figures["scores_posted"] == STUDENTS


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[str]:
    """The URL of a database of its own, in a server of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or shutil.which("runuser") is None:
        reason = "PostgreSQL was NOT tried: it is missing (apt-get install postgresql)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    programs = found[-1].parent
    folder = Path("/tmp") / f"autograder-pg-{os.getpid()}"  # short: a socket's path has little room
    folder.mkdir()
    user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    control = [*user, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-l", str(folder / "log"), "-w"]
    try:
        subprocess.run([*user, str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "a"], **run)  # type: ignore[call-overload]
        subprocess.run([*control, "-o", f"-k {folder} -c listen_addresses=''", "start"], **run)  # type: ignore[call-overload]
        yield f"postgresql+psycopg://a@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stdout=subprocess.DEVNULL, cwd="/")
        shutil.rmtree(folder)


@pytest.mark.slow
def test_the_whole_way_with_postgresql_and_back_from_a_backup(course: Path, tmp_path: Path, postgresql: str) -> None:
    points = sum(FUNCTIONS.values())
    with running(course, tmp_path / "one", NAME, points + 5, database=postgresql) as place:
        ada = place.browser()
        page = ada.hand_in(ada.launch(place.simulator, "ada"), notebook_of(solved_cells()))
        assert "Receipt" in page.text
        until(lambda: "the platform has it" in ada.get(str(page.url)).text)
        assert place.simulator.grade(LINK, "ada") == pytest.approx(points)
        rows = place.service.database.backup(tmp_path / "backup.db")
    with running(course, tmp_path / "two", NAME, pools=0) as place:
        with place.service.database.write() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
        assert place.service.database.restore(tmp_path / "backup.db") == rows
        with place.service.database.read() as connection:
            assert connection.scalar(select(tables.grades.c.score)) == points
