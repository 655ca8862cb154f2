"""Hidden tests of ps5: the student's network, trained by the student's training, judged by what comes out of it.

Criterion, optimizer and schedule are the student's. So the bookkeeping of `train_model` is tested on the student's
network with known outputs: whatever it learns, every loss is known, and outputs tell of a mistake by pointing to
another class (`autograder.authoring.known_losses`). What earns points is the losses that come back, never what code in
the student's process says about itself.

One training at full length serves everything else. Its task is drawn afresh (`autograder.authoring.fresh_task`), and
the network's first weights are shuffled: what was learned elsewhere is worth nothing there.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from autograder.authoring import (
    Mismatch,
    StudentRaised,
    WorkerLost,
    described,
    expect,
    grades,
    kept_for,
    measure,
    numbers,
    tools_of,
)
from autograder.authoring.fresh_task import FreshTask
from autograder.authoring.known_losses import HEIGHT, Setting, expected, explained

FILE = "fashion_mnist.npz"
SCALE = (0.2860, 0.3530)
"""Mean and standard deviation that the notebook's `load_fashion_mnist` normalises with."""
SECONDS = 80.0
"""CPU seconds for a training; the notebook promises 60, and machines differ."""
BATCH, VALIDATION_BATCH = 64, 500
"""Images a batch, as in the notebook: a design is made for them."""
STEPS = (0.55, 0.70, 0.835)
"""Shares of hidden images, from measured spreads: see docs/accuracy.md."""
TOO_MUCH_FROM_NONE = 0.75
"""Share that a linear map reads off the ten scores of an untrained network: below 0.62 for designs of all kinds."""
LEARNED = 0.15
"""Share of new images from which on something was learned: guessing brings 0.10 ± 0.005."""
NEAR = 0.3
"""How far, in parts of it, a validation loss may be from that of the network which is left."""
KEYS = ("train_loss", "validation_loss")
PLAIN = (
    ("flatten", "Flatten", {}),
    ("fc", "Linear", {"in_features": 784, "out_features": 32}),
    ("relu", "ReLU", {}),
    ("dropout", "Dropout", {"p": 0.2}),
    ("logits", "Linear", {"in_features": 32, "out_features": 10}),
)
"""The grader's network, for a train_model whose build_model doesn't work."""


# --- build_model ---------------------------------------------------------------------------------------------


def noise(rng, n):
    """n noise images (n, 1, 28, 28)."""
    return torch.tensor(rng.normal(size=(n, 1, 28, 28)), dtype=torch.float32)


def scores(student, model, images, when, scale=(0.0, 1.0), **settings):
    """The ten scores that the model gives each image, as a float64 array."""
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
    """It takes n images (n, 1, 28, 28) to scores (n, 10), for every n."""
    model = a_model(student)
    for n in (7, 1, 10, 32):
        got = scores(student, model, noise(rng, n), f"For {n} image{'s' * (n > 1)}")
        expect.that(bool(np.isfinite(got).all()), "The scores of a fresh network should be finite numbers.")


@grades("test_build_model", weight=2)
def test_build_model_logits(student, rng):
    """The scores are raw logits: no probabilities, no logarithms of them."""
    got = scores(student, a_model(student), 3 * noise(rng, 50), "For 50 images")
    sums, logs = got.sum(axis=1), np.log(np.exp(np.clip(got, -500, 500)).sum(axis=1))
    expect.that(
        float(np.abs(sums - 1).max()) > 1e-3,
        "The scores of each image sum to 1: these are probabilities; expected raw logits.",
    )
    expect.that(
        float(np.abs(logs).max()) > 1e-3,
        "The exponentials of each image's scores sum to 1: these are logarithms of probabilities; expected raw logits.",
    )
    expect.that(bool((got < 0).any()), "No score is negative, whatever the image: something stands behind the logits.")


