"""Attacks by a submission: each costs the cell that tries it, gains nothing, and stops nobody else's grading."""

from __future__ import annotations

import inspect
import io
import re
import resource
import textwrap
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from conftest import FUNCTIONS, LIMITS, outcomes, printed, scores, text_of
from nbformat.notebooknode import NotebookNode
from rich.console import Console

from autograder.assignments.ps1_gradient_descent import answers as right_answers
from autograder.course import Assignment
from autograder.grading import Graded, Grader
from autograder.nbgrader.documents import as_notebook
from autograder.pages.feedback import feedback_page
from autograder.report import to_json
from autograder.submission import Submission
from autograder.terminal import show_report

TARGET = "gradient_descent"
"""The function that attacks stand in: its tests come between others', and no other function calls it."""

SIGNATURE = "def gradient_descent(X, y, w0, b0, lr, n_steps):\n"
RIGHT = inspect.getsource(right_answers.gradient_descent)
GIB = 1 << 30

NotebookWith = Callable[..., Submission]


def in_function(code: str) -> str:
    """A cell whose function runs `code` when it is called."""
    return SIGNATURE + textwrap.indent(textwrap.dedent(code).strip(), "    ") + "\n"


def in_cell(code: str) -> str:
    """A cell that runs `code` before it defines the right function."""
    return f"{textwrap.dedent(code).strip()}\n\n{RIGHT}"


def graded_attack(grader: Grader, notebook_with: NotebookWith, source: str, *further: str) -> Graded:
    """Grade a notebook with `source` as the cell TARGET; then an honest one must still get all its points."""
    graded = grader.grade(notebook_with({TARGET: source}, *further), seed=1)
    assert grader.grade(notebook_with({}), seed=1).report.score == sum(FUNCTIONS.values())
    return graded


