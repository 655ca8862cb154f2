"""What a class report computes: items, misconceptions, empty cells, likeness; on small classes with known answers."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from autograder.report import CellReport, Check, ManualCell, Report
from autograder.statistics import ClassRecords, Record, anonymised, likeness, summarised
from autograder.statistics.items import check_items
from autograder.statistics.mistakes import mistakes, parts
from autograder.statistics.similarity import Likeness

STUB = {"f": "def f(x):\n    raise NotImplementedError", "g": "def g(x):\n    raise NotImplementedError"}
CODE = {"test_f": "f", "test_g": "g"}


def check(name: str, passed: bool, **more: object) -> Check:
    return Check(name=name, title=f"Title of {name}", outcome="passed" if passed else "failed", **more)  # type: ignore[arg-type]


def record(student: str, f: tuple[bool, ...], g: tuple[bool, ...], **more: object) -> Record:
    """A student's record whose checks passed or not; a check of f has weight 1, one of g weight 2."""
    cells = []
    for name, passed, weight, points in (("test_f", f, 1.0, 4.0), ("test_g", g, 2.0, 6.0)):
        checks = tuple(check(f"{name}_{place}", one, weight=weight) for place, one in enumerate(passed))
        cells.append(CellReport(grade_id=name, score=points * np.mean(passed), max_score=points, checks=checks))
    return with_cells(student, cells, **more)


def with_cells(student: str, cells: list[CellReport], **more: object) -> Record:
    score = sum(cell.score for cell in cells)
    manual = (ManualCell(grade_id="essay", max_score=5.0, answered=student != "silent"),)
    report = Report(
        assignment="a", score=score, max_score=10.0, cells=tuple(cells), manual=manual, seed=1, isolation="landlock"
    )
    fields: dict[str, object] = {"sources": {"f": "def f(x):\n    return x", "g": "def g(x):\n    return 2 * x"}}
    return Record(student=student, report=report, score=score, max_score=15.0, **{**fields, **more})  # type: ignore[arg-type]


def summary(*records: Record, **more: object) -> object:
    return summarised(ClassRecords(assignment="a", records=records, stub=STUB, **more), CODE, {}, Likeness())  # type: ignore[arg-type]


def test_a_check_is_compared_with_all_points_but_its_own() -> None:
    rng = random.Random(1)
    choices = [(rng.random() < 0.7, rng.random() < 0.6, rng.random() < 0.5) for _ in range(40)]
    items = check_items([record(f"s{i}", (a, b), (c,)) for i, (a, b, c) in enumerate(choices)])
    assert [item.name for item in items] == ["test_f_0", "test_f_1", "test_g_0"]
    a, b, c = np.array(choices, float).T
    for item, own, rest in ((items[0], a, 2 * b + 6 * c), (items[2], c, 2 * a + 2 * b)):
        assert item.passed == pytest.approx(own.mean())
        assert item.separates == pytest.approx(np.corrcoef(own, rest)[0, 1])
        assert item.students == 40
        assert item.interval is not None
        assert item.interval[0] < item.separates < item.interval[1]  # type: ignore[operator]


def test_a_check_that_all_pass_separates_nobody() -> None:
    items = check_items([record(f"s{i}", (True,), (i % 2 == 0,)) for i in range(10)])
    assert items[0].separates is None
    assert items[0].passed == 1
    assert items[1].separates is None  # all other points are equal
    assert items[0].advice == "few students"


def test_a_check_that_the_strong_fail_is_pointed_out() -> None:
    items = check_items([record(f"s{i}", (i % 2 == 0,), (i % 2 == 1,)) for i in range(40)])
    assert "look at this check" in items[0].advice


def test_blank_submissions_do_not_count_as_items_but_as_left_empty() -> None:
    blank = record("blank", (False,), (False,), sources=STUB)
    found = summary(*(record(f"s{i}", (True,), (i % 2 == 0,)) for i in range(4)), blank)
    assert found.blank == ("blank",)  # type: ignore[attr-defined]
    assert [item.students for item in found.checks] == [4, 4]  # type: ignore[attr-defined]
    assert [cell.empty for cell in found.cells] == [("blank",), ("blank",)]  # type: ignore[attr-defined]


