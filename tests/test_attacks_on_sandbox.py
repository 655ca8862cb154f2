"""Attacks on the sandbox itself: what student code can reach from the process that it runs in."""

from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CANARY, NAME, run

import autograder
from autograder.sandbox.errors import TimedOut
from autograder.sandbox.process import Sandbox, Worker
from autograder.sandbox.student import Caller, Student

PACKAGE = Path(autograder.__file__).parent

Probe = Callable[..., Any]


@pytest.fixture
def worker(sandbox: Sandbox) -> Iterator[Worker]:
    worker = sandbox.spawn(0)
    yield worker
    worker.close()


@pytest.fixture
def probe(worker: Worker) -> Probe:
    """Runs code in a worker; returns what it assigned to `found`, or the name of the exception that stopped it."""

    def run_it(code: str, **given: object) -> Any:
        names = "\n".join(f"{name} = {value!r}" for name, value in given.items())
        source = f"import ctypes, errno, json, os, socket, sys\nfound = None\n{names}\n{textwrap.dedent(code).strip()}"
        error, _ = run(worker, source)
        if error is not None:
            return error
        _, text = run(worker, "sys.stdout.write(json.dumps(found, default=repr));")
        return json.loads(text)

    return run_it


@pytest.fixture
def victim(sandbox: Sandbox) -> Iterator[Worker]:
    """Another submission's worker, with an answer in a variable and in a file that anybody may read and write."""
    victim = sandbox.spawn(0)
    error, _ = run(victim, f"import os\nanswer = {CANARY!r} * 3\nos.umask(0)\nopen('answer.txt', 'w').write(answer)")
    assert error is None
    (Path(victim._folder) / "answer.txt").chmod(0o666)
    yield victim
    victim.close()


READ_ALL = """
found = {}
def look(path):
    try:
        if os.path.isdir(path):
            for name in os.listdir(path):
                if not os.path.islink(os.path.join(path, name)):
                    look(os.path.join(path, name))
        else:
            with open(path, 'rb') as file:
                found[path] = file.read(1 << 16).decode('latin-1')
    except OSError:
        pass
for path in paths:
    look(path)
"""


def test_attack_by_reading_what_the_grader_keeps_to_itself_finds_nothing(
    probe: Probe, sandbox: Sandbox, victim: Worker, course: Path
) -> None:
    secrets = [
        PACKAGE, PACKAGE.parent / "tests", PACKAGE.parent / "nbgrader_config.py", PACKAGE.parent / ".git",
        course, victim._folder, sandbox._log, Path.home(), Path("/root"), Path("/home"), Path("/etc/passwd"),
        Path("/etc/shadow"), Path("/etc/hostname"), Path("/var"), Path("/sys"), Path("/dev/shm"), Path("/dev/mem"),
        Path(__file__),
    ]  # fmt: skip
    assert any(path.is_dir() for path in secrets)
    found = probe(READ_ALL, paths=[str(path) for path in secrets])
    roots = {str(Path(path).resolve()) for path in (sys.prefix, sys.base_prefix)}
    assert [path for path in found if not any(path.startswith(root) for root in roots)] == []
    assert CANARY not in "".join(found.values())


def test_attack_by_walking_the_file_system_meets_only_libraries_and_its_own_files(
    probe: Probe, worker: Worker, sandbox: Sandbox
) -> None:
    found = probe(
        """
        found = []
        for start in ('/', '/tmp', '/proc', '/usr', '/opt', '/work', '/srv', '/mnt', '/run', '..', '../..', *sys.path):
            for folder, folders, names in os.walk(start):
                found.append(folder)
                for name in names[:3]:
                    try:
                        open(os.path.join(folder, name), 'rb').close()
                        found.append(os.path.join(folder, name))
                    except OSError:
                        pass
                folders[:] = folders[:50] if folder.count('/') < 9 else []
        found = sorted({os.path.realpath(path) for path in found})
        """
    )
    allowed = [sys.prefix, sys.base_prefix, "/usr", "/lib", str(worker._folder), str(sandbox._files)]
    beyond = [path for path in found if not any(path.startswith(str(Path(root).resolve())) for root in allowed)]
    # The folders above an allowed one can be walked through, and the one with a hidden entry lists its names.
    assert [path for path in beyond if not any(Path(root).is_relative_to(path) for root in allowed)] == []
    assert not any(str(PACKAGE) in path for path in found)


def test_attack_by_reading_proc_finds_no_environment_and_no_memory(
    probe: Probe, worker: Worker, victim: Worker, sandbox: Sandbox
) -> None:
    pids = ["self", worker.pid, victim.pid, sandbox._zygote.pid, os.getpid(), 1]
    paths = [f"/proc/{pid}/{name}" for pid in pids for name in ("environ", "mem", "maps", "cmdline", "status", "cwd")]
    assert probe(READ_ALL, paths=["/proc", *paths, *[f"/proc/{pid}/fd" for pid in pids]]) == {}


