"""System calls, old, new and of other architectures: every group that could harm, each call with nonsense and zeros."""

from __future__ import annotations

import platform
import textwrap
from dataclasses import replace

from attacks.table import TARGET, Attack, in_function, own_cell

# Each group's calls by name: their numbers on x86-64 and on AArch64.
GROUPS: dict[str, dict[str, tuple[int, int]]] = {
    "mounts": {
        "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
        "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
        "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "statmount": (457, 457), "listmount": (458, 458),
    },
    "kernel_modules_and_reboot": {
        "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
        "kexec_file_load": (320, 294), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
        "quotactl": (179, 60), "syslog": (103, 116), "vhangup": (153, 58),
    },
    "programs_in_the_kernel": {
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "seccomp": (317, 277),
        "landlock_create_ruleset": (444, 444), "modify_ldt": (154, -1), "iopl": (172, -1), "ioperm": (173, -1),
    },
    "asynchronous_input_and_output": {
        "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
        "io_setup": (206, 0), "io_submit": (209, 2), "sync": (162, 81), "syncfs": (306, 267),
        "fallocate": (285, 47), "readahead": (187, 213),
    },
    "keys_and_identity": {
        "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "setuid": (105, 146),
        "setresuid": (117, 147), "setgroups": (116, 159), "capset": (126, 91), "personality": (135, 92),
    },
    "shared_memory_and_queues": {
        "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "process_mrelease": (448, 448),
        "process_madvise": (440, 440), "move_pages": (279, 239), "migrate_pages": (256, 238),
    },
    "watching": {
        "inotify_init1": (294, 26), "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "kcmp": (312, 272),
        "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "lookup_dcookie": (212, 18), "name_to_handle_at": (303, 264),
    },
    "obsolete": {
        "uselib": (134, -1), "sysfs": (139, -1), "_sysctl": (156, -1), "create_module": (174, -1),
        "get_kernel_syms": (177, -1), "nfsservctl": (180, 42), "getpmsg": (181, -1), "tuxcall": (184, -1),
        "security": (185, -1), "epoll_ctl_old": (214, -1), "vserver": (236, -1), "remap_file_pages": (216, 234),
    },
    "newer_than_the_filter": {str(number): (number, number) for number in range(463, 512)},
}  # fmt: skip

RUN = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
page = ctypes.create_string_buffer(4096)
for number in NUMBERS:
    for arguments in ([0] * 6, [-1] * 6, [ctypes.addressof(page)] * 6, [3, 1, ctypes.addressof(page), 0, 0, 0]):
        libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
"""


def _calls(group: str) -> Attack:
    column = ("x86_64", "aarch64").index(platform.machine())
    numbers = [pair[column] for pair in GROUPS[group].values() if pair[column] >= 0]
    return own_cell(f"system calls: {group.replace('_', ' ')}", RUN.replace("NUMBERS", str(numbers)))


OTHER_ARCHITECTURES = {
    "x32_getpid": "import ctypes; return ctypes.CDLL(None).syscall(0x40000000 + 39)",
    "x32_execve": "import ctypes; return ctypes.CDLL(None).syscall(0x40000000 + 520, b'/bin/true', 0, 0)",
    "i386_by_int_80": """
        import ctypes, mmap
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')  # mov eax, getpid; int 0x80; ret
        return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
        """,
}

ATTACKS: dict[str, Attack] = {group: _calls(group) for group in GROUPS}
if platform.machine() == "x86_64":
    for _name, _code in OTHER_ARCHITECTURES.items():
        _attack = in_function(_name.replace("_", " "), textwrap.dedent(_code).strip(), {"crashed"})
        ATTACKS[_name] = replace(_attack, unearned=frozenset({TARGET}))
