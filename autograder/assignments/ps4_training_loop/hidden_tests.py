"""Hidden tests of ps4: the student's loop must move the same weights along the same path as a right one.

Networks are small and start from secret weights; batches are few, of unequal size, and passed over more
than once, because equal batches, single batches and single epochs hide mistakes.
"""

from functools import partial
from itertools import pairwise

import numpy as np
import torch

from autograder.authoring import described, expect, grades, numbers, right_or_following, show_curve, tools_of

SMALL = (784, 7, 6, 10)
SCALE = (0.1307, 0.3081)
"""Mean and standard deviation that the notebook's `load_mnist` normalises with."""
FLOAT32 = 1e-3
"""Tolerance on weights, relative to how far a right loop moves them: mistakes differ by twice that and more."""


def layers(sizes):
    """The layers of a network as the notebook names them."""
    found = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes[:-1]), start=1):
        found += [(f"fc{i}", "Linear", {"in_features": inputs, "out_features": outputs}), (f"relu{i}", "ReLU", {})]
    return [*found, ("logits", "Linear", {"in_features": sizes[-2], "out_features": sizes[-1]})]


def secret_weights(rng, sizes=SMALL):
    """Generic weights and biases, of the size that keeps signals alive."""
    weights = {}
    for name, _, size in (layer for layer in layers(sizes) if layer[1] == "Linear"):
        shape = (size["out_features"], size["in_features"])
        weights[f"{name}.weight"] = tensor(rng.normal(size=shape) * np.sqrt(2 / shape[1]))
        weights[f"{name}.bias"] = tensor(rng.normal(size=shape[0]) * 0.3)
    return weights


def tensor(array):
    """A float32 tensor."""
    return torch.tensor(np.asarray(array), dtype=torch.float32)


def pictures(rng, n):
    """n noise pictures (n, 1, 28, 28) with labels of every kind."""
    return tensor(rng.normal(size=(n, 1, 28, 28))), torch.tensor(rng.integers(0, 10, size=n))


class Bench:
    """One side's network, criterion and optimizer, built where that side's functions are."""

    def __init__(self, who, weights, lr=0.1, smoothing=0.0, sizes=SMALL, **settings):
        self.who = who
        self.model = tools_of(who).network(layers(sizes), weights)
        self.criterion = tools_of(who).new("torch.nn.CrossEntropyLoss", label_smoothing=smoothing)
        self.optimizer = tools_of(who).optimizer(self.model, "SGD", lr=lr, **settings)

    def step(self, images, labels):
        """One call of train_step; its loss."""
        tools_of(self.who).watch()
        try:
            return self.who.train_step(self.model, images, labels, self.criterion, self.optimizer)
        finally:
            tools_of(self.who).events()

    def train(self, images, labels, batch_size, epochs, *print_every):
        """One call of train over a loader in fixed order; its losses."""
        loader = tools_of(self.who).loader(images, labels, batch_size)
        tools_of(self.who).watch()
        try:
            return self.who.train(self.model, loader, self.criterion, self.optimizer, epochs, *print_every)
        finally:
            self.made = tools_of(self.who).optimizers_made()
            tools_of(self.who).events()

    @property
    def weights(self):
        return tools_of(self.who).weights(self.model)


def same_weights(got, wanted, start, when):
    """Expect the same weights, to a thousandth of how far they had to move."""
    expect.that(set(got) == set(wanted), f"{when} the network has other parameters than before.")
    moved = {name: wanted[name] - start[name] for name in wanted}
    student_moved = {name: got[name] - start[name] for name in wanted}
    if all(not bool(m.any()) for m in student_moved.values()) and any(bool(m.any()) for m in moved.values()):
        expect.that(False, f"{when} the weights are what they were before: nothing was learned.")
    for name in wanted:
        expect.close(student_moved[name], moved[name], f"{when} the change of {name}", rtol=FLOAT32)


def no_graph(value, function):
    """Expect a number that holds no graph."""
    hangs = any(getattr(part, "requires_grad", False) for part in (value if isinstance(value, list) else [value]))
    expect.that(
        not hangs,
        f"{function} returned a tensor that still carries its graph; expected a plain number. "
        "Kept in a list, such losses keep every step's graph in memory.",
    )


