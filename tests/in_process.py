"""A notebook of the course, its cells run in this process: quicker than a kernel, with the same helper and data."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import linecache
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "source").glob("*/*.ipynb"))


class Notebook:
    """The instructor's notebook `name`, solved, or with a student's answers in place of some cells."""

    def __init__(self, name: str) -> None:
        matplotlib.use("Agg")
        self.folder = ROOT / "source" / name
        cells = json.loads((self.folder / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        self.sources = {self.name_of(cell): "".join(cell["source"]) for cell in code}
        """By grade_id, in order."""
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self._runs = 0
        self._modules = {"helper": self._helper()}

    @staticmethod
    def name_of(cell: dict[str, Any]) -> str:
        """A cell's grade_id; the id of a cell that is the student's own from the beginning."""
        return str(cell["metadata"].get("nbgrader", {}).get("grade_id", cell["id"]))

    def _helper(self) -> Any:
        spec = importlib.util.spec_from_file_location("helper", self.folder / "helper.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with self._clean():
            spec.loader.exec_module(module)
        module.get_ipython = lambda: None  # type: ignore[attr-defined]  # so that errors are raised
        return module

    @contextlib.contextmanager
    def _clean(self) -> Iterator[None]:
        """No bytecode in the folder, which is released as it is, and no warnings."""
        before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            sys.dont_write_bytecode = before

    def run(self, cell: str, source: str | None = None, **names: Any) -> str:
        """Run a cell, or `source` in its place: what it printed, and the error that it ended with, if any.

        names: names of the notebook that have these values from now on.
        """
        import matplotlib.pyplot as plt

        text = self.sources[cell] if source is None else source
        text = "\n".join("" if line.startswith("%") else line for line in text.splitlines())
        self._runs += 1
        filename = f"<cell {cell} {self._runs}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        self.names.update(names)
        saved = {name: sys.modules.get(name) for name in self._modules}
        sys.modules.update(self._modules)
        printed, here = io.StringIO(), Path.cwd()
        os.chdir(self.folder)
        try:
            with self._clean(), contextlib.redirect_stdout(printed):
                try:
                    exec(compile(text, filename, "exec"), self.names)
                except Exception as error:
                    print(f"{type(error).__name__}: {error}")
        finally:
            os.chdir(here)
            plt.close("all")
            for name, module in saved.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module
        return printed.getvalue()
