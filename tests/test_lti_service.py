"""The service from launch to grade, over real HTTP, with a simulated platform and real grading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import FUNCTIONS, NAME, notebook_of, solved_cells
from lti_platform import LINK, Place, running, until

SOLVED = notebook_of(solved_cells())


@pytest.fixture(scope="module")
def place(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running(course, tmp_path_factory.mktemp("service"), NAME, 25.0) as place:
        yield place


def test_a_student_hands_in_and_the_platform_gets_the_grade_once(place: Place) -> None:
    ada = place.browser()
    page = ada.launch(place.simulator, "ada")
    assert page.status_code == 200, page.text
    page = ada.hand_in(page, SOLVED)
    assert page.status_code == 200, page.text
    assert "Receipt" in page.text
    until(lambda: place.simulator.grade(LINK, "ada") is not None)
    until(lambda: "the platform has it" in ada.get(str(page.url)).text)
    assert place.simulator.grade(LINK, "ada") == pytest.approx(
        25.0 * sum(FUNCTIONS.values()) / (sum(FUNCTIONS.values()) + 5)
    )
    assert [user for user, *_ in place.simulator.accepted] == ["ada"]
    assert place.simulator.received == 1
    feedback = ada.get(f"{page.url}/feedback")
    assert feedback.status_code == 200
    assert "Feedback for Ada &lt;b&gt;Student&lt;/b&gt;" in feedback.text
