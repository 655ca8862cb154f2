"""The command `autograder`: each module holds the commands of one kind of work."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from autograder.cli import bundle
from autograder.cli.author import init, new
from autograder.cli.check import audit, doctor, fingerprints
from autograder.cli.grade import grade

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autograder {metadata.version('autograder')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Grade students' notebooks with hidden tests, while the students' code runs in a sandbox. A course is a folder
    with source/ (the solved notebooks, which nbgrader releases) and assignments/ (what grades them).
    """


for _command in (grade, init, new, audit, doctor, fingerprints):
    app.command()(_command)
app.add_typer(bundle.app, name="bundle")
