"""Bundles in a bare root file system, with what a container leaves to root: no Landlock, no namespaces.

The attacks of the attack suite are tried on the grader that a bundle has installed there: one or two of each family.
AUTOGRADER_FULL=1 tries all of them, and every assignment with torch in every system.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from attacks.grading import GraderProcess, Jail
from attacks.secrets import FOUND_WITHOUT_ISOLATION
from bare_root import bare_root
from cgroup import limited
from lms_harness import PATH, Harness, environment_of, instructions, jail_command, run
from test_attack_suite import (
    ATTACKS,
    EVERYDAY,
    assert_gains_reads_changes_and_stops_nothing,
    assert_shows_nothing_secret_or_hostile,
    end,
    grade,
)
from test_lms_harnesses import (
    DETAILS,
    KINDS,
    NAME,
    NOTEBOOK,
    RIGHT,
    ROOT,
    UNFILLED,
    WRONG,
    edited,
    graded,
    graded_by_command,
    hostile,
    make,
    no_secret_in,
)

from autograder.course import Course
from autograder.lms.bundles.pins import requirements
from autograder.report import Report
from autograder.sandbox.isolation import identity

pytestmark = pytest.mark.slow
FULL = os.environ.get("AUTOGRADER_FULL") == "1"
NOT_PROMISED = {"resources-unlinked_files_held_by_mappings"}
"""Docker's root may not see what a worker has written, so the disk can't be watched closely: docs/security.md."""
HERE = {"secrets-hidden_tests_as_modules", "secrets-hidden_tests_as_files", "files-plants_start_up_files"}
"""Attacks whose outcome depends on how the grader was installed."""
TRIED = (set(ATTACKS) if FULL else EVERYDAY | HERE) - NOT_PROMISED
PS3, PS4, PS5 = "ps3_autograd", "ps4_training_loop", "ps5_fashion_mnist"
LARGE = {("prairielearn", PS4), ("gradescope", PS5)}
"""Assignments with torch, and the systems in which they are graded here."""
PLACES = {"gradescope": "autograder", "prairielearn": "grade", "vocareum": "voc"}


@pytest.fixture(scope="module")
def jail() -> Iterator[Path]:
    with bare_root() as folder:
        yield folder


@pytest.fixture(scope="module", params=[(system, NAME) for system in KINDS], ids="-".join)
def harness(request: pytest.FixtureRequest, jail: Path) -> Iterator[Harness]:
    """The system's folders at the places where the system has them, in the bare root file system."""
    system, name = request.param
    own = Path(tempfile.mkdtemp(prefix=f"{system}-", dir=jail / "opt"))
    own.chmod(0o755)
    bundle = make(system, name, own / "bundle.zip")
    with zipfile.ZipFile(bundle) as archive:
        pins = next(path for path in archive.namelist() if path.endswith("requirements.txt"))
        environment = environment_of(archive.read(pins).decode(), own / "environment")
    root = jail / PLACES[system]
    for folder in (root, jail / f"{PLACES[system]}-unpacked"):
        shutil.rmtree(folder, ignore_errors=True)
    kind: Any = KINDS[system]
    yield kind(bundle, root, environment, jail)
    for folder in (root, own):
        shutil.rmtree(folder, ignore_errors=True)


def test_a_wrong_answer_is_graded_in_tier_uid(harness: Harness) -> None:
    told = graded(harness, {NOTEBOOK: WRONG})
    assert 15 < sum(harness.points().values()) < 20
    assert "uid" in told


def test_right_and_unfilled_notebooks_get_all_and_nothing(harness: Harness) -> None:
    graded(harness, {NOTEBOOK: RIGHT})
    assert sum(harness.points().values()) == 20
    graded(harness, {NOTEBOOK: UNFILLED})
    assert sum(harness.points().values()) == 0


def test_a_hostile_notebook_reads_no_secret_and_writes_no_result(harness: Harness) -> None:
    graded(harness, {NOTEBOOK: hostile(Path(harness.seen(harness.root)))})
    assert 10 < sum(harness.points().values()) < 20


