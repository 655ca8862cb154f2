"""Bundles in a bare root file system, with what a container leaves to root: no Landlock, no namespaces.

The attacks of the attack suite are tried on the grader that a bundle has installed there: one or two of each family.
AUTOGRADER_FULL=1 tries all of them, and every assignment with torch in every system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacks.grading import GraderProcess, Jail
from attacks.secrets import FOUND_WITHOUT_ISOLATION
from bare_root import bare_root
from cgroup import limited
from lms_harness import Harness, environment_of, jail_command
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
    graded,
    hostile,
    make,
    no_secret_in,
)

from autograder.course import Course
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


@pytest.mark.parametrize(
    "harness",
    [(system, name) for system in KINDS for name in (PS3, PS4, PS5) if FULL or (system, name) in LARGE],
    indirect=True,
    scope="module",
    ids="-".join,
)
def test_a_trained_network_is_graded_in_a_minute_and_within_its_memory(harness: Harness) -> None:
    """And where a container has too little memory for it, as Gradescope's has by default, there are valid results."""
    (folder,) = (harness.course / "source").iterdir()
    files = {f"{folder.name}.ipynb": (ROOT / "source" / folder.name / f"{folder.name}.ipynb").read_bytes()}
    for size in (1536, 768):
        harness.lay_out(files, DETAILS[harness.system])
        with limited(size << 20) as group:
            ended = harness.run(group.prefix)
            kills = group.kills
        assert ended.status == 0, ended.log
        harness.results()
        no_secret_in(harness, ended.log)
        if size == 768 and kills:
            continue
        assert not kills
        assert ended.seconds < 60
        assert sum(harness.points().values()) == pytest.approx(points_of(folder.name), abs=0.01)
        assert "Isolation: uid" in harness.told().replace("&#58;", ":")
        if harness.system == "gradescope":
            assert_leaderboard(harness.results(), folder.name)


def points_of(name: str) -> float:
    """The points of an assignment's graded cells."""
    return sum(float(cell.points) for cell in Course(ROOT).assignment(name).tests)


def assert_leaderboard(results: dict[str, Any], name: str) -> None:
    """What the hidden tests of problem set 5 measured is there, and nothing for the others."""
    if name != PS5:
        assert "leaderboard" not in results
        return
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