# --- build_network -------------------------------------------------------------------------------------------


def rows(who, model):
    """A network's layers as (name, kind, inputs, outputs)."""
    return [(row["name"], row["kind"], row["in"], row["out"]) for row in tools_of(who).layers(model)]


def same_network(student, model, sizes, call):
    """Expect a Sequential of the right layers that computes what they say: raw logits."""
    kinds = tools_of(student).kind(model)
    expect.that(
        "torch.nn.modules.container.Sequential" in kinds,
        f"{call} should return an nn.Sequential, but returned an object of type {kinds[0].rpartition('.')[2]}.",
    )
    wanted = [(name, kind, size.get("in_features"), size.get("out_features")) for name, kind, size in layers(sizes)]
    got = rows(student, model)
    expect.that(
        [row[0] for row in got] == [row[0] for row in wanted],
        f"{call} should have the layers {', '.join(row[0] for row in wanted)}; "
        f"it has {', '.join(str(row[0]) for row in got) or 'none'}.",
    )
    for (name, kind, inputs, outputs), (_, right_kind, right_inputs, right_outputs) in zip(got, wanted, strict=True):
        expect.that(kind == right_kind, f"{call}: layer {name} should be a {right_kind}; it is a {kind}.")
        expect.that(
            (inputs, outputs) == (right_inputs, right_outputs),
            f"{call}: layer {name} should take {right_inputs} numbers to {right_outputs}; "
            f"it takes {inputs} to {outputs}.",
        )
    biased = [row["name"] for row in tools_of(student).layers(model) if row["kind"] == "Linear" and not row["bias"]]
    expect.that(not biased, f"{call}: {', '.join(biased)} should have a bias; there is none.")


@grades("test_build_network", weight=2)
def test_build_network_default(student):
    """Without arguments it is 784 → 128 → 64 → 10 with named layers."""
    same_network(student, student.build_network(), (784, 128, 64, 10), "build_network()")


@grades("test_build_network", weight=2)
def test_build_network_sizes(student, rng):
    """It has as many hidden layers, of such sizes, as it is asked for."""
    for count in (1, 3, 4):
        hidden = tuple(int(size) for size in rng.integers(3, 12, size=count))
        inputs, outputs = int(rng.integers(5, 20)), int(rng.integers(2, 8))
        call = f"build_network({inputs}, {hidden}, {outputs})"
        same_network(student, student.build_network(inputs, hidden, outputs), (inputs, *hidden, outputs), call)


@grades("test_build_network", weight=2)
def test_build_network_logits(student, reference, rng):
    """It puts out raw logits: linear layers with a ReLU between them, and nothing behind the last."""
    sizes = (12, 9, 8, 5)
    model = student.build_network(12, (9, 8), 5)
    same_network(student, model, sizes, "build_network(12, (9, 8), 5)")
    weights = {name: value * 3 for name, value in secret_weights(rng, sizes).items()}
    tools_of(student).set_weights(model, weights)
    inputs = tensor(rng.normal(size=(6, 12)))
    right = tools_of(reference).outputs(tools_of(reference).network(layers(sizes), weights), inputs)
    expect.close(tools_of(student).outputs(model, inputs), right, "the network's output", rtol=1e-5)


@grades("test_build_network")
def test_build_network_fresh(student):
    """Every call makes a new network with random weights, all of them trainable."""
    first, second = student.build_network(12, (9,), 5), student.build_network(12, (9,), 5)
    same_network(student, first, (12, 9, 5), "build_network(12, (9,), 5)")
    flags = tools_of(student).requires_grad(first)
    frozen = [name for name, flag in flags.items() if not flag]
    expect.that(not frozen, f"All parameters should be trainable; {', '.join(frozen)} are not.")
    one, other = tools_of(student).weights(first), tools_of(student).weights(second)
    same = [name for name in one if name.endswith("weight") and torch.equal(one[name], other[name])]
    expect.that(not same, f"Two networks should start from different random weights; {', '.join(same)} are the same.")


# --- train_step ----------------------------------------------------------------------------------------------


