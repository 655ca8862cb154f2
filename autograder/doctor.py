"""Whether this machine can grade: each thing that is needed, found or missing, and what to do about it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from autograder.course import Assignment, Course
from autograder.sandbox import landlock, messages, seccomp
from autograder.sandbox.errors import SandboxError, StudentError
from autograder.sandbox.limits import Limits
from autograder.sandbox.messages import NUMPY
from autograder.sandbox.process import Sandbox
from autograder.slips import configuration, slips

Finding = tuple[bool, str]
"""Whether it is well, and what was found."""

_PROBES = {
    "start a process": "import os\nos.fork()",
    "open a socket": "import socket\nsocket.socket()",
    "read the grader's files": "open({canary!r}).read()",
    "write outside its folder": "open({canary!r}, 'w')",
    "send a signal": "import os\nos.kill(os.getppid(), 0)",
}


def examine_machine(console: Console) -> bool:
    """Print what was found on this machine; returns whether everything that is needed is there."""
    return _shown(console, (*_libraries(), *_kernel(), *_walls()))


def examine_course(console: Console, course: Course) -> bool:
    """Print what was found in a course's files; returns whether all of its assignments can be graded."""
    return _shown(console, _course(course))


def _shown(console: Console, findings: Iterable[Finding]) -> bool:
    healthy = True
    for well, text in findings:
        healthy &= well
        mark = f"[{'green' if well else 'red'}]{'✓' if well else '✗'}[/]"
        console.print(f"{mark} {escape(text)}", highlight=False, soft_wrap=True)
    return healthy


def _libraries() -> Iterator[Finding]:
    for name in ("torch", "torchvision", "numpy", "nbgrader", "pytest", "IPython"):
        try:
            yield True, f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield False, f"{name} is missing: pip install {name}"


def _kernel() -> Iterator[Finding]:
    version = landlock.version()
    yield version > 0, f"Landlock version {version}" if version else "Landlock is missing: it needs Linux 5.13 or newer"
    try:
        seccomp.program()
        yield True, f"a seccomp filter for {os.uname().machine}"
    except OSError as error:
        yield False, str(error.strerror)
    free = shutil.disk_usage(tempfile.gettempdir()).free >> 20
    yield free > 512, f"{free:,} MiB free for temporary files"


def _walls() -> Iterator[Finding]:
    """Start a sandbox and try what it stops, rather than believe it."""
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, "canary")
        canary.write_text("secret")
        canary.chmod(0o666)
        files = Path(folder, "files")
        files.mkdir()
        started = time.perf_counter()
        try:
            with Sandbox(NUMPY, files, Limits(), isolated=True) as sandbox:
                notes = sandbox.ready().notes
                yield True, f"the sandbox starts in {time.perf_counter() - started:.1f} s"
                worker = sandbox.spawn(0)
                for what, source in _PROBES.items():
                    cell = messages.RunCell(source.format(canary=str(canary)), "a probe", 1000)
                    reply, _ = worker.request(cell, [], 10.0, _never)
                    held = isinstance(reply, messages.CellRan) and reply.error in (
                        "PermissionError",
                        "FileNotFoundError",
                    )
                    yield held, f"a submission {'cannot' if held else 'CAN'} {what}"
                worker.close()
                yield from ((True, f"note: {note}") for note in notes)
        except (SandboxError, StudentError) as error:
            yield False, str(error)


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
