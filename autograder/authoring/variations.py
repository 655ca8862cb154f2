"""Systematic edits of a right answer: each operator, number, axis, call, loop and order of statements, one at a time.

They explain mistakes that no author has foreseen. A variation belongs to a *family* (``order``, ``sign``) and says in
words what it changes and at which step of the algorithm.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autograder.authoring.source import Source

OTHER_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add, ast.MatMult),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
}
OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
REDUCTIONS = ("sum", "mean", "max", "prod")
UNLIKELY = frozenset({"variable", "number"})
"""Families of many members, each of them seldom a student's mistake."""

Rewrite = Callable[[Any], Any]
"""Makes what stands in the place of a node; the node is a copy that may be changed."""


class Variation(NamedTuple):
    """One edit of a right answer."""

    family: str
    words: str
    """What it changes, as the end of a title: "where dw is computed, …"."""
    source: Source


def variations(source: Source) -> Iterator[Variation]:
    """Every edit of a function, each source once."""
    tree = ast.parse(source.body)
    seen = {ast.unparse(tree)}
    for number, (node, place) in enumerate(_placed(tree)):
        for family, words, rewrite in _edits(node, _names(tree)):
            twin = copy.deepcopy(tree)
            target = list(_placed(twin))[number][0]
            try:
                text = ast.unparse(ast.fix_missing_locations(_Replace(target, rewrite).visit(twin)))
                ast.parse(text)
            except (SyntaxError, ValueError, AttributeError):
                continue
            if text not in seen:
                seen.add(text)
                yield Variation(family, f"{place}, {words}" if place else words, Source(source.header, text))


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, rewrite: Rewrite) -> None:
        self._target, self._rewrite = target, rewrite

    def visit(self, node: ast.AST) -> Any:
        return self._rewrite(node) if node is self._target else self.generic_visit(node)


def _placed(tree: ast.AST, place: str = "") -> Iterator[tuple[ast.AST, str]]:
    """All nodes, each with the words for the step that it belongs to."""
    for child in ast.iter_child_nodes(tree):
        here = _step(child) or place
        yield child, here
        yield from _placed(child, here)


def _step(node: ast.AST) -> str:
    if isinstance(node, ast.Assign):
        return f"where {_target(node.targets[0])} is computed"
    if isinstance(node, ast.AugAssign):
        return f"where {_target(node.target)} is updated"
    if isinstance(node, ast.Return):
        return "in what is returned"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return f"at the call of {_called(node.value)}"
    if isinstance(node, ast.If | ast.IfExp):
        return "where a condition decides"
    if isinstance(node, ast.For):
        return "in the loop"
    return ""


def _target(node: ast.AST) -> str:
    if isinstance(node, ast.Tuple):
        return " and ".join(map(_target, node.elts))
    while isinstance(node, ast.Subscript):
        node = node.value
    return ast.unparse(node)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)


