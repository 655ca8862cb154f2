"""What explains a failed check: a known mistake that does exactly what the submission does."""

from autograder.diagnosis.comparison import RTOL, numbers_of, same_course
from autograder.diagnosis.explain import Explanation, diagnose, explain, known
from autograder.diagnosis.trial import Rerun, Trial, rehearse, transcript_of

__all__ = [
    "RTOL",
    "Explanation",
    "Rerun",
    "Trial",
    "diagnose",
    "explain",
    "known",
    "numbers_of",
    "rehearse",
    "same_course",
    "transcript_of",
]