def test_attack_finds_none_of_the_grader_s_variables_in_its_environment(probe: Probe) -> None:
    assert os.environ["AUTOGRADER_CANARY"] == CANARY
    found = probe("found = dict(os.environ)")
    assert CANARY not in str(found)
    assert set(found) <= {
        "PATH", "HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR", "MPLBACKEND", "LANG", "PYTHONHASHSEED",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
        "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
            "LD_LIBRARY_PATH", "COLUMNS", "LINES", "LC_CTYPE", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK",
    }  # fmt: skip


def test_attack_finds_no_hidden_test_among_modules_and_objects_in_memory(probe: Probe) -> None:
    found = probe(
        """
        import gc, types
        modules = [name for name in sys.modules if name.startswith('autograder')]
        texts = ' '.join(thing for thing in gc.get_objects() if isinstance(thing, str))
        names = {thing.__name__ for thing in gc.get_objects() if isinstance(thing, types.FunctionType)}
        found = modules, sorted(name for name in names if name.startswith('test_'))
        """
    )
    modules, _ = found
    assert not [name for name in modules if not name.startswith("autograder.sandbox") and name != "autograder"]


def test_attack_finds_no_seed_from_which_hidden_inputs_are_drawn(sandbox: Sandbox) -> None:
    seed = 0x5EED_0123
    worker = sandbox.spawn(seed)
    code = """
    import sys
    import numpy as np

    def spy():
        found, frame = [str(np.random.get_state()[1][0])], sys._getframe()
        while frame:
            found += [f"{name}={value}" for name, value in frame.f_locals.items() if name in ('birth', 'request')]
            frame = frame.f_back
        return ' '.join(found)
    """
    assert run(worker, textwrap.dedent(code))[0] is None
    caller = Caller(_WithLimit(worker))
    caller.begin(seed)
    text = Student(caller).spy()
    worker.close()
    assert "WorkerSettings(" in text
    assert str(seed) not in text


@pytest.mark.parametrize(
    "name", ["autograder.assignments", "autograder.authoring", "autograder.grading", "autograder.report"]
)
def test_attack_by_importing_the_grader_s_modules_fails(probe: Probe, name: str) -> None:
    assert probe(f"import {name}") in ("ModuleNotFoundError", "ImportError", "PermissionError")