@grades("test_build_model")
def test_build_model_answers_depend_on_the_image(student, rng):
    """Each image is scored by itself: other images in the batch and their order make no difference."""
    model, images = a_model(student), noise(rng, 12)
    together = scores(student, model, images, "For 12 images")
    expect.that(float(np.ptp(together, axis=0).max()) > 1e-7, "All images get the same scores, whatever they show.")
    order = rng.permutation(12)
    turned = scores(student, model, images[order], "For 12 images")
    expect.close(turned, together[order], "the scores of the same 12 images in another order", rtol=1e-3)
    for n, of_them in ((5, "five images alone"), (1, "an image alone")):
        apart = scores(student, model, images[:n], f"For {of_them}")
        expect.close(apart, together[:n], f"the scores of {of_them} instead of among 12", rtol=1e-3)


@grades("test_build_model", weight=2)
def test_build_model_fresh(student, rng):
    """Each call makes another network, with fresh random weights that can be trained."""
    one, other = a_model(student), a_model(student)
    images = noise(rng, 5)
    got, others = (scores(student, model, images, "For 5 images") for model in (one, other))
    tools_of(student, SECONDS).take_steps(one, images, rng.integers(10, size=5), 3)
    after = scores(student, one, images, "After three steps of gradient descent")
    if np.array_equal(got, after):
        trainable = tools_of(student).requires_grad(one)  # It explains, and decides nothing.
        mistake = "all_frozen" if trainable and not any(trainable.values()) else None
        expect.that(
            False,
            "Three steps of gradient descent on all of its parameters leave the network's scores as they were: "
            "it has no parameter that can be trained.",
            mistake if trainable else "weights_in_no_layer",
        )
    expect.that(
        not np.array_equal(got, others),
        "Two calls of build_model() gave networks with the same answers; expected fresh random weights each time.",
    )


@grades("test_build_model", weight=2)
def test_build_model_untrained(student, samples):
    """It has learned nothing yet: its scores tell hardly more about clothes than random weights do."""
    share = known_before(student, a_model(student), samples)
    expect.that(share <= TOO_MUCH_FROM_NONE, knew_before(share), "trained_already")


def known_before(student, model, samples):
    """The share of clothes that a linear map tells apart by the scores of a network that isn't trained yet."""
    images, labels = (part[:2000] for part in samples.shipped(FILE))
    return readable(scores(student, model, images, "For clothes", SCALE), labels.astype(int))


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


# --- train_model: bookkeeping on known outputs ------------------------------------------------------------------

DEVIATIONS = ("stale", "backward on validation", "backward in evaluation", "validation in training")
"""The mistakes that outputs tell of, see `autograder.sandbox.known`."""
SIZES = (((31, 7), (20, 6)), ((26, 6), (23, 5)))
"""Of two settings: how many images each loader has, and how many make a batch; all last batches are short."""


@dataclass(frozen=True)
class Run:
    """A training on known outputs."""

    setting: Setting
    returned: Any
    record: dict[str, int]
    events: list[str]
    network: str | None
    """The name of the network's class."""

    def losses(self, key):
        """The losses under a key as an array; None where there are none."""
        value = self.returned.get(key) if isinstance(self.returned, dict) else None
        array = numbers(value)
        return None if array is None or array.ndim > 1 or not array.size else np.atleast_1d(array)

    @property
    def all_losses(self):
        """The losses of both lists; where they can't be found, all numbers that came back."""
        lists = [self.losses(key) for key in KEYS]
        return lists if all(found is not None for found in lists) else [np.array(list(flat(self.returned)))]


def flat(value, depth=0):
    """All numbers in what was returned."""
    array = None if isinstance(value, dict) else numbers(value)
    if array is not None:
        yield from array.ravel().tolist()
    elif isinstance(value, dict | list | tuple) and depth < 4:
        for part in value.values() if isinstance(value, dict) else value:
            yield from flat(part, depth + 1)


def differences(one, other):
    """By how much the losses of two runs differ, list by list, as far as both go on."""
    if len(one.all_losses) != len(other.all_losses):
        return [np.array([np.inf])]
    pairs = [(a[: len(b)], b[: len(a)]) for a, b in zip(one.all_losses, other.all_losses, strict=True)]
    return [np.where(np.isclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True), 0.0, b - a) for a, b in pairs]


