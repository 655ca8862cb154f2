"""Submission → Report: runs the notebook in the sandbox, and its hidden tests on the trusted side."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import msgspec

from autograder.course import Assignment
from autograder.diagnosis import RTOL, Explanation, explain
from autograder.grading.illustrations import illustrations
from autograder.grading.pytest_session import HiddenTests, OnCheck
from autograder.grading.run import Run
from autograder.grading.session import Output, Session, cell_message
from autograder.notebook import Cell
from autograder.report import CellReport, Check, ManualCell, Report, points
from autograder.sandbox.base import Base
from autograder.sandbox.isolation import Isolation
from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Sandbox
from autograder.sandbox.warm import warm_torch
from autograder.submission import Submission, read_submission


class Graded(msgspec.Struct, frozen=True):
    """A Report, and what the notebook's cells left behind when they ran."""

    report: Report
    submission: Submission
    outputs: tuple[list[Output], ...]
    """For each cell of `submission`, as the notebook format has it."""


class Grader:
    """Grades submissions of one assignment, one after the other; a context manager, slow to start, quick to use."""

    def __init__(
        self,
        assignment: Assignment,
        limits: Limits | None = None,
        isolation: Isolation = "auto",
        with_illustrations: bool = False,
        base: Base | None = None,
    ) -> None:
        """
        Args:
            assignment: what is graded.
            limits: what each submission may use up.
            isolation: the tier to use; ``auto`` takes the strongest that this host offers, ``none`` disables isolation.
            with_illustrations: whether the instructor's cells that nothing graded needs are run, too.
            base: what forks the zygote; without it, a base process of its own.

        Raises:
            AssignmentError: the assignment's files are missing, or running one of them raises.
        """
        self._assignment = assignment
        self._limits = limits or Limits()
        libraries = assignment.settings.libraries
        beginning = list(_prefix(assignment))
        self._with_illustrations = with_illustrations
        cells = read_submission(assignment.notebook, assignment).cells
        self._released = frozenset(cell.source for cell in cells if cell.role == "plain")
        prefix = [cell_message(cell, 0, self._limits) for cell in beginning if cell.kind == "code"]
        self._hidden_tests: HiddenTests | None = None
        # All of the course, wherever it lies: solutions, gradebook and other submissions as well.
        secret = [assignment.folder.parent.parent, assignment.hidden_folder.parent]
        self._sandbox = Sandbox(libraries, assignment.folder, self._limits, isolation, prefix, secret, base)
        # Imported while the zygote starts: the right answers may need torch, too.
        try:
            _ = assignment.bank
            self._module = assignment.load_hidden_tests()
        except BaseException:
            self._sandbox.close()
            raise
        if libraries == "torch":
            warm_torch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox."""
        self._sandbox.close()
        if self._hidden_tests is not None:
            self._hidden_tests.close()
            self._hidden_tests = None

    @property
    def notes(self) -> list[str]:
        """What an instructor should know about isolation on this machine. Waits for the sandbox."""
        return self._sandbox.ready().notes

    def grade(self, submission: Submission, seed: int, on_check: OnCheck | None = None) -> Graded:
        """Grade one submission; the same submission and seed give the same Report but for times.

        Args:
            submission: what is graded.
            seed: decides all inputs.
            on_check: is told of each hidden test when it begins; the Report doesn't depend on it.

        Raises:
            SandboxError: this machine can't isolate submissions.
        """
        started = time.perf_counter()
        graded, disturbed = self._grade(submission, seed, started, on_check)
        # What somebody else did to a worker is not the submission's fault.
        return self._grade(submission, seed, started, on_check)[0] if disturbed else graded

    def _grade(
        self, submission: Submission, seed: int, started: float, on_check: OnCheck | None = None
    ) -> tuple[Graded, bool]:
        """Grade one submission, and say whether somebody else has killed a worker meanwhile."""
        ready = self._sandbox.ready()
        session = Session(self._sandbox, submission, self._limits, seed)
        for grade_id in self._assignment.settings.replaced_cells:
            session.skip(grade_id, "Not run by the grader: its hidden tests do the same, and once is enough.")
        session.illustrations = illustrations(submission.cells, self._released)
        if not self._with_illustrations:
            session.leave_out(session.illustrations, "Not run: nothing that is graded needs this cell.")
        run = Run(session, self._assignment, self._limits, seed)
        try:
            self._run_hidden_tests(run, on_check)
            session.finish()
        finally:
            session.close()
        explained = self._explanations(run)
        cells = tuple(self._cell(cell, run, explained) for cell in self._assignment.tests)
        unmeasured = [f"cell {cell.grade_id} has no hidden tests: it scores 0" for cell in cells if not cell.checks]
        report = Report(
            assignment=self._assignment.name,
            score=round(sum(cell.score for cell in cells), 2),
            max_score=sum(cell.max_score for cell in cells),
            cells=cells,
            manual=tuple(_manual(submission, self._assignment)),
            measured=dict(run.measured),
            problems=(*submission.problems, *unmeasured, *run.faults),
            seed=seed,
            isolation=ready.isolation,
            versions=ready.versions,
            limits=msgspec.to_builtins(self._limits),
            duration=round(time.perf_counter() - started, 3),
        )
        return Graded(report, submission, tuple(session.outputs)), session.disturbed

    def _run_hidden_tests(self, run: Run, on_check: OnCheck | None) -> None:
        if self._hidden_tests is None:
            self._hidden_tests = HiddenTests(self._module, [str(cell.grade_id) for cell in self._assignment.tests])
        try:
            self._hidden_tests.run(run, on_check)
        except BaseException:
            # pytest may be in the middle of a test.
            self._hidden_tests = None
            raise

    def _explanations(self, run: Run) -> dict[str, Explanation]:
        """By the function, what explains its failed checks."""
        cells = {
            self._assignment.function_of(cell): trials
            for cell, trials in run.trials.items()
            if cell not in run.explained_elsewhere
            and not any(check.outcome in ("timed out", "crashed") for check in run.checks[cell])
        }
        try:
            return explain(cells, self._assignment.bank, RTOL[self._assignment.settings.libraries])
        except Exception as error:
            # Points are there; a hint that can't be found must not cost them.
            run.faults.append(f"no diagnosis: {type(error).__name__}: {error}")
            return {}

    def _cell(self, cell: Cell, run: Run, explained: Mapping[str, Explanation]) -> CellReport:
        """A cell's points and checks, those that failed with their diagnosis where there is one."""
        name = str(cell.grade_id)
        explanation = explained.get(self._assignment.function_of(name))
        checks = tuple(_with(check, explanation) for check in run.checks[name])
        return CellReport(
            grade_id=name,
            score=points(cell.points, checks),
            max_score=cell.points,
            checks=checks,
            curve=run.curves.get(name) if any(check.outcome != "passed" for check in checks) else None,
        )


def _with(check: Check, explanation: Explanation | None) -> Check:
    """A check that failed, with what explains its cell's failures, unless its test has said so itself."""
    if explanation is None or check.outcome == "passed" or check.diagnosis:
        return check
    if explanation.diagnosis is None:
        return msgspec.structs.replace(check, symptom=explanation.symptoms.get(f"test_{check.name}", ""))
    return msgspec.structs.replace(check, diagnosis=explanation.diagnosis, hint=explanation.hint)


def _prefix(assignment: Assignment) -> Iterator[Cell]:
    """The instructor's cells before the first one that is the student's."""
    return itertools.takewhile(lambda cell: cell.role == "locked", assignment.cells)


def _manual(submission: Submission, assignment: Assignment) -> Iterator[ManualCell]:
    """Written answers; one that is empty or still the stub counts as not given."""
    for cell in assignment.written:
        answer = submission.cells[submission.position(str(cell.grade_id))]
        text = answer.source.strip()
        yield ManualCell(
            grade_id=str(cell.grade_id),
            max_score=cell.points,
            answered=text not in ("", "YOUR ANSWER HERE") or bool(answer.attachments),
        )
