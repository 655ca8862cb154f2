"""An assignment's hidden tests: plain pytest, collected once and run for every submission."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.config import _prepareconfig

from autograder.grading.run import FIXTURES, Run, cell_of, title_of
from autograder.sandbox.errors import SandboxError

_WITHOUT = (
    *("cacheprovider", "logging", "warnings", "faulthandler", "doctest", "junitxml", "pastebin", "unraisableexception"),
    *("threadexception", "terminal", "capture", "debugging", "setuponly", "setupplan", "stepwise", "subtests"),
    *("unittest", "legacypath"),
)
"""Plugins of pytest's that grading has no use for."""
OnCheck = Callable[[str, str, int, int], None]
"""Is told, when a hidden test begins: its cell's grade_id, its title, how many are done, how many there are."""


class HiddenTests:
    """The tests of a module, quietly, without configuration or plugins from outside.

    To collect them costs pytest more than to run them, so one pytest session serves all submissions. Nothing of a
    submission stays in it: fixtures end with the test or, those of the module, with the submission.
    """

    def __init__(self, module: ModuleType, cells: Sequence[str]) -> None:
        """
        Args:
            module: the hidden tests, imported.
            cells: the grade_ids of the cells that they grade, in the notebook's order.

        Raises:
            SandboxError: pytest can't collect them.
        """
        self._cells = cells
        self._run: Run | None = None
        self._errors: list[str] = []
        self._unknown: list[str] = []
        path = Path(str(module.__file__))
        sys.modules[module.__name__] = module
        plugins = [word for name in _WITHOUT for word in ("-p", f"no:{name}")]
        place = ["-c", os.devnull, "--rootdir", str(path.parent.parent), "--noconftest", "--import-mode=importlib"]
        with _quiet():
            try:
                self._config = _prepareconfig([*place, *plugins, "--assert=plain", str(path)], [self])
                self._config._do_configure()
                self._session = pytest.Session.from_config(self._config)
                self._config.hook.pytest_sessionstart(session=self._session)
                self._config.hook.pytest_collection(session=self._session)
            except pytest.UsageError as error:
                self._errors.append(str(error))
        if self._errors:
            raise SandboxError(f"the hidden tests in {path} could not be run:\n" + "\n".join(self._errors))
        functions = [item for item in self._session.items if isinstance(item, pytest.Function)]
        self._plain: dict[pytest.Item, pytest.Function] = {
            item: item for item in functions if self._asks_for_nothing_else(item)
        }

    def run(self, run: Run, on_check: OnCheck | None = None) -> None:
        """Run the tests for one submission, and tell `on_check` of each when it begins.

        Raises:
            SandboxError: this machine can't isolate submissions.
        """
        self._run = run
        run.faults += [f"hidden test {name} grades no cell of this assignment" for name in self._unknown]
        items = self._session.items
        pytests = [item for item in items if item not in self._plain]
        # What the next one doesn't need of a test's fixtures ends with it, and all after the last one.
        following = dict(zip(pytests, [*pytests[1:], None], strict=False))
        try:
            with _quiet():
                for number, item in enumerate(items):
                    if on_check is not None and isinstance(item, pytest.Function):
                        on_check(cell_of(item), title_of(item.obj), number, len(items))
                    with run.recorded(item):
                        if plain := self._plain.get(item):
                            run.do(plain)
                        else:
                            self._config.hook.pytest_runtest_protocol(item=item, nextitem=following[item])
        finally:
            self._run = None

    def _asks_for_nothing_else(self, item: pytest.Function) -> bool:
        """Whether a test needs nothing but this class's fixtures: then it is run without pytest, in half the time."""
        definitions = item._fixtureinfo.name2fixturedefs.values()
        return (
            set(item.fixturenames) <= {*FIXTURES, "request"}
            and {mark.name for mark in item.iter_markers()} == {"grades"}
            and all(getattr(found[-1].func, "__self__", None) is self for found in definitions)
        )

    def close(self) -> None:
        """End the session."""
        with _quiet():
            self._config.hook.pytest_sessionfinish(session=self._session, exitstatus=0)
            self._config._ensure_unconfigure()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected, and why."""
        if report.failed:
            self._errors.append(report.longreprtext)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Order the tests as their cells stand in the notebook; what grades no cell of it is left out."""
        marked = [(item, item.get_closest_marker("grades")) for item in items]
        self._unknown = [item.name for item, mark in marked if mark is None or mark.args[0] not in self._cells]
        kept = [
            (self._cells.index(mark.args[0]), item) for item, mark in marked if mark and mark.args[0] in self._cells
        ]
        items[:] = [item for _, item in sorted(kept, key=lambda pair: pair[0])]

    @pytest.fixture
    def seed(self, request: pytest.FixtureRequest) -> Any:
        """This test's own seed: the run's seed and the test's name decide it."""
        return self._current.fixture("seed", request.node)

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> Any:
        """A generator for this test's inputs."""
        return self._current.fixture("rng", request.node)

    @pytest.fixture
    def samples(self, request: pytest.FixtureRequest) -> Any:
        """Hidden and shipped pictures with their labels."""
        return self._current.fixture("samples", request.node)

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Any:
        """The submission's functions, as they are defined when its test cell is reached."""
        return self._current.fixture("student", request.node)

    @pytest.fixture
    def lost(self, request: pytest.FixtureRequest) -> Any:
        """The functions graded before this test's cell that lost points."""
        return self._current.fixture("lost", request.node)

    @pytest.fixture
    def reference(self, request: pytest.FixtureRequest) -> Any:
        """The right answers, called in the same way as the student's."""
        return self._current.fixture("reference", request.node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Keep the first exception of a test's phases; pytest's own report on it is slow, and nobody reads it."""
        if call.when == "collect":
            return None
        if call.excinfo is not None:
            self._current.raised(call.excinfo.value)
        return pytest.TestReport(
            item.nodeid, item.location, {}, "failed" if call.excinfo else "passed", None, call.when
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Run a test's function."""
        self._current.call(pyfuncitem)
        return True

    @property
    def _current(self) -> Run:
        assert self._run is not None, "hidden tests run for a submission only"
        return self._run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that pytest or a hidden test prints is shown, and no plugin is loaded that happens to be installed."""
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
