"""Which assignment and which grader made a Report: where both and the notebook are the same, so is the Report."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

import msgspec

import autograder
from autograder.classroom.jobs import Settings
from autograder.course import Assignment

_GRADING = ("authoring", "course", "diagnosis", "grading", "notebook", "report", "sandbox", "seeds", "submission")
"""The rooms of the package that decide what stands in a Report."""
_LIBRARIES = ("numpy", "torch", "torchvision", "ipython", "pytest")
_LENGTH = 16


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a Report was made from, besides the seed."""

    notebook: str
    """The submitted file's SHA-256 in hexadecimal digits; empty where no file could be read."""
    assignment: str
    """Of the instructor's cells with their points, and of every file that grades the assignment or ships with it."""
    grader: str
    """Of the package's own programs and the libraries that they use."""
    settings: str
    """Of limits, isolation and the like."""


def assignment_version(assignment: Assignment) -> str:
    """The version of everything of the course that decides a Report: cells, points, hidden tests, answers, data."""
    digest = hashlib.sha256(msgspec.json.encode(assignment.cells))
    for folder in (assignment.folder, assignment.hidden_folder):
        for path in assignment_files(folder):
            if path != assignment.notebook:  # it counts by its cells: outputs and metadata grade nothing
                _add(digest, str(path.relative_to(folder)), path)
    return digest.hexdigest()[:_LENGTH]


@cache
def grader_version() -> str:
    """The version of what grades: the package's version number, and a digest of its programs and libraries."""
    package = Path(autograder.__file__).parent
    digest = hashlib.sha256()
    for room in _GRADING:
        paths = sorted((package / room).rglob("*.py")) or [package / f"{room}.py"]
        for path in paths:
            _add(digest, str(path.relative_to(package)), path)
    for name in _LIBRARIES:
        digest.update(f"{name} {metadata.version(name)}\n".encode())
    return f"{metadata.version('autograder')}+{digest.hexdigest()[:8]}"


def settings_version(settings: Settings, seed: int | None) -> str:
    """The version of how a class is graded.

    Args:
        settings: of the grading processes.
        seed: the one seed of all submissions, or None where the course's secret decides.
    """
    how = msgspec.structs.asdict(settings)
    del how["course"], how["assignment"]
    return hashlib.sha256(msgspec.json.encode([how, seed], order="deterministic")).hexdigest()[:_LENGTH]


def assignment_files(folder: Path) -> list[Path]:
    """The files of an assignment's folder, without what Python, Jupyter and editors leave there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
    )


def _add(digest: hashlib._Hash, name: str, path: Path) -> None:
    digest.update(f"{name}\0{path.stat().st_size}\0".encode())
    digest.update(path.read_bytes())
