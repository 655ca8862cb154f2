"""The tiers of isolation: what they need of the host, what the filter lets pass, and what ends with what."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LIMITS, NAME, cell, notebook_of, run, solved_cells
from test_session import WITHOUT_LANDLOCK

from autograder.sandbox.errors import Crashed, SandboxError, TimedOut
from autograder.sandbox.isolation import TIERS, Place, by_uid, identity, seccomp
from autograder.sandbox.messages import NUMPY
from autograder.sandbox.process import Sandbox, Worker

ROOT = Path(__file__).resolve().parent.parent
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
"""From Debian's package linux-libc-dev; AArch64 uses the kernel's generic table."""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter and read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


# --- the filter ---


@pytest.mark.parametrize("machine", HEADERS)
def test_the_filter_s_numbers_are_those_of_the_kernel_s_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists() and "CI" not in os.environ:
        pytest.skip(f"{header} is missing: apt-get install linux-libc-dev")
    text = header.read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\n", text)}
    alias = dict(re.findall(r"#define __NR_(\w+) __NR3264_(\w+)", text))
    column = list(HEADERS).index(machine)
    listed = {**seccomp.ALLOWED, "clone": seccomp.CLONE, "clone3": seccomp.CLONE3}
    listed |= {name: entry[0] for name, entry in seccomp.BY_ARGUMENT.items()}
    assert len(listed) > 100
    for name, both in listed.items():
        number = both[column]
        if number is None:
            assert name not in numbers or machine == "aarch64", name
        else:
            assert numbers.get(name, numbers.get(alias.get(name, ""))) == number, name


def test_the_filter_ends_32_bit_and_x32_calls_and_lists_nothing_that_makes_processes_or_reaches_others() -> None:
    for machine, architecture in (("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)):
        code = seccomp.program(machine)
        assert code[8:16] == seccomp._instruction(0x15, architecture, 1, 0)
        assert code[16:24] == seccomp._instruction(0x06, 0x80000000)
    assert seccomp._instruction(0x35, 0x40000000, 0, 1) in seccomp.program("x86_64")
    forbidden = {
        "fork",
        "vfork",
        "execve",
        "kill",
        "tgkill",
        "ptrace",
        "socket",
        "connect",
        "mount",
        "unshare",
        "setns",
    }
    forbidden |= {"bpf", "io_setup", "io_uring_setup", "modify_ldt", "sync", "truncate", "setxattr", "file_setattr"}
    assert not forbidden & {*seccomp.ALLOWED, *seccomp.BY_ARGUMENT}
    with pytest.raises(OSError, match="sparc"):
        seccomp.program("sparc")


def test_attack_by_calls_with_other_arguments_is_refused(sandbox: Sandbox) -> None:
    worker = sandbox.spawn(0)
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
file = os.open('f', os.O_RDWR | os.O_CREAT)
calls = {
    'F_SETOWN': lambda: libc.fcntl(file, 8, os.getpid()), 'F_SETSIG': lambda: libc.fcntl(file, 10, 9),
    'F_NOTIFY': lambda: libc.fcntl(file, 1026, 1), 'F_SETLEASE': lambda: libc.fcntl(file, 1024, 0),
    'FIOSETOWN': lambda: libc.ioctl(file, 0x8901, ctypes.byref(ctypes.c_int(1))),
    'FS_IOC_SETFLAGS': lambda: libc.ioctl(file, 0x40086602, ctypes.byref(ctypes.c_long(0))),
    'PR_SET_PDEATHSIG': lambda: libc.prctl(1, 0, 0, 0, 0), 'PR_SET_DUMPABLE': lambda: libc.prctl(4, 1, 0, 0, 0),
    'PR_SET_PTRACER': lambda: libc.prctl(0x59616D61, -1, 0, 0, 0), 'truncate': lambda: libc.truncate(b'f', 0),
    'sync': lambda: libc.syscall(162), 'io_setup': lambda: libc.syscall(206, 1, 0), 'ldt': lambda: libc.syscall(154),
    'file_setattr': lambda: libc.syscall(469, -100, b'f', 0, 0, 0),
}
print([name for name, call in calls.items() if call() != -1 or ctypes.get_errno() != 1])
"""
    if seccomp.platform.machine() == "x86_64":
        assert run(worker, code)[1].strip() == "[]"
    worker.close()


