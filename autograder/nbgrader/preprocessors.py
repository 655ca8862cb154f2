"""nbgrader's grading steps: run the submission in the sandbox, then save its Report in one transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor
from traitlets import Bool, Enum, Float, Integer

from autograder.classroom import Settings, cores
from autograder.course import AssignmentError
from autograder.nbgrader.course import (
    KEY,
    Prefetch,
    assignment_of,
    converter_of,
    prefetch_for,
    still_to_come,
    submitted_notebook,
)
from autograder.report import CellReport, Report
from autograder.sandbox.limits import MIB, Limits
from autograder.terminal import number

Resources = dict[str, Any]


class GradeInSandbox(NbGraderPreprocessor):
    """Takes the place of running the notebook in a kernel: leaves the cells' outputs and the Report in it."""

    jobs = Integer(0, min=0, help="How many submissions to grade side by side; 0: one for each core.").tag(config=True)
    seed = Integer(
        None,
        allow_none=True,
        help="The seed of every submission, to repeat a Report. By default the course's secret, the assignment, the "
        "student and the notebook's bytes decide it.",
    ).tag(config=True)
    isolation = Enum(
        ["auto", "none"],
        "auto",
        help="auto: requires a sandbox. none: disables it, for machines that have none.",
    ).tag(config=True)
    illustrations = Bool(False, help="Run the instructor's cells that nothing graded needs, too: figures.").tag(
        config=True
    )
    cell_seconds = Float(Limits().cell_seconds, help="CPU seconds for one cell of a notebook.").tag(config=True)
    call_seconds = Float(Limits().call_seconds, help="CPU seconds for one call of a function.").tag(config=True)
    memory = Integer(Limits().memory >> 20, help="Memory that a submission may use, in MiB.").tag(config=True)

    def begin(self, names: dict[str, str]) -> None:
        """Begin to grade the submission that `names` tells of, and the next ones that nbgrader will come to."""
        converter = converter_of(self)
        notebook = submitted_notebook(converter, names["student"], names["assignment"])
        following = still_to_come(converter, names["student"], names["assignment"])
        self._prefetch(names).begin(notebook, names["student"], following)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Grade `nb`; its Report goes into its metadata, each cell's checks below its own outputs."""
        names = resources["nbgrader"]
        student = names["student"]
        graded = self._prefetch(names).result(submitted_notebook(converter_of(self), student, names["assignment"]))
        for place, (cell, outputs) in enumerate(zip(nb.cells, graded.outputs, strict=True), start=1):
            if cell.cell_type == "code":
                cell.outputs = [NotebookNode(output) for output in outputs]
                cell.execution_count = place
        report = graded.report
        self._write_checks(nb, report)
        nb.metadata[KEY] = {"report": msgspec.to_builtins(report)}
        self.log.info("%s: %s of %s points", student, number(report.score), number(report.max_score))
        for problem in report.problems:
            self.log.warning("%s: %s", student, problem)
        return nb, resources

    def _prefetch(self, names: dict[str, str]) -> Prefetch:
        source = assignment_of(self, names["assignment"]).folder.parent
        limits = Limits(cell_seconds=self.cell_seconds, call_seconds=self.call_seconds, memory=self.memory * MIB)
        settings = Settings(
            course=str(source.parent),
            assignment=names["assignment"],
            limits=limits,
            isolation=self.isolation,
            illustrations=self.illustrations,
        )
        waiting = len(converter_of(self).assignments)
        prefetch = prefetch_for(settings, min(self.jobs or cores(), waiting), self.seed)
        while prefetch.notes:
            self.log.warning(prefetch.notes.pop())
        return prefetch

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
        """Save what `GradeInSandbox` left in `nb`."""
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
        shown = f"The numbers show: {check.symptom}" if check.symptom else ""
        lines += [f"    {line}" for line in (check.message, shown, f"Hint: {check.hint}" if check.hint else "") if line]
    return "\n".join(lines) + "\n"
