"""The instructor's notebook: which cells are graded, in which order, for how many points, and what is locked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from autograder.submission.cells import Cell, NotebookError, RawCell, Role, raw_cells


class AssignmentError(Exception):
    """The instructor's notebook is missing or can't be graded by; says which cell and why."""


class Assignment(msgspec.Struct, frozen=True):
    """What `source/NAME/NAME.ipynb` fixes."""

    name: str
    folder: Path
    """The folder with the notebook and the files that come with it."""
    cells: tuple[Cell, ...]
    """Every cell that has a grade_id, in order."""
    kernelspec: dict[str, Any]

    @property
    def tests(self) -> tuple[Cell, ...]:
        """The auto-graded cells."""
        return tuple(cell for cell in self.cells if cell.role == "test")

    @property
    def written(self) -> tuple[Cell, ...]:
        """The manually graded cells."""
        return tuple(cell for cell in self.cells if cell.role == "manual")


def read_assignment(source: Path, name: str) -> Assignment:
    """Read `source/name/name.ipynb`.

    Raises:
        AssignmentError: there is no such notebook, or its nbgrader cells contradict each other.
    """
    path = source / name / f"{name}.ipynb"
    try:
        raws, metadata = raw_cells(path.read_bytes())
    except OSError:
        known = sorted(entry.parent.name for entry in source.glob("*/*.ipynb") if entry.stem == entry.parent.name)
        choice = f"; there are {', '.join(known)}" if known else ""
        raise AssignmentError(f"there is no assignment {name}: {path} can't be read{choice}") from None
    except NotebookError as error:
        raise AssignmentError(f"{path}: {error}") from None
    cells = tuple(_cell(raw, path) for raw in raws if raw.nbgrader.get("grade_id"))
    doubled = {cell.grade_id for cell in cells if sum(other.grade_id == cell.grade_id for other in cells) > 1}
    if doubled:
        raise AssignmentError(f"{path}: more than one cell is called {', '.join(sorted(map(str, doubled)))}")
    kernelspec = metadata.get("kernelspec")
    return Assignment(name, path.parent, cells, kernelspec if isinstance(kernelspec, dict) else {})


def _cell(raw: RawCell, path: Path) -> Cell:
    flags = raw.nbgrader
    grade, solution = flags.get("grade") is True, flags.get("solution") is True
    role: Role = "manual" if grade and solution else "test" if grade else "solution" if solution else "locked"
    worth = flags.get("points", 0) if grade else 0
    if not isinstance(worth, int | float) or isinstance(worth, bool) or not 0 <= worth < 1e6:
        raise AssignmentError(f"{path}: cell {flags['grade_id']} has no number of points")
    return Cell(
        kind=raw.kind,  # type: ignore[arg-type]
        source=raw.source,
        id=raw.id,
        grade_id=str(flags["grade_id"]),
        role=role,
        points=float(worth),
    )