@grades("test_train_step", weight=2)
def test_train_step_moves(student, reference, rng):
    """One step moves every weight against its gradient, scaled by the learning rate."""
    start = secret_weights(rng)
    for n, lr in ((8, 0.1), (5, 0.03)):
        images, labels = pictures(rng, n)
        mine, right = (Bench(who, start, lr) for who in (student, reference))
        for bench in (mine, right):
            bench.step(images, labels)
        same_weights(mine.weights, right.weights, start, f"After one step with lr = {lr}")


@grades("test_train_step", weight=2)
def test_train_step_alone(student, reference, rng):
    """The update comes from this batch alone, whatever gradients stood there before."""
    start = secret_weights(rng)
    batches = [pictures(rng, n) for n in (8, 8, 5)]
    stale = {name: tensor(rng.normal(size=value.shape)) for name, value in start.items()}
    mine, right = (Bench(who, start) for who in (student, reference))
    for bench in (mine, right):
        tools_of(bench.who).set_gradients(bench.model, stale)
    for count, (images, labels) in enumerate(batches, start=1):
        for bench in (mine, right):
            bench.step(images, labels)
        same_weights(mine.weights, right.weights, start, f"After step {count}")


@grades("test_train_step", weight=2)
def test_train_step_loss(student, reference, rng):
    """It returns this batch's mean loss, as it was before the update."""
    start = secret_weights(rng)
    for n in (8, 5, 1):
        images, labels = pictures(rng, n)
        got, wanted = (Bench(who, start).step(images, labels) for who in (student, reference))
        expect.close(got, wanted, f"train_step(…) on a batch of {n}", rtol=1e-4)
        expect.unchanged(student._caller.left[1], images, "images", "train_step")
        no_graph(got, "train_step")


@grades("test_train_step")
def test_train_step_arguments(student, reference, rng):
    """It uses the criterion and the optimizer it is given, on flat pictures too."""
    start = secret_weights(rng)
    images, labels = pictures(rng, 6)
    mine, right = (Bench(who, start, lr=0.37, smoothing=0.3) for who in (student, reference))
    got, wanted = (bench.step(images.flatten(1), labels) for bench in (mine, right))
    expect.close(got, wanted, "train_step(…) with a criterion of its own kind", rtol=1e-4)
    same_weights(mine.weights, right.weights, start, "After one step with lr = 0.37")


# --- train ---------------------------------------------------------------------------------------------------


def followed(bench, images, labels, batch_size, epochs, print_every):
    """A right loop driven by the student's own train_step: the losses it returns, the weights it ends with."""
    losses, window, seen, start = [], [], set(), bench.weights
    for _ in range(epochs):
        for batch in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            window.append(float(bench.step(*batch)))
            seen.add(window[-1])
            if len(window) == print_every:
                losses.append(sum(window) / print_every)
                window = []
    end = bench.weights
    learned = any(not torch.equal(end[name], start[name]) for name in end)
    expect.that(learned or len(seen) > 1, "A train_step that does nothing gives nothing to follow.")
    return losses, end


def path(student, reference, start, lr, *loop, **settings):
    """What the student's train did, what a right one does, and what would follow from the student's train_step."""

    def ran(who):
        bench = Bench(who, start, lr, **settings)
        return bench.train(*loop), bench.weights

    got, wanted = ran(student), ran(reference)
    return got, wanted, lambda: followed(Bench(student, start, lr, **settings), *loop)


@grades("test_train", weight=3)
def test_train_weights(student, reference, rng):
    """After every epoch the weights are where a right loop leads, a short last batch included."""
    start = secret_weights(rng)
    images, labels = pictures(rng, 21)
    for epochs, lr in ((1, 0.05), (2, 0.1)):
        (_, got), wanted, following = path(student, reference, start, lr, images, labels, 8, epochs, 2)
        when = f"After {epochs} epoch{'s' * (epochs > 1)} of 3 batches with lr = {lr}"
        judge = partial(same_path, got, start, when)
        right_or_following(student, judge, wanted, following)


def same_path(got, start, when, wanted):
    """Expect the weights of the pair `wanted`, losses and weights."""
    same_weights(got, wanted[1], start, when)


