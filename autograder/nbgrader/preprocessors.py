"""nbgrader's grading steps: run the submission behind the walls, then save its Report in one transaction."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import msgspec
import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor

from autograder.nbgrader.course import SEED_VARIABLE, assignment_of, grader_for
from autograder.nbgrader.exporters import KEY
from autograder.report import CellReport, Report
from autograder.submission import AssignmentError, Submission, parse_submission
from autograder.terminal import number

Resources = dict[str, Any]


class GradeBehindWalls(NbGraderPreprocessor):
    """Takes the place of running the notebook in a kernel: leaves the cells' outputs and the Report in it."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Grade `nb`; its Report goes into its metadata, each cell's checks below its own outputs."""
        assignment = assignment_of(self, resources["nbgrader"]["assignment"])
        problems = tuple(nb.metadata.get(KEY, {}).get("problems", ()))
        parsed = parse_submission(nbformat.writes(nb).encode(), assignment)
        submission = Submission(assignment, parsed.cells, problems)
        student = resources["nbgrader"]["student"]
        graded = grader_for(assignment.folder.parent, assignment.name).grade(
            submission, seed_for(student, assignment.name)
        )
        for number_, (cell, outputs) in enumerate(zip(nb.cells, graded.outputs, strict=True), start=1):
            if cell.cell_type == "code":
                cell.outputs = [NotebookNode(output) for output in outputs]
                cell.execution_count = number_
        self._write_checks(nb, graded.report)
        nb.metadata[KEY] = {"report": msgspec.to_builtins(graded.report)}
        report = graded.report
        self.log.info("%s: %s of %s points", student, number(report.score), number(report.max_score))
        for problem in report.problems:
            self.log.warning("%s: %s", student, problem)
        return nb, resources

    def _write_checks(self, nb: NotebookNode, report: Report) -> None:
        by_id = {cell.grade_id: cell for cell in report.cells}
        for cell in nb.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in by_id:
                # Never on stderr: nbgrader shows that as a failure of its own.
                text = checks_as_text(by_id[name])
                cell.outputs.append(NotebookNode(output_type="stream", name="stdout", text=text))


class SaveReport(AssignLatePenalties):
    """Saves scores, comments and the late penalty of one submission: all of them or, where anything fails, none.

    The scores come from the Report, never from what stands in a cell's output. nbgrader's setting
    `AssignLatePenalties.plugin_class` holds here, too.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Save what `GradeBehindWalls` left in `nb`."""
        report = msgspec.convert(nb.metadata[KEY]["report"], type=Report)
        names = resources["nbgrader"]
        place = (names["notebook"], names["assignment"], names["student"])
        self.init_plugin()
        with Gradebook(names["db_url"]) as gradebook:
            try:
                self._save_scores(gradebook, report, nb, place)
                gradebook.db.flush()
                self._save_penalty(gradebook, *place)
                gradebook.db.commit()
            except MissingEntry as error:
                gradebook.db.rollback()
                raise AssignmentError(
                    f"the gradebook doesn't know this version of {names['assignment']} ({error}): "
                    "run nbgrader generate_assignment again"
                ) from None
            except BaseException:
                gradebook.db.rollback()
                raise
        return nb, resources

    def _save_scores(self, gradebook: Any, report: Report, nb: NotebookNode, place: tuple[str, str, str]) -> None:
        for cell in report.cells:
            grade = gradebook.find_grade(cell.grade_id, *place)
            grade.auto_score = min(max(cell.score, 0.0), cell.max_score)
            grade.needs_manual_grade = grade.manual_score is not None
        unanswered = set()
        for written in report.manual:
            grade = gradebook.find_grade(written.grade_id, *place)
            grade.auto_score = None if written.answered else 0.0
            grade.needs_manual_grade = written.answered or grade.manual_score is not None
            if not written.answered:
                unanswered.add(written.grade_id)
        for cell in nb.cells:
            details = cell.metadata.get("nbgrader", {})
            if details.get("solution"):
                stub = "raise NotImplementedError" in cell.source or details["grade_id"] in unanswered
                comment = gradebook.find_comment(details["grade_id"], *place)
                comment.auto_comment = "No response." if stub else None

    def _save_penalty(self, gradebook: Any, notebook_name: str, assignment_name: str, student: str) -> None:
        submission = gradebook.find_submission(assignment_name, student)
        notebook = gradebook.find_submission_notebook(notebook_name, assignment_name, student)
        notebook.late_submission_penalty = None
        if submission.total_seconds_late > 0:
            gradebook.db.flush()
            gradebook.db.refresh(notebook)
            penalty = self.plugin_inst.late_submission_penalty(student, notebook.score, submission.total_seconds_late)
            if penalty is not None:
                notebook.late_submission_penalty = self._check_late_penalty(notebook, penalty)


def checks_as_text(cell: CellReport) -> str:
    """A cell's checks as plain text, for a notebook's output."""
    lines = [f"[grader] {number(cell.score)} of {number(cell.max_score)} points"]
    for check in cell.checks:
        mark = {"passed": "✓", "failed": "✗"}.get(check.outcome, f"! [{check.outcome}]")
        lines.append(f"{mark} {check.title}")
        lines += [f"    {line}" for line in (check.message, f"Hint: {check.hint}" if check.hint else "") if line]
    return "\n".join(lines) + "\n"


def seed_for(student: str, assignment: str) -> int:
    """The seed of a submission's run: the same for the same student, so that a regrade gives the same Report."""
    base = os.environ.get(SEED_VARIABLE, "0")
    return int.from_bytes(hashlib.sha256(f"{base}:{assignment}:{student}".encode()).digest()[:4], "big")