def follows(changed):
    """Whether losses have followed outputs that changed for the worse: whatever they are, all move in one direction."""
    moved = [d for d in changed if d.any()]
    return bool(moved) and all(np.isfinite(d).all() and ((d >= 0).all() or (d <= 0).all()) for d in moved)


class Bookkeeping:
    """Trainings on known outputs, each made when it is first asked for and kept."""

    def __init__(self, student, samples, seed):
        rng = np.random.default_rng(seed)
        self._student = student
        self._settings = [Setting.drawn(rng, *sizes) for sizes in (*SIZES, *SIZES)]
        images = samples.shipped(FILE)[0]
        self._images = images[rng.permutation(len(images))[:100]]
        self._of_grader = False
        self._runs = {}
        if not self._own_network_serves():
            self._of_grader = True

    def _own_network_serves(self):
        """Whether the student's own network can be trained on; otherwise the grader's takes its place."""
        try:
            return self.is_computed()
        except (Mismatch, StudentRaised):
            return False

    @property
    def whose(self):
        """What the network is called in messages."""
        return "a network of the grader's" if self._of_grader else "your network"

    def run(self, *signs, setting=0, watched=False, control=False, again=False):
        """One training.

        Args:
            signs: what outputs tell of.
            setting: which one.
            watched: whether torch is to be watched, for what explains a mistake.
            control: whether validation images get other outputs.
            again: once more, to see whether the same comes back.
        """
        key = (self._of_grader, signs, setting, watched, control, again)
        if key not in self._runs:
            try:
                self._runs[key] = self._trained(*key[:-1])
            except (Mismatch, StudentRaised, WorkerLost) as error:
                self._runs[key] = error
        if isinstance(self._runs[key], Exception):
            raise self._runs[key]
        return self._runs[key]

    def _trained(self, of_grader, signs, which, watched, control):
        student, setting = self._student, self._settings[which]
        tools = tools_of(student)
        model = tools.network(PLAIN) if of_grader else a_model(student)
        # Layers that find out their sizes for themselves do it here.
        scores(student, model, self._images[:2], "Before training", SCALE)
        ours, theirs, other = setting.classes
        tools.known_outputs(model, (ours, other if control else theirs, other), signs, HEIGHT)
        dark = (self._images * 0.35).astype(np.uint8)
        loaders = [
            tools.pass_loader(images[: sum(part.sizes)], part.rows, part.sizes[0], SCALE)
            for images, part in ((dark, setting.training), (255 - dark, setting.validation))
        ]
        returned = student.train_model.within(SECONDS)(model, *loaders)
        events = tools.events() if watched else []
        return Run(setting, returned, tools.record(model), events, getattr(model, "type", None))

    def is_computed(self):
        """Whether the returned losses are those of the network, while it learns: they follow when its outputs change
        with its first step."""
        for signs in (DEVIATIONS, ()):
            if follows(differences(self.run(*signs), self.run(*signs, "learned"))):
                return self.is_all_right() or self.is_steady()
        return False

    def is_all_right(self):
        """Whether both lists are right, on outputs that would tell of every mistake."""
        return all(self.is_right(part, *DEVIATIONS) for part in ("training", "validation"))

    def is_steady(self):
        """Whether the same outputs and labels bring the same losses twice, as they do where losses are computed."""
        return not any(d.any() for d in differences(self.run(), self.run(again=True)))

    def explained(self, part, *signs):
        """What the losses in a list are, by the runs with these signs; None where it can't be told.

        Two settings are enough for what is right; more of them keep mistakes apart.
        """
        key = KEYS[part == "validation"]
        count = len(SIZES) if signs else len(self._settings)
        runs = [self.run(*signs, setting=setting) for setting in range(count)]
        observed = [(run.setting, run.losses(key)) for run in runs]
        if any(losses is None or not np.isfinite(losses).all() for _, losses in observed):
            return None
        return explained(observed, part)

    def is_right(self, part, *signs):
        """Whether a list's losses are right, by the runs with these signs."""
        found = self.explained(part, *signs)
        return found is not None and found.right

    def shows(self, sign, lists=slice(None)):
        """Whether the losses (of these lists, where there are two) show that sign.

        Raises:
            Mismatch: the losses aren't the same from call to call, so that nothing can be told.
        """
        if self.is_all_right():
            return False
        expect.that(
            self.is_steady(),
            f"Two calls of train_model with {self.whose}, with the same outputs and labels, returned different losses. "
            "They were not computed from the network that was handed in.",
        )
        changed = differences(self.run(), self.run(sign))
        return any(d.any() for d in (changed[lists] if len(changed) == len(KEYS) else changed))

    def measures_validation(self):
        """Whether the losses follow the outputs for validation images."""
        return any(d.any() for d in differences(self.run(), self.run(control=True)))

    def moves(self):
        """The calls that matter in a training, in order, as torch told of them in the student's process."""
        events = self.run(watched=True).events
        return [event for event in events if event in ("backward", "zero_grad", "step")]


