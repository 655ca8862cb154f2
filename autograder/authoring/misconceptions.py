"""How misconceptions and unusual right answers are written down.

A misconception is an edit of the right answer: a name, a title, a hint, and what is replaced by what::

    wrong = Misconceptions("mse_loss")
    wrong("without_half", "the factor ½ is missing", "Compare your formula with …", {"2 * len(y)": "len(y)"})

Its id is ``mse_loss.without_half``. What the text to replace may be, and that it must occur exactly once, is said in
`source`. Two edits in different places make a pair by themselves, but for one that
is `alone`.

What is no edit is written out, as a function called ``_``. Its body is what a student might write in the cell: it may
use what the notebook imports, and the other functions of the notebook::

    @wrong("root", "the root of the mean is taken", "…")
    def _(y, y_hat):
        return np.sqrt(np.mean((y - y_hat) ** 2))

A right answer may have two forms: one calls a function of an earlier cell, for example, the other one holds its lines.
The second form is written down as `also_right`; an edit is made in the first form that has all its texts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, overload

import msgspec

Answer = TypeVar("Answer", bound=Callable[..., Any])


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a bank as its author wrote it; `Misconception` and `Unusual` say what the words mean."""

    id: str
    title: str
    right: bool
    hint: str = ""
    edit: Mapping[str, str] = {}
    code: Callable[..., Any] | None = None
    same_as: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    alone: bool = False
    form: bool = False
    """Whether edits may be made in it."""

    @property
    def function(self) -> str:
        """The function of the notebook that it answers."""
        return self.id.partition(".")[0]


_entries: ContextVar[list[Written] | None] = ContextVar("entries", default=None)


@contextlib.contextmanager
def collected() -> Iterator[list[Written]]:
    """The entries of all files that are run inside this context, in their order."""
    entries: list[Written] = []
    token = _entries.set(entries)
    try:
        yield entries
    finally:
        _entries.reset(token)


def _enter(entry: Written) -> None:
    entries = _entries.get()
    if entries is not None:
        entries.append(entry)


class Misconceptions:
    """Enters misconceptions of one function of the notebook into the bank."""

    def __init__(self, function: str) -> None:
        self._function = function

    @overload
    def __call__(
        self,
        name: str,
        title: str,
        hint: str,
        edit: Mapping[str, str],
        *,
        same_as: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
        alone: bool = False,
    ) -> None: ...

    @overload
    def __call__(
        self, name: str, title: str, hint: str, *, same_as: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> Callable[[Answer], Answer]: ...

    def __call__(
        self,
        name: str,
        title: str,
        hint: str,
        edit: Mapping[str, str] | None = None,
        *,
        same_as: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
        alone: bool = False,
    ) -> Callable[[Answer], Answer] | None:
        """Enter a misconception: an edit of the right answer, or the function that is decorated.

        Args:
            name: the end of its id, ``function.name``.
            title: the mistake in a few words, as one would name it to a colleague.
            hint: for the student: the idea to think about again, and the section that explains it; never the line.
            edit: what is replaced in the right answer, by what.
            same_as: misconceptions that behave the same on every input: names, or ids of another function's.
            also: test cells besides its own that it costs points in, because their subject is the whole.
            alone: whether nothing else shows beside it (it raises, or nothing is returned), so that it makes no pairs.
        """
        others = tuple(other if "." in other else f"{self._function}.{other}" for other in same_as)
        entry = Written(
            id=f"{self._function}.{name}",
            title=title,
            right=False,
            hint=hint,
            edit=edit or {},
            same_as=others,
            also=also,
            alone=alone,
        )
        if edit is not None:
            _enter(entry)
            return None

        def enter(code: Answer) -> Answer:
            _enter(msgspec.structs.replace(entry, code=code))
            return code

        return enter


def unusual(function: str, title: str) -> Callable[[Answer], Answer]:
    """Enter the decorated function among the unusual right answers to `function`."""

    def enter(code: Answer) -> Answer:
        _enter(Written(id=f"{function}.{code.__name__}", title=title, right=True, code=code))
        return code

    return enter


def also_right(function: str, title: str) -> Callable[[Answer], Answer]:
    """Enter the decorated function as another form of the right answer to `function`, in which edits may be made."""

    def enter(code: Answer) -> Answer:
        _enter(Written(id=f"{function}.{code.__name__}", title=title, right=True, code=code, form=True))
        return code

    return enter
