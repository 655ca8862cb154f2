"""What a right answer gets, what a wrong one loses, and where: through real notebooks, in a real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autograder.course import Assignment, Course
from autograder.grading import Grader
from autograder.report import Report, without_times
from autograder.submission import Submission

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "source").glob("ps*/*.ipynb"))


@pytest.fixture(scope="module")
def ps4() -> Iterator[Grader]:
    with Grader(assignment("ps4_training_loop")) as grader:
        yield grader


def assignment(name: str) -> Assignment:
    return Course(ROOT).assignment(name)


def solved(task: Assignment, **sources: str) -> Submission:
    """The solved notebook with other sources in some cells."""
    cells = tuple(
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in task.cells
    )
    return Submission(task, cells, ())


def grade(grader: Grader, seed: int = 3, **sources: str) -> Report:
    return grader.grade(solved(assignment("ps4_training_loop"), **sources), seed).report


def lost(report: Report) -> set[str]:
    return {cell.grade_id for cell in report.cells if cell.score < cell.max_score}


def messages(report: Report, grade_id: str) -> str:
    return " ".join(check.message for cell in report.cells if cell.grade_id == grade_id for check in cell.checks)


@pytest.mark.parametrize("name", NAMES)
def test_reference_solution_gets_full_points_with_some_seeds(name: str) -> None:
    _full_points(name, range(2))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "ps5_fashion_mnist"])
def test_reference_solution_gets_full_points_with_fifty_seeds(name: str) -> None:
    _full_points(name, range(50))


def _full_points(name: str, seeds: range) -> None:
    task = assignment(name)
    with Grader(task) as grader:
        for seed in seeds:
            report = grader.grade(solved(task), seed).report
            wrong = [check for cell in report.cells for check in cell.checks if check.outcome != "passed"]
            assert not wrong, (seed, wrong)
            assert report.score == report.max_score
            assert not report.problems
            assert set(report.measured) == (
                {"accuracy"} if any(cell.grade_id == "test_final_accuracy" for cell in report.cells) else set()
            )
            assert all(0.8 <= share <= 1 for share in report.measured.values())


STEP = """
def train_step(model, images, labels, criterion, optimizer):
    {zero}
    loss = {criterion}
    {backward}
    {step}
    return {value}
