"""Misconceptions of {{name}}: edits of the right answers, each with a title and a hint for the student."""

from autograder.authoring import Misconceptions

wrong = Misconceptions("mean_square")

wrong(
    "not_averaged",
    "the squares are summed and not averaged",
    "A mean is a sum divided by the number of its terms.",
    {"np.mean": "np.sum"},
)
wrong(
    "square_of_the_mean",
    "the mean is squared, and not each number",
    "Square each number before you take the mean.",
    {"x**2)": "x) ** 2"},
)
