"""A grader in a process of its own, started as root or as a plain user, with secrets round it.

As a program it reads one path of a notebook a line and answers with one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "ps1_gradient_descent"
CANARY = "canary-9f2c61d07b"
PLAIN_UID = 61_000
"""A user that nothing else runs as."""
HANGS_AFTER = 90.0


class NotOffered(Exception):
    """This host doesn't offer this tier to this user; says why."""


@dataclass(frozen=True)
class Jail:
    """Another root file system, in which a grader is installed."""

    root: Path
    enter: list[str]
    """What goes before a command that is to run in it."""
    python: str
    """The grader's, by its path in there."""
    assignments: Path
    """The course's folder with hidden tests, as it was installed with the grader."""

    def seen(self, path: Path) -> str:
        """A path below `root`, as what runs in there sees it."""
        return f"/{path.relative_to(self.root)}"

    def here(self, path: str) -> str:
        """The other way round."""
        return str(self.root / path.lstrip("/"))


class GraderProcess:
    """A grader that has started, and what lies round it."""

    def __init__(self, folder: Path, isolation: str, plain: bool, jail: Jail | None = None) -> None:
        """
        Args:
            folder: an empty folder for the course, the grader's temporary files and what attacks are after.
            isolation: the tier.
            plain: whether to grade as an ordinary user, where this process is root.
            jail: where the grader runs, as root, in another root file system than this one; `folder` lies in it.

        Raises:
            NotOffered: the tier can't be had.
        """
        self.folder = folder
        self._jail = jail
        self.course = folder / "course"
        self.temporary = folder / "tmp"
        self._furnish()
        python, modules = [sys.executable], f"{ROOT}:{ROOT / 'tests'}"
        if jail is not None:
            self._close(jail)
            python, modules = [*jail.enter, jail.python], jail.seen(folder / "tests")
        command = [*python, "-m", "attacks.grading", self._seen(self.course), isolation]
        if plain and os.getuid() == 0:
            command = as_plain_user(command, [folder, ROOT, Path(sys.prefix), Path(sys.base_prefix)])
            for path in (folder, *folder.rglob("*")):
                os.chown(path, PLAIN_UID, PLAIN_UID)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self._seen(folder / "home"),
            "TMPDIR": self._seen(self.temporary),
            "PYTHONPATH": modules,
            "PYTHONDONTWRITEBYTECODE": "1",
            "AUTOGRADER_CANARY": CANARY,
        }
        with (folder / "grader.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=folder / "home"
            )
        self._answers = b""
        try:
            self.started = self._answer()
        except EOFError:
            reason = (folder / "grader.log").read_text(errors="replace").strip().splitlines()
            self.process.wait()
            raise NotOffered(reason[-1] if reason else "it ended without a word") from None
        if "refused" in self.started:
            self.close()
            raise NotOffered(self.started["refused"])
        if jail is not None:
            self.started["victim_folder"] = jail.here(self.started["victim_folder"])
            self.started["temporary"] = [jail.here(path) for path in self.started["temporary"]]
        used = self.grade(self.course / "source" / NAME / f"{NAME}.ipynb")["report"]["isolation"]
        if used != isolation:
            self.close()
            raise NotOffered(f"the grader used {used} where it was told {isolation}")

    def _furnish(self) -> None:
        """The course, other submissions, a gradebook: everything that anybody may write, but for the sandbox."""
        from conftest import notebook_of, solved_cells

        for path in (self.course / "source" / NAME, self.course / "submitted" / "other" / NAME, self.temporary):
            path.mkdir(parents=True)
        (self.folder / "home").mkdir()
        secret = b'"metadata": {"instructor": "' + CANARY.encode() + b'", "kernelspec"'
        solved = notebook_of(solved_cells()).replace(b'"metadata": {"kernelspec"', secret)
        assert CANARY.encode() in solved
        (self.course / "source" / NAME / f"{NAME}.ipynb").write_bytes(solved)
        (self.course / "gradebook.db").write_text(CANARY)
        (self.course / "submitted" / "other" / NAME / f"{NAME}.ipynb").write_text(f'{{"cells": "{CANARY}"}}')
        (self.folder / "home" / "notes.txt").write_text(CANARY)
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)

    def _close(self, jail: Jail) -> None:
        """Install this program in the jail, and close what is secret as a bundle does: there permissions protect it."""
        from autograder.sandbox.isolation.identity import GROUP

        shutil.copytree(jail.assignments, self.course / "assignments")
        (self.course / ".autograder").mkdir()
        (self.course / ".autograder" / "secret").write_text(CANARY)
        (self.folder / "tests" / "attacks").mkdir(parents=True)
        for name in ("__init__.py", Path(__file__).name):
            shutil.copy(Path(__file__).with_name(name), self.folder / "tests" / "attacks")
        for path in (self.course, self.folder / "home", self.folder / "tests"):
            subprocess.run(["chmod", "-R", "go=", str(path)], check=True)
        self.folder.chmod(0o755)
        os.chown(self.temporary, 0, GROUP)
        self.temporary.chmod(0o1717)

    def _seen(self, path: Path) -> str:
        return str(path) if self._jail is None else self._jail.seen(path)

    def grade(self, notebook: Path) -> dict[str, Any]:
        """Grade one notebook; what the program's one line says."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self._seen(notebook)}\n".encode())
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        limit = time.monotonic() + HANGS_AFTER
        while b"\n" not in self._answers:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no answer in {HANGS_AFTER:g} seconds")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise EOFError("the grader has ended")
            self._answers += data
        line, _, self._answers = self._answers.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the grader."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    # --- what an attack could have changed -------------------------------------------------------------------

    def files(self) -> dict[str, tuple[object, ...]]:
        """Everything in the folder but what graders write, in a form that differs after any change."""
        found: dict[str, tuple[object, ...]] = {}
        for place in (self.course, self.folder / "home", *self._victim_s()):
            for path in (place, *place.rglob("*")):
                status = path.lstat()
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, status.st_nlink, content)
        return found

    def _victim_s(self) -> list[Path]:
        return [Path(self.started["victim_folder"])] if "victim_folder" in self.started else []

    def left_over(self) -> set[str]:
        """Folders of workers that ended, and other things in the temporary folder that weren't there at the start."""
        return self._temporary_files() - set(self.started["temporary"])

    def _temporary_files(self) -> set[str]:
        return {str(path) for path in self.temporary.glob("*/*")} | {str(path) for path in self.temporary.iterdir()}

    def processes(self) -> set[int]:
        """The grader and all that it started, and all that they started."""
        return descendants(self.process.pid)

    def forget_peak(self) -> None:
        """From here on, `peak` counts anew."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.started['pid']}/clear_refs").write_text("5")

    def peak(self) -> int:
        """MiB that the trusted process held at the most."""
        status = Path(f"/proc/{self.started['pid']}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) >> 10


def parents() -> dict[int, int]:
    """The parent of every process that runs."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    found[int(entry.name)] = int(fields[1])
    return found


