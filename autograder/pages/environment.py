"""The pages' templates. Everything in them is escaped; they mark nothing as safe."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

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
