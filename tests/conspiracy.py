"""Notebooks in which one function is replaced and all the others do what they can to hide it.

Each of the others is right until the replaced function is called: so it keeps its own points and no stand-in takes
its place. From then on it behaves as the conspiracy wants. What every hidden test must show: a function that does
not compute its answer scores 0, whatever the others do.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

import msgspec

from autograder.course import Assignment
from autograder.report import Check, Report
from autograder.submission import Submission

PREPARED = textwrap.dedent("""
    import builtins as _builtins
    import gc as _gc
    import sys as _sys
    import numpy as _np

    _NOW = {"replaced": False, "calls": 0}

    class _Agreeable:
        '''Equal to everything, close to everything, true and without end.'''
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        def __lt__(self, other): return True
        __gt__ = __le__ = __ge__ = __lt__
        def __hash__(self): return 0
        def __bool__(self): return True
        def __len__(self): return 2
        def __getattr__(self, name): return self
        def __call__(self, *arguments, **keywords): return self
        def __getitem__(self, key): return self
        def __iter__(self): return iter((self, self))
        def __array__(self, dtype=None, copy=None): return _np.zeros(())
        def _same(self, *others): return self
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
        __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __abs__ = _same

    def _filled(value, number):
        '''`value` with every number in it replaced.'''
        if isinstance(value, dict):
            return {key: _filled(item, number) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(_filled(item, number) for item in value)
        if hasattr(value, "detach"):
            return value.detach().clone().fill_(number) if value.is_floating_point() else value
        if isinstance(value, _np.ndarray):
            return _np.full(value.shape, float(number))
        if isinstance(value, (bool, int, float, _np.generic)):
            return float(number)
        return value

    def _alternating(value):
        '''Another number at each call.'''
        _NOW["calls"] += 1
        return _filled(value, [0.0, float("nan"), 1.0, 1e200, -1.0, float("inf")][_NOW["calls"] % 6])

    def _huge(value):
        return _np.zeros((100_000, 1, 1))

    def _raising(value):
        raise ZeroDivisionError("nothing follows from this")

    def _patch_numpy():
        for name in ("allclose", "array_equal", "isclose", "all", "any", "isfinite"):
            setattr(_np, name, lambda *a, **k: True)
        for name in ("sum", "mean", "max", "abs", "exp", "tanh", "dot", "matmul", "zeros", "linalg"):
            setattr(_np, name, lambda *a, **k: 0.0)

    def _patch_builtins():
        for name in ("abs", "all", "any", "isinstance", "len", "max", "sum", "sorted", "zip"):
            setattr(_builtins, name, _PATCHES.get(name, lambda *a, **k: True))

    _PATCHES = {"len": lambda value: 0, "zip": lambda *a, **k: iter(())}

    def _patch_tools():
        '''No tool has anything to report, arguments are always as they were, and every seed is the same.'''
        toolbox = _sys.modules.get("autograder.sandbox.toolbox")
        bench = _sys.modules.get("autograder.sandbox.bench")
        for name in list(getattr(toolbox, "_TOOLS", {})):
            toolbox._TOOLS[name] = lambda *a, **k: []
        if bench is not None:
            bench.seed_everything = lambda seed: None
            bench.overwrite = lambda target, value: None
            reply = bench.Bench._reply
            bench.Bench._reply = lambda self, value, opaque, left: reply(self, value, opaque, _KEPT)
            handle = bench.Bench.handle
            def handled(self, request, body):
                arguments = getattr(request, "arguments", None)
                if arguments is not None:
                    unpacker = bench.Unpacker(self, body)
                    _KEPT[:] = [unpacker.unpack(tree) for tree in arguments]
                return handle(self, request, body)
            bench.Bench.handle = handled

    _KEPT = []

    def _conspirator(function, behaviour):
        def conspiring(*arguments, **keywords):
            value = function(*arguments, **keywords)
            return behaviour(value) if _NOW["replaced"] else value
        return conspiring
""")
"""What the conspiring notebooks define at the top of their first solution cell."""

REPLACEMENTS = {
    "zeros": "_filled({shape}, 0.0)",
    "nan": "_filled({shape}, float('nan'))",
    "constant": "_filled({shape}, 0.5)",
    "first argument": "{first}",
    "none": "None",
}
"""What the replaced function returns; `shape` stands for an expression of the right shape."""

BEHAVIOURS = {
    "nan": "lambda value: _filled(value, float('nan'))",
    "zeros": "lambda value: _filled(value, 0.0)",
    "ones": "lambda value: _filled(value, 1.0)",
    "1e200": "lambda value: _filled(value, 1e200)",
    "alternating": "_alternating",
    "huge": "_huge",
    "agreeable": "lambda value: _Agreeable()",
    "raising": "_raising",
}
"""What the other functions return once the replaced one has been called."""

PATCHES = {"numpy": "_patch_numpy()", "builtins": "_patch_builtins()", "tools": "_patch_tools()"}
"""What the replaced function changes in its process when it is called first."""

NEVER = "raise NotImplementedError"


def conspiracy(
    task: Assignment, function: str, replacement: str, shapes: Mapping[str, str], behaviour: str = "", patch: str = ""
) -> Submission:
    """The solved notebook with `function` replaced and all others conspiring.

    Args:
        task: the assignment.
        function: the function that does not compute its answer.
        replacement: one of REPLACEMENTS.
        shapes: for each function an expression of its arguments that has the right shape.
        behaviour: one of BEHAVIOURS; by default the others stay right.
        patch: one of PATCHES; by default nothing is changed.
    """
    cells = []
    for cell in task.cells:
        if cell.grade_id in task.functions:
            prepared = PREPARED if cell.grade_id == task.functions[0] else ""
            if cell.grade_id == function:
                source = replaced(cell.source, REPLACEMENTS[replacement], shapes[function], patch)
            elif behaviour:
                source = f"{cell.source}\n{cell.grade_id} = _conspirator({cell.grade_id}, {BEHAVIOURS[behaviour]})\n"
            else:
                source = cell.source
            cell = msgspec.structs.replace(cell, source=f"{prepared}\n{source}")
        cells.append(cell)
    return Submission(task, tuple(cells), ())


def replaced(source: str, expression: str, shape: str, patch: str = "") -> str:
    """A solution cell whose function returns `expression`, and says that it has been called."""
    head = re.search(r"def \w+\((\w+).*?\):\n", source, re.DOTALL)
    assert head is not None
    body = [f"_answer = {expression.format(shape=shape, first=head[1])}"]
    if patch:
        body.append(f"if not _NOW['replaced']: {PATCHES[patch]}")
    body += ["_NOW['replaced'] = True", "return _answer"]
    return head[0] + textwrap.indent("\n".join(body), "    ") + "\n"


def alone(task: Assignment, *functions: str) -> Submission:
    """The solved notebook in which only `functions` are filled in."""
    return with_sources(
        task,
        {
            str(cell.grade_id): re.sub(r"(def \w+\(.*?\):\n).*", rf"\1    {NEVER}\n", cell.source, flags=re.DOTALL)
            for cell in task.cells
            if cell.grade_id in task.functions and cell.grade_id not in functions
        },
    )


def with_sources(task: Assignment, sources: Mapping[str, str]) -> Submission:
    """The solved notebook with other sources in the cells that `sources` names."""
    cells = (msgspec.structs.replace(cell, source=sources.get(str(cell.grade_id), cell.source)) for cell in task.cells)
    return Submission(task, tuple(cells), ())


def earned(report: Report, task: Assignment, function: str) -> tuple[float, list[Check]]:
    """The points of a function's cell, and its checks that passed."""
    cell = next(cell for cell in report.cells if cell.grade_id == task.cell_of(function))
    return cell.score, [check for check in cell.checks if check.outcome == "passed"]
