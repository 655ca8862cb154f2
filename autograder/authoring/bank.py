"""The bank of an assignment: its right answers, its misconceptions one and two at a time, its unusual right answers."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import msgspec

from autograder.authoring.misconceptions import Written, collected
from autograder.authoring.source import Change, EditError, Source, function_of, separate, source_of


class BankError(Exception):
    """A bank that can't be used; the message is one line and names the file and the entry."""


class Misconception(msgspec.Struct, frozen=True, kw_only=True):
    """A named wrong answer."""

    id: str
    """``function.name``."""
    function: str
    """The function of the notebook that it gets wrong."""
    title: str
    """The mistake in a few words, as one would name it to a colleague."""
    hint: str
    """For the student: the idea to think about again and the section that explains it; never the line itself."""
    source: Source
    code: Callable[..., Any]
    """What the source makes among the right answers."""
    edit: Mapping[str, str] = {}
    """What is replaced in the right answer, by what; empty where the function is written out as a whole."""
    same_as: tuple[str, ...] = ()
    """Ids of misconceptions that behave the same on every input, so that nobody could tell which it is."""
    also: tuple[str, ...] = ()
    """Test cells besides its own that it costs points in, because their subject is the whole (final accuracy)."""
    alone: bool = False
    """Whether nothing else shows beside it, so that it makes no pairs."""

    def like(self, other: Misconception) -> bool:
        """Whether it is `other`, or one of the two says that they behave the same."""
        return self.id == other.id or other.id in self.same_as or self.id in other.same_as


class Couple(NamedTuple):
    """Two misconceptions of a function, and where their edits are made in one of its forms."""

    one: Misconception
    other: Misconception
    form: Source
    changes: tuple[Change, ...]


class Unusual(msgspec.Struct, frozen=True, kw_only=True):
    """A right answer that few would write."""

    id: str
    function: str
    title: str
    source: Source
    code: Callable[..., Any]


