"""What learning management systems let a teacher download: all submissions in a zip or a folder, named by their rules.

Every name and every byte in it is a student's. Nothing is unpacked: notebooks are read one at a time, and links,
paths that lead elsewhere and what is too large are refused by name.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from autograder.submission import SubmissionError, read_bytes
from autograder.submission.submission import MAX_BYTES
from autograder.text import printable

System = Literal["plain", "canvas", "moodle"]

MAX_FILES = 100_000
"""In one download."""

_CANVAS = re.compile(
    r"(?:(?P<late>LATE_)?anon_(?P<anonymous>\w+?)|(?P<name>.+?)(?P<late2>_LATE)?_(?P<user>\d+))_(?P<attachment>\d+)_(?P<file>.+)"
)
_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(?P<kind>file|onlinetext)(?:[_/](?P<file>.*))?")


class DownloadError(Exception):
    """The download can't be read at all; says why."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a student's in a download."""

    key: str
    """The system's own number of the student; the file's name where there is no system."""
    name: str
    """The student's name as the system writes it, or ""."""
    late: bool
    file: str
    """The student's name for the file."""
    path: str
    """In the download."""


class Download:
    """A zip or a folder with submissions; a context manager.

    Attributes:
        system: whose rules the names follow.
        found: the students' files.
        refused: what was not looked at and why, a line each.
    """

    def __init__(self, source: Path, system: System | None = None) -> None:
        """
        Args:
            source: a zip, or a folder with the same names in it.
            system: whose rules apply; None lets the names tell: all of them must follow one system's.

        Raises:
            DownloadError: it is neither, or damaged.
        """
        self.refused: list[str] = []
        self._zip: zipfile.ZipFile | None = None
        self._source = source
        try:
            if source.is_dir():
                names = list(self._names_in_folder())
            else:
                self._zip = zipfile.ZipFile(source)
                names = list(self._names_in_zip(self._zip))
        except (OSError, zipfile.BadZipFile) as error:
            raise DownloadError(f"{source} can't be read: {error}") from None
        if len(names) > MAX_FILES:
            raise DownloadError(f"{source} holds more than {MAX_FILES} files")
        self.system: System = system or _system_of(names)
        rule = _RULES[self.system]
        self.found = []
        for name in names:
            one = rule(name)
            if one is None:
                self.refused.append(f"{shown(name)}: not named as {_TITLES[self.system]} names a submission")
            else:
                self.found.append(one)

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def read(self, found: Found) -> bytes:
        """The bytes of a student's file.

        Raises:
            SubmissionError: it is too large or damaged.
        """
        if self._zip is None:
            return read_bytes(self._source / found.path, MAX_BYTES)
        try:
            with self._zip.open(found.path) as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError, ValueError) as error:
            raise SubmissionError(f"{shown(found.path)} can't be read: {error}") from None
        if len(data) > MAX_BYTES:
            raise SubmissionError(f"{shown(found.path)} is larger than {MAX_BYTES >> 20} MiB")
        return data

    def _names_in_zip(self, archive: zipfile.ZipFile) -> Iterator[str]:
        seen = set()
        for member in archive.infolist():
            if member.is_dir():
                continue
            linked = stat.S_ISLNK(member.external_attr >> 16)
            if why := _why_not(member.filename) or ("a link" if linked else ""):
                self.refused.append(f"{shown(member.filename)}: {why}")
            elif _is_rubbish(member.filename):
                continue
            elif member.filename in seen:
                self.refused.append(f"{shown(member.filename)}: there twice, the first one counts")
            else:
                seen.add(member.filename)
                yield member.filename

    def _names_in_folder(self) -> Iterator[str]:
        for place, folders, files in os.walk(self._source):
            inside = Path(place).relative_to(self._source)
            linked = [name for name in folders if Path(place, name).is_symlink()]
            self.refused += [f"{shown(str(inside / name))}: a link" for name in linked]
            for name in sorted(files):
                path = (inside / name).as_posix()
                if _is_rubbish(path):
                    continue
                if not stat.S_ISREG(Path(place, name).lstat().st_mode):
                    self.refused.append(f"{shown(path)}: no ordinary file")
                else:
                    yield path


def shown(name: str) -> str:
    """A name out of a download, fit for a terminal."""
    return printable(name, 200, instead="?")


def _why_not(name: str) -> str:
    """Why a path of a zip isn't looked at, or ""."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "its path leads out of the archive"
    return ""


def _is_rubbish(name: str) -> bool:
    """What systems and desktops put beside the files."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part != ".." for part in parts)


def _system_of(names: list[str]) -> System:
    notebooks = [name for name in names if name.endswith(".ipynb")]
    if notebooks and all(_moodle(name) for name in notebooks):
        return "moodle"
    if notebooks and all(_canvas(name) for name in notebooks):
        return "canvas"
    return "plain"


def _canvas(name: str) -> Found | None:
    match = _CANVAS.fullmatch(PurePosixPath(name).name)
    if match is None:
        return None
    return Found(
        key=match["user"] or f"anon_{match['anonymous']}",
        name=match["name"] or "",
        late=bool(match["late"] or match["late2"]),
        file=match["file"],
        path=name,
    )


def _moodle(name: str) -> Found | None:
    parts = PurePosixPath(name).parts
    # A zip has the students' folders at its top, or inside one folder of its own.
    for start in range(min(2, len(parts))):
        match = _MOODLE.fullmatch("/".join(parts[start:]))
        if match is not None and match["file"]:
            return Found(key=match["number"], name=match["name"], late=False, file=match["file"], path=name)
    return None


def _plain(name: str) -> Found | None:
    """``STUDENT.ipynb``, or ``STUDENT/FILE.ipynb``."""
    path = PurePosixPath(name)
    if path.suffix != ".ipynb" or len(path.parts) > 2:
        return None
    student = path.stem if len(path.parts) == 1 else path.parts[0]
    return Found(key=student, name="", late=False, file=path.name, path=name)


_RULES: dict[System, Callable[[str], Found | None]] = {"plain": _plain, "canvas": _canvas, "moodle": _moodle}
_TITLES = {"plain": "STUDENT.ipynb", "canvas": "Canvas", "moodle": "Moodle"}