def peak_memory() -> int:
    """MiB that this process, the trusted one, has held at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def assert_only_target_lost(graded: Graded, outcome: set[str]) -> None:
    """The cell TARGET has 0 points and only checks with these outcomes; every other cell is untouched."""
    shares = scores(graded.report)
    assert shares.pop(TARGET) == 0, shares
    assert set(shares.values()) == {1.0}, shares
    assert outcomes(graded.report, TARGET) <= outcome
    assert not any("itself failed" in problem for problem in graded.report.problems), graded.report.problems


# What stands in the function, and the only outcomes that its checks may have.
IN_FUNCTION = {
    "endless_loop": ("while True: pass", {"timed out"}),
    "os_exit": ("import os; os._exit(0)", {"crashed"}),
    "sys_exit": ("import sys; sys.exit(0)", {"error"}),
    "keyboard_interrupt": ("raise KeyboardInterrupt", {"error"}),
    "abort": ("import os; os.abort()", {"crashed"}),
    "segmentation_fault": ("import ctypes; ctypes.string_at(0)", {"crashed"}),
    "30_gb_of_bytes": ("return bytearray(30 << 30)", {"out of memory"}),
    "30_gb_array": ("return np.ones(30 << 27)", {"out of memory"}),
    "30_gb_piecemeal": ("kept = []\nwhile True: kept.append(bytearray(1 << 20))", {"out of memory"}),
    "30_gb_mapping": ("import mmap\nreturn len(mmap.mmap(-1, 30 << 30))", {"error", "out of memory"}),
    "recursion": (f"return {TARGET}(X, y, w0, b0, lr, n_steps)", {"error"}),
    "recursion_without_limit": (
        f"import sys; sys.setrecursionlimit(1 << 30)\nreturn [{TARGET}(X, y, w0, b0, lr, n_steps)]",
        {"crashed", "out of memory", "timed out"},
    ),
    "fork": ("import os\nwhile True: os.fork()", {"error"}),
    "fork_in_threads": (
        """
        import os, threading
        done = []
        def fork():
            try:
                os.fork()
            except PermissionError:
                done.append(1)
        threads = [threading.Thread(target=fork) for _ in range(20)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        assert len(done) == 20, "a thread forked"
        raise PermissionError("all threads were refused")
        """,
        {"error"},
    ),
    "subprocess": ("import subprocess; subprocess.run(['/bin/ls'])", {"error"}),
    "multiprocessing": ("import multiprocessing as m; m.get_context('fork').Process(target=print).start()", {"error"}),
    "os_system": ("import os; assert os.system('exit 0') == 0, 'no process'", {"error"}),
    "many_threads": (
        """
        import threading, time
        while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        """,
        {"error", "crashed", "out of memory", "timed out"},
    ),
    "kill_parent": ("import os; os.kill(os.getppid(), 9)", {"error"}),
    "kill_everything": ("import os; os.kill(-1, 9)", {"error"}),
    "not_a_number": ("return float('nan'), float('nan'), [float('nan')] * (n_steps + 1)", {"failed"}),
    "not_numbers_in_arrays": ("return w0 * np.nan, np.float64('nan'), np.full(n_steps + 1, np.nan)", {"failed"}),
    "infinity": ("return w0 * np.inf, np.inf, [np.inf] * (n_steps + 1)", {"failed"}),
    "list_of_1e9_parts": ("return [[[0] * 1000] * 1000] * 1000", {"error"}),
    "list_in_itself": ("endless = []; endless.append(endless); return endless", {"error"}),
    "list_nested_deeply": ("nested = []\nfor _ in range(10**5): nested = [nested]\nreturn nested, 0, [0]", {"error"}),
    "array_too_large": ("return np.zeros(10 << 20), 0.0, []", {"error"}),
    "huge_int": ("return 10**300, 10**300, [10**300]", {"failed"}),
    "enormous_int": ("return 1 << 10**8, 0, [0]", {"error"}),
    "huge_int_for_the_bias": ("return *right(X, y, w0, b0, lr, n_steps)[:1], 10**399, [10**399]", {"failed", "error"}),
    "text_of_100_mb": ("return 'x' * 10**8, 0, [0]", {"error", "crashed"}),
    "text_for_the_bias": ("return w0, '\\x1b[31m' * 10**5, [0]", {"failed"}),
    "always_equal": (
        """
        class Equal:
            def __eq__(self, other): return True
            __lt__ = __gt__ = __le__ = __ge__ = __ne__ = __eq__
            def __array__(self, *_, **__): raise SystemExit
            def __float__(self): return 0.0
        return Equal(), Equal(), Equal()
        """,
        {"failed"},
    ),
    "always_equal_array": (
        """
        class Equal(np.ndarray):
            def __eq__(self, other): return True
            def __sub__(self, other): return np.zeros(self.shape)
            __rsub__ = __sub__
            def __abs__(self): return np.zeros(self.shape)
        w, b, losses = right(X, y, w0, b0, lr, n_steps)
        return (w + 1).view(Equal), b + 1, (np.array(losses) + 1).view(Equal)
        """,
        {"failed"},
    ),
    "keys_that_are_objects": ("return {X.tobytes(): 1, object(): 2}, {frozenset(): 3}, []", {"error", "failed"}),
    "exception_that_exits": (
        """
        class Sly(Exception):
            def __str__(self):
                import os
                os._exit(0)
        raise Sly
        """,
        {"crashed"},
    ),
    "exception_of_the_grader": (
        """
        class Mismatch(AssertionError): outcome = 'passed'
        raise Mismatch('passed')
        """,
        {"error"},
    ),
    "own_finalizer_exits": (
        """
        class Bomb:
            def __del__(self):
                import os
                os._exit(0)
        Bomb()
        """,
        {"crashed"},
    ),
    "close_every_descriptor": ("import os; os.closerange(0, 4096)", {"crashed"}),
    "call_backs_that_nobody_offered": (
        """
        import gc, sys
        bench, wire = sys.modules['autograder.sandbox.bench'], sys.modules['autograder.sandbox.wire']
        mine = next(thing for thing in gc.get_objects() if type(thing) is bench.Bench)
        return mine.find(wire.Function(0))(w0)
        """,
        {"crashed"},
    ),
}
PREAMBLE = RIGHT.replace(f"def {TARGET}", "def right")


@pytest.mark.parametrize("name", IN_FUNCTION)
def test_attack_in_a_function_costs_only_its_cell(grader: Grader, notebook_with: NotebookWith, name: str) -> None:
    code, outcome = IN_FUNCTION[name]
    graded = graded_attack(grader, notebook_with, f"{PREAMBLE}\n\n{in_function(code)}")
    assert_only_target_lost(graded, outcome)


# What stands in the cell before its function, and the only outcomes that its checks may have.
IN_CELL = {
    "endless_loop": ("while True: pass", {"timed out"}),
    "os_exit": ("import os; os._exit(0)", {"crashed"}),
    "sys_exit": ("import sys; sys.exit(0)", {"error"}),
    "30_gb_of_bytes": ("bytearray(30 << 30)", {"out of memory"}),
    "30_gb_array": ("np.ones(30 << 27)", {"out of memory"}),
    "recursion": ("def down(): down()\ndown()", {"error", "timed out"}),
    "fork": ("import os\nwhile True: os.fork()", {"error"}),
    "endless_output": ("while True: print('x' * 10_000)", {"timed out"}),
    "endless_files": (
        "import itertools\nfor i in itertools.count(): open(str(i), 'wb').write(bytes(1 << 20))",
        {"timed out", "error"},
    ),
    "one_endless_file": ("file = open('f', 'wb')\nwhile True: file.write(bytes(1 << 20))", {"error", "timed out"}),
    "endless_empty_files": ("import itertools\nfor i in itertools.count(): open(str(i), 'wb').close()", {"timed out"}),
    "files_too_deep_to_be_seen": (
        """
        import os
        for _ in range(60):
            os.mkdir('d' * 100)
            os.chdir('d' * 100)
        for i in range(100):
            open(str(i), 'wb').write(bytes(1 << 20))
        import time
        time.sleep(3)
        """,
        {"timed out"},
    ),
    "shell_without_newline": ("get_ipython().system('ls') or 1 / 0", {"error"}),
    "reset_and_exit": ("get_ipython().reset(); import os; os._exit(0)", {"crashed"}),
}


@pytest.mark.parametrize("name", IN_CELL)
def test_attack_in_a_cell_costs_only_its_cell(grader: Grader, notebook_with: NotebookWith, name: str) -> None:
    code, outcome = IN_CELL[name]
    assert_only_target_lost(graded_attack(grader, notebook_with, in_cell(code)), outcome)


# Code that changes the grader's own modules, in the memory of the submission's process.
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


@pytest.mark.parametrize("name", TAMPERING)
def test_attack_on_the_modules_in_its_own_process_gains_nothing(
    grader: Grader, notebook_with: NotebookWith, name: str
) -> None:
    code = "import builtins, os, sys\n" + textwrap.dedent(TAMPERING[name]).strip()
    graded = graded_attack(grader, notebook_with, in_function(f"{code}\nreturn w0 + 1, b0 + 1, [1.0] * (n_steps + 1)"))
    shares = scores(graded.report)
    assert shares[TARGET] == 0
    before = list(shares)[: list(shares).index(TARGET)]
    assert {shares[function] for function in before} == {1.0}


FORGE = """
import os, stat, struct, sys

def sockets():
    for fd in range(64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            pass

def send(data):
    for fd in sockets():
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]

def frame(header, body=b''):
    return struct.pack('<II', len(header), len(body)) + header + body

def text(value):
    return b'\\xdb' + struct.pack('>I', len(value)) + value

def returned(value, arguments=b'\\x90'):
    return b'\\x83' + b''.join([text(b'type'), text(b'returned'), text(b'value'), value, text(b'arguments'), arguments])
"""

# What the function writes into every socket that it finds.
FORGERIES = {
    "huge_lengths": "send(struct.pack('<II', 2**32 - 1, 2**32 - 1))",
    "long_body_that_never_comes": "send(struct.pack('<II', 10, 64 << 20) + b'x' * 10)",
    "garbage": "send(os.urandom(1 << 16))",
    "empty_frames": "send(bytes(8) * 1000)",
    "nonsense_result": "send(frame(returned(b'\\xa4true')))",
    "true_results": "[send(frame(returned(b'\\xc3'))) for _ in range(50)]",
    "handle_with_a_long_name": "send(frame(returned(b'\\x93\\xa1h\\x01' + text(b'\\x1b[2J' * 100_000))))",
    "nested_deeply": "send(frame(returned(b'\\x91' * 900_000 + b'\\xc0')))",
    "map_with_lists_as_keys": "send(frame(returned(b'\\x81\\x91\\x01\\x02')))",
    "array_of_2e40_by_nothing": """
        shape = b'\\x92\\xcf' + (2**40).to_bytes(8, 'big') + b'\\x00'
        send(frame(returned(b'\\x94\\xa1a\\xa7float64' + shape + b'\\x00')))
        """,
    "same_bytes_a_thousand_times": """
        array = b'\\x94\\xa1a\\xa5uint8\\x91' + b'\\xce' + (60 << 20).to_bytes(4, 'big') + b'\\x00'
        send(frame(returned(b'\\x92\\xa1l\\xdc' + (1000).to_bytes(2, 'big') + array * 1000), bytes(60 << 20)))
        """,
    "numbers_that_share_a_hash": """
        key = lambda k: b'\\x92\\x92\\xa1i' + text(str(k * (2**61 - 1)).encode()) + b'\\x00'
        pairs = b''.join(key(k) for k in range(2**10, 2**10 + 25_000))
        send(frame(returned(b'\\x92\\xa1d\\xdc' + (25_000).to_bytes(2, 'big') + pairs)))
        """,
    "exception_of_a_megabyte": """
        raised = [b'type', b'raised', b'kind', b'E' * 300_000, b'where', b'x' * 300_000]
        raised += [b'message', b'\\x1b[2J' * 50_000]
        send(frame(b'\\x85' + b''.join(map(text, raised)) + text(b'no_memory') + b'\\xc2'))
        """,
    "call_back_that_was_not_offered": """
        send(frame(b'\\x83' + b''.join([text(b'type'), text(b'back'), text(b'function'), b'\\x00',
                                        text(b'arguments'), b'\\x90'])))
        """,
    "cell_that_ran": "send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + b'\\xc0', b'\\x90'))",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_attack_by_forged_frames_gains_nothing(grader: Grader, notebook_with: NotebookWith, name: str) -> None:
    held = peak_memory()
    attack = in_function(f"{FORGE}\n{textwrap.dedent(FORGERIES[name]).strip()}\nreturn w0 + 1, b0, []")
    graded = graded_attack(grader, notebook_with, attack)
    shares = scores(graded.report)
    assert shares[TARGET] == 0
    before = list(shares)[: list(shares).index(TARGET)]
    assert {shares[function] for function in before} == {1.0}
    assert graded.report.duration < 12
    assert not any("itself failed" in problem for problem in graded.report.problems), graded.report.problems
    assert b"\\u001b" not in to_json(graded.report)
    assert len(to_json(graded.report)) < 100_000
    assert peak_memory() - held < 300


# What a cell after the last test writes: nothing waits for it but the end of the notebook.
LAST_CELLS = {
    "nested_deeply": "send(frame(returned(b'\\x91' * 900_000 + b'\\xc0')))",
    "outputs_that_grow_when_decoded": """
        send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + b'\\xc0',
                   b'\\xdd' + (60 << 20).to_bytes(4, 'big') + b'\\x80' * (60 << 20)))
        """,
    "outputs_of_odd_types": """
        send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + b'\\xc0',
                   b'\\x91\\x82' + text(b'output_type') + b'\\x07' + text(b'text') + b'\\x90'))
        """,
    "error_of_a_megabyte": """
        send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + text(b'\\x1b' * 1_000_000), b'\\x90'))
        """,
    "call_back": """
        send(frame(b'\\x83' + b''.join([text(b'type'), text(b'back'), text(b'function'), b'\\x00',
                                        text(b'arguments'), b'\\x90'])))
        """,
    "exit": "os._exit(0)",
}


@pytest.mark.parametrize("name", LAST_CELLS)
def test_attack_after_the_last_test_changes_no_score(grader: Grader, notebook_with: NotebookWith, name: str) -> None:
    held = peak_memory()
    graded = graded_attack(grader, notebook_with, RIGHT, FORGE, textwrap.dedent(LAST_CELLS[name]).strip())
    assert graded.report.score == graded.report.max_score
    assert graded.outputs[-1] == [] or "[grader]" in str(graded.outputs[-1])
    assert peak_memory() - held < 300


def test_attack_by_a_flood_of_call_backs_ends_in_time(grader: Grader, notebook_with: NotebookWith) -> None:
    flood = "def numerical_gradient(f, w, eps=1e-5):\n    while True: f(w)\n"
    graded = grader.grade(notebook_with({"numerical_gradient": flood}), seed=1)
    assert outcomes(graded.report, "numerical_gradient") <= {"timed out", "crashed"}
    assert graded.report.score == sum(FUNCTIONS.values()) - FUNCTIONS["numerical_gradient"]
    assert graded.report.duration < 15


def test_attack_by_call_backs_with_large_arrays_is_refused(grader: Grader, notebook_with: NotebookWith) -> None:
    held = peak_memory()
    large = "def numerical_gradient(f, w, eps=1e-5):\n    return f(np.ones((7 << 20, *[1] * w.ndim)))\n"
    graded = grader.grade(notebook_with({"numerical_gradient": large}), seed=1)
    assert scores(graded.report)["numerical_gradient"] == 0
    assert peak_memory() - held < 200


def test_attack_by_large_results_leaves_the_grader_small(grader: Grader, notebook_with: NotebookWith) -> None:
    held = peak_memory()
    large = "{}\n    return np.zeros(60 << 20, bool)\n"
    sources = {name: large.format(inspect.getsource(getattr(right_answers, name)).split("\n")[0]) for name in FUNCTIONS}
    graded = grader.grade(notebook_with(sources), seed=1)
    assert graded.report.score == 0
    assert peak_memory() - held < 900


def test_attack_by_sleeping_is_bounded_for_the_submission_as_a_whole(
    assignment: Assignment, notebook_with: NotebookWith
) -> None:
    sleep = "import time; time.sleep(1.5)"
    with Grader(assignment, msgspec.structs.replace(LIMITS, submission_seconds=2.0), "auto") as grader:
        at_the_end = grader.grade(notebook_with({}, *[sleep] * 100), seed=1).report
        before_a_test = grader.grade(notebook_with({"mse_gradient": f"{sleep}\ntime.sleep(1)"}), seed=1).report
    assert at_the_end.score == at_the_end.max_score
    assert at_the_end.duration < 5
    assert scores(before_a_test)["mse_loss"] == 1
    assert outcomes(before_a_test, "numerical_gradient") == {"timed out"}


def test_attack_by_a_cell_of_many_megabytes_costs_that_cell(grader: Grader, notebook_with: NotebookWith) -> None:
    graded = graded_attack(grader, notebook_with, f"{RIGHT}\n# {'x' * (3 << 20)}")
    assert_only_target_lost(graded, {"crashed"})


HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\x00<script>alert(1)</script><img src=x onerror=alert(1)>"
"""Clears a terminal, names its window, turns the reading direction round, and runs in a browser that believes it."""

HOSTILE_ANSWERS = {
    "printed": f"def gradient_descent(*_): return 1\nprint({HOSTILE!r})\nimport sys; sys.stderr.write({HOSTILE!r})",
    "raised by the cell": f"raise ValueError({HOSTILE!r})",
    "raised by the function": in_function(f"raise ValueError({HOSTILE!r} * 1000)"),
    "an exception's name": in_function(f"raise type({HOSTILE.replace(chr(0), '')!r}, (Exception,), {{}})('x')"),
    "returned as text": in_function(f"return {HOSTILE!r}, {HOSTILE!r}, {HOSTILE!r}"),
    "returned as keys": in_function(f"return {{{HOSTILE!r}: 1}}, {{{HOSTILE!r}: 1}}, {{{HOSTILE!r}: 1}}"),
    "returned as a type's name": in_function(f"return (type({HOSTILE.replace(chr(0), '')!r}, (), {{}})(),) * 3"),
    "displayed": f"""
