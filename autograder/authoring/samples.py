"""Samples and labels for hidden tests; the hidden ones are in no release, and no worker can read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Samples:
    """The grader's hidden samples, and those that ship with the notebook."""

    def __init__(self, shipped: Path, hidden: Path, taken: Callable[[], None] = lambda: None) -> None:
        """
        Args:
            shipped: the folder with the files that ship with the notebook.
            hidden: the folder with the assignment's hidden data.
            taken: called whenever hidden samples are asked for.
        """
        self._shipped = shipped
        self._hidden = hidden
        self._taken = taken

    def telling(self, taken: Callable[[], None]) -> Samples:
        """The same samples, of which `taken` learns when hidden ones are asked for."""
        return Samples(self._shipped, self._hidden, taken)

    def hidden(self, name: str = "hidden.npz") -> tuple[Array, Array]:
        """Samples `(n, …)` and labels `(n,)`: the arrays ``images`` and ``labels`` of the hidden file `name`."""
        self._taken()
        return _pair(self._hidden / name, "")

    def shipped(self, name: str, part: str = "train") -> tuple[Array, Array]:
        """Samples `(n, …)` and labels `(n,)`: a part of the file `name` that ships.

        Args:
            name: of the file.
            part: ``train`` or ``validation``: the arrays are called ``train_images``, ``train_labels`` and so on.
        """
        return _pair(self._shipped / name, f"{part}_")


@cache
def _pair(path: Path, prefix: str) -> tuple[Array, Array]:
    with np.load(path) as arrays:
        return arrays[f"{prefix}images"], arrays[f"{prefix}labels"]
