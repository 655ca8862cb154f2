"""Hostile and broken notebook files, made by hypothesis: each gives a Report or one clear line, and stops no batch.

By default few are tried, always the same ones. AUTOGRADER_NOTEBOOKS=10000 AUTOGRADER_MESSAGES=100000 tries as many new
ones; pytest's --hypothesis-seed repeats a run.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
from conftest import FUNCTIONS, NAME, cell, notebook_of, solved_cells
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from autograder.classroom import Pool, Settings
from autograder.course import Assignment
from autograder.grading import Grader
from autograder.nbgrader.exporters import as_notebook
from autograder.pages.feedback import feedback_page
from autograder.report import Report, from_json, to_json
from autograder.sandbox import messages, wire
from autograder.sandbox.limits import MIB, Limits
from autograder.submission import Submission, SubmissionError, read_submission
from autograder.terminal import show_report

NOTEBOOKS = int(os.environ.get("AUTOGRADER_NOTEBOOKS", 0))
MESSAGES = int(os.environ.get("AUTOGRADER_MESSAGES", 0))
WHOLE = sum(FUNCTIONS.values())
SECONDS = 20.0
"""That reading, grading and showing one notebook may take, on a busy machine."""

generated = settings(
    deadline=None,
    derandomize=not (NOTEBOOKS or MESSAGES),
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)

# --- notebooks ---------------------------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
odd = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CODE = [
    "",
    "x = 1",
    "import os; os._exit(0)",
    "def mse_loss(",
    "%%bash\nls",
    "!ls",
    "?x",
    "raise SystemExit",
    "\x00",
    "\ud800",
]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A solved notebook with some changes of the kinds that break notebooks."""
    document: dict[str, Any] = json.loads(notebook_of(solved_cells()))
    cells: list[Any] = document["cells"]
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(cells) - 1)))
        entry = cells[place] if cells else None
        kind = draw(st.sampled_from(CHANGES))
        if kind == "other format":
            document["nbformat"] = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 99, -1, "4", None]))
            document["nbformat_minor"] = draw(st.sampled_from([0, 2, 5, 99, None, "x"]))
        elif kind == "format 3":
            return {"worksheets": [{"cells": cells}], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}
        elif kind == "odd top":
            document[draw(st.sampled_from(["metadata", "nbformat", "cells", "extra"]))] = draw(odd)
            return document
        elif not isinstance(entry, dict):
            cells.append(draw(odd))
        elif kind == "deleted":
            del cells[place]
        elif kind == "doubled":
            cells.insert(draw(st.integers(0, len(cells))), deepcopy(entry))
        elif kind == "moved":
            cells.insert(draw(st.integers(0, len(cells) - 1)), cells.pop(place))
        elif kind == "retyped":
            entry["cell_type"] = draw(st.sampled_from(["code", "markdown", "raw", "heading", "html", "", None, 7]))
        elif kind == "renamed":
            metadata = entry.get("metadata")
            if isinstance(metadata, dict) and isinstance(metadata.get("nbgrader"), dict):
                metadata["nbgrader"]["grade_id"] = draw(st.text(max_size=8) | st.sampled_from([*FUNCTIONS, "imports"]))
        elif kind == "odd metadata":
            entry["metadata"] = draw(odd | st.fixed_dictionaries({"nbgrader": odd}))
        elif kind == "odd field":
            entry[draw(st.sampled_from([*entry, "attachments", "id"]))] = draw(odd)
        elif kind == "lost field":
            entry.pop(draw(st.sampled_from(sorted(entry))), None)
        elif kind == "other source":
            entry["source"] = draw(
                st.sampled_from(CODE) | st.text(max_size=20) | st.lists(st.sampled_from(CODE), max_size=3)
            )
        elif kind == "odd outputs":
            entry["outputs"] = draw(odd | st.just([{"output_type": "display_data", "data": {"text/html": "<script>"}}]))
        elif kind == "odd cell":
            cells.insert(place, draw(odd))
        else:
            cells.insert(place, cell(draw(st.sampled_from(CODE))))
    return document


