"""Misconceptions of nearest_mean."""

from autograder.authoring import Misconceptions

wrong = Misconceptions("class_means")
wrong(
    "of_all",
    "every class gets the mean of all inputs",
    "Take the inputs of one class at a time.",
    {"[labels == k]": ""},
)
wrong("summed", "the inputs are summed and not averaged", "A mean is a sum divided by its terms.", {"mean(": "sum("})

wrong = Misconceptions("classify")
wrong("farthest", "the farthest class is chosen", "Small distances are near.", {"argmin": "argmax"})
wrong(
    "other_axis",
    "the nearest input of each class",
    "Which axis of the distances runs over the classes?",
    {"dim=1": "dim=0"},
)
