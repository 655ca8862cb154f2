"""The base process and what it forks: what each of them imports, and that none outlives its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import LIMITS, NAME, notebook_of, solved_cells

from autograder.classroom import Pool, Settings
from autograder.sandbox.base import Base, BaseLost

SECONDS = 20.0


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "solved.ipynb"
    path.write_bytes(notebook_of(solved_cells()))
    return path


@pytest.fixture
def pool(course: Path) -> Iterator[Pool]:
    with Pool(Settings(course=str(course), assignment=NAME, limits=LIMITS), jobs=2) as pool:
        yield pool


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return sorted(found)


def base_of(owner: Pool | Base) -> int:
    """The base process that `owner` has started; other tests' graders may have theirs at the same time."""
    base = owner._base if isinstance(owner, Pool) else owner
    assert base._process is not None
    return base._process.pid


def descendants(pid: int) -> set[int]:
    own = children(pid)
    return set(own).union(*map(descendants, own))


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.02)


def gone(pids: set[int]) -> bool:
    alive = {int(path.name) for path in Path("/proc").glob("[0-9]*") if int(path.name) in pids}
    return all("\nState:\tZ" in Path(f"/proc/{pid}/status").read_text() for pid in alive)


def test_the_command_imports_no_torch(course: Path, notebook: Path) -> None:
    code = "import sys\nfrom autograder.cli import app\ntry:\n    app()\n"
    code += "finally:\n    assert not {'torch', 'matplotlib', 'IPython'} & set(sys.modules)"
    line = [sys.executable, "-c", code, "grade", NAME, str(notebook), "--course", str(course)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_process_maps_torch_where_numpy_is_enough(pool: Pool, notebook: Path) -> None:
    assert pool.submit(notebook, 1).result().report.score > 0
    base = base_of(pool)
    for pid in {base, *descendants(base)}:
        assert "/torch/" not in Path(f"/proc/{pid}/maps").read_text()


def test_nothing_secret_is_in_the_memory_of_the_base_process_and_of_zygotes(pool: Pool, notebook: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can read another process's memory")
    assert pool.submit(notebook, 1).result().report.score > 0
    base = base_of(pool)
    with_secret = {pid for pid in {base, *descendants(base)} if holds(pid, b"test_gradient_descent_first_step")}
    assert base not in with_secret
    # The grading process has imported the hidden tests, which shows that the search finds them; its zygote hasn't.
    assert len(with_secret) == 1
    assert len(children(base)) == 2


def holds(pid: int, needle: bytes) -> bool:
    """Whether the writable memory of a process holds `needle`."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            area, permissions, *_ = line.split()
            if permissions.startswith("rw"):
                first, last = (int(end, 16) for end in area.split("-"))
                memory.seek(first)
                if needle in memory.read(last - first):
                    return True
    return False


def test_a_killed_grading_process_is_replaced_and_so_is_a_killed_base_process(pool: Pool, notebook: Path) -> None:
    first = pool.submit(notebook, 1).result().report
    base = base_of(pool)
    before = set(children(base))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: gone(before))
    again = pool.submit(notebook, 1).result().report
    assert again.score == first.score
    assert base_of(pool) == base
    os.kill(base, signal.SIGKILL)
    until(lambda: gone({base}))
    assert pool.submit(notebook, 1).result().report.score == first.score


OWNER = """
import sys
from pathlib import Path
from autograder.classroom import Pool, Settings
pool = Pool(Settings(course=sys.argv[1], assignment=sys.argv[2]), jobs=1)
pool.submit(Path(sys.argv[3]), 1).result()
print("graded", flush=True)
pool.submit(Path(sys.argv[4]), 1).result()
"""


def test_what_was_started_ends_with_its_owner_even_while_a_worker_loops(
    course: Path, notebook: Path, tmp_path: Path
) -> None:
    cells = solved_cells()
    cells[1]["source"] = "while True:\n    pass"
    looping = tmp_path / "looping.ipynb"
    looping.write_bytes(notebook_of(cells))
    line = [sys.executable, "-c", OWNER, str(course), NAME, str(notebook), str(looping)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"graded\n"
        before = {pid: cpu_seconds(pid) for pid in descendants(owner.pid)}  # the looping worker may be among them
        until(lambda: any(cpu_seconds(pid) > before.get(pid, 0) + 0.3 for pid in descendants(owner.pid)))
        started = descendants(owner.pid)
        owner.kill()
        until(lambda: gone(started))


def test_a_base_process_ends_when_nobody_is_left_that_would_use_it() -> None:
    with Base() as base, open(os.devnull, "w") as null:
        zygote = base.fork_zygote(null.fileno())
        home, pids = base.home, {zygote.pid, base_of(base)}
    assert not home.exists()
    assert gone(pids)
    with pytest.raises(BaseLost):
        base.fork_zygote(2)
