"""What an attack is, and the table of all of them."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from dataclasses import dataclass, field

from conftest import cell, notebook_of, solved_cells

from autograder.assignments.ps1_gradient_descent import answers as right_answers

TARGET = "gradient_descent"
"""The function that most attacks stand in: its tests come between others', and no other function calls it."""

SIGNATURE = "def gradient_descent(X, y, w0, b0, lr, n_steps):\n"
RIGHT = inspect.getsource(right_answers.gradient_descent)
FAMILIES = (
    "crashes", "tampering", "forged_frames", "lies", "secrets", "files", "processes", "system_calls", "resources",
    "waiting", "trusted_side", "text",
)  # fmt: skip
"""The modules of this folder that hold attacks."""


@dataclass(frozen=True)
class Attack:
    """A notebook that is right but for some cells, and what those cells may cost."""

    what: str
    """What it tries, for a table."""
    cells: dict[str, str] = field(default_factory=dict)
    """Sources by grade_id."""
    first: tuple[str, ...] = ()
    """Cells of the student's own, after the imports."""
    last: tuple[str, ...] = ()
    """Cells of the student's own, at the end."""
    unearned: frozenset[str] = frozenset()
    """Functions whose answers aren't right: their cells must get nothing."""
    may_lose: frozenset[str] = frozenset()
    """Functions with right answers whose cells may get anything; all others must get all their points."""
    outcomes: frozenset[str] = frozenset()
    """The only outcomes that checks of `unearned` cells may have; empty: any but passed."""
    memory: int = 400
    """MiB that the trusted process may hold more for a while."""

    def notebook(self) -> bytes:
        """The notebook file."""
        cells = solved_cells()
        for entry in cells:
            name = entry["metadata"]["nbgrader"]["grade_id"]  # type: ignore[index]
            entry["source"] = self.cells.get(name, entry["source"])
        return notebook_of([cells[0], *map(cell, self.first), *cells[1:], *map(cell, self.last)])


def in_function(what: str, code: str, outcomes: set[str], before: str = "") -> Attack:
    """The function TARGET runs `code` when it is called, and gets nothing."""
    body = textwrap.indent(textwrap.dedent(code).strip(), "    ")
    source = f"{before}\n\n{SIGNATURE}{body}\n"
    return Attack(what, {TARGET: source}, unearned=frozenset({TARGET}), outcomes=frozenset(outcomes))


def in_cell(what: str, code: str, outcomes: set[str]) -> Attack:
    """The cell TARGET runs `code`, which ends it, before it would define the right function."""
    source = f"{textwrap.dedent(code).strip()}\n\n{RIGHT}"
    return Attack(what, {TARGET: source}, unearned=frozenset({TARGET}), outcomes=frozenset(outcomes))


def own_cell(what: str, code: str, may_lose: frozenset[str] = frozenset()) -> Attack:
    """A cell of the student's own before all answers, which are right, runs `code`."""
    return Attack(what, first=(textwrap.dedent(code).strip(),), may_lose=may_lose)


def after_all(what: str, code: str, helpers: str = "") -> Attack:
    """A cell after the last test runs `code`."""
    return Attack(what, last=tuple(filter(None, (helpers, textwrap.dedent(code).strip()))))


def all_attacks() -> dict[str, Attack]:
    """Every attack by `FAMILY-NAME`."""
    found: dict[str, Attack] = {}
    for family in FAMILIES:
        table: dict[str, Attack] = importlib.import_module(f"attacks.{family}").ATTACKS
        found |= {f"{family}-{name}": attack for name, attack in table.items()}
    return found
