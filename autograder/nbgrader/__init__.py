"""Preprocessors and exporters that put Reports into nbgrader's own pipeline; named in nbgrader_config.py."""

from autograder.nbgrader.exporters import FeedbackExporter, SubmissionExporter
from autograder.nbgrader.preprocessors import GradeBehindWalls, SaveReport

__all__ = ["FeedbackExporter", "GradeBehindWalls", "SaveReport", "SubmissionExporter"]
