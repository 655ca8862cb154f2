"""Faults: whatever is killed, full or locked, running again gives the gradebook of an undisturbed run.

AUTOGRADER_FULL=1 tries the full numbers: 100 kills, 500 submissions in a row, 100 gradings of each of six notebooks.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from attacks.grading import GraderProcess, descendants, parents
from conftest import FUNCTIONS, notebook_of, solved_cells

from autograder.classroom import Pool, Settings
from autograder.course import Assignment
from autograder.grading import Grader
from autograder.report import Report, to_json, without_times
from autograder.sandbox import leftovers
from autograder.sandbox.limits import Limits
from autograder.submission import parse_submission

FULL = os.environ.get("AUTOGRADER_FULL") == "1"
KILLS = 100 if FULL else 5
IN_A_ROW = 500 if FULL else 80
REPEATS = 100 if FULL else 4
STUDENTS = 20
NAME = "ps1_gradient_descent"
ROOT = Path(__file__).resolve().parent.parent
CONFIG = "\nc.GradeInSandbox.seed = 7\nc.GradeInSandbox.call_seconds = 1.0\nc.GradeInSandbox.jobs = 2\n"
WRONG = {
    "mse_loss": "def mse_loss(y, y_hat):\n    return np.sum((y - y_hat) ** 2)",
    "mse_gradient": "def mse_gradient(y, y_hat):\n    raise ValueError('not yet')",
    "gradient_step": "def gradient_step(w, gradient, lr):\n    return w + lr * gradient",
    "gradient_descent": "def gradient_descent(X, y, w0, b0, lr, n_steps):\n    import os\n    os._exit(0)",
    "numerical_gradient": "def numerical_gradient(f, w, eps=1e-5):\n    return np.random.rand(*w.shape)",
}
"""A mistake in each of five functions: wrong, raising, uphill, crashing, random."""


def notebook(**sources: str) -> bytes:
    cells = solved_cells()
    for entry in cells:
        name = entry["metadata"]["nbgrader"]["grade_id"]  # type: ignore[index]
        entry["source"] = sources.get(name, entry["source"])
    return notebook_of(cells)


# --- a class in nbgrader -----------------------------------------------------------------------------------------


class Class:
    """A course with a class of submissions that nbgrader has not graded yet."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder, self.temporary = folder, temporary
        temporary.mkdir(parents=True, exist_ok=True)

    def nbgrader(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of nbgrader's, as a session of its own."""
        environment = {**os.environ, "TMPDIR": str(self.temporary), "PYTHONDONTWRITEBYTECODE": "1"}
        with (self.folder / "nbgrader.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "nbgrader", *arguments],
                cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def autograde(self) -> int:
        """Grade what is not graded yet; the exit status."""
        return self.nbgrader("autograde", NAME).wait(240)

    def result(self) -> dict[str, Any]:
        """Gradebook and Reports, but for times."""
        found: dict[str, Any] = {}
        database = sqlite3.connect(f"file:{self.folder / 'gradebook.db'}?mode=ro", uri=True)
        query = """
            select submitted_assignment.student_id, base_cell.name, grade.auto_score, grade.manual_score,
                   grade.needs_manual_grade, submitted_notebook.late_submission_penalty
            from grade join base_cell on base_cell.id = grade.cell_id
            join submitted_notebook on submitted_notebook.id = grade.notebook_id
            join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
            order by 1, 2
        """
        with contextlib.closing(database):
            found["gradebook"] = database.execute(query).fetchall()
        for path in sorted((self.folder / "autograded").glob(f"*/{NAME}/{NAME}.ipynb")):
            document = json.loads(path.read_text())
            report = msgspec.convert(document["metadata"]["autograder"]["report"], type=Report)
            found[path.parts[-3]] = to_json(without_times(report))
        return found

    def originals(self) -> dict[str, bytes]:
        """What was handed in."""
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in (self.folder / "submitted").rglob("*.ipynb")}

    def copy(self, name: str) -> Class:
        """The same class again, from the start."""
        folder = self.folder.parent / name
        shutil.copytree(self.folder, folder)
        return Class(folder, self.temporary.parent / f"tmp-{name}")


@pytest.fixture(scope="module")
def ungraded(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """The class: right and wrong answers, and files that are no notebooks."""
    folder = tmp_path_factory.mktemp("faults") / "course"
    (folder / "source" / NAME).mkdir(parents=True)
    (folder / "source" / NAME / f"{NAME}.ipynb").write_bytes(notebook())
    (folder / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text() + CONFIG)
    wrong = list(WRONG.items())
    for number in range(STUDENTS):
        place = folder / "submitted" / f"s{number:02}" / NAME / f"{NAME}.ipynb"
        place.parent.mkdir(parents=True)
        kind = number % 7
        place.write_bytes(b"no notebook" if kind == 6 else notebook(**dict(wrong[kind - 1 : kind]) if kind else {}))
        (place.parent / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    made = Class(folder, folder.parent / "tmp")
    assert made.nbgrader("generate_assignment", NAME).wait(60) == 0
    return made


@pytest.fixture(scope="module")
def undisturbed(ungraded: Class) -> tuple[dict[str, Any], float]:
    """What grading without any fault gives, and how many seconds it takes."""
    calm = ungraded.copy("calm")
    started = time.monotonic()
    assert calm.autograde() == 0
    seconds = time.monotonic() - started
    assert len(calm.result()) == STUDENTS + 1
    assert not list(calm.temporary.iterdir())
    return calm.result(), seconds


def identity(pid: int) -> tuple[int, str] | None:
    """A process's id and starting time, which tell it from later ones of the same id; None where it has ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else (pid, fields[19])
    return None


def await_end(processes: set[tuple[int, str]], seconds: float = 20.0) -> None:
    """Wait until all of the processes have ended."""
    limit = time.monotonic() + seconds
    while alive := {one for one in processes if identity(one[0]) == one}:
        assert time.monotonic() < limit, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid, _ in alive]
        time.sleep(0.05)


def assert_undisturbed(resumed: Class, ungraded: Class, undisturbed: tuple[dict[str, Any], float]) -> None:
    assert resumed.result() == undisturbed[0]
    assert resumed.originals() == ungraded.originals()
    assert not list(resumed.temporary.iterdir())


@pytest.mark.slow
def test_kills_at_random_moments_change_no_grade(ungraded: Class, undisturbed: tuple[dict[str, Any], float]) -> None:
    """nbgrader, grading processes, zygotes and workers are killed; the run is started again until it has ended."""
    rng = random.Random(11)
    kills = round_ = 0
    killed: dict[str, int] = {}
    while kills < KILLS:
        round_ += 1
        resumed = ungraded.copy(f"killed{round_}")
        done = False
        while not done:
            process = resumed.nbgrader("autograde", NAME)
            seen: set[tuple[int, str]] = set()
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(rng.uniform(0.05, undisturbed[1] * 0.7) if kills < KILLS else 240)
                tree = sorted(descendants(process.pid))
                seen |= {one for pid in tree if (one := identity(pid))}
                if process.poll() is None and kills < KILLS:
                    victim = process.pid if rng.random() < 0.4 else rng.choice(tree)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
                        kills += 1
                        kind = "nbgrader" if victim == process.pid else "below"
                        killed[kind] = killed.get(kind, 0) + 1
            await_end(seen)
            done = process.returncode == 0
        assert_undisturbed(resumed, ungraded, undisturbed)
        shutil.rmtree(resumed.folder)
    print(f"{kills} kills in {round_} classes: {killed}")


@pytest.mark.slow
def test_ctrl_c_ends_at_once_and_loses_nothing(ungraded: Class, undisturbed: tuple[dict[str, Any], float]) -> None:
    resumed = ungraded.copy("interrupted")
    process = resumed.nbgrader("autograde", NAME)
    while not list((resumed.folder / "autograded").glob("*")):
        time.sleep(0.05)
        assert process.poll() is None
    seen = {one for pid in descendants(process.pid) if (one := identity(pid))}
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) != 0
    await_end(seen)
    assert resumed.autograde() == 0
    assert_undisturbed(resumed, ungraded, undisturbed)


@pytest.mark.slow
def test_a_locked_gradebook_loses_nothing(ungraded: Class, undisturbed: tuple[dict[str, Any], float]) -> None:
    resumed = ungraded.copy("locked")
    process = resumed.nbgrader("autograde", NAME)
    while not list((resumed.folder / "autograded").glob(f"*/{NAME}/{NAME}.ipynb")):
        time.sleep(0.05)
        assert process.poll() is None
    with contextlib.closing(sqlite3.connect(resumed.folder / "gradebook.db", timeout=30)) as database:
        database.execute("begin exclusive")
        assert process.wait(60) != 0
        database.rollback()
    assert resumed.autograde() == 0
    assert_undisturbed(resumed, ungraded, undisturbed)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(ungraded: Class, undisturbed: tuple[dict[str, Any], float], tmp_path: Path) -> None:
    """The course lies on a file system that is too small, until it is made larger."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system of a size of its own can be mounted here")
    mount, result = tmp_path / "disk", tmp_path / "result"
    mount.mkdir()
    grade = shlex.join([sys.executable, "-m", "nbgrader", "autograde", NAME])
    size = sum(path.stat().st_size for path in ungraded.folder.rglob("*") if path.is_file()) + (700 << 10)
    script = f"""
    set -e
    mount -t tmpfs -o size={size} disk {mount}
    cp -a {ungraded.folder}/. {mount}
    mkdir {mount}/tmp
    cd {mount}
    if TMPDIR={mount}/tmp {grade}; then echo "the disk was large enough" >&2; exit 3; fi
    mount -o remount,size=500m {mount}
    TMPDIR={mount}/tmp {grade}
    cp -a {mount} {result}
    """
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_undisturbed(Class(result, result / "tmp"), ungraded, undisturbed)


# --- one grader --------------------------------------------------------------------------------------------------


@pytest.fixture
def grader_process() -> Iterator[GraderProcess]:
    """A grader in a process of its own."""
    made = GraderProcess(Path(tempfile.mkdtemp(prefix="faults-")), "landlock", plain=False)
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def written(grader: GraderProcess, name: str, content: bytes) -> Path:
    path = grader.folder / f"{name}.ipynb"
    path.write_bytes(content)
    return path


def plain_report(answer: dict[str, Any]) -> bytes:
    return to_json(without_times(msgspec.convert(answer["report"], type=Report)))


def test_a_worker_killed_from_outside_costs_its_submission_nothing(grader_process: GraderProcess) -> None:
    slow = notebook(mse_loss=f"import time; time.sleep(0.4)\n{solved_cells()[1]['source']}")
    path = written(grader_process, "slow", slow)
    right = plain_report(grader_process.grade(path))
    known = grader_process.processes()
    assert grader_process.process.stdin is not None
    grader_process.process.stdin.write(f"{path}\n".encode())
    grader_process.process.stdin.flush()
    while not (workers := grader_process.processes() - known):
        time.sleep(0.005)
    time.sleep(0.1)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    assert plain_report(grader_process._answer()) == right


def await_zygotes() -> set[int]:
    """The zygotes below this process: they are forked from the base process, and fork workers."""
    while True:
        above = parents()
        for worker, zygote in above.items():
            if above.get(above.get(zygote, 0)) == os.getpid():
                assert worker != zygote
                return {zygote}
        time.sleep(0.01)


def test_a_killed_zygote_costs_no_submission_points_and_stops_no_batch(course: Path, tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.ipynb")
        paths[-1].write_bytes(notebook(mse_loss=f"import time; time.sleep(0.5)\n{solved_cells()[1]['source']}"))
    with Pool(Settings(course=str(course), assignment=NAME), 1) as pool:
        futures = [pool.submit(path, 1) for path in paths]
        assert futures[0].result().report.score == sum(FUNCTIONS.values())
        for pid in await_zygotes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert [future.result().report.score for future in futures] == [sum(FUNCTIONS.values())] * 4


def test_a_notebook_that_ends_its_own_process_is_not_taken_for_one_that_was_killed(
    assignment: Assignment, notebook_with: Callable[..., Any]
) -> None:
    crash = "def mse_loss(y, y_hat):\n    import os\n    os._exit(9)"
    close = "def mse_loss(y, y_hat):\n    import os\n    os.closerange(0, 4096)"
    with Grader(assignment, Limits(call_seconds=1.0)) as grader:
        for source in (crash, close):
            graded = grader._grade(parse_submission(notebook(mse_loss=source), assignment), 1, 0.0)
            assert not graded[1]
            assert graded[0].report.cells[0].score == 0


def test_what_a_killed_grader_left_is_removed_by_the_next_and_what_is_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "autograder-mine").symlink_to("/")
    used, lock = leftovers.temporary_folder()
    code = "import os; from autograder.sandbox import leftovers; leftovers.temporary_folder(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "TMPDIR": str(tmp_path)})
    (left,) = set(tmp_path.glob("autograder-*")) - {used, tmp_path / "autograder-mine"}
    (left / "worker-1").mkdir(mode=0o000)
    new, other_lock = leftovers.temporary_folder()
    assert set(tmp_path.iterdir()) == {used, new, tmp_path / "autograder-mine"}
    os.close(lock)
    os.close(other_lock)


def test_jumps_of_the_clock_change_no_report(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch, notebook_with: Callable[..., Any]
) -> None:
    submission = notebook_with({"gradient_step": WRONG["gradient_step"]})
    rng = random.Random(3)
    with Grader(assignment, Limits(call_seconds=1.0)) as grader:
        calm = grader.grade(submission, 1).report
        monkeypatch.setattr(time, "time", lambda: rng.uniform(0, 4e9))
        monkeypatch.setattr(time, "time_ns", lambda: rng.randrange(4 * 10**18))
        jumping = grader.grade(submission, 1).report
    assert to_json(without_times(jumping)) == to_json(without_times(calm))


def memory(processes: set[int]) -> int:
    """KiB that the processes hold together, what they share counted once."""
    rolled = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in processes]
    return sum(int(text.split("Pss:")[1].split()[0]) for text in rolled)


def descriptors(processes: set[int]) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in processes)


