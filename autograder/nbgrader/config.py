"""nbgrader's configuration for every course of this package; a course's nbgrader_config.py calls `configure`."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any


def configure(c: Any) -> None:
    """Set what grading needs in nbgrader's configuration object `c`; a course may change all of it afterwards."""
    # nbgrader starts alembic through PATH, which need not hold the environment that nbgrader itself runs in.
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])

    # nbgrader's own session handling makes SQLAlchemy warn, several times a submission, about nothing that is lost.
    warnings.filterwarnings("ignore", message="Object of type .* not in session")

    # Releases: what stands in a student's notebook where the solution was.
    c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
    c.ClearSolutions.text_stub = "YOUR ANSWER HERE"
    # A release that is there (a course may keep it in git) is made again: nbgrader would skip it, and with it the
    # assignment's entry in the gradebook.
    c.GenerateAssignment.force = True

    # Grading: this package's own steps replace running the notebook in a kernel and reading scores off its outputs.
    c.Autograde.exporter_class = "autograder.nbgrader.SubmissionExporter"
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = [
        "autograder.nbgrader.GradeInSandbox",
        "autograder.nbgrader.SaveReport",
        "nbgrader.preprocessors.AssignLatePenalties",
    ]

    # Feedback: a page made from the Report. It shows no hidden test, and nothing a student wrote as HTML.
    c.GenerateFeedback.exporter_class = "autograder.nbgrader.FeedbackExporter"
    # The late penalty is found again, from the scores as they are now: a written answer gets its points after grading.
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.GetGrades",
    ]
