"""Answers that are right only while watched, that cover up for one another, or that use what a test lends them."""

from __future__ import annotations

import inspect
import textwrap

from conftest import FUNCTIONS

from attacks.table import TARGET, Attack
from autograder.assignments.ps1_gradient_descent import answers as right_answers

ALL = frozenset(FUNCTIONS)


def _lie(what: str, *unearned: str, may_lose: frozenset[str] = frozenset(), first: str = "", **cells: str) -> Attack:
    sources = {name: textwrap.dedent(source).strip() for name, source in cells.items()}
    own = (textwrap.dedent(first).strip(),) if first else ()
    return Attack(what, sources, first=own, unearned=frozenset(unearned), may_lose=may_lose)


def _right(name: str) -> str:
    return inspect.getsource(getattr(right_answers, name))


def _wrong(what: str, code: str) -> Attack:
    """TARGET is wrong, and its cell runs `code`, which shall hide that."""
    hidden = textwrap.dedent(code).strip()
    sources = {TARGET: f"{hidden}\n\ndef {TARGET}(X, y, w0, b0, lr, n_steps):\n    return w0, b0, [0.0]"}
    return Attack(what, sources, unearned=frozenset({TARGET}), may_lose=frozenset({"numerical_gradient"}))


FIND_EXPECTED = """
import gc, sys
import numpy as np

def everything():
    frame = sys._getframe()
    while frame:
        yield from list(frame.f_locals.values()) + list(frame.f_globals.values())
        frame = frame.f_back
    yield from gc.get_objects()

def stolen(shape):
    for thing in everything():
        if isinstance(thing, dict) and thing.keys() & {'expected', 'want', 'right', 'reference', 'answer'}:
            for value in thing.values():
                if np.shape(value) == shape:
                    return value
    return np.zeros(shape)
"""

