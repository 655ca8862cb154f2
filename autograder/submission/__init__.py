"""Bytes of a notebook, all of them hostile, become a Submission: cells by grade_id, and what is odd about it."""

from autograder.submission.submission import (
    Submission,
    SubmissionError,
    empty_submission,
    parse_submission,
    read_bytes,
    read_submission,
)

__all__ = [
    "Submission",
    "SubmissionError",
    "empty_submission",
    "parse_submission",
    "read_bytes",
    "read_submission",
]
