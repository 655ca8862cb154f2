"""Hidden tests of averages, as somebody writes them who knows pytest: with plain assertions."""

import numpy as np

from autograder.authoring import grades


@grades("test_weighted_mean")
def test_weighted_mean_value(student, reference, rng):
    """Heavier values count more."""
    values, weights = rng.normal(size=5), rng.uniform(1, 2, size=5)
    got, wanted = student.weighted_mean(values, weights), reference.weighted_mean(values, weights)
    assert np.isclose(got, wanted), "Each value should count as much as its weight says."


@grades("test_weighted_mean")
def test_weighted_mean_of_equal_weights(student, rng):
    """Equal weights give the mean."""
    values = rng.normal(size=4)
    assert np.isclose(student.weighted_mean(values, np.full(4, 0.5)), values.mean())


@grades("test_weighted_mean")
def test_weighted_mean_of_one_value(student, rng):
    """One value is its own mean."""
    value = rng.normal(size=1)
    np.testing.assert_allclose(student.weighted_mean(value, np.array([3.0])), value[0])
