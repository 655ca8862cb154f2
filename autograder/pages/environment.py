"""The pages' templates. Everything in them is escaped; they mark nothing as safe."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autograder.terminal import number

TEMPLATES = Environment(
    loader=PackageLoader("autograder.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["points"] = number
TEMPLATES.filters["percent"] = lambda share: f"{100 * share:.0f} %"


def script(name: str) -> tuple[Markup, str]:
    """One of the package's own scripts, to stand in a page, and its SHA-256 for the Content-Security-Policy."""
    text = (resources.files("autograder.pages") / "templates" / name).read_text()
    return Markup(text), base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
