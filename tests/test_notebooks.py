"""The notebooks as students run them: solved and as released, in a kernel, in `nbgrader validate` and in JupyterLab."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "release").glob("*/*.ipynb"))
NUMPY_ONLY = ("ps1_gradient_descent", "ps2_backpropagation")
LEFT = r"· {} is not filled in yet: raise NotImplementedError is still there\n"
UNTRAINED = r"(✗ .+\n    stopped with LookupError: no network has been trained yet, see section \d\n)+"


def assignments(*everyday: str) -> list[object]:
    """All assignments, those that aren't named here marked as slow."""
    return [pytest.param(name, marks=[] if name in everyday else [pytest.mark.slow]) for name in NAMES]


def grade_id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def handed_out(name: str, folder: Path) -> Path:
    """The notebook in a copy of what students get."""
    shutil.copytree(ROOT / "release" / name, folder / name)
    return folder / name / f"{name}.ipynb"


def filled_in(path: Path) -> None:
    """Put the right answers into a released notebook, and touch nothing else: its locked cells keep their checksums."""
    notebook = nbformat.read(path, as_version=4)
    solved = nbformat.read(ROOT / "source" / path.stem / path.name, as_version=4)
    answers = {grade_id(cell): cell.source for cell in solved.cells if "### BEGIN SOLUTION" in cell.source}
    for cell in notebook.cells:
        cell.source = answers.get(grade_id(cell), cell.source)
    nbformat.write(notebook, path)


def validate(path: Path) -> str:
    """What `nbgrader validate` prints; its exit status is 0 for good and for bad."""
    # A cell may take 30 s if nothing else is said, and on a busy machine a training takes longer.
    command = [str(Path(sys.executable).parent / "nbgrader"), "validate", "--Execute.timeout=120", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", assignments(*NUMPY_ONLY))
def test_unsolved_notebook_runs_to_its_end_and_fails_politely(name: str, tmp_path: Path) -> None:
    path = handed_out(name, tmp_path)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    checked = 0
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        errors = [output for output in outputs if output.output_type == "error"]
        assert not any(output.get("name") == "stderr" for output in outputs), cell.source
        if not grade_id(cell).startswith("test_"):
            assert not errors, cell.source
            continue
        checked += 1
        function = grade_id(cell).removeprefix("test_")
        printed = "".join(output.text for output in outputs if output.output_type == "stream")
        assert re.fullmatch(UNTRAINED if function == "final_accuracy" else LEFT.format(function), printed)
        (error,) = errors
        assert error.traceback == [f"ChecksFailed: {function}: not right yet, see above."]
    assert checked >= 3


@pytest.mark.parametrize("name", assignments("ps1_gradient_descent"))
def test_validate_passes_the_right_answers(name: str, tmp_path: Path) -> None:
    path = handed_out(name, tmp_path)
    filled_in(path)
    assert validate(path).strip() == "Success! Your notebook passes all the tests."


@pytest.mark.parametrize("name", assignments("ps1_gradient_descent"))
def test_validate_fails_an_unsolved_notebook_cell_by_cell(name: str, tmp_path: Path) -> None:
    path = handed_out(name, tmp_path)
    graded = [
        cell for cell in nbformat.read(path, as_version=4).cells if cell.metadata.get("nbgrader", {}).get("grade")
    ]
    printed = validate(path)
    assert f"VALIDATION FAILED ON {len(graded)} CELL(S)!" in printed
    assert "Traceback" not in printed
    for cell in graded:
        function = grade_id(cell).removeprefix("test_")
        asked = f"ChecksFailed: {function}: not right yet" if cell.cell_type == "code" else "did not provide a response"
        assert asked in printed


@pytest.mark.slow
def test_notebook_runs_in_jupyterlab(tmp_path: Path) -> None:
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    if missing:
        reason = f"JupyterLab was NOT tried: {' and '.join(missing)} missing (apt-get install chromium chromium-driver)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    command = [sys.executable, "tools/notebook_screenshots.py", "ps1_gradient_descent", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d+) of \1 cells run, 13 figures, 0 missing, .* 0 errors or warnings", done.stdout)
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "ps1_gradient_descent").glob("*.png")}
    assert sum(name.startswith("figure_") for name in pictures) == 13
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 2000 for picture in pictures.values())
