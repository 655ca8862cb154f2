"""`autograder class`, `history`: a whole class into nbgrader's gradebook, and what became of its scores."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from autograder.classroom import Pool, base_for, cores
from autograder.classroom.cluster import Cluster
from autograder.classroom.downloads import DownloadError
from autograder.cli.collect import IdColumn, Roster, Update, take
from autograder.cli.common import ERRORS, CommandError, CourseFolder, Verbose, complain, fail, find_course, isolation_of
from autograder.course import Assignment
from autograder.terminal import number
from autograder.text import printable

if TYPE_CHECKING:
    # nbgrader takes seconds to import: only those commands do it that use it.
    from autograder.nbgrader.class_run import ClassRun, Plan, Result
    from autograder.nbgrader.history import Change

_NAMED = 20
"""Lines of a list on the terminal; the rest is counted."""


def class_(
    assignment: Annotated[str, typer.Argument(help="The assignment's name: that of a folder in the course's source/.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            help="A folder or a zip with what was handed in: STUDENT.ipynb, or a download of Canvas or Moodle. "
            "It is collected into submitted/ first. Default: what is there."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Submissions graded side by side; 0: one for each core.", min=0, show_default=False)
    ] = 0,
    student: Annotated[
        list[str] | None, typer.Option(help="Only this student's submission; may be given several times.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Grade what hasn't changed since it was graded, too.")] = False,
    regrade: Annotated[
        bool, typer.Option("--regrade", help="Only submissions that have a grade, and list every score that changes.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Grade and list what would change, and write nothing.")
    ] = False,
    illustrations: Annotated[
        bool,
        typer.Option("--illustrations", help="Run the instructor's cells that nothing graded needs: figures."),
    ] = False,
    isolation: Annotated[
        str | None, typer.Option(help="auto: requires a sandbox; none: disables it. Default: the course's setting.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Grade on the workers of this Dask scheduler: its address, or its scheduler file."),
    ] = None,
    roster: Roster = None,
    id_column: IdColumn = None,
    update: Update = False,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Grade a class into nbgrader's gradebook and autograded/, on all cores.

    It does what nbgrader autograde does, with the same result: formgrader, manual grading and generate_feedback go on
    from there. What hasn't changed since it was graded is skipped (the notebook, the assignment, the grader), so that
    a run that was interrupted goes on where it was.

    Exit status 0 when all submissions were graded, whatever their scores; 2 when one couldn't be; 130 after Ctrl-C.
    """
    console, closing = Console(), ExitStack()
    try:
        found = find_course(course)
        task = found.assignment(assignment)
        # It imports its libraries while nbgrader is imported here.
        base = closing.enter_context(base_for(task)) if scheduler is None else None
        from autograder.nbgrader.class_run import ClassRun
        from autograder.nbgrader.opened import OpenedCourse

        opened = OpenedCourse(found.folder)
        run = ClassRun(
            opened,
            task,
            isolation=None if isolation is None else isolation_of(isolation),
            illustrations=illustrations,
            dry_run=dry_run,
        )
        if dry_run and (source is not None or not opened.knows(assignment)):
            raise CommandError("--dry-run compares with the gradebook and submitted/: collect and grade first")
        if opened.register(assignment):
            _tell(console, f"{assignment} was not in the gradebook: it is now, with the points of source/", "dim")
        clean = True
        if source is not None:
            clean = take(console, opened, assignment, source, None, roster, id_column, update)
        for note in run.notes:
            _tell(console, f"Note: {note}", "yellow")
        plan = run.plan(student or (), force, regrade)
        width = max(1, min(jobs or run.jobs or cores(), len(plan.waiting)))
        opening: Callable[[], Pool | Cluster] = lambda: Pool(run.settings, width, base)  # noqa: E731
        ahead = 2 * width
        if scheduler is not None and plan.waiting:
            opening, ahead = _cluster(scheduler, task, run)
        results, stopped = _grade(console, run, plan, opening, ahead)
    except (*ERRORS, DownloadError) as error:
        fail(error, verbose)
    finally:
        closing.close()
    _show_changes(console, [result.change for result in results if result.change], dry_run)
    failed = _show_summary(console, plan, results, dry_run)
    if stopped:
        left = len(plan.waiting) - len(results)
        _tell(console, f"Stopped: {left} submissions are left. The same command goes on with them.", "yellow")
        raise typer.Exit(130)
    raise typer.Exit(2 if failed or not clean else 0)


