"""What the service knows, put into nbgrader's gradebook: submissions, scores, written answers and late penalties."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from autograder.files import write_atomically
from autograder.lms.service import tables
from autograder.lms.service.course_facts import CourseFacts
from autograder.lms.service.database import Database, ServiceError
from autograder.lms.service.submissions import Activity, Attempt, activity_by_id, attempts_of, counting, report_of


def export_grades(database: Database, course: CourseFacts, name: str) -> int:
    """Put every student's counting submission of an assignment into the course's gradebook and submitted folder.

    A student's id in nbgrader is the service's id for them: with it, the seeds are the same.

    Returns:
        The number of students.

    Raises:
        ServiceError: the gradebook doesn't know the assignment as it is now.
    """
    from nbgrader.api import Gradebook, MissingEntry

    a, s = tables.activities, tables.submissions
    done = 0
    with (
        database.read() as connection,
        Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook,
    ):
        try:
            gradebook.find_notebook(name, name)
            for id in connection.scalars(select(a.c.id).where(a.c.assignment == name)).all():
                activity = activity_by_id(connection, id)
                assert activity is not None
                for person in connection.scalars(select(s.c.person).where(s.c.activity == id).distinct()).all():
                    attempts = attempts_of(connection, activity, course.max_score(name), course.penalty, person)
                    counts = counting(activity, attempts)
                    if counts is not None:
                        _export(connection, course, gradebook, activity, counts)
                        done += 1
            gradebook.db.commit()
        except MissingEntry as error:
            gradebook.db.rollback()
            raise ServiceError(
                f"the gradebook doesn't know {name} as it is now ({error}): "
                f"run nbgrader generate_assignment --force {name}"
            ) from None
    return done


def _export(connection: Connection, course: CourseFacts, gradebook: Any, activity: Activity, counts: Attempt) -> None:
    p, s, w = tables.people, tables.submissions, tables.written
    person = connection.execute(select(p).where(p.c.id == counts.person)).one()
    name, student = activity.assignment, person.id
    first, _, last = person.name.rpartition(" ")
    gradebook.update_or_create_student(
        student, first_name=first, last_name=last, email=person.email or None, lms_user_id=person.subject
    )
    gradebook.update_or_create_submission(
        name, student, timestamp=datetime.fromtimestamp(counts.received, UTC).replace(tzinfo=None)
    )
    gradebook.db.flush()
    report = report_of(connection, counts.id)
    assert report is not None
    for cell in report.cells:
        grade = gradebook.find_grade(cell.grade_id, name, name, student)
        grade.auto_score = min(max(cell.score, 0.0), cell.max_score)
        grade.needs_manual_grade = False
    marks = {row.cell: row for row in connection.execute(select(w).where(w.c.submission == counts.id))}
    for written in report.manual:
        grade = gradebook.find_grade(written.grade_id, name, name, student)
        mark = marks.get(written.grade_id)
        grade.manual_score = None if mark is None else mark.score
        grade.auto_score = None if written.answered else 0.0
        grade.needs_manual_grade = written.answered and mark is None
        if mark is not None and mark.comment:
            gradebook.find_comment(written.grade_id, name, name, student).manual_comment = mark.comment
    gradebook.find_submission_notebook(name, name, student).late_submission_penalty = counts.penalty or None
    data = connection.scalar(select(s.c.notebook).where(s.c.id == counts.id)) or b""
    folder = course.folder / "submitted" / student / name
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{name}.ipynb", data)
    stamp = datetime.fromtimestamp(counts.received, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    write_atomically(folder / "timestamp.txt", stamp.encode())
