"""A seccomp filter for a worker: no new processes, programs, sockets, signals to others, or kernel administration.

The filter denies what is listed, and every system call newer than the ones it knows; the rest is what
Landlock, the distinct user and the resource limits are for. Numbers are from Linux's `asm/unistd.h`.
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
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24

_X86_64 = 0xC000003E
_AARCH64 = 0xC00000B7
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000
_NEWEST = 472
"""The highest system call this filter was written with in mind."""

# Each name with its number on x86-64 and on AArch64; None where the architecture doesn't have it.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # processes and programs
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    # signals, tracing, other processes' memory and limits
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # sockets and shared memory
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
    "bind": (49, 200), "listen": (50, 201), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    # other people's files: what Landlock doesn't cover
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27), "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    "mknod": (133, None), "mknodat": (259, 33),
    # files larger than their limit, in one stroke
    "fallocate": (285, 47),
    # identity
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151),
    "setfsgid": (123, 152), "personality": (135, 92), "capset": (126, 91),
    # the kernel
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "init_module": (175, 105),
    "delete_module": (176, 106), "finit_module": (313, 273), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
}  # fmt: skip
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_PRLIMIT64 = (302, 261)


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, true, false, value)


def _deny(number: int, error: int) -> bytes:
    return _instruction(_JMP_EQ, number, 0, 1) + _instruction(_RET, _ERRNO | error)


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
    code += _instruction(_JMP_EQ, (_X86_64, _AARCH64)[column], 1, 0) + _instruction(_RET, _KILL)
    code += _instruction(_LD, _NUMBER)
    if column == 0:
        code += _instruction(_JMP_GE, _X32_BIT, 0, 1) + _instruction(_RET, _KILL)
    code += _instruction(_JMP_GE, _NEWEST + 1, 0, 1) + _instruction(_RET, _ERRNO | errno.ENOSYS)
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            code += _deny(number, errno.EPERM)
    # glibc tries clone3 first and falls back to clone, whose flags a filter can see, when there is none.
    code += _deny(_CLONE3[column], errno.ENOSYS)
    # clone is allowed for threads only.
    code += _instruction(_JMP_EQ, _CLONE[column], 0, 4) + _instruction(_LD, _ARGUMENT_0)
    code += _instruction(_JMP_SET, _CLONE_THREAD, 1, 0) + _instruction(_RET, _ERRNO | errno.EPERM)
    code += _instruction(_RET, _ALLOW)
    # prlimit64 is allowed on the caller itself only.
    code += _instruction(_JMP_EQ, _PRLIMIT64[column], 0, 3) + _instruction(_LD, _ARGUMENT_0)
    code += _instruction(_JMP_EQ, 0, 1, 0) + _instruction(_RET, _ERRNO | errno.EPERM)
    return code + _instruction(_RET, _ALLOW)


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
