"""Requirements of a bundle: the versions that are installed here, with torch for the CPU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
"""Where PyTorch publishes its builds without CUDA, which are 4 GB smaller."""

_ROOTS = ("ipython", "jinja2", "matplotlib", "msgspec", "nbformat", "numpy", "packaging", "pytest", "rich", "typer")
_TORCH = ("torch", "torchvision")
_BUILD = ("setuptools",)
_CUDA = re.compile(r"(nvidia|cuda|triton)(-|$)")


def requirements(libraries: str) -> str:
    """A requirements file for assignments with these libraries: every package that grading needs, by exact version.

    Args:
        libraries: numpy or torch.

    Raises:
        metadata.PackageNotFoundError: one of them isn't installed here.
    """
    roots = [*_ROOTS, *_BUILD, *(_TORCH if libraries == "torch" else ())]
    pins = [f"{name}=={_version(name)}" for name in sorted(_closure(roots))]
    lines = [f"--extra-index-url {CPU_WHEELS}"] if libraries == "torch" else []
    return "\n".join([*lines, *pins]) + "\n"


def _version(name: str) -> str:
    public = Version(metadata.version(name)).public
    return f"{public}+cpu" if name in _TORCH else public


def _closure(roots: list[str]) -> set[str]:
    """The packages `roots` and all that they require on this machine."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found and not _CUDA.match(name):
            found.add(name)
            waiting += _required(name)
    return found


def _required(name: str) -> Iterator[str]:
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
