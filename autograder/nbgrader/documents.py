"""Notebooks that this project writes into an nbgrader course: a submission put right, and the same one graded."""

from __future__ import annotations

import textwrap

import msgspec
from nbformat import v4
from nbformat.notebooknode import NotebookNode, from_dict
from nbformat.v4.rwbase import split_lines, strip_transient

from autograder.classroom import Graded
from autograder.classroom.versions import Version
from autograder.nbgrader.course import KEY
from autograder.nbgrader.markdown import harmless
from autograder.notebook import Cell
from autograder.report import CellReport, Report
from autograder.submission import Submission
from autograder.terminal import number
from autograder.text import as_typed

MAX_FORMATTED = 100_000
"""Characters of Markdown that are formatted in one notebook; cells beyond that are shown as they were typed."""

_LINE = 100
"""Characters of a line of checks, so that formgrader's page shows all of it."""


def as_notebook(submission: Submission) -> NotebookNode:
    """A submission as a clean notebook: the instructor's metadata, the student's sources, no outputs.

    A student's Markdown has lost what could harm the instructor who looks at it; see `harmless`.
    """
    cells = []
    formatted = 0
    for place, cell in enumerate(submission.cells):
        source = cell.source
        if cell.kind == "markdown" and cell.role != "locked":
            formatted += len(source)
            source = harmless(source, cell.attachments) if formatted <= MAX_FORMATTED else as_typed(source)
        cells.append(_as_cell(cell, source, place))
    metadata = {"kernelspec": submission.assignment.kernelspec, KEY: {"notebook": submission.digest.hex()}}
    return from_dict(
        {"cells": cells, "metadata": metadata, "nbformat": v4.nbformat, "nbformat_minor": v4.nbformat_minor}
    )


def _as_cell(cell: Cell, source: str, place: int) -> dict[str, object]:
    # Not by nbformat's functions: they validate every cell by itself, which takes longer than grading some notebooks.
    metadata = {}
    if cell.grade_id is not None:
        metadata["nbgrader"] = {
            "schema_version": 3,
            "grade_id": cell.grade_id,
            "grade": cell.role in ("test", "manual"),
            "solution": cell.role in ("solution", "manual"),
            "locked": cell.role in ("test", "locked"),
            "task": False,
            "cell_type": cell.kind,
            **({"points": cell.points} if cell.role in ("test", "manual") else {}),
        }
    made: dict[str, object] = {
        "id": f"cell-{place}",
        "cell_type": cell.kind,
        "metadata": metadata,
        "source": source,
    }
    if cell.kind == "code":
        made |= {"execution_count": None, "outputs": []}
    if cell.attachments:
        made["attachments"] = cell.attachments
    return made


def add_results(notebook: NotebookNode, graded: Graded, version: Version) -> None:
    """Write what grading found into a notebook of `as_notebook`: outputs, checks, the Report and what was odd.

    Args:
        notebook: the submission.
        graded: what grading it brought.
        version: what it was made from.
    """
    for place, (cell, outputs) in enumerate(zip(notebook.cells, graded.outputs, strict=True), start=1):
        if cell.cell_type == "code":
            cell.outputs = [from_dict(output) for output in outputs]
            cell.execution_count = place
    by_id = {cell.grade_id: cell for cell in graded.report.cells}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in by_id:
            # Never on stderr: nbgrader shows that as a failure of its own.
            text = checks_as_text(by_id[name])
            cell.outputs.append(NotebookNode(output_type="stream", name="stdout", text=text))
    if graded.report.problems:
        notebook.cells.insert(0, from_dict(_note(graded.report)))
    notebook.metadata[KEY] = {"report": msgspec.to_builtins(graded.report), "version": msgspec.to_builtins(version)}


def as_bytes(notebook: NotebookNode) -> bytes:
    """A notebook's file, as nbformat writes it; `notebook` is used up.

    nbformat takes longer for it than the grader for some submissions.
    """
    plain = split_lines(strip_transient(notebook))
    return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1) + b"\n"


def _note(report: Report) -> dict[str, object]:
    """A cell in front of all others that says what was odd: formgrader shows the notebook, and no other messages."""
    problems = "\n".join(f"- {as_typed(problem)}" for problem in report.problems)
    text = f"**The grader's notes on this submission**\n\n{problems}"
    return {"id": "grader-notes", "cell_type": "markdown", "metadata": {}, "source": text}


def checks_as_text(cell: CellReport) -> str:
    """A cell's checks as plain text, for a notebook's output."""
    lines = [f"[grader] {number(cell.score)} of {number(cell.max_score)} points"]
    for check in cell.checks:
        mark = {"passed": "✓", "failed": "✗"}.get(check.outcome, f"! [{check.outcome}]")
        lines += _wrapped(f"{mark} {check.title}", "  ")
        shown = f"The numbers show: {check.symptom}" if check.symptom else ""
        for text in (check.message, shown, f"Hint: {check.hint}" if check.hint else ""):
            lines += [line for part in text.splitlines() for line in _wrapped(f"    {part}", "    ")]
    return "\n".join(lines) + "\n"


def _wrapped(line: str, indent: str) -> list[str]:
    """`line` in lines that formgrader shows in full; its own spaces stay."""
    if len(line) <= _LINE:
        return [line]
    return textwrap.wrap(
        line, _LINE, subsequent_indent=indent, drop_whitespace=True, replace_whitespace=False, break_on_hyphens=False
    )
