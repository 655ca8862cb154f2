"""Misconceptions of ps5: what goes wrong in a network and a training of one's own.

The trainings are edits of the right one, cut to two epochs so that an audit is quick: that may cost the last step of
the accuracy, and is in `also`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn, optim

from autograder.authoring import Misconceptions

helper: Any = None
"""What the notebook imports under this name."""

WHOLE = ("test_final_accuracy",)
EVERYTHING = ("test_train_model", "test_final_accuracy")

STUB = "A function ends where something is raised: nothing below that line runs, and without a return it is reached."
RETURN = "A function gives back what stands behind return, and nothing else."

RAW = "Which scores does the criterion expect, and what does it do with them itself? (section 3)"
FLAT = "Write down the shape of a batch in front of each layer: which dimension counts images? (section 3)"
OUTPUTS = "How many kinds of clothes are there, and how many scores does each image get? (section 3)"
MODULE = "train_model takes an object of nn.Module that has parameters (section 3)."
FRESH = "Each call must make a new network with new random weights (section 3)."
FROZEN = "What does model.parameters() give the optimizer to work with? (section 3)"
ALONE = "Do the other images of a batch change an image's scores in evaluation mode? (section 3)"
UNTRAINED = "build_model returns an untrained network; train_model trains it (section 3)."

MOVES = "Clear, forward, loss, backward, step: which of your lines is which, and in which order? (section 4)"
CLEAR = "backward() adds to the gradients that stand there. Whose gradients does the second step use? (section 4)"
DOWNHILL = "Which way does the gradient point, and which way should the loss go? (section 4)"
PLACE = "The caller looks at the network that it handed in, and at no other (section 4)."
DICT = "Compare what you return with the docstring, name by name (section 4)."
LISTS = "Draw the two curves on paper: how many points has each of them after three epochs? (section 4)"
NUMBER = "A loss as a tensor drags along all that it was computed from. How does it become a plain number? (section 4)"
MEAN = "Which sum is divided by which number? Count batches and images for 50 images in batches of 40 (section 4)."
RESET = "A mean over one epoch is a sum of that epoch's losses alone: where does each sum begin? (section 4)"
LOSS = "Two curves are drawn in one figure: what is on its vertical axis? (sections 2 and 4)"
MODE = "What does dropout do in training mode, and what should it do in validation? (section 4)"
LEAK = "What would a validation loss tell you, had the network memorised those images? (sections 2 and 4)"
ALL = "How many different images has your network seen when the training ends? (section 4)"
GIVEN = "Everything that the training needs comes in through its arguments (section 4)."


# --- build_model ---------------------------------------------------------------------------------------------

wrong = Misconceptions("build_model")
TOP, FLATTEN, LOGITS = "return nn.Sequential(", "nn.Flatten(),", "nn.Linear(128, 10),"
STUB_LEFT = "raise NotImplementedError is still there"
BEHIND = "stands behind the logits"
NEGATIVE = f"What becomes of a negative score? {RAW}"

wrong("model_stub_left", STUB_LEFT, STUB, {TOP: f"raise NotImplementedError\n{TOP}"}, also=EVERYTHING, alone=True)
wrong("softmax_last", f"a softmax {BEHIND}", RAW, {LOGITS: f"{LOGITS}\nnn.Softmax(dim=1),"}, also=WHOLE)
wrong("log_softmax_last", f"a log-softmax {BEHIND}", RAW, {LOGITS: f"{LOGITS}\nnn.LogSoftmax(dim=1),"})
wrong(
    "log_softmax_over_the_batch",
    f"a log-softmax over the batch {BEHIND}",
    RAW,
    {LOGITS: f"{LOGITS}\nnn.LogSoftmax(dim=0),"},
    also=WHOLE,
)
wrong("sigmoid_last", f"a sigmoid {BEHIND}", RAW, {LOGITS: f"{LOGITS}\nnn.Sigmoid(),"}, also=WHOLE)
wrong("relu_last", f"a ReLU {BEHIND}", NEGATIVE, {LOGITS: f"{LOGITS}\nnn.ReLU(),"}, also=WHOLE)
wrong("flatten_forgotten", "the images are not flattened", FLAT, {FLATTEN: ""}, also=EVERYTHING, alone=True)
wrong(
    "flattens_the_batch",
    "the images of a batch are flattened into one row",
    FLAT,
    {FLATTEN: "nn.Flatten(0),"},
    also=EVERYTHING,
    alone=True,
)
wrong(
    "rows_as_examples",
    "each row of an image is taken for an image",
    FLAT,
    {FLATTEN: "", "784": "28"},
    also=EVERYTHING,
    alone=True,
)
wrong("hundred_scores", "there are more scores than classes", OUTPUTS, {"128, 10)": "128, 100)"}, also=EVERYTHING)
wrong("one_score", "there is one score for all classes", OUTPUTS, {"128, 10)": "128, 1)"}, also=EVERYTHING)
wrong("returns_nothing", "there is no return", RETURN, {"return": "model ="}, also=EVERYTHING, alone=True)
wrong(
    "same_weights_each_time",
    "the random seed is set inside, so that the weights are always the same",
    FRESH,
    {TOP: f"torch.manual_seed(0)\n{TOP}"},
    also=WHOLE,
)
wrong(
    "statistics_of_the_batch",
    "in evaluation mode images are still normalised by the others in their batch",
    ALONE,
    {"nn.Linear(784, 256),": "nn.Linear(784, 256),\nnn.BatchNorm1d(256, track_running_stats=False),"},
    also=WHOLE,
)


@wrong("returns_the_class", "the class is returned, not an object of it", MODULE, also=EVERYTHING)
def _():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x):
            return self.linear(x.flatten(1))

    return Network


@wrong("returns_a_function", "a function is returned, which has no parameters to train", MODULE, also=EVERYTHING)
def _():
    linear = nn.Linear(784, 10)
    return lambda x: linear(x.flatten(1))


@wrong("one_network_for_all", "every call returns the same network", FRESH, also=EVERYTHING)
def _():
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return vars(nn).setdefault("my_network", network)


@wrong("all_frozen", "no parameter can be trained", FROZEN, also=EVERYTHING)
def _():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model


@wrong(
    "weights_in_no_layer",
    "the weights are plain tensors, which are no parameters of the network",
    FROZEN,
    also=EVERYTHING,
)
def _():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.randn(784, 10, requires_grad=True)

        def forward(self, x):
            return x.flatten(1) @ self.w

    return Network()


@wrong(
    "images_mixed_up",
    "the batch is reshaped where it should be transposed, which mixes the images",
    FLAT,
    also=EVERYTHING,
)
def _():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x):
            return self.linear(x.reshape(784, -1).T)

    return Network()


@wrong("trained_already", "the network that is returned is already trained", UNTRAINED, also=EVERYTHING)
def _():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    images, labels = helper.load_fashion_mnist()[0].tensors
    for _ in range(2):
        for chosen in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    return model


# --- train_model ---------------------------------------------------------------------------------------------

TOP = "criterion = nn.CrossEntropyLoss()"
EPOCHS = "for _ in range(epochs):"
TRAIN, EVAL = "model.train()", "model.eval()"
ZERO, BACK, STEP = "optimizer.zero_grad()", "loss.backward()", "optimizer.step()"
T_LOOP, V_LOOP = "for images, labels in train_loader:", "for images, labels in validation_loader:"
T_LOSS, T_ADD = "loss = criterion(model(images), labels)", "total += loss.item() * len(labels)"
V_LOSS = "criterion(model(images), labels).item()"
V_ADD = f"total += {V_LOSS} * len(labels)"
T_KEEP, V_KEEP = 'history["train_loss"].append(total / count)', 'history["validation_loss"].append(total / count)'
NO_GRAD = "with torch.no_grad():"
END = "return history"
PARAMETERS = "model.parameters()"
COUNT = "count += len(labels)"
COPY = f"import copy\nmodel = copy.deepcopy(model)\n{TOP}"
V_BACK = "loss = criterion(model(images), labels)\nloss.backward()\ntotal += loss.item() * len(labels)"
V_STEP = V_BACK.replace(BACK, f"{ZERO}\n{BACK}\n{STEP}")
GRAD = "with torch.enable_grad():"
T_SUM, V_SUM, T_LAST, V_LAST = "total += loss.item()", f"total += {V_LOSS}", "total = loss.item()", f"total = {V_LOSS}"
T_TOTAL, V_TOTAL = (keep.replace(" / count", "") for keep in (T_KEEP, V_KEEP))
T_BATCHES, V_BATCHES = T_KEEP.replace("count", "len(train_loader)"), V_KEEP.replace("count", "len(validation_loader)")
T_RUNS, V_RUNS = (keep.replace("total", "running") for keep in (T_KEEP, V_KEEP))
RUNNING = f"running = 0.0\n{TOP}"
V_RIGHT = "total += (model(images).argmax(dim=1) == labels).sum().item()"

_edited = Misconceptions("train_model")


def trains(name: str, title: str, hint: str, edit: Mapping[str, str]) -> None:
    """An edit of the right training, of two epochs."""
    _edited(name, title, hint, {"epochs = 10": "epochs = 2", **edit}, also=WHOLE)


trains("training_stub_left", STUB_LEFT, STUB, {TOP: f"raise NotImplementedError\n{TOP}"})
trains("no_zero_grad", "the gradients are never cleared", CLEAR, {ZERO: ""})
trains("cleared_once_an_epoch", "the gradients are cleared once an epoch", CLEAR, {ZERO: "", TRAIN: f"{TRAIN}\n{ZERO}"})
trains("no_step", "the optimizer never steps", MOVES, {STEP: ""})
trains("no_backward", "backward is never called", MOVES, {BACK: ""})
trains(
    "cleared_before_the_step",
    "the gradients are cleared between backward and step",
    MOVES,
    {ZERO: "", BACK: f"{BACK}\n{ZERO}"},
)
trains("uphill", "it climbs", DOWNHILL, {BACK: "(-loss).backward()"})
trains("trains_a_copy", "a copy of the network is trained", PLACE, {TOP: COPY})
trains(
    "trains_a_new_network",
    "a new network is trained, and not the one handed in",
    PLACE,
    {TOP: f"model = build_model()\n{TOP}"},
)
trains(
    "optimizer_of_another_network",
    "the optimizer steps the parameters of another network",
    PLACE,
    {PARAMETERS: "build_model().parameters()"},
)
trains(
    "new_network_in_validation",
    "a new network is made for each validation batch, and trained from then on",
    PLACE,
    {V_LOOP: f"{V_LOOP}\n    model = build_model().eval()"},
)
trains("returns_the_network", "the trained network is returned", DICT, {END: "return model"})
trains("returns_no_history", "nothing is returned", RETURN, {END: "print(history)"})
trains(
    "returns_a_tuple",
    "two lists are returned, and no dict",
    DICT,
    {END: 'return history["train_loss"], history["validation_loss"]'},
)
trains(
    "other_keys",
    "the keys of the dict are others",
    DICT,
    {END: 'return {"train": history["train_loss"], "validation": history["validation_loss"]}'},
)
trains(
    "last_losses_alone",
    "only the last losses are returned, as numbers",
    LISTS,
    {END: "return {key: losses[-1] for key, losses in history.items()}"},
)
trains(
    "lists_of_the_last",
    "the lists start anew in each epoch",
    LISTS,
    {TRAIN: f'history = {{"train_loss": [], "validation_loss": []}}\n{TRAIN}'},
)
trains(
    "no_validation_loss",
    "there is no validation loss",
    LISTS,
    {V_KEEP: "", END: 'return {"train_loss": history["train_loss"]}'},
)
trains(
    "a_loss_for_every_batch",
    "there is a training loss for every batch",
    LISTS,
    {T_ADD: 'history["train_loss"].append(loss.item())', T_KEEP: ""},
)
trains(
    "losses_with_their_graph",
    "the losses are tensors that carry their graph",
    NUMBER,
    {T_ADD: "total = total + loss * len(labels)"},
)
trains(
    "sum_of_the_batches",
    "the validation batches' losses are summed up, and not divided",
    MEAN,
    {V_ADD: V_SUM, V_KEEP: V_TOTAL},
)
trains(
    "mean_of_the_batches",
    "a short validation batch counts as much as a full one",
    MEAN,
    {V_ADD: V_SUM, V_KEEP: V_BATCHES},
)
trains("divided_twice", "the validation batches' mean losses are divided by the number of images", MEAN, {V_ADD: V_SUM})
trains("last_batch_alone", "the validation loss is that of the last batch", MEAN, {V_ADD: V_LAST, V_KEEP: V_TOTAL})
trains(
    "last_batch_divided",
    "the validation loss is that of the last batch, divided by the number of batches",
    MEAN,
    {V_ADD: V_LAST, V_KEEP: V_BATCHES},
)
trains(
    "validation_sum_never_reset",
    "the validation sum goes on from epoch to epoch",
    RESET,
    {TOP: RUNNING, V_ADD: f"running += {V_LOSS} * len(labels)", V_KEEP: V_RUNS},
)
trains(
    "training_loss_divided_twice",
    "the training batches' mean losses are divided by the number of images",
    MEAN,
    {T_ADD: T_SUM},
)
trains(
    "training_loss_summed",
    "the training batches' losses are summed up, and not divided",
    MEAN,
    {T_ADD: T_SUM, T_KEEP: T_TOTAL},
)
trains(
    "training_mean_of_the_batches",
    "a short training batch counts as much as a full one",
    MEAN,
    {T_ADD: T_SUM, T_KEEP: T_BATCHES},
)
trains(
    "training_loss_of_the_last_batch",
    "the training loss is that of the last batch",
    MEAN,
    {T_ADD: T_LAST, T_KEEP: T_TOTAL},
)
trains(
    "sum_never_reset",
    "the sum of the training losses goes on from epoch to epoch",
    RESET,
    {TOP: RUNNING, T_ADD: "running += loss.item() * len(labels)", T_KEEP: T_RUNS},
)
trains(
    "sum_and_count_never_reset",
    "sum and count of the training losses go on from epoch to epoch",
    RESET,
    {
        TOP: f"running, seen = 0.0, 0\n{TOP}",
        T_ADD: "running += loss.item() * len(labels)\nseen += len(labels)",
        T_KEEP: 'history["train_loss"].append(running / seen)',
    },
)
trains("accuracy_for_loss", "the share of right answers stands for the validation loss", LOSS, {V_ADD: V_RIGHT})
trains(
    "percent_right",
    "the right answers in percent stand for the validation loss",
    LOSS,
    {V_ADD: V_RIGHT, V_KEEP: 'history["validation_loss"].append(100 * total / count)'},
)
trains(
    "validation_is_training_loss",
    "the training loss stands for the validation loss as well",
    LOSS,
    {V_KEEP: 'history["validation_loss"].append(history["train_loss"][-1])'},
)
trains(
    "softmax_over_the_batch",
    "the softmax in the loss runs over the batch, and not over the classes",
    "Which of the two dimensions of the scores counts classes? (section 3)",
    {
        TOP: "def criterion(scores, labels):\n    return nn.functional.nll_loss(torch.log_softmax(scores, dim=0), labels)"
    },
)
trains("validates_in_training_mode", "validation happens in training mode", MODE, {EVAL: ""})
trains(
    "never_back_to_training",
    "after the first validation the network stays in evaluation mode",
    MODE,
    {f"{EPOCHS}\n    {TRAIN}": f"{TRAIN}\n{EPOCHS}"},
)
trains("trains_in_evaluation_mode", "the network learns in evaluation mode", MODE, {TRAIN: EVAL})
trains("trains_on_validation", "it learns from the validation images", LEAK, {T_LOOP: V_LOOP})
trains(
    "trains_on_both",
    "it learns from the validation images as well",
    LEAK,
    {
        T_LOOP: "for images, labels in [*train_loader, *validation_loader]:",
        "epochs * len(train_loader)": "epochs * (len(train_loader) + len(validation_loader))",
    },
)
trains("steps_on_validation", "the optimizer steps in the validation loop, too", LEAK, {NO_GRAD: GRAD, V_ADD: V_STEP})
trains("backward_on_validation", "backward is called in the validation loop, too", LEAK, {NO_GRAD: GRAD, V_ADD: V_BACK})
trains(
    "validation_gradients_leak",
    "gradients of validation images are still there at the next step",
    LEAK,
    {NO_GRAD: GRAD, V_ADD: V_BACK, ZERO: "", STEP: f"{STEP}\n{ZERO}"},
)
trains(
    "validates_on_the_training_loader", "the validation loss is measured on the training images", LEAK, {V_LOOP: T_LOOP}
)
trains(
    "validates_on_the_last_training_batch",
    "the validation loop looks at the last training batch again and again",
    LEAK,
    {V_LOOP: "for _ in validation_loader:"},
)
trains(
    "one_batch_an_epoch",
    "each epoch ends after its first batch",
    ALL,
    {f"{T_ADD}\n{COUNT}": f"{T_ADD}\n{COUNT}\nbreak"},
)
trains(
    "first_batch_again_and_again",
    "it is always the first batch that is learned from",
    ALL,
    {TOP: f"first = next(iter(train_loader))\n{TOP}", T_LOOP: "for images, labels in [first]:"},
)
trains(
    "images_of_its_own",
    "it learns from the notebook's images, whatever the loader holds",
    GIVEN,
    {
        T_LOOP: "for images, labels in DataLoader(helper.load_fashion_mnist()[0], batch_size=64, shuffle=True):",
        "scheduler.step()": "",
    },
)
trains(
    "all_labels_alike", "it learns one label for all", GIVEN, {T_LOSS: f"labels = torch.zeros_like(labels)\n{T_LOSS}"}
)
