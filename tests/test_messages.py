"""What a failed expectation says: the digits in which two numbers differ, and what they have in common."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from autograder.authoring import Mismatch, expect

RIGHT = np.array([0.12573022, -0.13210486, 0.64042265, 0.10490012])


def message(got: object, wanted: object = RIGHT, rtol: float = 1e-12) -> str:
    with pytest.raises(Mismatch) as caught:
        expect.close(got, wanted, "f(x)", rtol=rtol)
    return str(caught.value)


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (np.round(RIGHT, 4), "rounded to 4 decimal places"),
        (RIGHT * 2, "That is 2 times what was expected throughout"),
        (-RIGHT, "That is -1 times what was expected throughout"),
        (RIGHT * 1.0002, "That is 1.0002 times what was expected throughout"),
        (RIGHT + 0.5, "Every entry is 0.5 too large"),
        (RIGHT - 1e-5, "Every entry is 1e-05 too small"),
        (RIGHT.astype(np.float32), "agree to 7 digits only"),
        (RIGHT * [1, 1, 1 + 1e-9, 1], "1 of 4 entries differ; most at [2]"),
        (RIGHT * np.nan, "not finite"),
    ],
)
def test_message_says_what_differs(got: np.ndarray, says: str) -> None:
    assert says in message(got)


@pytest.mark.parametrize("size", [1e-11, 1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 10.0])
@pytest.mark.parametrize("wanted", [RIGHT, np.array(0.12573022), RIGHT.reshape(2, 2)])
def test_message_never_shows_two_equal_numbers(wanted: np.ndarray, size: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        text = message(wanted * (1 + size * rng.normal(size=wanted.shape)))
        expected, received = text.partition("expected ")[2].split(", received ", 1)
        assert not received.startswith(expected)
        assert " 1 times" not in text
        assert "1.0 times" not in text


def test_unchanged_shows_the_digits_that_changed() -> None:
    with pytest.raises(Mismatch, match=r"0\.12573022.*afterwards.*0\.12573023"):
        expect.unchanged(RIGHT + 1e-8, RIGHT, "x", "f")


@pytest.mark.parametrize(
    "got",
    [
        np.zeros((100_000, 1, 1)),
        np.zeros((1 << 22, 1), np.uint8),
        [np.zeros(1 << 20, np.uint8)] * 8,
        np.zeros((1 << 23) + 1, np.uint8),
    ],
)
def test_a_wrong_shape_costs_no_memory(got: object) -> None:
    tracemalloc.start()
    message(got)
    with pytest.raises(Mismatch):
        expect.unchanged(got, RIGHT, "x", "f")
    with pytest.raises(Mismatch):
        expect.exact(got, RIGHT, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
