"""Bundles in a bare root file system, with what a container leaves to root: no Landlock, no namespaces."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bare_root import bare_root
from cgroup import limited
from lms_harness import Harness, environment_of
from test_lms_harnesses import DETAILS, KINDS, NAME, NOTEBOOK, RIGHT, UNFILLED, WRONG, graded, hostile, make

pytestmark = pytest.mark.slow
PLACES = {"gradescope": "autograder", "prairielearn": "grade", "vocareum": "voc"}


@pytest.fixture(scope="module")
def jail() -> Iterator[Path]:
    pytest.importorskip("autograder.sandbox.isolation", reason="tier uid isn't there yet: NOT tried in a bare root")
    with bare_root() as folder:
        yield folder


@pytest.fixture(scope="module", params=KINDS)
def harness(request: pytest.FixtureRequest, jail: Path) -> Iterator[Harness]:
    """The system's folders at the places where the system has them, in the bare root file system."""
    system = request.param
    own = Path(tempfile.mkdtemp(prefix=f"{system}-", dir=jail / "opt"))
    own.chmod(0o755)
    bundle = make(system, NAME, own / "bundle.zip")
    with zipfile.ZipFile(bundle) as archive:
        name = next(name for name in archive.namelist() if name.endswith("requirements.txt"))
        environment = environment_of(archive.read(name).decode(), own / "environment")
    root = jail / PLACES[system]
    for folder in (root, jail / f"{PLACES[system]}-unpacked"):
        shutil.rmtree(folder, ignore_errors=True)
    kind: Any = KINDS[system]
    yield kind(bundle, root, environment, jail)
    shutil.rmtree(root, ignore_errors=True)


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
