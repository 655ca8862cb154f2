"""An author's slips: each is told in one line that names the file and the cell, and none ends in a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course import Course
from autograder.doctor import examine_course
from autograder.scaffold import make_assignment, make_course

Break = Callable[[Path, Path], None]
"""Breaks something, given the folder with the hidden files and the notebook."""


def write(name: str, text: str) -> Break:
    return lambda hidden, _: (hidden / name).write_text(text) and None


def replace(name: str, old: str, new: str) -> Break:
    def edit(hidden: Path, _: Path) -> None:
        text = (hidden / name).read_text()
        assert old in text
        (hidden / name).write_text(text.replace(old, new))

    return edit


def remove(name: str) -> Break:
    return lambda hidden, _: (hidden / name).unlink()


def renamed(old: str, new: str) -> Break:
    def edit(_: Path, notebook: Path) -> None:
        document: dict[str, Any] = json.loads(notebook.read_text())
        for cell in document["cells"]:
            if cell["metadata"]["nbgrader"]["grade_id"] == old:
                cell["metadata"]["nbgrader"]["grade_id"] = new
        notebook.write_text(json.dumps(document))

    return edit


def unmarked(hidden: Path, _: Path) -> None:
    path = hidden / "hidden_tests.py"
    path.write_text(path.read_text() + "\n\ndef test_forgotten(student):\n    pass\n")


TESTS, ANSWERS, TOML, BANK = "hidden_tests.py", "answers.py", "assignment.toml", "misconceptions.py"

SLIPS: dict[str, tuple[Break, list[str], bool]] = {
    "no settings": (remove(TOML), ["x/assignment.toml is missing"], True),
    "settings that say something else": (write(TOML, 'libraries = "pandas"\n'), ["x/assignment.toml", "pandas"], True),
    "settings without libraries": (write(TOML, ""), ["x/assignment.toml", "libraries"], True),
    "settings that are no TOML": (write(TOML, "libraries"), ["x/assignment.toml"], True),
    "a replaced cell that isn't there": (
        write(TOML, 'libraries = "numpy"\nreplaced_cells = ["story"]\n'),
        ["x/assignment.toml", "no cell story"],
        False,
    ),
    "no hidden tests": (remove(TESTS), ["x/hidden_tests.py is missing"], True),
    "no right answers": (remove(ANSWERS), ["x/answers.py is missing"], True),
    "a syntax error in the hidden tests": (
        replace(TESTS, "rng):\n", "rng)\n"),
        ["x/hidden_tests.py, line 7: SyntaxError"],
        True,
    ),
    "a syntax error in the misconceptions": (
        replace(BANK, "wrong = ", "wrong = = "),
        ["x/misconceptions.py, line 5: SyntaxError"],
        True,
    ),
    "a module that isn't there": (
        replace(TESTS, "from autograder.authoring", "import nowhere\nfrom autograder.authoring"),
        ["x/hidden_tests.py, line 3: ModuleNotFoundError: No module named 'nowhere'"],
        True,
    ),
    "a grade id that no cell has": (
        replace(TESTS, '@grades("test_mean_square")', '@grades("test_mean_sqare")'),
        ["x/hidden_tests.py, line 14: test_mean_square_keeps_x grades the cell test_mean_sqare", "x.ipynb has no such"],
        False,
    ),
    "a test without a cell": (unmarked, ["x/hidden_tests.py, line 23: test_forgotten", "no @grades"], False),
    "no right answer to a graded function": (
        replace(ANSWERS, "def mean_square(", "def mean_of_squares("),
        ["x/misconceptions.py: mean_square.not_averaged", "x/answers.py has no function mean_square"],
        True,
    ),
    "an edit that no longer applies": (
        replace(ANSWERS, "np.mean(x**2)", "(x**2).mean()"),
        ["x/misconceptions.py: mean_square.not_averaged replaces 'np.mean'", "nowhere"],
        True,
    ),
    "a misconception named twice": (
        replace(BANK, '"square_of_the_mean"', '"not_averaged"'),
        ["x/misconceptions.py: there is more than one mean_square.not_averaged"],
        True,
    ),
}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course with one assignment, x, in the working folder."""
    make_course(tmp_path / "course")
    course = Course(tmp_path / "course")
    make_assignment(course, "x", "numpy")
    monkeypatch.chdir(course.folder)
    return course


def spoil(course: Course, breaks: Break) -> None:
    breaks(course.hidden / "x", course.source / "x" / "x.ipynb")


