"""Makes the folders of a new course and of a new assignment, out of the files in ``templates/``."""

from __future__ import annotations

import re
from pathlib import Path

from autograder.course import PACKAGED, AssignmentError, Course

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_RENAMED = {"gitignore": ".gitignore"}  # under its own name it would hide files of the package from git


def make_course(folder: Path) -> list[Path]:
    """Make a course without assignments in `folder`; returns what was written.

    Raises:
        AssignmentError: one of its files is there already; then nothing is written.
    """
    name = re.sub(r"\W+", "_", folder.resolve().name, flags=re.ASCII).strip("_") or "course"
    texts = {folder / place: text for place, text in _filled("course", name).items()}
    _write_new(texts, folder / "source", folder / "assignments")
    for place in ("source", "assignments"):
        (folder / place).mkdir()
    return list(texts)


def make_assignment(course: Course, name: str, libraries: str) -> list[Path]:
    """Make an assignment that can be graded at once; returns the two folders.

    Args:
        course: where.
        name: the assignment's and its notebook's: letters, digits and _.
        libraries: ``numpy`` or ``torch``, as in ``assignment.toml``.

    Raises:
        AssignmentError: the name won't do, there is such an assignment, or the course has no ``assignments/``.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise AssignmentError(f"{name!r} is no name for an assignment: use letters, digits and _, a letter first")
    if course.hidden == PACKAGED and not PACKAGED.is_relative_to(course.folder):
        raise AssignmentError(f"{course.folder} has no folder assignments/: make it, and run this again")
    folder, hidden = course.source / name, course.hidden / name
    texts = _filled(libraries, name)
    notebook = texts.pop("notebook.ipynb")
    places = {folder / f"{name}.ipynb": notebook, **{hidden / place: text for place, text in texts.items()}}
    _write_new(places, folder, hidden)
    return [folder, hidden]


def _filled(template: str, name: str) -> dict[str, str]:
    """The texts of a template's files, with `name` filled in."""
    files = sorted(path for path in (_TEMPLATES / template).iterdir() if path.is_file())
    return {
        _RENAMED.get(path.name, path.name): path.read_text(encoding="utf-8").replace("{{name}}", name) for path in files
    }


def _write_new(texts: dict[Path, str], *folders: Path) -> None:
    """Write files where none of them, and none of `folders`, was before."""
    there = [path for path in (*folders, *texts) if path.exists()]
    if there:
        raise AssignmentError(f"{there[0]} is there already: nothing was written")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
