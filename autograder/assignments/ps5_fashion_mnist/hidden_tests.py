"""Hidden tests of ps5: the student's network, trained once by the student's training, judged from outside.

One training serves them all. Its pictures are disguised: the classes are numbered by a secret permutation, and all
pictures alike may be mirrored or upside down. A network that starts from nothing doesn't notice; one that was trained
elsewhere does. A second training, on 60 pictures, costs next to nothing and shows what a long one hides: a network
that knows clothes from 60 of them knew them before; one that answers as wrong validation labels say was trained on
those; and its gradients, modes and losses can be looked at closely.

Criterion, optimizer and schedule are the student's, so that nothing is compared number for number with a right
training. What is called a mistake here is recognised as that mistake; what isn't recognised is let pass.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch.nn import functional as F

from autograder.authoring import Mismatch, StudentRaised, described, expect, grades, numbers, tools_of

"""They train once more, without a disguise, and look at what comes of it: that would double a grading's time."""

FILE = "fashion_mnist.npz"
SCALE = (0.2860, 0.3530)
"""Mean and standard deviation that the notebook's `load_fashion_mnist` normalises with."""
SECONDS = 80.0
"""CPU seconds for a training; the notebook promises 60, and machines differ."""
BATCH, VALIDATION_BATCH = 64, 500
"""Pictures a batch, as in the notebook: a design is made for them."""
STEPS = (0.65, 0.75, 0.85)
"""Shares of hidden pictures, from measured spreads: see docs/accuracy.md."""

FEW, FEW_VALIDATION = 60, 50
TOO_MUCH_FROM_FEW = 0.78
"""Share of hidden pictures that nobody reads after 60: designs of all kinds stay below 0.71 (0.65 ± 0.025), while a
network that has learned clothes elsewhere and is only told the classes' new numbers comes to 0.84 and more."""
TOO_MUCH_FROM_NONE = 0.75
"""Share that a linear map reads off the ten scores of an untrained network: below 0.62 for designs of all kinds."""
SMOOTHING = (0.0, 0.05, 0.1, 0.15, 0.2)
"""Label smoothing that is tried when a loss is to be recognised."""


# --- build_model ---------------------------------------------------------------------------------------------


def noise(rng, n):
    """n noise pictures (n, 1, 28, 28)."""
    return torch.tensor(rng.normal(size=(n, 1, 28, 28)), dtype=torch.float32)


def scores(student, model, images, when, scale=(0.0, 1.0), **settings):
    """The ten scores that the model gives each picture, as a float64 array."""
    try:
        got = numbers(tools_of(student, SECONDS).outputs(model, images, scale=scale, **settings))
    except StudentRaised as error:
        place = f" in {error.where}" if error.where else ""
        raise Mismatch(f"{when} the network raised {error.type}{place}: {error.text}") from None
    if got is None:
        raise Mismatch(f"{when} the network should give a tensor of numbers.")
    wanted = (len(images), 10)
    expect.that(
        got.shape == wanted, f"{when} the network should give scores of shape {wanted}, but gives {tuple(got.shape)}."
    )
    return got


def a_model(student):
    """What build_model returns, if it is a network."""
    model = student.build_model()
    kinds = tools_of(student).kind(model) if hasattr(model, "type") else [type(model).__name__]
    expect.that(
        "torch.nn.modules.module.Module" in kinds,
        f"build_model() should return an nn.Module, but returned {described(model)}.",
    )
    return model


@grades("test_build_model", weight=2)
def test_build_model_shapes(student, rng):
    """It takes n pictures (n, 1, 28, 28) to scores (n, 10), for every n."""
    model = a_model(student)
    for n in (7, 1, 10, 32):
        got = scores(student, model, noise(rng, n), f"For {n} picture{'s' * (n > 1)}")
        expect.that(bool(np.isfinite(got).all()), "The scores of a fresh network should be finite numbers.")


