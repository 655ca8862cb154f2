"""A seccomp filter for a worker: an allow-list of system calls, for x86-64 and AArch64.

What is not listed fails with EPERM, and what is newer than this list with ENOSYS. That leaves out new processes and
programs, sockets, signals to others, other processes' memory, changes of owners, times and modes of files, and all of
the kernel's administration. Numbers are those of Linux's `asm/unistd_64.h` and, for AArch64, `asm-generic/unistd.h`.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_LD, _JMP_EQ, _JMP_GE, _JMP_SET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL = 0x80000000
_NUMBER, _ARCH = 0, 4
_ARGUMENTS = tuple(range(16, 64, 8))
"""Where the lower halves of the arguments are."""

_X86_64 = 0xC000003E
_AARCH64 = 0xC00000B7
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000
_NEWEST = 472
"""The highest system call that was known when this list was written."""

Numbers = tuple[int, int | None]
"""A system call's number on x86-64 and on AArch64; None where the architecture doesn't have it."""

ALLOWED: dict[str, Numbers] = {
    # memory of its own
    "brk": (12, 214), "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226),
    "madvise": (28, 233), "mincore": (27, 232), "msync": (26, 227), "membarrier": (324, 283),
    "get_mempolicy": (239, 236),
    # open files
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "lseek": (8, 62), "close": (3, 57), "close_range": (436, 436), "flock": (73, 32),
    "fsync": (74, 82), "fdatasync": (75, 83), "ftruncate": (77, 46), "fadvise64": (221, 223), "readahead": (187, 213),
    "sendfile": (40, 71), "copy_file_range": (326, 285), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "pipe": (22, None), "pipe2": (293, 59),
    # files by name; which ones is what Landlock, mounts or permissions decide
    "open": (2, None), "openat": (257, 56), "creat": (85, None), "stat": (4, None), "fstat": (5, 80),
    "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None),
    "readlinkat": (267, 78), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "getdents": (78, None),
    "getdents64": (217, 61), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None),
    "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "symlink": (88, None), "symlinkat": (266, 36), "umask": (95, 166), "getxattr": (191, 8), "lgetxattr": (192, 9),
    "fgetxattr": (193, 10), "listxattr": (194, 11), "llistxattr": (195, 12), "flistxattr": (196, 13),
    # waiting
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "eventfd": (284, None), "eventfd2": (290, 19), "wait4": (61, 260), "waitid": (247, 95), "pause": (34, None),
    "restart_syscall": (219, 128),
    # the socket that it has
    "sendto": (44, 206), "recvfrom": (45, 207), "shutdown": (48, 210), "getsockname": (51, 204),
    "getpeername": (52, 205), "getsockopt": (55, 209),
    # threads
    "futex": (202, 98), "set_robust_list": (273, 99), "get_robust_list": (274, 100), "rseq": (334, 293),
    "set_tid_address": (218, 96), "arch_prctl": (158, None), "exit": (60, 93), "exit_group": (231, 94),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "getcpu": (309, 168),
    # signals to itself
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "alarm": (37, None),
    "getitimer": (36, 102), "setitimer": (38, 103),
    # who it is and what it may use
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getpgid": (121, 155), "getpgrp": (111, None),
    "getsid": (124, 156), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getresuid": (118, 148), "getresgid": (120, 150), "getgroups": (115, 158), "capget": (125, 90),
    "getrlimit": (97, 163), "setrlimit": (160, 164), "getrusage": (98, 165), "getpriority": (140, 141),
    "uname": (63, 160), "sysinfo": (99, 179), "times": (100, 153),
    # time and chance
    "time": (201, None), "gettimeofday": (96, 169), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "getrandom": (318, 278),
}  # fmt: skip

BY_ARGUMENT: dict[str, tuple[Numbers, int, tuple[int, ...]]] = {
    # limits: the caller's own
    "prlimit64": ((302, 261), 0, (0,)),
    # its own name and state; not who may trace it, what kills it, or its rights
    "prctl": (
        (157, 167),
        0,
        (2, 3, 15, 16, 21, 23, 30, 39),  # PR_GET_PDEATHSIG, _GET_DUMPABLE, _SET_NAME, _GET_NAME, _GET_SECCOMP,
        # _CAPBSET_READ, _GET_TIMERSLACK, _GET_NO_NEW_PRIVS
    ),
    # descriptors, flags and locks; not who gets signals of a file, nor leases
    "fcntl": (
        (72, 25),
        1,
        (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032),  # F_DUPFD … F_SETLKW, F_OFD_GETLK … F_OFD_SETLKW,
        # F_DUPFD_CLOEXEC, F_GETPIPE_SZ
    ),
    # what a library asks of a file to learn whether it is a terminal or a pipe
    "ioctl": (
        (16, 29),
        1,
        (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451),  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
    ),
}
"""Calls that are allowed if an argument has one of some values: numbers, the argument's place, the values."""

