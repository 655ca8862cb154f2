"""Misconceptions of averages."""

from autograder.authoring import Misconceptions

wrong = Misconceptions("weighted_mean")

wrong(
    "not_divided",
    "the weighted values are summed and not averaged",
    "Divide by the weights.",
    {" / np.sum(weights)": ""},
)
wrong(
    "divided_by_n",
    "it is divided by the number of values",
    "Divide by the weights.",
    {"np.sum(weights)": "len(values)"},
)