@grades("test_build_model", weight=2)
def test_build_model_logits(student, rng):
    """The scores are raw logits: no probabilities, no logarithms of them."""
    got = scores(student, a_model(student), 3 * noise(rng, 50), "For 50 pictures")
    sums, logs = got.sum(axis=1), np.log(np.exp(np.clip(got, -500, 500)).sum(axis=1))
    expect.that(
        float(np.abs(sums - 1).max()) > 1e-3,
        "The scores of each picture sum to 1: these are probabilities; expected raw logits.",
    )
    expect.that(
        float(np.abs(logs).max()) > 1e-3,
        "The exponentials of each picture's scores sum to 1: these are logarithms of probabilities; "
        "expected raw logits.",
    )
    expect.that(
        bool((got < 0).any()), "No score is negative, whatever the picture: something stands behind the logits."
    )


@grades("test_build_model")
def test_build_model_answers_depend_on_the_picture(student, rng):
    """Each picture is scored by itself: other pictures in the batch and their order make no difference."""
    model, images = a_model(student), noise(rng, 12)
    together = scores(student, model, images, "For 12 pictures")
    expect.that(float(np.ptp(together, axis=0).max()) > 1e-7, "All pictures get the same scores, whatever they show.")
    order = rng.permutation(12)
    turned = scores(student, model, images[order], "For 12 pictures")
    expect.close(turned, together[order], "the scores of the same 12 pictures in another order", rtol=1e-3)
    for n, of_them in ((5, "five pictures alone"), (1, "a picture alone")):
        apart = scores(student, model, images[:n], f"For {of_them}")
        expect.close(apart, together[:n], f"the scores of {of_them} instead of among 12", rtol=1e-3)


@grades("test_build_model", weight=2)
def test_build_model_fresh(student, rng):
    """Each call makes another network, with fresh random weights that can be trained."""
    one, other = a_model(student), a_model(student)
    trainable = tools_of(student).requires_grad(one)
    expect.that(
        any(trainable.values()),
        "The network has no parameter that can be trained.",
        None if trainable else "weights_in_no_layer",
    )
    images = noise(rng, 5)
    got, others = (scores(student, model, images, "For 5 pictures") for model in (one, other))
    expect.that(
        not np.array_equal(got, others),
        "Two calls of build_model() gave networks with the same answers; expected fresh random weights each time.",
    )


@grades("test_build_model", weight=2)
def test_build_model_untrained(student, samples):
    """It has learned nothing yet: its scores tell hardly more about clothes than chance weights do."""
    images, labels = samples.hidden()
    got = scores(student, a_model(student), images[:2000], "For clothes", SCALE)
    share = readable(got, labels[:2000].astype(int))
    expect.that(share <= TOO_MUCH_FROM_NONE, knew_before(share), "trained_already")


def readable(got, labels):
    """The share of classes that a linear map reads off the scores; made on one half, measured on the other."""
    if not np.isfinite(got).all():
        return 0.0
    half = len(got) // 2
    inputs = np.column_stack([got / max(float(np.abs(got).mean()), 1e-30), np.ones(len(got))])
    linear = np.linalg.lstsq(inputs[:half], np.eye(10)[labels[:half]], rcond=None)[0]
    return float(np.mean((inputs[half:] @ linear).argmax(axis=1) == labels[half:]))


def knew_before(share):
    """What to say of a new network that isn't new."""
    return (
        f"The scores of a network fresh out of build_model() tell {share:.0%} of the clothes apart; random weights "
        f"stay below {TOO_MUCH_FROM_NONE:.0%}. It must start untrained."
    )


# --- the trainings -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """What a training of the student's left behind, as data."""

    returned: Any
    moved: bool
    """Whether the weights of the network that was handed in have changed."""
    before: np.ndarray
    """Scores of training pictures before, in evaluation mode; and of others afterwards."""
    known: float
    """What a linear map read off the scores of the network before, of pictures without a disguise."""
    training: np.ndarray
    validation: np.ndarray
    hidden: np.ndarray
    training_labels: np.ndarray
    validation_labels: np.ndarray
    hidden_labels: np.ndarray
    validation_batch: int
    served: dict[str, int]
    heard: dict[str, int]
    events: list[str]
    parameters: int
    """How many tensors of weights there are."""
    modes_differ: bool = False
    """Whether the network answers differently in training mode."""


