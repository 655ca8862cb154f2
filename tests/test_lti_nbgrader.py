"""The service and nbgrader: late penalties by its plugin, and what is exported into its gradebook."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import NAME
from lti_platform import running, until
from sqlalchemy import update
from test_lti_grades import NOTEBOOK, report

from autograder.lms.service import tables
from autograder.lms.service.course_facts import CourseFacts
from autograder.lms.service.database import ServiceError
from autograder.lms.service.export import export_grades
from autograder.lms.service.grading_queue import settle_submission
from autograder.lms.service.submissions import packed, save_grade

pytestmark = pytest.mark.slow

CONFIG = """
c = get_config()
c.LateSubmissionPlugin.penalty_method = "zero"
"""


def gradebook(course: Path) -> Any:
    from nbgrader.api import Gradebook

    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return Gradebook(f"sqlite:///{course / 'gradebook.db'}")


def test_late_work_and_written_answers_reach_nbgraders_gradebook(course: Path, tmp_path: Path) -> None:
    own = tmp_path / "course"
    shutil.copytree(course / "source", own / "source")
    (own / "nbgrader_config.py").write_text(CONFIG)
    with running(own, tmp_path / "data", NAME, 21.0, pools=0) as place:
        ada = place.browser()
        page = ada.hand_in(ada.launch(place.simulator, "ada"), NOTEBOOK)
        submission = str(page.url).rpartition("/")[2]
        with place.service.database.write() as connection:
            save_grade(connection, submission, report(8.0), packed([]))
            settle_submission(connection, place.service.course, submission)
        place.service.passback.wake()
        until(lambda: len(place.simulator.accepted) == 1)
        teacher = place.browser()
        teacher.launch(place.simulator, "teacher")
        teacher.send(teacher.get(f"/submissions/{submission}"), "/written", {"score": "4", "comment": "Good"})
        with gradebook(own) as book:
            with pytest.raises(ServiceError, match="run nbgrader generate_assignment"):
                export_grades(place.service.database, place.service.course, NAME)
            book.add_assignment(NAME)
            book.add_notebook(NAME, NAME)
            book.add_grade_cell("test_mse_loss", NAME, NAME, max_score=16, cell_type="code")
            book.add_grade_cell("essay", NAME, NAME, max_score=5, cell_type="markdown")
            book.add_solution_cell("essay", NAME, NAME)
        assert export_grades(place.service.database, place.service.course, NAME) == 1
        with gradebook(own) as book:
            (found,) = book.assignment_submissions(NAME)
            assert (found.score, found.notebooks[0].late_submission_penalty) == (12.0, None)
            student = found.student.id
            assert found.student.lms_user_id == "ada"
            assert book.find_comment("essay", NAME, NAME, student).manual_comment == "Good"
        assert (own / "submitted" / student / NAME / f"{NAME}.ipynb").read_bytes() == NOTEBOOK
        # Late: nbgrader's plugin, as the course configures it, takes everything off, in the platform, too.
        with place.service.database.write() as connection:
            connection.execute(update(tables.activities).values(deadline=time.time() - 7200))
            settle_submission(connection, place.service.course, submission)
        place.service.passback.wake()
        until(lambda: place.simulator.accepted[-1][1] == 0.0)
        assert export_grades(place.service.database, place.service.course, NAME) == 1
        with gradebook(own) as book:
            (found,) = book.assignment_submissions(NAME)
            assert found.notebooks[0].late_submission_penalty == 12.0


def test_seeds_are_those_of_nbgraders_own_grading(course: Path) -> None:
    from autograder.seeds import course_secret, key_for

    secret, _ = course_secret(course)
    assert CourseFacts(course).seed_key(NAME, "student") == key_for(secret, NAME, "student")