def test_what_is_killed_for_want_of_memory_leaves_valid_results(harness: Harness) -> None:
    harness.lay_out({NOTEBOOK: RIGHT}, DETAILS[harness.system])
    try:
        with limited(40 << 20) as group:
            ended = harness.run(group.prefix)
            kills = group.kills
    except OSError as error:
        pytest.skip(f"{error}: the limit on memory was NOT tried")
    assert ended.status == 0
    assert kills
    harness.results()
    assert "The instructor has been told" in harness.told().replace("&#58;", ":")


def test_nothing_was_installed_into_the_system_s_own_python(harness: Harness, jail: Path) -> None:
    assert not (jail / "usr" / "bin" / "python3").exists()


large = pytest.mark.parametrize(
    "harness",
    [(system, name) for system in KINDS for name in (PS3, PS4, PS5) if FULL or (system, name) in LARGE],
    indirect=True,
    scope="module",
    ids="-".join,
)


@large
def test_a_trained_network_is_graded_in_a_minute_and_within_its_memory(harness: Harness, tmp_path: Path) -> None:
    """The solution; with AUTOGRADER_FULL=1 also other notebooks, with the points of `autograder grade`."""
    name = assignment_of(harness)
    bank = Course(ROOT).assignment(name).bank
    mistakes = {entry.function: entry.source.text for entry in bank.misconceptions}
    unusual = {entry.function: entry.source.text for entry in bank.unusual}
    released = (ROOT / "release" / name / f"{name}.ipynb").read_bytes()
    others = {"mistakes": edited(mistakes, name=name), "unusual": edited(unusual, name=name), "unfilled": released}
    for kind, notebook in {"right": edited({}, name=name), **(others if FULL else {})}.items():
        harness.lay_out({f"{name}.ipynb": notebook}, DETAILS[harness.system])
        with limited(1536 << 20) as group:
            ended = harness.run(group.prefix)
            kills = group.kills
        assert (ended.status, kills) == (0, 0), ended.log
        assert ended.seconds < 60
        harness.results()
        no_secret_in(harness, ended.log)
        assert "Isolation: uid" in harness.told().replace("&#58;", ":")
        if kind in ("right", "unusual"):
            assert sum(harness.points().values()) == pytest.approx(points_of(name), abs=0.01)
        if kind != "right":
            report = graded_by_command(harness, notebook, tmp_path)
            assert sum(harness.points().values()) == pytest.approx(report.score, abs=0.01)
        if (kind, harness.system, name) == ("right", "gradescope", PS5):
            assert_leaderboard(harness.results())


@large
def test_too_little_memory_in_the_middle_of_a_training_leaves_valid_results(harness: Harness) -> None:
    name = assignment_of(harness)
    harness.lay_out({f"{name}.ipynb": edited({}, name=name)}, DETAILS[harness.system])
    with limited(400 << 20) as group:
        ended = harness.run(group.prefix)
        assert group.kills
    assert ended.status == 0
    harness.results()
    no_secret_in(harness, ended.log)


def assignment_of(harness: Harness) -> str:
    """The name of the one assignment that a bundle has."""
    (folder,) = (harness.course / "source").iterdir()
    return folder.name


def test_the_container_for_machines_without_linux_grades_in_tier_uid(jail: Path) -> None:
    """What the Dockerfile copies and starts, as `docker run` does it, with a course that everybody can read."""
    for place in ("opt/container", "opt/autograder", "instructor"):
        shutil.rmtree(jail / place, ignore_errors=True)
    environment_of(requirements("torch"), jail / "opt" / "container")
    folder, start = jail, [""]
    for name, words in instructions((ROOT / "Dockerfile").read_text()):
        if name == "WORKDIR":
            folder = jail / words.lstrip("/")
            folder.mkdir(parents=True)
        elif name == "COPY":
            copy(words.split()[:-1], folder, words.split()[-1])
        elif name == "RUN" and words.endswith(" ."):
            seen = f"/{folder.relative_to(jail)}"
            install = ["-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", seen]
            in_container(jail, ["python", *install])
        elif name == "ENTRYPOINT":
            start = json.loads(words)
    copy(["source", "nbgrader_config.py"], folder, "./")
    handed_in = folder / "submitted" / "ada" / NAME / NOTEBOOK
    handed_in.parent.mkdir(parents=True)
    handed_in.write_bytes(WRONG)
    for place in (jail / "tmp", jail / "dev" / "shm"):
        place.mkdir(exist_ok=True)
        os.chown(place, 0, 0)
        place.chmod(0o1777)
    there = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", f"/{folder.relative_to(jail)}"]
    grading = ["grade", NAME, f"submitted/ada/{NAME}/{NOTEBOOK}", "--json", "report.json"]
    in_container(jail, [*there, *start, *grading])
    report = msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)
    assert report.isolation == "uid"
    assert 15 < report.score < report.max_score
    assert files_of_workers(jail) == set()
    assert (folder / "source").stat().st_mode & 0o777 == 0o755  # the instructor's files stay as they are


