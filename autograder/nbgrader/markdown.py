"""A student's Markdown, made safe to be shown on an instructor's page.

nbgrader's formgrader renders written answers with nbconvert, which keeps HTML and any destination of a link. One
click on ``[my sources](javascript:…)`` would run a student's program as the instructor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.text import as_typed

MAX_FORMATTED = 10_000
"""Characters of a cell that may be formatted; a longer one is shown as it was typed. Some texts take a Markdown parser
quadratic time."""

Attachments = Mapping[str, Mapping[str, str]]
"""Pictures in base64, by name and type."""

_WEB = re.compile(r"https?://[^\s\x00-\x20]", re.IGNORECASE)
_ELSEWHERE = r"(?!\s*<?(?:https?://|attachment:))"
_LINK = re.compile(r"\](?=[(:]" + _ELSEWHERE + ")", re.IGNORECASE)
_TEX_LINK = re.compile(r"\\href(?!\s*\{\s*https?://)", re.IGNORECASE)


def harmless(source: str, attachments: Attachments) -> str:
    """`source`, with nothing in it that leads elsewhere than to the web or to an attachment.

    Text without HTML and without other links stays as it is. Elsewhere, HTML and the links are shown as they were
    typed; where that is not enough, all of the text is.
    """
    return _harmless(source, attachments) if attachments else _harmless_text(source)


@lru_cache(maxsize=1024)
def _harmless_text(source: str) -> str:
    """Kept, because the instructor's own prose is in every notebook of a class."""
    return _harmless(source, {})


def _harmless(source: str, attachments: Attachments) -> str:
    ways: tuple[Callable[[str], str], ...] = (str, _without_links)
    for way in ways:
        if _is_harmless(changed := way(source), attachments):
            return changed
    return as_typed(source)


def shown(source: str, attachments: Attachments) -> str:
    """A student's Markdown as HTML with no HTML of theirs in it, and no links but to the web and to attachments."""
    safe = harmless(source, attachments)
    kept = {name: dict(kinds) for name, kinds in attachments.items()}
    return str(MarkdownWithMath(renderer=_Renderer(escape=False, attachments=kept)).render(safe))


def _is_harmless(source: str, attachments: Attachments) -> bool:
    """Whether formgrader's rendering of `source` has no HTML of the student's, and no link but the allowed ones."""
    if len(source) > MAX_FORMATTED or _TEX_LINK.search(source):
        return False
    kept = {name: dict(kinds) for name, kinds in attachments.items()}
    try:
        shown = MarkdownWithMath(renderer=_Renderer(escape=False, attachments=kept)).render(source)
    except Exception:  # such as an attachment that isn't there: formgrader couldn't show the cell at all
        return False
    destinations = _Destinations()
    destinations.feed(shown)
    pictures = {f"data:{mime};base64,{data}" for kinds in attachments.values() for mime, data in kinds.items()}
    return all(
        _WEB.match(found) or found.startswith("attachment:") or found in pictures for found in destinations.found
    )


class _Renderer(IPythonRenderer):
    """Renders as formgrader does, and refuses what gets into its page unescaped."""

    def __init__(self, **options: Any) -> None:
        super().__init__(exclude_anchor_links=True, **options)

    def block_html(self, html: str) -> str:
        raise ValueError("HTML")

    def inline_html(self, html: str) -> str:
        raise ValueError("HTML")

    def block_mermaidjs(self, code: str) -> str:
        raise ValueError("a diagram, in which nbconvert escapes nothing")


class _Destinations(HTMLParser):
    """Collects where links and pictures lead, as a browser reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in ("href", "src")]


def _without_links(source: str) -> str:
    return _LINK.sub("&#93;", source.replace("<", "&lt;"))
