"""What a student is told about mistakes: in real notebooks, one or several at once, and how long it takes."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rehearsal import Rehearsal

from autograder.course import Course
from autograder.grading import Grader
from autograder.report import Report
from autograder.submission import Submission

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def ps4() -> Iterator[Grader]:
    with Grader(Course(ROOT).assignment("ps4_training_loop")) as grader:
        yield grader


def grade(grader: Grader, name: str, **sources: str) -> Report:
    """The Report of the solved notebook with other sources in some cells."""
    task = Course(ROOT).assignment(name)
    cells = tuple(
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in task.cells
    )
    return grader.grade(Submission(task, cells, ()), seed=5).report


def diagnoses(report: Report) -> dict[str, set[str | None]]:
    """By the function: what the checks that failed are put down to."""
    return {
        cell.grade_id.removeprefix("test_"): {c.diagnosis for c in cell.checks if c.outcome != "passed"}
        for cell in report.cells
        if any(c.outcome != "passed" for c in cell.checks)
    }


STEP_WITHOUT_ZERO_GRAD = """
def train_step(model, images, labels, criterion, optimizer):
    scores = model(images.flatten(1))
    cost = criterion(scores, labels)
    cost.backward()
    optimizer.step()
    return float(cost)
"""
LOOP_THAT_FORGETS_ITS_SUM = """
def train(model, loader, criterion, optimizer, epochs, print_every=40):
    means = []
    step = 0
    for e in range(epochs):
        total = 0.0
        for x, y in loader:
            step = step + 1
            total = total + train_step(model, x, y, criterion, optimizer)
            if step % print_every == 0:
                means.append(total / print_every)
                total = 0.0
    return means
"""
LOOP_WITH_TWO_SLIPS = """
def train(model, loader, criterion, optimizer, epochs, print_every=40):
    history, total, count = [], 0, 0
    while epochs > 0:
        epochs = epochs - 1
        for batch in loader:
            x, y = batch
            cost = criterion(torch.softmax(model(x.reshape(len(x), 784)), dim=1), y)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            total += cost.item()
            count += 1
            if count % print_every == 0:
                history = history + [total]
                total = 0
    return history
"""


def test_a_mistake_in_other_words_is_named(ps4: Grader) -> None:
    report = grade(ps4, "ps4_training_loop", train_step=STEP_WITHOUT_ZERO_GRAD)
    assert diagnoses(report)["train_step"] == {"train_step.no_zero_grad"}
    hints = {c.hint for cell in report.cells for c in cell.checks if c.diagnosis}
    assert any("numbers that came out of your train_step" in hint and "never cleared" in hint for hint in hints)


def test_two_slips_in_one_function_are_both_named(ps4: Grader) -> None:
    report = grade(ps4, "ps4_training_loop", train=LOOP_WITH_TWO_SLIPS)
    assert diagnoses(report)["train"] == {"train.loop_softmax_first+not_divided"}


def test_a_slip_on_top_of_another_cells_slip_is_named(ps4: Grader) -> None:
    report = grade(ps4, "ps4_training_loop", train_step=STEP_WITHOUT_ZERO_GRAD, train=LOOP_THAT_FORGETS_ITS_SUM)
    found = diagnoses(report)
    assert found["train_step"] == {"train_step.no_zero_grad"}
    assert found["train"] == {"train.reset_each_epoch"}


def test_five_mistakes_in_five_cells_are_five_diagnoses() -> None:
    name = "ps1_gradient_descent"
    task = Course(ROOT).assignment(name)
    bank = {entry.id: entry for entry in task.bank.misconceptions}
    wrong = (
        "mse_loss.without_half",
        "mse_gradient.factor_two",
        "gradient_step.uphill",
        "gradient_descent.bias_never_moves",
        "numerical_gradient.forward_difference",
    )
    sources = {bank[identifier].function: bank[identifier].source.text for identifier in wrong}
    with Grader(Course(ROOT).assignment(name)) as grader:
        found = diagnoses(grade(grader, name, **sources))
    assert found == {bank[identifier].function: {identifier} for identifier in wrong}


def test_what_no_bank_knows_gets_no_diagnosis_but_both_numbers(ps4: Grader) -> None:
    strange = STEP_WITHOUT_ZERO_GRAD.replace("float(cost)", "float(cost) ** 1.5 + 0.1")
    report = grade(ps4, "ps4_training_loop", train_step=strange)
    assert diagnoses(report)["train_step"] == {None}
    messages = [c.message for cell in report.cells if cell.grade_id == "test_train_step" for c in cell.checks]
    assert any("expected" in message and "received" in message for message in messages)


def test_a_diagnosis_takes_less_than_a_second_a_failing_check() -> None:
    rng = random.Random(0)
    times = []
    for name in ("ps1_gradient_descent", "ps2_backpropagation", "ps3_autograd", "ps4_training_loop"):
        for entry in rng.sample(Course(ROOT).assignment(name).bank.misconceptions, 6):
            rehearsal = Rehearsal(name, entry.function)
            failed = sum(trial.failed for trial in rehearsal.trials(entry.code))
            start = time.process_time()
            rehearsal.diagnosis(entry.code)
            times.append((time.process_time() - start) / failed)
    assert statistics.median(times) < 1.0, sorted(times)
