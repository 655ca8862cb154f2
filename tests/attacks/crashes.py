"""What ends, hangs or fills the process that runs it: it costs its own cell, and nobody else anything."""

from __future__ import annotations

from attacks.table import RIGHT, TARGET, in_cell, in_function

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

# What stands in the cell before its function, and the only outcomes that its checks may have.
IN_CELL = {
    "endless_loop": ("while True: pass", {"timed out"}),
    "os_exit": ("import os; os._exit(0)", {"crashed"}),
    "sys_exit": ("import sys; sys.exit(0)", {"error"}),
    "30_gb_of_bytes": ("bytearray(30 << 30)", {"out of memory"}),
    "30_gb_array": ("np.ones(30 << 27)", {"out of memory"}),
    "recursion": ("def down(): down()\ndown()", {"error", "timed out"}),
    "fork": ("import os\nwhile True: os.fork()", {"error"}),
    "endless_output": ("while True: print('x' * 10_000)", {"error"}),
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

ATTACKS = {
    **{
        f"function_{name}": in_function(name.replace("_", " "), *case, before=PREAMBLE)
        for name, case in IN_FUNCTION.items()
    },
    **{f"cell_{name}": in_cell(name.replace("_", " "), *case) for name, case in IN_CELL.items()},
}