def test_written_answers_not_given_are_left_empty() -> None:
    found = summary(record("silent", (True,), (True,)), record("s1", (True,), (True,)))
    assert found.empty_written == (("essay", ("silent",)),)  # type: ignore[attr-defined]


def test_points_are_those_for_code_while_written_answers_wait() -> None:
    found = summary(record("s1", (True,), (True,), waiting=1), record("s2", (False,), (True,)))
    assert (found.max_score, found.points.values, found.with_written) == (10, (10, 6), False)  # type: ignore[attr-defined]
    found = summary(record("s1", (True,), (True,)))
    assert (found.max_score, found.with_written) == (15, True)  # type: ignore[attr-defined]


def mistaken(student: str, *diagnoses: str) -> Record:
    checks = tuple(check(f"c{i}", False, diagnosis=name, hint="think") for i, name in enumerate(diagnoses))
    return with_cells(student, [CellReport(grade_id="test_f", score=1.0, max_score=4.0, checks=checks)])


def test_misconceptions_come_most_frequent_first_and_two_at_once_count_for_both() -> None:
    records = [mistaken("s1", "f.b"), mistaken("s2", "f.a+b", "f.a+b"), mistaken("s3", "f.b"), mistaken("s4", "f.c")]
    found = mistakes(records, {"f.b": ("B is wrong", "The idea of b.")}, CODE, {f"s{n}": () for n in range(1, 5)})
    assert [(entry.id, entry.students) for entry in found] == [
        ("f.b", ("s1", "s2", "s3")),
        ("f.a", ("s2",)),
        ("f.c", ("s4",)),
    ]
    assert (found[0].title, found[0].hint, found[0].lost) == ("B is wrong", "The idea of b.", 3)
    assert parts("f.a+b") == ["f.a", "f.b"]


def test_who_wrote_nothing_has_no_misconception() -> None:
    found = summary(mistaken("s1", "f.b"), msgspec.structs.replace(mistaken("s2", "f.b"), sources=STUB))
    assert [(entry.id, entry.students) for entry in found.mistakes] == [("f.b", ("s1",))]  # type: ignore[attr-defined]
    assert [row.mistakes for row in found.rows] == [("f.b",), ()]  # type: ignore[attr-defined]


def test_failures_without_a_known_cause_are_grouped_but_for_their_numbers() -> None:
    def failing(student: str, message: str, **more: object) -> Record:
        checks = (check("c", False, message=message),)
        return with_cells(student, [CellReport(grade_id="test_f", score=0.0, max_score=4.0, checks=checks)], **more)

    found = summary(
        failing("s1", "expected 1.5, got 2e-3"),
        failing("s2", "expected -7, got 0.25"),
        failing("s3", "nothing came"),
        failing("s4", "not filled in", sources=STUB),
        mistaken("s5", "f.b"),
    )
    assert [group.students for group in found.unexplained] == [("s1", "s2"), ("s3",)]  # type: ignore[attr-defined]


def test_accuracies_and_limits_are_collected() -> None:
    def trained(student: str, share: float) -> Record:
        checks = (Check(name="c", title="C", outcome="timed out" if share < 0.5 else "passed"),)
        made = with_cells(student, [CellReport(grade_id="test_f", score=0.0, max_score=4.0, checks=checks)])
        return msgspec.structs.replace(made, report=msgspec.structs.replace(made.report, measured={"accuracy": share}))

    found = summary(trained("s1", 0.9), trained("s2", 0.8), trained("s3", 0.1))
    (accuracy,) = found.measured  # type: ignore[attr-defined]
    assert (accuracy.name, accuracy.students, accuracy.spread.median) == ("accuracy", 3, 0.8)
    assert [(limit.outcome, limit.students) for limit in found.limits] == [("timed out", ("s3",))]  # type: ignore[attr-defined]


def test_nobody_graded_is_a_summary_too() -> None:
    found = summary(absent=("ada",))
    assert found.points is None  # type: ignore[attr-defined]
    assert "ada" in found.notes[0]  # type: ignore[attr-defined]


