"""Misconceptions of ps5: what goes wrong in a network and a training of one's own.

Their trainings are short, so that an audit is quick: what lasts two epochs misses the last step of the accuracy,
right or wrong, and has it in `also`.
"""
# mypy: disable-error-code="var-annotated"

from typing import Any

import torch
from torch import nn, optim
from torch.utils.data import DataLoader

from autograder.authoring import misconception

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


@misconception("train_model", "raise NotImplementedError is still there", STUB, also=WHOLE)
def training_stub_left(model, train_loader, validation_loader):
    raise NotImplementedError
    return {"train_loss": [], "validation_loss": []}


@misconception("train_model", "the gradients are never cleared", CLEAR, also=WHOLE)
def no_zero_grad(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the gradients are cleared once an epoch", CLEAR, also=WHOLE)
def cleared_once_an_epoch(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        optimizer.zero_grad()
        total, count = 0.0, 0
        for images, labels in train_loader:
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the optimizer never steps", MOVES, also=WHOLE)
def no_step(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "backward is never called", MOVES, also=WHOLE)
def no_backward(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the gradients are cleared between backward and step", MOVES, also=WHOLE)
def cleared_before_the_step(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "it climbs", DOWNHILL, also=WHOLE)
def uphill(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            (-loss).backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "a copy of the network is trained", PLACE, also=WHOLE)
def trains_a_copy(model, train_loader, validation_loader):
    original, model = model, build_model()
    model.load_state_dict(original.state_dict())
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception(
    "train_model",
    "another network is trained, a new one or a copy, and not the one handed in",
    PLACE,
    also=WHOLE,
    same_as=("trains_a_copy",),
)
def trains_a_new_network(model, train_loader, validation_loader):
    model = build_model()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the trained network is returned", DICT, also=WHOLE)
def returns_the_network(model, train_loader, validation_loader):
    model = build_model()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return model


@misconception("train_model", "nothing is returned", RETURN, also=WHOLE)
def returns_no_history(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)


@misconception("train_model", "two lists are returned, and no dict", DICT, also=WHOLE)
def returns_a_tuple(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history["train_loss"], history["validation_loss"]


@misconception("train_model", "the keys of the dict are others", DICT, also=WHOLE)
def other_keys(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return {"train": history["train_loss"], "val": history["validation_loss"]}


@misconception("train_model", "only the last losses are returned, as numbers", LISTS, also=WHOLE)
def last_losses_alone(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return {key: losses[-1] for key, losses in history.items()}


@misconception("train_model", "the lists start anew in each epoch", LISTS, also=WHOLE)
def lists_of_the_last(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(5):
        model.train()
        history = {"train_loss": [], "validation_loss": []}
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "there is no validation loss", LISTS, also=WHOLE)
def no_validation_loss(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(0.0)
    return {"train_loss": history["train_loss"]}


@misconception("train_model", "there is a training loss for every batch", LISTS, also=WHOLE)
def a_loss_for_every_batch(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            history["train_loss"].append(loss.item())
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the losses are tensors that carry their graph", NUMBER, also=WHOLE)
def losses_with_their_graph(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total = total + loss * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the batches' losses are summed up, and not divided", MEAN, also=WHOLE)
def sum_of_the_batches(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item()
        history["validation_loss"].append(total)
    return history


@misconception("train_model", "a short batch counts as much as a full one", MEAN, also=WHOLE)
def mean_of_the_batches(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item()
                count += 1
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the batches' mean losses are divided by the number of pictures", MEAN, also=WHOLE)
def divided_twice(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item()
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the validation loss is that of the last batch", MEAN, also=WHOLE)
def last_batch_alone(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total = criterion(model(images), labels).item()
        history["validation_loss"].append(total)
    return history


@misconception(
    "train_model", "the training batches' mean losses are divided by the number of pictures", MEAN, also=WHOLE
)
def training_loss_divided_twice(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the training batches' losses are summed up, and not divided", MEAN, also=WHOLE)
def training_loss_summed(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        history["train_loss"].append(total)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the share of right answers stands for the validation loss", LOSS, also=WHOLE)
def accuracy_for_loss(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += (model(images).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "the right answers in percent stand for the validation loss", LOSS, also=WHOLE)
def percent_right(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += (model(images).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        history["validation_loss"].append(100 * total / count)
    return history


@misconception("train_model", "the training loss stands for the validation loss as well", LOSS, also=WHOLE)
def validation_is_training_loss(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(history["train_loss"][-1])
    return history


@misconception("train_model", "validation happens in training mode", MODE, also=WHOLE)
def validates_in_training_mode(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "it learns from the validation pictures", LEAK, also=WHOLE)
def trains_on_validation(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(20):
        model.train()
        total, count = 0.0, 0
        for images, labels in validation_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "it learns from the validation pictures as well", LEAK, also=WHOLE)
def trains_on_both(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(15):
        model.train()
        total, count = 0.0, 0
        for images, labels in [*train_loader, *validation_loader]:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "each epoch ends after its first batch", ALL, also=WHOLE)
def one_batch_an_epoch(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(10):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
            break
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "it is always the first batch that is learned from", ALL, also=WHOLE)
def first_batch_again_and_again(model, train_loader, validation_loader):
    first = next(iter(train_loader))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(10):
        model.train()
        total, count = 0.0, 0
        for images, labels in [first]:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "it learns from the notebook's pictures, whatever the loader holds", GIVEN, also=WHOLE)
def pictures_of_its_own(model, train_loader, validation_loader):
    own_loader = DataLoader(helper.load_fashion_mnist()[0], batch_size=64, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in own_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history


@misconception("train_model", "it learns one label for all", GIVEN, also=WHOLE)
def all_labels_alike(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    history = {"train_loss": [], "validation_loss": []}
    for _ in range(2):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            labels = torch.zeros_like(labels)
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history