@pytest.mark.slow
def test_many_submissions_in_a_row_leave_nothing_behind(grader_process: GraderProcess) -> None:
    kinds = [notebook(), *(notebook(**{name: source}) for name, source in WRONG.items())]
    paths = [written(grader_process, f"kind{number}", content) for number, content in enumerate(kinds)]
    warm_up = 50
    for number in range(IN_A_ROW):
        if number == warm_up:
            before = memory(grader_process.processes())
            opened, running = descriptors(grader_process.processes()), grader_process.processes()
        grader_process.grade(paths[number % len(paths)])
    after = memory(grader_process.processes())
    print(f"{before} KiB after {warm_up} submissions, {after} KiB after {IN_A_ROW}: {after / before - 1:+.2%}")
    assert after < 1.05 * before
    assert grader_process.processes() == running
    assert descriptors(running) == opened
    assert not grader_process.left_over()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["right", *WRONG])
def test_a_notebook_graded_again_and_again_has_the_same_report(grader_process: GraderProcess, name: str) -> None:
    path = written(grader_process, name, notebook(**{name: WRONG[name]} if name in WRONG else {}))
    reports = {plain_report(grader_process.grade(path)) for _ in range(REPEATS)}
    assert len(reports) == 1
    assert json.loads(reports.pop())["score"] < sum(FUNCTIONS.values()) or name == "right"
