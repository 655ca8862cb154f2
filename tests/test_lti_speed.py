"""How long a student waits for feedback when nobody else hands in."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from lti_platform import LINK, Place, Student, running

from autograder.lms.service.running import samples

ROOT = Path(__file__).resolve().parent.parent
NAME = "ps4_training_loop"
SECONDS = 4.0


def seconds_to_feedback(place: Place, student: Student, user: str, notebook: bytes) -> float:
    """From the click on *Hand in* until the feedback page is there."""
    page = student.launch(place.simulator, user)
    began = time.monotonic()
    page = student.hand_in(page, notebook)
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in student.cookies.items())}
    with student._client.stream("GET", f"{page.url}/events", headers=headers, timeout=120) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["state"] in ("graded", "failed"):
                break
    assert student.get(f"{page.url}/feedback").status_code == 200
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timing
def test_a_network_is_trained_and_graded_within_seconds(tmp_path: Path) -> None:
    solved, wrong = list(samples(ROOT / "source" / NAME / f"{NAME}.ipynb", ROOT / "release", NAME).values())[:2]
    with running(ROOT, tmp_path / "data", NAME, jobs=1) as place:
        seconds_to_feedback(place, place.browser(), "bob", solved)  # what grades gets ready
        for user, notebook in (("ada", solved), ("eve", wrong)):
            took = seconds_to_feedback(place, place.browser(), user, notebook)
            print(f"{user}: {took:.2f} s")
            assert took < SECONDS
    assert place.simulator.grade(LINK, "ada") is not None
