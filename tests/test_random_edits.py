"""Wrong answers that are in no bank: random edits to the right ones are named rightly, or not at all."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rehearsal import Rehearsal

from autograder.authoring.source import Source, function_of
from autograder.course import Course
from autograder.diagnosis import same_course

ROOT = Path(__file__).resolve().parent.parent

FUNCTIONS = {
    "ps1_gradient_descent": ["mse_loss", "mse_gradient", "linear_gradients", "gradient_descent", "numerical_gradient"],
    "ps2_backpropagation": ["sigmoid", "forward", "linear_backward", "backward", "train_two_layer"],
    "ps3_autograd": ["mean_square_gradient", "accumulate_gradients", "sgd_step", "fit_linear"],
    "ps4_training_loop": ["cross_entropy", "train_step", "overfit_batch", "train", "predict", "accuracy"],
}
OTHER_OPERATOR = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv,
}


class Edit(ast.NodeTransformer):
    """Changes what stands at one place, counted in the order of a walk."""

    def __init__(self, place: int, rng: random.Random) -> None:
        self.left, self.rng = place, rng

    def here(self) -> bool:
        self.left -= 1
        return self.left == -1

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if type(node.op) in OTHER_OPERATOR and self.here():
            node.op = OTHER_OPERATOR[type(node.op)]()
        elif self.here():
            node.left, node.right = node.right, node.left
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if self.here():
            return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)
        if type(node.op) in OTHER_OPERATOR and self.here():
            node.op = OTHER_OPERATOR[type(node.op)]()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.USub) and self.here() else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int | float) and not isinstance(node.value, bool) and self.here():
            return ast.Constant(node.value + self.rng.choice([-1, 1, 2]))
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        if node.arg in ("axis", "dim") and self.here():
            node.value = ast.Constant(1 - node.value.value) if isinstance(node.value, ast.Constant) else node.value
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self.body(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        return self.body(node)

    def body(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        for i in range(len(node.body) - 1):
            if self.here():  # two statements in the other order
                node.body[i], node.body[i + 1] = node.body[i + 1], node.body[i]
            elif len(node.body) > 2 and self.here():  # a statement less
                del node.body[i]
                break
        return node


def edits(assignment: str, function: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Functions that differ from the right one in one place, with their source."""
    bank = Course(ROOT).assignment(assignment).bank
    right = bank.forms(function)[0]
    rng = random.Random(f"{assignment}.{function}")
    for place in range(200):
        edit = Edit(place, rng)
        edited = ast.unparse(ast.fix_missing_locations(edit.visit(ast.parse(right.body))))
        if edit.left >= 0:
            return  # there are no more places
        if edited == ast.unparse(ast.parse(right.body)):
            continue
        yield edited, function_of(Source(right.header, edited), function, bank.answers)


LONG = "ps4_training_loop"


@pytest.mark.parametrize(
    "assignment", [pytest.param(name, marks=[pytest.mark.slow] if name == LONG else []) for name in FUNCTIONS]
)
def test_random_edits_are_named_rightly_or_not_at_all(assignment: str) -> None:
    wrong = named = 0
    for function in FUNCTIONS[assignment]:
        here, elsewhere = Rehearsal(assignment, function, seed=0), Rehearsal(assignment, function, seed=1)
        rtol = here.rtol
        for source, code in edits(assignment, function):
            if not any(trial.failed for trial in here.trials(code)):
                continue
            wrong += 1
            found = here.diagnosis(code)
            if found is None:
                continue
            named += 1
            # On inputs that the diagnosis hasn't seen: does the misconception do what the edit does?
            pairs = zip(elsewhere.trials(code), elsewhere.trials(found.code), strict=True)
            assert all(same_course(a.transcript, b.transcript, rtol) for a, b in pairs), f"{found.id}:\n{source}"
    print(f"{wrong} wrong edits, {named} of them named")
    assert wrong >= 30, wrong
    assert named >= 3, named
