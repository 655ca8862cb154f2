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
import hashlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import msgspec

from autograder.authoring.simulators import Simulator

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

    def like(self, other: Misconception) -> bool:
        """Whether it is `other`, or one of the two says that they behave the same."""
        return self.id == other.id or other.id in self.same_as or self.id in other.same_as


class Unusual(msgspec.Struct, frozen=True, kw_only=True):
    """A right answer that few would write."""

    id: str
    function: str
    title: str
    code: Callable[..., Any]


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


class Bank:
    """An assignment's right answers, misconceptions and unusual right answers.

    Attributes:
        answers: the namespace of the right answers.
        misconceptions: the known wrong answers.
        unusual: right answers that few would write.
    """

    def __init__(self, answers: ModuleType, entries: Iterable[object], simulators: Mapping[str, Simulator]) -> None:
        self._module = answers
        self._simulators = simulators
        self.answers: dict[str, Any] = vars(answers)
        found = list(entries)
        self.misconceptions = tuple(entry for entry in found if isinstance(entry, Misconception))
        self.unusual = tuple(entry for entry in found if isinstance(entry, Unusual))

    def of(self, function: str) -> list[Misconception]:
        """The misconceptions of one function."""
        return [entry for entry in self.misconceptions if entry.function == function]

    def pairs(self, function: str) -> Iterator[Misconception]:
        """Pairs of mistakes in one function, made one by one as they are asked for."""
        simulator = self._simulators.get(function)
        if simulator is None:
            return
        known = {entry.id: entry for entry in self.misconceptions}
        for first, second, code in simulator.pairs():
            one, other = known[f"{function}.{first}"], known[f"{function}.{second}"]
            yield Misconception(
                id=f"{one.id}+{second}",
                function=function,
                title=f"{one.title}; and {other.title}",
                hint=one.hint if one.hint == other.hint else f"{one.hint} {other.hint}",
                code=code,
            )

    @property
    def simulators(self) -> Mapping[str, Simulator]:
        """By the function of the notebook."""
        return self._simulators

    def answers_with(self, named: Iterable[Misconception]) -> dict[str, Any]:
        """The right answers, with some wrong ones in their places; those that build on a wrong one go wrong with it."""
        wrong = {entry.function: entry.code for entry in named}
        answers: dict[str, Any] = {}
        for name, answer in self.answers.items():
            own = getattr(answer, "__module__", None) == self._module.__name__
            answers[name] = wrong[name] if name in wrong else _bound(answer, answers) if own else answer
        return answers

    def source_of(self, entry: Misconception | Unusual) -> str:
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
            answer = ast.parse(textwrap.dedent(inspect.getsource(self.answers[entry.function]))).body[0]
            assert isinstance(answer, ast.FunctionDef)
            answer.name = right
            renamed.insert(0, answer)
        return "\n\n\n".join(["\n".join(map(ast.unparse, imports)), *map(ast.unparse, renamed)])


def answers_bank(folder: Path) -> Bank:
    """The bank in a folder with ``answers.py`` and, where there are any, ``misconceptions.py`` and ``unusual.py``.

    Both of them are run with the right answers' names in their namespaces, as a student's cell has them.

    Raises:
        ValueError: two entries have the same id.
        Exception: whatever one of the modules raises.
    """
    answers = _load(folder / "answers.py", {})
    entries: list[Any] = []
    for name in ("misconceptions.py", "unusual.py"):
        if (folder / name).exists():
            entries += _entries(_load(folder / name, _public(answers)))
    simulators = folder / "simulators.py"
    switches = _load(simulators, _public(answers)).SIMULATORS if simulators.exists() else {}
    return Bank(answers, entries, switches)


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


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def _entries(module: ModuleType) -> list[Any]:
    found = [value.__entry__ for value in vars(module).values() if hasattr(value, "__entry__")]
    ids = [entry.id for entry in found]
    doubled = {identifier for identifier in ids if ids.count(identifier) > 1}
    if doubled:
        raise ValueError(f"{module.__file__} has more than one {', '.join(sorted(doubled))}")
    return found


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
