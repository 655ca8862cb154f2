"""Misconceptions of ps5: what goes wrong in a network and a training of one's own.

The trainings are edits of the right one, cut to two epochs so that an audit is quick: that may cost the last step of
the accuracy, and is in `also`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn, optim

from autograder.authoring import Misconceptions, misconception

helper: Any = None
"""What the notebook imports under this name."""

WHOLE = ("test_final_accuracy",)
EVERYTHING = ("test_train_model", "test_final_accuracy")

STUB = "A function ends where something is raised: nothing below that line runs, and without a return it is reached."
RETURN = "A function gives back what stands behind return, and nothing else."

RAW = "Which scores does the criterion expect, and what does it do with them itself? (section 3)"
FLAT = "Write down the shape of a batch in front of each layer: which dimension counts pictures? (section 3)"
OUTPUTS = "How many kinds of clothes are there, and how many scores does each picture get? (section 3)"
MODULE = "What is handed to train_model is a network, made and ready, with parameters of its own (section 3)."
FRESH = "Two students with the same design get different networks. Why, and what stands in the way of that? (section 3)"
FROZEN = "What does model.parameters() give the optimizer to work with? (section 3)"
ALONE = "Whose pictures decide how a picture is read, in evaluation mode? (section 3)"
UNTRAINED = (
    "Building and training are two functions' work: the trained network is measured against a fresh one (section 3)."
)

MOVES = "Clear, forward, loss, backward, step: which of your lines is which, and in which order? (section 4)"
CLEAR = "backward() adds to the gradients that stand there. Whose gradients does the second step use? (section 4)"
DOWNHILL = "Which way does the gradient point, and which way should the loss go? (section 4)"
PLACE = "The caller looks at the network that it handed in, and at no other (section 4)."
DICT = "Compare what you return with the docstring, name by name (section 4)."
LISTS = "Draw the two curves on paper: how many points has each of them after three epochs? (section 4)"
NUMBER = "A loss as a tensor drags along all that it was computed from. How does it become a plain number? (section 4)"
MEAN = "Which sum is divided by which number? Count batches and pictures for 50 pictures in batches of 40 (section 4)."
RESET = "A mean over one epoch is a sum of that epoch's losses alone: where does each sum begin? (section 4)"
LOSS = "Two curves are drawn in one figure: what is on its vertical axis? (sections 2 and 4)"
MODE = "What does dropout do in training mode, and what should it do in validation? (section 4)"
LEAK = "What would a validation loss tell you, had the network learned those pictures by heart? (sections 2 and 4)"
ALL = "How many different pictures has your network seen when the training ends? (section 4)"
GIVEN = "Everything that the training needs comes in through its arguments (section 4)."


# --- build_model ---------------------------------------------------------------------------------------------


@misconception("build_model", "raise NotImplementedError is still there", STUB, also=EVERYTHING)
def model_stub_left():
    raise NotImplementedError
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


@misconception("build_model", "a softmax stands behind the logits", RAW, also=WHOLE)
def softmax_last():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.Softmax(dim=1),
    )


@misconception("build_model", "a log-softmax stands behind the logits", RAW)
def log_softmax_last():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.LogSoftmax(dim=1),
    )


@misconception("build_model", "a log-softmax over the batch stands behind the logits", RAW, also=WHOLE)
def log_softmax_over_the_batch():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.LogSoftmax(dim=0),
    )


@misconception("build_model", "a sigmoid stands behind the logits", RAW, also=WHOLE)
def sigmoid_last():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.Sigmoid(),
    )


@misconception("build_model", "a ReLU stands behind the logits", "What becomes of a negative score? " + RAW, also=WHOLE)
def relu_last():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.ReLU(),
    )


@misconception("build_model", "the pictures go into a linear layer unflattened", FLAT, also=EVERYTHING)
def flatten_forgotten():
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


@misconception("build_model", "the pictures of a batch are flattened into one row", FLAT, also=EVERYTHING)
def flattens_the_batch():
    return nn.Sequential(nn.Flatten(0), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


@misconception("build_model", "each row of a picture is taken for a picture", FLAT, also=EVERYTHING)
def rows_as_examples():
    return nn.Sequential(nn.Linear(28, 64), nn.ReLU(), nn.Linear(64, 10))


@misconception("build_model", "there are more scores than classes", OUTPUTS, also=EVERYTHING)
def hundred_scores():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 100))


@misconception("build_model", "there is one score for all classes", OUTPUTS, also=EVERYTHING)
def one_score():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1))


@misconception("build_model", "the class is returned, and no object of it", MODULE, also=EVERYTHING)
def returns_the_class():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x):
            return self.linear(x.flatten(1))

    return Network


@misconception("build_model", "a function is returned, which has nothing to train", MODULE, also=EVERYTHING)
def returns_a_function():
    linear = nn.Linear(784, 10)
    return lambda x: linear(x.flatten(1))


@misconception("build_model", "there is no return", RETURN, also=EVERYTHING)
def returns_nothing():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    print(model)


@misconception(
    "build_model", "the generator is seeded inside, and so the weights are always the same", FRESH, also=WHOLE
)
def same_weights_each_time():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


@misconception("build_model", "every call returns the same network", FRESH, also=EVERYTHING)
def one_network_for_all():
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return vars(nn).setdefault("my_network", network)


@misconception("build_model", "no parameter can be trained", FROZEN, also=EVERYTHING)
def all_frozen():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model


@misconception(
    "build_model", "the weights are plain tensors, of which the network knows nothing", FROZEN, also=EVERYTHING
)
def weights_in_no_layer():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.randn(784, 10, requires_grad=True)

        def forward(self, x):
            return x.flatten(1) @ self.w

    return Network()


@misconception(
    "build_model",
    "the batch is reshaped where it should be transposed, which mixes the pictures",
    FLAT,
    also=EVERYTHING,
)
def pictures_mixed_up():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x):
            return self.linear(x.reshape(784, -1).T)

    return Network()


@misconception(
    "build_model", "in evaluation mode pictures are still normalised by those beside them", ALONE, also=WHOLE
)
def statistics_of_the_batch():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        nn.BatchNorm1d(64, track_running_stats=False),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


@misconception("build_model", "the network that is returned has been trained already", UNTRAINED, also=EVERYTHING)
def trained_already():
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

_edited = Misconceptions("train_model")


def wrong(name: str, title: str, hint: str, edit: Mapping[str, str]) -> None:
    """An edit of the right training, of two epochs."""
    _edited(name, title, hint, {"epochs = 10": "epochs = 2", **edit}, also=WHOLE)


wrong(
    "training_stub_left", "raise NotImplementedError is still there", STUB, {TOP: f"raise NotImplementedError\n{TOP}"}
)
wrong("no_zero_grad", "the gradients are never cleared", CLEAR, {ZERO: ""})
wrong("cleared_once_an_epoch", "the gradients are cleared once an epoch", CLEAR, {ZERO: "", TRAIN: f"{TRAIN}\n{ZERO}"})
wrong("no_step", "the optimizer never steps", MOVES, {STEP: ""})
wrong("no_backward", "backward is never called", MOVES, {BACK: ""})
wrong(
    "cleared_before_the_step",
    "the gradients are cleared between backward and step",
    MOVES,
    {ZERO: "", BACK: f"{BACK}\n{ZERO}"},
)
wrong("uphill", "it climbs", DOWNHILL, {BACK: "(-loss).backward()"})
wrong("trains_a_copy", "a copy of the network is trained", PLACE, {TOP: COPY})
wrong(
    "trains_a_new_network",
    "a new network is trained, and not the one handed in",
    PLACE,
    {TOP: f"model = build_model()\n{TOP}"},
)
wrong(
    "optimizer_of_another_network",
    "the optimizer steps the parameters of another network",
    PLACE,
    {PARAMETERS: "build_model().parameters()"},
)
wrong(
    "new_network_in_validation",
    "a new network is made for each validation batch, and trained from then on",
    PLACE,
    {V_LOOP: f"{V_LOOP}\n    model = build_model().eval()"},
)
wrong("returns_the_network", "the trained network is returned", DICT, {END: "return model"})
wrong("returns_no_history", "nothing is returned", RETURN, {END: "print(history)"})
wrong(
    "returns_a_tuple",
    "two lists are returned, and no dict",
    DICT,
    {END: 'return history["train_loss"], history["validation_loss"]'},
)
wrong(
    "other_keys",
    "the keys of the dict are others",
    DICT,
    {END: 'return {"train": history["train_loss"], "validation": history["validation_loss"]}'},
)
wrong(
    "last_losses_alone",
    "only the last losses are returned, as numbers",
    LISTS,
    {END: "return {key: losses[-1] for key, losses in history.items()}"},
)
wrong(
    "lists_of_the_last",
    "the lists start anew in each epoch",
    LISTS,
    {TRAIN: f'history = {{"train_loss": [], "validation_loss": []}}\n{TRAIN}'},
)
wrong(
    "no_validation_loss",
    "there is no validation loss",
    LISTS,
    {V_KEEP: "", END: 'return {"train_loss": history["train_loss"]}'},
)
wrong(
    "a_loss_for_every_batch",
    "there is a training loss for every batch",
    LISTS,
    {T_ADD: 'history["train_loss"].append(loss.item())', T_KEEP: ""},
)
wrong(
    "losses_with_their_graph",
    "the losses are tensors that carry their graph",
    NUMBER,
    {T_ADD: "total = total + loss * len(labels)"},
)
wrong(
    "sum_of_the_batches",
    "the validation batches' losses are summed up, and not divided",
    MEAN,
    {V_ADD: f"total += {V_LOSS}", V_KEEP: 'history["validation_loss"].append(total)'},
)
wrong(
    "mean_of_the_batches",
    "a short validation batch counts as much as a full one",
    MEAN,
    {V_ADD: f"total += {V_LOSS}", V_KEEP: 'history["validation_loss"].append(total / len(validation_loader))'},
)
wrong(
    "divided_twice",
    "the validation batches' mean losses are divided by the number of pictures",
    MEAN,
    {V_ADD: f"total += {V_LOSS}"},
)
wrong(
    "last_batch_alone",
    "the validation loss is that of the last batch",
    MEAN,
    {V_ADD: f"total = {V_LOSS}", V_KEEP: 'history["validation_loss"].append(total)'},
)
wrong(
    "last_batch_divided",
    "the validation loss is that of the last batch, divided by the number of batches",
    MEAN,
    {V_ADD: f"total = {V_LOSS}", V_KEEP: 'history["validation_loss"].append(total / len(validation_loader))'},
)
wrong(
    "validation_sum_never_reset",
    "the validation sum goes on from epoch to epoch",
    RESET,
    {
        TOP: f"running = 0.0\n{TOP}",
        V_ADD: f"running += {V_LOSS} * len(labels)",
        V_KEEP: 'history["validation_loss"].append(running / count)',
    },
)
wrong(
    "training_loss_divided_twice",
    "the training batches' mean losses are divided by the number of pictures",
    MEAN,
    {T_ADD: "total += loss.item()"},
)
wrong(
    "training_loss_summed",
    "the training batches' losses are summed up, and not divided",
    MEAN,
    {T_ADD: "total += loss.item()", T_KEEP: 'history["train_loss"].append(total)'},
)
wrong(
    "training_mean_of_the_batches",
    "a short training batch counts as much as a full one",
    MEAN,
    {T_ADD: "total += loss.item()", T_KEEP: 'history["train_loss"].append(total / len(train_loader))'},
)
wrong(
    "training_loss_of_the_last_batch",
    "the training loss is that of the last batch",
    MEAN,
    {T_ADD: "total = loss.item()", T_KEEP: 'history["train_loss"].append(total)'},
)
wrong(
    "sum_never_reset",
    "the sum of the training losses goes on from epoch to epoch",
    RESET,
    {
        TOP: f"running = 0.0\n{TOP}",
        T_ADD: "running += loss.item() * len(labels)",
        T_KEEP: 'history["train_loss"].append(running / count)',
    },
)
wrong(
    "sum_and_count_never_reset",
    "sum and count of the training losses go on from epoch to epoch",
    RESET,
    {
        TOP: f"running, seen = 0.0, 0\n{TOP}",
        T_ADD: "running += loss.item() * len(labels)\nseen += len(labels)",
        T_KEEP: 'history["train_loss"].append(running / seen)',
    },
)
wrong(
    "accuracy_for_loss",
    "the share of right answers stands for the validation loss",
    LOSS,
    {V_ADD: "total += (model(images).argmax(dim=1) == labels).sum().item()"},
)
wrong(
    "percent_right",
    "the right answers in percent stand for the validation loss",
    LOSS,
    {
        V_ADD: "total += (model(images).argmax(dim=1) == labels).sum().item()",
        V_KEEP: 'history["validation_loss"].append(100 * total / count)',
    },
)
wrong(
    "validation_is_training_loss",
    "the training loss stands for the validation loss as well",
    LOSS,
    {V_KEEP: 'history["validation_loss"].append(history["train_loss"][-1])'},
)
wrong(
    "softmax_over_the_batch",
    "the softmax in the loss runs over the batch, and not over the classes",
    "Which of the two dimensions of the scores counts classes? (section 3)",
    {
        TOP: "def criterion(scores, labels):\n    return nn.functional.nll_loss(torch.log_softmax(scores, dim=0), labels)"
    },
)
wrong("validates_in_training_mode", "validation happens in training mode", MODE, {EVAL: ""})
wrong(
    "never_back_to_training",
    "after the first validation the network stays in evaluation mode",
    MODE,
    {f"{EPOCHS}\n    {TRAIN}": f"{TRAIN}\n{EPOCHS}"},
)
wrong("trains_in_evaluation_mode", "the network learns in evaluation mode", MODE, {TRAIN: EVAL})
wrong("trains_on_validation", "it learns from the validation pictures", LEAK, {T_LOOP: V_LOOP})
wrong(
    "trains_on_both",
    "it learns from the validation pictures as well",
    LEAK,
    {
        T_LOOP: "for images, labels in [*train_loader, *validation_loader]:",
        "epochs * len(train_loader)": "epochs * (len(train_loader) + len(validation_loader))",
    },
)
wrong(
    "steps_on_validation",
    "the optimizer steps in the validation loop, too",
    LEAK,
    {NO_GRAD: "with torch.enable_grad():", V_ADD: V_STEP},
)
wrong(
    "backward_on_validation",
    "backward is called in the validation loop, too",
    LEAK,
    {NO_GRAD: "with torch.enable_grad():", V_ADD: V_BACK},
)
wrong(
    "validation_gradients_leak",
    "gradients of validation pictures are still there at the next step",
    LEAK,
    {NO_GRAD: "with torch.enable_grad():", V_ADD: V_BACK, ZERO: "", STEP: f"{STEP}\n{ZERO}"},
)
wrong(
    "validates_on_the_training_loader",
    "the validation loss is measured on the training pictures",
    LEAK,
    {V_LOOP: T_LOOP},
)
wrong(
    "validates_on_the_last_training_batch",
    "the validation loop looks at the last training batch again and again",
    LEAK,
    {V_LOOP: "for _ in validation_loader:"},
)
wrong(
    "one_batch_an_epoch",
    "each epoch ends after its first batch",
    ALL,
    {f"{T_ADD}\n{COUNT}": f"{T_ADD}\n{COUNT}\nbreak"},
)
wrong(
    "first_batch_again_and_again",
    "it is always the first batch that is learned from",
    ALL,
    {TOP: f"first = next(iter(train_loader))\n{TOP}", T_LOOP: "for images, labels in [first]:"},
)
wrong(
    "pictures_of_its_own",
    "it learns from the notebook's pictures, whatever the loader holds",
    GIVEN,
    {
        T_LOOP: "for images, labels in DataLoader(helper.load_fashion_mnist()[0], batch_size=64, shuffle=True):",
        "scheduler.step()": "",
    },
)
wrong(
    "all_labels_alike", "it learns one label for all", GIVEN, {T_LOSS: f"labels = torch.zeros_like(labels)\n{T_LOSS}"}
)