def shared(make):
    """Let `make(student, samples, seed)` work only once for a submission; an error is kept and raised again."""

    def kept(student, samples, seed):
        done = kept_for(student)
        if make not in done:
            try:
                done[make] = make(student, samples, seed)
            except Exception as error:
                done[make] = error
        if isinstance(done[make], Exception):
            raise done[make]
        return done[make]

    return kept


@shared
def bookkeeping(student, samples, seed):
    """The trainings on known outputs."""
    # It is judged where it counts; but one that doesn't end is not tried again.
    with suppress(Mismatch, StudentRaised):
        long_training(student, samples, seed)
    return Bookkeeping(student, samples, seed)


def computed(student, samples, seed):
    """Bookkeeping that can be judged: losses that were computed, of a network that learns by gradient steps.

    Raises:
        Mismatch: they weren't.
    """
    books = bookkeeping(student, samples, seed)
    if not books.is_computed():
        same = not any(d.any() for d in differences(books.run(), books.run("learned")))
        received = ", ".join(f"{value:.4g}" for value in np.concatenate(books.run().all_losses)[:6])
        came = "the same both times" if same else "other ones, but did not follow that change"
        expect.that(
            False,
            f"train_model was called twice with {books.whose}. In one of the two calls, the network's outputs had been "
            f"made to change after its first step. The losses that came back were {came}: "
            f"{received or 'no numbers'}. Either nothing was learned by steps of gradient descent, or the losses "
            "were not computed from the network that was handed in.",
            why_nothing_was_learned(books),
        )
    return books


def why_nothing_was_learned(books):
    """The mistake that leaves a network as it was, as far as torch tells of its moves."""
    returned, record = books.run().returned, books.run().record
    if not isinstance(returned, dict | tuple | list):
        kind = getattr(returned, "type", None)
        network = kind is not None and kind == books.run().network
        return "returns_no_history" if returned is None else "returns_the_network" if network else None
    found = books.explained("training")
    if found is not None and not found.right:
        return named("training", found)
    if record["learned"]:
        return None
    moves = books.moves()
    steps = [place for place, event in enumerate(moves) if event == "step"]
    if "backward" not in moves:
        return "no_backward" if steps else None
    if not record["backward"]:
        return "trains_a_new_network" if steps else None
    if not steps:
        return "no_step"
    if all(moves[:place][-2:] == ["backward", "zero_grad"] for place in steps):
        return "cleared_before_the_step"
    return "optimizer_of_another_network"


# --- the training at full length ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """What a training on a fresh task left behind, as data."""

    returned: Any
    known: float
    """What a linear map read off the scores of the network before, of clothes as they are."""
    before: np.ndarray
    """Scores of training images before, in evaluation mode; and of others afterwards."""
    training: np.ndarray
    validation: np.ndarray
    hidden: np.ndarray
    training_labels: np.ndarray
    validation_labels: np.ndarray
    hidden_labels: np.ndarray