_trainings: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()


def shared(make):
    """Make `make(student, samples, seed)` train only once for a submission; an error is kept and raised again."""

    def kept(student, samples, seed):
        done = _trainings.setdefault(student, {})
        if make not in done:
            try:
                done[make] = make(student, samples, seed)
            except Exception as error:
                done[make] = error
        if isinstance(done[make], Exception):
            raise done[make]
        return done[make]

    return kept


class Disguise:
    """Other numbers for the classes, and all pictures mirrored or upside down, or both, or neither.

    For a network that starts from random weights, and for augmentation by mirroring or shifting, the task stays
    the same. Grey levels move by two at the most, so that no picture is the one that somebody knows by its bytes.
    What is left is a network from elsewhere that tries all four positions, asks the training labels for the classes'
    numbers, and hides while there are few of them: more work than the points are worth, and for a person to find.
    """

    def __init__(self, rng):
        self._rng = rng
        self._numbers = rng.permutation(10)
        self._axes = tuple(axis for axis in (1, 2) if rng.random() < 0.5)

    def pictures(self, images):
        """uint8 pictures, disguised."""
        turned = np.flip(images, self._axes)
        moved = turned + self._rng.integers(-2, 3, size=images.shape, dtype=np.int16)
        return np.where((turned > 2) & (turned < 253), moved, turned).astype(np.uint8)

    def labels(self, labels):
        """The classes' other numbers."""
        return self._numbers[labels]


def trained(student, disguise, training, validation, hidden, batches, listening):
    """Train a new network of the student's; everything that is judged later is fetched at once."""
    tools = tools_of(student)
    images, validation_images, hidden_images = (disguise.pictures(part[0]) for part in (training, validation, hidden))
    labels, hidden_labels = (disguise.labels(part[1]) for part in (training, hidden))
    validation_labels = validation[1] if listening else disguise.labels(validation[1])
    model = a_model(student)
    modes_differ = False
    if listening:
        other = a_model(student)
        quiet, loud = (
            scores(student, other, images, "Before training", SCALE, training=mode) for mode in (False, True)
        )
        modes_differ = not np.allclose(quiet, loud, rtol=1e-3, atol=1e-5)
    # Scores first: layers that find out their sizes for themselves have no weights before.
    before_scores = scores(student, model, images[:2000], "Before training", SCALE)
    known = readable(scores(student, model, hidden[0][:2000], "Before training", SCALE), hidden[1][:2000].astype(int))
    if listening:
        tools.listen(model, validation_images, SCALE)
        tools.watch()
    loader = tools.loader(images, labels, batches[0], SCALE, shuffle=True)
    validation_loader = tools.loader(validation_images, validation_labels, batches[1], SCALE)
    before = tools.weights(model)
    returned = student.train_model.within(SECONDS)(model, loader, validation_loader)
    heard = tools.heard() if listening else {}
    events = tools.events() if listening else []
    served = tools.served(loader)
    after = tools.weights(model)
    moved = set(after) != set(before) or any(not torch.equal(after[name], before[name]) for name in before)
    ask = partial(scores, student, model, when="After training", scale=SCALE)
    return Training(
        returned=returned,
        moved=moved,
        before=before_scores,
        known=known,
        training=ask(images=images[:2000]),
        validation=ask(images=validation_images),
        hidden=ask(images=hidden_images),
        training_labels=labels[:2000],
        validation_labels=validation_labels,
        hidden_labels=hidden_labels,
        validation_batch=batches[1],
        served=served,
        heard=heard,
        events=events,
        parameters=len(before),
        modes_differ=modes_differ,
    )


