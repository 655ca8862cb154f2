"""A Report on a terminal: a table of cells and checks, with the message under what failed."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autograder.report import CellReport, Check, Report

_STYLES = {"passed": "green", "failed": "red"}
_MARKS = {"passed": "✓", "failed": "✗"}


def show_report(console: Console, report: Report) -> None:
    """Print `report`: each cell's points, each check's outcome, messages and hints under those that failed."""
    table = Table(title=f"{report.assignment}: {number(report.score)} of {number(report.max_score)} points")
    table.add_column("cell", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("checks", overflow="fold")
    for cell in report.cells:
        table.add_row(cell.grade_id, _points(cell), Text("\n").join(_check(check) for check in cell.checks))
        table.add_section()
    for written in report.manual:
        answer = "waits for a person" if written.answered else "no answer given"
        table.add_row(written.grade_id, f"– / {number(written.max_score)}", Text(answer, style="dim"))
    console.print(table)
    for problem in report.problems:
        console.print(f"[yellow]Note:[/] {escape(problem)}", highlight=False)
    isolation = "none: this grade was made on trust" if report.isolation == "none" else report.isolation
    console.print(f"[dim]seed {report.seed} · isolation {isolation} · {report.duration:.1f} s[/]", highlight=False)


def number(value: float) -> str:
    """Points without a superfluous .0."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _points(cell: CellReport) -> Text:
    style = "green" if cell.score == cell.max_score else "red" if cell.score == 0 else "yellow"
    return Text(f"{number(cell.score)} / {number(cell.max_score)}", style=style)


def _check(check: Check) -> Text:
    style = _STYLES.get(check.outcome, "magenta")
    text = Text(f"{_MARKS.get(check.outcome, '!')} {check.title}", style=style)
    if check.outcome not in ("passed", "failed"):
        text.append(f" [{check.outcome}]")
    if check.message:
        text.append(f"\n  {check.message}", style="default")
    if check.symptom:
        text.append(f"\n  The numbers show: {check.symptom}", style="italic")
    if check.hint:
        text.append(f"\n  Hint: {check.hint}", style="italic cyan")
    return text
