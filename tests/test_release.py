"""The release: up to date, and without anything that students must not see."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest

from autograder.course import Course

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "release").glob("*/*.ipynb"))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_release_is_up_to_date_byte_for_byte(tmp_path: Path) -> None:
    maker = tool("make_release")
    maker.generate(tmp_path / "release")
    assert maker.differences(tmp_path / "release", ROOT / "release") == []


def test_every_assignment_is_released() -> None:
    assert [path.stem for path in NOTEBOOKS] == tool("make_release").assignments(ROOT)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_release_holds_stubs_and_locked_tests_and_no_answer(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert "SOLUTION" not in cell.source
        assert "MARK SCHEME" not in cell.source
        assert not cell.get("outputs")
        details = cell.metadata.get("nbgrader", {})
        if details.get("solution") and cell.cell_type == "code":
            assert cell.source.rstrip().endswith("raise NotImplementedError")
        if details.get("solution") and cell.cell_type == "markdown":
            assert cell.source.strip() == "YOUR ANSWER HERE"
        if details.get("grade") and not details.get("solution"):
            assert details["locked"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_solution_of_the_source_is_in_the_release(path: Path) -> None:
    source = json.loads((ROOT / "source" / path.stem / path.name).read_text())
    released = path.read_text()
    for cell in source["cells"]:
        text = "".join(cell["source"])
        if "### BEGIN SOLUTION" in text:
            solution = text.split("### BEGIN SOLUTION")[1].split("### END SOLUTION")[0].strip()
            assert json.dumps(solution)[1:-1] not in released


def test_release_ships_no_hidden_test_and_no_hidden_picture() -> None:
    shipped = {path.name for path in (ROOT / "release").rglob("*") if path.is_file()}
    data = {"mnist.npz", "fashion_mnist.npz", "known_mistakes.json", "quiz.json"}
    allowed = {path.name for path in NOTEBOOKS} | {"helper.py"} | data
    assert shipped <= allowed
    for task in Course(ROOT).assignments:
        place, secret = next(task.folder.glob("*.npz"), None), task.hidden_folder / "hidden.npz"
        if place is None:
            assert not secret.exists()
            continue
        with np.load(ROOT / "release" / task.name / place.name) as released, np.load(secret) as hidden:
            known = {image.tobytes() for part in ("train", "validation") for image in released[f"{part}_images"]}
            seen = sum(image.tobytes() in known for image in hidden["images"])
        assert seen == 0
