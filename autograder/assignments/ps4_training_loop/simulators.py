"""The training loop with switches: when gradients are cleared, what the loss is made of, which way and how far the
steps go, which batches and epochs there are, and what is reported."""

from copy import deepcopy

import torch
from torch import nn, optim

from autograder.authoring.simulators import Simulator

BEFORE = {
    "nothing": lambda logits: logits,
    "softmax": lambda logits: torch.softmax(logits, dim=1),
    "softmax over pictures": lambda logits: torch.softmax(logits, dim=0),
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}
CRITERIA = {
    "cross entropy": nn.functional.cross_entropy,
    "negative log likelihood": nn.functional.nll_loss,
    "sum": nn.CrossEntropyLoss(reduction="sum"),
    "squares": lambda logits, labels: nn.functional.mse_loss(logits, nn.functional.one_hot(labels, 10).float()),
}
FACTORS = {
    "1": lambda n: 1.0,
    "2": lambda n: 2.0,
    "-1": lambda n: -1.0,
    "n": lambda n: float(n),
    "1/n": lambda n: 1 / n,
}
OPTIMIZERS = {
    "given": lambda model, given: given,
    "own": lambda model, given: optim.SGD(model.parameters(), lr=0.01),
    "forgetful": lambda model, given: optim.SGD(model.parameters(), lr=given.param_groups[0]["lr"]),
    "Adam": lambda model, given: optim.Adam(model.parameters(), lr=given.param_groups[0]["lr"]),
}
ROWS = {
    "pictures": lambda images: images.reshape(len(images), -1),
    "mixed": lambda images: images.reshape(784, -1).T,
    "first": lambda images: images.reshape(len(images), -1)[:1],
}


def loss_of(model, images, labels, criterion, before="nothing", criterion_of="given", factor="1", rows="pictures"):
    """What a step differentiates: a scalar tensor with its graph."""
    inputs = ROWS[rows](images)
    criterion = CRITERIA.get(criterion_of, criterion)
    value = criterion(BEFORE[before](model(inputs)), labels[: len(inputs)])
    return value * FACTORS[factor](len(images))


# --- one step ------------------------------------------------------------------------------------------------


def step_with(
    clear="first", step="last", backward="once", uphill=False, optimizer_of="given", clip=False, value="loss", **loss_is
):
    """train_step with these settings."""

    def train_step(model, images, labels, criterion, optimizer):
        optimizer = OPTIMIZERS[optimizer_of](model, optimizer)
        if clear == "first":
            optimizer.zero_grad()
        loss = loss_of(model, images, labels, criterion, **loss_is)
        if step == "before backward":
            optimizer.step()
        if backward != "never":
            (-loss if uphill else loss).backward()
        if clear == "between":
            optimizer.zero_grad()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for _ in range({"last": 1, "twice": 2}.get(step, 0)):
            optimizer.step()
        if value == "after":
            loss = loss_of(model, images, labels, criterion, **loss_is)
        number = loss if value == "graph" else loss.item()
        return number * {"sum": len(labels), "over n": 1 / len(labels)}.get(value, 1)

    return train_step


TRAIN_STEP = {
    "no_zero_grad": {"clear": "never"},
    "zero_between": {"clear": "between"},
    "step_before_backward": {"step": "before backward"},
    "no_step": {"step": "never"},
    "two_steps": {"step": "twice"},
    "no_backward": {"backward": "never"},
    "negative_loss": {"factor": "-1"},
    "loss_doubled": {"factor": "2"},
    "loss_times_n": {"factor": "n"},
    "loss_over_n": {"factor": "1/n"},
    "negative_backward": {"uphill": True},
    "softmax_first": {"before": "softmax"},
    "softmax_dim0": {"before": "softmax over pictures"},
    "sigmoid_first": {"before": "sigmoid"},
    "relu_first": {"before": "relu"},
    "nll_on_logits": {"criterion_of": "negative log likelihood"},
    "own_criterion": {"criterion_of": "cross entropy"},
    "sum_criterion": {"criterion_of": "sum"},
    "squared_error": {"criterion_of": "squares"},
    "optimizer_anew": {"optimizer_of": "own"},
    "adam_instead": {"optimizer_of": "Adam"},
    "clipped": {"clip": True},
    "pixels_mixed": {"rows": "mixed"},
    "first_picture_only": {"rows": "first"},
    "returns_sum": {"value": "sum"},
    "returns_over_n": {"value": "over n"},
    "loss_after": {"value": "after"},
    "loss_with_graph": {"value": "graph"},
}