CHANGES = [
    "other format", "format 3", "odd top", "deleted", "doubled", "moved", "retyped", "renamed", "odd metadata",
    "odd field", "lost field", "other source", "odd outputs", "odd cell", "own cell",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A notebook file: whole, cut off, in another encoding, with other bytes in it, or no notebook at all."""
    text = json.dumps(draw(documents()), ensure_ascii=draw(st.booleans()))
    encoding = draw(st.sampled_from(ENCODINGS)) if draw(st.integers(0, 9)) == 0 else "utf-8"
    data = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") and encoding != "utf-7" else "replace")
    damage = draw(st.integers(0, 19))
    if damage == 0:
        return data[: draw(st.integers(0, len(data)))]
    if damage == 1:
        place = draw(st.integers(0, len(data)))
        return data[:place] + draw(st.binary(max_size=8)) + data[place + draw(st.integers(0, 8)) :]
    if damage == 2:
        return draw(st.binary(max_size=300))
    return data


@pytest.fixture(scope="module")
def quick_grader(assignment: Assignment) -> Iterator[Grader]:
    with Grader(assignment, Limits(cell_seconds=1.0, call_seconds=0.5, memory=256 * MIB, files=8 * MIB)) as grader:
        yield grader


def told(path: Path, grader: Grader, assignment: Assignment) -> Report | str:
    """What becomes of a file: a Report, of which everything was shown that is ever shown, or one clear line."""
    started = time.monotonic()
    try:
        submission = read_submission(path, assignment)
    except SubmissionError as error:
        line = str(error)
        assert line.isprintable()
        assert 10 < len(line) < 300
        return line
    graded = grader.grade(submission, 1)
    assert_sound(graded.report, submission)
    assert time.monotonic() - started < SECONDS
    return graded.report


def assert_sound(report: Report, submission: Submission) -> None:
    """A Report of the whole assignment that can be written, read, and shown in every way."""
    assert [entry.grade_id for entry in report.cells] == [f"test_{name}" for name in FUNCTIONS]
    assert 0 <= report.score <= WHOLE
    assert from_json(to_json(report)) == report
    assert not any("itself failed" in problem for problem in report.problems)
    show_report(Console(file=io.StringIO(), width=80), report)
    page = feedback_page(
        report, student="x", notebook=as_notebook(submission), written=[], score=0.0, max_score=WHOLE, late_penalty=0.0
    )
    assert "<script" not in page


@pytest.mark.slow
@settings(generated, max_examples=NOTEBOOKS or 60)
@given(files())
def test_any_notebook_gives_a_report_or_one_clear_line(
    quick_grader: Grader, assignment: Assignment, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "generated.ipynb"
    path.write_bytes(data)
    told(path, quick_grader, assignment)


BROKEN: dict[str, tuple[bytes, str | None]] = {
    "cut off": (notebook_of(solved_cells())[:-100], "no JSON"),
    "UTF-16": (notebook_of(solved_cells()).decode().encode("utf-16"), "no JSON"),
    "a byte order mark": (b"\xef\xbb\xbf" + notebook_of(solved_cells()), None),
    "Latin-1": (json.dumps({"cells": [cell("# caf\xe9")]}, ensure_ascii=False).encode("latin-1"), "no JSON"),
    "format 3": (json.dumps({"worksheets": [{"cells": []}], "nbformat": 3}).encode(), "format 3"),
    "format 99": (notebook_of(solved_cells()).replace(b'"nbformat": 4', b'"nbformat": 99'), None),
    "no cells": (b'{"metadata": {}, "nbformat": 4}', "no cells"),
    "NaN": (notebook_of(solved_cells()).replace(b'"nbformat": 4', b'"nbformat": NaN'), "no JSON"),
    "a zip file": (b"PK\x03\x04" + bytes(1000), "no JSON"),
    "a page": (b"<!DOCTYPE html><html></html>", "no JSON"),
    "Python": (b"import numpy as np\n", "no JSON"),
    "empty": (b"", "no JSON"),
}
"""What comes up in every class, and a piece of the line that says so; None where it can be graded."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notebook_is_refused_in_one_line_or_graded(
    quick_grader: Grader, assignment: Assignment, tmp_path: Path, name: str
) -> None:
    data, reason = BROKEN[name]
    path = tmp_path / "broken.ipynb"
    path.write_bytes(data)
    result = told(path, quick_grader, assignment)
    if reason is None:
        assert isinstance(result, Report)
        assert result.score == WHOLE
    else:
        assert isinstance(result, str)
        assert reason in result


