"""Grades on their way to Canvas and Moodle: nbgrader's own command, round trips, and what must never happen."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NAME
from nbgrader.api import Gradebook
from other_gradebooks import Canvas, Moodle

from autograder.nbgrader.canvas import edited_table
from autograder.nbgrader.grades_out import GradesError, Points, Table, matched, read_table, rounded
from autograder.nbgrader.moodle import edited_worksheet, gradebook_rows


def table_of(data: bytes, folder: Path) -> Table:
    path = folder / "downloaded.csv"
    path.write_bytes(data)
    return read_table(path)


def points(student: str, score: float, **more: object) -> Points:
    return Points(student=student, score=score, max_score=20.0, **more)  # type: ignore[arg-type]


@pytest.fixture
def canvas() -> Canvas:
    people = {101: ('Doe, "Jane"', "jd1"), 102: ("Roe; Ann", "ar2"), 103: ("Poe, Eva", "ep3"), 104: ("Moe, X", "mx4")}
    grades = {7: {102: "11", 103: "EX"}, 8: {101: "3.50", 104: "1.25"}}
    return Canvas(people, {7: ("Gradient descent", 20.0), 8: ("Other", 5.0)}, grades)


@pytest.fixture
def moodle() -> Moodle:
    people = {
        11: ("Jane Doe", "jane@uni.example", "jd1"),
        12: ('Ann "A" Roe', "ann@uni.example", "ar2"),
        13: ("Eva, Poe", "eva@uni.example", "ep3"),
    }
    return Moodle(people, 20.0, grades={13: 9.0}, comments={12: "Well,\ndone"})


@pytest.mark.parametrize(
    ("delimiter", "mark", "comma"), [(",", False, False), (",", True, False), (";", False, True), (";", True, True)]
)
def test_canvas_takes_the_grades_and_nothing_else_changes(
    canvas: Canvas, tmp_path: Path, delimiter: str, mark: bool, comma: bool
) -> None:
    table = table_of(canvas.export(delimiter, mark, comma), tmp_path)
    graded = [points("jd1", 12.345), points("ar2", 0.0), points("ep3", 20.0), points("gone", 3.0)]
    edited, found = edited_table(table, graded, "Gradient descent")
    assert {place: entry.student for place, entry in found.items()} == {2: "jd1", 3: "ar2", 4: "ep3"}
    changes = canvas.take(table.encoded(edited))
    assert changes == {(7, 101): ("", "12.35"), (7, 102): ("11", "0")}
    assert canvas.made == []
    assert canvas.grades[8] == {101: "3.50", 104: "1.25"}


def test_a_student_without_a_grade_keeps_the_one_in_canvas(canvas: Canvas, tmp_path: Path) -> None:
    table = table_of(canvas.export(), tmp_path)
    edited, _ = edited_table(table, [points("jd1", 1.0)], "7")
    assert canvas.take(table.encoded(edited)) == {(7, 101): ("", "1")}
    assert canvas.grades[7][102] == "11"


def test_a_column_that_canvas_does_not_have_is_refused_and_none_is_made(canvas: Canvas, tmp_path: Path) -> None:
    table = table_of(canvas.export(), tmp_path)
    with pytest.raises(GradesError, match=r"no assignment ps9.*Gradient descent \(7\); Other \(8\)"):
        edited_table(table, [points("jd1", 1.0)], "ps9")


def test_other_points_in_canvas_are_refused_or_converted(canvas: Canvas, tmp_path: Path) -> None:
    canvas.assignments[7] = ("Gradient descent", 100.0)
    table = table_of(canvas.export(), tmp_path)
    with pytest.raises(GradesError, match="100 points for it and the gradebook 20"):
        edited_table(table, [points("jd1", 1.0)], "7")
    edited, _ = edited_table(table, [points("jd1", 1.5)], "7", rescale=True)
    assert canvas.take(table.encoded(edited)) == {(7, 101): ("", "7.5")}


def test_one_kind_of_id_decides_whose_row_it_is() -> None:
    mixed = [points("102", 1.0, lms_user_id="101"), points("103", 2.0, lms_user_id="102"), points("7", 3.0)]
    rows = {1: ["101", "102"], 2: ["102", "103"], 3: ["103", "999"]}
    with pytest.raises(GradesError, match="two ways"):
        matched(rows, mixed)
    found = matched(rows, [*mixed, points("x", 4.0, lms_user_id="103")])
    assert {place: entry.student for place, entry in found.items()} == {1: "102", 2: "103", 3: "x"}
    with pytest.raises(GradesError, match="more than one row"):
        matched({1: ["a"], 2: ["A"]}, [points("a", 1.0)])
    assert matched({1: ["Jane Doe"]}, [points("jd1", 1.0)]) == {}


@pytest.mark.parametrize("german", [False, True])
def test_moodle_s_worksheet_takes_the_grades_and_keeps_the_comments(
    moodle: Moodle, tmp_path: Path, german: bool
) -> None:
    moodle.german = german
    table = table_of(moodle.worksheet(), tmp_path)
    edited, found, notes = edited_worksheet(table, [points("jd1", 12.345), points("ar2", 21.5)])
    assert {place: entry.student for place, entry in found.items()} == {1: "jd1", 2: "ar2"}
    assert moodle.take_worksheet(table.encoded(edited)) == 2
    assert moodle.grades == {11: 12.35, 12: 20.0, 13: 9.0}
    assert moodle.comments[12] == "Well,\ndone"
    assert len(notes) == 1
    assert "21.5 of 20" in notes[0]


def test_a_participant_s_number_is_no_student_s_id_where_the_file_has_ids(moodle: Moodle, tmp_path: Path) -> None:
    moodle.people = {11: ("Jane", "j@uni.example", "12"), 12: ("Ann", "a@uni.example", "13"), 14: ("Eva", "", "15")}
    table = table_of(moodle.worksheet(), tmp_path)
    _, found, _ = edited_worksheet(table, [points("12", 1.0), points("14", 2.0)])
    assert {table.rows[place][0]: entry.student for place, entry in found.items()} == {"Participant 11": "12"}


def test_blind_marking_goes_by_the_participant_s_number(moodle: Moodle, tmp_path: Path) -> None:
    table = table_of(moodle.worksheet(), tmp_path)
    rows = [[row[0], *row[4:]] for row in table.rows]
    blind = Table(rows, table.delimiter, table.marked, table.line_end)
    _, found, _ = edited_worksheet(blind, [points("12", 1.0), points("x", 2.0)])
    assert {place: entry.student for place, entry in found.items()} == {2: "12"}


def test_what_is_no_worksheet_is_refused(moodle: Moodle, canvas: Canvas, tmp_path: Path) -> None:
    with pytest.raises(GradesError, match="no offline grading worksheet"):
        edited_worksheet(table_of(canvas.export(), tmp_path), [points("jd1", 1.0)])
    with pytest.raises(GradesError, match="no gradebook of Canvas's"):
        edited_table(table_of(moodle.worksheet(), tmp_path), [points("jd1", 1.0)], "7")
    moodle.most = 100.0
    with pytest.raises(GradesError, match=r"100\.00 points for it and the gradebook 20"):
        edited_worksheet(table_of(moodle.worksheet(), tmp_path), [points("jd1", 1.0)])
    scale = table_of(moodle.worksheet().replace(b"100.00", b"Poor, Good"), tmp_path)
    with pytest.raises(GradesError, match="scales are not supported"):
        edited_worksheet(scale, [points("jd1", 1.0)])


def test_moodle_s_gradebook_takes_all_rows_or_none(moodle: Moodle) -> None:
    graded = [points("jd1", 7.125), points("0", 3.0), points("ar2", 20.0, email="ann@uni.example")]
    rows, without = gradebook_rows(graded, "id", "ps1")
    assert without == ["0"]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    moodle.take_gradebook(out.getvalue().encode(), "Student id")
    assert moodle.grades == {11: 7.13, 12: 20.0, 13: 9.0}
    rows, without = gradebook_rows(graded, "email", "ps1")
    assert (rows[1:], without) == ([["ann@uni.example", "20"]], ["jd1", "0"])
    formula, without = gradebook_rows([points("x", 1.0, email="=cmd()@uni.example")], "email", "ps1")
    assert (formula[1:], without) == ([], ["x"])
    with pytest.raises(GradesError, match="more than one"):
        gradebook_rows([points("a", 1.0, email="e@x"), points("b", 1.0, email="E@x")], "email", "ps1")


@pytest.mark.parametrize(
    ("score", "text"), [(0.0, "0"), (20.0, "20"), (2.675, "2.68"), (1.005, "1.01"), (100.0, "100"), (0.1 + 0.2, "0.3")]
)
def test_points_have_two_decimals_with_halves_up(score: float, text: str) -> None:
    assert rounded(score) == text


@pytest.mark.parametrize(
    ("data", "problem"), [(b"\xff\xfe\x00", "UTF-8"), (b"just a line\nand another, one", "no table"), (b"", "no table")]
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(GradesError, match=problem):
        table_of(data, tmp_path)


# --- with nbgrader's own command -----------------------------------------------------------------------------------


def export(course: Path, exporter: str, *options: str, code: int = 0) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "nbgrader", "export", f"--exporter=autograder.nbgrader.{exporter}", *options]
    done = subprocess.run(command, cwd=course, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_nbgrader_export_to_moodle_with_the_feedback_pages(graded_class: Path, tmp_path: Path) -> None:
    course = Path(shutil.copytree(graded_class, tmp_path / "course"))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for grade in gradebook.find_submission_notebook(NAME, NAME, "s0002").grades:
            grade.manual_score, grade.needs_manual_grade = 0.25, False
        for grade in gradebook.find_submission_notebook(NAME, NAME, "s0003").grades:
            if grade.auto_score is None:
                grade.manual_score, grade.needs_manual_grade = 1.0, False
        gradebook.db.commit()
        expected = {name: gradebook.find_submission(NAME, name).score for name in ("s0002", "s0003")}
    page = course / "feedback" / "s0003" / NAME / f"{NAME}.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>feedback</p>")
    moodle = Moodle({place: (f"S {place}", "", f"s{place:04}") for place in range(1, 13)}, 25.0)
    (course / "sheet.csv").write_bytes(moodle.worksheet())
    options = ("--MoodleWorksheetExporter.downloaded=sheet.csv", f"--assignment={NAME}", "--to=out.csv")
    said = export(course, "MoodleWorksheetExporter", *options)
    assert "Left out, because a person has to look" in said
    assert "s0001" in said
    moodle.take_worksheet((course / "out.csv").read_bytes())
    moodle.take_zip((course / "out.zip").read_bytes())
    assert {2: expected["s0002"], 3: expected["s0003"]}.items() <= moodle.grades.items()
    assert 1 not in moodle.grades
    assert moodle.pages == {3: {f"{NAME}.html": b"<p>feedback</p>"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exporter", "options", "problem"),
    [
        ("CanvasExporter", ("--to=out.csv",), "name the file that Canvas's gradebook exported"),
        (
            "CanvasExporter",
            ("--CanvasExporter.downloaded=sheet.csv", "--to=sheet.csv"),
            "overwrite the downloaded file",
        ),
        ("MoodleWorksheetExporter", ("--MoodleWorksheetExporter.downloaded=gone.csv",), "gone.csv can't be read"),
        ("MoodleGradebookExporter", ("--assignment=ps9",), "knows no assignment ps9"),
        (
            "MoodleGradebookExporter",
            ("--to=gone/out.csv", "--MoodleGradebookExporter.incomplete=True"),
            "can't be written",
        ),
    ],
)
def test_nbgrader_export_says_what_is_wrong(
    graded_class: Path, tmp_path: Path, exporter: str, options: tuple[str, ...], problem: str
) -> None:
    course = Path(shutil.copytree(graded_class, tmp_path / "course"))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for grade in gradebook.find_submission_notebook(NAME, NAME, "s0002").grades:
            grade.manual_score, grade.needs_manual_grade = 0.25, False
        gradebook.db.commit()
    assert problem in export(course, exporter, *options, code=1)
