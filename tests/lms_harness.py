"""Harnesses: lay out each system's folders, metadata and limits, and run a bundle as the system does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SECONDS = 240
"""After which a run counts as stuck."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Files = Mapping[str, bytes | Path]
"""A submission: contents by path; a Path stands for a link that leads there."""


def unpack(bundle: Path, folder: Path) -> None:
    """Unpack a zip archive with the modes that it gives, as `unzip` does."""
    with zipfile.ZipFile(bundle) as archive:
        for entry in archive.infolist():
            archive.extract(entry, folder)
            (folder / entry.filename).chmod(entry.external_attr >> 16 & 0o777)


def environment_of(requirements: str, folder: Path) -> Path:
    """An environment with the pinned packages and nothing else, out of those that are installed here: hard links.

    What the CUDA build of torch needs comes along where that one is installed: the pins ask for the CPU's.
    """
    pinned = [line.split("==")[0] for line in requirements.splitlines() if "==" in line]
    if "torch" in pinned:
        names = [str(found.metadata["Name"]) for found in metadata.distributions()]
        pinned += [name for name in names if re.match(r"(nvidia|cuda|triton)(-|$)", name)]
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    (folder / "bin" / "python").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    for name in [*pinned, "pip"]:
        found = metadata.distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            target, link = Path(str(found.locate_file(top))), packages / top
            if target.exists() and not link.exists():
                linked(target, link)
    return folder


def linked(source: Path, target: Path) -> None:
    """Copy a file or folder by hard links, where that is possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for way in ("-al", "-a"):
        if (
            subprocess.run(["cp", way, "--", str(source), str(target)], check=False, capture_output=True).returncode
            == 0
        ):
            return
        shutil.rmtree(target, ignore_errors=True)
    raise OSError(f"{source} can't be copied to {target}")


def validated(data: bytes, system: str) -> dict[str, Any]:
    """Results, after the system's schema was held against them."""
    found: dict[str, Any] = json.loads(data)
    schema = json.loads((TESTS / "schemas" / f"{system}.json").read_text())
    jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)
    return found


class Run:
    """How one run ended.

    Attributes:
        status: the exit status, negative for a signal.
        log: standard output and standard error.
        seconds: by the clock.
    """

    def __init__(self, status: int, log: str, seconds: float) -> None:
        self.status = status
        self.log = log
        self.seconds = seconds


class Harness:
    """A system's folders below `root`, in which its bundle is unpacked and built; runs submissions one by one.

    Attributes:
        root: the folder that stands for the system's own.
        variables: the environment of a run.
        enter: what goes before every command: nothing, or what enters a jail.
    """

    system: str
    course: Path
    """The bundle's course, where it was unpacked."""

    def __init__(self, root: Path, jail: Path | None) -> None:
        """
        Args:
            root: is made.
            jail: another root file system, in which `root` lies and in which everything runs.
        """
        self.root = root
        self._jail = jail
        self.enter = [] if jail is None else jail_command(jail)
        root.mkdir(parents=True)
        root.chmod(0o755)
        self.variables = {"HOME": "/root", "PATH": PATH, "LANG": "C.UTF-8"}
        if jail is None:
            self.variables["AUTOGRADER_SHARED_HOST"] = "1"
        self._submission: Path
        self._results: Path

    def lay_out(self, files: Files, details: Any = None, earlier: bytes | None = None) -> None:
        """Lay out a submission, as if nothing had been graded before but for results that were left behind.

        Args:
            files: what the student handed in.
            details: what the system tells of it: bytes as they are, other things as JSON, None for nothing.
            earlier: results that are there already.
        """
        for folder in (self._submission, self._results):
            shutil.rmtree(folder, ignore_errors=True)
        self._submission.mkdir(parents=True)
        lay_out(self._submission, files)
        self._tell(details)
        if earlier is not None:
            self._results.mkdir()
            (self._results / "results.json").write_bytes(earlier)

    def _tell(self, details: Any) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        """What the system starts."""
        raise NotImplementedError

    def seen(self, path: Path) -> str:
        """A path as what runs sees it."""
        return str(path) if self._jail is None else f"/{path.relative_to(self._jail)}"

    @property
    def working_folder(self) -> Path:
        """Where the system starts the bundle."""
        return self.root

    def run(self, prefix: Sequence[str] = ()) -> Run:
        """Run the bundle; `prefix` goes before its command, outside of a jail."""
        return run([*prefix, *self.enter, *self.command()], self.variables, self.working_folder)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the bundle in a session of its own, for a run that is to be killed."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            self.command(),
            env=self.variables,
            cwd=self.root,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )

    def raw(self) -> bytes:
        """The results as the system reads them."""
        return (self._results / "results.json").read_bytes()

    def results(self) -> dict[str, Any]:
        """The results, valid ones."""
        return validated(self.raw(), self.system)

    def points(self) -> dict[str, float]:
        """The points of each graded cell, by the function's name; nothing where nothing was graded."""
        raise NotImplementedError

    def told(self) -> str:
        """All that the student reads."""
        return self.raw().decode()

    def _build(self, command: Sequence[str], environment: Path | None) -> None:
        """Run a step of building, with an environment in place of what would come from the network."""
        extra = {} if environment is None else {"AUTOGRADER_ENVIRONMENT": self.seen(environment)}
        ended = run([*self.enter, *command], {**self.variables, **extra}, self.root)
        assert ended.status == 0, ended.log


