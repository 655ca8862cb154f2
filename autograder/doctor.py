"""Whether this machine can grade: each thing that is needed, found or missing, and what to do about it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from autograder.course import Assignment, Course
from autograder.sandbox import messages
from autograder.sandbox.errors import SandboxError, StudentError
from autograder.sandbox.isolation import TIERS
from autograder.sandbox.limits import Limits
from autograder.sandbox.messages import NUMPY
from autograder.sandbox.process import Sandbox
from autograder.slips import configuration, slips

Finding = tuple[bool | None, str]
"""Whether it is well, None where it is missing and nothing needs it; and what was found."""

_PROBES = {
    "start a process": "import os\nos.fork()",
    "open a socket": "import socket\nsocket.socket()",
    "read the grader's files": "open({canary!r}).read()",
    "write outside its folder": "open({canary!r}, 'w')",
    "send a signal": "import os\nos.kill(os.getppid() or 1, 0)",
}


def examine_machine(console: Console, course: Course) -> bool:
    """Print what was found on this machine; returns whether all that grading `course` needs is there."""
    return _shown(console, (*_libraries(), *_space(), *_isolation(course)))


def examine_course(console: Console, course: Course) -> bool:
    """Print what was found in a course's files; returns whether all of its assignments can be graded."""
    return _shown(console, _course(course))


def _shown(console: Console, findings: Iterable[Finding]) -> bool:
    healthy = True
    for well, text in findings:
        healthy &= well is not False
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]–[/]"}[well]
        console.print(f"{mark} {escape(text)}", highlight=False, soft_wrap=True)
    return healthy


def _libraries() -> Iterator[Finding]:
    for name in ("torch", "torchvision", "numpy", "nbgrader", "pytest", "IPython"):
        try:
            yield True, f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield False, f"{name} is missing: pip install {name}"


def _space() -> Iterator[Finding]:
    free = shutil.disk_usage(tempfile.gettempdir()).free >> 20
    yield free > 512, f"{free:,} MiB free for temporary files"


def _isolation(course: Course) -> Iterator[Finding]:
    """Each tier of isolation, tried out; what the strongest one stops, tried too, rather than believed."""
    secret = [course.folder, course.hidden]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        canary = Path(folder, "canary")
        canary.write_text("secret")
        files = Path(folder, "files")
        files.mkdir()
        used = ""
        for tier in TIERS:
            try:
                with Sandbox(NUMPY, files, Limits(), tier.name, secret=secret) as sandbox:  # type: ignore[arg-type]
                    notes = sandbox.ready().notes
                    yield True, f"isolation {tier.name}{'' if used else ' (used here)'}: {tier.promise}"
                    if not used:
                        used = tier.name
                        # Permissions are tier uid's means; the others must do without.
                        canary.chmod(0o600 if tier.name == "uid" else 0o666)
                        yield from ((True, f"note: {note}") for note in notes)
                        yield from _probed(sandbox, canary)
            except (SandboxError, StudentError) as error:
                reason = str(error).partition("\n")[2].partition("\n")[0] or str(error)
                yield None, f"isolation {reason if reason.startswith(tier.name) else f'{tier.name}: {reason}'}"
        if not used:
            yield False, "this machine can't isolate submissions: make one of these tiers work"


def _probed(sandbox: Sandbox, canary: Path) -> Iterator[Finding]:
    worker = sandbox.spawn(0)
    for what, source in _PROBES.items():
        cell = messages.RunCell(source.format(canary=str(canary)), "a probe", 1000)
        reply, _ = worker.request(cell, [], 10.0, _never)
        held = isinstance(reply, messages.CellRan) and reply.error in ("PermissionError", "FileNotFoundError")
        yield held, f"a submission {'cannot' if held else 'CAN'} {what}"
    worker.close()


def _never(*_: object) -> tuple[messages.Request, list[memoryview]]:
    raise SandboxError("a probe called back")


def _course(course: Course) -> Iterator[Finding]:
    if not course.names:
        yield True, f"{course.folder}: it has no assignment yet; autograder new NAME makes one"
    wrong = configuration(course)
    yield not wrong, wrong or "nbgrader grades with hidden tests, in the sandbox"
    for name in course.names:
        found = slips(course, name)
        yield from ((False, slip) for slip in found)
        if not found:
            yield True, _sum(course.assignment(name))


def _sum(assignment: Assignment) -> str:
    worth = sum(cell.points for cell in assignment.tests)
    count = len(assignment.bank.misconceptions)
    known = f"{count} misconceptions" if count else "no misconceptions yet"
    return f"{assignment.name}: {len(assignment.tests)} graded cells, {worth:g} points, {known}"
