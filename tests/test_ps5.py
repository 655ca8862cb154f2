"""Problem set 5 graded as a whole: right answers get everything, mistakes are named, and one training is paid for."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from autograder.assignments.ps5_fashion_mnist import answers as right_answers
from autograder.assignments.ps5_fashion_mnist.hidden_tests import BATCH, SCALE, SIZES, VALIDATION_BATCH
from autograder.audit import with_answer
from autograder.authoring.fresh_task import NOISE, FreshTask
from autograder.authoring.known_losses import RTOL, WRONG, Setting, criteria, expected, explained
from autograder.course import Course
from autograder.grading import Grader
from autograder.report import Report, without_times
from autograder.sandbox import toolbox
from autograder.submission import Submission

NAME = "ps5_fashion_mnist"
TASK = Course(Path(__file__).resolve().parent.parent).assignment(NAME)
ALLOWED = 1.5
"""How much longer than the bare training a grading may take."""


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(TASK) as grader:
        yield grader


def solved(**sources: str) -> Submission:
    """The solved notebook with other sources in some cells."""
    cells = tuple(
        msgspec.structs.replace(cell, source=sources[str(cell.grade_id)]) if cell.grade_id in sources else cell
        for cell in TASK.cells
    )
    return Submission(TASK, cells, ())


def wrong(report: Report) -> list[str]:
    return [f"{c.name}: {c.message}" for cell in report.cells for c in cell.checks if c.outcome != "passed"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_right_answers_get_full_points(grader: Grader, seed: int) -> None:
    report = grader.grade(solved(), seed).report
    assert not wrong(report)
    assert report.score == report.max_score == 20
    assert not report.problems


@pytest.mark.slow
@pytest.mark.parametrize("entry", TASK.bank.unusual, ids=lambda entry: entry.id)
@pytest.mark.parametrize("seed", [21])
def test_unusual_right_answers_get_full_points(grader: Grader, entry: object, seed: int) -> None:
    assert not wrong(grader.grade(with_answer(TASK, entry), seed).report)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("build_model.flatten_forgotten", "the network raised RuntimeError"),
        ("build_model.softmax_last", "these are probabilities"),
        ("build_model.log_softmax_last", "logarithms of probabilities"),
        ("build_model.trained_already", "It must start untrained"),
        ("build_model.statistics_of_the_batch", "five images alone instead of among 12"),
        ("build_model.all_frozen", "no parameter that can be trained"),
        ("build_model.log_softmax_over_the_batch", "five images alone instead of among 12"),
        ("train_model.no_zero_grad", "some from before the last step"),
        ("train_model.cleared_once_an_epoch", "some from before the last step"),
        ("train_model.trains_a_copy", "it wasn't this network"),
        ("train_model.trains_a_new_network", "not computed from the network that was handed in"),
        ("train_model.optimizer_of_another_network", "nothing was learned by steps"),
        ("train_model.losses_with_their_graph", "still carry their graph"),
        ("train_model.lists_of_the_last", "a single entry"),
        ("train_model.mean_of_the_batches", "a short last batch counts as much"),
        ("train_model.sum_of_the_batches", "the sum of the batches' means"),
        ("train_model.last_batch_divided", "the mean over the last batch divided by the number of batches"),
        ("train_model.percent_right", "the percentage classified correctly"),
        ("train_model.training_loss_summed", "entry 1 of train_loss should be"),
        ("train_model.training_loss_of_the_last_batch", "the mean over the last batch alone"),
        ("train_model.sum_never_reset", "a sum that goes on from epoch to epoch"),
        ("train_model.validates_on_the_training_loader", "the batches of the other loader"),
        ("train_model.validates_in_training_mode", "Expected evaluation mode"),
        ("train_model.never_back_to_training", "Expected training mode for every epoch"),
        ("train_model.steps_on_validation", "no gradient may come of its images"),
        ("train_model.backward_on_validation", "no gradient may come of its images"),
        ("train_model.trains_on_validation", "no gradient may come of its images"),
        ("train_model.one_batch_an_epoch", "the mean over the first batch alone"),
        ("train_model.softmax_over_the_batch", "did not follow|the same both times"),
    ],
)
def test_mistake_is_named(grader: Grader, name: str, says: str) -> None:
    entry = next(entry for entry in TASK.bank.misconceptions if entry.id == name)
    report = grader.grade(with_answer(TASK, entry), 4).report
    checks = [c for cell in report.cells if cell.grade_id == TASK.cell_of(entry.function) for c in cell.checks]
    assert any(re.search(says, c.message) for c in checks), [c.message for c in checks]
    assert not {c.diagnosis for c in checks} - {None, name}


@pytest.mark.slow
def test_training_that_does_not_end_costs_one_limit_and_not_one_for_each_check() -> None:
    endless = "def train_model(model, train_loader, validation_loader):\n    while len(train_loader) > 10: pass\n"
    with Grader(TASK) as grader:
        start = time.perf_counter()
        report = grader.grade(solved(train_model=endless), 1).report
    assert time.perf_counter() - start < 250
    scores = {cell.grade_id: cell.score for cell in report.cells}
    assert scores["test_build_model"] == 2
    assert scores["test_final_accuracy"] == 0
    assert any("did not finish within" in message for message in wrong(report))


@pytest.mark.slow
def test_same_notebook_and_seed_give_the_same_report(grader: Grader) -> None:
    entry = next(entry for entry in TASK.bank.misconceptions if entry.id == "train_model.mean_of_the_batches")
    one, other = (grader.grade(with_answer(TASK, entry), 9).report for _ in range(2))
    assert without_times(one) == without_times(other)


def test_fresh_task_changes_images_and_numbers_and_nothing_else() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(300, 28, 28), dtype=np.uint8)
    labels = np.arange(300) % 10
    scales = set()
    for seed in range(20):
        task = FreshTask(np.random.default_rng(seed), images)
        changed, numbers = task.images(images), task.labels(labels)
        assert changed.shape == images.shape
        assert changed.dtype == np.uint8
        assert sorted(set(numbers)) == list(range(10))
        assert all(len(set(numbers[labels == k])) == 1 for k in range(10))
        scales.add(task.scale)
        # The same image is changed in the same way, but for a few grey levels; mirrored images come out mirrored.
        again, mirrored = task.images(images[:5]), task.images(images[:5, :, ::-1])
        assert np.abs(again.astype(int) - changed[:5]).max() <= 2 * NOISE
        assert np.abs(mirrored[:, :, ::-1].astype(int) - changed[:5]).max() <= 2 * NOISE + 1
    assert len(scales) == 20


@pytest.mark.parametrize("seed", range(2))
def test_losses_of_every_criterion_and_average_are_told_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    settings = [Setting.drawn(rng, *sizes) for sizes in SIZES]
    for part in ("training", "validation"):
        for average, right in [(None, True), *((wrong, False) for wrong in WRONG.values())]:
            for loss in (criteria()[0], criteria()[10], criteria()[-1]):
                observed = []
                for setting in settings:
                    chosen = setting.training if part == "training" else setting.validation
                    rows = loss.low + (loss.high - loss.low) * chosen.high[:5]
                    sizes = np.array(chosen.sizes, float)
                    observed.append((setting, average(rows, sizes) if average else rows @ sizes / sizes.sum()))
                found = explained(observed, part)
                assert found is not None
                assert found.right == right
        wanted = [(setting, expected(setting, part, 3)) for setting in settings]
        found = explained(wanted, part)
        assert found is not None
        assert found.what == "cross-entropy"
        assert explained([(setting, losses * (1 + 20 * RTOL)) for setting, losses in wanted], part) != found


def test_criterion_that_nobody_knows_is_accepted_and_invented_losses_are_not() -> None:
    rng = np.random.default_rng(1)
    settings = [Setting.drawn(rng, *sizes) for sizes in SIZES]
    own = [(setting, 0.31 + 2.2 * expected(setting, "training", 6)) for setting in settings]
    found = explained(own, "training")
    assert found is not None
    assert found.right
    invented = [(setting, np.linspace(2.0, 0.5, 6)) for setting in settings]
    assert explained(invented, "training") is None
    single = explained([(setting, np.array([0.5])) for setting in settings], "validation")
    assert single is None or not single.right


def seconds_of_bare_training(loader: DataLoader[object], validation_loader: DataLoader[object]) -> float:
    torch.manual_seed(0)
    model = right_answers.build_model()
    start = time.perf_counter()
    right_answers.train_model(model, loader, validation_loader)
    return time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.timing
def test_grading_takes_hardly_longer_than_the_training(grader: Grader) -> None:
    torch.set_num_threads(1)
    with np.load(TASK.folder / "fashion_mnist.npz") as file:
        arrays = [(file[f"{part}_images"], file[f"{part}_labels"]) for part in ("train", "validation")]
    datasets = [TensorDataset(toolbox.normalised(x, SCALE), torch.tensor(y).long()) for x, y in arrays]
    notebook = [
        DataLoader(d, batch_size=n, shuffle=True) for d, n in zip(datasets, (BATCH, VALIDATION_BATCH), strict=True)
    ]
    quick = [
        toolbox.loader(x, y, n, SCALE, shuffle=True)
        for (x, y), n in zip(arrays, (BATCH, VALIDATION_BATCH), strict=True)
    ]
    grader.grade(solved(), 0)

    def graded() -> float:
        start = time.perf_counter()
        grader.grade(solved(), 1)
        return time.perf_counter() - start

    # The least of several, taken in turns: what else the machine does disturbs all three alike.
    rounds = [
        (graded(), seconds_of_bare_training(*notebook), seconds_of_bare_training(*quick))  # type: ignore[arg-type]
        for _ in range(4)
    ]
    grading, bare, bare_quick = (min(times) for times in zip(*rounds, strict=True))
    print(
        f"\ngrading {grading:.2f} s; training in the notebook {bare:.2f} s (ratio {grading / bare:.2f}), "
        f"with the grader's quicker loader {bare_quick:.2f} s (ratio {grading / bare_quick:.2f})",
        file=sys.stderr,
    )
    assert grading <= ALLOWED * bare


def test_a_loader_s_dataset_is_indexed_as_tensors_are() -> None:
    """A right answer may take single images, the last ones or all of them from `loader.dataset`."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 7)
    for images in (rng.integers(0, 256, (7, 28, 28), dtype=np.uint8), rng.normal(size=(7, 1, 28, 28))):
        loader = toolbox.loader(images, labels, 3, SCALE)
        whole, targets = loader.dataset.tensors
        assert whole.shape == (7, 1, 28, 28)
        for index in (2, -1, slice(1, 4), slice(None), torch.tensor([5, 0])):
            x, y = loader.dataset[index]
            assert torch.equal(x, whole[index])
            assert torch.equal(y, targets[index])
        batches, classes = zip(*loader, strict=True)
        assert torch.equal(torch.cat(batches), whole)
        assert torch.equal(torch.cat(classes), targets)
