"""The command `autograder`: each module holds the commands of one kind of work."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from autograder.cli import bundle
from autograder.cli.author import init, new
from autograder.cli.check import audit, doctor, fingerprints
from autograder.cli.classroom import class_, history
from autograder.cli.collect import collect
from autograder.cli.essays import essays
from autograder.cli.grade import grade
from autograder.cli.hand_in import hand_in
from autograder.cli.report import report
from autograder.cli.serve import serve

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
    # jsonschema, which nbgrader needs, uses it where it is installed. It takes a second to import, for nothing here.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


app.command()(grade)
app.command("class")(class_)
app.command("hand-in")(hand_in)
for _command in (collect, report, essays, history, init, new, audit, doctor, fingerprints, serve):
    app.command()(_command)
app.add_typer(bundle.app, name="bundle")
