"""How nbgrader reads a submission, and how it writes a feedback page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from nbconvert.exporters import Exporter, NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook

from autograder.course import Assignment
from autograder.nbgrader.course import KEY, assignment_of
from autograder.nbgrader.documents import as_notebook
from autograder.nbgrader.gradebook import Rows, given, rows_of
from autograder.nbgrader.half_graded import remove_half_graded
from autograder.nbgrader.handed_in import guard, put_timestamp, timestamp_of
from autograder.nbgrader.preprocessors import GradeInSandbox
from autograder.pages.feedback import Mark, Written, feedback_page
from autograder.report import Report
from autograder.submission import SubmissionError, empty_submission, read_submission


class SubmissionExporter(NotebookExporter):
    """Reads a submission as the hostile file it is, and puts it right before any other step sees it."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        # nbgrader makes its exporter after it has found the submissions and before it asks which of them are done.
        if hasattr(self.parent, "assignments"):
            remove_half_graded(self.parent)
            guard(self.parent)

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
            self._keep_timestamp(resources["nbgrader"])
        else:
            notebook = NotebookNode(_read_own(filename))
        return self.from_notebook_node(notebook, resources, **kw)

    def _keep_timestamp(self, names: dict[str, str]) -> None:
        converter: Any = self.parent
        handed_in, graded = (
            Path(way(names["assignment"], names["student"]))
            for way in (converter._format_source, converter._format_dest)
        )
        put_timestamp(graded, timestamp_of(handed_in)[1], int(str(converter.permissions), 8))


class FeedbackExporter(Exporter):
    """Writes the feedback page out of the Report that grading left in the notebook."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> Any:
        """Run nbgrader's steps (which fetch scores and comments), then render."""
        notebook, resources = super().from_notebook_node(nb, resources, **kw)
        report = msgspec.convert(notebook.metadata[KEY]["report"], type=Report)
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            rows = rows_of(gradebook, names["assignment"], names["student"])
            assert rows is not None, "GetGrades has found it"
            marks = {cell.grade_id: _mark(rows, cell.grade_id) for cell in report.cells}
            written = [_written(rows, cell) for cell in notebook.cells if _is(cell, "grade") and _is(cell, "solution")]
        page = feedback_page(
            report,
            student=names["student"],
            notebook=notebook,
            marks=marks,
            written=written,
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


def _mark(rows: Rows, grade_id: str) -> Mark:
    """What counts for an auto-graded cell. A person's comment stands at the cell that it grades."""
    grade = rows.grades[grade_id]
    comment = rows.comments.get(Assignment.function_of(grade_id))
    return Mark(
        score=given(grade),
        by_hand=grade.manual_score is not None,
        extra=grade.extra_credit or 0.0,
        comment=(comment.manual_comment if comment is not None else None) or "",
    )


def _written(rows: Rows, cell: NotebookNode) -> Written:
    """A written answer with what a person has said of it so far."""
    name = cell.metadata["nbgrader"]["grade_id"]
    grade = rows.grades[name]
    return Written(
        grade_id=name,
        answer=cell.source,
        score=given(grade),
        max_score=grade.max_score,
        waits=grade.manual_score is None and grade.auto_score is None,
        extra=grade.extra_credit or 0.0,
        comment=rows.comments[name].comment or "",
    )
