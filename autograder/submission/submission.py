"""A student's notebook put in order: graded cells as the instructor has them, the rest as the student left it."""

from __future__ import annotations

import contextlib
import os
import stat
from bisect import bisect_left
from pathlib import Path

import msgspec

from autograder.course import Assignment, AssignmentError, Course
from autograder.notebook import Cell, NotebookError, RawCell, raw_cells
from autograder.seeds import digest_of
from autograder.text import printable

MAX_BYTES = 64 << 20


class SubmissionError(Exception):
    """The file can't be graded at all; says why."""


class Submission(msgspec.Struct, frozen=True):
    """A submission's cells in the order in which they run, and what was odd."""

    assignment: Assignment
    cells: tuple[Cell, ...]
    problems: tuple[str, ...]
    digest: bytes = b""
    """Of the file's bytes: a seed depends on it."""
    recognised: int = 0
    """How many of the assignment's cells the file has."""

    def position(self, grade_id: str) -> int:
        """Where the cell `grade_id` stands in `cells`."""
        return next(place for place, cell in enumerate(self.cells) if cell.grade_id == grade_id)


def read_submission(path: Path, assignment: Assignment) -> Submission:
    """Read a student's notebook; a link is not followed.

    Raises:
        SubmissionError: it is no ordinary file, too large, or no notebook of this assignment.
    """
    return parse_submission(read_bytes(path, MAX_BYTES), assignment)


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of an ordinary file of at most `limit` bytes; a link is not followed.

    Raises:
        SubmissionError: it is something else.
    """
    try:
        with open(path, "rb", opener=_open_warily) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SubmissionError(f"{path.name} is no ordinary file")
            if status.st_size > limit:
                raise SubmissionError(f"{path.name} is larger than {limit >> 20} MiB")
            return file.read(limit)
    except OSError as error:
        raise SubmissionError(f"{path.name} can't be opened: {error.strerror}") from None


def _open_warily(path: str, flags: int) -> int:
    """Open without following a link, and without waiting at a pipe for somebody to write."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def parse_submission(data: bytes, assignment: Assignment) -> Submission:
    """Put the cells of a student's notebook in order.

    Every graded or locked cell of the instructor's notebook occurs exactly once in the result, in the
    instructor's order; locked ones with the instructor's text. The student's other cells stay where they
    are relative to their neighbours.

    Raises:
        SubmissionError: the bytes are no notebook, or that of another assignment.
    """
    try:
        raws, _ = raw_cells(data)
    except NotebookError as error:
        raise SubmissionError(f"the notebook can't be read: {error}") from None
    other = _other_assignment(raws, assignment)
    if other:
        raise SubmissionError(f"this is the notebook of {other}, and {assignment.name} is graded")
    problems: list[str] = []
    found = _identify(raws, assignment, problems)
    kept = _in_order({place: index for index, place in found.items()}, assignment, problems)
    cells = _assemble(raws, kept, found, assignment, problems)
    return Submission(assignment, tuple(cells), tuple(problems), digest_of(data), len(found))


def empty_submission(assignment: Assignment, problem: str) -> Submission:
    """What stands for a file that can't be read: every cell missing, so that it is graded, with 0 points."""
    return Submission(assignment, tuple(_missing(cell) for cell in assignment.cells), (problem,))


def _other_assignment(raws: list[RawCell], assignment: Assignment) -> str:
    """The assignment of the same course whose test cells the notebook has, where it has none of its own; or ""."""
    names = {raw.nbgrader.get("grade_id") for raw in raws if isinstance(raw.nbgrader.get("grade_id"), str)}
    if not names or names & {cell.grade_id for cell in assignment.tests}:
        return ""
    course = Course(assignment.folder.parent.parent)
    for name in course.names:
        with contextlib.suppress(AssignmentError):
            tests = {cell.grade_id for cell in course.assignment(name).tests}
            if name != assignment.name and 2 * len(names & tests) > len(tests):
                return name
    return ""