def test_without_names_there_are_no_ids_and_no_text_of_a_student() -> None:
    checks = (check("c", False, message="Secretname raised"),)
    cell = CellReport(grade_id="test_f", score=0.0, max_score=4.0, checks=checks)
    found = ClassRecords(assignment="a", records=(with_cells("jane", [cell], name="Jane Doe"),), absent=("john",))
    hidden = anonymised(found, b"key")
    text = repr(hidden)
    assert not any(word in text for word in ("jane", "Jane", "john", "Secretname"))
    assert anonymised(found, b"key") == hidden
    many = ClassRecords(assignment="a", records=(), absent=tuple(f"s{i:02}" for i in range(50)))
    assert anonymised(many, b"key").absent == tuple(f"student {i:02}" for i in range(1, 51))
    one = [Record(student=f"s{i:02}", report=hidden.records[0].report, score=i, max_score=50) for i in range(50)]
    order = [entry.score for entry in anonymised(ClassRecords(assignment="a", records=tuple(one)), b"key").records]
    assert order != sorted(order)


# --- likeness ----------------------------------------------------------------------------------------------------

WAYS = [
    "    total = 0\n    for value in {x}:\n        total += value * {n}\n    return total / len({x})",
    "    parts = [value * {n} for value in {x}]\n    return sum(parts) / max(len(parts), 1)",
    "    n = len({x})\n    while n > {n}:\n        n = n - 1\n    return {x}[n] if n else None",
    "    return ({x} @ {x}.T + {n}).mean(axis=0)[..., None]",
    "    try:\n        return {x}.sum() ** {n}\n    except ValueError:\n        return 0",
]


def own_work(rng: random.Random) -> dict[str, str]:
    """Three functions, each in one of five ways that many choose, with a line of one's own."""
    code = {}
    for name in ("f", "g", "h"):
        line = f"    {rng.choice('abc')} = [{', '.join(str(rng.randint(100, 999)) for _ in range(6))}]\n"
        way = rng.choice(WAYS).format(x=rng.choice(["x", "values"]), n=rng.choice([2, 3]))
        code[name] = f"def {name}(x, values):\n{line}{way}"
    return code


def a_class(seed: int, students: int = 40) -> dict[str, dict[str, str]]:
    rng = random.Random(seed)
    return {f"s{place:02}": own_work(rng) for place in range(students)}


def renamed(code: dict[str, str]) -> dict[str, str]:
    return {name: f"# mine\n{text.replace('total', 'result').replace('value', 'entry')}" for name, text in code.items()}


def test_a_copy_with_other_names_and_comments_is_found_and_nobody_else() -> None:
    sources = a_class(3)
    sources["s31"] = renamed(sources["s04"])
    found = likeness(sources, [])
    assert [(pair.left, pair.right) for pair in found.pairs] == [("s04", "s31")]
    (pair,) = found.pairs
    assert min(pair.shared) == pytest.approx(1.0)
    assert pair.strength > 1
    for side in pair.sides:
        assert "".join(piece.text for piece in side.left) == sources["s04"][side.cell]
        assert "".join(piece.text for piece in side.right) == sources["s31"][side.cell]
        assert any(piece.shared for piece in side.left)


def test_a_class_that_works_apart_shows_no_pair() -> None:
    shown = [len(likeness(a_class(seed, 25), [], deals=100).pairs) for seed in range(10)]
    assert sum(shown) <= 1


def test_what_everybody_was_given_does_not_count() -> None:
    given = own_work(random.Random(9))
    sources = a_class(5, 20)
    sources["s03"], sources["s12"] = given, renamed(given)
    assert [(pair.left, pair.right) for pair in likeness(sources, []).pairs] == [("s03", "s12")]
    assert likeness(sources, list(given.values())).pairs == ()


def test_too_little_code_is_said() -> None:
    assert likeness({"a": {"f": "x = 1"}, "b": {"f": "x = 1"}}, []).note
    assert likeness({}, []).note


def test_the_same_class_gives_the_same_pairs() -> None:
    sources = a_class(3)
    sources["s31"] = renamed(sources["s04"])
    assert likeness(sources, []) == likeness(sources, [])