@shared
def disguise_of(student, samples, seed):
    """The disguise of both trainings: what a network knows in one position, it may not know in another."""
    return Disguise(np.random.default_rng(seed))


@shared
def long_training(student, samples, seed):
    """The training that counts: all pictures that ship."""
    disguise = disguise_of(student, samples, seed)
    parts = samples.shipped(FILE), samples.shipped(FILE, "validation"), samples.hidden()
    return trained(student, disguise, *parts, (BATCH, VALIDATION_BATCH), listening=False)


@shared
def short_training(student, samples, seed):
    """A training on 60 pictures, six of each class, in three batches; the labels of its validation are all wrong."""
    rng = np.random.default_rng(seed)
    images, labels = samples.shipped(FILE)
    order = rng.permutation(len(images))
    few = np.concatenate([order[labels[order] == k][: FEW // 10] for k in range(10)])
    validation_images, validation_labels = samples.shipped(FILE, "validation")
    chosen = rng.permutation(len(validation_images))[:FEW_VALIDATION]
    disguise = disguise_of(student, samples, seed)
    wrong = (disguise.labels(validation_labels[chosen]) + rng.integers(1, 10, size=FEW_VALIDATION)) % 10
    hidden_images, hidden_labels = samples.hidden()
    parts = (
        (images[few], labels[few]),
        (validation_images[chosen], wrong),
        (hidden_images[:1000], hidden_labels[:1000]),
    )
    return trained(student, disguise, *parts, (24, 15), listening=True)


def share(got, labels):
    """The share of right answers."""
    return float(np.mean(got.argmax(axis=1) == labels))


def cross_entropies(got, labels, smoothing=0.0):
    """Each picture's cross-entropy."""
    logits, targets = torch.tensor(got), torch.tensor(np.asarray(labels).astype(np.int64))
    return F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing).numpy()


# --- train_model ---------------------------------------------------------------------------------------------


@grades("test_train_model", weight=3, diagnose=False)
def test_train_model_learns(student, samples, seed):
    """It trains the very network that it was handed: the weights change, and the loss of training pictures falls."""
    training = long_training(student, samples, seed)
    if not training.moved:
        expect.that(
            False,
            "After train_model the network that was handed in has the weights that it had before. "
            "Whatever was trained, it wasn't this network.",
            why_nothing_moved(student, samples, seed),
        )
    before, after = (cross_entropies(got, training.training_labels) for got in (training.before, training.training))
    expect.that(
        bool(np.isfinite(training.training).all()), "After train_model the network's scores are infinite or nan."
    )
    expect.that(
        float(after.mean()) < float(before.mean()),
        f"The mean cross-entropy of the training pictures was {before.mean():.3f} before train_model and is "
        f"{after.mean():.3f} after it; expected it to fall.",
    )


def why_nothing_moved(student, samples, seed):
    """The mistake that leaves a network as it was, as far as the moves of the short training tell."""
    try:
        short = short_training(student, samples, seed)
    except Exception:  # There is nothing to tell it by.
        return None
    moves = [event for event in short.events if event in ("backward", "zero_grad", "step")]
    steps = [place for place, event in enumerate(moves) if event == "step"]
    if not isinstance(short.returned, dict):
        return None
    if "backward" not in moves:
        return "no_backward" if steps and not short.heard["gradients"] else None
    if not steps:
        return "no_step" if short.heard["gradients"] else None
    if short.heard["gradients"]:
        between = all(moves[:place][-2:] == ["backward", "zero_grad"] for place in steps)
        return "cleared_before_the_step" if between else None
    # Gradients have reached other parameters than this network's.
    return "trains_a_new_network"


@grades("test_train_model", weight=2, diagnose=False)
def test_train_model_history(student, samples, seed):
    """It returns a dict of two lists of plain numbers, with one entry for each epoch."""
    training = long_training(student, samples, seed)
    n = len(samples.shipped(FILE)[0])
    epochs = training.served["pictures"] // n
    lists = histories(training.returned, batches=epochs * -(-n // BATCH))
    expect.that(
        len(lists[0]) > 1 or epochs < 4,
        f"The training went {epochs} times through the pictures, but each list has a single entry.",
        "lists_of_the_last",
    )


def histories(returned, batches=0):
    """The two lists of losses; `batches` is how many batches the training had, where that is known.

    Raises:
        Mismatch: they aren't what they should be.
    """
    keys = ("train_loss", "validation_loss")
    expect.that(
        isinstance(returned, dict),
        f"train_model should return a dict of two lists, but returned {described(returned)}.",
        "returns_no_history" if returned is None else "returns_a_tuple" if isinstance(returned, tuple) else None,
    )
    missing = [key for key in keys if key not in returned]
    for key in keys:
        expect.that(
            key in returned,
            f"The dict should have the key {key}; it has {', '.join(map(repr, list(returned)[:8]))}.",
            "no_validation_loss"
            if missing == ["validation_loss"] and len(returned) == 1
            else "other_keys"
            if missing == list(keys) and len(returned) == 2
            else None,
        )
        entries = returned[key] if isinstance(returned[key], list | tuple) else [returned[key]]
        expect.that(
            not any(getattr(entry, "requires_grad", False) for entry in entries),
            f"{key} holds tensors that still carry their graph; expected plain numbers.",
            "losses_with_their_graph",
        )
    lists = []
    for key in keys:
        array = numbers(returned[key])
        expect.that(
            array is not None and array.ndim == 1 and len(array) > 0,
            f"{key} should be a list of numbers, one for each epoch, but is "
            f"{described(returned[key]) if array is None else f'of shape {array.shape}'}.",
            "last_losses_alone" if array is not None and array.ndim == 0 else None,
        )
        lists.append(array)
    lengths = [len(array) for array in lists]
    expect.that(
        lengths[0] == lengths[1],
        f"train_loss has {lengths[0]} entries and validation_loss {lengths[1]}; expected one of each for every epoch.",
        "a_loss_for_every_batch" if lengths[0] == batches else None,
    )
    for key, array in zip(keys, lists, strict=True):
        expect.that(bool(np.isfinite(array).all()), f"Some of {key} is infinite or nan.")
    return lists


@grades("test_train_model", weight=2, diagnose=False)
def test_train_model_losses(student, samples, seed):
    """The losses that it returns are what it says: means over pictures, of training and of validation."""
    long, short = long_training(student, samples, seed), short_training(student, samples, seed)
    train_loss, validation_loss = histories(long.returned)
    expect.that(
        len(train_loss) < 2 or not np.array_equal(train_loss, validation_loss),
        "train_loss and validation_loss are the same numbers: one of them isn't what it says.",
        "validation_is_training_loss",
    )
    for training, losses in ((long, validation_loss), (short, histories(short.returned)[1])):
        known_mistake(training, losses)
    plausible(long, train_loss, validation_loss)


NAMED = {
    "the mean of the batches' means, in which a short last batch counts as much as a full one": "mean_of_the_batches",
    "the sum of the batches' means": "sum_of_the_batches",
    "the sum of the batches' means divided by the number of pictures": "divided_twice",
    "the mean over the last batch alone": "last_batch_alone",
    "share of right answers": "accuracy_for_loss",
    "share of right answers, in percent": "percent_right",
}
"""The misconceptions that such a validation loss stands for."""


def known_mistake(training, losses):
    """Expect that the last and the lowest validation loss are no numbers that come of a known mistake.

    The network that is left is that of the last epoch or of the best: some entry belongs to it. A mistake is named
    where a number agrees to five digits; whoever uses another criterion, or averages weights, is let pass.
    """
    got, labels, size = training.validation, training.validation_labels, training.validation_batch
    n = len(labels)
    last_or_lowest = np.array([losses[-1], losses.min()])
    if any(among(losses, float(cross_entropies(got, labels, smoothing).mean())) for smoothing in SMOOTHING):
        return
    for smoothing in (0.0, 0.1):
        each = cross_entropies(got, labels, smoothing)
        mean = float(each.mean())
        batches = [float(batch.mean()) for batch in np.split(each, range(size, n, size))]
        mistakes = {
            "the mean of the batches' means, in which a short last batch counts as much as a full one": np.mean(
                batches
            ),
            "the sum of the batches' means": sum(batches),
            "the sum over all pictures": each.sum(),
            "the sum of the batches' means divided by the number of pictures": sum(batches) / n,
            "the mean divided by the size of a batch": mean / size,
            "the mean over the last batch alone": batches[-1],
            "a hundred times the mean": 100 * mean,
            "minus the mean": -mean,
        }
        for what, value in mistakes.items():
            expect.that(
                not among(last_or_lowest, float(value), 1e-5) or abs(value / mean - 1) < 1e-3,
                f"An entry of validation_loss is {float(value):.6g}, which is {what}; the mean over all pictures, "
                f"each counting the same, is {mean:.6g}.",
                NAMED.get(what),
            )
    right = share(got, labels)
    for what, value in {"share of right answers": right, "share of wrong answers": 1 - right}.items():
        for factor, unit in ((1, ""), (100, ", in percent")):
            expect.that(
                value in (0, 1) or not among(last_or_lowest, factor * value, 1e-7),
                f"An entry of validation_loss is {factor * value:.6g}: the {what}{unit}; expected the loss.",
                NAMED.get(what + unit),
            )


def among(losses, value, rtol=1e-4):
    """Whether one of the losses is the value."""
    return bool(np.any(np.abs(losses - value) <= rtol * abs(value)))


def plausible(training, train_loss, validation_loss):
    """Expect losses of the size that the final network's have: wide bounds, which the mistakes miss by far."""
    family = losses_of(training.validation, training.validation_labels)
    low, high = min(family) / 5, max(max(family), np.log(10)) * 5
    expect.that(
        bool(np.any((validation_loss >= low) & (validation_loss <= high))),
        f"The entries of validation_loss lie between {validation_loss.min():.4g} and {validation_loss.max():.4g}; "
        f"the mean cross-entropy of the validation pictures after the training is {family[0]:.4g}.",
    )
    for smoothing in SMOOTHING:
        if among(
            validation_loss, float(cross_entropies(training.validation, training.validation_labels, smoothing).mean())
        ):
            final = float(cross_entropies(training.training, training.training_labels, smoothing).mean())
            # A first epoch's mean is above the loss at the end; none is far above an untrained network's.
            expect.that(
                float(train_loss.max()) >= 0.4 * final and float(train_loss.min()) <= 5 * np.log(10),
                f"The entries of train_loss lie between {train_loss.min():.4g} and {train_loss.max():.4g}; "
                f"the mean cross-entropy of the training pictures after the training is {final:.4g}.",
            )
            return


def losses_of(got, labels):
    """The mean loss by the criteria that students choose; cross-entropy comes first."""
    logits, targets = torch.tensor(got), torch.tensor(np.asarray(labels).astype(np.int64))
    ones, chances = F.one_hot(targets, 10).double(), torch.softmax(logits, dim=1)
    each = F.cross_entropy(logits, targets, reduction="none")
    focal = (each * (1 - chances.gather(1, targets[:, None])[:, 0]) ** 3).mean()
    found = [
        *(F.cross_entropy(logits, targets, label_smoothing=smoothing) for smoothing in SMOOTHING),
        *(F.mse_loss(logits, ones), F.mse_loss(chances, ones), F.l1_loss(chances, ones)),
        *(F.binary_cross_entropy_with_logits(logits, ones), F.multi_margin_loss(logits, targets), focal),
    ]
    return [float(value) for value in found]


@grades("test_train_model", weight=2, diagnose=False)
def test_train_model_gradients(student, samples, seed):
    """Each step uses the gradient of its own batch: what the steps before have left in .grad is cleared."""
    short = short_training(student, samples, seed)
    stale, all_of_them = short.heard["gradients on stale ones"], short.heard["gradients"]
    # A parameter's first gradient is added to nothing; where all is cleared once an epoch, so is each epoch's first.
    epochs, parameters = short.served["pictures"] // FEW, short.parameters
    fresh = all_of_them - stale
    mistake = {parameters: "no_zero_grad", parameters * epochs: "cleared_once_an_epoch"}.get(fresh)
    expect.that(
        stale < 2 or stale < all_of_them / 2,
        f"In {stale} of {all_of_them} cases a parameter's new gradient was added to one from before the last step. "
        "backward() adds to what stands in .grad.",
        mistake if epochs > 1 else None,
    )


@grades("test_train_model", diagnose=False)
def test_train_model_validation_mode(student, samples, seed):
    """Validation happens in evaluation mode."""
    training = short_training(student, samples, seed)
    passes, in_training = training.heard["passes"], training.heard["passes in training"]
    expect.that(
        passes == 0 or in_training < passes or not training.modes_differ,
        "All passes of validation pictures went through the network in training mode, in which it answers differently; "
        "expected evaluation mode.",
        "validates_in_training_mode",
    )


@grades("test_train_model", weight=2, diagnose=False)
def test_train_model_validation_pictures(student, samples, seed):
    """It learns from the pictures of train_loader, all of them, and never from those of validation_loader."""
    short = short_training(student, samples, seed)
    learned = share(short.validation, short.validation_labels)
    expect.that(
        learned <= 0.5,
        f"With wrong labels in validation_loader, the trained network gives just these wrong answers to {learned:.0%} "
        "of its pictures: it was trained on them.",
        "trains_on_both" if short.served["pictures"] else "trains_on_validation",
    )
    long, n = long_training(student, samples, seed), len(samples.shipped(FILE)[0])
    served, entries = long.served, numbers(long.returned["train_loss"]) if is_history(long.returned) else None
    epochs = 0 if entries is None else entries.size
    batches = {BATCH: "first_batch_again_and_again", BATCH * epochs: "one_batch_an_epoch"}
    expect.that(
        served["different"] == 0 or served["different"] >= n / 2,
        f"The training took {served['different']} different pictures out of train_loader, which holds {n}.",
        batches.get(served["pictures"]) if epochs > 1 else None,
    )


def is_history(returned):
    """Whether it is a dict with a list of training losses."""
    return isinstance(returned, dict) and "train_loss" in returned


# --- final accuracy ------------------------------------------------------------------------------------------


def reads(student, samples, seed, asked):
    """Expect the trained network to read this share of the hidden pictures, and to have learned that here."""
    training = long_training(student, samples, seed)
    expect.that(training.known <= TOO_MUCH_FROM_NONE, knew_before(training.known))
    try:
        short = short_training(student, samples, seed)
    except Mismatch:
        raise
    except Exception:  # It has cost its points in train_model.
        short = None
    if short is not None:
        few = share(short.hidden, short.hidden_labels)
        expect.that(
            few <= TOO_MUCH_FROM_FEW,
            f"Trained on {FEW} pictures only, the network reads {few:.0%} of the hidden ones. That can't be learned "
            f"from {FEW} pictures, so it was learned elsewhere; a network must be trained from scratch.",
        )
    got = share(training.hidden, training.hidden_labels)
    expect.that(
        got >= asked,
        f"After the training the network read {got:.1%} of the hidden pictures rightly; asked are {asked:.0%}.",
    )


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy_first_step(student, samples, seed):
    """Your network, trained by your train_model, reads at least 65 % of clothes that it has never seen."""
    reads(student, samples, seed, STEPS[0])


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy_second_step(student, samples, seed):
    """It reads at least 75 % of them."""
    reads(student, samples, seed, STEPS[1])


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy_third_step(student, samples, seed):
    """It reads at least 85 % of them."""
    reads(student, samples, seed, STEPS[2])
