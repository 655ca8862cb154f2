"""`autograder report`: what a graded class knows and doesn't, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autograder import seeds
from autograder.cli.common import ERRORS, CourseFolder, Verbose, fail, find_course
from autograder.files import write_atomically
from autograder.text import printable


def report(
    assignment: Annotated[str, typer.Argument(help="The assignment's name.")],
    output: Annotated[
        Path | None, typer.Option(help="The page, an HTML file. Default: ASSIGNMENT_report.html here.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table for a spreadsheet, too: one line a student.")] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Numbers instead of names, and nothing that a student wrote.")
    ] = False,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Make a page of a graded class: scores, what each check tells, misconceptions, empty cells, times, likeness.

    It is read from the graded notebooks and the gradebook, so grade the class first. The page is one file that needs
    nothing else.
    """
    from autograder.nbgrader.class_records import GradebookError, course_directory, given_code, read_class
    from autograder.pages.class_csv import class_csv
    from autograder.pages.class_report import class_page
    from autograder.statistics import anonymised, likeness, summarised

    console = Console()
    try:
        found = find_course(course)
        task = found.assignment(assignment)
        with console.status(f"Reading {assignment} …"):
            coursedir = course_directory(found.folder)
            records = read_class(coursedir, task)
            known = {entry.id: (entry.title, entry.hint) for entry in task.bank.misconceptions}
        if anonymous:
            records = anonymised(records, seeds.key_for(seeds.course_secret(found.folder)[0], assignment, "report"))
        with console.status("Comparing submissions …"):
            alike = likeness({one.student: one.sources for one in records.records}, given_code(coursedir, task))
        functions = {cell: name for name in task.functions for cell in [task.cell_of(name)]}
        summary = summarised(records, functions, known, alike)
        page = output or Path(f"{assignment}_report.html")
        write_atomically(page, class_page(summary, anonymous=anonymous).encode())
        written = [page]
        if csv is not None:
            write_atomically(csv, class_csv(summary).encode("utf-8-sig"))
            written.append(csv)
    except (*ERRORS, GradebookError) as error:
        fail(error, verbose)
    for entry in records.unreadable:
        text = printable(f"{entry.student}: {entry.reason}", 500, instead="?")
        console.print("[yellow]Note:[/] left out: ", end="")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{len(summary.rows)} submissions: {', '.join(map(str, written))}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