class Gradescope(Harness):
    """`/autograder`."""

    system = "gradescope"

    def __init__(self, bundle: Path, root: Path, environment: Path | None, jail: Path | None = None) -> None:
        """
        Args:
            bundle: what would be uploaded.
            root: is made.
            environment: takes the place of what setup.sh would install from the network.
            jail: see Harness.
        """
        super().__init__(root, jail)
        unpack(bundle, root / "source")
        self.course = root / "source" / "course"
        self.variables["AUTOGRADER_ROOT"] = self.seen(root)
        self._submission, self._results = root / "submission", root / "results"
        shutil.copy(root / "source" / "run_autograder", root)
        self._build(["bash", self.seen(root / "source" / "setup.sh")], environment)

    def _tell(self, details: Any) -> None:
        place = self.root / "submission_metadata.json"
        place.unlink(missing_ok=True)
        self._results.mkdir()
        if details is not None:
            place.write_bytes(details if isinstance(details, bytes) else json.dumps(details).encode())

    def lay_out(self, files: Files, details: Any = None, earlier: bytes | None = None) -> None:
        super().lay_out(files, details)
        if earlier is not None:
            (self._results / "results.json").write_bytes(earlier)

    def command(self) -> list[str]:
        return [self.seen(self.root / "run_autograder")]

    def points(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for test in self.results()["tests"]:
            if "number" in test:
                function = test["name"].split(":")[0]
                found[function] = found.get(function, 0.0) + test["score"]
        return found


class PrairieLearn(Harness):
    """`/grade`; the image's `/opt/autograder` lies in it, too."""

    system = "prairielearn"

    def __init__(self, bundle: Path, root: Path, environment: Path, jail: Path | None = None) -> None:
        super().__init__(root, jail)
        unpacked = root.parent / f"{root.name}-unpacked"
        unpack(bundle, unpacked)
        home = root / "opt"
        self.variables |= {"AUTOGRADER_ROOT": self.seen(root), "AUTOGRADER_HOME": self.seen(home)}
        self._submission, self._results = root / "student", root / "results"
        for name, words in instructions((unpacked / "image" / "Dockerfile").read_text()):
            if name == "COPY":
                source, target = words.split()
                linked(unpacked / "image" / source, Path(target.replace("/opt/autograder", str(home))))
            elif name == "RUN" and "--requirement" in words:
                (home / "environment").symlink_to(self.seen(environment))  # the network is not asked
            elif name == "RUN":
                self._build(["sh", "-c", words.replace("/opt/autograder", self.seen(home))], None)
        (question,) = (unpacked / "questions").iterdir()
        self.info = json.loads((question / "info.json").read_text())
        shutil.copytree(question / "tests", root / "tests")
        self.course = root / "tests" / "course"

    def _tell(self, details: Any) -> None:
        place = self.root / "data" / "data.json"
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        if details is not None:
            place.write_bytes(details if isinstance(details, bytes) else json.dumps(details).encode())

    def command(self) -> list[str]:
        return [self.info["externalGradingOptions"]["entrypoint"].replace("/grade", self.seen(self.root), 1)]

    def results(self) -> dict[str, Any]:
        found = super().results()
        assert len(self.raw()) < 1_000_000
        return found

    def points(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for test in self.results().get("tests", ()):
            if test["max_points"]:
                function = test["name"].split(":")[0]
                found[function] = found.get(function, 0.0) + test["points"]
        return found


class Vocareum(Harness):
    """`/voc`."""

    system = "vocareum"

    def __init__(self, bundle: Path, root: Path, environment: Path | None, jail: Path | None = None) -> None:
        super().__init__(root, jail)
        unpack(bundle, root)
        self.course = root / "scripts" / "course"
        self._submission, self._results = root / "work", root / "temporary"
        self.variables |= {
            "AUTOGRADER_HOME": self.seen(root / "opt"),
            "VOC_HOME_DIR": self.seen(self._submission),
            "vocareumGradeFile": self.seen(self._results / "grades"),
            "vocareumReportFile": self.seen(self._results / "report"),
        }
        self._build(["bash", self.seen(root / "scripts" / "setup.sh")], environment)

    def _tell(self, details: Any) -> None:
        self._results.mkdir()
        for name in ("grades", "report"):
            (self._results / name).touch()
        known = ("VOC_USERID", "VOC_SUBMISSION_COUNT")
        for name in known:
            self.variables.pop(name, None)
        if isinstance(details, dict):
            self.variables |= {name: str(details[name]) for name in known if name in details}

    def lay_out(self, files: Files, details: Any = None, earlier: bytes | None = None) -> None:
        super().lay_out(files, details)
        if earlier is not None:
            (self._results / "grades").write_bytes(earlier)

    def command(self) -> list[str]:
        return [self.seen(self.root / "scripts" / "grade.sh")]

    @property
    def working_folder(self) -> Path:
        return self._submission

    def raw(self) -> bytes:
        return (self._results / "report").read_bytes()

    def results(self) -> dict[str, Any]:
        """The grade file's criteria and scores, valid ones, beside the report."""
        first, _, report = self.raw().decode().partition("\n")
        assert first == "VOC_NO_REPORT_OUTPUT"
        rubric = dict(line.split(",") for line in (self.root / "rubric.csv").read_text().splitlines())
        grades = dict(line.split(",") for line in (self._results / "grades").read_text().splitlines())
        assert list(grades) == list(rubric)
        assert all(0 <= float(score) <= float(rubric[name]) for name, score in grades.items())
        return {"grades": {name: float(score) for name, score in grades.items()}, "report": report}

    def points(self) -> dict[str, float]:
        found: dict[str, float] = self.results()["grades"]
        return found


def jail_command(jail: Path) -> list[str]:
    """What enters another root file system as a container does: Docker's capabilities, no namespaces, no Landlock."""
    return [sys.executable, str(TESTS / "like_a_container.py"), str(jail)]


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions with their arguments, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(line.split(maxsplit=1)[0].upper(), line.split(maxsplit=1)[1]) for line in joined]


def run(command: Sequence[str], variables: Mapping[str, str], folder: Path) -> Run:
    """Run a command as a harness does: no terminal, nothing on its standard input, output kept."""
    started = time.monotonic()
    ended = subprocess.run(
        command,
        env=dict(variables),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    return Run(ended.returncode, ended.stdout.decode(errors="replace"), time.monotonic() - started)


def lay_out(folder: Path, files: Files) -> None:
    """Write a submission's files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            os.symlink(content, path)
        else:
            path.write_bytes(content)
