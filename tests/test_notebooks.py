"""The notebooks as students run them: solved or not, in a kernel, in JupyterLab, in `nbgrader validate`, and twice."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from in_process import Notebook
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "release").glob("*/*.ipynb"))
NUMPY_ONLY = ("ps1_gradient_descent", "ps2_backpropagation")
LEFT = r"· {} is not filled in yet: raise NotImplementedError is still there\n"
UNTRAINED = r"✗ .+\n    no network has been trained yet, see section \d\n(✗ .+ \(the same\)\n)+"


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


def in_jupyterlab(name: str, filled: str, output: Path) -> str:
    """What the tool says that runs a notebook in a real JupyterLab, and has seen."""
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    if missing:
        reason = f"JupyterLab was NOT tried: {' and '.join(missing)} missing (apt-get install chromium chromium-driver)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    command = [sys.executable, "tools/notebook_screenshots.py", name, "--filled", filled, "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_notebook_runs_in_jupyterlab(tmp_path: Path) -> None:
    seen = in_jupyterlab("ps1_gradient_descent", "all", tmp_path)
    figures = 14
    assert re.search(rf"(\d+) of \1 cells run, {figures} figures, 0 missing, .* 0 errors or warnings", seen)
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "ps1_gradient_descent").glob("*.png")}
    assert sum(name.startswith("figure_") for name in pictures) == figures
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 2000 for picture in pictures.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "filled", "errors"), [("ps1_gradient_descent", "none", 6), ("ps3_autograd", "half", 4)]
)
def test_run_all_in_jupyterlab_goes_on_after_checks_that_fail(
    name: str, filled: str, errors: int, tmp_path: Path
) -> None:
    seen = in_jupyterlab(name, filled, tmp_path)
    assert re.search(rf"(\d+) of \1 cells run, .* {errors} errors or warnings", seen)


@pytest.mark.parametrize("name", assignments("ps1_gradient_descent", "ps3_autograd"))
def test_every_cell_can_be_run_again_with_the_same_result(name: str) -> None:
    notebook = Notebook(name)
    order = [cell for cell in notebook.sources if cell != "imports"]
    notebook.run("imports")
    first = {cell: notebook.run(cell) for cell in order}
    assert not [text for text in first.values() if re.search(r"^(✗|·|\w+(Error|Stopped|Failed): )", text, re.MULTILINE)]
    shuffled = random.Random(name).sample(order, len(order))
    for cell in [*order, *reversed(order), *shuffled]:
        assert timeless(notebook.run(cell)) == timeless(first[cell]), f"{cell}, run again"


def timeless(printed: str) -> str:
    """What was printed, without how long something took."""
    return re.sub(r"[\d.]+ seconds of CPU time", "", printed)