def _identify(raws: list[RawCell], assignment: Assignment, problems: list[str]) -> dict[int, int]:
    """Which of the file's cells (by place) is which of the instructor's (by place): by grade_id, then id, then text."""
    by_name = {cell.grade_id: index for index, cell in enumerate(assignment.cells)}
    by_id = {cell.id: index for index, cell in enumerate(assignment.cells) if cell.id}
    by_text = {cell.source.strip(): i for i, cell in enumerate(assignment.cells) if cell.role in ("test", "locked")}
    taken: dict[int, int] = {}
    unnamed: list[int] = []
    for place, raw in enumerate(raws):
        name = raw.nbgrader.get("grade_id")
        index = by_name.get(name) if isinstance(name, str) else None
        if index is None:
            unnamed.append(place)
            if isinstance(name, str) and name:
                problems.append(
                    f"a cell is called {printable(name, 80, instead='?')}, which is none of the assignment's"
                )
        elif index in taken:
            problems.append(
                f"cell {assignment.cells[index].grade_id} is there more than once: the first one counts as it"
            )
        else:
            taken[index] = place
    for place in unnamed:
        raw = raws[place]
        index = by_id.get(raw.id) if raw.id in by_id else by_text.get(raw.source.strip())
        if index is not None and index not in taken:
            taken[index] = place
            problems.append(f"cell {assignment.cells[index].grade_id} had lost its name: recognised all the same")
    return {place: index for index, place in taken.items()}


def _in_order(places: dict[int, int], assignment: Assignment, problems: list[str]) -> set[int]:
    """Of the instructor's cells that were found, the most that already stand in the instructor's order.

    The others were moved, and are put back. It is the longest increasing subsequence of the places.
    """
    indices = sorted(places)
    tails: list[int] = []
    chain: list[int] = []
    before: dict[int, int | None] = {}
    for index in indices:
        length = bisect_left(tails, places[index])
        before[index] = chain[length - 1] if length else None
        tails[length : length + 1] = [places[index]]
        chain[length : length + 1] = [index]
    kept: set[int] = set()
    index_: int | None = chain[-1] if chain else None
    while index_ is not None:
        kept.add(index_)
        index_ = before[index_]
    problems.extend(
        f"cell {assignment.cells[index].grade_id} had been moved: put back" for index in indices if index not in kept
    )
    return kept


def _assemble(
    raws: list[RawCell], kept: set[int], found: dict[int, int], assignment: Assignment, problems: list[str]
) -> list[Cell]:
    places = {index: place for place, index in found.items()}
    cells: list[Cell] = []
    following = 0  # the next of the instructor's cells to be placed

    def place_up_to(end: int) -> None:
        nonlocal following
        for index in range(following, end):
            wanted = assignment.cells[index]
            if index in places:
                cells.append(_right(raws[places[index]], wanted, problems))
            else:
                cells.append(_missing(wanted))
                problems.append(f"cell {wanted.grade_id} was missing: put back")
        following = max(following, end)

    for place, raw in enumerate(raws):
        index = found.get(place)
        if index is None:
            cells.append(_plain(raw))
        elif index in kept:
            # A cell that was lost or moved goes right before the next one that is in its place, so that
            # whatever the student defined in between is defined when a test runs.
            place_up_to(index + 1)
    place_up_to(len(assignment.cells))
    return cells


def _plain(raw: RawCell) -> Cell:
    return Cell(kind=raw.kind, source=raw.source, id=raw.id, attachments=raw.attachments)  # type: ignore[arg-type]


def _right(raw: RawCell, wanted: Cell, problems: list[str]) -> Cell:
    if raw.kind != wanted.kind:
        problems.append(f"cell {wanted.grade_id} had become a {raw.kind} cell: made {wanted.kind} again")
    if wanted.role in ("test", "locked"):
        if raw.source.strip() != wanted.source.strip():
            problems.append(f"cell {wanted.grade_id} had been changed: the instructor's text counts")
        return wanted
    return msgspec.structs.replace(wanted, source=raw.source, attachments=raw.attachments)


def _missing(wanted: Cell) -> Cell:
    if wanted.role in ("test", "locked"):
        return wanted
    note = "# This cell was missing from the submission." if wanted.kind == "code" else ""
    return msgspec.structs.replace(wanted, source=note)
