"""Preprocessors and exporters that put Reports into nbgrader's own pipeline; named in nbgrader_config.py."""

from autograder.nbgrader.canvas import CanvasExporter
from autograder.nbgrader.exporters import FeedbackExporter, SubmissionExporter
from autograder.nbgrader.moodle import MoodleGradebookExporter, MoodleWorksheetExporter
from autograder.nbgrader.preprocessors import GradeInSandbox, SaveReport

__all__ = [
    "CanvasExporter",
    "FeedbackExporter",
    "GradeInSandbox",
    "MoodleGradebookExporter",
    "MoodleWorksheetExporter",
    "SaveReport",
    "SubmissionExporter",
]
