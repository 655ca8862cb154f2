"""The quizzes at the notebooks' ends: each answer is told whether it is right, and why."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from in_process import NAMES, Notebook

QUIZZES = [name for name in NAMES if "quiz" in Notebook(name).sources]


def told(notebook: Notebook, answers: dict[str, Any]) -> list[str]:
    return notebook.run("quiz", f"helper.quiz({answers!r})").splitlines()


@pytest.fixture(params=QUIZZES)
def quiz(request: pytest.FixtureRequest) -> tuple[Notebook, dict[str, Any]]:
    notebook = Notebook(request.param)
    notebook.run("imports")
    return notebook, json.loads((notebook.folder / "quiz.json").read_text(encoding="utf-8"))


def test_right_answers_are_right_and_explained(quiz: tuple[Notebook, dict[str, Any]]) -> None:
    notebook, questions = quiz
    right = {number: question.get("letter", question.get("number")) for number, question in questions.items()}
    *lines, last = told(notebook, right)
    assert last == "5 of 5 right."
    assert all(re.match(r"\d\. ✓ Yes: .{20}", line) for line in lines)


def test_each_wrong_choice_has_a_reason_of_its_own(quiz: tuple[Notebook, dict[str, Any]]) -> None:
    notebook, questions = quiz
    reasons = []
    for number, question in questions.items():
        wrong = [letter for letter in question.get("replies", ()) if letter != question["letter"]] or [-7.0]
        for answer in wrong:
            line = told(notebook, {number: answer})[int(number) - 1]
            assert re.match(rf"{number}\. ✗ No: .{{20}}", line)
            reasons.append(line)
    assert len(set(reasons)) == len(reasons)


def test_what_is_no_answer_is_told_what_one_is(quiz: tuple[Notebook, dict[str, Any]]) -> None:
    notebook, questions = quiz
    lines = told(notebook, dict.fromkeys(questions, "z"))
    for question, line in zip(questions.values(), lines, strict=False):
        assert ("answer with one of a, b, c" if "letter" in question else "answer with a number") in line
    lines = notebook.run("quiz").splitlines()
    assert all(line.endswith("· not answered yet") for line in lines[:-1])
    assert lines[-1] == "0 of 5 right."


def test_the_questions_in_the_text_are_those_of_the_file(quiz: tuple[Notebook, dict[str, Any]]) -> None:
    notebook, questions = quiz
    cells = json.loads((notebook.folder / f"{notebook.folder.name}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "".join(next(cell for cell in cells if cell["id"] == "quiz_questions")["source"])
    asked = dict(re.findall(r"^(\d)\. (.*?)(?=^\d\. |^$)", text, re.M | re.S))
    assert asked.keys() == questions.keys()
    for number, question in questions.items():
        letters = re.findall(r"\(([a-z])\) ", asked[number])
        assert letters == list(question["replies"]) if "letter" in question else "(a number)" in asked[number]