@grades("test_train", weight=3)
def test_train_losses(student, reference, rng):
    """It returns the mean loss of every full window of steps, and windows run on across epochs."""
    start = secret_weights(rng)
    images, labels = pictures(rng, 21)
    for epochs, window in ((1, 2), (3, 2), (2, 4), (1, 5)):
        (got, _), wanted, following = path(student, reference, start, 0.1, images, labels, 8, epochs, window)
        what = f"train(…, epochs={epochs}, print_every={window}) over 3 batches"
        right_or_following(student, partial(same_losses, got, what), wanted, following)
        no_graph(got, "train")


def same_losses(got, what, wanted):
    """Expect the losses of the pair `wanted`, losses and weights."""
    losses = wanted[0]
    expect.that(
        isinstance(got, list | tuple | np.ndarray | torch.Tensor),
        f"{what} should return a list of floats, but returned {described(got)}.",
    )
    expect.that(
        len(got) == len(losses),
        f"{what} should return {len(losses)} losses, one for each full window; it returned {len(got)}.",
    )
    expect.close(got, losses, what, rtol=1e-4)


@grades("test_train")
def test_train_default_window(student, reference, rng):
    """Without `print_every` a window is 40 steps."""
    start = secret_weights(rng)
    images, labels = pictures(rng, 83)
    mine, right = (Bench(who, start, 0.02) for who in (student, reference))
    got, wanted = (bench.train(images, labels, 1, 1) for bench in (mine, right))
    right_or_following(
        student,
        partial(same_losses, got, "train(…) of 83 steps"),
        (wanted, None),
        lambda: followed(Bench(student, start, 0.02), images, labels, 1, 1, 40),
    )


@grades("test_train")
def test_train_loss_decreases(student, reference, rng):
    """Training lowers the loss on the pictures it was trained on."""
    start = secret_weights(rng)
    images, labels = pictures(rng, 36)
    (losses, got), wanted, following = path(student, reference, start, 0.05, images, labels, 8, 4, 2)
    show_curve(student, "4 epochs of 5 batches, a mean reported every 2 steps", losses, wanted[0])

    def loss(weights):
        # Recomputed here from the weights: what the student's code reports has no part in it.
        logits = tools_of(reference).outputs(tools_of(reference).network(layers(SMALL), weights), images, flat=True)
        return float(torch.nn.functional.cross_entropy(logits, labels))

    def judge(pair):
        before, after, reached = loss(start), loss(got), loss(pair[1])
        expect.that(
            after <= reached + 0.1 * abs(before - reached) or np.isnan([after, reached]).all(),
            f"In 4 epochs the loss on the training pictures should fall from {before:.4f} to about {reached:.4f}; "
            f"it went to {after:.4f}.",
        )

    right_or_following(student, judge, wanted, following)


@grades("test_train")
def test_train_keeps_the_optimizer(student, reference, rng):
    """It uses the criterion and the optimizer it is given, from the first batch to the last."""
    start = secret_weights(rng)
    images, labels = pictures(rng, 21)
    mine, right = (Bench(who, start, 0.05, momentum=0.9, smoothing=0.3) for who in (student, reference))
    (_, got), wanted = ((bench.train(images, labels, 8, 2, 2), bench.weights) for bench in (mine, right))

    def following():
        return followed(Bench(student, start, 0.05, momentum=0.9, smoothing=0.3), images, labels, 8, 2, 2)

    judge = partial(same_path, got, start, "After 2 epochs with a momentum of 0.9")
    if not mine.made:
        # Updating by hand, p -= lr * p.grad, leaves momentum out and is right all the same. Making a new optimizer
        # in the loop gives the very same weights, and is the mistake that this test is for.
        plain = Bench(reference, start, 0.05, smoothing=0.3)
        plain.train(images, labels, 8, 2, 2)
        following = either(judge, (None, plain.weights), following)
    right_or_following(student, judge, wanted, following)


def either(judge, wanted, following):
    """`wanted` where `judge` accepts it, else what `following` gives."""

    def choose():
        try:
            judge(wanted)
        except AssertionError:
            return following()
        return wanted

    return choose