def command(*line: str) -> tuple[int, list[str]]:
    """Run a command: its exit status, and what it printed."""
    done = CliRunner().invoke(app, line, env={"COLUMNS": "300"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    return done.exit_code, done.output.strip().splitlines()


def examined(course: Course) -> list[str]:
    """What `autograder doctor` finds wrong with the course."""
    console = Console(record=True, quiet=False, width=300, file=open("/dev/null", "w"))  # noqa: SIM115
    sound = examine_course(console, course)
    lines = [line for line in console.export_text().splitlines() if line.startswith("✗")]
    assert sound == (not lines)
    return lines


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_in_one_line_that_names_the_place(course: Course, slip: str) -> None:
    breaks, told, stops_grading = SLIPS[slip]
    spoil(course, breaks)
    code, lines = command("audit", "x")
    assert (code, len(lines)) == (2, 1), lines
    for words in told:
        assert words in lines[0]
    (found,) = examined(course)
    assert found.removeprefix("✗ ") == lines[0].removeprefix("autograder: ")
    if stops_grading:
        code, lines = command("grade", "x", str(course.source / "x" / "x.ipynb"), "--course", ".")
        assert (code, len(lines)) == (2, 1), lines
        assert told[0] in lines[0]


def test_a_graded_cell_without_hidden_tests_is_named(course: Course) -> None:
    spoil(course, renamed("test_mean_square", "test_mean_cube"))
    code, lines = command("audit", "x")
    assert code == 2
    assert any("x.ipynb, cell test_mean_cube: it has no hidden tests" in line for line in lines)
    assert len(examined(course)) == len(lines)


def test_ids_that_nbgrader_made_up_are_named(course: Course) -> None:
    spoil(course, replace(TESTS, "test_mean_square", "cell-5cf0a1b2c3d4e5f6"))
    spoil(course, replace(TESTS, "def cell-5cf0a1b2c3d4e5f6", "def test_mean_square"))
    spoil(course, renamed("test_mean_square", "cell-5cf0a1b2c3d4e5f6"))
    spoil(course, renamed("mean_square", "cell-0123456789abcdef"))
    code, lines = command("audit", "x")
    assert code == 2
    assert "x.ipynb, cell cell-0123456789abcdef: a solution cell's id is its function's name" in lines[0]
    assert "x.ipynb, cell cell-5cf0a1b2c3d4e5f6: a test cell's id is test_FUNCTION" in lines[1]
    assert len(lines) == len(examined(course)) == 2


def test_an_assignment_that_is_not_there_is_named_with_those_that_are(course: Course) -> None:
    code, lines = command("audit", "y")
    assert code == 2
    assert "there is no assignment y" in lines[0]
    assert lines[0].endswith("there are x")


RAISES = replace(TESTS, "    call = student", "    rng.nothing\n    call = student")
DEMANDS = replace(
    TESTS, "    call = student", '    assert len(x) == 5, "five numbers are demanded"\n    call = student'
)


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (
            RAISES,
            "hidden test mean_square_keeps_x of cell test_mean_square itself failed: hidden_tests.py, line 18: Attr",
        ),
        (DEMANDS, "cell test_mean_square, mean_square_keeps_x: five numbers are demanded"),
    ],
    ids=["a hidden test that raises", "a solution that loses points"],
)
def test_the_audit_grades_the_solution_first_and_says_which_check_fails(
    course: Course, breaks: Break, told: str
) -> None:
    spoil(course, breaks)
    code, lines = command("audit", "x")
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(f"autograder: {course.source / 'x' / 'x.ipynb'}: {told}")


def test_an_assignment_without_a_bank_is_audited_and_says_so(course: Course) -> None:
    for name in (BANK, "unusual.py"):
        spoil(course, remove(name))
    code, lines = command("audit", "x")
    assert code == 0
    assert "x: no misconceptions yet; 0 of 0 right answers marked down" in lines
    assert examined(course) == []


def test_the_doctor_ends_with_status_2_where_a_slip_is_in_the_course(course: Course) -> None:
    spoil(course, remove(ANSWERS))
    code, lines = command("doctor")
    assert code == 2
    assert any("x/answers.py is missing" in line for line in lines)


def test_the_doctor_sees_a_configuration_that_leaves_grading_to_nbgrader_alone(course: Course) -> None:
    (course.folder / "nbgrader_config.py").write_text("c = get_config()\n")
    (found,) = examined(course)
    assert "nbgrader would grade without hidden tests and without a sandbox" in found
    (course.folder / "nbgrader_config.py").unlink()
    (found,) = examined(course)
    assert found.startswith(f"✗ {course.folder / 'nbgrader_config.py'} is missing")


def test_the_doctor_sees_a_link_that_was_copied_out_of_its_course(course: Course) -> None:
    (course.source / "x" / "helper.py").symlink_to("../helper.py")
    (found,) = examined(course)
    assert "helper.py is a link to ../helper.py, which isn't there: copy folders with cp -rL" in found
