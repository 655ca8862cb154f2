"""What a student would see: results drawn as each system documents that it draws them.

Gradescope: a list of tests with points, output by its format, hidden tests left out and with them the total.
PrairieLearn: the template of its element pl-external-grader-results. Vocareum: the report file is the page.
"""

from __future__ import annotations

from html import escape
from typing import Any

from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")

_STYLE = """<!doctype html><meta charset="utf-8"><style>
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif;
  margin: 24px auto; max-width: 860px; color: #1c1c1c; padding: 0 16px }
h1 { font-size: 20px } h2 { font-size: 16px; margin: 26px 0 8px }
.test { border: 1px solid #ccc; border-left: 6px solid #999; margin: 6px 0; padding: 6px 12px }
.passed { border-left-color: #1b8a5a } .failed { border-left-color: #c0392b }
.name { display: flex; justify-content: space-between; gap: 16px; font-weight: 600 }
.name span + span { white-space: nowrap }
p { margin: 4px 0 } pre { background: #212529; color: #fff; padding: 10px;
  border-radius: 4px; overflow: hidden; margin: 6px 0 }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: 4px 12px; text-align: left }
.error { background: #f8d7da; border: 1px solid #f1aeb5; padding: 10px; border-radius: 4px; margin: 8px 0 }
img { max-width: 100% }
</style>"""


def gradescope(results: dict[str, Any]) -> str:
    """results.json as a page for the student, before the due date."""
    shown = [test for test in results["tests"] if test.get("visibility", "visible") == "visible"]
    all_shown = len(shown) == len(results["tests"])
    parts = [_STYLE, "<h1>Autograder results</h1>"]
    if all_shown:
        worth = sum(test.get("max_score", 0) for test in shown)
        parts.append(f"<h2>Autograder score: {_points(results['score'])} / {_points(worth)}</h2>")
    parts.append(_formatted(results["output"], results.get("output_format", "simple_format")))
    if results.get("leaderboard"):
        rows = "".join(f"<tr><td>{escape(row['name'])}<td>{row['value']}" for row in results["leaderboard"])
        parts.append(f"<h2>Leaderboard</h2><table>{rows}</table>")
    parts.append("<h2>Tests</h2>")
    for test in shown:
        number = f"{test['number']}) " if "number" in test else ""
        points = f"({_points(test['score'])}/{_points(test['max_score'])})" if "score" in test else ""
        kind = test.get("output_format") or results.get("test_output_format", "simple_format")
        parts.append(
            f'<div class="test {test.get("status", "")}"><div class="name"><span>{escape(number + test["name"])}</span>'
            f"<span>{points}</span></div>{_formatted(test.get('output', ''), kind)}</div>"
        )
    return "".join(parts)


def prairielearn(results: dict[str, Any]) -> str:
    """results.json as the submission panel shows it, with every card open."""
    parts = [_STYLE]
    if not results.get("gradable", True):
        errors = results["format_errors"]
        errors = [errors] if isinstance(errors, str) else errors
        parts.append("<h2>Invalid, not gradable</h2>")
        return "".join([*parts, *(f'<div class="error"><b>Error:</b> {escape(error)}</div>' for error in errors)])
    tests = results.get("tests", [])
    worth = f"{_points(sum(test['points'] for test in tests))}/{_points(sum(test['max_points'] for test in tests))}"
    parts.append(f"<h2>Score: {worth} ({100 * results['score']:.0f}%)</h2>")
    for name in ("message", "output"):
        if results.get(name):
            parts.append(f"<b>{name.capitalize()}</b><pre>{escape(results[name])}</pre>")
    parts.append("<h2>Test Results</h2>")
    for test in tests:
        status = "" if not test["max_points"] else "passed" if test["points"] == test["max_points"] else "failed"
        points = f"[{_points(test['points'])}/{_points(test['max_points'])}]"
        message = f"<pre>{escape(test['message'])}</pre>" if test.get("message") else ""
        pictures = "".join(
            f'<figure><b>{escape(picture["label"])}</b><br><img src="{escape(picture["url"])}"></figure>'
            for picture in test.get("images", ())
        )
        parts.append(
            f'<div class="test {status}"><div class="name"><span>{points} {escape(test["name"])}</span></div>'
            f"{message}{pictures}</div>"
        )
    return "".join(parts)


def vocareum(results: dict[str, Any]) -> str:
    """The report file, below the scores of the grade file."""
    rows = "".join(f"<tr><td>{escape(name)}<td>{_points(score)}" for name, score in results["grades"].items())
    return f"{_STYLE}<h1>Grades</h1><table>{rows}</table><h1>Report</h1>{results['report']}"


def _formatted(text: str, kind: str) -> str:
    if kind == "md":
        return str(_MARKDOWN.render(text))
    assert kind == "text"
    return f"<p>{escape(text)}</p>" if text else ""


def _points(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