def test_another_assignment_s_notebook_scores_nothing_and_says_so(
    quick_grader: Grader, assignment: Assignment, tmp_path: Path
) -> None:
    path = Path(__file__).resolve().parent.parent / "source" / "ps3_autograd" / "ps3_autograd.ipynb"
    report = told(path, quick_grader, assignment)
    assert isinstance(report, Report)
    assert report.score == 0
    assert any("none of the assignment's" in problem for problem in report.problems)


@pytest.mark.slow
def test_a_notebook_of_200_megabytes_is_refused_at_once(
    quick_grader: Grader, assignment: Assignment, tmp_path: Path
) -> None:
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.write(b'{"cells": [')
        for _ in range(200):
            file.write(b'{"cell_type": "code", "source": "' + b"x" * (1 << 20) + b'"},')
        file.write(b"{}]}")
    started = time.process_time()
    assert "larger than 64 MiB" in str(told(path, quick_grader, assignment))
    assert time.process_time() - started < 1


def test_broken_notebooks_stop_no_batch(course: Path, assignment: Assignment, tmp_path: Path) -> None:
    paths = []
    for number, (data, _) in enumerate(BROKEN.values()):
        paths.append(tmp_path / f"{number}.ipynb")
        paths[-1].write_bytes(data)
    paths.append(tmp_path / "right.ipynb")
    paths[-1].write_bytes(notebook_of(solved_cells()))
    with Pool(Settings(course=str(course), assignment=NAME), 1) as pool:
        reports = [future.result().report for future in [pool.submit(path, 1) for path in paths]]
    assert reports[-1].score == WHOLE
    assert [report.score for report in reports[:-1]] == [
        WHOLE if reason is None else 0 for _, reason in BROKEN.values()
    ]


# --- messages ----------------------------------------------------------------------------------------------------

REPLIES: msgspec.msgpack.Decoder[messages.Reply] = msgspec.msgpack.Decoder(messages.Reply)
tags = st.sampled_from(["a", "s", "T", "l", "t", "d", "h", "f", "i", "x"])
numbers = st.integers(-5, 70) | st.sampled_from([2**31, 2**40, 2**63 - 1, -(2**63), 2**64 - 1])
names = st.sampled_from(["float64", "uint8", "bool", "object", "float8", "V1000", "<U9", "complex128"])
leaves = numbers | names | st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
trees = st.recursive(
    leaves | st.tuples(st.just("a"), names, st.lists(numbers, max_size=3), numbers).map(list),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(tags, inner).map(list)
        | st.tuples(tags, st.lists(st.tuples(inner, inner).map(list), max_size=3)).map(list)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
kinds = st.sampled_from(["returned", "raised", "ran", "back", "stand-in call", "call", "ended", ""])
fields = st.sampled_from(
    ["value", "arguments", "kind", "message", "where", "no_memory", "error", "function", "keywords"]
)
envelopes = st.builds(lambda kind, rest: {"type": kind, **rest}, kinds, st.dictionaries(fields, trees, max_size=4))


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """What a worker might write into its socket: messages with odd fields, and damaged ones."""
    header = msgspec.msgpack.encode(draw(envelopes))
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(header)))
        header = header[:place] + draw(st.binary(max_size=4)) + header[place + draw(st.integers(0, 4)) :]
    body = draw(st.binary(max_size=64))
    lengths = draw(st.sampled_from([(len(header), len(body))] * 8 + [(0, 0), (2**32 - 1, 1), (5, 2**32 - 1)]))
    return wire.PREFIX.pack(*lengths) + header + body


class _Nothing:
    """Keeps nothing, and finds nothing."""

    def keep(self, value: object) -> wire.Handle:
        raise wire.WireError("nothing is kept")

    def find(self, reference: object) -> object:
        raise wire.WireError("nothing of that number")


@settings(generated, max_examples=MESSAGES or 700)
@given(frames())
def test_any_message_is_understood_or_refused(data: bytes) -> None:
    """As the trusted side reads them; only WireError may come of one that isn't the protocol's."""
    try:
        header, body = wire.lengths(data[: wire.PREFIX.size])
        rest = memoryview(data)[wire.PREFIX.size :]
        reply = wire.decoded(REPLIES, rest[:header])
        unpacker = wire.Unpacker(_Nothing(), rest[header:][:body])
        for name in ("value", "arguments"):
            value = getattr(reply, name, None)
            for tree in value if name == "arguments" and isinstance(value, list) else [value]:
                unpacker.unpack(tree)
    except wire.WireError:
        return
    assert isinstance(reply, messages.Reply)
