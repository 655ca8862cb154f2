"""Time that burns no CPU: sleeping, deadlocks, half a frame; and time that is just within each limit."""

from __future__ import annotations

import textwrap

from conftest import FUNCTIONS

from attacks.forged_frames import FORGE
from attacks.table import Attack, in_cell, in_function

_WAITS = {"timed out", "crashed"}
CODE = {
    "sleeps": "import time; time.sleep(3600)",
    "deadlock": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "waits_for_a_pipe": "import os; end, other = os.pipe(); os.read(end, 1)",
    "select_for_ever": "import select; select.select([], [], [])",
    "waits_for_a_signal": "import signal; signal.pause()",
    "stops_itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); signal.raise_signal(signal.SIGSTOP); signal.pause()",
    "half_a_frame": f"{FORGE}\nsend(struct.pack('<II', 100, 0) + b'half')\nimport time; time.sleep(3600)",
    "a_frame_byte_by_byte": f"{FORGE}\nimport time\nsend(struct.pack('<II', 10_000, 0))\nwhile True:\n    send(b'x'); time.sleep(0.2)",
    "reads_the_grader_s_messages": f"{FORGE}\n[os.read(fd, 1 << 20) for fd in sockets()]\nimport time; time.sleep(3600)",
}

ATTACKS: dict[str, Attack] = {
    f"function_{name}": in_function(name.replace("_", " "), code, _WAITS | {"error"}) for name, code in CODE.items()
}
ATTACKS |= {
    "cell_sleeps": in_cell("sleeps in a cell", "import time; time.sleep(3600)", _WAITS),
    "every_function_sleeps_within_its_limit": Attack(
        "every function sleeps as long as it may, in every call",
        {name: f"import time\ndef {name}(*_):\n    time.sleep(2.5)" for name in FUNCTIONS},
        unearned=frozenset(FUNCTIONS),
    ),
    "sleeps_and_computes_in_turn": in_function(
        "computes a little now and then, so that it never seems idle",
        textwrap.dedent("""
            import time
            while True:
                time.sleep(0.5)
                sum(range(100_000))
            """).strip(),
        {"timed out"},
    ),
    "a_hundred_cells_that_sleep": Attack("100 cells that sleep", last=("import time; time.sleep(2)",) * 100),
    "ends_by_an_exit_handler": Attack(
        "sleeps when it is ended",
        first=("import atexit, signal, time\natexit.register(time.sleep, 3600)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",),
    ),
}  # fmt: skip
