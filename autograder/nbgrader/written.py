"""Written answers with their mark schemes, graded by a person into nbgrader's gradebook; and the comments in store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from nbgrader.api import MissingEntry
from nbgrader.coursedir import CourseDirectory

from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.nbgrader.class_records import MAX_GRADED, GradebookError, graded_notebooks, open_gradebook
from autograder.nbgrader.markdown import Attachments, shown
from autograder.notebook import NotebookError, RawCell, raw_cells
from autograder.submission import SubmissionError, read_bytes

MAX_COMMENT = 10_000
"""Characters of a comment."""
MAX_STORED = 40
"""Reusable comments of a written answer."""

_MARKS = re.compile(r"^### (BEGIN|END) (SOLUTION|MARK SCHEME)[ \t]*$", re.MULTILINE)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A written answer's cell in the instructor's notebook. Texts are harmless HTML."""

    grade_id: str
    max_score: float
    question: str
    answer: str
    """The instructor's own answer."""
    scheme: str
    """The mark scheme."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a person gave for an answer."""

    score: float | None
    """None: not graded yet."""
    comment: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A student's written answer."""

    student: str
    grade_id: str
    text: str
    """Harmless HTML."""
    answered: bool
    review: bool
    """Whether a person should look again at the points that it has, because it was handed in anew."""
    mark: Mark


class Changed(Exception):
    """Somebody else has graded this answer meanwhile."""

    def __init__(self, now: Mark) -> None:
        super().__init__("somebody else has graded this answer meanwhile")
        self.now = now


