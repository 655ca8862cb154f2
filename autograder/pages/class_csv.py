"""The class report as a table for a spreadsheet: one line a student."""

from __future__ import annotations

import csv
import io

from autograder.statistics import Summary

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutral(text: str) -> str:
    """`text`, so that no spreadsheet takes it for a formula: such a cell begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def class_csv(summary: Summary) -> str:
    """The table: id, name, points, each cell's points, what was left empty, misconceptions, notes."""
    cells = dict.fromkeys(name for row in summary.rows for name, _, _ in row.cells)
    measured = dict.fromkeys(name for row in summary.rows for name in row.measured)
    out = io.StringIO()
    table = csv.writer(out)
    head = ["student", "name", "points", "of", "late penalty", "written answers waiting", *cells, *measured]
    table.writerow(map(neutral, [*head, "cells left empty", "misconceptions", "seconds", "notes"]))
    for row in summary.rows:
        points = {name: score for name, score, _ in row.cells}
        table.writerow(
            [
                *(neutral(row.student), neutral(row.name), row.score, row.max_score, row.penalty, row.waiting),
                *(points.get(name, "") for name in cells),
                *(row.measured.get(name, "") for name in measured),
                row.empty,
                neutral(" ".join(row.mistakes)),
                row.seconds,
                neutral("; ".join(row.problems)),
            ]
        )
    return out.getvalue()
