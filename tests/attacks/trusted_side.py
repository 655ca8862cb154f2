"""Memory and time on the grader's side: what comes back is odd, huge, or slow to compare and to explain."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from conftest import FUNCTIONS

from attacks.forged_frames import FORGE
from attacks.table import Attack, in_function

RESULTS = {
    "broadcasts_to_a_billion": "return np.ones((100_000, 1, 1)), np.ones((1, 100_000, 1)), np.ones((100_000, 1))",
    "a_bias_of_a_million": "return w0, np.ones((1_000_000, 1, 1)), np.ones((1_000_000, 1))",
    "losses_of_a_million": "return w0, b0, [0.5] * 40_000",
    "losses_as_arrays": "return w0, b0, [np.ones(1000) for _ in range(n_steps + 1)]",
    "zero_strides": "return np.broadcast_to(0.0, (7 << 20,)), b0, np.broadcast_to(0.0, (7 << 19,))",
    "dimensions": "return np.ones((1,) * 16), np.ones((1,) * 32), np.ones((2,) * 16)",
    "no_elements": "return np.ones((0, 1 << 20)), np.ones((1 << 20, 0)), []",
    "bytes_as_numbers": "return (np.zeros(8 << 20, np.uint8),) * 8",
    "booleans": "return w0 > 0, True, [True] * (n_steps + 1)",
    "half_precision": "return w0.astype(np.float16), np.float16(b0), np.zeros(n_steps + 1, np.float16)",
    "objects": "return np.array([object()] * 3), np.array(['x' * 10**6]), np.array([None] * (n_steps + 1))",
    "text_arrays": "return np.array(['nan'] * len(w0)), np.str_('1'), np.array(['1'] * (n_steps + 1))",
    "complex_numbers": "return w0 + 1j, complex(b0, 1), [1j] * (n_steps + 1)",
    "dates": "return w0.astype('datetime64[s]'), np.datetime64('now'), [np.timedelta64(1)] * (n_steps + 1)",
    "structured": "return np.zeros(3, [('a', 'f8', (1000,))]), np.void(b'x' * 1000), np.zeros(n_steps + 1, 'V1000')",
    "masked": "return np.ma.masked_all(w0.shape), np.ma.masked, np.ma.masked_all(n_steps + 1)",
    "matrices": "return np.matrix(w0), np.matrix(b0), np.matrix(np.zeros(n_steps + 1))",
    "small_parts": "return [[0.0] for _ in range(60_000)], {str(i): i for i in range(30_000)}, [[[]]] * 20_000",
    "denormal_numbers": "return w0 * 5e-324, 5e-324, [5e-324] * (n_steps + 1)",
    "integers_of_hundreds_of_digits": "return [10**390 + i for i in range(2000)], 10**390, [10**390] * (n_steps + 1)",
    "keys_of_all_types": "return {None: 1, True: 2, 1.5: 3, 'x' * 100_000: 4}, {}, {}",
    "a_generator": "return (x for x in iter(int, 1)), iter(int, 1), (x for x in iter(int, 1))",
    "error_of_a_hundred_megabytes": "raise ValueError('x' * (100 << 20))",
    "error_named_by_a_megabyte": "raise type('E' * (1 << 20), (Exception,), {})('x')",
    "error_group": "raise ExceptionGroup('g', [ValueError('x' * 10_000) for _ in range(1000)])",
    "error_chain": """
        error = None
        for number in range(3000):
            new = ValueError(number)
            new.__cause__, error = error, new
        raise error
        """,
    "deep_traceback": """
        def down(n):
            return down(n - 1) if n else 1 / 0
        import sys
        sys.setrecursionlimit(20_000)
        down(5000)
        """,
}

ATTACKS: dict[str, Attack] = {
    name: in_function(f"returns {name.replace('_', ' ')}", textwrap.dedent(code).strip(), set())
    for name, code in RESULTS.items()
}
ATTACKS |= {
    "large_results_everywhere": Attack(
        "every function returns 60 MB",
        {name: f"def {name}(*_):\n    return np.zeros(60 << 20, bool)" for name in FUNCTIONS},
        memory=900,
        unearned=frozenset(FUNCTIONS),
    ),
    "slow_to_explain": Attack(
        "every function is wrong in a way of its own, slowly",
        {
            name: f"def {name}(*given):\n    sum(range(3_000_000))\n    return np.random.rand(200, 200)"
            for name in FUNCTIONS
        },
        unearned=frozenset(FUNCTIONS),
    ),
    "a_flood_of_call_backs": Attack(
        "calls the test's function without end",
        {"numerical_gradient": "def numerical_gradient(f, w, eps=1e-5):\n    while True: f(w)"},
        unearned=frozenset({"numerical_gradient"}),
        outcomes=frozenset({"timed out", "crashed"}),
    ),
    "call_backs_with_large_arrays": Attack(
        "hands arrays of 56 MB to the test's function",
        {"numerical_gradient": "def numerical_gradient(f, w, eps=1e-5):\n    return f(np.ones((7 << 20, *[1] * w.ndim)))"},
        unearned=frozenset({"numerical_gradient"}),
    ),
    "call_backs_that_broadcast": Attack(
        "hands a shape to the test's function that broadcasts to billions",
        {"numerical_gradient": "def numerical_gradient(f, w, eps=1e-5):\n    return f(np.ones((100_000, 1, *w.shape)))"},
        unearned=frozenset({"numerical_gradient"}),
    ),
    "many_small_values": replace(
        in_function(
            "sends 900 KB of small values, a thousand times",
            f"{FORGE}\nfor _ in range(1000): send(frame(returned(b'\\x92\\xa1l\\xdd' + (900_000).to_bytes(4, 'big') + b'\\x01' * 900_000)))\nreturn w0",
            {"crashed", "timed out"},
        ),
        may_lose=frozenset({"numerical_gradient"}),
    ),
}  # fmt: skip