# --- predict -------------------------------------------------------------------------------------------------


@grades("test_predict", weight=2)
def test_predict_values(student, reference, rng):
    """The probabilities are the softmax of the logits of each picture."""
    weights = {name: value * 2 for name, value in secret_weights(rng).items()}
    for n, flat in ((5, False), (1, False), (4, True)):
        images, _ = pictures(rng, n)
        images = images.flatten(1) if flat else images
        got, wanted = (
            who.predict(tools_of(who).network(layers(SMALL), weights), images) for who in (student, reference)
        )
        shape = "(n, 784)" if flat else "(n, 1, 28, 28)"
        sums_to_one(got, n)
        expect.close(got, wanted, f"predict(model, images), images {shape} with n = {n}", rtol=1e-4)


def sums_to_one(got, n):
    """Expect each row of probabilities to sum to 1, where `got` is an array with rows at all."""
    array = numbers(got)
    if array is not None and array.shape == (n, 10):
        what = f"the sum of each row of predict(model, images) for {n} picture{'s' * (n > 1)}"
        expect.close(array.sum(axis=1), np.ones(n), what, rtol=1e-4)


@grades("test_predict")
def test_predict_no_graph(student, reference, rng):
    """The probabilities carry no graph, nothing is learned, and autograd is left as it was."""
    weights = secret_weights(rng)
    model = tools_of(student).network(layers(SMALL), weights)
    images, _ = pictures(rng, 3)
    got = student.predict(model, images)
    expect.that(
        not getattr(got, "requires_grad", False),
        "predict(model, images) returned a tensor that requires a gradient; expected one without a graph.",
    )
    after = tools_of(student).weights(model)
    expect.that(all(torch.equal(after[name], weights[name]) for name in weights), "predict changed the weights.")
    expect.that(tools_of(student).grad_enabled(), "predict switched autograd off for everything that comes after it.")
    frozen = [name for name, flag in tools_of(student).requires_grad(model).items() if not flag]
    expect.that(not frozen, f"predict froze the model: {', '.join(frozen)} no longer require gradients.")
    sums_to_one(got, 3)
    expect.close(got, right_probabilities(reference, weights, images), "predict(model, images)", rtol=1e-4)


def right_probabilities(reference, weights, images):
    """What a right predict gives for the small network with these weights."""
    return reference.predict(tools_of(reference).network(layers(SMALL), weights), images)


@grades("test_predict")
def test_predict_mode(student, reference, rng):
    """The model's mode is what it was, training or evaluation."""
    weights = secret_weights(rng)
    images, _ = pictures(rng, 3)
    for training in (True, False):
        model = tools_of(student).network(layers(SMALL), weights)
        tools_of(student).set_training(model, training)
        got = student.predict(model, images)
        before, other = ("training", "evaluation") if training else ("evaluation", "training")
        expect.that(
            tools_of(student).training(model) == training,
            f"The model was in {before} mode before predict, and is in {other} mode after it; expected {before} mode.",
        )
        expect.close(got, right_probabilities(reference, weights, images), f"predict in {before} mode", rtol=1e-4)


# --- accuracy ------------------------------------------------------------------------------------------------


def answers(reference, weights, images):
    """The digits that the small network with these weights answers."""
    logits = tools_of(reference).outputs(tools_of(reference).network(layers(SMALL), weights), images, flat=True)
    return logits.argmax(1)


def judge_accuracy(student, reference, weights, images, labels, batch_size):
    """Expect `accuracy` to count right, or to follow from the student's own predict."""
    model = tools_of(student).network(layers(SMALL), weights)
    n = len(labels)
    right = int((answers(reference, weights, images) == labels).sum())
    got = student.accuracy(model, tools_of(student).loader(images, labels, batch_size))
    what = f"accuracy(model, loader) with {right} of {n} right, in batches of {batch_size}"

    def following():
        pairs = zip(images.split(batch_size), labels.split(batch_size), strict=True)
        return sum(float((student.predict(model, x).argmax(1) == y).sum()) for x, y in pairs) / n

    right_or_following(student, lambda wanted: expect.close(got, wanted, what, scale=1.0), right / n, following)
    after = tools_of(student).weights(model)
    expect.that(all(torch.equal(after[name], weights[name]) for name in weights), "accuracy changed the weights.")


