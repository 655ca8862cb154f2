"""Samples and labels for hidden tests; the hidden ones are in no release, and no worker can read them."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np


class Samples:
    """The grader's samples of the data sets' test parts, and the samples that ship with the notebook."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: the assignment's, with the files that ship with its notebook.
        """
        self._folder = folder

    @property
    def mnist(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Samples `(n, 28, 28)` uint8 and labels `(n,)` uint8."""
        return _load("mnist.npz")

    @property
    def fashion_mnist(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Samples `(n, 28, 28)` uint8 and labels `(n,)` uint8."""
        return _load("fashion_mnist.npz")

    def shipped(self, name: str, part: str = "train") -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """A part of the file `name` that ships: pictures `(n, 28, 28)` uint8 and labels `(n,)` uint8.

        Args:
            name: of the file.
            part: ``train`` or ``validation``.
        """
        return _load_shipped(self._folder / name, part)


@cache
def _load_shipped(path: Path, part: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    with np.load(path) as arrays:
        return arrays[f"{part}_images"], arrays[f"{part}_labels"]


@cache
def _load(name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    with (resources.files("autograder") / "hidden_data" / name).open("rb") as file, np.load(file) as arrays:
        return arrays["images"], arrays["labels"]
