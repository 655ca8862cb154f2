"""What a run of nbgrader that was killed has left: without this, nbgrader would take it for graded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from autograder.nbgrader.course import KEY


def remove_half_graded(converter: Any) -> None:
    """Remove the autograded folders that a run was writing when it ended, so that their submissions are graded again.

    Args:
        converter: nbgrader's Autograde, which has found the submissions.
    """
    coursedir = converter.coursedir
    for folder in map(Path, converter.assignments):
        student, assignment = folder.parent.name, folder.name
        graded = Path(coursedir.format_path(coursedir.autograded_directory, student, assignment))
        if graded.is_dir() and not graded.is_symlink() and _is_half_graded(graded / f"{assignment}.ipynb"):
            converter.log.warning("Removing what an interrupted run has left: %s", graded)
            shutil.rmtree(graded)


def _is_half_graded(notebook: Path) -> bool:
    """Whether grading `notebook` had begun and didn't end: its scores are saved before its last version is written."""
    try:
        document = msgspec.json.decode(notebook.read_bytes())
        ours = document["metadata"].get(KEY)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return True
    # A notebook without this project's data was graded by something else, and is left alone.
    return ours is not None and "report" not in ours