def trained(student, model, samples, seed, sizes=(None, None, None)):
    """Train a network on a task drawn afresh; the hidden images are sent when the training is over, labels never."""
    rng = np.random.default_rng(seed)
    parts = samples.shipped(FILE), samples.shipped(FILE, "validation"), samples.hidden()
    parts = [(images[:n], labels[:n]) for (images, labels), n in zip(parts, sizes, strict=True)]
    task = FreshTask(rng, parts[0][0])
    images, validation_images, hidden_images = (task.images(part[0]) for part in parts)
    labels, validation_labels, hidden_labels = (task.labels(part[1]) for part in parts)
    # Scores first: layers that find out their sizes for themselves have no weights before.
    known = known_before(student, model, samples)
    tools_of(student).shuffle_weights(model, int(rng.integers(2**31)))
    before = scores(student, model, images[:2000], "Before training", task.scale)
    loader = tools_of(student).loader(images, labels, BATCH, task.scale, shuffle=True)
    validation_loader = tools_of(student).loader(validation_images, validation_labels, VALIDATION_BATCH, task.scale)
    returned = student.train_model.within(SECONDS)(model, loader, validation_loader)
    ask = partial(scores, student, model, when="After training", scale=task.scale)
    return Training(
        returned=returned,
        known=known,
        before=before,
        training=ask(images=images[:2000]),
        validation=ask(images=validation_images),
        hidden=ask(images=hidden_images),
        training_labels=labels[:2000],
        validation_labels=validation_labels,
        hidden_labels=hidden_labels,
    )


@shared
def long_training(student, samples, seed):
    """The training that counts: the student's network, all images that ship."""
    return trained(student, a_model(student), samples, seed)


@shared
def stand_in_training(student, samples, seed):
    """A short one of the grader's network, for a train_model whose build_model doesn't work."""
    return trained(student, tools_of(student).network(PLAIN), samples, seed, (2000, 500, 1000))


def by_either(student, samples, seed, judge):
    """Judge the training of the student's network; where that fails, a network of the grader's may stand in for it.

    A mistake in build_model costs its points there. A mistake in train_model shows on both networks.
    """
    try:
        judge(long_training(student, samples, seed))
    except (Mismatch, StudentRaised) as error:
        try:
            judge(stand_in_training(student, samples, seed))
        except (Mismatch, StudentRaised):
            raise error from None


def share(got, labels):
    """The share of images classified correctly."""
    return float(np.mean(got.argmax(axis=1) == labels))


def cross_entropies(got, labels, smoothing=0.0):
    """Each image's cross-entropy."""
    logits, targets = torch.tensor(got), torch.tensor(np.asarray(labels).astype(np.int64))
    return F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing).numpy()


# --- train_model -----------------------------------------------------------------------------------------------


@grades("test_train_model", weight=3, diagnose=False, stand_ins=False)
def test_train_model_learns(student, samples, seed):
    """It trains the very network that it was handed: the loss of training images falls, by gradient steps."""
    books = computed(student, samples, seed)

    def judge(training):
        expect.that(
            bool(np.isfinite(training.training).all()), "After train_model the network's scores are infinite or nan."
        )
        expect.that(
            not np.array_equal(training.before, training.training),
            "After train_model the network that was handed in answers as it did before. "
            "Whatever was trained, it wasn't this network.",
            None if books.run().record["backward"] else "trains_a_copy",
        )
        before, after = (
            float(cross_entropies(got, training.training_labels).mean()) for got in (training.before, training.training)
        )
        learned = share(training.hidden, training.hidden_labels)
        expect.that(
            after < before and learned >= LEARNED,
            f"The mean cross-entropy of training images was {before:.3f} before train_model and is {after:.3f} after "
            f"it, and {learned:.1%} of new images are classified correctly (guessing: 10%). Expected the loss to fall "
            f"and at least {LEARNED:.0%}.",
        )

    by_either(student, samples, seed, judge)