class _WithLimit:
    """A worker as a channel on which every request may take five seconds."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def request(self, message: Any, buffers: Any, seconds: float | None, on_call_back: Any) -> Any:
        return self._worker.request(message, buffers, 5.0, on_call_back)


LIBTORCH = next(iter(Path(sys.prefix).glob("lib/python3*/site-packages/torch/lib/libtorch_cpu.so")), None)


@pytest.mark.parametrize(
    "code",
    [
        "import torch",
        "import importlib; importlib.import_module('torch.autograd')",
        "del sys.modules['torch']; import torch; torch.ones(1)",
        "sys.modules.pop('torch'); sys.modules.pop('functorch'); import torchvision.models",
        "import importlib.util as u; u.module_from_spec(u.spec_from_file_location('t', path)).ones",
        "exec(open(path).read())",
        "ctypes.CDLL(library)",
        "import jax",
    ],
)
def test_attack_by_importing_torch_fails_where_numpy_alone_is_allowed(probe: Probe, code: str) -> None:
    assert LIBTORCH is not None
    path = LIBTORCH.parent.parent / "__init__.py"
    failed = probe(code, library=str(LIBTORCH), path=str(path))
    assert failed in ("ModuleNotFoundError", "ImportError", "PermissionError", "OSError", "AttributeError")


def test_attack_finds_no_descriptor_but_its_socket(probe: Probe) -> None:
    found = probe(
        """
        found = []
        for fd in range(3, 1024):
            try:
                found.append(oct(os.fstat(fd).st_mode))
            except OSError:
                pass
        """
    )
    kinds = [stat.S_IFMT(int(mode, 8)) for mode in found]
    assert sorted(kinds) == [stat.S_IFCHR, stat.S_IFSOCK]  # /dev/null as its standard input, and its own socket


@pytest.mark.parametrize(
    "code",
    [
        "open(outside, 'w')",
        "open(outside, 'a')",
        "os.truncate(outside, 0)",
        "os.open(os.path.dirname(outside), os.O_TMPFILE | os.O_WRONLY)",
        "os.mkdir(outside + '-folder')",
        "os.unlink(outside)",
        "os.rename(outside, 'mine')",
        "os.link(outside, 'mine')",
        "os.symlink(outside, 'mine'); open('mine', 'w')",
        "os.symlink(os.path.dirname(outside), 'mine'); open('mine/new', 'w')",
        "open('../new', 'w')",
        "os.mkfifo('fifo')",
        "os.mknod('device', 0o20666, os.makedev(1, 1))",
        "os.chmod(outside, 0o777)",
        "os.chmod('.', 0o777)",
        "os.chown(outside, os.getuid(), os.getgid())",
        "os.utime(outside, (0, 0))",
        "os.setxattr(outside, 'user.mine', b'x')",
        "os.chroot('/')",
        "open(data, 'w')",
        "open(library, 'a')",
        "open('/dev/shm/mine', 'w')",
        "open('/tmp/mine', 'w')",
    ],
)
def test_attack_by_writing_outside_its_folder_fails(probe: Probe, course: Path, sandbox: Sandbox, code: str) -> None:
    outside = course / "gradebook.db"
    before = outside.stat()
    files = {entry.name for entry in course.iterdir()}
    shared = sandbox._files / "data.npz"
    shared.touch(0o666)
    failed = probe(code, outside=str(outside), data=str(shared), library=json.__file__)
    assert failed in ("PermissionError", "OSError", "FileNotFoundError")
    after = outside.stat()
    assert (after.st_mtime_ns, after.st_mode, after.st_nlink) == (before.st_mtime_ns, before.st_mode, before.st_nlink)
    assert outside.read_text() == CANARY
    assert {entry.name for entry in course.iterdir()} == files


SOCKETS = {
    "internet": "socket.socket(socket.AF_INET)",
    "internet 6": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "Unix": "socket.socket(socket.AF_UNIX)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "vsock": "socket.socket(40, socket.SOCK_STREAM)",
    "pair": "socket.socketpair()",
    "name look-up": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9', timeout=1)",
    "own socket": "connect(next(fd for fd in range(3, 64) if is_socket(fd)))",
}


@pytest.mark.parametrize("name", SOCKETS)
def test_attack_by_opening_a_socket_fails(probe: Probe, name: str) -> None:
    own = """
    import stat
    def is_socket(fd):
        try:
            return stat.S_ISSOCK(os.fstat(fd).st_mode)
        except OSError:
            return False
    def connect(fd):
        own = socket.socket(fileno=fd)
        try:
            own.connect('\\0x')
        finally:
            own.detach()
    """
    code = textwrap.dedent(own) + SOCKETS[name]
    assert probe(code) in ("PermissionError", "URLError", "OSError")


@pytest.mark.parametrize("who", ["parent", "zygote", "grader", "sibling", "group", "everybody"])
def test_attack_by_signals_reaches_nobody(probe: Probe, sandbox: Sandbox, victim: Worker, who: str) -> None:
    pids = {
        "parent": "os.getppid()", "zygote": sandbox._zygote.pid, "grader": os.getpid(), "sibling": victim.pid,
        "group": 0, "everybody": -1,
    }  # fmt: skip
    for call in ("os.kill(pid, 9)", "os.kill(pid, 0)", "os.killpg(max(pid, 1), 9)", "os.pidfd_open(pid)"):
        assert probe(f"pid = {pids[who]}\n{call}") in ("PermissionError", "OSError", "ProcessLookupError")
    os.kill(sandbox._zygote.pid, 0)
    sandbox.spawn(0).close()
    assert run(victim, "1")[0] is None


NUMBERS = {
    # name: on x86-64, on AArch64
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "bpf": (321, 280),
    "keyctl": (250, 219), "add_key": (248, 217), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "open_tree": (428, 428),
    "fsopen": (430, 430), "move_mount": (429, 429), "pivot_root": (155, 41), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "execve": (59, 221), "execveat": (322, 281), "clone3": (435, 435),
    "socket": (41, 198), "socketpair": (53, 199), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "setuid": (105, 146), "setresuid": (117, 147), "capset": (126, 91),
    "init_module": (175, 105), "kexec_load": (246, 104), "reboot": (169, 142), "fanotify_init": (300, 262),
    "inotify_init1": (294, 26), "open_by_handle_at": (304, 265), "process_madvise": (440, 440),
    "fallocate": (285, 47), "syslog": (103, 116), "newer than the filter": (900, 900),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_attack_by_system_call_is_refused(probe: Probe, name: str) -> None:
    number = NUMBERS[name][("x86_64", "aarch64").index(platform.machine())]
    answer, error = probe(
        """
        libc = ctypes.CDLL(None, use_errno=True)
        answer = libc.syscall(number, *[ctypes.c_long(0)] * 6)
        found = answer, errno.errorcode.get(ctypes.get_errno())
        """,
        number=number,
    )
    assert answer == -1
    assert error in ("EPERM", "ENOSYS")


def test_attack_by_cloning_a_process_and_not_a_thread_is_refused(probe: Probe) -> None:
    number = (56, 220)[("x86_64", "aarch64").index(platform.machine())]
    code = "found = ctypes.CDLL(None, use_errno=True).syscall(number, ctypes.c_long(17), 0, 0, 0, 0)"
    assert probe(code, number=number) == -1


@pytest.mark.skipif(platform.machine() != "x86_64", reason="another architecture's calls exist on x86-64 only")
def test_attack_by_another_architecture_s_system_calls_costs_the_process(worker: Worker) -> None:
    from autograder.sandbox.errors import Crashed

    with pytest.raises(Crashed):
        run(worker, "import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)")


def test_attack_on_a_sibling_s_memory_fails(probe: Probe, victim: Worker) -> None:
    found = probe(
        """
        libc = ctypes.CDLL(None, use_errno=True)
        found = [libc.ptrace(request, pid, 0, 0) for request in (16, 0x4206)]
        libc.prctl(0x59616D61, -1, 0, 0, 0)
        class Piece(ctypes.Structure):
            _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
        here = Piece(ctypes.addressof(ctypes.create_string_buffer(64)), 64)
        there = Piece(id(libc), 64)
        found.append(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
        """,
        pid=victim.pid,
    )
    assert found == [-1, -1, -1]


def test_attack_by_giving_itself_rights_again_fails(probe: Probe) -> None:
    found = probe(
        """
        import resource
        libc = ctypes.CDLL(None, use_errno=True)
        found = []
        for what in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
            try:
                resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                found.append(what)
            except (ValueError, OSError):
                pass
        try:
            os.setuid(0)
            found.append('root')
        except OSError:
            pass
        try:
            resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))
            found.append('others')
        except OSError:
            pass
        """
    )
    assert found == []


def test_attack_that_fills_its_folder_is_stopped(worker: Worker) -> None:
    many = "import itertools\nfor i in itertools.count(): open(f'{i}', 'wb').write(bytes(500_000))"
    with pytest.raises(TimedOut, match="files"):
        run(worker, many)


def test_attack_that_hides_files_below_a_path_too_long_to_look_into_is_stopped(worker: Worker) -> None:
    deep = """
    import os, time
    for _ in range(60):
        os.mkdir('d' * 100)
        os.chdir('d' * 100)
    for i in range(1000):
        open(str(i), 'wb').write(bytes(1 << 20))
    time.sleep(60)
    """
    with pytest.raises(TimedOut, match="files"):
        run(worker, textwrap.dedent(deep))


def test_attack_by_nested_folders_leaves_nothing_behind(sandbox: Sandbox) -> None:
    worker = sandbox.spawn(0)
    run(worker, "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')")
    worker.close()
    assert not Path(worker._folder).exists()


def test_attack_by_a_link_out_of_its_folder_deletes_nothing_of_others(sandbox: Sandbox, course: Path) -> None:
    worker = sandbox.spawn(0)
    assert run(worker, f"import os\nos.symlink({str(course)!r}, 'link'); os.symlink('/', 'root')")[0] is None
    worker.close()
    assert not Path(worker._folder).exists()
    assert (course / "source" / NAME).is_dir()


def test_attack_by_files_that_are_deleted_while_open_is_bounded(probe: Probe) -> None:
    found = probe(
        """
        files = []
        try:
            while True:
                files.append(open('f', 'wb'))
                os.unlink('f')
        except OSError:
            found = len(files)
        """
    )
    assert found < 64


def test_workers_are_unprivileged_users_of_their_own_where_the_grader_is_root(
    probe: Probe, worker: Worker, victim: Worker
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give workers users of their own")
    mine, groups = probe("found = os.getresuid() + os.getresgid(), os.getgroups()")
    assert len(set(mine)) == 1
    assert mine[0] not in (0, os.stat(victim._folder).st_uid)
    assert groups == []
    status = Path(f"/proc/{worker.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_without_walls_the_same_probes_succeed() -> None:
    """The probes above would show a hole: without it, files are read and processes start."""
    code = """
import os, sys, tempfile
from pathlib import Path
from conftest import run
from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Sandbox
folder = Path(tempfile.mkdtemp())
secret = folder / 'secret'
secret.write_text('secret')
(folder / 'files').mkdir()
with Sandbox('numpy', folder / 'files', Limits(), isolated=False) as sandbox:
    worker = sandbox.spawn(0)
    assert run(worker, f'assert open({str(secret)!r}).read() == "secret"')[0] is None
    assert run(worker, "import os, socket; socket.socket(); os.kill(os.getppid(), 0)")[0] is None
    assert run(worker, "import subprocess; subprocess.run(['true'], check=True)")[0] is None
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