# --- the loop ------------------------------------------------------------------------------------------------


def batches_of(loader, which):
    """The batches of one epoch."""
    if which == "always first":
        return [next(iter(loader)) for _ in range(len(loader))]
    batches = list(loader)
    return {"all": batches, "first": batches[:1], "last": batches[-1:], "full": batches[:-1]}[which]


class Report:
    """What becomes of the steps' losses."""

    def __init__(self, window, reset, count, divide, kept, partial, weight):
        self.window, self.reset, self.count, self.divide = window, reset, count, divide
        self.kept, self.partial, self.weight = kept, partial, weight
        self.losses, self.running, self.steps, self.all_steps = [], 0.0, 0, 0
        self.mean = 0.0

    def begin_epoch(self):
        if "sum" in self.reset:
            self.running = 0.0
        if self.count == "epoch":
            self.steps = 0

    def add(self, loss, n, batches, epochs, print_every):
        """Take a step's loss; True where a mean was reported."""
        value = loss * n if self.weight == "pictures" else loss
        self.running = value if self.kept == "last" else self.running + value
        self.all_steps += 1
        self.steps += self.count != "from zero"
        length = {"given": print_every, "40": 40, "one more": print_every + 1, "epoch": batches, "1": 1}[self.window]
        due = self.steps % length == 0
        if due:
            divisor = {
                "window": length,
                "nothing": 1,
                "steps": self.all_steps,
                "batches": batches,
                "pictures": n,
                "epochs": epochs,
            }[self.divide]
            self.mean = self.running / divisor
            self.losses.append(self.mean)
            if "never" not in self.reset:
                self.running = 0.0
        self.steps += self.count == "from zero"
        self.length = length
        return due

    def end(self, partial):
        """The end of an epoch, or of everything: what is left in the window may be reported."""
        left = self.steps % self.length if self.all_steps else 0
        if self.partial == partial and left:
            self.losses.append(self.running / left)
            self.running = 0.0


def loop_with(
    clear="step",
    step="batch",
    backward="once",
    optimizer_of="given",
    anew="never",
    twin=False,
    twice=False,
    batches="all",
    epochs_of="given",
    stop="never",
    window="given",
    reset="window",
    count="on",
    divide="window",
    kept="sum",
    partial="no",
    weight="1",
    graph=False,
    returns="losses",
    **loss_is,
):
    """train with these settings."""

    def train(model, loader, criterion, optimizer, epochs, print_every=40):
        given, report = optimizer, Report(window, reset, count, divide, kept, partial, weight)
        if twin:
            model = deepcopy(model)
        if anew == "once":
            optimizer = OPTIMIZERS[optimizer_of](model, given)
        if clear == "once":
            optimizer.zero_grad()

        def learn(images, labels):
            if clear == "step":
                optimizer.zero_grad()
            loss = loss_of(model, images, labels, criterion, **loss_is)
            if step == "before backward":
                optimizer.step()
            if backward == "once":
                loss.backward()
            if clear == "between":
                optimizer.zero_grad()
            if step == "batch":
                optimizer.step()
            return loss if graph else loss.item()

        passes = {"given": epochs, "1": 1, "one less": epochs - 1, "3": 3}[epochs_of]
        for _ in range(passes):
            report.begin_epoch()
            if clear == "epoch":
                optimizer.zero_grad()
            if anew == "epoch":
                optimizer = OPTIMIZERS[optimizer_of](model, given)
            for images, labels in batches_of(loader, batches):
                if anew == "batch":
                    optimizer = OPTIMIZERS[optimizer_of](model, given)
                for _ in range(1 + twice):
                    loss = learn(images, labels)
                due = report.add(loss, len(images), len(loader), epochs, print_every)
                if stop == "batch" or (stop == "report" and due):
                    return report.losses
            if step == "epoch":
                optimizer.step()
            report.end("each epoch")
        report.end("last")
        return {"losses": report.losses, "mean": report.mean, "running": report.running}[returns]

    return train