def copy(sources: list[str], folder: Path, target: str) -> None:
    """A Dockerfile's COPY from the repository, with modes that let everybody read."""
    for source in sources:
        place = folder / target / Path(source).name if target.endswith("/") else folder / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / source, place)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)


def in_container(jail: Path, command: list[str]) -> str:
    """Run a command as in the image; returns what it prints."""
    variables = {"HOME": "/root", "PATH": f"/opt/container/bin:{PATH}", "LANG": "C.UTF-8"}
    ended = run([*jail_command(jail), *command], variables, jail)
    assert ended.status == 0, ended.log
    return ended.log


def points_of(name: str) -> float:
    """The points of an assignment's graded cells."""
    return sum(float(cell.points) for cell in Course(ROOT).assignment(name).tests)


def assert_leaderboard(results: dict[str, Any]) -> None:
    """What the hidden tests of problem set 5 measured is there."""
    (entry,) = results["leaderboard"]
    assert (entry["name"], entry["order"]) == ("accuracy", "desc")
    assert 0.8 < entry["value"] <= 1


@pytest.fixture(scope="module", params=["uid", "none"])
def grader(request: pytest.FixtureRequest, harness: Harness, jail: Path) -> Iterator[GraderProcess]:
    """The grader that a bundle has installed, with secrets round it, in tier uid or without isolation."""
    folder = Path(tempfile.mkdtemp(prefix="attacks-", dir=jail / "opt"))
    python = harness.seen(harness.root / "environment" / "bin" / "python")
    installed = Jail(jail, jail_command(jail), python, harness.course / "assignments")
    started = GraderProcess(folder, request.param, plain=False, jail=installed)
    yield started
    end(started)


@pytest.mark.parametrize("harness", [("gradescope", NAME)], ids="-".join, indirect=True, scope="module")
@pytest.mark.parametrize("grader", ["uid"], indirect=True, scope="module")
@pytest.mark.parametrize("name", sorted(TRIED))
def test_an_attack_on_the_installed_grader_gains_reads_changes_and_stops_nothing(
    name: str, grader: GraderProcess, jail: Path
) -> None:
    assert_gains_reads_changes_and_stops_nothing(ATTACKS[name], grader)
    assert files_of_workers(jail) <= {Path(grader.started["victim_folder"])}


@pytest.mark.parametrize("harness", [("gradescope", NAME)], ids="-".join, indirect=True, scope="module")
@pytest.mark.parametrize("grader", ["none"], indirect=True, scope="module")
@pytest.mark.parametrize("name", [f"secrets-{name}" for name in FOUND_WITHOUT_ISOLATION])
def test_an_attack_finds_the_installed_grader_s_secrets_without_isolation(name: str, grader: GraderProcess) -> None:
    """The secrets lie where attacks look for them."""
    with pytest.raises(AssertionError):
        assert_shows_nothing_secret_or_hostile(grade(grader, ATTACKS[name].notebook()))


def files_of_workers(jail: Path) -> set[Path]:
    """What belongs to users that workers have been, anywhere in the jail; a folder for all that is in it."""
    own = f"-uid +{identity.FIRST_UID - 1} -uid -{identity.LAST_UID + 1} -prune -print"
    found = subprocess.run(["find", str(jail), "-xdev", *own.split()], check=True, capture_output=True, text=True)
    return set(map(Path, found.stdout.splitlines()))
