"""The class report as one self-contained HTML page that loads nothing and shows what students wrote as text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from autograder.pages.environment import TEMPLATES, script
from autograder.statistics import Summary
from autograder.statistics.items import CheckItem
from autograder.statistics.summary import Measured

BINS = 20
"""Bars of a distribution of points."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of a histogram."""

    label: str
    count: int
    height: float
    """Of the highest bar, 0 to 1."""


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """One check in the picture of all checks."""

    x: float
    """The share that passed."""
    y: float
    """How well it separates, -1 to 1."""
    label: str
    odd: bool


def class_page(summary: Summary, *, anonymous: bool = False) -> str:
    """The page as HTML.

    Args:
        summary: what it shows.
        anonymous: leave out what students wrote: their code beside each other.
    """
    sorting, digest = script("sortable.js")
    points = summary.points
    return TEMPLATES.get_template("class_report.html.j2").render(
        summary=summary,
        anonymous=anonymous,
        names={row.student: row.name or row.student for row in summary.rows},
        script=sorting,
        script_hash=digest,
        points=histogram(points.values, summary.max_score, BINS) if points else [],
        measured=[(found, _measured_bars(found)) for found in summary.measured],
        dots=dots(summary.checks),
        empties=_empties(summary),
    )


def _empties(summary: Summary) -> list[tuple[str, tuple[str, ...]]]:
    """Cells that were left empty, the most often first, and who left them."""
    code = [(cell.grade_id.removeprefix("test_"), cell.empty) for cell in summary.cells]
    return sorted([*code, *summary.empty_written], key=lambda pair: -len(pair[1]))


def _measured_bars(found: Measured) -> list[Bar]:
    """The distribution of a share, in percent, or of other numbers that are not negative."""
    share = found.spread.highest <= 1
    return histogram(found.spread.values, 1.0 if share else found.spread.highest, BINS, percent=share)


def histogram(values: Sequence[float], highest: float, bins: int, *, percent: bool = False) -> list[Bar]:
    """Bars of equal width from 0 to `highest`; what lies above counts in the last one.

    Args:
        values: not negative.
        highest: the upper end of the last bar.
        bins: how many bars.
        percent: whether labels are shares in percent.
    """
    highest = highest or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(int(value / highest * bins + 1e-9), bins - 1)] += 1
    most = max([*counts, 1])
    edges = [highest * place / bins * (100 if percent else 1) for place in range(bins + 1)]
    sign = " %" if percent else ""
    return [
        Bar(label=f"{low:g} to {high:g}{sign}", count=count, height=count / most)
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]


def dots(checks: Sequence[CheckItem]) -> list[Dot]:
    """The checks whose correlation is defined."""
    return [
        Dot(
            x=item.passed,
            y=item.separates,
            label=f"{item.title} ({item.cell}): passed by {item.passed:.0%}, separates {item.separates:+.2f}",
            odd=bool(item.advice),
        )
        for item in checks
        if item.separates is not None
    ]