class Bank:
    """An assignment's right answers, misconceptions and unusual right answers.

    Attributes:
        answers: the namespace of the right answers.
        misconceptions: the known wrong answers.
        unusual: right answers that few would write.
    """

    def __init__(self, answers: ModuleType, entries: Mapping[Path, Iterable[Written]]) -> None:
        """
        Args:
            answers: the module of the right answers.
            entries: by their file, what authors wrote, in order.

        Raises:
            BankError: an id is doubled, an edit can't be made, or a name is unknown.
        """
        self.answers: dict[str, Any] = vars(answers)
        written = [(path, entry) for path, found in entries.items() for entry in found]
        _check_ids(written)
        self._couples: dict[str, list[Couple]] = {}
        self._forms = {
            name: [source_of(code, name, answers, entered=False)]
            for name, code in self.answers.items()
            if isinstance(code, FunctionType) and code.__module__ == answers.__name__
        }
        for path, entry in written:
            if entry.function not in self._forms:
                raise BankError(f"{path}: {entry.id}: {answers.__file__} has no function {entry.function}")
            if entry.form:
                self._forms[entry.function].append(_whole(entry))
        made = [self._made(path, entry) for path, entry in written]
        self.misconceptions = tuple(entry for entry in made if isinstance(entry, Misconception))
        self.unusual = tuple(entry for entry in made if isinstance(entry, Unusual))

    def of(self, function: str) -> list[Misconception]:
        """The misconceptions of one function."""
        return [entry for entry in self.misconceptions if entry.function == function]

    def forms(self, function: str) -> Sequence[Source]:
        """The right answer to a function, and after it its other forms, as a student's cell would hold them."""
        return self._forms[function]

    def couples(self, function: str) -> Sequence[Couple]:
        """Every two edits of a function in different places.

        Of several misconceptions that behave the same, the first stands for all.
        """
        if function not in self._couples:
            self._couples[function] = list(self._coupled(function))
        return self._couples[function]

    def _coupled(self, function: str) -> Iterator[Couple]:
        entries: list[Misconception] = []
        for entry in self.of(function):
            if entry.edit and not entry.alone and not any(entry.like(other) for other in entries):
                entries.append(entry)
        places = [[form.places(entry.edit) for form in self._forms[function]] for entry in entries]
        for one, other in itertools.combinations(range(len(entries)), 2):
            for form, here, there in zip(self._forms[function], places[one], places[other], strict=True):
                if here is not None and there is not None and separate([*here, *there]):
                    yield Couple(entries[one], entries[other], form, (*here, *there))
                    break

    def pairs(self, function: str) -> Iterator[Misconception]:
        """The couples of a function, made one by one as they are asked for."""
        for couple in self.couples(function):
            pair = self.pair(couple)
            if pair is not None:
                yield pair

    def pair(self, couple: Couple) -> Misconception | None:
        """Two mistakes at once; None where the two edits leave no Python."""
        one, other = couple.one, couple.other
        source = couple.form.edited(couple.changes)
        try:
            code = function_of(source, one.function, self.answers)
        except SyntaxError:
            return None
        return Misconception(
            id=f"{one.id}+{other.id.partition('.')[2]}",
            function=one.function,
            title=f"{one.title}; and {other.title}",
            hint=one.hint if one.hint == other.hint else f"{one.hint} {other.hint}",
            source=source,
            code=code,
        )

    def _made(self, path: Path, entry: Written) -> Misconception | Unusual:
        """What an author wrote, with the source and the function that it stands for."""
        try:
            source = self._edited(entry) if entry.edit else _whole(entry)
            code = function_of(source, entry.function, self.answers)
        except EditError as error:
            raise BankError(f"{path}: {entry.id} {error}") from None
        except SyntaxError as error:
            raise BankError(f"{path}: {entry.id} leaves no Python: {error.msg}: {error.text or ''}".rstrip()) from None
        if entry.right:
            return Unusual(id=entry.id, function=entry.function, title=entry.title, source=source, code=code)
        return Misconception(
            id=entry.id,
            function=entry.function,
            title=entry.title,
            hint=entry.hint,
            source=source,
            code=code,
            edit=entry.edit,
            same_as=entry.same_as,
            also=entry.also,
            alone=entry.alone,
        )

    def _edited(self, entry: Written) -> Source:
        """The first form of the right answer that has all that an edit replaces, edited."""
        forms = self._forms[entry.function]
        for form in forms:
            places = form.places(entry.edit)
            if places is not None:
                return form.edited(places)
        try:
            return forms[0].edited(forms[0].changes(entry.edit))
        except EditError as error:
            forms_of_it = f" and its {len(forms) - 1} other forms" if len(forms) > 1 else ""
            raise EditError(f"{error} the right answer{forms_of_it}") from None


def answers_bank(folder: Path) -> Bank:
    """The bank in a folder with ``answers.py`` and, where there are any, ``misconceptions.py`` and ``unusual.py``.

    Both of them are run with the right answers' names in their namespaces, as a student's cell has them.

    Raises:
        BankError: an entry is wrong.
        Exception: whatever one of the modules raises.
    """
    answers = _load(folder / "answers.py", {})
    public = {name: value for name, value in vars(answers).items() if not name.startswith("_")}
    entries: dict[Path, list[Written]] = {}
    for path in (folder / "misconceptions.py", folder / "unusual.py"):
        if path.exists():
            with collected() as entries[path]:
                _load(path, public)
    return Bank(answers, entries)


def _load(path: Path, names: Mapping[str, Any]) -> ModuleType:
    """The module at `path`, run in a namespace that holds `names`; known to Python under a name of its own."""
    name = f"autograder_course_{hashlib.sha256(str(path.parent).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(names)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _whole(entry: Written) -> Source:
    """The source of an entry that is written out."""
    if entry.code is None:
        raise EditError("replaces nothing")
    return source_of(entry.code, entry.function, sys.modules[entry.code.__module__], entered=True)


def _check_ids(written: Iterable[tuple[Path, Written]]) -> None:
    """Refuse ids that are given twice, and those that `same_as` makes up."""
    ids: dict[str, Path] = {}
    for path, entry in written:
        if entry.id in ids:
            raise BankError(f"{path}: there is more than one {entry.id}")
        ids[entry.id] = path
    for path, entry in written:
        unknown = [other for other in entry.same_as if other not in ids]
        if unknown:
            raise BankError(f"{path}: {entry.id} is said to be the same as {', '.join(unknown)}, which isn't there")