@grades("test_train_model", diagnose=False, stand_ins=False)
def test_train_model_history(student, samples, seed):
    """It returns a dict of two lists of plain numbers, with one entry for each epoch."""
    books = computed(student, samples, seed)
    run = books.run()
    histories(run)
    lengths = {len(run.losses(key)) for key in KEYS}
    found = [books.explained(part) for part in ("training", "validation")]
    if lengths == {1} and all(entry is not None and entry.start > 0 for entry in found):
        epochs = max(entry.start for entry in found) + 1
        expect.that(
            False,
            f"Each list has a single entry, and it is the loss of epoch {epochs}; expected {epochs} entries, "
            "one for each epoch.",
            "lists_of_the_last",
        )


def histories(run):
    """Expect two lists of losses.

    Raises:
        Mismatch: they aren't what they should be.
    """
    returned, batches = run.returned, len(run.setting.training.sizes)
    expect.that(
        isinstance(returned, dict),
        f"train_model should return a dict of two lists, but returned {described(returned)}.",
        "returns_no_history" if returned is None else "returns_a_tuple" if isinstance(returned, tuple) else None,
    )
    missing = [key for key in KEYS if key not in returned]
    for key in KEYS:
        expect.that(
            key in returned,
            f"The dict should have the key {key}; it has {', '.join(map(repr, list(returned)[:8]))}.",
            "no_validation_loss"
            if missing == ["validation_loss"] and len(returned) == 1
            else "other_keys"
            if missing == list(KEYS) and len(returned) == 2
            else None,
        )
        entries = returned[key] if isinstance(returned[key], list | tuple) else [returned[key]]
        expect.that(
            not any(getattr(entry, "requires_grad", False) for entry in entries),
            f"{key} holds tensors that still carry their graph; expected plain numbers.",
            "losses_with_their_graph",
        )
    lists = []
    for key in KEYS:
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
        "a_loss_for_every_batch" if lengths[0] == batches * lengths[1] else None,
    )
    for key, array in zip(KEYS, lists, strict=True):
        expect.that(bool(np.isfinite(array).all()), f"Some of {key} is infinite or nan.")


NAMED = {
    "training": {
        "the sum of the batches' means": "training_loss_summed",
        "the sum of the batches' means divided by the number of images": "training_loss_divided_twice",
        "the mean of the batches' means, in which a short last batch counts as much as a full one": (
            "training_mean_of_the_batches"
        ),
        "the mean over the last batch alone": "training_loss_of_the_last_batch",
        "the mean over the first batch alone": "one_batch_an_epoch",
        "a sum that goes on from epoch to epoch, divided by the number of images": "sum_never_reset",
        "a mean over all epochs so far": "sum_and_count_never_reset",
        "the mean over the batches of the other loader": "trains_on_validation",
        "the mean over the batches of both loaders": "trains_on_both",
        "what a softmax over the batch instead of the classes gives": "softmax_over_the_batch",
    },
    "validation": {
        "the mean of the batches' means, in which a short last batch counts as much as a full one": (
            "mean_of_the_batches"
        ),
        "the sum of the batches' means": "sum_of_the_batches",
        "the sum of the batches' means divided by the number of images": "divided_twice",
        "the mean over the last batch alone": "last_batch_alone",
        "the mean over the last batch divided by the number of batches": "last_batch_divided",
        "the share classified correctly": "accuracy_for_loss",
        "the percentage classified correctly": "percent_right",
        "the mean over the batches of the other loader": "validates_on_the_training_loader",
        "a sum that goes on from epoch to epoch, divided by the number of images": "validation_sum_never_reset",
        "what a softmax over the batch instead of the classes gives": "softmax_over_the_batch",
    },
}
"""The misconceptions that such losses stand for."""