"""
RIGHT_STEP = {
    "zero": "optimizer.zero_grad()",
    "criterion": "criterion(model(images.view(len(images), -1)), labels)",
    "backward": "loss.backward()",
    "step": "optimizer.step()",
    "value": "loss.item()",
}
LOOP = """
def train(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running_loss, steps = [], 0.0, 0
    for epoch in range(epochs):
        {begin}
        for images, labels in {batches}:
            steps += 1
            {clear}
            loss = criterion(model(images.view(len(images), -1)), labels)
            {backward}
            optimizer.step()
            running_loss += {value}
            if steps % print_every == 0:
                losses.append(running_loss / print_every)
                running_loss = 0.0
    return losses
"""
RIGHT_LOOP = {
    "begin": "pass",
    "batches": "loader",
    "clear": "optimizer.zero_grad()",
    "backward": "loss.backward()",
    "value": "loss.item()",
}
BY_HAND = (
    "with torch.no_grad():\\n"
    "        for group in optimizer.param_groups:\\n"
    "            for p in group['params']:\\n"
    "                p -= group['lr'] * p.grad"
).replace("\\n", "\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"zero": "pass"}, "After step"),
        ({"backward": "(-loss).backward()"}, "-1 times"),
        ({"step": BY_HAND.replace("-=", "+=")}, "-1 times"),
        ({"criterion": "criterion(torch.softmax(model(images.view(len(images), -1)), dim=1), labels)"}, "expected"),
        ({"backward": "(2 * loss).backward()"}, "2 times"),
        ({"value": "0.5"}, "expected"),
        ({"value": "loss"}, "graph"),
        ({"zero": "raise NotImplementedError"}, "not filled in"),
    ],
)
def test_mistake_in_a_step_loses_points_in_that_cell(ps4: Grader, change: dict[str, str], says: str) -> None:
    report = grade(ps4, train_step=STEP.format(**RIGHT_STEP | change))
    assert "test_train_step" in lost(report)
    # The network that such a step trains may well be a bad one; the loop around it is right all the same.
    assert lost(report) <= {"test_train_step", "test_train", "test_final_accuracy"}
    if "not filled in" not in says:
        assert "test_train" not in lost(report) or "graph" in says
    assert says in messages(report, "test_train_step")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"clear": "pass"}, "not as expected"),
        ({"batches": "list(loader)[-1:]"}, "losses"),
        ({"begin": "running_loss = 0.0"}, "received"),
        ({"backward": "(2 * loss).backward()"}, "not as expected"),
        ({"value": "2 * loss.item()"}, "2 times"),
    ],
)
def test_mistake_in_the_loop_loses_points_in_that_cell(ps4: Grader, change: dict[str, str], says: str) -> None:
    report = grade(ps4, train=LOOP.format(**RIGHT_LOOP | change))
    assert "test_train" in lost(report)
    assert lost(report) <= {"test_train", "test_final_accuracy"}
    assert says in messages(report, "test_train")


@pytest.mark.parametrize(
    ("function", "source", "says"),
    [
        (
            "accuracy",
            "def accuracy(model, loader):\n"
            "    shares = [(predict(model, x).argmax(1) == y).float().mean().item() for x, y in loader]\n"
            "    return sum(shares) / len(shares)",
            "right, in batches of",
        ),
        ("accuracy", "def accuracy(model, loader):\n    return 0.9", "received 0.9"),
        (
            "predict",
            "def predict(model, images):\n"
            "    with torch.no_grad():\n"
            "        return torch.sigmoid(model(images.view(len(images), -1)))",
            "the sum of each row",
        ),
        ("predict", "def predict(model, images):\n    return torch.full((len(images), 10), 0.1)", "not as expected"),
        (
            "predict",
            "def predict(model, images):\n"
            "    model.eval()\n"
            "    with torch.no_grad():\n"
            "        return torch.softmax(model(images.view(len(images), -1)), 1)",
            "After predict, the output of the model, left in training mode",
        ),
        ("build_network", "def build_network(*sizes):\n    return nn.Linear(784, 10)", "nn.Sequential"),
    ],
)
def test_mistake_elsewhere_loses_points_in_that_cell(ps4: Grader, function: str, source: str, says: str) -> None:
    report = grade(ps4, **{function: source})
    assert lost(report) - {"test_final_accuracy"} == {f"test_{function}"}
    assert says in messages(report, f"test_{function}")


@pytest.mark.parametrize(
    "change",
    [
        {"zero": "model.zero_grad()"},
        {"zero": "pass", "backward": "model.zero_grad(); loss.backward()"},
        {"step": BY_HAND},
        {"value": "float(loss)"},
        {"value": "loss.detach()"},
        {"criterion": "criterion(model(images.reshape(-1, 784)), labels)"},
        {"criterion": "criterion(model(torch.flatten(images, 1)), labels)"},
    ],
)  # fmt: skip
def test_unusual_right_step_keeps_full_points(ps4: Grader, change: dict[str, str]) -> None:
    report = grade(ps4, train_step=STEP.format(**RIGHT_STEP | change))
    assert report.score == report.max_score, lost(report)


@pytest.mark.parametrize(
    "change",
    [
        {"clear": "model.zero_grad()"},
        {"value": "float(loss)"},
        {"value": "loss.detach()"},
        {"batches": "list(loader)"},
    ],
)
def test_unusual_right_loop_keeps_full_points(ps4: Grader, change: dict[str, str]) -> None:
    report = grade(ps4, train=LOOP.format(**RIGHT_LOOP | change))
    assert report.score == report.max_score, lost(report)


def test_helper_functions_and_later_definitions_count(ps4: Grader) -> None:
    task = assignment("ps4_training_loop")
    cells = list(solved(task, train_step="def train_step(*arguments):\n    return 0.0").cells)
    place = next(i for i, cell in enumerate(cells) if cell.grade_id == "train_step")
    plain = msgspec.structs.replace(cells[place], grade_id=None, role="plain")
    helper = "def flat(images):\n    return images.view(len(images), -1)"
    again = STEP.format(**RIGHT_STEP | {"criterion": "criterion(model(flat(images)), labels)"})
    later = [msgspec.structs.replace(plain, source=source) for source in (helper, again)]
    cells[place + 1 : place + 1] = later
    report = ps4.grade(Submission(task, tuple(cells), ()), 1).report
    assert report.score == report.max_score, lost(report)


def test_same_notebook_and_seed_give_the_same_report(ps4: Grader) -> None:
    wrong = STEP.format(**RIGHT_STEP | {"zero": "pass"})
    one, other = (grade(ps4, seed=11, train_step=wrong) for _ in range(2))
    assert without_times(one) == without_times(other)
    assert messages(grade(ps4, seed=12, train_step=wrong), "test_train_step") != messages(one, "test_train_step")


@pytest.mark.parametrize("call", ["model.cuda()", 'images.to("cuda")', 'torch.ones(1, device="cuda:0")'])
def test_who_asks_for_a_gpu_reads_that_there_is_none_and_what_to_write(ps4: Grader, call: str) -> None:
    source = (
        "def train_step(model, images, labels, criterion, optimizer):\n"
        "    assert not torch.cuda.is_available()\n"
        f"    {call}\n"
    )
    said = messages(grade(ps4, train_step=source), "test_train_step")
    assert "in line 3 of cell train_step: there is no GPU where notebooks are graded" in said
    assert "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')" in said
    assert "fork" not in said


def test_the_usual_line_for_a_device_works_without_a_gpu(ps4: Grader) -> None:
    source = (
        'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")\n'
        "def train_step(model, images, labels, criterion, optimizer):\n"
        "    model.to(device)\n"
        "    optimizer.zero_grad()\n"
        "    loss = criterion(model(images.to(device).flatten(1)), labels.to(device))\n"
        "    loss.backward()\n"
        "    optimizer.step()\n"
        "    return loss.item()\n"
    )
    assert not lost(grade(ps4, train_step=source))