class _Rate(ProgressColumn):
    """Submissions a second, or a minute where they are slow."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if speed is None:
            return Text("", style="dim")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min", style="dim")


def _cluster(address: str, task: Assignment, run: ClassRun) -> tuple[Callable[[], Cluster], int]:
    """How a cluster is used, and how many submissions wait there at a time."""
    cluster = Cluster(address, task, run.settings)
    return lambda: cluster, 3 * cluster.workers


def _grade(
    console: Console, run: ClassRun, plan: Plan, opening: Callable[[], Pool | Cluster], ahead: int
) -> tuple[list[Result], bool]:
    """Grade what the plan has; returns what came of it, and whether Ctrl-C ended it."""
    results: list[Result] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    if not plan.waiting:
        return results, False
    with _interruptible(run) as stopped, Progress(*columns, console=console) as progress:
        bar = progress.add_task("Grading", total=len(plan.waiting))
        for result in run.results(plan.waiting, opening, ahead):
            results.append(result)
            progress.advance(bar)
            tenth = 10 * len(results) // len(plan.waiting)
            if not console.is_terminal and tenth > 10 * (len(results) - 1) // len(plan.waiting):
                console.print(f"{len(results)} of {len(plan.waiting)} graded", highlight=False)
            for line in _lines(result):
                progress.console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return results, bool(stopped)


@contextmanager
def _interruptible(run: ClassRun) -> Iterator[list[int]]:
    """Ctrl-C, or a request to end, stops the run once the submission at hand is saved; the list tells of it."""
    stopped: list[int] = []

    def stop(signum: int, _: object) -> None:
        stopped.append(signum)
        run.stop()

    before = {kind: signal.signal(kind, stop) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _lines(result: Result) -> Iterator[str]:
    """What went wrong with a submission, and why: a line."""
    name = printable(result.student, 80, instead="?")
    if result.failure:
        yield f"{name}: not graded: {printable(result.failure, 300, instead='?')}"
        return
    if result.note:
        yield f"{name}: {result.note}"
    if result.report is not None and result.report.problems:
        more = len(result.report.problems) - 1
        rest = f" (and {more} more)" if more else ""
        yield f"{name}: {printable(result.report.problems[0], 300, instead='?')}{rest}"


def _show_changes(console: Console, changes: list[Change], dry_run: bool) -> None:
    """Each score that was there and has become another one, and why."""
    from autograder.nbgrader.history import changes_of

    found = changes_of(changes)
    if not found:
        return
    verb = "would change" if dry_run else "changed"
    console.print(f"\n[bold]{len(found)} score{'s' * (len(found) != 1)} {verb}:[/]")
    for change in found:
        for line in change_lines(change):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def change_lines(change: Change) -> Iterator[str]:
    """A change of a score in words: the sum, then each cell and the hidden tests that turned."""
    name = printable(change.student, 80, instead="?")
    before = "–" if change.before is None else number(change.before)
    gain = f" ({change.gain:+g})" if change.gain else ""
    yield f"  {name}: {before} → {number(change.after)} of {number(change.max_score)}{gain}: {change.why}"
    if change.penalty != change.penalty_before:
        yield f"    late penalty: {number(change.penalty_before)} → {number(change.penalty)}"
    for cell in change.cells:
        kept = "" if cell.kept is None else f"; the {number(cell.kept)} points given by hand stay"
        was = "–" if cell.before is None else number(cell.before)
        yield f"    {cell.grade_id}: {was} → {number(cell.after)}{kept}"
        for check in cell.checks:
            yield f"      {check.title}: {check.before or 'no such test'} → {check.after or 'no such test'}"


def _show_summary(console: Console, plan: Plan, results: list[Result], dry_run: bool) -> bool:
    """What came of it; returns whether something couldn't be graded."""
    graded = [result.report for result in results if result.report is not None]
    failed = [result for result in results if result.failure]
    words = f"{len(graded)} graded" + (" (nothing was written)" if dry_run else "")
    if graded:
        mean = sum(report.score for report in graded) / len(graded)
        words += f", {number(mean)} of {number(graded[0].max_score)} points on average"
    words += f" · {len(plan.unchanged)} unchanged"
    if plan.ungraded:
        words += f" · {len(plan.ungraded)} without a grade left out"
    odd = sum(bool(report.problems) for report in graded)
    if odd:
        words += f" · {odd} with notes"
    if failed:
        words += f" · {len(failed)} not graded"
    console.print(f"\n{words}", highlight=False)
    if not (plan.waiting or plan.unchanged or plan.unmatched):
        _tell(console, "There is nothing in submitted/ for this assignment.", "yellow")
    for line in plan.unmatched[:_NAMED]:
        complain(line)
    if len(plan.unmatched) > _NAMED:
        complain(f"and {len(plan.unmatched) - _NAMED} more")
    return bool(failed or plan.unmatched)


def _tell(console: Console, text: str, style: str) -> None:
    console.print(printable(text, 2000, instead="?"), style=style, markup=False, highlight=False, soft_wrap=True)


def history(
    student: Annotated[str, typer.Argument(help="The student's id.")],
    assignment: Annotated[str, typer.Argument(help="The assignment's name.")],
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Show every grading of a student's submissions of an assignment: when, by which version, from how many points to
    how many, and why.
    """
    console = Console()
    try:
        from autograder.nbgrader import history as record
        from autograder.nbgrader.opened import OpenedCourse

        with OpenedCourse(find_course(course).folder).gradebook() as gradebook:
            record.prepare(gradebook)
            entries = record.gradings(gradebook, assignment, student)
    except ERRORS as error:
        fail(error, verbose)
    if not entries:
        complain(f"there is no grading of {assignment} for {student} on record")
        raise typer.Exit(2)
    for entry in entries:
        console.print(f"[bold]{entry.at} UTC[/]", highlight=False)
        for line in change_lines(entry.change):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        version = entry.version
        told = f"notebook {version.notebook[:12] or 'unreadable'} · assignment {version.assignment}"
        _tell(console, f"    {told} · grader {version.grader} · seed {entry.seed}", "dim")
