"""`autograder serve`: the LTI service."""

from __future__ import annotations

import importlib.util
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from autograder.classroom import cores
from autograder.cli.common import ERRORS, CommandError, CourseFolder, Isolated, Verbose, fail, find_course, isolation_of

if TYPE_CHECKING:
    from autograder.lms.service.settings import ServiceSettings

_MIB = 1 << 20


def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Run a simulated platform beside the service; nothing is kept.")
    ] = False,
    url: Annotated[
        str, typer.Option(envvar="AUTOGRADER_URL", help="Where browsers reach the service: https://grader.example.org.")
    ] = "",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8765,
    data: Annotated[
        Path | None,
        typer.Option(envvar="AUTOGRADER_DATA", help="The service's folder. Default: COURSE/.autograder/service."),
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            envvar="AUTOGRADER_DATABASE", help="An SQLAlchemy URL: postgresql+psycopg://… Default: SQLite in --data."
        ),
    ] = "",
    jobs: Annotated[
        int, typer.Option(help="Notebooks graded side by side; 0: one for each core, or worker of the cluster.", min=0)
    ] = 0,
    scheduler: Annotated[
        str, typer.Option(help="Grade on a Dask cluster: the scheduler's address, or its scheduler file.")
    ] = "",
    pools: Annotated[int, typer.Option(help="Assignments kept ready for grading.", min=1)] = 2,
    max_upload: Annotated[int, typer.Option(help="MiB of a notebook.", min=1, max=64)] = 20,
    retention: Annotated[float, typer.Option(help="Delete submissions after so many days; 0: never.", min=0)] = 0.0,
    isolation: Isolated = "auto",
    invite: Annotated[
        bool, typer.Option("--invite", help="Print a link with which one platform can be registered within the hour.")
    ] = False,
    rotate_key: Annotated[bool, typer.Option("--rotate-key", help="Sign with a new key from now on.")] = False,
    backup: Annotated[
        Path | None, typer.Option(help="Copy everything into this new file. The service may be running.")
    ] = None,
    restore: Annotated[Path | None, typer.Option(help="Fill an empty database from a backup.")] = None,
    export: Annotated[
        str,
        typer.Option(
            metavar="ASSIGNMENT", help="Put all counting submissions and grades into the course's nbgrader gradebook."
        ),
    ] = "",
    forget: Annotated[
        str, typer.Option(metavar="STUDENT", help="Delete a student's data: the id on the teacher's page.")
    ] = "",
    course: CourseFolder = None,
    verbose: Verbose = False,
) -> None:
    """Run the LTI 1.3 service: students hand in inside their learning platform, and the grade goes back by itself.

    With --invite, --rotate-key, --backup, --restore, --export or --forget, do that instead and end.
    """
    missing = [
        name for name in ("starlette", "uvicorn", "pylti1p3", "python_multipart") if not importlib.util.find_spec(name)
    ]
    try:
        if missing:
            raise CommandError(f"{', '.join(missing)} missing: pip install 'autograder[lti]'")
        from autograder.lms.service.settings import ServiceSettings

        folder = find_course(course).folder
        with tempfile.TemporaryDirectory(prefix="autograder-demo-") as scratch:
            settings = ServiceSettings(
                url=(url or f"http://127.0.0.1:{port}").rstrip("/"),
                course=folder,
                data=Path(scratch) if demo else data or folder / ".autograder" / "service",
                database="" if demo else database,
                jobs=jobs or (0 if scheduler else cores()),
                scheduler=scheduler,
                pools=pools,
                isolation=isolation_of(isolation),
                max_upload=max_upload * _MIB,
                retention_days=retention,
            )
            if invite or rotate_key or backup or restore or export or forget:
                _maintain(settings, invite, rotate_key, backup, restore, export, forget)
            else:
                _run(settings, host, port, demo)
    except ERRORS as error:
        fail(error, verbose)


def _run(settings: ServiceSettings, host: str, port: int, demo: bool) -> None:
    from autograder.lms.service.database import ServiceError
    from autograder.lms.service.running import configure_logging, demo_platform, serve, served
    from autograder.lms.service.service import Service

    console = Console(stderr=True)
    configure_logging()
    try:
        with ExitStack() as stack:
            service = stack.enter_context(Service(settings))
            if service.course.note:
                console.print(f"Note: {service.course.note}", style="yellow", markup=False)
            if demo:
                # Another host than the service's: browsers treat the two as strangers, as they will in real life.
                platform = demo_platform(service, f"http://localhost:{port + 1}")
                stack.enter_context(served(platform.app, "127.0.0.1", port + 1))
                console.print(f"The platform: {platform.url}   (the service: {settings.url}; Ctrl-C ends both)")
            else:
                console.print(f"The service: {settings.url}", markup=False)
            serve(service, host, port)
    except ServiceError as error:
        raise CommandError(str(error)) from None


def _maintain(
    settings: ServiceSettings,
    invite: bool,
    rotate_key: bool,
    backup: Path | None,
    restore: Path | None,
    export: str,
    forget: str,
) -> None:
    from autograder.lms.service import platforms, service
    from autograder.lms.service.course_facts import CourseFacts
    from autograder.lms.service.database import Database, ServiceError
    from autograder.lms.service.export import export_grades

    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        if restore:
            typer.echo(f"{database.restore(restore)} rows restored from {restore}")
        if rotate_key:
            typer.echo(f"key {platforms.rotate_key(database)} signs from now on")
        if invite:
            typer.echo(f"{settings.url}/set-up/{platforms.invite(database)}")
        if forget:
            typer.echo(f"{service.forget(database, forget)} submissions deleted, with all that is known of the student")
        if export:
            typer.echo(f"{export_grades(database, CourseFacts(settings.course), export)} students exported")
        if backup:
            typer.echo(f"{database.backup(backup)} rows in {backup}")
    except ServiceError as error:
        raise CommandError(str(error)) from None
    finally:
        database.close()
