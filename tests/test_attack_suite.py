"""The attack suite: real notebooks, the real grader, every tier that this host offers, as root and as a plain user.

Of each attack is asserted that it earned nothing, read no secret, changed nothing of others, left the machine's
resources alone, and that a right notebook graded right afterwards by the same grader gets all its points.

The families that isolation has to hold back are tried in every setting, the others as root in the tier `landlock`;
AUTOGRADER_FULL=1 tries everything everywhere.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacks.files import DONE_WITHOUT_ISOLATION
from attacks.grading import CANARY, GraderProcess, NotOffered
from attacks.secrets import FOUND_WITHOUT_ISOLATION
from attacks.table import Attack, all_attacks
from conftest import FUNCTIONS, notebook_of, solved_cells

ATTACKS = all_attacks()
SETTINGS = [
    *((tier, "root") for tier in ("bubblewrap", "landlock", "uid")),
    *((tier, "plain user") for tier in ("bubblewrap", "landlock")),
]
"""Each tier and who grades; the tier `uid` is there for root alone."""
ISOLATED = ("secrets", "files", "processes", "system_calls", "resources")
"""The families whose outcome depends on the tier and on who grades."""
EVERYDAY = {
    "crashes-function_os_exit", "crashes-cell_recursion", "tampering-bench", "forged_frames-true_results",
    "lies-steals_what_is_expected_from_frames", "secrets-gradebook_by_path", "files-writes", "processes-signals",
    "system_calls-obsolete", "resources-threads", "trusted_side-broadcasts_to_a_billion", "text-displayed",
}  # fmt: skip
"""One or two of each family, tried by the everyday tests; all of them are tried by the slow ones."""
NOT_PROMISED = {("resources-unlinked_files_held_by_mappings", ("landlock", "plain user"))}
"""The disk can't be watched closely there: docs/security.md."""
SEEN_BY_HIDDEN_TESTS_ONLY = ("expect.close", "import expect", "hidden_tests.py", "def test_gradient", CANARY)
PLAIN = re.compile(r"[A-Za-z0-9+/]*={0,2}")
WHOLE = sum(FUNCTIONS.values())


@pytest.fixture(scope="session")
def graders() -> Iterator[dict[tuple[str, str], GraderProcess | NotOffered]]:
    """The graders that have been started, by their setting."""
    started: dict[tuple[str, str], GraderProcess | NotOffered] = {}
    yield started
    for one in started.values():
        if isinstance(one, GraderProcess):
            end(one)


