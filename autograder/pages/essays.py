"""The page on which a person grades written answers; its script asks the server for the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from markupsafe import Markup

from autograder.pages.environment import TEMPLATES, script

SCRIPT, _HASH = script("essays.js")
POLICY = (
    f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that the page is served with: nothing runs but its one script."""


class Question(Protocol):
    """A written answer in the instructor's notebook; texts are harmless HTML."""

    @property
    def grade_id(self) -> str:
        """The cell's."""

    @property
    def max_score(self) -> float:
        """The most points."""

    @property
    def question(self) -> str:
        """What was asked."""

    @property
    def answer(self) -> str:
        """The instructor's own answer."""

    @property
    def scheme(self) -> str:
        """The mark scheme."""


def essays_page(assignment: str, questions: Sequence[Question]) -> str:
    """The page as HTML, without any answer."""
    shown = [
        {
            "id": question.grade_id,
            "points": question.max_score,
            "question": Markup(question.question),
            "answer": Markup(question.answer),
            "scheme": Markup(question.scheme),
        }
        for question in questions
    ]
    return TEMPLATES.get_template("essays.html.j2").render(assignment=assignment, questions=shown, script=SCRIPT)
