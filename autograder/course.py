"""Course and Assignment: the objects that mean "this course" and "this assignment", in any folder.

A course is a folder with ``source/NAME/`` (what nbgrader releases) and ``assignments/NAME/`` (what stays secret):
hidden tests, right answers, misconceptions, unusual right answers, hidden data and a short ``assignment.toml``.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
import traceback
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec

from autograder.authoring.bank import Bank, BankError, answers_bank
from autograder.authoring.samples import Samples
from autograder.notebook import Cell, NotebookError, RawCell, Role, raw_cells

PACKAGED = Path(__file__).resolve().parent / "assignments"
"""The assignments that come with this package; those of a course that has no ``assignments/`` of its own."""

_TEST = "test_"


class AssignmentError(Exception):
    """An assignment is missing or can't be graded; the message names the file and the cell."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``assignment.toml`` says."""

    libraries: Literal["numpy", "torch"]
    """What a submission may import: NumPy alone, or torch as well."""
    replaced_cells: tuple[str, ...] = ()
    """The instructor's cells that the grader doesn't run, because its hidden tests do the same at the same cost."""


class Assignment:
    """One assignment: its notebook, and the folder with all that grades it.

    Attributes:
        name: the assignment's and the notebook's.
        folder: ``source/NAME``, with the notebook and the files that ship with it.
        hidden_folder: ``assignments/NAME``, of which no student may see anything.
        cells: every cell of the notebook that has a grade_id, in order.
        kernelspec: of the notebook's metadata.
    """

    def __init__(
        self, name: str, folder: Path, hidden_folder: Path, cells: tuple[Cell, ...], kernelspec: dict[str, Any]
    ) -> None:
        self.name = name
        self.folder = folder
        self.hidden_folder = hidden_folder
        self.cells = cells
        self.kernelspec = kernelspec

    @property
    def tests(self) -> tuple[Cell, ...]:
        """The auto-graded cells."""
        return tuple(cell for cell in self.cells if cell.role == "test")

    @property
    def written(self) -> tuple[Cell, ...]:
        """The manually graded cells."""
        return tuple(cell for cell in self.cells if cell.role == "manual")

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that students fill in and hidden tests grade, in the notebook's order."""
        solutions = {cell.grade_id for cell in self.cells if cell.role == "solution"}
        names = (self.function_of(str(cell.grade_id)) for cell in self.tests)
        return tuple(name for name in names if name in solutions)

    @staticmethod
    def function_of(cell: str) -> str:
        """The function that the test cell `cell` grades."""
        return cell.removeprefix(_TEST)

    @staticmethod
    def cell_of(function: str) -> str:
        """The test cell that grades `function`."""
        return _TEST + function

    @property
    def notebook(self) -> Path:
        """The instructor's solved notebook."""
        return self.folder / f"{self.name}.ipynb"

    @cached_property
    def settings(self) -> Settings:
        """What ``assignment.toml`` says.

        Raises:
            AssignmentError: it is missing, or says something else than Settings.
        """
        path = self.hidden_folder / "assignment.toml"
        try:
            return msgspec.convert(tomllib.loads(path.read_text()), Settings)
        except OSError:
            raise AssignmentError(f"{path} is missing: {self.name} can't be graded without it") from None
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise AssignmentError(f"{path}: {error}") from None

    @property
    def hidden_tests(self) -> Path:
        """The pytest module that grades the assignment.

        Raises:
            AssignmentError: it is missing.
        """
        return self._file("hidden_tests.py")

    def load_hidden_tests(self) -> ModuleType:
        """Run the pytest module that grades the assignment; pytest finds it under the name that it gives it itself.

        Raises:
            AssignmentError: it is missing, or running it raises.
        """
        path = self.hidden_tests
        # pytest knows an imported file by its path below the root, and two courses may have the same ones.
        name = f"{path.parent.name}.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise AssignmentError(f"{self.hidden_folder}/{located(error, self.hidden_folder)}") from error
        sys.modules[name] = module
        return module

    @cached_property
    def bank(self) -> Bank:
        """The right answers, misconceptions and unusual right answers.

        Raises:
            AssignmentError: there are no right answers, or one of the files can't be imported.
        """
        self._file("answers.py")
        try:
            return answers_bank(self.hidden_folder)
        except BankError as error:
            raise AssignmentError(str(error)) from None
        except Exception as error:
            raise AssignmentError(f"{self.hidden_folder}/{located(error, self.hidden_folder)}") from error

    @cached_property
    def samples(self) -> Samples:
        """Hidden and shipped data."""
        return Samples(self.folder, self.hidden_folder)

    def _file(self, name: str) -> Path:
        path = self.hidden_folder / name
        if not path.is_file():
            raise AssignmentError(f"{path} is missing: {self.name} can't be graded without it")
        return path


def located(error: BaseException, folder: Path) -> str:
    """An error in a line: the file below `folder` and the line in it where it was raised, its type and its text."""
    places = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    text = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
        text = error.msg
    own = [f"{path.relative_to(folder)}, line {line}: " for path, line in places if path.is_relative_to(folder)]
    return f"{own[-1] if own else ''}{type(error).__name__}: {' '.join(text.split())}"


class Course:
    """A folder with assignments in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.source = self.folder / "source"
        own = self.folder / "assignments"
        self.hidden = own if own.is_dir() else PACKAGED

    @property
    def names(self) -> tuple[str, ...]:
        """The assignments' names, sorted."""
        return tuple(sorted(path.stem for path in self.source.glob("*/*.ipynb") if path.stem == path.parent.name))

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """All assignments.

        Raises:
            AssignmentError: one of them can't be read.
        """
        return tuple(self.assignment(name) for name in self.names)

    def assignment(self, name: str) -> Assignment:
        """Read ``source/name/name.ipynb``.

        Raises:
            AssignmentError: there is no such notebook, or its nbgrader cells contradict each other.
        """
        path = self.source / name / f"{name}.ipynb"
        try:
            raws, metadata = raw_cells(path.read_bytes())
        except OSError:
            choice = f"; there are {', '.join(self.names)}" if self.names else ""
            raise AssignmentError(f"there is no assignment {name}: {path} can't be read{choice}") from None
        except NotebookError as error:
            raise AssignmentError(f"{path}: {error}") from None
        cells = tuple(_cell(raw, path) for raw in raws if raw.nbgrader.get("grade_id"))
        doubled = {cell.grade_id for cell in cells if sum(other.grade_id == cell.grade_id for other in cells) > 1}
        if doubled:
            raise AssignmentError(f"{path}: more than one cell is called {', '.join(sorted(map(str, doubled)))}")
        kernelspec = metadata.get("kernelspec")
        kernelspec = kernelspec if isinstance(kernelspec, dict) else {}
        return Assignment(name, path.parent, self.hidden / name, cells, kernelspec)


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
