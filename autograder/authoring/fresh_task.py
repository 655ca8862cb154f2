"""Images of a data set made into a task of their own, drawn afresh: as hard, and strange to a network trained before.

All images of a task are changed in the same way: 4 × 4 blocks of which half are negatives, a mild bend, another grey
scale, a background, perhaps mirrored or upside down; and the classes are numbered anew. A network that starts from
random weights learns it as it learns the original (docs/accuracy.md). For one that has learned the original, the
classes are hard to tell, whichever numbers they have now: even a linear map of its last hidden layer, fitted to the
task's own training images, is worse than a plain network trained on them. Left and right are changed alike, so that
mirroring training images is as good an idea as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Images = np.ndarray[Any, Any]

BLOCKS = 4
"""Blocks from top to bottom, and in each half from left to right."""
BEND = 0.1
"""Spread of the logarithm of the density of rows and columns."""
GAMMA = 0.4
"""Largest logarithm of the grey scale's exponent."""
BACKGROUND = 0.2
"""Share of the background."""
NOISE = 3
"""Grey levels by which each pixel moves at most, so that no image is known by its bytes."""
MEASURED = 2000
"""Images that are enough to measure the scale."""


class FreshTask:
    """One way to change images `(n, h, w)` uint8 and labels `(n,)`.

    Attributes:
        scale: mean and standard deviation of changed training images' pixels, from 0 to 1.
    """

    def __init__(self, rng: np.random.Generator, images: Images, classes: int = 10) -> None:
        """
        Args:
            rng: draws the task.
            images: training images, by which the task is normalised.
            classes: how many there are.
        """
        height, width = images.shape[1:]
        self._rng = rng
        self._numbers = rng.permutation(classes)
        self._rows = _resampled(_bent(rng, height))
        half = _bent(rng, -(-width // 2)) * (width - 1) / (-(-width // 2) - 1) / 2
        self._columns = _resampled(np.concatenate([(width - 1) / 2 - half[::-1], (width - 1) / 2 + half])[-width:])
        self._columns = self._columns.T
        if rng.random() < 0.5:
            self._rows = self._rows[::-1]
        if rng.random() < 0.5:
            self._columns = self._columns[:, ::-1]
        self._greys = (255 * (np.arange(256) / 255) ** np.exp(rng.uniform(-GAMMA, GAMMA))).astype(np.float32)
        self._signs = _blocks(rng, height, width)
        self._background = _smooth(rng, height, width)
        changed = self.images(images[:MEASURED]) / np.float32(255)
        self.scale = float(changed.mean()), float(changed.std())

    def images(self, images: Images) -> Images:
        """The images, changed: uint8, of the same shape."""
        bent = self._rows @ images.astype(np.float32) @ self._columns
        grey = self._greys[np.clip(np.rint(bent), 0, 255).astype(np.uint8)]
        whole = (1 - BACKGROUND) * (127.5 + self._signs * grey / 2) + BACKGROUND * self._background
        whole += self._rng.integers(-NOISE, NOISE + 1, size=images.shape, dtype=np.int8)
        result: Images = np.clip(np.rint(whole), 0, 255).astype(np.uint8)
        return result

    def labels(self, labels: Images) -> Images:
        """The classes' new numbers."""
        numbers: Images = self._numbers[labels]
        return numbers


def _bent(rng: np.random.Generator, n: int) -> Images:
    """n places from 0 to n - 1, here denser and there less."""
    t = np.linspace(0, 1, n)
    density = np.interp(t, np.linspace(0, 1, 5), np.exp(BEND * rng.normal(size=5)))
    places = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    bent: Images = (n - 1) * places / places[-1]
    return bent


def _resampled(places: Images) -> Images:
    """The matrix that reads a column of pixels at these places, between two pixels linearly."""
    n = len(places)
    lower = np.clip(np.floor(places).astype(int), 0, n - 1)
    share = (places - lower).astype(np.float32)
    matrix = np.zeros((n, n), np.float32)
    matrix[np.arange(n), lower] += 1 - share
    matrix[np.arange(n), np.minimum(lower + 1, n - 1)] += share
    return matrix


def _blocks(rng: np.random.Generator, height: int, width: int) -> Images:
    """1 and -1 in blocks, as many of each, the right half as the left one mirrored."""
    half = BLOCKS // 2
    signs = rng.permutation(np.resize([1.0, -1.0], BLOCKS * half)).reshape(BLOCKS, half)
    whole = np.concatenate([signs, signs[:, ::-1]], axis=1)
    rows, columns = (np.arange(length) * BLOCKS // length for length in (height, width))
    field: Images = whole[np.ix_(rows, columns)].astype(np.float32)
    return field


def _smooth(rng: np.random.Generator, height: int, width: int) -> Images:
    """A smooth field from 0 to 255, the same on both sides."""
    knots = np.linspace(0, 1, 5)
    field = rng.normal(size=(5, 5))
    field = np.stack([np.interp(np.linspace(0, 1, width), knots, row) for row in field])
    field = np.stack([np.interp(np.linspace(0, 1, height), knots, column) for column in field.T]).T
    field += field[:, ::-1]
    smooth: Images = (255 * (field - field.min()) / np.ptp(field)).astype(np.float32)
    return smooth