def _names(tree: ast.AST) -> list[str]:
    """The function's arguments and variables, in their order."""
    found = [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    found += [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return [name for name in dict.fromkeys(found) if name != "_"]


def _edits(node: ast.AST, names: list[str]) -> Iterator[tuple[str, str, Rewrite]]:
    """The edits of one node: family, words, and how."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.AugAssign):
        yield (
            "update",
            "the old value is replaced, not changed by the new part",
            lambda n: ast.Assign([n.target], n.value),
        )
        for kind in OTHER_OPERATORS.get(type(node.op), ()):
            yield "operator", "another operation stands there", _setting(op=kind())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield "sign", "a minus or a not is missing", lambda n: n.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in OTHER_COMPARISONS.get(type(node.ops[0]), ()):
            yield "condition", "the comparison is another one", _setting(ops=[other()])
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", "a transpose is missing", lambda n: n.value
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        for name in names:
            if name != node.id:
                yield "variable", f"{name} stands in the place of {node.id}", _setting(id=name)
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield "result", "the results are in the opposite order", lambda n: _reversed(n)
    elif isinstance(node, ast.Assign | ast.Return) and _single(node):
        yield "sign", "the sign is the opposite", _negated_value
    elif isinstance(node, ast.For):
        yield from _of_loop(node)
    elif isinstance(node, ast.With):
        yield "mode", "what the with statement switches stays as it is", lambda n: n.body
    elif isinstance(node, ast.If):
        yield "condition", "the condition is not asked for", lambda n: n.body
    elif isinstance(node, ast.DictComp | ast.ListComp | ast.GeneratorExp) and node.generators[0].ifs:
        yield "condition", "the condition is not asked for", _without_condition
    if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If | ast.With):
        yield from _of_body(node)


def _single(node: ast.Assign | ast.Return) -> bool:
    """Whether one value is bound or returned."""
    return node.value is not None and not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple))


def _of_operation(node: ast.BinOp) -> Iterator[tuple[str, str, Rewrite]]:
    for kind in OTHER_OPERATORS.get(type(node.op), ()):
        yield "operator", "another operation stands there", _setting(op=kind())
    part = "a term" if isinstance(node.op, ast.Add | ast.Sub) else "a factor, a divisor or a power"
    yield "part", f"{part} is missing", lambda n: n.left
    if not isinstance(node.op, ast.Pow):
        yield "part", f"{part} is missing", lambda n: n.right
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        yield "sides", "the two sides of an operation are exchanged", lambda n: ast.BinOp(n.right, n.op, n.left)
    if isinstance(node.op, ast.MatMult):
        yield (
            "transpose",
            "one side of a product is transposed",
            lambda n: ast.BinOp(_transposed(n.left), n.op, n.right),
        )
        yield (
            "transpose",
            "one side of a product is transposed",
            lambda n: ast.BinOp(n.left, n.op, _transposed(n.right)),
        )


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, str, Rewrite]]:
    value = node.value
    if isinstance(value, bool):
        yield "mode", "a switch is turned the other way", lambda n: ast.Constant(not n.value)
    elif isinstance(value, int | float):
        for other in dict.fromkeys((value + 1, value - 1, -value, value * 2, value / 2, 0, 1)):
            if other != value:
                yield "number", "a number is another one", _constant(other)


def _of_call(node: ast.Call) -> Iterator[tuple[str, str, Rewrite]]:
    name = _called(node)
    if isinstance(node.func, ast.Attribute) and name in REDUCTIONS:
        for other in REDUCTIONS:
            if other != name:
                yield "reduction", f"another reduction stands in the place of the {name}", _renamed(other)
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in ("axis", "dim"):
            for axis in (0, 1, -1):
                yield "axis", "it runs along another axis", _with_axis(place, axis)
        yield "option", f"the option {keyword.arg} is missing", _without_keyword(place)
    if isinstance(node.func, ast.Attribute) and not (isinstance(node.func.value, ast.Name) and node.args):
        yield "call", f"{name} is missing", lambda n: n.func.value
    if len(node.args) == 1 and not node.keywords:
        yield "call", f"{name} is missing", lambda n: n.args[0]
    for place in range(len(node.args) - 1):
        yield "sides", "two arguments are exchanged", _exchanged(place)
    if name == "range" and len(node.args) == 1:
        for change in (-1, 1):
            yield "count", f"it runs once too {'often' if change > 0 else 'few times'}", _counting(change)
    if name == "len" and node.args:
        yield "count", "columns or something else is counted", lambda n: _counted_columns(n)


def _of_loop(node: ast.For) -> Iterator[tuple[str, str, Rewrite]]:
    for words, low, high in (
        ("only the first round is done", None, 1),
        ("only the last round is done", -1, None),
        ("the first round is left out", 1, None),
        ("the last round is left out", None, -1),
    ):
        yield "count", words, _sliced(low, high)


def _of_body(node: Any) -> Iterator[tuple[str, str, Rewrite]]:
    body = node.body
    for place, statement in enumerate(body):
        told = _told(statement)
        if place + 1 < len(body):
            yield "order", f"{told} comes after what should follow it", _swapped(place)
        if len(body) > 1 and not isinstance(statement, ast.Return):
            yield "missing", f"{told} is missing", _without(place)
        if isinstance(statement, ast.Expr | ast.AugAssign):
            yield "twice", f"{told} is done twice", _doubled(place)
        inner = body[place + 1].body if place + 1 < len(body) and isinstance(body[place + 1], ast.For) else None
        if inner is not None:
            yield "inside", f"{told} is done in every round of the loop, not once before it", _moved_in(place)
        if isinstance(statement, ast.For):
            if len(statement.body) > 1:
                yield (
                    "outside",
                    f"{_told(statement.body[-1])} is done once after the loop, not in it",
                    _moved_out(place),
                )
                yield "outside", f"{_told(statement.body[0])} is done once before the loop, not in it", _moved_up(place)
            if place + 1 < len(body):
                yield "inside", f"{_told(body[place + 1])} is in the loop, not after it", _drawn_in(place)


def _told(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign):
        return f"the line that computes {_target(statement.targets[0])}"
    if isinstance(statement, ast.AugAssign):
        return f"the line that updates {_target(statement.target)}"
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return f"the call of {_called(statement.value)}"
    kinds = {ast.For: "the loop", ast.If: "the condition", ast.Return: "return", ast.With: "the with statement"}
    return kinds.get(type(statement), "a statement")


def _setting(**fields: Any) -> Rewrite:
    def rewrite(node: Any) -> Any:
        for name, value in fields.items():
            setattr(node, name, value)
        return node

    return rewrite


def _constant(value: float) -> Rewrite:
    return lambda node: ast.Constant(value)


def _negated_value(node: Any) -> Any:
    node.value = ast.UnaryOp(ast.USub(), node.value)
    return node


def _reversed(node: Any) -> Any:
    node.value.elts.reverse()
    return node


def _without_condition(node: Any) -> Any:
    node.generators[0].ifs = []
    return node


def _transposed(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def _renamed(name: str) -> Rewrite:
    def rewrite(node: Any) -> Any:
        node.func.attr = name
        return node

    return rewrite


def _with_axis(place: int, axis: int) -> Rewrite:
    def rewrite(node: Any) -> Any:
        node.keywords[place].value = ast.Constant(axis)
        return node

    return rewrite


def _without_keyword(place: int) -> Rewrite:
    def rewrite(node: Any) -> Any:
        del node.keywords[place]
        return node

    return rewrite


def _exchanged(place: int) -> Rewrite:
    def rewrite(node: Any) -> Any:
        node.args[place], node.args[place + 1] = node.args[place + 1], node.args[place]
        return node

    return rewrite


def _counting(change: int) -> Rewrite:
    def rewrite(node: Any) -> Any:
        node.args[0] = ast.BinOp(node.args[0], ast.Add(), ast.Constant(change))
        return node

    return rewrite


def _counted_columns(node: Any) -> Any:
    shape = ast.Attribute(node.args[0], "shape", ast.Load())
    return ast.Subscript(shape, ast.UnaryOp(ast.USub(), ast.Constant(1)), ast.Load())


def _sliced(low: int | None, high: int | None) -> Rewrite:
    def rewrite(node: Any) -> Any:
        bounds = ast.Slice(*(None if bound is None else ast.Constant(bound) for bound in (low, high)))
        node.iter = ast.Subscript(ast.Call(ast.Name("list", ast.Load()), [node.iter], []), bounds, ast.Load())
        return node

    return rewrite


def _on_body(change: Callable[[list[ast.stmt]], None]) -> Rewrite:
    def rewrite(node: Any) -> Any:
        change(node.body)
        return node

    return rewrite


def _swapped(place: int) -> Rewrite:
    def change(body: list[ast.stmt]) -> None:
        body[place], body[place + 1] = body[place + 1], body[place]

    return _on_body(change)


def _without(place: int) -> Rewrite:
    return _on_body(lambda body: body.__delitem__(place))


def _doubled(place: int) -> Rewrite:
    return _on_body(lambda body: body.insert(place, copy.deepcopy(body[place])))


def _moved_in(place: int) -> Rewrite:
    return _on_body(lambda body: body[place + 1].body.insert(0, copy.deepcopy(body[place])))  # type: ignore[attr-defined]


def _moved_out(place: int) -> Rewrite:
    return _on_body(lambda body: body.insert(place + 1, body[place].body.pop()))  # type: ignore[attr-defined]


def _moved_up(place: int) -> Rewrite:
    return _on_body(lambda body: body.insert(place, body[place].body.pop(0)))  # type: ignore[attr-defined]


def _drawn_in(place: int) -> Rewrite:
    return _on_body(lambda body: body[place].body.append(body.pop(place + 1)))  # type: ignore[attr-defined]
