"""The audit: every misconception and every unusual right answer, graded as if a student had sent it.

It tells an instructor whether the hidden tests are good: each misconception must lose points in its own cell and
nowhere else, and no right answer may lose any.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder.authoring.bank import Misconception, Unusual
from autograder.classroom import Pool, Settings
from autograder.course import Assignment, Course
from autograder.grading.run import COULD_NOT_BE_MADE
from autograder.report import CellReport, Report
from autograder.submission import Submission, parse_submission


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What grading one entry of the bank, or one unusual right answer, brought."""

    entry: str
    right: bool
    """Whether it is a right answer."""
    lost: tuple[str, ...]
    """The test cells in which it lost points."""
    diagnosis: str | None
    faults: tuple[str, ...]
    """What is wrong with the tests, in words; empty where all is as it should be."""


class SolutionFails(Exception):
    """The instructor's own solution doesn't get all points, so that nothing else can be judged.

    Attributes:
        faults: each in a line that names the notebook, the cell and the check.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def audit(settings: Settings, jobs: int, seed: int, console: Console, every: int = 1) -> list[Finding]:
    """Grade the entries of an assignment's bank, `jobs` of them side by side; progress is shown on `console`.

    Args:
        settings: the assignment, and how it is graded.
        jobs: grading processes.
        seed: that all are graded with.
        console: for the progress.
        every: 1 for all entries, 2 for every other one, and so on.

    Raises:
        AssignmentError: there is no such assignment.
        SandboxError: this machine can't grade it.
        GradingProcessLost: an entry cost its grading process twice.
        SolutionFails: the solved notebook loses points.
    """
    assignment = Course(Path(settings.course)).assignment(settings.assignment)
    entries: list[Misconception | Unusual] = [*assignment.bank.misconceptions, *assignment.bank.unusual]
    entries = entries[::every]
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        paths = [Path(folder, f"{number}.ipynb") for number in range(len(entries))]
        for path, entry in zip(paths, entries, strict=True):
            path.write_bytes(notebook_with(assignment, entry))
        with Pool(settings, jobs) as pool:
            solved = pool.submit(assignment.notebook, seed).result().report
            faults = _faults_of_solution(solved)
            if not faults:
                return _findings(pool, assignment, paths, entries, seed, console)
    raise SolutionFails([f"{assignment.notebook}: {fault}" for fault in faults])


def _faults_of_solution(report: Report) -> list[str]:
    """Why the solved notebook hasn't all points, or what is wrong although it has them; empty where all is well."""
    failed = [
        f"cell {cell.grade_id}, {check.name}: {' '.join(check.message.split())}"
        for cell in report.cells
        for check in cell.checks
        if check.outcome != "passed" and check.message != COULD_NOT_BE_MADE
    ]
    return [*report.problems, *failed]


def _findings(
    pool: Pool,
    assignment: Assignment,
    paths: list[Path],
    entries: Sequence[Misconception | Unusual],
    seed: int,
    console: Console,
) -> list[Finding]:
    waiting = [pool.submit(path, seed) for path in paths]
    steps = track(waiting, "grading the bank", console=console, transient=True)
    reports = [future.result().report for future in steps]
    return [judge(entry, report, assignment) for entry, report in zip(entries, reports, strict=True)]


def notebook_with(assignment: Assignment, entry: Misconception | Unusual) -> bytes:
    """The instructor's solved notebook as a file, with `entry` in the cell that it answers."""
    notebook = json.loads(assignment.notebook.read_bytes())
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == entry.function:
            cell["source"] = entry.source.text
    return json.dumps(notebook).encode()


def with_answer(assignment: Assignment, entry: Misconception | Unusual) -> Submission:
    """The same as a submission that has been read."""
    return parse_submission(notebook_with(assignment, entry), assignment)


def judge(entry: Misconception | Unusual, report: Report, assignment: Assignment) -> Finding:
    """What the Report of an entry says of the hidden tests."""
    own = assignment.cell_of(entry.function)
    lost = tuple(
        cell.grade_id
        for cell in report.cells
        if cell.score < cell.max_score and (cell.grade_id == own or not _raises_in(entry.function, cell))
    )
    right = isinstance(entry, Unusual)
    named = {check.diagnosis for cell in report.cells for check in cell.checks if check.diagnosis}
    diagnosis = ", ".join(sorted(named)) or None
    faults = tuple(_faults(entry, assignment, lost, named))
    return Finding(entry=entry.id, right=right, lost=lost, diagnosis=diagnosis, faults=faults)


def _raises_in(function: str, cell: CellReport) -> bool:
    """Whether all that fails in `cell` fails because `function` raises: what raises leaves nothing to go on with."""
    failed = [check for check in cell.checks if check.outcome != "passed"]
    return all(check.outcome == "error" and f" of cell {function}" in check.message for check in failed)


def _faults(
    entry: Misconception | Unusual, assignment: Assignment, lost: tuple[str, ...], named: set[str]
) -> Iterator[str]:
    if isinstance(entry, Unusual):
        if lost:
            yield "is right and loses points"
        return
    own = assignment.cell_of(entry.function)
    if own not in lost:
        yield "survives: it loses no points in its cell"
    elsewhere = [cell for cell in lost if cell != own and cell not in entry.also]
    if elsewhere:
        yield f"costs points elsewhere: {', '.join(elsewhere)}"
    wrong = named - {other.id for other in assignment.bank.misconceptions if entry.like(other)}
    if wrong:
        yield f"is taken for {', '.join(sorted(wrong))}"


def show(console: Console, name: str, findings: list[Finding]) -> None:
    """Print the matrix of one assignment, and its sums."""
    table = Table(title=name)
    for column in ("entry", "loses in", "diagnosed", "fault"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        cells = ", ".join(cell.removeprefix("test_") for cell in finding.lost) or "–"
        same = finding.diagnosis == finding.entry
        table.add_row(
            finding.entry + (" (right)" if finding.right else ""),
            cells,
            "itself" if same else finding.diagnosis or "–",
            "; ".join(finding.faults),
            style="red" if finding.faults else None,
        )
    if findings:
        console.print(table)
    wrong = [finding for finding in findings if not finding.right]
    right = [finding for finding in findings if finding.right]
    caught = sum(not any("survives" in fault for fault in finding.faults) for finding in wrong)
    named = sum(finding.diagnosis is not None and not any("taken" in f for f in finding.faults) for finding in wrong)
    caught_of_all = f"{caught} of {len(wrong)} misconceptions caught, {named} diagnosed"
    console.print(
        f"{name}: {caught_of_all if wrong else 'no misconceptions yet'}; "
        f"{sum(bool(finding.lost) for finding in right)} of {len(right)} right answers marked down"
    )
