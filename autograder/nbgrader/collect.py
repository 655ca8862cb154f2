"""Downloads sorted into nbgrader's ``submitted/``: nothing is guessed, and who is missing is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from nbgrader.api import MissingEntry, Student

from autograder.classroom.downloads import Download, Found, shown
from autograder.classroom.roster import Listed
from autograder.files import write_atomically
from autograder.nbgrader.opened import OpenedCourse
from autograder.submission import SubmissionError, read_bytes
from autograder.submission.submission import MAX_BYTES

_COPY = re.compile(r"(?: ?\(\d+\)|-\d+)?\.ipynb")
_MAX_NAME = 128  # the gradebook's column


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a download."""

    taken: tuple[str, ...]
    """Students whose notebook is now in ``submitted/``."""
    same: tuple[str, ...]
    """Students whose notebook was there already."""
    kept: tuple[str, ...]
    """Students who have another notebook there, which stays."""
    unmatched: tuple[str, ...]
    """Files that belong to nobody for sure, and why, a line each."""
    missing: tuple[str, ...]
    """Students of the class who have handed in nothing."""
    notes: tuple[str, ...] = ()


def collect(
    course: OpenedCourse,
    assignment: str,
    download: Download,
    roster: Mapping[str, Listed] | None = None,
    update: bool = False,
) -> Collected:
    """Copy each student's notebook to where nbgrader looks for it, with the time where that is known.

    Args:
        course: opened.
        assignment: the assignment's name.
        download: what was handed in.
        roster: the class by the system's numbers; files of others are left.
        update: take a notebook in place of another one that is there.
    """
    unmatched = list(download.refused)
    by_key: dict[str, list[Found]] = {}
    for found in download.found:
        by_key.setdefault(found.key, []).append(found)
    taken: list[str] = []
    same: list[str] = []
    kept: list[str] = []
    notes: list[str] = []
    with course.gradebook() as gradebook:
        due = _due(gradebook, assignment)
        people = _People(gradebook.students, download.system, roster)
        for key, files in by_key.items():
            try:
                one = _the_notebook(files, assignment)
                student = people.student(one)
                data = download.read(one)
            except SubmissionError as error:
                unmatched.append(str(error))
                continue
            place = course.submitted(student, assignment) / f"{assignment}.ipynb"
            before = _read(place)
            if before is not None and before != data and not update:
                kept.append(student)
                continue
            (same if before == data else taken).append(student)
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, data)
            when = roster[key].handed_in if roster and key in roster else None
            if when is None and one.late:
                when = None if due is None else due + timedelta(seconds=1)
                told = "timestamp.txt says one second after the due date" if when else "the gradebook has no due date"
                notes.append(f"{student} is late, the download doesn't say by how much: {told}")
            if when is not None:
                write_atomically(place.with_name("timestamp.txt"), f"{when:%Y-%m-%d %H:%M:%S} UTC".encode())
            people.add(gradebook, student, one)
        gradebook.db.commit()
        everybody = {student.id for student in gradebook.students}
    everybody |= {listed.student for listed in (roster or {}).values()}
    missing = sorted(everybody - set(course.submissions(assignment)))
    return Collected(
        taken=tuple(sorted(taken)),
        same=tuple(sorted(same)),
        kept=tuple(sorted(kept)),
        unmatched=tuple(unmatched),
        missing=tuple(missing),
        notes=tuple(notes),
    )


class _People:
    """Whose a file is."""

    def __init__(self, students: list[Any], system: str, roster: Mapping[str, Listed] | None) -> None:
        self._system = system
        self._roster = roster
        self._by_number = {student.lms_user_id: student.id for student in students if student.lms_user_id}
        self._ids = {student.id for student in students}
        self._by_name: dict[str, list[str]] = {}
        for student in students:
            name = f"{student.first_name or ''} {student.last_name or ''}".strip().casefold()
            self._by_name.setdefault(name, []).append(student.id)

    def student(self, found: Found) -> str:
        """The student's id in the gradebook.

        Raises:
            SubmissionError: it can't be told for sure.
        """
        student = self._known(found)
        if student is None:
            raise SubmissionError(f"{shown(found.path)}: {self._why(found)}")
        if not _is_name(student):
            raise SubmissionError(f"{shown(found.path)}: {shown(student)!r} can't be the name of a folder")
        return student

    def add(self, gradebook: Any, student: str, found: Found) -> None:
        """Put a student into the gradebook, and the number of the system with it."""
        row = gradebook.db.get(Student, student)
        if row is None:
            row = Student(id=student)
            listed = (self._roster or {}).get(found.key)
            if listed is not None and ", " in listed.name:
                row.last_name, row.first_name = listed.name.split(", ", 1)
            gradebook.db.add(row)
        if self._system == "canvas" and found.key.isdecimal() and not row.lms_user_id:
            row.lms_user_id = found.key

    def _known(self, found: Found) -> str | None:
        if self._system == "plain":
            return found.key
        if self._roster is not None:
            listed = self._roster.get(found.key)
            return None if listed is None else listed.student
        if self._system == "canvas":
            if found.key in self._by_number:
                return self._by_number[found.key]
            # Without a list of the class Canvas's number is the student's id, unless other ids are in use.
            return found.key if found.key in self._ids or not (self._by_number or self._ids) else None
        named = self._by_name.get(found.name.casefold(), [])
        return named[0] if len(named) == 1 else None

    def _why(self, found: Found) -> str:
        if self._roster is not None:
            return f"number {found.key} is not on the list"
        if self._system == "canvas":
            return f"no student in the gradebook has the LMS id {found.key}: give Canvas's gradebook export as --roster"
        return f"no one student in the gradebook is called {shown(found.name)}: give Moodle's worksheet as --roster"


def _the_notebook(files: list[Found], assignment: str) -> Found:
    """A student's one notebook; where there are several, the one that has the assignment's name.

    Raises:
        SubmissionError: there is none, or it can't be told which.
    """
    notebooks = [file for file in files if file.file.lower().endswith(".ipynb")]
    if not notebooks:
        raise SubmissionError(f"{shown(files[0].path)}: no notebook")
    if len(notebooks) == 1:
        return notebooks[0]
    named = [
        file
        for file in notebooks
        if Path(file.file).name.startswith(assignment) and _COPY.fullmatch(Path(file.file).name[len(assignment) :])
    ]
    if len(named) == 1:
        return named[0]
    raise SubmissionError(f"{', '.join(shown(file.path) for file in notebooks[:4])}: several notebooks of one student")


def _is_name(student: str) -> bool:
    return (
        0 < len(student) <= _MAX_NAME
        and student.isprintable()
        and student == student.strip()
        and not student.startswith((".", "-"))
        and not set('/\\*?[]{}"') & set(student)
    )


def _due(gradebook: Any, assignment: str) -> datetime | None:
    try:
        due: datetime | None = gradebook.find_assignment(assignment).duedate
    except MissingEntry:
        return None
    return due


def _read(path: Path) -> bytes | None:
    try:
        return read_bytes(path, MAX_BYTES)
    except SubmissionError:
        return None
