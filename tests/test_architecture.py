"""The rooms of the package: which imports which, and that those that grade know no assignment and no data set."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course import Course

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autograder"

MAY_IMPORT: dict[str, set[str]] = {
    "files": set(),
    "hand_in": set(),
    "notebook": set(),
    "report": set(),
    "seeds": set(),
    "text": set(),
    "sandbox": {"text"},
    "authoring": {"sandbox"},
    "assignments": {"authoring"},
    "course": {"authoring", "notebook"},
    "submission": {"course", "notebook", "seeds", "text"},
    "diagnosis": {"authoring", "sandbox"},
    "grading": {"authoring", "course", "diagnosis", "notebook", "report", "sandbox", "submission", "text"},
    "classroom": {"course", "grading", "report", "sandbox", "seeds", "submission", "text"},
    "statistics": {"report"},
    "terminal": {"report"},
    "pages": {"report", "statistics", "terminal"},
    "nbgrader": {
        *("classroom", "course", "files", "notebook", "pages", "report", "sandbox", "seeds", "statistics"),
        *("submission", "terminal", "text"),
    },
    "lms": {
        *("classroom", "course", "files", "hand_in", "pages", "report", "sandbox", "seeds", "submission", "terminal"),
        "text",
    },
    "scaffold": {"course"},
    "slips": {"authoring", "course", "notebook"},
    "audit": {"authoring", "classroom", "course", "grading", "report", "submission"},
    "doctor": {"course", "sandbox", "slips"},
    "fingerprints": {"authoring", "course", "sandbox"},
    "cli": {
        *("audit", "classroom", "course", "doctor", "files", "fingerprints", "grading", "hand_in", "lms"),
        *("nbgrader", "notebook", "pages", "report", "sandbox", "scaffold", "seeds", "slips", "statistics"),
        *("submission", "terminal", "text"),
    },
}
"""For each room, a folder or a module of `autograder/`, the rooms that it may import besides itself."""

MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.parent != PACKAGE or path.stem != "__init__"
    if "templates" not in path.parts
)


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(text: str) -> Iterator[str]:
    """The rooms that a module imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports inside the package are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("autograder."))


def test_imports_are_found_in_all_their_forms() -> None:
    text = "import autograder\nimport autograder.a.b\nfrom autograder import c\n"
    text += "def f():\n    from autograder.d.e import g\n"
    assert list(imported(text)) == ["a", "c", "d"]


def test_every_room_has_its_arrows() -> None:
    assert {room_of(module) for module in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = {
        str(module.relative_to(ROOT)): sorted(found)
        for module in MODULES
        if room_of(module) == room and (found := set(imported(module.read_text())) - MAY_IMPORT[room] - {room})
    }
    assert wrong == {}


def test_no_room_that_is_imported_imports_back() -> None:
    def reached(room: str, seen: set[str]) -> set[str]:
        for other in MAY_IMPORT[room] - seen:
            seen |= {other} | reached(other, seen | {other})
        return seen

    assert [room for room in MAY_IMPORT if room in reached(room, set())] == []


def test_what_grades_names_no_assignment_and_no_data_set() -> None:
    names = [*Course(ROOT).names, r"ps[1-5]_", "mnist", "fashion"]
    pattern = re.compile("|".join(names), re.IGNORECASE)
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and not {"assignments", "__pycache__"} & set(path.parts)
        for match in [pattern.search(path.read_bytes().decode(errors="replace"))]
        if match
    }
    assert found == set()
    assert pattern.search("the pictures of Fashion-MNIST")