CLONE: Numbers = (56, 220)
CLONE3: Numbers = (435, 435)


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, true, false, value)


def _give(answer: int) -> bytes:
    return _instruction(_RET, answer)


def program(machine: str | None = None) -> bytes:
    """The filter as classic BPF instructions of 8 bytes each, for `machine` (default: this one).

    Raises:
        OSError: the architecture is not one the filter is written for.
    """
    machine = machine or platform.machine()
    if machine not in ("x86_64", "aarch64"):
        raise OSError(errno.ENOSYS, f"no seccomp filter is written for {machine}")
    column = 0 if machine == "x86_64" else 1
    code = _instruction(_LD, _ARCH)
    code += _instruction(_JMP_EQ, (_X86_64, _AARCH64)[column], 1, 0) + _give(_KILL)
    code += _instruction(_LD, _NUMBER)
    if column == 0:
        code += _instruction(_JMP_GE, _X32_BIT, 0, 1) + _give(_KILL)
    code += _instruction(_JMP_GE, _NEWEST + 1, 0, 1) + _give(_ERRNO | errno.ENOSYS)
    for numbers in ALLOWED.values():
        number = numbers[column]
        if number is not None:
            code += _instruction(_JMP_EQ, number, 0, 1) + _give(_ALLOW)
    # glibc tries clone3 first and falls back to clone, whose flags a filter can see, when there is none.
    code += _instruction(_JMP_EQ, CLONE3[column] or 0, 0, 1) + _give(_ERRNO | errno.ENOSYS)
    # clone is allowed for threads only.
    threads = _instruction(_JMP_SET, _CLONE_THREAD, 0, 1) + _give(_ALLOW)
    code += _if_called(CLONE[column], 0, threads)
    for numbers, place, values in BY_ARGUMENT.values():
        known = b"".join(_instruction(_JMP_EQ, value, 0, 1) + _give(_ALLOW) for value in values)
        code += _if_called(numbers[column], place, known)
    return code + _give(_ERRNO | errno.EPERM)


def _if_called(number: int | None, place: int, then: bytes) -> bytes:
    """For a system call: `then`, with its argument at `place` at hand; EPERM where that gives nothing."""
    assert number is not None
    block = _instruction(_LD, _ARGUMENTS[place]) + then + _give(_ERRNO | errno.EPERM)
    return _instruction(_JMP_EQ, number, 0, len(block) // 8) + block


def why_not() -> str:
    """Why this host offers no seccomp filter, or ""."""
    try:
        program()
    except OSError as error:
        return str(error.strerror)
    # Without a filter's address the kernel says EFAULT where it would take one.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    number = ctypes.get_errno()
    return "" if number == errno.EFAULT else f"the kernel refused the seccomp filter: {errno.errorcode.get(number)}"


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2


def install(code: bytes) -> None:
    """Put the calling process behind the filter `code`, for good.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    prog = _Program(len(code) // 8, ctypes.addressof(buffer))
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(prog), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"the kernel refused the seccomp filter: {errno.errorcode.get(number, number)}")
