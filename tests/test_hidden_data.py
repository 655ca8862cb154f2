"""Attacks on the hidden images: they reach a worker, and nothing of them may reach the one who handed in its code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from conftest import text_of

from autograder.course import Course
from autograder.grading import Graded, Grader, session
from autograder.notebook import Cell
from autograder.submission import Submission

COURSE = Course(Path(__file__).resolve().parent.parent)
NAMES = ["ps4_training_loop", "ps5_fashion_mnist"]

KEEP = """
import sys
KEPT = []
"""
WAYS = {
    "a patched tool": """
toolbox = sys.modules["autograder.sandbox.toolbox"]
def outputs(model, images, *arguments, original=toolbox._TOOLS["outputs"], **keywords):
    KEPT.append(torch.as_tensor(images))
    return original(model, images, *arguments, **keywords)
toolbox._TOOLS["outputs"] = outputs
""",
    "a patched network": """
def call(self, *x, original=nn.Module.__call__):
    if getattr(x[0], "ndim", 0) > 1 and len(x[0]) >= 500:
        KEPT.append(x[0])
    return original(self, *x)
nn.Module.__call__ = call
""",
    "a patched tensor": """
def unsqueeze(self, place, original=torch.Tensor.unsqueeze):
    if self.dtype == torch.uint8:
        KEPT.append(self)
    return original(self, place)
torch.Tensor.unsqueeze = unsqueeze
""",
}
SHOW = """
import matplotlib.pyplot as plt
print(len(KEPT), "kept")
for pixels in KEPT:
    plt.imshow(torch.as_tensor(pixels).float().reshape(len(pixels), -1)[:, :784])
    plt.show()
    print(pixels[0].flatten().tolist())
"""


@pytest.fixture(scope="module", params=NAMES)
def grader(request: pytest.FixtureRequest) -> Iterator[Grader]:
    with Grader(COURSE.assignment(request.param)) as grader:
        yield grader


def graded(grader: Grader, first: str, *last: str, **sources: str) -> Graded:
    """Grade the solved notebook with a cell of the student's before the first answer, and further cells at the end."""
    task = grader._assignment
    cells = [
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in task.cells
    ]
    place = next(place for place, cell in enumerate(cells) if cell.role == "solution")
    cells.insert(place, Cell(kind="code", source=first))
    cells += [Cell(kind="code", source=source) for source in last]
    return grader.grade(Submission(task, tuple(cells), ()), seed=3)


@pytest.fixture(scope="module")
def figures(grader: Grader) -> list[str]:
    """The figures of the instructor's own cells."""
    return pictures(graded(grader, ""))


def pictures(found: Graded) -> list[str]:
    shown = [output.get("data", {}) for outputs in found.outputs for output in outputs]
    return [data["image/png"] for data in shown if "image/png" in data]


@pytest.mark.parametrize("way", WAYS)
def test_attack_hidden_images_are_in_no_output_of_a_later_cell(grader: Grader, figures: list[str], way: str) -> None:
    found = graded(grader, KEEP + WAYS[way], SHOW)
    assert text_of(found.outputs[-1]) == "0 kept\n"
    assert pictures(found) == figures
    assert found.report.score == found.report.max_score


def test_attack_nothing_is_shown_where_running_the_notebook_again_would_take_too_long(
    grader: Grader, figures: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_REPLAY_SECONDS", -1.0)
    found = graded(grader, KEEP + WAYS["a patched tool"], SHOW, "print('more')")
    for outputs in found.outputs[-2:]:
        assert text_of(outputs) == f"[grader] {session._NOT_SHOWN}\n"
    assert pictures(found) == figures
    assert found.report.score == found.report.max_score


def test_attack_an_error_s_text_carries_out_less_than_an_image(grader: Grader) -> None:
    attack = (
        WAYS["a patched tool"]
        + """
def outputs(model, images, *arguments, **keywords):
    text = "".join(chr(0x4E00 + pixel) for pixel in torch.as_tensor(images).flatten().int().tolist()[:2000])
    raise type("Error" + "x" * 500, (Exception,), {})("said " + text + "y" * 2000)
if len(KEPT) == 0:
    toolbox._TOOLS["outputs"] = outputs
"""
    )
    found = graded(grader, KEEP + attack)
    messages = [check.message for cell in found.report.cells for check in cell.checks if "said" in check.message]
    assert any(cell.score < cell.max_score for cell in found.report.cells)
    exposed = [message for message in messages if "Error" + "x" * 35 in message and "x" * 40 not in message]
    # Problem set 4 sends no hidden image to the worker at all.
    assert bool(exposed) == (grader._assignment.name != "ps4_training_loop")
    assert all(message.isascii() and len(message) < 400 for message in exposed)


def test_figures_of_later_cells_are_there_for_who_has_done_nothing(grader: Grader, figures: list[str]) -> None:
    figure = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nstate.append(1)\nprint('state', state)"
    found = graded(grader, "state = []", figure, "print('last', state)")
    assert len(pictures(found)) == len(figures) + 1
    assert "state [1]" in text_of(found.outputs[-2])
    assert "last [1]" in text_of(found.outputs[-1])
    assert found.report.score == found.report.max_score
