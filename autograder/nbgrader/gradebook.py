"""A Report's points in nbgrader's gradebook: the rows of one submission, read and written as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    GradeCell,
    Notebook,
    SolutionCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
    new_uuid,
)
from sqlalchemy import select

from autograder import course
from autograder.classroom.versions import Version
from autograder.course import AssignmentError
from autograder.nbgrader import history
from autograder.nbgrader.history import CellChange, Change
from autograder.report import Report
from autograder.terminal import number

_STUB = "raise NotImplementedError"
NO_RESPONSE = "No response."


@dataclass(frozen=True)
class Rows:
    """One submission in the gradebook.

    Attributes:
        submission, notebook: nbgrader's rows for the assignment and for its notebook.
        grades, comments: by the cell's grade_id.
        created: whether the submission wasn't in the gradebook before.
    """

    submission: SubmittedAssignment
    notebook: SubmittedNotebook
    grades: dict[str, Grade]
    comments: dict[str, Comment]
    created: bool


Penalty = Callable[[Rows], float | None]
"""What a late submission loses; called when the scores are in the gradebook."""


def rows_of(gradebook: Any, assignment: str, student: str) -> Rows | None:
    """The rows of a student's submission, or None where there is none. The notebook is called as its assignment."""
    db = gradebook.db
    found = db.execute(
        select(SubmittedAssignment, SubmittedNotebook)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .where(Assignment.name == assignment, Notebook.name == assignment)
        .where(SubmittedAssignment.student_id == student)
    ).one_or_none()
    if found is None:
        return None
    submission, notebook = found
    names = dict(
        db.execute(select(BaseCell.id, BaseCell.name).where(BaseCell.notebook_id == notebook.notebook_id)).all()
    )
    grades = db.scalars(select(Grade).where(Grade.notebook_id == notebook.id))
    comments = db.scalars(select(Comment).where(Comment.notebook_id == notebook.id))
    return Rows(
        submission=submission,
        notebook=notebook,
        grades={names[grade.cell_id]: grade for grade in grades},
        comments={names[comment.cell_id]: comment for comment in comments},
        created=False,
    )


def rows_for(gradebook: Any, assignment: str, student: str, timestamp: datetime | None) -> Rows:
    """The rows of a student's submission, made where there are none, the student's own included; nothing is committed.

    Args:
        gradebook: nbgrader's, open.
        assignment: which must be in the gradebook.
        student: the student's id.
        timestamp: when it was handed in, in UTC; None leaves what the gradebook says.
    """
    rows = rows_of(gradebook, assignment, student)
    if rows is None:
        with gradebook.db.no_autoflush:
            rows = _new_rows(gradebook, assignment, student)
    if timestamp is not None:
        rows.submission.timestamp = timestamp
    return rows


def _new_rows(gradebook: Any, assignment: str, student: str) -> Rows:
    db = gradebook.db
    if db.get(Student, student) is None:
        db.add(Student(id=student))
    assigned = gradebook.find_assignment(assignment)
    # With ids of their own, all rows reach the database together, with their scores.
    submission = SubmittedAssignment(id=new_uuid(), assignment_id=assigned.id, student_id=student)
    db.add(submission)
    own, grades, comments = None, {}, {}
    for notebook in assigned.notebooks:
        submitted = SubmittedNotebook(id=new_uuid(), notebook_id=notebook.id, assignment_id=submission.id)
        db.add(submitted)
        cells = list(_cells(gradebook, notebook.id))
        mine = {name: Grade(cell_id=cell, notebook_id=submitted.id) for cell, name, graded, _ in cells if graded}
        said = {name: Comment(cell_id=cell, notebook_id=submitted.id) for cell, name, _, answer in cells if answer}
        db.add_all([*mine.values(), *said.values()])
        if notebook.name == assignment:
            own, grades, comments = submitted, mine, said
    assert own is not None, "the gradebook's assignment has its own notebook: see require_cells"
    return Rows(submission=submission, notebook=own, grades=grades, comments=comments, created=True)


def _cells(gradebook: Any, notebook: str) -> Iterator[tuple[str, str, bool, bool]]:
    """A notebook's cells in the gradebook: id, name, whether they have a grade, whether they have a comment."""
    for kind, graded, answer in ((GradeCell, True, False), (SolutionCell, False, True), (TaskCell, True, True)):
        for cell, name in gradebook.db.execute(select(kind.id, kind.name).where(kind.notebook_id == notebook)):
            yield cell, name, graded, answer


def require_cells(gradebook: Any, assignment: str, points: dict[str, float]) -> None:
    """Refuse to grade where the gradebook has another version of the assignment.

    Args:
        gradebook: nbgrader's, open.
        assignment: the assignment's name.
        points: of each graded cell of the instructor's notebook, by its grade_id.

    Raises:
        AssignmentError: a cell is missing, or has other points; names the cell and the command that helps.
    """
    found = gradebook.db.execute(
        select(GradeCell.name, GradeCell.max_score)
        .join(Notebook, Notebook.id == GradeCell.notebook_id)
        .join(Assignment, Assignment.id == Notebook.assignment_id)
        .where(Assignment.name == assignment, Notebook.name == assignment)
    )
    known = {name: float(worth) for name, worth in found}
    faults = [
        f"cell {name} has {number(worth)} points in source/, and "
        + (f"{number(known[name])} in the gradebook" if name in known else "isn't in the gradebook")
        for name, worth in points.items()
        if known.get(name) != worth
    ]
    faults += [f"cell {name} is in the gradebook, and not in source/" for name in known if name not in points]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise AssignmentError(f"{assignment}: {faults[0]}{more}: {_remedy(assignment)}")