# --- the tiers ---


def test_a_report_names_the_strongest_tier_and_every_tier_that_is_offered_works(course: Path) -> None:
    offered: list[str] = []
    reasons: dict[str, str] = {}
    for tier in TIERS:
        try:
            with Sandbox(NUMPY, course / "source" / NAME, LIMITS, tier.name) as sandbox:
                assert sandbox.ready().isolation == tier.name
                worker = sandbox.spawn(0)
                assert run(worker, "open('mine', 'w').write('x')\nopen('/etc/hostname', 'a')")[0] is not None
                worker.close()
                offered.append(tier.name)
        except SandboxError as error:
            reasons[tier.name] = str(error)
    assert all(f"{name}: " in reason for name, reason in reasons.items())
    with Sandbox(NUMPY, course / "source" / NAME, LIMITS, "auto") as sandbox:
        assert [sandbox.ready().isolation] == offered[:1]


def test_the_tier_uid_names_what_every_user_could_read(open_folder: Path) -> None:
    place = Place(files=str(open_folder), home=str(open_folder), secret=[str(open_folder / "course")])
    (open_folder / "course" / "submitted").mkdir(parents=True)
    (open_folder / "course").chmod(0o755)
    assert f"chmod go-rwx {open_folder}/course" in by_uid._secrets(place)
    (open_folder / "course").chmod(0o700)
    assert by_uid._secrets(place) == ""
    (open_folder / "course").chmod(0o711)
    assert str(open_folder / "course") in by_uid._secrets(place)


def test_the_tier_uid_looks_beside_libraries_that_lie_in_the_course(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (open_folder / ".venv").mkdir()
    (open_folder / "gradebook.db").touch(0o644)
    monkeypatch.setattr(by_uid, "library_roots", lambda: [open_folder / ".venv"])
    place = Place(files=str(open_folder), home=str(open_folder), secret=[str(open_folder)])
    assert by_uid._secrets(place).endswith(f"chmod go-rwx {open_folder}/gradebook.db")
    (open_folder / "gradebook.db").chmod(0o600)
    assert by_uid._secrets(place) == ""


def test_the_tier_uid_names_folders_that_everybody_may_write_and_counts_those_closed_to_workers(
    open_folder: Path,
) -> None:
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert list(by_uid._writable(open_folder, 2)) == [shared]
    if os.getuid() == 0:
        os.chown(shared, 0, identity.GROUP)
        shared.chmod(0o1717)
        assert list(by_uid._writable(open_folder, 2)) == []


def test_no_two_workers_have_a_user_id_at_the_same_time() -> None:
    first, second = identity.Reservation(), identity.Reservation()
    assert first.uid != second.uid
    first.release()
    third = identity.Reservation()
    assert third.uid == first.uid
    second.release()
    third.release()


def test_the_doctor_says_what_each_tier_lacks_and_ends_with_1_where_nothing_is_safe() -> None:
    code = f"{WITHOUT_LANDLOCK}\nfrom autograder.cli import app\napp()"
    line = [sys.executable, "-c", code, "doctor", "--course", str(ROOT)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "– isolation landlock: Landlock is missing from this kernel" in done.stdout
    assert "✗ this machine can't isolate submissions" in done.stdout


# --- limits ---


def test_attack_by_threads_is_bounded(sandbox: Sandbox) -> None:
    worker = sandbox.spawn(0)
    code = """
import threading, time
threading.stack_size(1 << 16)
started, limit = 0, 64
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError:
    assert started < limit
    raise OSError
"""
    assert "threads" in _end_of(worker, code, f"at most {LIMITS.threads} threads")
    worker.close()


def test_a_worker_s_cpu_time_has_an_end_that_it_cannot_move(sandbox: Sandbox) -> None:
    worker = sandbox.spawn(0)
    asked = "import resource; print(*resource.getrlimit(resource.RLIMIT_CPU));"
    soft, hard = map(int, run(worker, asked)[1].split())
    assert 0 < soft == hard < 3 * LIMITS.submission_seconds
    assert run(worker, f"import resource; resource.setrlimit(resource.RLIMIT_CPU, ({hard + 1}, {hard + 1}))")[0]
    worker.close()


def _end_of(worker: Worker, code: str, refused: str) -> str:
    """Why the grader stopped the code, or `refused` where the kernel refused with an OSError."""
    try:
        error, text = run(worker, code)
    except (TimedOut, Crashed) as stopped:
        return str(stopped)
    assert error == "OSError", text
    return refused


@pytest.mark.slow
def test_attack_by_mapped_files_without_a_name_is_bounded(sandbox: Sandbox) -> None:
    worker = sandbox.spawn(0)
    code = """
import mmap, os
maps = []
for number in range(100):
    with open('f', 'w+b') as file:
        for _ in range(4):
            file.write(bytes(1 << 20))
        file.flush()
        maps.append(mmap.mmap(file.fileno(), 4096))
    os.unlink('f')
import time
time.sleep(2)
print('all')
"""
    assert "files" in _end_of(worker, code, "no space for more files")
    worker.close()


# --- what ends with what ---


def test_a_worker_that_loops_ends_when_the_grader_is_killed(course: Path, tmp_path: Path) -> None:
    cells = solved_cells()
    cells.insert(1, cell("while True: pass"))
    notebook = tmp_path / "loops.ipynb"
    notebook.write_bytes(notebook_of(cells))
    code = "from autograder.cli import app; app()"
    line = [sys.executable, "-c", code, "grade", NAME, str(notebook), "--course", str(course)]
    marker = {"TMPDIR": str(tmp_path)}
    grader = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **marker})
    try:
        _await(lambda: _looping(grader.pid) is not None, "no worker loops")
        family = _descendants(grader.pid)
    finally:
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    _await(lambda: not [pid for pid in family if _alive(pid)], "orphans are left")


