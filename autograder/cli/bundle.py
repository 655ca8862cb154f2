"""`autograder bundle`: one assignment in one file, for the harness of another system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.common import ERRORS, CourseFolder, Verbose, fail, find_course

app = typer.Typer(no_args_is_help=True, help="Put an assignment into one file, for the harness of another system.")

Named = Annotated[str, typer.Argument(help="The assignment's name.")]
Output = Annotated[Path, typer.Option(help="The zip archive to write.")]
Timeout = Annotated[
    int, typer.Option(help="Seconds after which the system ends grading; 0: as recommended.", min=0, max=2400)
]
Memory = Annotated[int, typer.Option(help="MiB of memory of the system's container; 0: as recommended.", min=0)]
Attempts = Annotated[
    int, typer.Option(help="Attempts that get messages and hints; later ones get points alone. 0: all of them.", min=0)
]


@app.command()
def gradescope(
    assignment: Named,
    output: Output,
    timeout: Timeout = 0,
    memory: Memory = 0,
    visibility: Annotated[
        str,
        typer.Option(
            help="When students see the checks: visible, after_due_date, after_published, hidden. Where a check is "
            "hidden, Gradescope hides the total, too."
        ),
    ] = "visible",
    feedback_attempts: Attempts = 0,
    leaderboard: Annotated[bool, typer.Option(help="Put what hidden tests measured on the leaderboard.")] = True,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """For a programming assignment on Gradescope: upload the archive as its autograder."""
    given = {"visibility": visibility, "feedback_attempts": feedback_attempts, "leaderboard": leaderboard}
    _write("gradescope", assignment, output, timeout, memory, course, verbose, given)


@app.command()
def prairielearn(
    assignment: Named,
    output: Output,
    image: Annotated[str, typer.Option(help="The name under which you push the image that image/Dockerfile makes.")],
    timeout: Annotated[
        int, typer.Option(help="Seconds after which the system ends grading; 0: as recommended.", min=0, max=600)
    ] = 0,
    memory: Memory = 0,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """For a workspace question on PrairieLearn: image/ makes its image, questions/ goes into the course."""
    _write("prairielearn", assignment, output, timeout, memory, course, verbose, {}, image)


@app.command()
def vocareum(
    assignment: Named,
    output: Output,
    timeout: Timeout = 0,
    memory: Memory = 0,
    feedback_attempts: Attempts = 0,
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """For a lab on Vocareum: scripts/ goes to /voc/scripts, rubric.csv names the criteria and points."""
    _write("vocareum", assignment, output, timeout, memory, course, verbose, {"feedback_attempts": feedback_attempts})


def _write(
    system: str,
    name: str,
    output: Path,
    timeout: int,
    memory: int,
    course: Path | None,
    verbose: bool,
    given: dict[str, object],
    image: str = "",
) -> None:
    import msgspec

    from autograder.lms.bundles import BundleError, BundleSettings, System, write_bundle
    from autograder.lms.bundles.settings import recommended

    try:
        found = find_course(course)
        libraries = found.assignment(name).settings.libraries
        kind: System = system  # type: ignore[assignment]
        seconds, mib = recommended(kind, libraries)
        settings = msgspec.convert(
            {
                "assignment": name,
                "libraries": libraries,
                "timeout": timeout or seconds,
                "memory": memory or mib,
                **given,
            },
            BundleSettings,
        )
        notes = write_bundle(kind, found, settings, output, image)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from None
    except (*ERRORS, BundleError) as error:
        fail(error, verbose)
    told = [
        *(f"Note: {note}" for note in notes),
        f"{output}: {name} for {system}. It holds hidden tests and answers: give it to nobody else.",
        f"Set the container to {settings.memory} MiB and the time-out to {settings.timeout} s. See docs/lms.md.",
    ]
    for line in told:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
