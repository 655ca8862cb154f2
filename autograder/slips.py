"""An author's slips: what keeps an assignment from being graded as it was meant, each in one line, without grading."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from types import ModuleType

from traitlets.config import PyFileConfigLoader

from autograder.authoring.bank import Bank
from autograder.course import Assignment, AssignmentError, Course, located
from autograder.notebook import Cell

_DEFAULT_ID = re.compile(r"cell-[0-9a-f]{8,}")
"""What nbgrader calls a cell that its author hasn't named."""
_STEP = "autograder.nbgrader.GradeInSandbox"


def slips(course: Course, name: str) -> list[str]:
    """What is wrong with the files of an assignment; each line names the file, and the cell if it is about one.

    Imports the assignment's files, which are the author's own.
    """
    try:
        assignment = course.assignment(name)
    except AssignmentError as error:
        return [str(error)]
    found = [*_links(assignment), *_ids(assignment)]
    for look in (_settings, _tests, _bank):
        try:
            found += look(assignment)
        except AssignmentError as error:
            found.append(str(error))
    return found


def configuration(course: Course) -> str:
    """What is wrong with a course's nbgrader_config.py, or "". Without it nbgrader grades all the same, and wrongly.

    Runs the file, which is the author's own.
    """
    path = course.folder / "nbgrader_config.py"
    if not path.is_file():
        return f"{path} is missing: nbgrader would grade without hidden tests and without a sandbox"
    try:
        steps = PyFileConfigLoader(path.name, path=str(course.folder)).load_config().Autograde.autograde_preprocessors
    except Exception as error:
        return f"{path}: {located(error, course.folder)}"
    if _STEP in steps:
        return ""
    return f"{path}: nbgrader would grade without hidden tests and without a sandbox: it doesn't call configure(c)"


def _links(assignment: Assignment) -> Iterator[str]:
    """Links that lead nowhere, as in a folder that was copied out of its course: nbgrader can't release it."""
    for path in assignment.folder.rglob("*"):
        if path.is_symlink() and not path.exists():
            yield f"{path} is a link to {os.readlink(path)}, which isn't there: copy folders with cp -rL"


def _ids(assignment: Assignment) -> Iterator[str]:
    """Graded cells that still have the ids that nbgrader gave them."""
    for cell in assignment.cells:
        if not _DEFAULT_ID.fullmatch(str(cell.grade_id)):
            continue
        if cell.role == "test":
            yield f"{_place(assignment, cell)}: a test cell's id is test_FUNCTION; this is nbgrader's default"
        elif cell.role == "solution":
            yield f"{_place(assignment, cell)}: a solution cell's id is its function's name; this is nbgrader's default"


def _settings(assignment: Assignment) -> Iterator[str]:
    ids = {cell.grade_id for cell in assignment.cells}
    for name in assignment.settings.replaced_cells:
        if name not in ids:
            yield f"{assignment.hidden_folder / 'assignment.toml'}: {assignment.notebook.name} has no cell {name}"


def _tests(assignment: Assignment) -> Iterator[str]:
    module = assignment.load_hidden_tests()
    cells = {str(cell.grade_id): cell for cell in assignment.tests}
    tested = set()
    for place, name, cell in _marked(module):
        if cell is None:
            yield f"{place}: {name} grades no cell: it has no @grades"
        elif cell in cells:
            tested.add(cell)
        else:
            yield f"{place}: {name} grades the cell {cell}, but {assignment.notebook.name} has no such test cell"
    for name, test_cell in cells.items():
        if name not in tested and not _DEFAULT_ID.fullmatch(name):
            yield f"{_place(assignment, test_cell)}: it has no hidden tests in {assignment.hidden_tests}"


def _marked(module: ModuleType) -> Iterator[tuple[str, str, str | None]]:
    """The tests of a module: file and line, name, and the cell that it grades."""
    for name, value in vars(module).items():
        if name.startswith("test") and callable(value):
            code = getattr(value, "__code__", None)
            place = f"{module.__file__}, line {code.co_firstlineno}" if code else str(module.__file__)
            marks = [mark for mark in getattr(value, "pytestmark", []) if mark.name == "grades"]
            yield place, name, str(marks[0].args[0]) if marks else None


def _bank(assignment: Assignment) -> Iterator[str]:
    bank: Bank = assignment.bank
    for cell in assignment.tests:
        function = assignment.function_of(str(cell.grade_id))
        if function in assignment.functions and not callable(bank.answers.get(function)):
            answers = assignment.hidden_folder / "answers.py"
            yield f"{answers}: it has no right answer to {function}, which the cell {cell.grade_id} grades"


def _place(assignment: Assignment, cell: Cell) -> str:
    return f"{assignment.notebook}, cell {cell.grade_id}"