def _remedy(assignment: str) -> str:
    return f"run nbgrader generate_assignment {assignment} --force, then grade again"


def points_of(assignment: course.Assignment) -> dict[str, float]:
    """The most points of each graded cell, by its grade_id."""
    return {str(cell.grade_id): cell.points for cell in (*assignment.tests, *assignment.written)}


def save_report(
    gradebook: Any, rows: Rows, report: Report, notebook: NotebookNode, version: Version, penalty: Penalty
) -> Change:
    """Write a Report's points and put them on record; nothing is committed. What a person gave stays.

    Args:
        gradebook: nbgrader's, open.
        rows: of the submission.
        report: what the grader found.
        notebook: the graded notebook.
        version: what the Report was made from.
        penalty: what a late submission loses.

    Returns:
        What became another score.

    Raises:
        AssignmentError: the gradebook has another version of the assignment.
    """
    most = {cell.grade_id: cell.max_score for cell in report.cells}
    most |= {cell.grade_id: cell.max_score for cell in report.manual}
    student = rows.submission.student_id
    with gradebook.db.no_autoflush:
        require_cells(gradebook, report.assignment, most)
        before = history.last_grading(gradebook, report.assignment, student)
    graded_before = not rows.created and any(grade.auto_score is not None for grade in rows.grades.values())
    score_before, penalty_before = _total(rows), rows.notebook.late_submission_penalty or 0.0
    other_file = before is None or before.version.notebook != version.notebook or not version.notebook
    cells = []
    for cell in report.cells:
        grade = rows.grades[cell.grade_id]
        old, new = grade.auto_score, min(max(cell.score, 0.0), cell.max_score)
        grade.auto_score = new
        grade.needs_manual_grade = _waits_again(grade, other_file or old != new)
        if not graded_before or old != new:
            cells.append(
                CellChange(
                    grade_id=cell.grade_id,
                    before=old if graded_before else None,
                    after=new,
                    kept=grade.manual_score,
                    checks=history.changed_checks(before, cell),
                )
            )
    for written in report.manual:
        grade = rows.grades[written.grade_id]
        grade.auto_score = None if written.answered else 0.0
        never_graded = written.answered and grade.manual_score is None
        grade.needs_manual_grade = never_graded or _waits_again(grade, other_file)
    if not version.notebook and report.cells:
        # Nothing could be read: a person should see it before the zero stands.
        rows.grades[report.cells[0].grade_id].needs_manual_grade = True
    _save_comments(rows, report, notebook)
    gradebook.db.flush()
    rows.notebook.late_submission_penalty = penalty(rows)
    gradebook.db.flush()
    change = Change(
        student=student,
        before=score_before if graded_before else None,
        after=_total(rows),
        max_score=sum(most.values()),
        why=history.reason(before, version),
        cells=tuple(cells),
        penalty_before=penalty_before,
        penalty=rows.notebook.late_submission_penalty or 0.0,
    )
    history.record(gradebook, report.assignment, report, version, change)
    return change


def _waits_again(grade: Grade, changed: bool) -> bool:
    """Whether a person should look again at points that a person gave: where what they were given for has changed."""
    return grade.manual_score is not None and (changed or bool(grade.needs_manual_grade))


def _save_comments(rows: Rows, report: Report, notebook: NotebookNode) -> None:
    unanswered = {written.grade_id for written in report.manual if not written.answered}
    for cell in notebook.cells:
        details = cell.metadata.get("nbgrader", {})
        if details.get("solution"):
            stub = _STUB in cell.source or details["grade_id"] in unanswered
            comment = rows.comments.get(details["grade_id"])
            if comment is None:
                raise AssignmentError(
                    f"cell {details['grade_id']} isn't in the gradebook: {_remedy(report.assignment)}"
                )
            comment.auto_comment = NO_RESPONSE if stub else None


def _total(rows: Rows) -> float:
    """The score as the gradebook has it, with what is taken off for being late."""
    points = sum(score_of(grade) for grade in rows.grades.values())
    return round(points - (rows.notebook.late_submission_penalty or 0.0), 6)


def score_of(grade: Grade) -> float:
    """A grade's points with extra credit. It is nbgrader's `Grade.score`, without asking the database again."""
    graded = grade.manual_score is not None or grade.auto_score is not None
    return given(grade) + (grade.extra_credit or 0.0) if graded else 0.0


def given(grade: Grade) -> float:
    """A grade's points without extra credit: those that a person gave, else the grader's, else none."""
    points: float | None = grade.auto_score if grade.manual_score is None else grade.manual_score
    return points or 0.0