class Page:
    def _repr_html_(self): return {HOSTILE!r}
    def _repr_svg_(self): return {HOSTILE!r}
    def _repr_png_(self): return {HOSTILE!r}.encode()
    def _repr_javascript_(self): return {HOSTILE!r}
    def __repr__(self): return {HOSTILE!r}
display(Page())
Page()
""",
    "displayed as a picture": """
class Picture:
    def _repr_png_(self): return 'iVBORw0KGgo="><script>alert(1)</script>'
    def _repr_jpeg_(self): return "/9j/'><script>alert(1)</script>"
display(Picture())
def gradient_descent(*_): return 1
""",
}


PICTURES = ("image/png", "image/jpeg")


def all_outputs(graded: Graded) -> list[dict[str, Any]]:
    """What all cells left behind."""
    return [output for outputs in graded.outputs for output in outputs]


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
def test_attack_by_text_reaches_neither_a_terminal_nor_a_browser(
    grader: Grader, notebook_with: NotebookWith, name: str
) -> None:
    graded = graded_attack(grader, notebook_with, HOSTILE_ANSWERS[name])
    assert scores(graded.report)[TARGET] == 0
    notebook = as_notebook(graded.submission)
    for node, outputs in zip(notebook.cells, graded.outputs, strict=True):
        if node.cell_type == "code":
            node.outputs = [NotebookNode(output) for output in outputs]
    page = feedback_page(
        graded.report, student="<b>", notebook=notebook, written=[], score=0.0, max_score=16.0, late_penalty=0.0
    )
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page.replace("<b>✓", "").replace("<b>✗", "")
    terminal = io.StringIO()
    show_report(Console(file=terminal, force_terminal=False, width=200), graded.report)
    shown = [check.message for cell in graded.report.cells for check in cell.checks]
    for text in (*shown, *graded.report.problems, *map(text_of, graded.outputs), terminal.getvalue()):
        assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\t"]
    assert max(map(len, shown)) < 5000
    assert not {"text/html", "image/svg+xml", "application/javascript"} & set(str(graded.outputs).split("'"))
    pictures = [output.get("data", {}).get(mime, "") for output in all_outputs(graded) for mime in PICTURES]
    assert all(re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", picture) for picture in pictures)


def test_attack_by_endless_text_leaves_no_more_than_its_allowance(grader: Grader, notebook_with: NotebookWith) -> None:
    flood = "import sys\nfor _ in range(1000):\n    print('x' * 100_000)\n    sys.stderr.write('y' * 100_000)"
    graded = graded_attack(grader, notebook_with, f"{RIGHT}\n{flood}")
    assert graded.report.score == graded.report.max_score
    assert len(printed(graded, TARGET)) < (1 << 20) + 2000
    assert "[output cut here]" in printed(graded, TARGET)


def test_attack_by_thousands_of_outputs_leaves_a_few_hundred(grader: Grader, notebook_with: NotebookWith) -> None:
    graded = graded_attack(grader, notebook_with, f"{RIGHT}\nfor i in range(3000): display(i)")
    assert graded.report.score == graded.report.max_score
    assert len(graded.outputs[graded.submission.position(TARGET)]) <= 500
