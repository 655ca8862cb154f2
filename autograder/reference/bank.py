"""How misconceptions and unusual right answers are written down, and how they are read.

A misconception is a small function that is wrong in one way, beside the right answer::

    @misconception("mse_loss", "The half is missing", "The loss has a factor ½ … (section 2)")
    def without_half(y, y_hat):
        return np.mean((y - y_hat) ** 2)

Its id is ``mse_loss.without_half``. The function's body is what a student might write in the cell
``mse_loss``: it may use what the notebook imports, and the other functions of the notebook.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import msgspec

from autograder.reference.simulators import Simulator

Answer = TypeVar("Answer", bound=Callable[..., Any])


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
    code: Callable[..., Any]
    same_as: tuple[str, ...] = ()
    """Ids of misconceptions that behave the same on every input, so that nobody could tell which it is."""
    also: tuple[str, ...] = ()
    """Test cells besides its own that it costs points in, because their subject is the whole (final accuracy)."""

    @property
    def cell(self) -> str:
        """The test cell that it loses points in."""
        return f"test_{self.function}"

    def like(self, other: Misconception) -> bool:
        """Whether it is `other`, or one of the two says that they behave the same."""
        return self.id == other.id or other.id in self.same_as or self.id in other.same_as


class Unusual(msgspec.Struct, frozen=True, kw_only=True):
    """A right answer that few would write."""

    id: str
    function: str
    title: str
    code: Callable[..., Any]

    @property
    def cell(self) -> str:
        """The test cell that grades it."""
        return f"test_{self.function}"


def misconception(
    function: str, title: str, hint: str, *, same_as: tuple[str, ...] = (), also: tuple[str, ...] = ()
) -> Callable[[Answer], Answer]:
    """Enter the decorated function into the bank; see `Misconception` for what the arguments mean."""

    def enter(code: Answer) -> Answer:
        names = tuple(name if "." in name else f"{function}.{name}" for name in same_as)
        code.__entry__ = Misconception(  # type: ignore[attr-defined]
            id=f"{function}.{code.__name__}",
            function=function,
            title=title,
            hint=hint,
            code=code,
            same_as=names,
            also=also,
        )
        return code

    return enter


def unusual(function: str, title: str) -> Callable[[Answer], Answer]:
    """Enter the decorated function among the unusual right answers to `function`."""

    def enter(code: Answer) -> Answer:
        code.__entry__ = Unusual(  # type: ignore[attr-defined]
            id=f"{function}.{code.__name__}", function=function, title=title, code=code
        )
        return code

    return enter


@functools.cache
def misconceptions(assignment: str) -> tuple[Misconception, ...]:
    """The bank of an assignment; empty where there is none."""
    return tuple(entry for entry in _entries("misconceptions", assignment) if isinstance(entry, Misconception))


@functools.cache
def unusual_answers(assignment: str) -> tuple[Unusual, ...]:
    """The unusual right answers of an assignment; empty where there are none."""
    return tuple(entry for entry in _entries("unusual", assignment) if isinstance(entry, Unusual))


@functools.cache
def simulators(assignment: str) -> Mapping[str, Simulator]:
    """By the function of the notebook; empty where there are none."""
    name = f"autograder.reference.simulators.{assignment}"
    if importlib.util.find_spec(name) is None:
        return {}
    found: Mapping[str, Simulator] = importlib.import_module(name).SIMULATORS
    return found


def combinations(assignment: str, function: str) -> Iterator[Misconception]:
    """Pairs of mistakes in one function, made one by one as they are asked for; none without a simulator of it."""
    simulator = simulators(assignment).get(function)
    if simulator is None:
        return
    known = {entry.id: entry for entry in misconceptions(assignment)}
    for first, second, code in simulator.pairs():
        one, other = known[f"{function}.{first}"], known[f"{function}.{second}"]
        yield Misconception(
            id=f"{one.id}+{second}",
            function=function,
            title=f"{one.title}; and {other.title}",
            hint=one.hint if one.hint == other.hint else f"{one.hint} {other.hint}",
            code=code,
        )


def right_answers(assignment: str) -> dict[str, Any]:
    """The namespace of the right answers.

    Raises:
        ModuleNotFoundError: the assignment has none.
    """
    return vars(importlib.import_module(f"autograder.reference.{assignment}"))


def answers_with(assignment: str, named: Iterable[Misconception]) -> dict[str, Any]:
    """The right answers, with some wrong ones in their places; those that build on a wrong one go wrong with it."""
    wrong = {entry.function: entry.code for entry in named}
    answers: dict[str, Any] = {}
    for name, answer in right_answers(assignment).items():
        own = getattr(answer, "__module__", None) == f"autograder.reference.{assignment}"
        answers[name] = wrong[name] if name in wrong else _bound(answer, answers) if own else answer
    return answers


def bound(entry: Misconception, answers: Mapping[str, Any]) -> Misconception:
    """The entry with these answers in place of those that its code calls by the same names."""
    others = {name: code for name, code in answers.items() if name != entry.function and isinstance(code, FunctionType)}
    return msgspec.structs.replace(entry, code=_bound(entry.code, others))


def _bound(code: Callable[..., Any], functions: Mapping[str, Any], within: frozenset[str] = frozenset()) -> Any:
    """`code` with other globals, and with it the functions of its own module that it calls."""
    if not isinstance(code, FunctionType):
        return code
    within |= {code.__name__}
    own = {
        name: _bound(code.__globals__[name], functions, within)
        for name in code.__code__.co_names
        if getattr(code.__globals__.get(name), "__module__", None) == code.__module__
        and name not in functions
        and name not in within
    }
    names = {name: functions[name] for name in code.__code__.co_names if name in functions}
    return FunctionType(
        code.__code__, {**code.__globals__, **own, **names}, code.__name__, code.__defaults__, code.__closure__
    )


def source_of(entry: Misconception | Unusual) -> str:
    """What a student's cell would hold: the imports, what the function calls, and the function under its own name.

    Where it builds on the right answer to the very function that it stands for, that comes along as ``right_…``.
    """
    module = inspect.getmodule(entry.code)
    assert module is not None
    statements = ast.parse(inspect.getsource(module)).body
    imports = [
        node
        for node in statements
        if isinstance(node, ast.Import | ast.ImportFrom) and not ast.unparse(node).startswith("from autograder")
    ]
    defined = {node.name: node for node in statements if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    function = defined.pop(entry.code.__name__)
    entering = (misconception.__name__, unusual.__name__)
    function.decorator_list = [d for d in function.decorator_list if not ast.unparse(d).startswith(entering)]
    parts: list[ast.stmt] = [function]
    for name in _called(function, set(defined)):
        parts.insert(0, defined[name])
    right = f"right_{entry.function}"
    renamed = [_Renamed(entry.function, right).visit(part) for part in parts]
    function.name = entry.function
    if any(right in _names(part) for part in renamed):
        answer = ast.parse(textwrap.dedent(inspect.getsource(_right_answer(module, entry.function)))).body[0]
        assert isinstance(answer, ast.FunctionDef)
        answer.name = right
        renamed.insert(0, answer)
    return "\n\n\n".join(["\n".join(map(ast.unparse, imports)), *map(ast.unparse, renamed)])


def _right_answer(module: ModuleType, function: str) -> Callable[..., Any]:
    found: Callable[..., Any] = right_answers(module.__name__.rpartition(".")[2])[function]
    return found


class _Renamed(ast.NodeTransformer):
    """Another name in place of one that is used."""

    def __init__(self, name: str, other: str) -> None:
        self._name, self._other = name, other

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._other, node.ctx) if node.id == self._name else node


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _called(function: ast.AST, defined: set[str]) -> list[str]:
    """Which of the names in `defined` a function uses; what they use themselves is not followed."""
    return sorted(_names(function) & defined)


def _entries(folder: str, assignment: str) -> list[Any]:
    name = f"autograder.reference.{folder}.{assignment}"
    if importlib.util.find_spec(name) is None:
        return []
    found = [value.__entry__ for value in vars(importlib.import_module(name)).values() if hasattr(value, "__entry__")]
    ids = [entry.id for entry in found]
    doubled = {identifier for identifier in ids if ids.count(identifier) > 1}
    if doubled:
        raise ValueError(f"{name} has more than one {', '.join(sorted(doubled))}")
    return found
