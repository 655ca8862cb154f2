"""What the visible checks tell beginners: every wrong answer is caught, none is told a cause that isn't its own.

The tables are in attempts_numpy and attempts_torch: each wrong answer has what its check must say, one of

- "known: TITLE": this mistake and no other is named; "known: ONE | OTHER": these are, as candidates;
- "stops like: TITLE": the same, said with the reserve that other mistakes stop in this way, too;
- anything else: this text is there, and no mistake is named.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap

import attempts_numpy
import attempts_torch
import pytest
import torch
from in_process import NAMES, Notebook

WRONG = {**attempts_numpy.WRONG, **attempts_torch.WRONG}
RIGHT = {**attempts_numpy.RIGHT, **attempts_torch.RIGHT}


@functools.cache
def solved(name: str) -> Notebook:
    """The notebook with every answer right, its story left out where no check needs it."""
    torch.set_num_threads(1)
    notebook = Notebook(name)
    for cell in notebook.sources:
        if (not cell.startswith("story_") or cell == "story_data") and cell != "test_final_accuracy":
            notebook.run(cell)
    return notebook


def notebook_of(function: str) -> Notebook:
    return solved(next(name for name in NAMES if function in Notebook(name).sources))


def told(function: str, body: str) -> str:
    """What the visible check prints for a function with this body."""
    notebook = notebook_of(function)
    found = ast.parse(notebook.sources[function]).body
    arguments = next(node.args for node in found if isinstance(node, ast.FunctionDef) and node.name == function)
    try:
        notebook.run(function, f"def {function}({ast.unparse(arguments)}):\n{textwrap.indent(body, '    ')}")
        return notebook.run(f"test_{function}")
    finally:
        notebook.run(function)


def named(printed: str) -> str:
    """The mistakes that are named, written as in the tables; empty where none is."""
    if "known mistake" not in printed:
        return ""
    reserve = "(others may, too)" in printed
    titles = re.findall(r"^  - (.*)\.$", printed, re.M) or re.findall(r"known mistake .*?: (.*)\.$", printed, re.M)
    return f"{'stops like' if reserve else 'known'}: {' | '.join(titles)}"


@pytest.mark.parametrize("function", WRONG)
def test_wrong_answers_of_beginners_are_told_no_wrong_cause(function: str) -> None:
    for body, says in WRONG[function]:
        printed = told(function, body)
        assert f"ChecksFailed: {function}: not right yet" in printed, body
        if says.startswith(("known: ", "stops like: ")):
            assert named(printed) == says, body
        else:
            assert not named(printed), body
            assert says in printed, f"{body}\n{printed}"
        assert not re.search(r"expected (.+)\n +got +\1\n", printed), printed
        assert "That is 1 times" not in printed


@pytest.mark.parametrize("function", RIGHT)
def test_right_answers_in_several_spellings_are_all_green(function: str) -> None:
    for body in RIGHT[function]:
        printed = told(function, body)
        assert re.search(rf"^All \d+ checks of {function} passed\.$", printed, re.M), f"{body}\n{printed}"


def test_every_function_has_wrong_and_right_answers_here() -> None:
    functions = {
        cell.removeprefix("test_")
        for name in NAMES
        for cell in Notebook(name).sources
        if cell.startswith("test_") and cell != "test_final_accuracy"
    }
    assert set(WRONG) == set(RIGHT) == functions


def test_autograd_that_was_switched_off_is_on_again_in_every_check() -> None:
    notebook = notebook_of("sgd_step")
    torch.set_grad_enabled(False)
    try:
        assert "All 9 checks of sgd_step passed." in notebook.run("test_sgd_step")
        assert torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)


def test_an_error_is_told_once_with_the_students_line() -> None:
    printed = told("fit_linear", attempts_torch.edited(attempts_torch.FIT, "loss.backward()", "loss.backwards()"))
    assert printed.count("object has no attribute 'backwards'") == 1
    assert "in fit_linear, line 6 of its cell:  loss.backwards()" in printed
    assert printed.count("(the same error)") == 6


def test_numbers_that_look_alike_are_shown_with_the_digits_in_which_they_differ() -> None:
    forward = """
steps = np.eye(w.size).reshape(-1, *w.shape) * eps
return np.array([(f(w + step) - f(w)) / eps for step in steps]).reshape(w.shape)"""
    assert "expected [0, -11.25, 8]\n    got      [3e-05, -11.24997, 8.00003]" in told("numerical_gradient", forward)


def test_values_of_failed_conditions_are_shown() -> None:
    assert "y_hat was [1.1, -0.6, 0.9, 0.8, -2.1]\n    and is [0.8, " in told(
        "mse_loss", "y_hat -= y\nreturn np.mean(y_hat ** 2) / 2"
    )
    assert "model.weight.grad is None: there is no gradient in it" in told("accumulate_gradients", "pass")


def fresh(cells: str, name: str = "ps1_gradient_descent") -> Notebook:
    notebook = Notebook(name)
    for cell in cells.split():
        notebook.run(cell)
    return notebook


def test_story_cell_waits_for_what_is_not_filled_in() -> None:
    notebook = fresh("imports story_house story_errors")
    notebook.run("mse_loss", "def mse_loss(y, y_hat):\n    raise NotImplementedError")
    assert notebook.run("story_landscape") == "This cell comes to life once you have filled in mse_loss.\n"


def test_story_cell_shows_the_students_own_name_error() -> None:
    notebook = fresh("imports story_house story_errors")
    notebook.run("mse_loss", "def mse_loss(y, y_hat):\n    return np.mean((y - yhat) ** 2) / 2")
    printed = notebook.run("story_landscape")
    assert "NameError: name 'yhat' is not defined" in printed
    assert "in mse_loss, line 2 of its cell:  return np.mean((y - yhat) ** 2) / 2" in printed
    assert "comes to life" not in printed


def test_after_a_restart_it_says_which_cells_to_run() -> None:
    notebook = fresh("imports mse_loss")
    for cell in ("story_landscape", "test_mse_gradient"):
        printed = notebook.run(cell)
        assert "Run > Run All Above" in printed or "run its cell first" in printed
        assert "comes to life" not in printed


@pytest.mark.parametrize("name", NAMES)
def test_missing_helper_says_what_to_upload(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(name)
    monkeypatch.setitem(notebook._modules, "helper", None)
    assert "helper.py must lie beside this notebook. In Colab, upload it" in notebook.run("imports")


@pytest.mark.parametrize("name", NAMES[2:])
def test_numpy_and_functional_are_imported(name: str) -> None:
    assert fresh("imports", name).names.keys() >= {"np", "F", "torch", "nn"}
