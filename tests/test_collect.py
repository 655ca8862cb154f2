"""`autograder collect`: Canvas's and Moodle's downloads, whose names and bytes are the students', into submitted/."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from test_class import NAME, autograder, new_course, solved

NOTEBOOK = f"{NAME}.ipynb"
CANVAS_ROSTER = """Student,ID,SIS Login ID,Section,ps1 (55)
    Points Possible,,,,25
"Doe, Jane",101,jdoe,A,
"Smith, Bob",102,bsmith,A,
"Lee, Ann",103,alee,A,
"Student, Test",,,A,
"""
MOODLE_ROSTER = """ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung
Teilnehmer/in 41,Jane Doe,jane@uni.example,Zur Bewertung abgegeben,
Teilnehmer/in 42,Bob Smith,bob@uni.example,Zur Bewertung abgegeben,
Teilnehmer/in 43,Ann Lee,ann@uni.example,Keine Abgabe,
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose gradebook has the assignment, with a due date, and no student."""
    folder = new_course(tmp_path_factory.mktemp("collecting"))
    nothing = folder / "nothing"
    nothing.mkdir()
    autograder(folder, "collect", "plain", NAME, str(nothing))
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate=datetime(2026, 1, 15))
    return folder


@pytest.fixture
def course(prepared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    folder.mkdir()
    for name in ("source", "assignments", "nbgrader_config.py", "late.py"):
        (folder / name).symlink_to(prepared / name)
    (folder / "gradebook.db").write_bytes((prepared / "gradebook.db").read_bytes())
    return folder


def archive(folder: Path, *names: str, link: str = "") -> Path:
    """A zip with the solved notebook under each of the names."""
    path = folder / "download.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name in names:
            out.writestr(name, json.dumps(solved()))
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            out.writestr(entry, "/etc/passwd")
    return path


def collected(course: Path) -> set[str]:
    return {path.relative_to(course / "submitted").as_posix() for path in (course / "submitted").glob("*/*/*")}


def test_canvas_download_finds_its_students_on_the_roster(course: Path) -> None:
    names = (f"doejane_101_9001_{NOTEBOOK}", f"smithbob_LATE_102_9002_{NAME}-1.ipynb", "leeann_103_9003_text.html")
    (course / "roster.csv").write_text(CANVAS_ROSTER)
    download = archive(course, *names, f"xu_999_9004_{NOTEBOOK}")
    told = autograder(course, "collect", "canvas", NAME, str(download), "--roster", str(course / "roster.csv"), code=2)
    places = {f"{student}/{NAME}/{NOTEBOOK}" for student in ("jdoe", "bsmith")}
    assert collected(course) == places | {f"bsmith/{NAME}/timestamp.txt"}
    assert (course / "submitted" / "bsmith" / NAME / "timestamp.txt").read_text() == "2026-01-15 00:00:01 UTC"
    assert "1 handed in nothing: alee" in told.output
    assert "leeann_103_9003_text.html: no notebook" in told.output
    assert f"xu_999_9004_{NOTEBOOK}: number 999 is not on the list" in told.output
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_student("jdoe").lms_user_id == "101"
        assert gradebook.find_student("jdoe").last_name == "Doe"


def test_canvas_numbers_are_found_in_the_gradebook_and_never_made_up(course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.add_student("jane", lms_user_id="101")
    download = archive(course, f"doejane_101_9001_{NOTEBOOK}", f"smithbob_102_9002_{NOTEBOOK}")
    told = autograder(course, "collect", "canvas", NAME, str(download), code=2).output
    assert collected(course) == {f"jane/{NAME}/{NOTEBOOK}"}
    assert "no student in the gradebook has the LMS id 102" in told


def test_moodle_download_finds_its_students_in_a_worksheet_of_any_language(course: Path) -> None:
    (course / "worksheet.csv").write_text(MOODLE_ROSTER)
    names = (f"Jane Doe_41_assignsubmission_file/{NOTEBOOK}", f"Bob Smith_42_assignsubmission_file_{NOTEBOOK}")
    download = archive(course, *names, "Xu_44_assignsubmission_file/a.ipynb")
    given = ("--roster", str(course / "worksheet.csv"))
    told = autograder(course, "collect", "moodle", NAME, str(download), *given, code=2).output
    assert collected(course) == {f"{student}@uni.example/{NAME}/{NOTEBOOK}" for student in ("jane", "bob")}
    assert "1 handed in nothing: ann@uni.example" in told
    assert "Xu_44_assignsubmission_file/a.ipynb: number 44 is not on the list" in told


def test_moodle_names_that_two_students_share_are_left(course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for student in ("jane1", "jane2"):
            gradebook.add_student(student, first_name="Jane", last_name="Doe")
        gradebook.add_student("bob", first_name="Bob", last_name="Smith")
    names = (f"Jane Doe_41_assignsubmission_file/{NOTEBOOK}", f"Bob Smith_42_assignsubmission_file/{NOTEBOOK}")
    told = autograder(course, "collect", "moodle", NAME, str(archive(course, *names)), code=2).output
    assert collected(course) == {f"bob/{NAME}/{NOTEBOOK}"}
    assert "no one student in the gradebook is called Jane Doe" in told


def test_attack_paths_and_links_in_a_zip_are_refused(course: Path) -> None:
    names = ("../../evil_104_1_x.ipynb", "/etc/evil_105_1_x.ipynb", "..\\evil_106_1_x.ipynb")
    download = archive(course, *names, link="link_107_1_x.ipynb")
    told = autograder(course, "collect", "canvas", NAME, str(download), code=2).output
    assert not (course / "submitted").exists()
    assert told.count("its path leads out of the archive") == 3
    assert "link_107_1_x.ipynb: a link" in told


def test_attack_student_names_that_are_no_folders_and_escape_sequences_are_refused(course: Path) -> None:
    download = archive(course, "*.ipynb", "-rf.ipynb", "a\x1b[2Jb.ipynb", "{nbgrader_step}.ipynb")
    told = autograder(course, "collect", "plain", NAME, str(download), code=2).output
    assert not (course / "submitted").exists()
    assert told.count("can't be the name of a folder") == 4
    assert "\x1b[2J" not in told


def test_notebook_that_is_there_stays_unless_an_update_is_wanted(course: Path) -> None:
    place = course / "submitted" / "ada" / NAME / NOTEBOOK
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    download = archive(course, "ada.ipynb")
    told = autograder(course, "collect", "plain", NAME, str(download)).output
    assert place.read_text() == "{}"
    assert "other notebooks are in submitted/, and stay (--update takes these): ada" in told
    autograder(course, "collect", "plain", NAME, str(download), "--update")
    assert place.read_text() == json.dumps(solved())


def test_several_notebooks_of_one_student_are_left_unless_one_has_the_assignments_name(course: Path) -> None:
    names = (f"doejane_101_1_{NOTEBOOK}", "doejane_101_2_scratch.ipynb", "lee_102_3_a.ipynb", "lee_102_4_b.ipynb")
    told = autograder(course, "collect", "canvas", NAME, str(archive(course, *names)), code=2).output
    assert collected(course) == {f"101/{NAME}/{NOTEBOOK}"}
    assert "lee_102_3_a.ipynb, lee_102_4_b.ipynb: several notebooks of one student" in told
