"""A bank: edits of right answers, two of them at once, and what an author is told about a slip."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from autograder.authoring.bank import Bank, BankError, answers_bank
from autograder.course import Course

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = '''
import math


def shifted(x):
    """Three more: total = x + 3."""
    total = x + 3
    return total


def scaled(x):
    total = 0
    for _ in range(2):
        total += shifted(x)
    return total
'''


def bank(folder: Path, misconceptions: str, unusual: str = "") -> Bank:
    """The bank of these files."""
    head = "from autograder.authoring import Misconceptions, also_right, unusual\n\n"
    (folder / "answers.py").write_text(ANSWERS)
    (folder / "misconceptions.py").write_text(head + textwrap.dedent(misconceptions))
    (folder / "unusual.py").write_text(head + textwrap.dedent(unusual))
    return answers_bank(folder)


def test_an_edit_changes_a_part_of_a_line_a_line_or_several(tmp_path: Path) -> None:
    made = bank(
        tmp_path,
        """
        wrong = Misconceptions("scaled")
        wrong("part", "t", "h", {"range(2)": "range(3)"})
        wrong("line_less", "t", "h", {"total = 0": "total = 5", "total += shifted(x)": "pass"})
        wrong("line_more", "t", "h", {"total += shifted(x)": "total += shifted(x)\\ntotal += 1"})
        wrong("lines", "t", "h", {"for _ in range(2):\\n    total += shifted(x)": "total += 7"})
        wrong("indented", "t", "h", {"return total": "    return total"})
        """,
    )
    assert [entry.code(1) for entry in made.misconceptions] == [12, 5, 10, 7, 4]
    source = made.misconceptions[2].source.text
    assert source == (
        "import math\n\n\ndef scaled(x):\n    total = 0\n    for _ in range(2):\n"
        "        total += shifted(x)\n        total += 1\n    return total\n"
    )


def test_two_edits_in_different_places_are_a_pair(tmp_path: Path) -> None:
    made = bank(
        tmp_path,
        """
        wrong = Misconceptions("scaled")
        wrong("once_more", "a", "h", {"range(2)": "range(3)"})
        wrong("twice_more", "b", "h", {"range(2)": "range(4)"})
        wrong("from_one", "c", "k", {"total = 0": "total = 1"})
        wrong("from_one_too", "d", "k", {"total = 0": "total = 2 - 1"}, same_as=("from_one",))
        wrong("raises", "e", "k", {"return total": "raise ValueError"}, alone=True)
        """,
    )
    pairs = {pair.id: pair for pair in made.pairs("scaled")}
    assert list(pairs) == ["scaled.once_more+from_one", "scaled.twice_more+from_one"]
    assert pairs["scaled.twice_more+from_one"].code(1) == 17
    assert (pairs["scaled.once_more+from_one"].title, pairs["scaled.once_more+from_one"].hint) == ("a; and c", "h k")


def test_an_edit_is_made_in_the_first_form_that_has_its_texts(tmp_path: Path) -> None:
    made = bank(
        tmp_path,
        """
        @also_right("scaled", "the sum is written out")
        def written_out(x):
            total = 0
            for _ in range(2):
                total += x + 3
            return total

        wrong = Misconceptions("scaled")
        wrong("sum", "a", "h", {"x + 3": "x + 4"})
        wrong("count", "b", "h", {"range(2)": "range(3)"})
        """,
    )
    assert [entry.code(1) for entry in made.misconceptions] == [10, 12]
    assert "shifted" in made.misconceptions[1].source.text
    assert [pair.code(1) for pair in made.pairs("scaled")] == [15]
    assert [entry.id for entry in made.unusual] == ["scaled.written_out"]


def test_a_whole_function_brings_its_imports_and_helpers(tmp_path: Path) -> None:
    made = bank(
        tmp_path,
        """
        import cmath

        def helper(x):
            return cmath.sqrt(x).real

        @Misconceptions("shifted")("root", "t", "h")
        def _(x):
            '''Not for a cell.'''
            return helper(x)
        """,
    )
    [entry] = made.misconceptions
    namespace: dict[str, object] = {}
    exec(entry.source.text, namespace)
    assert entry.code(4) == namespace["shifted"](4) == 2.0  # type: ignore[operator]
    assert "Not for a cell" not in entry.source.text


@pytest.mark.parametrize(
    ("misconceptions", "unusual", "says"),
    [
        ('{"y + 3": ""}', "", "shifted.first replaces 'y + 3', which occurs nowhere in the right answer"),
        ('{"total": "sum"}', "", "shifted.first replaces 'total', which occurs 2 times in the right answer"),
        ('{"x + 3": "x + 4", "+ 3": "+ 5"}', "", "shifted.first replaces the same place twice"),
        ('{"x + 3": "x +"}', "", "shifted.first leaves no Python"),
        ("{}", "", "shifted.first replaces nothing"),
        ('{"x + 3": "x"}, same_as=("other",)', "", "shifted.first is said to be the same as shifted.other"),
        ('{"x + 3": "x"})\nwrong("first", "t", "h", {"x + 3": "3"}', "", "there is more than one shifted.first"),
        (
            '{"x + 3": "x"}',
            '@unusual("shifted", "t")\ndef one(x): return x + 3\n@unusual("shifted", "t")\ndef one(x): return 3 + x',
            "there is more than one shifted.one",
        ),
        ('{"x + 3": "x"})\nMisconceptions("other")("first", "t", "h", {"x": "y"}', "", "has no function other"),
    ],
)
def test_an_authors_slip_is_one_line_with_file_and_entry(
    tmp_path: Path, misconceptions: str, unusual: str, says: str
) -> None:
    entries = f'wrong = Misconceptions("shifted")\nwrong("first", "t", "h", {misconceptions})'
    with pytest.raises(BankError) as caught:
        bank(tmp_path, entries, unusual)
    file = "unusual.py" if unusual else "misconceptions.py"
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("assignment", Course(ROOT).assignments, ids=lambda assignment: assignment.name)
def test_titles_and_hints_are_sentences_that_hand_over_no_line(assignment: object) -> None:
    made: Bank = assignment.bank  # type: ignore[attr-defined]
    for entry in made.misconceptions:
        assert entry.title
        assert entry.hint.rstrip(")").endswith((".", "?")) or "(section" in entry.hint, entry.id
        told = f"{entry.title} {entry.hint}"
        assert not [old for old in entry.edit if len(old) > 12 and old in told], entry.id
