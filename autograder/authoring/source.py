"""Source text of functions: what a student's cell would hold, edits of it, and the function that it makes.

An edit says what is replaced by what. The text to replace occurs exactly once in a function: it is a part of a line, a
line or several lines, without the indentation that its first line has in the function; the same holds for what
replaces it, and a line for which nothing is left goes away::

    {"loss.backward()": "loss.backward()\\noptimizer.zero_grad()", "optimizer.zero_grad()": ""}

The *place* of an edit is what it changes: the words that both texts begin or end with are no part of it.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

Edit = Mapping[str, str]


class EditError(ValueError):
    """An edit that can't be made; the message says why, in words that follow its name."""


class Change(NamedTuple):
    """What stands between two positions of a text becomes another text."""

    start: int
    end: int
    text: str

    def overlaps(self, other: Change) -> bool:
        """Whether both change the same place."""
        if self.start == self.end == other.start == other.end:
            return True
        return self.start < other.end and other.start < self.end


class Source(msgspec.Struct, frozen=True):
    """The source of a function, and what has to stand above it in a student's cell."""

    header: str
    """Imports and helper functions."""
    body: str
    """The function itself, under the name that it has in the notebook, without decorators and docstring."""

    @property
    def text(self) -> str:
        """What a student's cell would hold."""
        return f"{self.header}\n\n\n{self.body}".strip() + "\n"

    def edited(self, changes: Iterable[Change]) -> Source:
        """The source after changes in places that don't overlap."""
        body = self.body
        for start, end, text in sorted(changes, reverse=True):
            body = body[:start] + text + body[end:]
        return Source(self.header, re.sub(r"(?m)^[ \t]*\n", "", body))

    def changes(self, edit: Edit) -> tuple[Change, ...]:
        """The places that an edit changes.

        Raises:
            EditError: a text to replace doesn't occur exactly once, or two of the edit's places overlap.
        """
        found = tuple(_change(self.body, _dedented(old), _dedented(new)) for old, new in edit.items())
        if not separate(found):
            raise EditError("replaces the same place twice")
        return found

    def places(self, edit: Edit) -> tuple[Change, ...] | None:
        """The places that an edit changes; None where it can't be made in this source."""
        try:
            return self.changes(edit)
        except EditError:
            return None


def separate(changes: Sequence[Change]) -> bool:
    """Whether no two of the changes are made in the same place."""
    return not any(one.overlaps(other) for i, one in enumerate(changes) for other in changes[:i])


def source_of(code: Callable[..., Any], name: str, module: ModuleType, entered: bool) -> Source:
    """The source of a function of a course's module, as a cell of the notebook would hold it.

    Args:
        code: the function.
        name: what it is called in the notebook.
        module: where it is written; its imports come along, but for those of this package.
        entered: whether it is an entry of a bank: the decorator that enters it is left out, and the module's own
            functions and classes that it uses come along.
    """
    statements = ast.parse(inspect.getsource(module)).body
    header = [
        ast.unparse(node)
        for node in statements
        if isinstance(node, ast.Import | ast.ImportFrom) and not ast.unparse(node).startswith("from autograder")
    ]
    text = textwrap.dedent(inspect.getsource(code))
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    if entered:
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        header += [
            f"\n\n{ast.unparse(node)}"
            for node in statements
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list and node.name in used
        ]
    lines = text.splitlines(keepends=True)
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
    body = "".join(lines[function.decorator_list[0].end_lineno if entered else 0 :])
    return Source("\n".join(header), re.sub(r"(?m)^def \w+", f"def {name}", body, count=1))


def function_of(source: Source, name: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """The function `name` that a source makes among `names`.

    Raises:
        SyntaxError: the source is no Python.
    """
    namespace = dict(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # wrong answers may look strange
        exec(compile(source.text, f"<{name}>", "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def _dedented(text: str) -> str:
    """Lines without the indentation that all of them have; a part of a line is left as it is."""
    return textwrap.dedent(text).strip("\n").rstrip() if "\n" in text else text


def _change(body: str, old: str, new: str) -> Change:
    """The change that replaces `old` by `new`, cut down to the words in which they differ."""
    places = []
    for indent in set(re.findall(r"(?m)^ *", body)):
        wanted = old.replace("\n", f"\n{indent}")
        for match in re.finditer(re.escape(wanted), body):
            line = body.rfind("\n", 0, match.start()) + 1
            if re.match(" *", body[line:])[0] == indent:  # type: ignore[index]
                places.append((match.start(), wanted, new.replace("\n", f"\n{indent}")))
    if len(places) != 1:
        raise EditError(f"replaces {old!r}, which occurs {len(places) or 'nowhere'}{' times' * bool(places)} in")
    start, wanted, new = places[0]
    before, after = re.findall(r"\w+|\W", wanted), re.findall(r"\w+|\W", new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    left = len("".join(before[:head]))
    end = len(wanted) - len("".join(before[len(before) - tail :]))
    return Change(start + left, start + end, "".join(after[head : len(after) - tail]))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