class WrittenAnswers:
    """The written answers of one assignment; every method opens the gradebook anew."""

    def __init__(self, coursedir: CourseDirectory, task: Assignment) -> None:
        """
        Args:
            coursedir: the course's folders and gradebook.
            task: the assignment.

        Raises:
            GradebookError: it has no written answers, or there is no gradebook.
        """
        self._coursedir = coursedir
        self._task = task
        self.questions = _questions(task)
        if not self.questions:
            raise GradebookError(f"{task.name} has no written answers")
        with open_gradebook(coursedir):
            pass

    def answers(self) -> list[Answer]:
        """Every answer that was handed in or has been graded, those of one question after those of another."""
        found = []
        texts = self._texts()
        with open_gradebook(self._coursedir) as gradebook:
            for question in self.questions:
                for student in sorted(texts):
                    text, attachments = texts[student].get(question.grade_id, ("", {}))
                    try:
                        grade, comment = self._find(gradebook, student, question.grade_id)
                    except MissingEntry:
                        continue
                    found.append(
                        Answer(
                            student=student,
                            grade_id=question.grade_id,
                            text=shown(text, attachments),
                            answered=grade.auto_score is None,
                            review=bool(grade.needs_manual_grade) and grade.manual_score is not None,
                            mark=_mark(grade, comment),
                        )
                    )
        return found

    def save(self, student: str, grade_id: str, mark: Mark, before: Mark) -> Mark:
        """Write points and comment, unless they are others by now than the person has seen.

        Extra credit stays. Without points and with an answer, the answer waits again.

        Returns:
            What the gradebook has now.

        Raises:
            Changed: they are others; nothing was written.
            ValueError: the points are out of range, or there is no such answer.
        """
        question = next((entry for entry in self.questions if entry.grade_id == grade_id), None)
        if question is None:
            raise ValueError("there is no such written answer")
        if mark.score is not None and not 0 <= mark.score <= question.max_score:
            raise ValueError(f"points lie between 0 and {question.max_score:g}")
        if len(mark.comment) > MAX_COMMENT:
            raise ValueError(f"a comment has at most {MAX_COMMENT} characters")
        with open_gradebook(self._coursedir) as gradebook:
            try:
                grade, comment = self._find(gradebook, student, grade_id)
            except MissingEntry:
                raise ValueError("there is no such answer in the gradebook") from None
            now = _mark(grade, comment)
            if now != before:
                raise Changed(now)
            grade.manual_score = mark.score
            grade.needs_manual_grade = mark.score is None and grade.auto_score is None
            if mark.comment != now.comment:
                comment.manual_comment = mark.comment or None
            gradebook.db.commit()
            return _mark(grade, comment)

    @property
    def _store(self) -> Path:
        return Path(self._coursedir.root, "comments", f"{self._task.name}.json")

    def comments(self) -> dict[str, list[str]]:
        """The comments in store, by written answer; they lie in comments/ASSIGNMENT.json beside the gradebook.

        Raises:
            GradebookError: the file is broken.
        """
        try:
            found = msgspec.json.decode(self._store.read_bytes(), type=dict[str, list[str]])
        except FileNotFoundError:
            found = {}
        except (OSError, msgspec.DecodeError) as error:
            raise GradebookError(f"{self._store} can't be read ({error}): mend or delete it") from None
        return {**{question.grade_id: [] for question in self.questions}, **found}

    def store(self, grade_id: str, comments: Sequence[str]) -> None:
        """Keep these comments for a written answer.

        Raises:
            ValueError: there are too many, or they are too long.
        """
        kept = list(dict.fromkeys(text.strip() for text in comments if text.strip()))
        if len(kept) > MAX_STORED or any(len(text) > MAX_COMMENT for text in kept):
            raise ValueError(f"at most {MAX_STORED} comments of {MAX_COMMENT} characters are kept")
        found = self.comments()
        if grade_id not in found:
            raise ValueError("there is no such written answer")
        found[grade_id] = kept
        self._store.parent.mkdir(exist_ok=True)
        write_atomically(self._store, msgspec.json.format(msgspec.json.encode(found), indent=2))

    def _find(self, gradebook: Any, student: str, grade_id: str) -> tuple[Any, Any]:
        place = (grade_id, self._task.name, self._task.name, student)
        return gradebook.find_grade(*place), gradebook.find_comment(*place)

    def _texts(self) -> dict[str, dict[str, tuple[str, Attachments]]]:
        """By student, the answers' Markdown and attachments; a notebook that can't be read has none."""
        found: dict[str, dict[str, tuple[str, Attachments]]] = {}
        for student, path in graded_notebooks(self._coursedir, self._task.name):
            try:
                cells, _ = raw_cells(read_bytes(path, MAX_GRADED))
            except (SubmissionError, NotebookError):
                cells = []
            found[student] = {str(c.nbgrader.get("grade_id")): (c.source, c.attachments) for c in cells}
        return found


def _mark(grade: Any, comment: Any) -> Mark:
    """What a person gave; the points that an empty answer gets by itself are no mark."""
    return Mark(score=grade.manual_score, comment=comment.manual_comment or "")


def _questions(task: Assignment) -> tuple[Question, ...]:
    """The written answers of the instructor's notebook: the text above each, the model answer, the mark scheme."""
    cells, _ = raw_cells(task.notebook.read_bytes())
    points = {str(cell.grade_id): cell.points for cell in task.written}
    found = []
    for place, cell in enumerate(cells):
        grade_id = str(cell.nbgrader.get("grade_id"))
        if grade_id in points:
            answer, scheme = _parts(cell.source)
            found.append(
                Question(
                    grade_id=grade_id,
                    max_score=points[grade_id],
                    question=_html(cells[place - 1]) if place and cells[place - 1].kind == "markdown" else "",
                    answer=shown(answer, cell.attachments),
                    scheme=shown(scheme, cell.attachments),
                )
            )
    return tuple(found)


def _parts(source: str) -> tuple[str, str]:
    """The model answer and the mark scheme of a written answer's cell."""
    answer, _, scheme = source.partition("### BEGIN MARK SCHEME")
    return _MARKS.sub("", answer).strip(), _MARKS.sub("", scheme).strip()


def _html(cell: RawCell) -> str:
    return shown(cell.source, cell.attachments)
