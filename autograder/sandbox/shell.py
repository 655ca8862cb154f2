"""Runs notebook cells in IPython's shell, and keeps what a kernel would have kept: text, figures, results, errors."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from autograder.sandbox.errors import PrintedTooMuch
from autograder.sandbox.messages import MAX_OUTPUTS, RunCell

Output = dict[str, Any]

MAX_PICTURES = 8 << 20
"""Characters of base64 that one cell's figures may take, all together."""


class Outputs:
    """What the running cell has shown so far; text beyond the cell's allowance is dropped."""

    def __init__(self) -> None:
        self._items: list[Output] = []
        self._pieces: list[str] = []  # of the last item's text, where that is a stream
        self._left = 0
        self._left_for_pictures = 0
        self._printable = 0
        self._max_printed = 0

    @property
    def items(self) -> list[Output]:
        """The outputs, as the notebook format has them."""
        self._join()
        return self._items

    def begin(self, allowance: int, max_printed: int) -> None:
        """Start a cell that may leave `allowance` characters of text, and print `max_printed` before it is stopped."""
        self.clear()
        self._left = allowance
        self._left_for_pictures = MAX_PICTURES
        self._max_printed = self._printable = max_printed

    def begin_call(self) -> None:
        """Start a call of one of the notebook's functions: it may print as much as a cell, but no text is kept."""
        self.begin(0, self._max_printed)

    def clear(self) -> None:
        """Forget what has been shown."""
        self._items, self._pieces = [], []

    def stream(self, name: str, text: str) -> None:
        """Add text printed to `name` (stdout or stderr).

        Raises:
            PrintedTooMuch: more was printed than may be.
        """
        self._printable -= len(text)
        if self._printable < 0:
            raise PrintedTooMuch(f"more than {self._max_printed >> 20} MiB were printed: a print in an endless loop?")
        if self._left <= 0 or not text:
            return
        text = self._cut(text)
        if self._pieces and self._items[-1]["name"] == name:
            self._pieces.append(text)
        elif self._add({"output_type": "stream", "name": name, "text": ""}):
            self._pieces = [text]

    def show(self, kind: str, data: dict[str, Any]) -> None:
        """Add a displayed object by its representations."""
        pictures = sum(len(value) for mime, value in data.items() if mime != "text/plain")
        if pictures > self._left_for_pictures:
            self.stream("stderr", "[a figure too large to be kept]\n")
            return
        self._left_for_pictures -= pictures
        if "text/plain" in data:
            data["text/plain"] = self._cut(data["text/plain"])
        self._add({"output_type": kind, "data": data})

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        """Add an exception."""
        lines = [self._cut(line) for line in traceback[:200]]
        self._add({"output_type": "error", "ename": name, "evalue": value[:2000], "traceback": lines})

    def _add(self, output: Output) -> bool:
        """Whether there was room for one more output."""
        if len(self._items) >= MAX_OUTPUTS:
            return False
        self._join()
        self._pieces = []
        self._items.append(output)
        return True

    def _join(self) -> None:
        # Piece by piece, the text would be copied anew for each of them.
        if self._pieces:
            self._pieces = ["".join(self._pieces)]
            self._items[-1]["text"] = self._pieces[0]

    def _cut(self, text: str) -> str:
        if self._left <= 0:
            return ""
        if len(text) > self._left:
            text = text[: self._left] + "\n[output cut here]\n"
            self._left = 0
        else:
            self._left -= len(text)
        return text


OUTPUTS = Outputs()
"""One for the process, as sys.stdout is."""

_KEPT = ("text/plain", "image/png", "image/jpeg")


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    return {
        mime: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for mime, value in data.items()
        if mime in _KEPT and isinstance(value, bytes | str)
    }


class _Publisher(DisplayPublisher):
    def publish(self, data: Any, *arguments: Any, **keywords: Any) -> None:
        if kept := _kept(data):
            OUTPUTS.show("display_data", kept)

    def clear_output(self, wait: bool = False) -> None:
        OUTPUTS.clear()


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict[str, Any], md_dict: Any = None) -> None:
        if kept := _kept(format_dict):
            OUTPUTS.show("execute_result", kept)

    def finish_displayhook(self) -> None:
        pass


class _Stream(io.TextIOBase):
    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self._name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        OUTPUTS.stream(self._name, str(text))
        return len(text)

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


class _Compiler(CachingCompiler):
    """IPython's compiler; it notes under which names it compiles the code of which cell.

    Attributes:
        names: gets a name, with the running cell's label.
        label: what the running cell is called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.label = ""

    def cache(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        name = super().cache(transformed_code, number, raw_code)
        self.names[name] = self.label
        return name


class Shell(InteractiveShell):
    """IPython's shell without a terminal, a history or a profile; a cell's code is compiled under its label."""

    compile: _Compiler
    compiler_class = Type(_Compiler)
    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def init_history(self) -> None:
        super().init_history()
        self.configurables = [c for c in self.configurables if c is not self.history_manager]

    @contextlib.contextmanager
    def _tee(self, channel: str) -> Iterator[None]:
        """Keep no second copy of all that is printed, as IPython does for its history."""
        yield

    def enable_gui(self, gui: Any = None) -> None:
        """There is no event loop to integrate; inline figures need none."""

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        OUTPUTS.error(etype.__name__, str(evalue), list(stb))


def make_shell() -> Shell:
    """Make the process's shell, with figures shown inline, and run one small cell to warm it up."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Context"
    config.InteractiveShell.autocall = 0
    # Cropping a figure to its contents draws it twice.
    config.InlineBackend.print_figure_kwargs = {"bbox_inches": None}
    shell = Shell.instance(config=config)
    sys.stdout, sys.stderr = _Stream("stdout"), _Stream("stderr")
    OUTPUTS.begin(1 << 20, 1 << 20)
    shell.run_cell(
        "%matplotlib inline\n"
        "import matplotlib.pyplot as plt\n"
        "figure, axes = plt.subplots()\naxes.plot([0, 1], [0, 1], label='$\\\\alpha$')\naxes.legend()\n"
        "axes.set_title('Warm')\naxes.text(0, 0, '0', weight='bold', style='italic')\nplt.show()",
        silent=False,
    )
    if not any("image/png" in item.get("data", {}) for item in OUTPUTS.items):
        raise RuntimeError(f"the shell can't draw: {OUTPUTS.items}")
    shell.reset(new_session=True, aggressive=False)
    OUTPUTS.begin(0, 1 << 20)
    return shell


def run_cell(shell: Shell, cell: RunCell, labels: dict[str, str]) -> BaseException | None:
    """Run one cell; what it shows is in OUTPUTS.

    Args:
        shell: the process's shell.
        cell: its source, its name for error messages, and what it may print.
        labels: gets the name under which the cell's code is compiled, with its label.

    Returns:
        The exception that stopped the cell, or None where it ran through.
    """
    OUTPUTS.begin(cell.max_output, cell.max_printed)
    source = cell.source
    shell.compile.names, shell.compile.label = labels, cell.label
    result = shell.run_cell(source, store_history=True)
    return result.error_before_exec or result.error_in_exec


def enter_folder(path: str, files: str) -> None:
    """Make `path` the place where the notebook lives and where temporary files go; modules come from `files` too."""
    os.chdir(path)
    os.environ.update(HOME=path, TMPDIR=path)
    tempfile.tempdir = None
    sys.path[:] = [path, files, *(entry for entry in sys.path if entry not in ("", path, files))]
