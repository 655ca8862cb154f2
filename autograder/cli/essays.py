"""`autograder essays`: written answers, graded one after the other in a browser."""

from __future__ import annotations

import contextlib
import webbrowser
from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.common import ERRORS, CourseFolder, Verbose, fail, find_course


def essays(
    assignment: Annotated[str, typer.Argument(help="The assignment's name.")],
    port: Annotated[int, typer.Option(help="To listen on; 0: a free one.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Grade written answers: each beside its mark scheme, with digits for points and comments to use again.

    Points and comments go straight into nbgrader's gradebook. The page is served on this machine alone, until Ctrl-C.
    """
    from autograder.nbgrader.class_records import GradebookError, course_directory
    from autograder.nbgrader.essay_server import EssayServer
    from autograder.nbgrader.written import WrittenAnswers

    try:
        found = find_course(course)
        written = WrittenAnswers(course_directory(found.folder), found.assignment(assignment))
        server = EssayServer(written, assignment, port)
    except (*ERRORS, GradebookError) as error:
        fail(error, verbose)
    Console().print(f"{server.address}\nCtrl-C ends it.", markup=False, highlight=False, soft_wrap=True)
    if browser:
        webbrowser.open(server.address)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