def averages(student, samples, seed, part):
    """Expect a list to hold the mean losses of all images of its loader, epoch by epoch."""
    books = computed(student, samples, seed)
    if books.is_right(part, *DEVIATIONS):
        return
    found = books.explained(part)
    if found is not None and found.right:
        return
    run, key = books.run(), KEYS[part == "validation"]
    losses = run.losses(key)
    expect.that(losses is not None, f"There is no list {key} of numbers to look at.")
    others = run.losses(KEYS[part == "training"])
    if part == "validation" and others is not None and len(losses) == len(others) and np.allclose(losses, others):
        expect.that(
            False,
            "train_loss and validation_loss are the same numbers, for loaders with different images and labels.",
            "validation_is_training_loss",
        )
    wanted = expected(run.setting, part, len(losses))
    place = int(np.argmax(np.abs(np.nan_to_num(losses - wanted, nan=np.inf))))
    n = sum((run.setting.training if part == "training" else run.setting.validation).sizes)
    expect.that(
        False,
        f"On {books.whose}, with outputs for which every loss is known, entry {place + 1} of {key} should be "
        f"{wanted[place]:.5g}: the mean cross-entropy of all {n} images, each counting the same. It is "
        f"{losses[place]:.5g}" + (f": {found.what}." if found is not None else ", which no mean of a loss explains."),
        named(part, found) if found is not None and (part == "training" or follows_validation(books, found)) else None,
    )


def follows_validation(books, found):
    """Whether validation losses are those of validation images, as far as their explanation says so."""
    return "other loader" in found.what or books.measures_validation()


def named(part, found):
    """The misconception that such losses stand for."""
    mistake = NAMED[part].get(found.what)
    return "first_batch_again_and_again" if mistake == "one_batch_an_epoch" and not found.stride else mistake


@grades("test_train_model", weight=2, diagnose=False, stand_ins=False)
def test_train_model_training_loss(student, samples, seed):
    """Each entry of train_loss is the mean over all images of train_loader in that epoch."""
    averages(student, samples, seed, "training")


@grades("test_train_model", weight=2, diagnose=False, stand_ins=False)
def test_train_model_validation_loss(student, samples, seed):
    """Each entry of validation_loss is the mean over all images of validation_loader after that epoch."""
    averages(student, samples, seed, "validation")


@grades("test_train_model", diagnose=False, stand_ins=False)
def test_train_model_last_loss(student, samples, seed):
    """The last validation loss is that of the network which train_model leaves behind."""
    computed(student, samples, seed)

    def judge(training):
        returned = training.returned if isinstance(training.returned, dict) else {}
        losses = numbers(returned.get("validation_loss"))
        expect.that(losses is not None and losses.size > 0, "There are no losses under the key validation_loss.")
        losses = losses.ravel()
        family = losses_of(training.validation, training.validation_labels)
        # Weights that are averaged or put back at the end are those of another moment, and not far from the last.
        near = any(abs(loss / known - 1) <= NEAR for loss in (losses[-1], losses.min()) for known in family if known)
        expect.that(
            bool(near),
            f"The last entry of validation_loss is {losses[-1]:.4g} and the lowest {losses.min():.4g}; the mean "
            f"cross-entropy of the validation images, computed from the scores of the network after the training, "
            f"is {family[0]:.4g}.",
        )

    by_either(student, samples, seed, judge)


def losses_of(got, labels):
    """The mean loss by the criteria that students choose; cross-entropy comes first."""
    logits, targets = torch.tensor(got), torch.tensor(np.asarray(labels).astype(np.int64))
    ones, chances = F.one_hot(targets, 10).double(), torch.softmax(logits, dim=1)
    each = F.cross_entropy(logits, targets, reduction="none")
    focal = (each * (1 - chances.gather(1, targets[:, None])[:, 0]) ** 3).mean()
    squares = F.mse_loss(chances, ones)
    found = [
        *(F.cross_entropy(logits, targets, label_smoothing=smoothing) for smoothing in (0.0, 0.1, 0.2)),
        *(F.mse_loss(logits, ones), squares, 10 * squares, F.l1_loss(chances, ones)),
        *(F.binary_cross_entropy_with_logits(logits, ones), F.multi_margin_loss(logits, targets), focal),
    ]
    return [float(value) for value in found]