ATTACKS = {
    "right_in_the_notebook_s_own_cells_only": _lie(
        "is right for the visible checks, wrong for the hidden tests",
        "mse_loss",
        mse_loss=f"""
        {textwrap.indent(_right("mse_loss").replace("def mse_loss", "def right_mse_loss"), " " * 8).strip()}

        def mse_loss(y, y_hat):
            import sys
            frame, names = sys._getframe(), []
            while frame:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            return right_mse_loss(y, y_hat) if 'run_cell' in names else 0.0
        """,
    ),
    "right_the_first_time_only": _lie(
        "is right in its first call and wrong afterwards",
        "gradient_descent",
        gradient_descent="""
        calls = []

        def gradient_descent(X, y, w0, b0, lr, n_steps):
            calls.append(1)
            return w0, b0, [0.0] * (n_steps + 1)
        """,
    ),
    "remembers_the_first_answer": _lie(
        "returns what it returned for other inputs",
        "mse_loss",
        mse_loss="""
        kept = {}

        def mse_loss(y, y_hat):
            return kept.setdefault('loss', float(np.mean((y - y_hat) ** 2))) if len(kept) else kept.setdefault('loss', 0.0)
        """,
    ),
    "helpers_turn_to_nonsense_while_it_runs": _lie(
        "a flag makes its helpers agree with it",
        "gradient_descent",
        first="asked = []",
        linear_gradients=_right("linear_gradients").replace("    ", "    if asked: return 0 * w, 0.0\n    ", 1),
        gradient_descent="""
        def gradient_descent(X, y, w0, b0, lr, n_steps):
            asked.append(1)
            try:
                return w0, b0, [mse_loss(y, X @ w0 + b0)] * (n_steps + 1)
            finally:
                asked.clear()
        """,
    ),
    "nan_from_helpers": _lie(
        "a helper returns NaN so that no comparison can fail",
        "mse_gradient",
        "linear_gradients",
        "gradient_descent",
        mse_gradient="def mse_gradient(y, y_hat):\n    return np.full(np.shape(y), np.nan)",
        linear_gradients="def linear_gradients(X, y, w, b):\n    return np.full(np.shape(w), np.nan), float('nan')",
        gradient_descent="def gradient_descent(X, y, w0, b0, lr, n_steps):\n    return w0 * np.nan, np.nan, [np.nan] * (n_steps + 1)",
    ),
    "enormous_numbers": _lie(
        "returns numbers so large that differences become infinite",
        "mse_gradient",
        "gradient_step",
        mse_gradient="def mse_gradient(y, y_hat):\n    return np.full(np.shape(y), 1e200)",
        gradient_step="def gradient_step(w, gradient, lr):\n    return np.full(np.shape(w), 1e308)",
        may_lose=frozenset({"linear_gradients", "gradient_descent"}),
    ),
    "changes_its_arguments_to_the_answer": _lie(
        "overwrites its inputs so that what it returns is right for them",
        "mse_loss",
        "mse_gradient",
        mse_loss="def mse_loss(y, y_hat):\n    y[...] = y_hat[...] = 0\n    return 0.0",
        mse_gradient="def mse_gradient(y, y_hat):\n    y[...] = y_hat[...] = 0\n    return 0 * y",
    ),
    "steals_what_is_expected_from_frames": _lie(
        "looks for the expected values in frames and in memory",
        *FUNCTIONS,
        first=FIND_EXPECTED,
        mse_loss="def mse_loss(y, y_hat):\n    return float(np.sum(stolen(())))",
        mse_gradient="def mse_gradient(y, y_hat):\n    return stolen(y.shape)",
        linear_gradients="def linear_gradients(X, y, w, b):\n    return stolen(w.shape), 0.0",
        gradient_step="def gradient_step(w, gradient, lr):\n    return stolen(w.shape)",
        gradient_descent="def gradient_descent(X, y, w0, b0, lr, n_steps):\n    return stolen(w0.shape), 0.0, [0.0] * (n_steps + 1)",
        numerical_gradient="def numerical_gradient(f, w, eps=1e-5):\n    return stolen(w.shape)",
    ),
    "asks_the_right_answers_by_name": _lie(
        "imports the course's answers",
        "mse_loss",
        mse_loss="""
        try:
            from autograder.assignments.ps1_gradient_descent.answers import mse_loss
        except BaseException:
            import importlib, pkgutil
            def mse_loss(y, y_hat):
                for name in ('answers', 'autograder.assignments.ps1_gradient_descent.answers', 'hidden_tests', '__main__'):
                    try:
                        return importlib.import_module(name).mse_loss(y, y_hat)
                    except BaseException:
                        pass
        """,
    ),
    "keeps_a_stand_in": _lie(
        "keeps the right answer that stands in for its wrong function, and puts it there for good",
        "mse_loss",
        mse_loss="def mse_loss(y, y_hat):\n    return kept['it'](y, y_hat) if 'it' in kept else 0.0",
        first="kept = {}",
        gradient_descent=_right("gradient_descent").replace(
            "    w, b =", "    kept['it'] = globals()['mse_loss'] = mse_loss\n    w, b =", 1
        ),
        may_lose=frozenset({"gradient_descent"}),
    ),
    "test_cells_that_say_passed": Attack(
        "changes the test cells and their points",
        {TARGET: "def gradient_descent(*_): pass", "test_gradient_descent": "print('passed')  # 100 points"},
        unearned=frozenset({TARGET}),
    ),
    "defines_the_tests_away": Attack(
        "defines assert's exception, callable and the grader's names",
        {
            TARGET: "AssertionError = Exception\ncallable = lambda _: True\ntest_gradient_descent = gradient_descent = None"
        },
        unearned=frozenset({TARGET}),
    ),
    "removes_assertions_before_they_run": _wrong(
        "takes every assert statement out of the cells that run after it",
        """
        import ast
        class Silent(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
        get_ipython().ast_transformers.append(Silent())
        """,
    ),
    "swallows_the_errors_of_cells": _wrong(
        "has IPython swallow every exception", "get_ipython().set_custom_exc((Exception,), lambda *_, **__: None)"
    ),
    "runs_cells_as_nothing": _wrong(
        "replaces every cell that runs after it by an empty one",
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])",
    ),
    "patches_the_comparison": _wrong(
        "makes all numbers close to one another",
        """
        np.allclose = np.isclose = np.array_equal = lambda *_, **__: True
        np.testing.assert_allclose = lambda *_, **__: None
        """,
    ),
    "redefines_a_graded_function_before_the_end": Attack(
        "defines what it was tested for anew after its test",
        last=("def mse_loss(*_): return 0.0\nmse_gradient = gradient_descent = mse_loss",),
    ),
    "exit_code_of_success": Attack(
        "ends its process with the status 0 in the middle of a test",
        {TARGET: "def gradient_descent(*_):\n    import os\n    os._exit(0)"},
        unearned=frozenset({TARGET}),
        outcomes=frozenset({"crashed"}),
    ),
    # --- what a test lends: `f` of numerical_gradient stays on the trusted side ---
    "calls_back_after_its_test": _lie(
        "keeps the test's function and calls it in other tests",
        "numerical_gradient",
        numerical_gradient="""
        held = []

        def numerical_gradient(f, w, eps=1e-5):
            held.append(f)
            return held[0](w) * np.ones(w.shape)
        """,
    ),
    "returns_the_lent_function": _lie(
        "returns the test's function as its answer",
        "numerical_gradient",
        numerical_gradient="def numerical_gradient(f, w, eps=1e-5):\n    return f",
    ),
    "looks_into_the_lent_function": _lie(
        "reads closure, code and module of the test's function",
        "numerical_gradient",
        numerical_gradient="""
        def numerical_gradient(f, w, eps=1e-5):
            found = [getattr(f, name, None) for name in ('__closure__', '__code__', '__globals__', '__self__', '__wrapped__')]
            for thing in found:
                for cell in thing or () if isinstance(thing, tuple) else ():
                    value = cell.cell_contents
                    if callable(getattr(value, 'gradient', None)):
                        return value.gradient(w)
            return np.zeros(w.shape)
        """,
    ),
    "calls_back_with_what_is_no_array": _lie(
        "hands text, objects, NaN and wrong shapes to the test's function",
        "numerical_gradient",
        numerical_gradient="""
        def numerical_gradient(f, w, eps=1e-5):
            for odd in ('x' * 10**6, None, {}, [[1], [2, 3]], np.zeros((0, 5)), np.full(w.shape, np.nan), 1j, f):
                try:
                    f(odd)
                except Exception:
                    pass
            return np.zeros(w.shape)
        """,
    ),
    "calls_back_in_a_thread": _lie(
        "calls the test's function from many threads at once",
        "numerical_gradient",
        numerical_gradient="""
        def numerical_gradient(f, w, eps=1e-5):
            import threading
            threads = [threading.Thread(target=f, args=(w,)) for _ in range(8)]
            [thread.start() for thread in threads], [thread.join(0.2) for thread in threads]
            return np.zeros(w.shape)
        """,
    ),
}
