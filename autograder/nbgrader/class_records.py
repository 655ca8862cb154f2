"""A graded class out of nbgrader's folders and gradebook: what the class report is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder.course import Assignment
from autograder.nbgrader.course import KEY
from autograder.notebook import NotebookError, RawCell, raw_cells
from autograder.report import Report
from autograder.statistics import ClassRecords, Record, Unreadable
from autograder.submission import SubmissionError, read_bytes

MAX_GRADED = 256 << 20
"""Bytes of a graded notebook, its pictures included."""


class GradebookError(Exception):
    """A course's gradebook or folders can't be used; the message says why and what to do."""


def course_directory(folder: Path) -> CourseDirectory:
    """nbgrader's own view of the course in `folder`, with the settings of its nbgrader_config.py."""
    config = Config()
    if (folder / "nbgrader_config.py").is_file():
        config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    if "root" not in config.CourseDirectory:
        config.CourseDirectory.root = str(folder)
    return CourseDirectory(config=config)


def read_class(coursedir: CourseDirectory, task: Assignment) -> ClassRecords:
    """All that was graded of `task`, by student.

    Raises:
        GradebookError: the gradebook doesn't know the assignment.
    """
    records, unreadable = [], []
    grades = _gradebook(coursedir, task.name)
    for student, path in graded_notebooks(coursedir, task.name):
        try:
            report, sources = _read_graded(path, task)
        except (SubmissionError, NotebookError, msgspec.ValidationError, KeyError, TypeError) as error:
            unreadable.append(Unreadable(student, _reason(error)))
            continue
        known = grades.get(student)
        records.append(
            Record(
                student=student,
                name=known.name if known else "",
                report=report,
                score=known.score if known and known.graded else report.score,
                max_score=known.max_score if known and known.graded else report.max_score,
                penalty=known.penalty if known else 0.0,
                waiting=known.waiting if known else sum(cell.answered for cell in report.manual),
                sources=sources,
            )
        )
    seen = {record.student for record in records} | {entry.student for entry in unreadable}
    return ClassRecords(
        assignment=task.name,
        records=tuple(records),
        unreadable=tuple(unreadable),
        absent=tuple(sorted(set(grades) - seen)),
        stub=_stub(coursedir, task),
    )


def given_code(coursedir: CourseDirectory, task: Assignment) -> list[str]:
    """Code that everybody was given (stubs, visible checks), and the instructor's."""
    cells = [*_cells(task.notebook), *_cells(_released(coursedir, task))]
    return [cell.source for cell in cells if cell.kind == "code"]


class _Known(msgspec.Struct, frozen=True):
    """What the gradebook has of one student."""

    name: str = ""
    graded: bool = False
    score: float = 0.0
    max_score: float = 0.0
    penalty: float = 0.0
    waiting: int = 0


def _gradebook(coursedir: CourseDirectory, assignment: str) -> dict[str, _Known]:
    with open_gradebook(coursedir) as gradebook:
        try:
            gradebook.find_assignment(assignment)
        except MissingEntry:
            raise GradebookError(
                f"the gradebook {coursedir.db_url} knows no assignment {assignment}: grade it first"
            ) from None
        known = {student.id: _Known(_name_of(student)) for student in gradebook.students}
        for submission in gradebook.assignment_submissions(assignment):
            penalty = float(submission.late_submission_penalty or 0.0)
            known[submission.student.id] = _Known(
                name=_name_of(submission.student),
                graded=True,
                score=max(0.0, float(submission.score) - penalty),
                max_score=float(submission.max_score),
                penalty=penalty,
                waiting=sum(never_graded(grade) for notebook in submission.notebooks for grade in notebook.grades),
            )
    return known


def open_gradebook(coursedir: CourseDirectory) -> Any:
    """The course's gradebook, which must be there: nothing is made.

    Raises:
        GradebookError: there is none.
    """
    prefix = "sqlite:///"
    if coursedir.db_url.startswith(prefix) and not Path(coursedir.db_url.removeprefix(prefix)).is_file():
        raise GradebookError(f"there is no gradebook at {coursedir.db_url.removeprefix(prefix)}: grade the class first")
    return Gradebook(coursedir.db_url, coursedir.course_id)


def never_graded(grade: Any) -> bool:
    """Whether a grade has no points yet, from a person or from the grader."""
    return grade.manual_score is None and grade.auto_score is None


def _name_of(student: Any) -> str:
    return " ".join(part for part in (student.first_name, student.last_name) if part)


def graded_notebooks(coursedir: CourseDirectory, assignment: str) -> Iterator[tuple[str, Path]]:
    """Every student with a folder of graded work, and where the notebook lies or would lie."""
    place = Path(coursedir.format_path(coursedir.autograded_directory, "STUDENT", assignment))
    parts = place.parts
    where = len(parts) - 1 - parts[::-1].index("STUDENT")
    above, below = Path(*parts[:where]), Path(*parts[where + 1 :])
    if above.is_dir():
        for folder in sorted(above.iterdir()):
            if (folder / below).is_dir():
                yield folder.name, folder / below / f"{assignment}.ipynb"


def _read_graded(path: Path, task: Assignment) -> tuple[Report, dict[str, str]]:
    """The Report in a graded notebook, and the code of the student's cells."""
    cells, metadata = raw_cells(read_bytes(path, MAX_GRADED))
    report = msgspec.convert(metadata[KEY]["report"], type=Report)
    if report.assignment != task.name:
        raise SubmissionError(f"its Report is one of {report.assignment}")
    names = {str(cell.grade_id) for cell in task.cells if cell.role == "solution"}
    code = {str(cell.nbgrader.get("grade_id")): cell.source for cell in cells if cell.kind == "code"}
    return report, {name: code[name] for name in names & code.keys()}


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError | TypeError):
        return "it has no Report: it was not graded by this program"
    return str(error)


def _released(coursedir: CourseDirectory, task: Assignment) -> Path:
    return Path(coursedir.format_path(coursedir.release_directory, ".", task.name), f"{task.name}.ipynb")


def _stub(coursedir: CourseDirectory, task: Assignment) -> dict[str, str]:
    """What the release has in the students' cells; empty texts where there is no release."""
    released = {str(cell.nbgrader.get("grade_id")): cell.source for cell in _cells(_released(coursedir, task))}
    names = [str(cell.grade_id) for cell in task.cells if cell.role == "solution"]
    return {name: released.get(name, "") for name in names}


def _cells(path: Path) -> list[RawCell]:
    """The cells of one of the course's own notebooks; none where it can't be read."""
    try:
        return raw_cells(path.read_bytes())[0]
    except (OSError, NotebookError):
        return []