def descendants(pid: int) -> set[int]:
    """`pid` and the processes below it."""
    above = parents()
    found = {pid}
    while more := {child for child, parent in above.items() if parent in found} - found:
        found |= more
    return found


def as_plain_user(command: list[str], needed: list[Path]) -> list[str]:
    """`command` as PLAIN_UID without any capability, where this process is root.

    Where one of the `needed` folders lies below one that only root may enter, it runs in a mount namespace of its own
    in which that one holds the needed folders and nothing else.

    Raises:
        NotOffered: no such namespace can be made.
    """
    drop = [
        "setpriv", f"--reuid={PLAIN_UID}", f"--regid={PLAIN_UID}", "--clear-groups", "--inh-caps=-all",
        "--bounding-set=-all",
    ]  # fmt: skip
    if shutil.which("setpriv") is None:
        raise NotOffered("setpriv is missing: tests as a plain user need Debian's util-linux")
    closed = dict(_closed(path) for path in map(Path.resolve, needed) if _closed(path)[0])
    if not closed:
        return [*drop, *command]
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
        raise NotOffered(f"only root may enter {next(iter(closed.values()))}, and no mount namespace can be made")
    script = ["set -e", "mount -t tmpfs -o mode=755 attacks /mnt"]
    for number, path in enumerate(closed):
        script += [f"mkdir /mnt/{number}", f"mount --rbind {shlex.quote(str(path))} /mnt/{number}"]
    script += [f"mount -t tmpfs -o mode=755 attacks {shlex.quote(str(top))}" for top in sorted(set(closed.values()))]
    for number, path in enumerate(closed):
        script += [f"mkdir -p {shlex.quote(str(path))}", f"mount --move /mnt/{number} {shlex.quote(str(path))}"]
    script += ["umount /mnt", f"exec {shlex.join([*drop, *command])}"]
    return ["unshare", "-m", "sh", "-c", "\n".join(script)]


def _closed(path: Path) -> tuple[Path | None, Path | None]:
    """`path` and the topmost folder above it that a plain user may not enter; nothing where there is none."""
    for ancestor in reversed(path.parents):
        if not ancestor.stat().st_mode & 0o001:
            return path, ancestor
    return None, None


def main() -> None:
    """Grade what standard input names, with a victim's worker beside."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from autograder.course import Course
    from autograder.grading import Grader
    from autograder.sandbox import messages
    from autograder.sandbox.errors import SandboxError
    from autograder.sandbox.limits import MIB, Limits
    from autograder.submission import SubmissionError, read_submission

    folder, isolation = sys.argv[1:]
    limits = Limits(
        cell_seconds=0.5, call_seconds=0.5, call_floor=0.5, memory=256 * MIB, files=8 * MIB, submission_seconds=16
    )

    def say(answer: dict[str, Any]) -> None:
        answers.write(msgspec.json.encode(answer).decode() + "\n")
        answers.flush()

    assignment = Course(Path(folder)).assignment(NAME)
    try:
        grader = Grader(assignment, limits, isolation)  # type: ignore[arg-type]
        _ = grader.notes
        victim = grader._sandbox.spawn(0)
    except SandboxError as error:
        say({"refused": str(error).splitlines()[0]})
        return
    code = f"import os\nanswer = {CANARY!r} * 3\nos.umask(0)\nopen('answer.txt', 'w').write(answer)"
    victim.request(messages.RunCell(code, "a cell", 1 << 20), [], 20.0, lambda *_: _never())
    temporary = Path(os.environ["TMPDIR"])
    say(
        {
            "pid": os.getpid(),
            "uid": os.getuid(),
            "victim": victim.pid,
            "victim_folder": str(victim._folder),
            "temporary": [str(path) for path in [*temporary.glob("*/*"), *temporary.iterdir()]],
        }
    )
    with grader:
        for line in sys.stdin:
            try:
                graded = grader.grade(read_submission(Path(line.rstrip("\n")), assignment), seed=1)
            except SubmissionError as error:
                say({"refused": str(error)})
                continue
            names = [cell.grade_id for cell in graded.submission.cells]
            say({"report": graded.report, "outputs": list(graded.outputs), "names": names})
        victim.close()


def _never() -> Iterator[Any]:
    raise AssertionError("the victim called back")


if __name__ == "__main__":
    main()
