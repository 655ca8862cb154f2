"""Cells of a notebook file, read without believing anything in it."""

from __future__ import annotations

import binascii
import codecs
import re
from typing import Any, Literal

import msgspec

MAX_CELLS = 2_000

Kind = Literal["code", "markdown", "raw"]
Role = Literal["plain", "locked", "solution", "test", "manual"]
"""What a cell is for: the student's own, the instructor's, an answer in code, its test, a written answer."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell, as it will be run and graded."""

    kind: Kind
    source: str
    id: str = ""
    """The notebook format's id for the cell."""
    grade_id: str | None = None
    role: Role = "plain"
    points: float = 0.0
    attachments: dict[str, dict[str, str]] = {}
    """Pictures pasted into a Markdown cell: base64 by name and type."""


class RawCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell as the file has it, with types checked and nothing else."""

    kind: str
    source: str
    id: str
    nbgrader: dict[str, Any]
    attachments: dict[str, dict[str, str]]


class NotebookError(Exception):
    """The bytes are no notebook."""


def raw_cells(data: bytes) -> tuple[list[RawCell], dict[str, Any]]:
    """The cells of a notebook file in format 4, and its metadata.

    Raises:
        NotebookError: it is no such file; the message says why.
    """
    try:
        # Some editors on Windows begin a file with a byte order mark.
        document = msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotebookError(f"it is no JSON ({_short(str(error))})") from None
    if not isinstance(document, dict):
        raise NotebookError("it is JSON, but no notebook")
    cells = document.get("cells")
    if not isinstance(cells, list):
        older = "worksheets" in document
        raise NotebookError(
            "it is in the notebook format 3: open it in JupyterLab and save it" if older else "it has no cells"
        )
    if len(cells) > MAX_CELLS:
        raise NotebookError(f"it has more than {MAX_CELLS} cells")
    metadata = document.get("metadata")
    return [_raw(cell) for cell in cells], metadata if isinstance(metadata, dict) else {}


def _raw(cell: Any) -> RawCell:
    if not isinstance(cell, dict):
        cell = {}
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    identifier = cell.get("id")
    kind = cell.get("cell_type")
    return RawCell(
        kind=kind if kind in ("code", "markdown", "raw") else "raw",
        source=_encodable(source) if isinstance(source, str) else "",
        id=identifier if isinstance(identifier, str) and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", identifier) else "",
        nbgrader=nbgrader if isinstance(nbgrader, dict) else {},
        attachments=_pictures(cell.get("attachments")),
    )


def _pictures(attachments: Any) -> dict[str, dict[str, str]]:
    """Only what is a PNG or JPEG picture in base64, under a plain name."""
    found: dict[str, dict[str, str]] = {}
    if not isinstance(attachments, dict):
        return found
    for name, bundle in attachments.items():
        if not re.fullmatch(r"[\w. -]{1,100}", name) or not isinstance(bundle, dict):
            continue
        for mime, content in bundle.items():
            if isinstance(content, str) and (picture := as_picture(mime, content)):
                found.setdefault(name, {})[mime] = picture
    return found


def as_picture(mime: str, content: str) -> str | None:
    """The image in `content` as base64 without line breaks; None where that is no base64 of a PNG or JPEG.

    Going by `mime` and the first bytes: whether the rest can be shown is for a browser to find out. Pages put what is
    returned into their HTML, so not one character of it may be anything but base64.
    """
    starts = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
    text = "".join(content.split())
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    return text if mime in starts and data.startswith(starts[mime]) else None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
