"""The visible checks know common mistakes by numbers that ship with the notebook, and name no other."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from autograder.course import Course
from autograder.fingerprints import FILENAME, known_mistakes

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "release").glob("*/*.ipynb"))
QUICK = ("ps1_gradient_descent", "ps2_backpropagation")


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The released helper of problem set 1, as its notebook imports it."""
    folder = ROOT / "release" / "ps1_gradient_descent"
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the folder holds what is released, and nothing else
    spec = importlib.util.spec_from_file_location("helper", folder / "helper.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "helper", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "get_ipython", lambda: None)  # so that errors are raised
    return module


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in NAMES]
)
def test_shipped_numbers_are_those_of_the_bank(name: str) -> None:
    data = known_mistakes(Course(ROOT).assignment(name))
    advice = "autograder fingerprints && python tools/make_release.py"
    assert (ROOT / "source" / name / FILENAME).read_bytes() == data, advice
    assert (ROOT / "release" / name / FILENAME).read_bytes() == data, advice


@pytest.mark.parametrize("name", NAMES)
def test_release_ships_titles_hints_outcomes_and_numbers_alone(name: str) -> None:
    for mistakes in json.loads((ROOT / "release" / name / FILENAME).read_text()).values():
        for mistake in mistakes:
            assert set(mistake) == {"title", "hint", "results"}
            for outcome, *parts in mistake["results"].values():
                assert re.fullmatch(r"passed|failed|[A-Za-z]+(Error|Warning)", outcome)
                assert all(re.fullmatch("[0-9a-f]{8}", p) if isinstance(p, str) else p * 0 == 0 for p in parts)


def checked(helper: ModuleType, source: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the test cell of mse_loss prints for a function of these lines."""
    notebook = json.loads((ROOT / "release" / "ps1_gradient_descent" / "ps1_gradient_descent.ipynb").read_text())
    cell = next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "test_mse_loss")
    namespace: dict[str, object] = {"helper": helper}
    exec(f"import numpy as np\ndef mse_loss(y, y_hat):\n    {source}", namespace)
    with pytest.raises(helper.ChecksFailed):
        exec("".join(cell["source"]), namespace)
    return capsys.readouterr().out


def test_a_known_mistake_is_named_with_its_hint(helper: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    out = checked(helper, "return ((y_hat - y) ** 2).sum() / y.size", capsys)
    assert "the factor ½ is missing" in out
    assert "Hint:" in out


@pytest.mark.parametrize(
    "source",
    [
        "return 0.7 * ((y_hat - y) ** 2).mean()",
        "return ((y_hat - y) ** 2).mean() if len(y) == 3 else 0.0",
        "return 'a text'",
        "raise NotImplementedError",
        "return 1 / 0",
    ],
)
def test_anything_else_is_not(helper: ModuleType, capsys: pytest.CaptureFixture[str], source: str) -> None:
    assert "known mistake" not in checked(helper, source, capsys)