TRAIN = {
    "loop_no_zero_grad": {"clear": "never"},
    "zero_each_epoch": {"clear": "epoch"},
    "zero_once": {"clear": "once"},
    "loop_zero_between": {"clear": "between"},
    "loop_step_before_backward": {"step": "before backward"},
    "loop_no_step": {"step": "never"},
    "step_outside": {"step": "epoch"},
    "step_each_epoch": {"step": "epoch", "clear": "epoch"},
    "loop_no_backward": {"backward": "never"},
    "loop_negative_loss": {"factor": "-1"},
    "loop_loss_doubled": {"factor": "2"},
    "loop_loss_times_n": {"factor": "n"},
    "loop_loss_over_n": {"factor": "1/n"},
    "loop_softmax_first": {"before": "softmax"},
    "loop_softmax_dim0": {"before": "softmax over pictures"},
    "loop_nll_on_logits": {"criterion_of": "negative log likelihood"},
    "loop_own_criterion": {"criterion_of": "cross entropy"},
    "own_optimizer": {"optimizer_of": "own", "anew": "once"},
    "loop_optimizer_anew": {"optimizer_of": "own", "anew": "batch"},
    "optimizer_forgets": {"optimizer_of": "forgetful", "anew": "batch"},
    "optimizer_forgets_each_epoch": {"optimizer_of": "forgetful", "anew": "epoch"},
    "loop_trains_copy": {"twin": True},
    "two_steps_a_batch": {"twice": True},
    "first_batch_only": {"batches": "first"},
    "always_first_batch": {"batches": "always first"},
    "last_batch_only": {"batches": "last"},
    "short_batch_left_out": {"batches": "full"},
    "one_epoch": {"epochs_of": "1"},
    "epoch_missing": {"epochs_of": "one less"},
    "three_epochs": {"epochs_of": "3"},
    "return_in_batch": {"stop": "batch"},
    "return_in_report": {"stop": "report"},
    "reset_each_epoch": {"reset": "window and epoch's sum"},
    "counts_each_epoch": {"reset": "window and epoch's sum", "count": "epoch"},
    "count_reset_each_epoch": {"count": "epoch"},
    "never_reset": {"reset": "never"},
    "mean_so_far": {"reset": "never", "divide": "steps"},
    "divided_by_steps": {"divide": "steps"},
    "report_each_epoch": {"window": "epoch", "reset": "window and epoch's sum", "count": "epoch"},
    "partial_too": {"partial": "last"},
    "partial_each_epoch": {"partial": "each epoch", "reset": "window and epoch's sum", "count": "epoch"},
    "not_divided": {"divide": "nothing"},
    "divided_by_batches": {"divide": "batches"},
    "divided_by_batch_size": {"divide": "pictures"},
    "divided_by_epochs": {"divide": "epochs"},
    "sum_over_pictures": {"weight": "pictures"},
    "last_loss": {"kept": "last", "divide": "nothing"},
    "last_loss_divided": {"kept": "last"},
    "every_loss": {"window": "1"},
    "counted_from_zero": {"count": "from zero"},
    "one_step_too_long": {"window": "one more"},
    "forty_steps": {"window": "40"},
    "graph_kept": {"graph": True},
    "last_mean_only": {"returns": "mean"},
    "returns_running": {"returns": "running"},
}

SIMULATORS = {"train_step": Simulator(step_with, TRAIN_STEP), "train": Simulator(loop_with, TRAIN)}
