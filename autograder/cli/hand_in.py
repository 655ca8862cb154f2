"""`autograder hand-in`: a student's notebook, from a terminal or a JupyterHub, to the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.common import ERRORS, Verbose, fail
from autograder.hand_in import WAIT_SECONDS, HandInError
from autograder.hand_in import hand_in as run


def hand_in(
    notebook: Annotated[Path, typer.Argument(help="The notebook.")],
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="The activity's address, as its page shows it.")],
    wait: Annotated[bool, typer.Option(help="Wait for the points.")] = True,
    verbose: Verbose = False,
) -> None:
    """Hand a notebook in to the service, from a terminal or a JupyterHub.

    The address and a personal key are on the activity's page in the learning platform. The key is asked for once in a
    terminal and kept in ~/.config/autograder; or set AUTOGRADER_KEY. Never write it into a notebook.
    """
    try:
        run(notebook, to.rstrip("/"), WAIT_SECONDS if wait else 0.0, typer.echo)
    except (*ERRORS, HandInError) as error:
        fail(error, verbose)
