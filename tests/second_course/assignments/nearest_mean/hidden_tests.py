"""Hidden tests of nearest_mean, on hidden samples."""

import torch

from autograder.authoring import expect, grades, numbers


@grades("test_class_means")
def test_class_means_value(student, reference, rng):
    """Each row is the mean of one class."""
    inputs, labels = torch.tensor(rng.normal(size=(6, 2)), dtype=torch.float32), torch.tensor([0, 1, 1, 2, 0, 1])
    got, wanted = student.class_means(inputs, labels), reference.class_means(inputs, labels)
    expect.close(got, wanted, "class_means(inputs, labels)", rtol=1e-5)


@grades("test_classify")
def test_classify_hidden_samples(student, reference, samples):
    """Hidden samples are classified as their labels say."""
    inputs, labels = (torch.tensor(array) for array in samples.hidden())
    got = numbers(student.classify(reference.class_means(inputs, labels), inputs))
    expect.that(got is not None and got.shape == (60,), "classify(means, inputs) should be one label for each input.")
    share = (got == labels.numpy()).mean()
    assert share >= 0.9, f"{share:.0%} of the hidden samples are classified correctly; 90% are demanded."