def _await(condition: object, complaint: str) -> None:
    assert callable(condition)
    give_up = time.monotonic() + 120
    waiting = threading.Event()
    while not condition():
        assert time.monotonic() < give_up, complaint
        waiting.wait(0.05)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found.setdefault(int(fields[1]), []).append(int(path.parent.name))
    return found


def _descendants(pid: int) -> list[int]:
    children = _children()
    waiting, found = [pid], []
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _looping(grader: int) -> int | None:
    """A descendant that is a worker (its own session) and has computed for more than half a second."""
    for pid in _descendants(grader):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] == "R" and int(fields[11]) > 50 and Path(f"/proc/{pid}/status").exists():
            status = Path(f"/proc/{pid}/status").read_text()
            if "Seccomp:\t2" in status:
                return pid
    return None


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# --- repeating a Report ---


def test_a_replay_gives_the_same_report_or_says_what_differs(course: Path, tmp_path: Path) -> None:
    notebook = tmp_path / "solved.ipynb"
    cells = solved_cells()
    broken = next(entry for entry in cells if entry["id"] == "mse_loss")
    broken["source"] = "def mse_loss(y_hat, y):\n    raise ValueError(object())"
    notebook.write_bytes(notebook_of(cells))
    file = tmp_path / "report.json"

    def autograder(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", "from autograder.cli import app; app()", "grade", *words, "--course", str(course)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    assert autograder(NAME, str(notebook), "--json", str(file), "--memory", "300").returncode == 0
    same = autograder("--replay", str(file), str(notebook))
    assert (same.returncode, "The same Report" in same.stdout) == (0, True), same.stdout + same.stderr
    report = json.loads(file.read_bytes())
    assert "<object object at 0x…>" in report["cells"][0]["checks"][0]["message"]
    report["cells"][0]["score"] = 2.0
    file.write_text(json.dumps(report))
    other = autograder("--replay", str(file), str(notebook), "--isolation", "landlock")
    assert other.returncode == 1
    assert "cells[test_mse_loss].score: 2.0 became 0.0" in other.stdout
    assert autograder("--replay", str(notebook), str(notebook)).returncode == 2
