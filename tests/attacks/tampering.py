"""Code that changes the grader's own modules, in the memory of the submission's process."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from attacks.table import Attack, in_function

TAMPERING = {
    "packer": "sys.modules['autograder.sandbox.wire'].Packer.pack = lambda self, value, depth=0: True",
    "bench": """
        messages = sys.modules['autograder.sandbox.messages']
        sys.modules['autograder.sandbox.bench'].Bench.handle = lambda *_: (messages.Returned('passed', [True] * 6), [])
        """,
    "link": "sys.modules['autograder.sandbox.worker']._Link.send = lambda *_: os._exit(0)",
    "toolbox": "sys.modules['autograder.sandbox.toolbox'].use = lambda *_: True",
    "numpy_sums": "np.sum = np.mean = np.add.reduce = lambda *_, **__: np.float64(0)",
    "numpy_arrays": "np.asarray = np.array = np.ascontiguousarray = lambda *_, **__: np.zeros(3)",
    "builtins": "builtins.isinstance = lambda *_: True; builtins.len = lambda _: 0; builtins.type = lambda _: int",
    "namespace": "get_ipython().user_ns.clear()",
    "frames": """
        frame = sys._getframe()
        while frame:
            for name, value in list(frame.f_locals.items()):
                try:
                    vars(value).clear()
                except Exception:
                    pass
            frame = frame.f_back
        """,
}

_WRONG = "return w0 + 1, b0 + 1, [1.0] * (n_steps + 1)"


def _attack(name: str, code: str) -> Attack:
    code = "import builtins, os, sys\n" + textwrap.dedent(code).strip()
    attack = in_function(f"changes the grader's {name.replace('_', ' ')}", f"{code}\n{_WRONG}", set())
    # Its process is broken from then on: what comes after it may be lost, too.
    return replace(attack, may_lose=frozenset({"numerical_gradient"}))


ATTACKS = {name: _attack(name, code) for name, code in TAMPERING.items()}
