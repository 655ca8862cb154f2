"""A student's feedback as one self-contained HTML page, made from a Report and nothing executable."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from autograder.pages.environment import TEMPLATES
from autograder.report import Curve, Report


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A written answer with what a person gave for it so far."""

    grade_id: str
    answer: str
    score: float
    max_score: float
    waits: bool
    """Whether nobody has graded it yet."""
    comment: str
    extra: float = 0.0
    """Extra credit."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What counts for an auto-graded cell, as the gradebook has it."""

    score: float
    """Without extra credit."""
    by_hand: bool = False
    """Whether a person gave it, in place of the grader's points."""
    extra: float = 0.0
    comment: str = ""
    """A person's."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the student wrote for one graded cell, and what running it showed."""

    source: str
    text: str
    pictures: tuple[str, ...]
    """PNG pictures in base64."""


def feedback_page(
    report: Report,
    *,
    student: str,
    notebook: Any,
    written: Sequence[Written],
    score: float,
    max_score: float,
    late_penalty: float,
    marks: Mapping[str, Mark] | None = None,
) -> str:
    """The page as HTML.

    Args:
        report: what the grader found.
        student: the student's id.
        notebook: the graded notebook, an nbformat node, with outputs.
        written: the written answers.
        score: all points, written answers and late penalty included.
        max_score: the most that `score` can be.
        late_penalty: points taken off.
        marks: what counts for each auto-graded cell, by its grade_id; by default the Report's own points.
    """
    plots = {cell.grade_id: plot(cell.curve) for cell in report.cells if cell.curve is not None}
    works = {cell.grade_id: _work(notebook, cell.grade_id) for cell in report.cells}
    return TEMPLATES.get_template("feedback.html.j2").render(
        report=report,
        student=student,
        works=works,
        plots=plots,
        marks=marks or {cell.grade_id: Mark(score=cell.score) for cell in report.cells},
        written=written,
        score=score,
        max_score=max_score,
        late_penalty=late_penalty,
    )


def plot(curve: Curve) -> str:
    """A picture of the two curves, PNG in base64, on white."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 2.9), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve.healthy, "o-", color="#0072b2", markersize=3.5, linewidth=1.6, label="a right answer")
    student = [math.nan if loss is None else loss for loss in curve.student]
    axes.plot(student, "s--", color="#d55e00", markersize=3.5, linewidth=1.6, label="yours")
    # The right curve stays readable beside one that explodes.
    low, high = min(curve.healthy, default=0.0), max(curve.healthy, default=1.0)
    seen = [loss for loss in student if abs(loss) < 10 * max(abs(low), abs(high))]
    low, high = min([low, *seen]), max([high, *seen])
    margin = 0.06 * (high - low) or 0.1
    axes.set(ylim=(low - margin, high + margin), xlabel="place in the list of losses", ylabel="loss", title=curve.title)
    axes.title.set_fontsize(10)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return base64.b64encode(picture.getvalue()).decode()


def _work(notebook: Any, grade_id: str) -> Work:
    """The solution cell that `test_<function>` grades, and the outputs of both cells."""
    function = grade_id.removeprefix("test_")
    source, text, pictures = "", [], []
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if cell.cell_type != "code" or name not in (function, grade_id):
            continue
        if name == function:
            source = cell.source
        for output in cell.outputs:
            if output.output_type == "stream" and not output.text.startswith("[grader]"):
                text.append(output.text)
            elif output.output_type == "error":
                text.append("\n".join(output.traceback[-3:]) or f"{output.ename}: {output.evalue}")
            elif "image/png" in output.get("data", {}):
                pictures.append("".join(output.data["image/png"].split()))
    return Work(source=source, text="\n".join(part.rstrip() for part in text), pictures=tuple(pictures))
