"""nbgrader's configuration for this course: grading behind walls, feedback without hidden tests."""

import os
import sys
import warnings

# nbgrader starts alembic through PATH, which need not hold the environment that nbgrader itself runs in.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])

# nbgrader's own session handling makes SQLAlchemy warn, several times a submission, about nothing that is lost.
warnings.filterwarnings("ignore", message="Object of type .* not in session")

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.course_id = "training_neural_networks"

# Releases: what stands in a student's notebook where the solution was.
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"

# `nbgrader validate` runs a notebook as a student's machine does, and the last problem set trains for a while.
c.Execute.timeout = 120

# Grading: this project's own steps replace running the notebook in a kernel and reading scores off its outputs.
c.Autograde.exporter_class = "autograder.nbgrader.SubmissionExporter"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "autograder.nbgrader.GradeBehindWalls",
    "autograder.nbgrader.SaveReport",
    "nbgrader.preprocessors.AssignLatePenalties",
]

# Feedback: a page made from the Report. It shows no hidden test, and nothing a student wrote as HTML.
c.GenerateFeedback.exporter_class = "autograder.nbgrader.FeedbackExporter"
c.GenerateFeedback.preprocessors = ["nbgrader.preprocessors.GetGrades"]
