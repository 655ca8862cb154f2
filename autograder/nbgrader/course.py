"""What this project's steps need to know of the nbgrader course they run in."""

from __future__ import annotations

import atexit
import os
from functools import cache
from pathlib import Path
from typing import Any

from autograder.grading import Grader
from autograder.submission import Assignment, read_assignment

SEED_VARIABLE = "AUTOGRADER_SEED"
ISOLATION_VARIABLE = "AUTOGRADER_ISOLATION"


def assignment_of(step: Any, name: str) -> Assignment:
    """The assignment `name` of the course in which `step`, an exporter or a preprocessor of an exporter, runs.

    Raises:
        AssignmentError: there is no such assignment.
    """
    converter = step.parent if hasattr(step.parent, "coursedir") else step.parent.parent
    coursedir = converter.coursedir
    folder = Path(coursedir.format_path(coursedir.source_directory, ".", name))
    return _assignment(folder.resolve().parent, name)


@cache
def _assignment(source: Path, name: str) -> Assignment:
    return read_assignment(source, name)


@cache
def grader_for(source: Path, name: str) -> Grader:
    """The process's one grader for an assignment: nbgrader makes its steps anew for every submission."""
    isolation = os.environ.get(ISOLATION_VARIABLE, "auto")
    if isolation not in ("auto", "inner", "none"):
        raise ValueError(f"{ISOLATION_VARIABLE} takes auto, inner or none, not {isolation}")
    grader = Grader(_assignment(source, name), isolation=isolation)  # type: ignore[arg-type]
    atexit.register(grader.close)
    return grader