@grades("test_train_model", diagnose=False, stand_ins=False)
def test_train_model_validation_mode(student, samples, seed):
    """Validation happens in evaluation mode."""
    books = computed(student, samples, seed)
    if books.is_right("validation", *DEVIATIONS):
        return
    expect.that(
        books.measures_validation(), "Nothing in the returned losses depends on how validation images are classified."
    )
    expect.that(
        not books.shows("validation in training", slice(1, None)),
        "The losses differ for a network that answers validation images in another way in training mode: "
        "they went through it in training mode. Expected evaluation mode.",
        "validates_in_training_mode",
    )


@grades("test_train_model", diagnose=False, stand_ins=False)
def test_train_model_training_mode(student, samples, seed):
    """Every epoch learns in training mode, not only the first."""
    books = computed(student, samples, seed)
    expect.that(
        not books.shows("backward in evaluation"),
        "After backward passes in evaluation mode, the network was made to answer in another way, and the losses "
        "show it: dropout is off in that part of the training. Expected training mode for every epoch.",
        "never_back_to_training"
        if books.run().record["backward"] > books.run().record["backward in evaluation"]
        else "trains_in_evaluation_mode",
    )


@grades("test_train_model", weight=2, diagnose=False, stand_ins=False)
def test_train_model_gradients(student, samples, seed):
    """Each step uses the gradient of its own batch: what the steps before have left in .grad is cleared."""
    books = computed(student, samples, seed)
    record = books.run().record
    expect.that(
        not books.shows("stale"),
        "A network that answers in another way once new gradients have been added to some from before the last step "
        "shows it: the losses change. backward() adds to what stands in .grad.",
        "cleared_once_an_epoch" if record["fresh"] else "no_zero_grad",
    )


@grades("test_train_model", weight=2, diagnose=False, stand_ins=False)
def test_train_model_validation_images(student, samples, seed):
    """It learns from the images of train_loader, and never from those of validation_loader."""
    books = computed(student, samples, seed)
    if not books.shows("backward on validation"):
        return
    mistake = why_validation_taught(books)
    expect.that(
        False,
        "A network that answers in another way after the first backward pass from a validation loss shows it: the "
        "losses change. Validation only measures; no gradient may come of its images.",
        mistake,
    )


def why_validation_taught(books):
    """The mistake by which gradients of validation images came about, as far as torch tells of its moves."""
    found = books.explained("training")
    mistake = None if found is None else named("training", found)
    if found is None or not found.right:
        return mistake if mistake in ("trains_on_validation", "trains_on_both") else None
    record, moves = books.run().record, books.moves()
    if moves.count("step") == moves.count("backward"):
        return "steps_on_validation"
    return "validation_gradients_leak" if record["leaked"] else "backward_on_validation"


# --- final accuracy --------------------------------------------------------------------------------------------


def reads(student, samples, seed, asked):
    """Expect the trained network to classify this share of the hidden images correctly, and to have begun untrained."""
    training = long_training(student, samples, seed)
    expect.that(training.known <= TOO_MUCH_FROM_NONE, knew_before(training.known))
    got = share(training.hidden, training.hidden_labels)
    measure(student, "accuracy", got)
    expect.that(
        got >= asked,
        f"After the training the network classified {np.floor(10000 * got) / 100:.2f}% of the hidden images "
        f"correctly; asked are {100 * asked:g}%.",
    )


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy_first_step(student, samples, seed):
    """Your network, trained by your train_model, classifies at least 55 % of new images of clothes correctly."""
    reads(student, samples, seed, STEPS[0])


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy_second_step(student, samples, seed):
    """It classifies at least 70 % of them correctly."""
    reads(student, samples, seed, STEPS[1])


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy_third_step(student, samples, seed):
    """It classifies at least 83.5 % of them correctly, and has learned that by gradient steps."""
    reads(student, samples, seed, STEPS[2])
    computed(student, samples, seed)
