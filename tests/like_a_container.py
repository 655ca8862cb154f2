"""Run a command in another root file system, with what Docker leaves to a container's root.

    like_a_container.py FOLDER COMMAND...

Docker's default capabilities; no new namespaces, no mounts; and, as on the kernels of many hosts, no Landlock.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

KEPT = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
"""chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod,
audit_write, setfcap."""
_PR_CAPBSET_DROP, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 24, 22, 2
_NEW_NAMESPACES = 0x7E020080
"""The flags of clone that make a namespace."""
_ENOSYS, _EPERM = 38, 1
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
# x86_64; Docker answers clone3 with ENOSYS, too, so that the C library falls back to clone.
_MISSING = (435, 444, 445, 446)
_FORBIDDEN = (165, 166, 272, 308, 155)  # mount, umount2, unshare, setns, pivot_root
_CLONE = 56


def _filter() -> bytes:
    step = struct.Struct("<HBBI")
    steps = [step.pack(_LOAD, 0, 0, 0)]
    for number, error in (*((n, _ENOSYS) for n in _MISSING), *((n, _EPERM) for n in _FORBIDDEN)):
        steps += [step.pack(_EQUAL, 0, 1, number), step.pack(_RETURN, 0, 0, _ERRNO | error)]
    steps += [
        step.pack(_EQUAL, 0, 3, _CLONE),
        step.pack(_LOAD, 0, 0, 16),
        step.pack(_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        step.pack(_RETURN, 0, 0, _ERRNO | _EPERM),
        step.pack(_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(steps)


def main() -> None:
    """Enter the folder and become the command."""
    folder, command = sys.argv[1], sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    os.chroot(folder)
    os.chdir("/")
    for capability in range(64):
        if capability not in KEPT:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    program = _filter()
    buffer = ctypes.create_string_buffer(program, len(program))
    sock_fprog = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(sock_fprog), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter could not be set")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
