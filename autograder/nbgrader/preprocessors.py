"""nbgrader's grading steps: run the submission in the sandbox, then save its Report in one transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor
from sqlalchemy.orm import object_session
from traitlets import Bool, Enum, Float, Integer

from autograder.classroom import Settings, cores
from autograder.classroom.versions import Version, grader_version, settings_version
from autograder.course import Assignment, AssignmentError
from autograder.nbgrader import history
from autograder.nbgrader.course import (
    KEY,
    Prefetch,
    assignment_of,
    converter_of,
    prefetch_for,
    still_to_come,
    submitted_notebook,
    version_of,
)
from autograder.nbgrader.documents import add_results
from autograder.nbgrader.gradebook import Rows, rows_of, save_report
from autograder.nbgrader.history import Change
from autograder.report import Report
from autograder.sandbox.isolation import CHOICES
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
        CHOICES,
        "auto",
        help="How submissions are isolated. auto: the strongest way that this host offers. none: not at all.",
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
        assignment = assignment_of(self, names["assignment"])
        add_results(nb, graded, self.version(nb.metadata[KEY]["notebook"], assignment))
        report = graded.report
        self.log.info("%s: %s of %s points", student, number(report.score), number(report.max_score))
        for problem in report.problems:
            self.log.warning("%s: %s", student, problem)
        return nb, resources

    def _prefetch(self, names: dict[str, str]) -> Prefetch:
        assignment = assignment_of(self, names["assignment"])
        waiting = len(converter_of(self).assignments)
        prefetch = prefetch_for(
            self.settings(assignment), min(self.jobs or cores(), waiting), self.seed, version_of(assignment)
        )
        while prefetch.notes:
            self.log.warning(prefetch.notes.pop())
        return prefetch

    def settings(self, assignment: Assignment) -> Settings:
        """How `assignment` is graded."""
        return Settings(
            course=str(assignment.folder.parent.parent),
            assignment=assignment.name,
            limits=Limits(cell_seconds=self.cell_seconds, call_seconds=self.call_seconds, memory=self.memory * MIB),
            isolation=self.isolation,  # type: ignore[arg-type]
            illustrations=self.illustrations,
        )

    def version(self, notebook: str, assignment: Assignment) -> Version:
        """What a Report is made from; `notebook` is the digest of the submitted file in hexadecimal digits."""
        return Version(
            notebook=notebook,
            assignment=version_of(assignment),
            grader=grader_version(),
            settings=settings_version(self.settings(assignment), self.seed),
        )


class SaveReport(AssignLatePenalties):
    """Saves scores, comments and the late penalty of one submission: all of them or, where anything fails, none.

    The scores come from the Report, never from what stands in a cell's output. nbgrader's setting
    `AssignLatePenalties.plugin_class` holds here, too.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Save what `GradeInSandbox` left in `nb`."""
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            history.prepare(gradebook)
            try:
                rows = rows_of(gradebook, names["assignment"], names["student"])
                if rows is None:
                    raise AssignmentError(f"{names['student']} has no submission of {names['assignment']}")
                self.save(gradebook, rows, nb)
                gradebook.db.commit()
            except BaseException:
                gradebook.db.rollback()
                raise
        return nb, resources

    def save(self, gradebook: Any, rows: Rows, nb: NotebookNode) -> Change:
        """Write the points of a graded notebook to its rows of the gradebook; nothing is committed.

        Raises:
            AssignmentError: the gradebook has another version of the assignment.
        """
        self.init_plugin()
        report = msgspec.convert(nb.metadata[KEY]["report"], type=Report)
        version = msgspec.convert(nb.metadata[KEY]["version"], type=Version)
        return save_report(gradebook, rows, report, nb, version, self._penalty)

    def _penalty(self, rows: Rows) -> float | None:
        late = rows.submission.total_seconds_late
        if late <= 0:
            return None
        session = object_session(rows.notebook)
        assert session is not None
        session.refresh(rows.notebook)  # its score, too
        penalty = self.plugin_inst.late_submission_penalty(rows.submission.student_id, rows.notebook.score, late)
        return None if penalty is None else self._check_late_penalty(rows.notebook, penalty)
