"""Hostile and damaged notebooks: each is put in order, with what was odd about it said, or refused with a reason."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from conftest import FUNCTIONS, NAME, cell, notebook_of, solved_cells
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.course import Assignment, AssignmentError, Course
from autograder.submission import (
    Submission,
    SubmissionError,
    empty_submission,
    parse_submission,
    read_submission,
)

QUICK = settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))

Cells = list[dict[str, Any]]


def parsed(cells: Cells, assignment: Assignment) -> Submission:
    submission = parse_submission(notebook_of(cells), assignment)
    assert_in_order(submission)
    return submission


def assert_in_order(submission: Submission) -> None:
    """The instructor's cells occur once each, in order, with the instructor's role, points and locked sources."""
    graded = [cell for cell in submission.cells if cell.grade_id is not None]
    wanted = submission.assignment.cells
    assert [cell.grade_id for cell in graded] == [cell.grade_id for cell in wanted]
    for got, right in zip(graded, wanted, strict=True):
        assert (got.role, got.points, got.kind) == (right.role, right.points, right.kind)
        assert got.source == right.source or right.role not in ("locked", "test")


def named(cells: Cells, grade_id: str) -> dict[str, Any]:
    return next(entry for entry in cells if entry["metadata"]["nbgrader"]["grade_id"] == grade_id)


def source_of(submission: Submission, grade_id: str) -> str:
    return submission.cells[submission.position(grade_id)].source


def test_a_solved_notebook_has_nothing_odd(assignment: Assignment) -> None:
    submission = parsed(solved_cells(), assignment)
    assert submission.problems == ()
    assert len(submission.cells) == len(assignment.cells)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not JSON",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"3",
        b"{}",
        b'{"cells": null}',
        b'{"cells": {"a": 1}}',
        b'{"worksheets": []}',
        b'{"cells": [], "cells": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"cells": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}",
        b'{"cells": [' + b"{}," * 2_000 + b"{}]}",
        b'{"cells": ["\\ud800"]',
    ],
)
def test_bytes_that_are_no_notebook_are_refused_with_a_reason(assignment: Assignment, data: bytes) -> None:
    with pytest.raises(SubmissionError, match="the notebook can't be read") as error:
        parse_submission(data, assignment)
    assert len(str(error.value)) < 300
    assert str(error.value).isprintable()


@pytest.mark.parametrize("place", range(len(solved_cells())))
def test_a_missing_cell_is_put_back(assignment: Assignment, place: int) -> None:
    cells = solved_cells()
    lost = cells.pop(place)["metadata"]["nbgrader"]["grade_id"]
    assert f"cell {lost} was missing: put back" in parsed(cells, assignment).problems


def test_a_missing_answer_is_not_replaced_by_the_instructor_s(assignment: Assignment) -> None:
    for name in [*FUNCTIONS, "essay"]:
        cells = solved_cells()
        cells.remove(named(cells, name))
        assert "return" not in source_of(parsed(cells, assignment), name)
        assert "Because" not in source_of(parsed(cells, assignment), "essay") or name != "essay"
    nothing = empty_submission(assignment, "no notebook")
    assert_in_order(nothing)
    assert not any("return" in cell.source for cell in nothing.cells)


def test_a_doubled_cell_counts_once_and_the_first_one_counts(assignment: Assignment) -> None:
    cells = solved_cells()
    named(cells, "mse_loss")["source"] = "first"
    cells.append(cell("second", "mse_loss", solution=True))
    submission = parsed(cells, assignment)
    assert source_of(submission, "mse_loss") == "first"
    assert submission.cells[-1].source == "second"
    assert "cell mse_loss is there more than once: the first one counts as it" in submission.problems


def test_a_doubled_test_cell_counts_once(assignment: Assignment) -> None:
    cells = solved_cells()
    cells += [deepcopy(named(cells, "test_mse_loss")) for _ in range(3)]
    assert sum("more than once" in problem for problem in parsed(cells, assignment).problems) == 3


def test_a_moved_cell_is_put_back(assignment: Assignment) -> None:
    cells = solved_cells()
    cells.append(cells.pop(cells.index(named(cells, "mse_loss"))))
    assert "cell mse_loss had been moved: put back" in parsed(cells, assignment).problems


def test_cells_of_the_student_s_own_stay_where_they_are(assignment: Assignment) -> None:
    cells = solved_cells()
    cells.insert(2, cell("helper = 1"))
    submission = parsed(cells, assignment)
    assert submission.cells[2].source == "helper = 1"
    assert submission.problems == ()


@pytest.mark.parametrize("lost", ["name", "all"])
def test_lost_metadata_is_found_again_by_id_or_by_text(assignment: Assignment, lost: str) -> None:
    cells = solved_cells()
    test, solution = named(cells, "test_mse_loss"), named(cells, "mse_loss")
    for entry in (test, solution):
        entry["metadata"] = {"nbgrader": {}} if lost == "name" else {}
    test["id"] = "other"
    problems = parsed(cells, assignment).problems
    for name in ("test_mse_loss", "mse_loss"):
        assert f"cell {name} had lost its name: recognised all the same" in problems


def test_a_renamed_cell_is_found_again(assignment: Assignment) -> None:
    cells = solved_cells()
    named(cells, "mse_loss")["metadata"]["nbgrader"]["grade_id"] = "\x1b[31mmine"
    submission = parsed(cells, assignment)
    assert "return" in source_of(submission, "mse_loss")
    assert "a cell is called ?[31mmine, which is none of the assignment's" in submission.problems


@pytest.mark.parametrize("kind", ["markdown", "raw", "heading", None, 7])
def test_a_cell_of_another_type_is_made_code_again(assignment: Assignment, kind: object) -> None:
    cells = solved_cells()
    named(cells, "mse_loss")["cell_type"] = kind
    named(cells, "test_mse_loss")["cell_type"] = kind
    submission = parsed(cells, assignment)
    assert sum("made code again" in problem for problem in submission.problems) == 2


def test_a_changed_locked_cell_or_test_has_the_instructor_s_text(assignment: Assignment) -> None:
    cells = solved_cells()
    for name in ("imports", "test_mse_loss"):
        named(cells, name)["source"] = "print('passed')"
    problems = parsed(cells, assignment).problems
    for name in ("imports", "test_mse_loss"):
        assert f"cell {name} had been changed: the instructor's text counts" in problems


def test_points_flags_and_roles_in_the_student_s_file_count_for_nothing(assignment: Assignment) -> None:
    cells = solved_cells()
    for entry in cells:
        flags = {"points": 1000, "grade": True, "solution": True, "locked": False, "task": True, "schema_version": 99}
        entry["metadata"]["nbgrader"].update(flags)
    assert parsed(cells, assignment).problems == ()


def test_attachments_other_than_pictures_are_dropped(assignment: Assignment) -> None:
    cells = solved_cells()
    named(cells, "essay")["attachments"] = {
        "picture.png": {"image/png": "iVBORw0KGgo=", "text/html": "<script>"},
        "page.html": {"text/html": "<script>"},
        "false.png": {"image/png": "PHNjcmlwdD4="},
        "markup.png": {"image/png": 'iVBORw0KGgo="><script>'},
        "padded.png": {"image/png": "iVBORw0KGgo=iVBORw0KGgo="},
        "<img>": {"image/png": "iVBORw0KGgo="},
        "odd": 3,
    }
    submission = parsed(cells, assignment)
    essay = submission.cells[submission.position("essay")]
    assert essay.attachments == {"picture.png": {"image/png": "iVBORw0KGgo="}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def places_in(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a JSON document."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else []
    )
    return [here, *[place for key, value in items for place in places_in(value, (*here, key))]]


@QUICK
@given(st.data())
def test_any_json_in_any_place_is_put_in_order_or_refused(assignment: Assignment, data: st.DataObject) -> None:
    document = json.loads(notebook_of(solved_cells()))
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from([place for place in places_in(document) if place]))
        target = document
        for key in way:
            target = target[key]
        if data.draw(st.booleans()):
            target[last] = data.draw(json_values)
        elif isinstance(target, dict):
            target[data.draw(st.text(max_size=5))] = target.pop(last)
        else:
            target.insert(data.draw(st.integers(0, len(target))), deepcopy(target[last]))
    with contextlib.suppress(SubmissionError):
        submission = parse_submission(json.dumps(document).encode(), assignment)
        assert_in_order(submission)
        assert all(problem.isprintable() for problem in submission.problems)


@QUICK
@given(st.permutations(range(len(solved_cells()))), st.sets(st.integers(0, len(solved_cells()) - 1), max_size=5))
def test_cells_in_any_order_with_any_missing_are_put_in_order(
    assignment: Assignment, order: list[int], missing: set[int]
) -> None:
    cells = solved_cells()
    parsed([cells[place] for place in order if place not in missing], assignment)


@QUICK
@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_or_put_in_order(assignment: Assignment, data: bytes) -> None:
    with contextlib.suppress(SubmissionError):
        assert_in_order(parse_submission(data, assignment))


Make = Callable[[Path], object]
NO_FILES: dict[str, tuple[Make, str]] = {
    "missing": (lambda path: None, "can't be opened"),
    "link": (lambda path: path.symlink_to(__file__), "can't be opened"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "can't be opened"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "can't be opened"),
    "pipe": (os.mkfifo, "no ordinary file"),
    "folder": (lambda path: path.mkdir(), "can't be opened"),
    "too large": (lambda path: (path.touch(), os.truncate(path, (64 << 20) + 1)), "larger than 64 MiB"),
    "empty": (lambda path: path.touch(), "can't be read"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_ordinary_file_is_refused_at_once(assignment: Assignment, tmp_path: Path, name: str) -> None:
    make, reason = NO_FILES[name]
    make(tmp_path / "ps1.ipynb")
    with pytest.raises(SubmissionError, match=reason):
        read_submission(tmp_path / "ps1.ipynb", assignment)


def test_an_assignment_that_contradicts_itself_is_refused_with_its_cell(tmp_path: Path) -> None:
    folder = tmp_path / "source" / NAME
    folder.mkdir(parents=True)
    for cells, reason in (
        ([cell("1", "a", locked=True), cell("2", "a", locked=True)], "more than one cell is called a"),
        ([cell("1", "a", grade=True, points="many")], "cell a has no number of points"),
        ([cell("1", "a", grade=True, points=-1)], "cell a has no number of points"),
    ):
        (folder / f"{NAME}.ipynb").write_bytes(notebook_of(cells))
        with pytest.raises(AssignmentError, match=reason):
            Course(tmp_path).assignment(NAME)
    with pytest.raises(AssignmentError, match=f"there is no assignment other.*there are {NAME}"):
        Course(tmp_path).assignment("other")
