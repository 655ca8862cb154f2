"""The folder that a student handed in, as `nbgrader autograde` sees it: its notebook, and when it was handed in."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import parse_utc

from autograder.files import write_atomically
from autograder.submission import SubmissionError, read_bytes

TIMESTAMP = "timestamp.txt"
_MAX_TIMESTAMP = 100
_PATTERN = re.compile(r"[*?[]")


class HandedIn(CourseDirectory):
    """nbgrader's course, but that it copies nothing out of the folder of a submission.

    By itself nbgrader follows links, waits for pipes, and copies whatever else a student has put there. The files that
    come with the assignment aren't copied either: grading has its own.
    """

    def get_existing_timestamp(self, dest_path: str) -> datetime | None:
        """When a submission was handed in; None, and a warning, where the file is no time."""
        when, _, note = timestamp_of(Path(dest_path))
        if note:
            self.log.warning("%s: %s", dest_path, note)
        return when


def guard(converter: Any) -> None:
    """Let nbgrader's Autograde copy nothing out of submissions, which it has found and not yet begun to grade."""
    before = converter.coursedir
    known = {name: getattr(before, name) for name in before.trait_names(config=True)}
    converter.coursedir = HandedIn(parent=before.parent, **{**known, "ignore": ["*", ".*"]})
    for folder in [folder for folder in converter.assignments if _PATTERN.search(folder)]:
        # What nbgrader leaves out it finds by pattern: it would copy everything that lies there.
        converter.log.error("Not graded: the name of the folder %s has *, ? or [ in it: rename it", folder)
        del converter.assignments[folder]


def timestamp_of(folder: Path) -> tuple[datetime | None, str, str]:
    """When what lies in `folder` was handed in, in UTC; the text that says so; and what is wrong with it.

    None and "" where there is no such file, or it says no time.
    """
    path = folder / TIMESTAMP
    if not os.path.lexists(path):
        return None, "", ""
    try:
        text = read_bytes(path, _MAX_TIMESTAMP).decode().strip()
        return parse_utc(text), text, ""
    except (SubmissionError, ValueError, OverflowError, TypeError, AttributeError):
        return None, "", f"{path.name} says no time that can be read: it doesn't count as late"


def put_timestamp(folder: Path, text: str, permissions: int) -> None:
    """Keep when it was handed in beside the graded notebook, where formgrader compares it; without `text`, nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    if text:
        write_atomically(folder / TIMESTAMP, text.encode(), permissions)
    else:
        (folder / TIMESTAMP).unlink(missing_ok=True)
