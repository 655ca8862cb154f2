"""Preprocessors and exporters that put Reports into nbgrader's own pipeline; named in nbgrader_config.py."""

from autograder.nbgrader.exporters import FeedbackExporter, SubmissionExporter
from autograder.nbgrader.preprocessors import GradeInSandbox, SaveReport

__all__ = ["FeedbackExporter", "GradeInSandbox", "SaveReport", "SubmissionExporter"]
