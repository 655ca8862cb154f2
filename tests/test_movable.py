"""Figures with sliders: drawn once where no sliders can be shown, and anew when one moves."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import ipywidgets
import pytest
from in_process import Notebook

SLIDERS = {"rate": (0.5, 0.0, 2.0, 0.1), "start": (3.0, -5.0, 5.0, 0.5)}


@pytest.fixture
def helper() -> ModuleType:
    notebook = Notebook("ps1_gradient_descent")
    notebook.run("imports")
    return notebook.names["helper"]  # type: ignore[no-any-return]


def test_without_a_kernel_the_figure_is_drawn_once(helper: ModuleType) -> None:
    drawn: list[dict[str, Any]] = []
    helper.movable(lambda **values: drawn.append(values), **SLIDERS)
    assert drawn == [{"rate": 0.5, "start": 3.0}]


def test_in_a_kernel_each_move_draws_it_anew(helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict[str, Any]] = []
    shown: list[Any] = []
    monkeypatch.setattr(helper, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", shown.append)
    helper.movable(lambda **values: drawn.append(values), **SLIDERS)
    (box,) = shown
    sliders = {child.description: child for child in box.children if isinstance(child, ipywidgets.FloatSlider)}
    assert {name: (one.value, one.min, one.max, one.step) for name, one in sliders.items()} == SLIDERS
    sliders["rate"].value = 1.2
    sliders["start"].value = -2.0
    assert drawn[1:] == [{"rate": 1.2, "start": 3.0}, {"rate": 1.2, "start": -2.0}]
