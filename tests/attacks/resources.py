"""Using up the machine: threads, memory, descriptors, disk, outputs."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from conftest import FUNCTIONS

from attacks.table import RIGHT, TARGET, Attack, in_function, own_cell

ALL = frozenset(FUNCTIONS)
PICTURE = """
import base64, os, struct, zlib
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
noise = b''.join(b'\\0' + os.urandom(3000) for _ in range(900))
class Picture:
    data = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 1000, 900, 8, 2, 0, 0, 0)) \\
        + chunk(b'IDAT', zlib.compress(noise, 0)) + chunk(b'IEND', b'')
    def _repr_png_(self): return self.data
"""

CELLS = {
    "threads": (
        "starts threads without end",
        """
        import threading
        held = []
        try:
            while len(held) < 20_000:
                held.append(threading.Thread(target=threading.Event().wait, daemon=True))
                held[-1].start()
        except (RuntimeError, MemoryError):
            pass
        print('canary-' + '9f2c61d07b' if len(held) > 5000 else len(held))
        """,
    ),
    "descriptors": (
        "opens descriptors without end",
        """
        import os
        held = []
        try:
            while len(held) < 10_000:
                held += [os.dup(1)]
        except OSError:
            pass
        for fd in held: os.close(fd)
        print('canary-' + '9f2c61d07b' if len(held) > 1000 else len(held))
        """,
    ),
    "unlinked_files_held_by_mappings": (
        "fills the disk with unlinked files, each held by a mapped page",
        """
        import mmap, os
        held = []
        try:
            for number in range(400):
                with open('f', 'w+b') as file:
                    file.write(bytes(4 << 20))
                    file.flush()
                    held.append(mmap.mmap(file.fileno(), 4096))
                os.unlink('f')
        except (OSError, ValueError):
            pass
        print('canary-' + '9f2c61d07b' if len(held) > 16 else len(held))
        """,
    ),
    "unlinked_open_files": (
        "fills the disk with unlinked files that are open",
        """
        import os
        held = []
        try:
            for number in range(60):
                held.append(open('f', 'w+b'))
                held[-1].write(bytes(6 << 20))
                os.unlink('f')
        except (OSError, ValueError):
            pass
        print('canary-' + '9f2c61d07b' if len(held) > 64 else len(held))
        """,
    ),
    "sparse_file": (
        "makes a sparse file of a terabyte",
        "import os\ntry:\n    os.truncate(os.open('f', os.O_CREAT | os.O_RDWR), 1 << 40)\nexcept OSError:\n    pass",
    ),
    "locked_memory": (
        "locks memory",
        "import ctypes; libc = ctypes.CDLL(None); libc.mlockall(3); libc.mlock(ctypes.create_string_buffer(1 << 26), 1 << 26)",
    ),
    "regular_expression": ("a regular expression that never ends", "import re; re.match('(a*)*b', 'a' * 5000)"),
    "decompression_bomb": (
        "decompresses a bomb",
        "import zlib\none = zlib.compress(bytes(1 << 26), 9)\nheld = []\ntry:\n    while True: held.append(zlib.decompress(one))\nexcept MemoryError:\n    held.clear()",
    ),
    "integer_power": ("computes a number with a billion digits", "10 ** 10 ** 9"),
    "timers_and_alarms": (
        "sets timers and alarms",
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\nsignal.signal(signal.SIGALRM, lambda *_: None)",
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {
    name: own_cell(what, textwrap.dedent(code).strip(), may_lose=ALL) for name, (what, code) in CELLS.items()
}
ATTACKS |= {
    "a_thousand_cells": Attack("a notebook of 1,000 cells", last=tuple(f"x{i} = {i}" for i in range(1000))),
    "sixty_cells_of_pictures": Attack(
        "60 cells that show pictures of megabytes",
        first=(PICTURE,),
        last=("for _ in range(3): display(Picture())",) * 60,
    ),
    "sixty_cells_of_text": Attack("60 cells that print a megabyte", last=("print('x' * (1 << 20))",) * 60),
    "a_cell_of_megabytes": Attack(
        "a cell of 3 MB", {TARGET: f"{RIGHT}\n# {'x' * (3 << 20)}"}, unearned=frozenset({TARGET})
    ),
    "thousands_of_outputs": Attack("3,000 outputs of one cell", {TARGET: f"{RIGHT}\nfor i in range(3000): display(i)"}),
    "endless_text": Attack(
        "prints without end but for its limit",
        {TARGET: f"{RIGHT}\nimport sys\nfor _ in range(500): print('x' * 100_000); sys.stderr.write('y' * 100_000)"},
    ),
    "crashes_in_every_function": Attack(
        "every function ends its process",
        {name: f"def {name}(*_):\n    import os\n    os._exit(1)" for name in FUNCTIONS},
        unearned=ALL,
    ),
    "hangs_in_every_function": Attack(
        "every function hangs", {name: f"def {name}(*_):\n    while True: pass" for name in FUNCTIONS}, unearned=ALL
    ),
    "memory_held_between_calls": replace(
        in_function(
            "keeps memory from call to call",
            "held.append(bytearray(100 << 20))\nreturn w0, b0, [0.0]",
            {"failed", "out of memory", "crashed"},
            before="held = []",
        ),
        may_lose=frozenset({"numerical_gradient"}),
    ),
}
