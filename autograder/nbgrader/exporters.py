"""How nbgrader reads a submission, and how it writes a feedback page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from nbconvert.exporters import Exporter, NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader.api import Gradebook

from autograder.nbgrader.course import KEY, assignment_of
from autograder.nbgrader.markdown import harmless
from autograder.nbgrader.preprocessors import GradeInSandbox
from autograder.notebook import Cell
from autograder.pages.feedback import Written, feedback_page
from autograder.report import Report
from autograder.submission import Submission, SubmissionError, empty_submission, read_submission
from autograder.text import as_typed

MAX_FORMATTED = 100_000
"""Characters of Markdown that are formatted in one notebook; cells beyond that are shown as they were typed."""


class SubmissionExporter(NotebookExporter):
    """Reads a submission as the hostile file it is, and puts it right before any other step sees it."""

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kw: Any) -> Any:
        """Read `filename`; a notebook that can't be read becomes one with every answer missing."""
        assert resources is not None
        assignment = assignment_of(self, resources["nbgrader"]["assignment"])
        converter: Any = self.parent
        if converter._sanitizing:
            GradeInSandbox(parent=self).begin(resources["nbgrader"])
            try:
                submission = read_submission(Path(filename), assignment)
            except SubmissionError as error:
                submission = empty_submission(assignment, str(error))
            notebook = as_notebook(submission)
        else:
            notebook = NotebookNode(_read_own(filename))
        return self.from_notebook_node(notebook, resources, **kw)


class FeedbackExporter(Exporter):
    """Writes the feedback page out of the Report that grading left in the notebook."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> Any:
        """Run nbgrader's steps (which fetch scores and comments), then render."""
        notebook, resources = super().from_notebook_node(nb, resources, **kw)
        report = msgspec.convert(notebook.metadata[KEY]["report"], type=Report)
        names = resources["nbgrader"]
        page = feedback_page(
            report,
            student=names["student"],
            notebook=notebook,
            written=_written(notebook, names),
            score=names["score"],
            max_score=names["max_score"],
            late_penalty=names["late_penalty"],
        )
        return page, resources


def _read_own(filename: str) -> Any:
    import nbformat

    return nbformat.read(filename, as_version=4)


def _is(cell: NotebookNode, flag: str) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get(flag))


def _written(notebook: NotebookNode, names: dict[str, Any]) -> list[Written]:
    """The written answers with what people have said of them so far."""
    found = []
    with Gradebook(names["db_url"]) as gradebook:
        for cell in notebook.cells:
            if _is(cell, "grade") and _is(cell, "solution"):
                details = cell.metadata["nbgrader"]
                place = (names["notebook"], names["assignment"], names["student"])
                grade = gradebook.find_grade(details["grade_id"], *place)
                found.append(
                    Written(
                        grade_id=details["grade_id"],
                        answer=cell.source,
                        score=details["score"],
                        max_score=details["points"],
                        waits=bool(grade.needs_manual_grade),
                        comment=details.get("comment") or "",
                    )
                )
    return found


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
    metadata = {"kernelspec": submission.assignment.kernelspec, KEY: {"problems": list(submission.problems)}}
    return new_notebook(cells=cells, metadata=metadata)


def _as_cell(cell: Cell, source: str, place: int) -> NotebookNode:
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
    make = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}[cell.kind]
    made = make(source, metadata=metadata, id=f"cell-{place}")
    if cell.attachments:
        made["attachments"] = cell.attachments
    return made