@grades("test_accuracy", weight=2)
def test_accuracy_short_batch(student, reference, rng):
    """A shorter last batch counts by its pictures, not as a batch."""
    weights = secret_weights(rng)
    for n, batch_size in ((21, 8), (10, 4), (9, 8)):
        images, _ = pictures(rng, n)
        labels = answers(reference, weights, images)
        # Half of the first batch is wrong and all else right: a mean over batches would weigh that differently.
        half = batch_size // 2
        labels[:half] = (labels[:half] + torch.tensor(rng.integers(1, 10, size=half))) % 10
        judge_accuracy(student, reference, weights, images, labels, batch_size)


@grades("test_accuracy")
def test_accuracy_range(student, reference, rng):
    """It is 1 where all answers are right, 0 where none is, and the share in between."""
    weights = secret_weights(rng)
    images, _ = pictures(rng, 24)
    for wrong in (0, 24, 6):
        labels = answers(reference, weights, images)
        labels[:wrong] = (labels[:wrong] + 3) % 10
        judge_accuracy(student, reference, weights, images, labels, 8)


@grades("test_accuracy")
def test_accuracy_mixed(student, reference, rng):
    """Right and wrong answers are mixed in every batch, and each counts once."""
    weights = secret_weights(rng)
    images, _ = pictures(rng, 50)
    logits = tools_of(reference).outputs(tools_of(reference).network(layers(SMALL), weights), images, flat=True)
    # A wrong label is the least likely digit, or any.
    order = logits.argsort(1, descending=True)
    place = torch.tensor(rng.choice([0, 0, 0, 9, 4], size=50))
    labels = order[torch.arange(50), place]
    judge_accuracy(student, reference, weights, images, labels, 8)


# --- final accuracy ------------------------------------------------------------------------------------------

GOOD = 0.80
"""Share of hidden pictures to read rightly: ten standard deviations below a right loop's, see docs/accuracy.md."""


def trained_accuracy(student, samples, seed, n, batch_size, epochs, **settings):
    """Train the student's network with the student's loop; the share of hidden pictures it then reads rightly.

    The classes are numbered by a secret permutation, so that weights trained elsewhere know nothing; the worker
    sees the hidden pictures and never their labels, and its answers are counted here.
    """
    rng = np.random.default_rng(seed)
    images, labels = samples.shipped("mnist.npz")
    hidden_images, hidden_labels = samples.hidden()
    permutation = rng.permutation(10)
    order = rng.permutation(len(images))[:n]
    tools = tools_of(student)
    model = student.build_network()
    loader = tools.loader(images[order], permutation[labels[order]], batch_size, SCALE)
    criterion, optimizer = tools.new("torch.nn.CrossEntropyLoss"), tools.optimizer(model, "SGD", **settings)
    student.train.within(40.0)(model, loader, criterion, optimizer, epochs, 100)
    answer = numbers(tools.outputs(model, hidden_images, flat=True, scale=SCALE))
    expect.that(
        answer is not None and answer.shape == (len(hidden_images), 10),
        "After training, the network should give 10 logits for each picture.",
    )
    return float(np.mean(np.argmax(answer, axis=1) == permutation[hidden_labels]))


@grades("test_final_accuracy", diagnose=False, stand_ins=False)
def test_final_accuracy(student, samples, seed):
    """Your network, trained by your loop, reads at least 80 % of handwritten digits it has never seen."""
    share = trained_accuracy(student, samples, seed, 5_000, 64, 2, lr=0.01, momentum=0.9)
    if share < GOOD:
        # A loop that updates by hand, p -= lr * p.grad, leaves momentum out: it gets a training that needs none.
        share = max(share, trained_accuracy(student, samples, seed, 10_000, 32, 2, lr=0.05))
    expect.that(
        share >= GOOD,
        f"After training on 10,000 pictures the network read {share:.1%} of the hidden ones rightly; "
        f"a right network and loop reach 90 %, and {GOOD:.0%} is asked for.",
    )