def end(grader: GraderProcess) -> None:
    """End a grader and see that nothing of it stays."""
    everything = grader.processes()
    grader.close()
    assert not [pid for pid in everything if _runs(pid)], "a process outlived its grader"
    assert not list(grader.temporary.iterdir()), "files outlived their grader"
    shutil.rmtree(grader.folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def suite_grader(request: pytest.FixtureRequest, graders: dict[Any, Any]) -> GraderProcess:
    """The grader of the test's setting, started once; skips loudly where the host doesn't offer it."""
    setting = request.param
    if setting not in graders:
        tier, who = setting
        # Not pytest's own folders: only the one who runs the tests may enter those.
        folder = Path(tempfile.mkdtemp(prefix="attacks-"))
        try:
            if who == "root" and os.getuid() != 0:
                raise NotOffered("these tests don't run as root")
            graders[setting] = GraderProcess(folder, tier, plain=who == "plain user")
        except NotOffered as reason:
            shutil.rmtree(folder, ignore_errors=True)
            graders[setting] = reason
            warnings.warn(f"no attacks on {tier} as {who}: {reason}", stacklevel=1)
    found = graders[setting]
    if isinstance(found, NotOffered):
        pytest.skip(f"{setting}: {found}")
    return found  # type: ignore[no-any-return]


def grade(grader: GraderProcess, notebook: bytes) -> dict[str, Any]:
    path = grader.folder / "notebook.ipynb"
    path.write_bytes(notebook)
    return grader.grade(path)


def cases() -> Iterator[Any]:
    everywhere = os.environ.get("AUTOGRADER_FULL") == "1"
    for name in ATTACKS:
        for setting in SETTINGS:
            depends = name.startswith(ISOLATED) or name in EVERYDAY
            if not (everywhere or depends or setting == ("landlock", "root")) or (name, setting) in NOT_PROMISED:
                continue
            everyday = name in EVERYDAY and setting[0] == "landlock"
            yield pytest.param(
                name, setting, id=f"{name}-{'-'.join(setting)}", marks=[] if everyday else pytest.mark.slow
            )


@pytest.mark.parametrize(("name", "suite_grader"), list(cases()), indirect=["suite_grader"])
def test_attack_gains_reads_changes_and_stops_nothing(name: str, suite_grader: GraderProcess) -> None:
    assert_gains_reads_changes_and_stops_nothing(ATTACKS[name], suite_grader)


def assert_gains_reads_changes_and_stops_nothing(attack: Attack, grader: GraderProcess) -> None:
    """Grade the attack, and after it a right notebook."""
    before, alive = grader.files(), grader.processes()
    grader.forget_peak()
    held = grader.peak()
    answer = grade(grader, attack.notebook())

    assert_earned_only_what_is_right(attack, answer["report"])
    assert_shows_nothing_secret_or_hostile(answer)
    assert grader.files() == before
    # The machine: memory and time of the trusted side, processes, temporary files; what fills the disk says so itself.
    assert grader.peak() - held < attack.memory, f"{grader.peak() - held} MiB more in the trusted process"
    assert answer["report"]["duration"] < 40
    assert grader.processes() <= alive
    assert grader.left_over() == set()
    assert sum(len(str(outputs)) for outputs in answer["outputs"]) < 64 << 20

    after = grade(grader, notebook_of(solved_cells()))["report"]
    assert after["score"] == WHOLE
    assert after["isolation"] == answer["report"]["isolation"]


def assert_earned_only_what_is_right(attack: Attack, report: dict[str, Any]) -> None:
    """Wrong answers have no points, right ones have theirs, and the checks that failed say so in words meant for it."""
    for cell in report["cells"]:
        function = cell["grade_id"].removeprefix("test_")
        share = cell["score"] / cell["max_score"]
        outcomes = {check["outcome"] for check in cell["checks"]}
        if function in attack.unearned:
            assert share == 0, f"{function}: {share}"
            assert outcomes <= (attack.outcomes or outcomes - {"passed"}), outcomes
        elif function in attack.may_lose:
            assert 0 <= share <= 1
        else:
            assert share == 1, cell
    assert report["score"] == round(sum(cell["score"] for cell in report["cells"]), 2)
    assert not any("itself failed" in problem for problem in report["problems"]), report["problems"]
    assert len(str(report)) < 200_000


def assert_shows_nothing_secret_or_hostile(answer: dict[str, Any]) -> None:
    """What a person will see holds no secret, and nothing that a terminal or a browser would obey."""
    report, outputs = answer["report"], [output for outputs in answer["outputs"] for output in outputs]
    texts = [*report["problems"]]
    for cell in report["cells"]:
        texts += [check[key] for check in cell["checks"] for key in ("title", "message", "hint")]
    for output in outputs:
        texts += [output.get("text", ""), output.get("ename", ""), output.get("evalue", "")]
        texts += [output.get("data", {}).get("text/plain", ""), *output.get("traceback", [])]
        pictures = {mime: data for mime, data in output.get("data", {}).items() if mime != "text/plain"}
        assert pictures.keys() <= {"image/png", "image/jpeg"}
        assert all(PLAIN.fullmatch(data) for data in pictures.values())
    for text in texts:
        assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\t"]
        for secret in SEEN_BY_HIDDEN_TESTS_ONLY:
            assert secret not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"secrets-{name}" for name in FOUND_WITHOUT_ISOLATION])
def test_attack_finds_secrets_where_nothing_isolates_it(unprotected_by_any: GraderProcess, name: str) -> None:
    """What the suite asserts can fail: these attacks look where the secrets are."""
    with pytest.raises(AssertionError):
        assert_shows_nothing_secret_or_hostile(grade(unprotected_by_any, ATTACKS[name].notebook()))


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"files-{name}" for name in DONE_WITHOUT_ISOLATION])
def test_attack_changes_files_where_nothing_isolates_it(unprotected: GraderProcess, name: str) -> None:
    before = unprotected.files()
    grade(unprotected, ATTACKS[name].notebook())
    assert unprotected.files() != before


@pytest.fixture
def unprotected() -> Iterator[GraderProcess]:
    """A grader that isolates nothing, for an attack that will spoil what lies round it."""
    yield from unprotected_grader()


@pytest.fixture(scope="module")
def unprotected_by_any() -> Iterator[GraderProcess]:
    """A grader that isolates nothing, for attacks that only read."""
    yield from unprotected_grader()


def unprotected_grader() -> Iterator[GraderProcess]:
    grader = GraderProcess(Path(tempfile.mkdtemp(prefix="attacks-")), "none", plain=True)
    yield grader
    grader.close()
    shutil.rmtree(grader.folder, ignore_errors=True)


def test_the_suite_has_attacks_of_every_family_that_differ_and_cost_something_somewhere() -> None:
    assert len(ATTACKS) >= 80
    assert ATTACKS.keys() >= EVERYDAY
    assert {name.partition("-")[0] for name in EVERYDAY} >= {name.partition("-")[0] for name in ATTACKS} - {"waiting"}
    assert len({attack.notebook() for attack in ATTACKS.values()}) == len(ATTACKS)
