"""What explains a failed check: a known mistake that does exactly what the submission does."""

from autograder.diagnosis.comparison import RTOL, numbers_of, same_course
from autograder.diagnosis.explain import Explanation, diagnose, explain, known
from autograder.diagnosis.reference import Recording, recording_of, right_student
from autograder.diagnosis.symptoms import symptom
from autograder.diagnosis.trial import Rerun, Trial, observed, rehearse, transcript_of

__all__ = [
    "RTOL",
    "Explanation",
    "Recording",
    "Rerun",
    "Trial",
    "diagnose",
    "explain",
    "known",
    "numbers_of",
    "observed",
    "recording_of",
    "rehearse",
    "right_student",
    "same_course",
    "symptom",
    "transcript_of",
]
