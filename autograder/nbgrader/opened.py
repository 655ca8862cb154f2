"""A course opened as nbgrader's own commands open it: with its nbgrader_config.py, its folders and its gradebook."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGrader
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException

from autograder.course import AssignmentError


class OpenedCourse:
    """A course's folder, and what its nbgrader_config.py says.

    Attributes:
        app: nbgrader's application object, which holds the configuration.
        coursedir: nbgrader's names of folders and of the gradebook.
    """

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            AssignmentError: the configuration can't be read.
        """
        NbGrader.clear_instance()
        with _inside(folder):
            self.app = NbGrader(log_level=logging.ERROR)
            try:
                self.app.initialize([], root=str(folder))
            except SystemExit:
                raise AssignmentError(f"{folder / 'nbgrader_config.py'} can't be used") from None
        self.coursedir: Any = self.app.coursedir
        self.folder = folder

    def step(self, kind: Any) -> Any:
        """One of nbgrader's configurable objects, as nbgrader would make it."""
        return kind(parent=self.app)

    @contextlib.contextmanager
    def gradebook(self) -> Iterator[Any]:
        """The gradebook, open."""
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            yield gradebook

    def submitted(self, student: str, assignment: str) -> Path:
        """Where a student's submission of an assignment is."""
        return self._place(self.coursedir.submitted_directory, student, assignment)

    def autograded(self, student: str, assignment: str) -> Path:
        """Where a student's graded submission of an assignment is."""
        return self._place(self.coursedir.autograded_directory, student, assignment)

    def submissions(self, assignment: str) -> dict[str, Path]:
        """The folders of all submissions of an assignment, by the student, sorted."""
        step = self.coursedir.submitted_directory
        pattern = re.compile(self.coursedir.format_path(step, "(?P<student>[^/]+)", assignment, escape=True))
        places = Path("/").glob(str(self.submitted("*", assignment)).lstrip("/"))
        found = ((pattern.fullmatch(str(place)), place) for place in places)
        return {match["student"]: place for match, place in sorted(found, key=lambda pair: pair[1]) if match}

    @property
    def permissions(self) -> int:
        """Of the files in ``autograded/``."""
        return int(str(Autograde(coursedir=self.coursedir, parent=self.app).permissions), 8)

    def knows(self, assignment: str) -> bool:
        """Whether an assignment is in the gradebook."""
        with self.gradebook() as gradebook:
            try:
                gradebook.find_notebook(assignment, assignment)
            except MissingEntry:
                return False
        return True

    def register(self, assignment: str) -> bool:
        """Put an assignment into the gradebook if it isn't there, as nbgrader generate_assignment does.

        Nothing is released. Returns whether it was missing.

        Raises:
            AssignmentError: nbgrader can't do it.
        """
        if self.knows(assignment):
            return False
        kept = self.coursedir.release_directory, self.coursedir.assignment_id
        # Not below the course: what is made there is thrown away.
        with tempfile.TemporaryDirectory() as folder, _inside(self.folder):
            self.coursedir.release_directory, self.coursedir.assignment_id = folder, assignment
            try:
                GenerateAssignment(coursedir=self.coursedir, parent=self.app).start()
            except NbGraderException:
                raise AssignmentError(
                    f"{assignment} isn't in the gradebook: run nbgrader generate_assignment {assignment} --force"
                ) from None
            finally:
                self.coursedir.release_directory, self.coursedir.assignment_id = kept
        return True

    def _place(self, step: str, student: str, assignment: str) -> Path:
        return Path(self.coursedir.format_path(step, student, assignment))


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
