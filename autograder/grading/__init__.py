"""Submission → Report: runs the notebook, its hidden tests, the diagnosis."""

from autograder.grading.grader import Graded, Grader

__all__ = ["Graded", "Grader"]
