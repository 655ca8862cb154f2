"""Misconceptions of {{name}}: edits of the right answers, each with a title and a hint for the student."""

from autograder.authoring import Misconceptions

wrong = Misconceptions("mean_square_gradient")

wrong(
    "not_averaged",
    "the squares are summed and not averaged",
    "Write down what z is, and differentiate it with respect to one entry of x.",
    {"mean()": "sum()"},
)
wrong(
    "not_squared",
    "the numbers are not squared",
    "Write down what z is, and differentiate it with respect to one entry of x.",
    {"(x**2)": "x"},
)
