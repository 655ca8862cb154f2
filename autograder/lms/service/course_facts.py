"""What the service needs of the course: its assignments, their points, seeds, and nbgrader's late penalty."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.course import Assignment, AssignmentError, Course
from autograder.seeds import course_secret, key_for


class CourseFacts:
    """The course as the service sees it; assignments are read anew when their notebook has changed."""

    def __init__(self, folder: Path) -> None:
        self._course = Course(folder)
        self._secret, self.note = course_secret(self._course.folder)
        self._read: dict[str, tuple[float, Assignment]] = {}
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """The course's folder."""
        return self._course.folder

    @property
    def names(self) -> tuple[str, ...]:
        """The assignments' names."""
        return self._course.names

    def assignment(self, name: str) -> Assignment:
        """An assignment.

        Raises:
            AssignmentError: it is gone or can't be read.
        """
        if name not in self.names:
            raise AssignmentError(f"there is no assignment {name}")
        changed = (self._course.source / name / f"{name}.ipynb").stat().st_mtime
        with self._lock:
            known = self._read.get(name)
            if known is None or known[0] != changed:
                known = (changed, self._course.assignment(name))
                self._read[name] = known
            return known[1]

    def max_score(self, name: str) -> float:
        """All points of an assignment, written answers included; 0 where it can't be read."""
        try:
            assignment = self.assignment(name)
        except (AssignmentError, OSError):
            return 0.0
        return sum(cell.points for cell in (*assignment.tests, *assignment.written))

    def seed_key(self, assignment: str, person: str) -> bytes:
        """What decides, together with the notebook, the seed of this student's submissions."""
        return key_for(self._secret, assignment, person)

    def penalty(self, person: str, score: float, seconds: float) -> float:
        """What nbgrader's late-submission plugin, as the course's nbgrader_config.py names it, takes off."""
        taken = self._plugin.late_submission_penalty(person, score, seconds)
        return float(taken or 0.0)

    @cached_property
    def _plugin(self) -> Any:
        from nbgrader.preprocessors import AssignLatePenalties
        from traitlets.config import Config
        from traitlets.config.loader import PyFileConfigLoader

        file = self.folder / "nbgrader_config.py"
        config = PyFileConfigLoader(file.name, path=str(file.parent)).load_config() if file.is_file() else Config()
        step = AssignLatePenalties(config=config)
        step.init_plugin()
        return step.plugin_inst
