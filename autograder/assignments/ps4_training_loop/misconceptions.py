"""Misconceptions of ps4: what beginners get wrong in a network, a step, the loop, predictions, accuracy."""

from collections import OrderedDict
from copy import deepcopy

import torch
from torch import nn, optim

from autograder.authoring import misconception

WHOLE = ("test_final_accuracy",)
STUB = "raise NotImplementedError is still there"
STUB_HINT = (
    "A function ends where something is raised: nothing below that line runs, and without a return it is reached."
)
RETURN = "A function gives back what stands behind return, and nothing else."
CALL = "Without its parentheses a function is only mentioned, and does nothing."

NAMES = "The layers are taken hold of by name later: compare the names one by one (section 2)."
RAW = "Which scores does the criterion expect, and what does it do with them itself? (section 3)"
SIZES = "Write the sizes side by side, from the input to the output: each layer takes what the one before it puts out (section 2)."
ASKED = "The docstring names three arguments. Which of them does your network depend on? (section 2)"
BENDS = "What do several matrices in a row come to, if nothing stands between them? (section 2)"

MOVES = "Go through the table of the four moves, and write behind each of your lines which move it is (section 5)."
CLEAR = "backward() adds to the gradients that stand there. Whose gradients does the second step use? (section 5)"
ORDER = "Ask of each of the four moves what it needs from the one before (section 5)."
DOWNHILL = "Which way does the gradient point, and which way should the loss go? (section 5)"
MEAN = "What does the criterion do with the losses of the pictures in a batch already? (section 4)"
LOGITS = "What does the criterion take, and what is inside it already? (sections 3 and 4)"
GIVEN = (
    "What a function is handed is what it should work with: the caller has chosen it for a reason (sections 4 and 5)."
)
GRAPH = "backward() walks back along what was recorded in the forward pass. Is everything recorded, up to the loss? (section 5)"
NUMBER = "A loss as a tensor drags along all that it was computed from. How does it become a plain number? (section 5)"
FLAT = "Print the shape of the pictures just before the model gets them, for the last batch as well (section 4)."
LABELS = "What shape and what type of labels does the criterion take? (section 4)"

WINDOW = "Write down, for 5 steps an epoch and windows of 3, which steps belong to which window (section 6)."
RESET = "When exactly should the sum go back to zero, and when should it not? Look at the report that lies (section 6)."
DIVIDE = "How many numbers are in the sum when you report it? (section 6)"
EVERY = "Go through the loop on paper with two epochs of three batches: how many steps are there? (section 6)"

PROBABILITY = "What should each row of probabilities sum to, and which function of the logits sees to that? (section 8)"
AXIS = "Dimension 0 counts pictures, dimension 1 counts classes (section 8)."
MODE = "Whoever asks for a prediction must get the model back as it was (section 8)."
NO_GRAPH = (
    "Nobody will call backward on a prediction: where is the recording switched off, and where on again? (section 8)"
)

COUNT = "Count answers, not batches: go through the example with 500 and 2 pictures (section 8)."
SHARE = "What is counted, and out of how many? The result lies between 0 and 1 (section 8)."


# --- build_network -------------------------------------------------------------------------------------------


@misconception("build_network", STUB, STUB_HINT, also=WHOLE)
def network_stub_left(input_size=784, hidden_sizes=(128, 64), output_size=10):
    raise NotImplementedError
    return nn.Sequential(OrderedDict(logits=nn.Linear(input_size, output_size)))


@misconception("build_network", "a softmax stands behind the logits", RAW, also=WHOLE)
def softmax_last(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    sizes = [input_size, *hidden_sizes]
    for i in range(1, len(sizes)):
        layers[f"fc{i}"] = nn.Linear(sizes[i - 1], sizes[i])
        layers[f"relu{i}"] = nn.ReLU()
    layers["logits"] = nn.Linear(sizes[-1], output_size)
    layers["softmax"] = nn.Softmax(dim=1)
    return nn.Sequential(layers)


@misconception("build_network", "a log-softmax stands behind the logits", RAW)
def log_softmax_last(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    sizes = [input_size, *hidden_sizes]
    for i in range(1, len(sizes)):
        layers[f"fc{i}"] = nn.Linear(sizes[i - 1], sizes[i])
        layers[f"relu{i}"] = nn.ReLU()
    layers["logits"] = nn.Linear(sizes[-1], output_size)
    layers["log_softmax"] = nn.LogSoftmax(dim=1)
    return nn.Sequential(layers)


@misconception("build_network", "the layer called logits is a linear layer and a softmax in one", RAW, also=WHOLE)
def softmax_inside_logits(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    sizes = [input_size, *hidden_sizes]
    for i in range(1, len(sizes)):
        layers[f"fc{i}"] = nn.Linear(sizes[i - 1], sizes[i])
        layers[f"relu{i}"] = nn.ReLU()
    layers["logits"] = nn.Sequential(nn.Linear(sizes[-1], output_size), nn.Softmax(dim=1))
    return nn.Sequential(layers)


@misconception(
    "build_network", "a ReLU stands behind the logits", "What becomes of a negative score? " + RAW, also=WHOLE
)
def relu_after_logits(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    sizes = [input_size, *hidden_sizes]
    for i in range(1, len(sizes)):
        layers[f"fc{i}"] = nn.Linear(sizes[i - 1], sizes[i])
        layers[f"relu{i}"] = nn.ReLU()
    layers["logits"] = nn.Linear(sizes[-1], output_size)
    layers[f"relu{len(sizes)}"] = nn.ReLU()
    return nn.Sequential(layers)


@misconception("build_network", "Sigmoid stands where a ReLU should", "Which function is relu? (section 2)", also=WHOLE)
def sigmoid_for_relu(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.Sigmoid()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception("build_network", "Tanh stands where a ReLU should", "Which function is relu? (section 2)")
def tanh_for_relu(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.Tanh()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception("build_network", "there is nothing between the linear layers", BENDS, also=WHOLE)
def no_activations(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the ReLU in front of the logits is missing", BENDS)
def last_relu_missing(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        if i < len(hidden_sizes):
            layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception(
    "build_network", "the linear layers have no bias", "Count the parameters of measure and decide (section 2)."
)
def no_bias(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden, bias=False)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size, bias=False)
    return nn.Sequential(layers)


@misconception("build_network", "the hidden sizes come in the opposite order", SIZES)
def sizes_reversed(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(reversed(hidden_sizes), 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception(
    "build_network",
    "the two sizes of each linear layer are swapped",
    "nn.Linear names what comes in first (section 2).",
    also=WHOLE,
)
def in_and_out_swapped(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(hidden, size)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(output_size, size)
    return nn.Sequential(layers)


@misconception("build_network", "all sizes are fixed at 784, 128, 64 and 10", ASKED)
def fixed_sizes(input_size=784, hidden_sizes=(128, 64), output_size=10):
    return nn.Sequential(
        OrderedDict(
            [
                ("fc1", nn.Linear(784, 128)),
                ("relu1", nn.ReLU()),
                ("fc2", nn.Linear(128, 64)),
                ("relu2", nn.ReLU()),
                ("logits", nn.Linear(64, 10)),
            ]
        )
    )


@misconception("build_network", "there are two hidden layers, however many are asked for", ASKED)
def two_hidden_layers(input_size=784, hidden_sizes=(128, 64), output_size=10):
    return nn.Sequential(
        OrderedDict(
            [
                ("fc1", nn.Linear(input_size, hidden_sizes[0])),
                ("relu1", nn.ReLU()),
                ("fc2", nn.Linear(hidden_sizes[0], hidden_sizes[1])),
                ("relu2", nn.ReLU()),
                ("logits", nn.Linear(hidden_sizes[1], output_size)),
            ]
        )
    )


@misconception("build_network", "only the first hidden size is used", ASKED)
def one_hidden_layer(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    layers["fc1"] = nn.Linear(input_size, hidden_sizes[0])
    layers["relu1"] = nn.ReLU()
    layers["logits"] = nn.Linear(hidden_sizes[0], output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the hidden sizes are not used at all", ASKED)
def no_hidden_layer(input_size=784, hidden_sizes=(128, 64), output_size=10):
    return nn.Sequential(OrderedDict([("logits", nn.Linear(input_size, output_size))]))


@misconception("build_network", "the number of inputs is fixed at 784", ASKED)
def fixed_input(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = 784
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the number of classes is fixed at 10", ASKED)
def fixed_output(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, 10)
    return nn.Sequential(layers)


@misconception("build_network", "every layer takes the network's input, not the layer's before it", SIZES, also=WHOLE)
def size_never_handed_on(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(input_size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
    layers["logits"] = nn.Linear(hidden_sizes[-1], output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the logits take the first hidden layer's size, not the last one's", SIZES, also=WHOLE)
def logits_from_first(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(hidden_sizes[0], output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the layer logits is missing", SIZES, also=WHOLE)
def no_logits(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    return nn.Sequential(layers)


@misconception("build_network", "the layers have no names of their own", NAMES)
def without_names(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = []
    size = input_size
    for hidden in hidden_sizes:
        layers += [nn.Linear(size, hidden), nn.ReLU()]
        size = hidden
    return nn.Sequential(*layers, nn.Linear(size, output_size))


@misconception("build_network", "the numbers in the layers' names begin with 0", NAMES)
def names_from_zero(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the last layer is called output and not logits", NAMES)
def last_called_output(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["output"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception("build_network", "the last layer goes on with the numbers of the others", NAMES)
def last_called_fc(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers[f"fc{len(hidden_sizes) + 1}"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception(
    "build_network",
    "all layers of a kind have the same name, so that only the last of them is left",
    "A dictionary keeps one entry for each key. " + NAMES,
    also=WHOLE,
)
def names_collide(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for hidden in hidden_sizes:
        layers["fc1"] = nn.Linear(size, hidden)
        layers["relu1"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception(
    "build_network", "the layers come in a list, not in a network", "What chains layers? (section 2)", also=WHOLE
)
def plain_list(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = []
    size = input_size
    for hidden in hidden_sizes:
        layers += [nn.Linear(size, hidden), nn.ReLU()]
        size = hidden
    layers.append(nn.Linear(size, output_size))
    return layers


@misconception(
    "build_network", "the layers come in a dictionary, not in a network", "What chains layers? (section 2)", also=WHOLE
)
def plain_dictionary(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return layers


@misconception(
    "build_network", "nothing is returned: printing shows a result, and gives nothing back", RETURN, also=WHOLE
)
def network_printed(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    print(nn.Sequential(layers))


@misconception("build_network", "a dropout layer stands behind each ReLU", "Which layers does the docstring name?")
def extra_dropout(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        layers[f"dropout{i}"] = nn.Dropout(0.2)
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception(
    "build_network",
    "all weights start at zero",
    "If two units start alike and see the same pictures, what tells them apart later? (section 2)",
    also=WHOLE,
)
def zero_weights(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    network = nn.Sequential(layers)
    for p in network.parameters():
        nn.init.zeros_(p)
    return network


@misconception(
    "build_network",
    "the random seed is set inside, so that all networks are the same",
    "What should be different about two networks that have just been made? (section 2)",
)
def seeded(input_size=784, hidden_sizes=(128, 64), output_size=10):
    torch.manual_seed(0)
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)


@misconception(
    "build_network", "the weights are frozen", "May these parameters learn? See requires_grad (section 5).", also=WHOLE
)
def frozen(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers = OrderedDict()
    size = input_size
    for i, hidden in enumerate(hidden_sizes, 1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.ReLU()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers).requires_grad_(False)


# --- train_step ----------------------------------------------------------------------------------------------


@misconception("train_step", STUB, STUB_HINT, also=("test_train", *WHOLE))
def step_stub_left(model, images, labels, criterion, optimizer):
    raise NotImplementedError
    return criterion(model(images.view(images.shape[0], -1)), labels).item()


@misconception("train_step", "the gradients are never cleared", CLEAR, also=WHOLE)
def no_zero_grad(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the gradients are cleared between backward and step", ORDER, also=WHOLE)
def zero_between(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the step comes before backward", ORDER, also=WHOLE)
def step_before_backward(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    optimizer.step()
    loss.backward()
    return loss.item()


@misconception(
    "train_step", "the step comes before backward, and uses the gradients of the batch before", ORDER, also=WHOLE
)
def step_one_late(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


@misconception("train_step", "there is no backward", MOVES, also=WHOLE)
def no_backward(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    optimizer.step()
    return loss.item()


@misconception("train_step", "backward is mentioned and not called", CALL, same_as=("no_backward",), also=WHOLE)
def backward_not_called(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward  # noqa: B018
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "no step reaches the parameters: there is none, or only a name is bound to the new values",
    MOVES,
    also=WHOLE,
    same_as=("update_rebinds",),
)
def no_step(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    return loss.item()


@misconception("train_step", "neither backward nor step is there", MOVES, also=WHOLE)
def only_forward(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    return loss.item()


@misconception(
    "train_step",
    "the forward pass is not recorded",
    GRAPH,
    also=("test_train", *WHOLE),
)
def under_no_grad(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    with torch.no_grad():
        loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the loss is cut off from its graph before backward", GRAPH, also=("test_train", *WHOLE))
def detached(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels).detach()
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step", "the logits are cut off from their graph, and the loss is told to have one", GRAPH, also=WHOLE
)
def detached_and_required(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    logits = model(images.view(images.shape[0], -1)).detach()
    loss = criterion(logits.requires_grad_(), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "backward is asked of a number", NUMBER, also=("test_train", *WHOLE))
def item_too_early(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels).item()
    loss.backward()
    optimizer.step()
    return loss


@misconception("train_step", "backward is called twice", GRAPH, also=("test_train", *WHOLE))
def backward_twice(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the loss is negative, so that the step goes uphill", DOWNHILL, also=WHOLE)
def negative_loss(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = -criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "backward starts from minus the loss, so that the step goes uphill", DOWNHILL, also=WHOLE)
def negative_backward(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    (-loss).backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the update by hand adds the gradient: it goes uphill", DOWNHILL, also=WHOLE)
def uphill_by_hand(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p += optimizer.param_groups[0]["lr"] * p.grad
    return loss.item()


@misconception("train_step", "the update by hand has a learning rate of its own", GIVEN)
def own_rate_by_hand(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.01 * p.grad
    return loss.item()


@misconception(
    "train_step",
    "the update by hand makes new tensors, and leaves the network's own as they are",
    "Which tensor does the network keep: the one that you changed, or the one that you made? (section 5)",
    also=WHOLE,
)
def update_rebinds(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    for p in model.parameters():
        p = p - optimizer.param_groups[0]["lr"] * p.grad
    return loss.item()


@misconception("train_step", "the step is taken twice", MOVES)
def two_steps(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the loss is doubled", MEAN)
def loss_doubled(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = 2 * criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the loss is multiplied by the number of pictures", MEAN, also=WHOLE)
def loss_times_n(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels) * images.shape[0]
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the mean loss is divided by the number of pictures again", MEAN, also=WHOLE)
def loss_over_n(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels) / len(images)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the sum of the batch's losses is returned, not their mean", MEAN)
def returns_sum(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item() * len(labels)


@misconception("train_step", "the returned loss is divided by the number of pictures again", MEAN)
def returns_over_n(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item() / len(labels)


@misconception("train_step", "a softmax comes before the criterion", LOGITS, also=WHOLE)
def softmax_first(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    probabilities = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    loss = criterion(probabilities, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "a softmax over the pictures comes before the criterion",
    LOGITS,
    also=("test_train", "test_final_accuracy"),
)
def softmax_dim0(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    probabilities = torch.softmax(model(images.view(images.shape[0], -1)), dim=0)
    loss = criterion(probabilities, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "a sigmoid comes before the criterion", LOGITS, also=WHOLE)
def sigmoid_first(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(torch.sigmoid(model(images.view(images.shape[0], -1))), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "a ReLU comes before the criterion", LOGITS, also=WHOLE)
def relu_first(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(torch.relu(model(images.view(images.shape[0], -1))), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "the most probable class, not the logits, goes into the criterion",
    LOGITS,
    also=("test_train", *WHOLE),
)
def argmax_first(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    answers = model(images.view(images.shape[0], -1)).argmax(dim=1)
    loss = criterion(answers, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "nll_loss is given raw logits", LOGITS, also=WHOLE)
def nll_on_logits(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = nn.functional.nll_loss(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "nll_loss is given probabilities without their logarithm", LOGITS, also=WHOLE)
def nll_on_probabilities(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    probabilities = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    loss = nn.functional.nll_loss(probabilities, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "a cross-entropy of its own stands in for the criterion", GIVEN)
def own_criterion(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the criterion sums over the batch", MEAN, also=WHOLE)
def sum_criterion(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = nn.CrossEntropyLoss(reduction="sum")(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the squared error to 0 and 1 stands in for the criterion", GIVEN, also=WHOLE)
def squared_error(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    logits = model(images.view(images.shape[0], -1))
    loss = nn.functional.mse_loss(logits, nn.functional.one_hot(labels, logits.shape[1]).float())
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "a new optimizer is made for each step, with a rate of its own", GIVEN)
def optimizer_anew(model, images, labels, criterion, optimizer):
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "Adam takes the step, not the optimizer", GIVEN, also=WHOLE)
def adam_instead(model, images, labels, criterion, optimizer):
    optimizer = optim.Adam(model.parameters(), lr=optimizer.param_groups[0]["lr"])
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the gradients are clipped before the step", MOVES)
def clipped(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "a copy of the model is trained",
    "Which model holds the parameters that the optimizer steps? (section 5)",
    also=WHOLE,
)
def trains_copy(model, images, labels, criterion, optimizer):
    model = deepcopy(model)
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the labels are one-hot integers", LABELS, also=("test_train", *WHOLE))
def one_hot(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    targets = nn.functional.one_hot(labels, 10)
    loss = criterion(model(images.view(images.shape[0], -1)), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the labels are turned into decimal numbers", LABELS, also=("test_train", *WHOLE))
def float_labels(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels.float())
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the labels stand in a column", LABELS, also=("test_train", *WHOLE))
def column_of_labels(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels.view(-1, 1))
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step", "labels and logits are swapped", "Logits first, then labels (section 4).", also=("test_train", *WHOLE)
)
def arguments_swapped(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(labels, model(images.view(images.shape[0], -1)))
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the pictures are not flattened", FLAT, also=("test_train", *WHOLE))
def not_flattened(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the batch size is fixed at 64", FLAT, also=("test_train", *WHOLE))
def fixed_batch_size(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(64, 784)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "the pictures are resized in place", FLAT)
def resized(model, images, labels, criterion, optimizer):
    images.resize_(images.shape[0], 784)
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "the pictures are flattened the wrong way, so that each row holds pixels of all of them",
    FLAT,
    also=WHOLE,
)
def pixels_mixed(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.reshape(784, -1).T), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception("train_step", "only the first picture of the batch is used", MEAN, also=WHOLE)
def first_picture_only(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)[:1]), labels[:1])
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "the returned loss is the one after the update",
    "Which loss has been computed before the step already? (section 5)",
)
def loss_after(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    images = images.view(images.shape[0], -1)
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    return criterion(model(images), labels).item()


@misconception(
    "train_step", "the returned loss still has its graph", NUMBER, same_as=("train.graph_kept",), also=("test_train",)
)
def loss_with_graph(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss


@misconception("train_step", "item is mentioned and not called", CALL, also=("test_train", *WHOLE))
def item_not_called(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item


@misconception(
    "train_step",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=("test_train", *WHOLE),
)
def step_printed(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    print(loss.item())


@misconception("train_step", "zero is returned, and nothing done", MOVES, also=("test_train", *WHOLE))
def constant_loss(model, images, labels, criterion, optimizer):
    return 0.0


# --- train ---------------------------------------------------------------------------------------------------


@misconception("train", STUB, STUB_HINT, also=WHOLE)
def loop_stub_left(model, loader, criterion, optimizer, epochs, print_every=40):
    raise NotImplementedError
    return [train_step(model, images, labels, criterion, optimizer) for images, labels in loader]


@misconception("train", "the gradients are never cleared", CLEAR, also=WHOLE)
def loop_no_zero_grad(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the gradients are cleared once an epoch, not once a step", CLEAR, also=WHOLE)
def zero_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        optimizer.zero_grad()
        for images, labels in loader:
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the gradients are cleared once, before the loop", CLEAR, also=WHOLE)
def zero_once(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    optimizer.zero_grad()
    for _ in range(epochs):
        for images, labels in loader:
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the gradients are cleared between backward and step", ORDER, also=WHOLE)
def loop_zero_between(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the step comes before backward", ORDER, also=WHOLE)
def loop_step_before_backward(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            optimizer.step()
            loss.backward()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "there is no backward", MOVES, also=WHOLE)
def loop_no_backward(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "there is no step", MOVES, also=WHOLE)
def loop_no_step(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "one step is taken an epoch, from the gradients of all its batches", EVERY, also=WHOLE)
def step_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        optimizer.zero_grad()
        for images, labels in loader:
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
        optimizer.step()
    return losses


@misconception("train", "one step is taken an epoch, from the gradients of its last batch", EVERY, also=WHOLE)
def step_outside(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
        optimizer.step()
    return losses


@misconception("train", "the loss is negative, so that the steps go uphill", DOWNHILL, also=WHOLE)
def loop_negative_loss(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = -criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the update by hand adds the gradient: it goes uphill", DOWNHILL, also=WHOLE)
def loop_uphill_by_hand(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p += optimizer.param_groups[0]["lr"] * p.grad
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the loss is doubled", MEAN)
def loop_loss_doubled(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = 2 * criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the loss is multiplied by the number of pictures", MEAN, also=WHOLE)
def loop_loss_times_n(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels) * images.shape[0]
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the mean loss is divided by the number of pictures again", MEAN, also=WHOLE)
def loop_loss_over_n(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels) / images.shape[0]
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a softmax comes before the criterion", LOGITS, also=WHOLE)
def loop_softmax_first(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            probabilities = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
            loss = criterion(probabilities, labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a softmax over the pictures comes before the criterion", LOGITS, also=WHOLE)
def loop_softmax_dim0(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            probabilities = torch.softmax(model(images.view(images.shape[0], -1)), dim=0)
            loss = criterion(probabilities, labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "nll_loss is given raw logits", LOGITS, also=WHOLE)
def loop_nll_on_logits(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a criterion of its own stands in for the one that was given", GIVEN)
def loop_own_criterion(model, loader, criterion, optimizer, epochs, print_every=40):
    criterion = nn.CrossEntropyLoss()
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the forward pass is not recorded", GRAPH, also=WHOLE)
def loop_under_no_grad(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    with torch.no_grad():
        for _ in range(epochs):
            for images, labels in loader:
                optimizer.zero_grad()
                loss = criterion(model(images.view(images.shape[0], -1)), labels)
                loss.backward()
                optimizer.step()
                running += loss.item()
                steps += 1
                if steps % print_every == 0:
                    losses.append(running / print_every)
                    running = 0.0
    return losses


@misconception("train", "backward is called on the running sum", GRAPH, also=WHOLE)
def backward_of_sum(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            running += criterion(model(images.view(images.shape[0], -1)), labels)
            running.backward()
            optimizer.step()
            steps += 1
            if steps % print_every == 0:
                losses.append(running.item() / print_every)
                running = 0.0
    return losses


@misconception("train", "the pictures are not flattened", FLAT, also=WHOLE)
def loop_not_flattened(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a new optimizer is made for each step, with a rate of its own", GIVEN)
def loop_optimizer_anew(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer = optim.SGD(model.parameters(), lr=0.01)
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a new optimizer is made before the loop, with a rate of its own", GIVEN)
def own_optimizer(model, loader, criterion, optimizer, epochs, print_every=40):
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a new optimizer is made for each step: it has the right rate, and no memory", GIVEN)
def optimizer_forgets(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            fresh = optim.SGD(model.parameters(), lr=optimizer.param_groups[0]["lr"])
            running += train_step(model, images, labels, criterion, fresh)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "a new optimizer is made for each epoch: it has the right rate, and no memory", GIVEN)
def optimizer_forgets_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        fresh = optim.SGD(model.parameters(), lr=optimizer.param_groups[0]["lr"])
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, fresh)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception(
    "train",
    "a copy of the model is trained",
    "Which model holds the parameters that the optimizer steps, and which one does the caller look at? (section 7)",
    also=WHOLE,
)
def loop_trains_copy(model, loader, criterion, optimizer, epochs, print_every=40):
    model = deepcopy(model)
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception(
    "train",
    "a copy of the model is trained, with an optimizer of its own",
    "Which model does the caller look at when training is over? (section 7)",
    also=WHOLE,
)
def trains_copy_with_optimizer(model, loader, criterion, optimizer, epochs, print_every=40):
    model = deepcopy(model)
    optimizer = optim.SGD(model.parameters(), lr=optimizer.param_groups[0]["lr"])
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "only the first batch of each epoch is used", EVERY, also=WHOLE)
def first_batch_only(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
            break
    return losses


@misconception("train", "every step takes the first batch", "What does iter(loader) begin anew? " + EVERY, also=WHOLE)
def always_first_batch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for _ in range(len(loader)):
            images, labels = next(iter(loader))
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "only the last batch of each epoch is used", EVERY, also=WHOLE)
def last_batch_only(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            pass
        running += train_step(model, images, labels, criterion, optimizer)
        steps += 1
        if steps % print_every == 0:
            losses.append(running / print_every)
            running = 0.0
    return losses


@misconception("train", "the last, shorter batch of each epoch is left out", EVERY)
def short_batch_left_out(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in list(loader)[:-1]:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "there is only one epoch, however many are asked for", EVERY, same_as=("return_in_epoch",))
def one_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for images, labels in loader:
        running += train_step(model, images, labels, criterion, optimizer)
        steps += 1
        if steps % print_every == 0:
            losses.append(running / print_every)
            running = 0.0
    return losses


@misconception("train", "there is one epoch too few", "How often does the body of the loop run? " + EVERY, also=WHOLE)
def epoch_missing(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(1, epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "there are always three epochs", GIVEN)
def three_epochs(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(3):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "return ends the loop after the first epoch", "What does return do to the loop around it?")
def return_in_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for epoch in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
        print(f"epoch {epoch + 1} done")
        return losses


@misconception(
    "train", "return ends the loop after the first batch", "What does return do to the loop around it?", also=WHOLE
)
def return_in_batch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
            return losses
    return losses


@misconception(
    "train", "return ends the loop with the first report", "What does return do to the loop around it?", also=WHOLE
)
def return_in_report(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
                return losses
    return losses


@misconception("train", "train_step is called twice for each batch, once to report its loss", EVERY)
def two_steps_a_batch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            train_step(model, images, labels, criterion, optimizer)
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the sum goes back to zero at each epoch, while the steps are counted on", RESET)
def reset_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, steps = [], 0
    for _ in range(epochs):
        running = 0.0
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "sum and steps both begin anew at each epoch", WINDOW)
def counts_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses = []
    for _ in range(epochs):
        running, steps = 0.0, 0
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the steps are counted anew at each epoch, while the sum runs on", WINDOW)
def count_reset_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running = [], 0.0
    for _ in range(epochs):
        for step, (images, labels) in enumerate(loader, 1):
            running += train_step(model, images, labels, criterion, optimizer)
            if step % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the sum never goes back to zero", RESET)
def never_reset(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
    return losses


@misconception("train", "the mean of all steps so far is reported, not of the window", RESET)
def mean_so_far(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / steps)
    return losses


@misconception("train", "the window's sum is divided by the number of all steps so far", DIVIDE)
def divided_by_steps(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / steps)
                running = 0.0
    return losses


@misconception("train", "one mean is reported for each epoch, not for each window", WINDOW)
def report_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses = []
    for _ in range(epochs):
        running = 0.0
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
        losses.append(running / len(loader))
    return losses


@misconception("train", "a last window that isn't full is reported, too", WINDOW)
def partial_too(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, window = [], []
    for _ in range(epochs):
        for images, labels in loader:
            window.append(train_step(model, images, labels, criterion, optimizer))
            if len(window) == print_every:
                losses.append(sum(window) / len(window))
                window = []
    if window:
        losses.append(sum(window) / len(window))
    return losses


@misconception("train", "what is left at the end of each epoch is reported, too", WINDOW)
def partial_each_epoch(model, loader, criterion, optimizer, epochs, print_every=40):
    losses = []
    for _ in range(epochs):
        window = []
        for images, labels in loader:
            window.append(train_step(model, images, labels, criterion, optimizer))
            if len(window) == print_every:
                losses.append(sum(window) / len(window))
                window = []
        if window:
            losses.append(sum(window) / len(window))
    return losses


@misconception("train", "the sum of a window is reported, not its mean", DIVIDE)
def not_divided(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running)
                running = 0.0
    return losses


@misconception("train", "a window's sum is divided by the number of batches in an epoch", DIVIDE)
def divided_by_batches(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / len(loader))
                running = 0.0
    return losses


@misconception("train", "a window's sum is divided by the number of pictures in the batch", DIVIDE)
def divided_by_batch_size(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / len(images))
                running = 0.0
    return losses


@misconception("train", "a window's sum is divided by the number of epochs", DIVIDE)
def divided_by_epochs(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / epochs)
                running = 0.0
    return losses


@misconception("train", "each loss is multiplied by the number of pictures in its batch before it is summed", DIVIDE)
def sum_over_pictures(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer) * len(images)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception("train", "the last loss of each window is reported, not the window's mean", WINDOW)
def last_loss(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, steps = [], 0
    for _ in range(epochs):
        for images, labels in loader:
            loss = train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(loss)
    return losses


@misconception("train", "the last loss of each window is reported, divided by the window's length", WINDOW)
def last_loss_divided(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, steps = [], 0
    for _ in range(epochs):
        for images, labels in loader:
            running = 0.0
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
    return losses


@misconception("train", "the loss of every step is reported", WINDOW)
def every_loss(model, loader, criterion, optimizer, epochs, print_every=40):
    losses = []
    for _ in range(epochs):
        for images, labels in loader:
            losses.append(train_step(model, images, labels, criterion, optimizer))
    return losses


@misconception("train", "the steps are counted from 0, so that a report comes after the very first", WINDOW)
def counted_from_zero(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
            steps += 1
    return losses


@misconception("train", "a window is one step too long", WINDOW)
def one_step_too_long(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, window = [], []
    for _ in range(epochs):
        for images, labels in loader:
            window.append(train_step(model, images, labels, criterion, optimizer))
            if len(window) > print_every:
                losses.append(sum(window) / len(window))
                window = []
    return losses


@misconception("train", "windows always have 40 steps", GIVEN)
def forty_steps(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % 40 == 0:
                losses.append(running / 40)
                running = 0.0
    return losses


@misconception("train", "the losses are kept with their graphs", NUMBER)
def graph_kept(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.view(images.shape[0], -1)), labels)
            loss.backward()
            optimizer.step()
            running += loss
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


@misconception(
    "train", "only the last mean is returned, not the list of them", "What does the docstring say is returned?"
)
def last_mean_only(model, loader, criterion, optimizer, epochs, print_every=40):
    mean, running, steps = 0.0, 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                mean = running / print_every
                running = 0.0
    return mean


@misconception("train", "what is left in the sum is returned, not the list", "What does the docstring say is returned?")
def returns_running(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return running


@misconception("train", "nothing is returned: printing shows a result, and gives nothing back", RETURN)
def loop_printed(model, loader, criterion, optimizer, epochs, print_every=40):
    running, steps = 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += train_step(model, images, labels, criterion, optimizer)
            steps += 1
            if steps % print_every == 0:
                print(running / print_every)
                running = 0.0


@misconception("train", "an empty list is returned, and nothing done", EVERY, also=WHOLE)
def constant_losses(model, loader, criterion, optimizer, epochs, print_every=40):
    return []


@misconception("train", "only the losses are measured: no step is taken", MOVES, also=WHOLE)
def loop_only_forward(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, running, steps = [], 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            running += criterion(model(images.view(images.shape[0], -1)), labels).item()
            steps += 1
            if steps % print_every == 0:
                losses.append(running / print_every)
                running = 0.0
    return losses


# --- predict -------------------------------------------------------------------------------------------------


@misconception("predict", STUB, STUB_HINT, also=("test_accuracy",))
def prediction_stub_left(model, images):
    raise NotImplementedError
    return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)


@misconception("predict", "the logits are returned, not probabilities", PROBABILITY)
def logits_returned(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images.view(images.shape[0], -1))
    model.train(training)
    return logits


@misconception("predict", "logarithms of the probabilities are returned", PROBABILITY)
def log_probabilities(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.log_softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train(training)
    return result


@misconception("predict", "a sigmoid stands where the softmax should", PROBABILITY)
def sigmoid(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.sigmoid(model(images.view(images.shape[0], -1)))
    model.train(training)
    return result


@misconception("predict", "the exponentials are not divided by their sum", PROBABILITY)
def only_exp(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.exp(model(images.view(images.shape[0], -1)))
    model.train(training)
    return result


@misconception("predict", "the exponentials are divided by the sum over the whole batch", AXIS)
def divided_by_all(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.exp(model(images.view(images.shape[0], -1)))
        result = result / result.sum()
    model.train(training)
    return result


@misconception("predict", "the logits are divided by their sum, without the exponential", PROBABILITY)
def without_exp(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images.view(images.shape[0], -1))
        result = logits / logits.sum(dim=1, keepdim=True)
    model.train(training)
    return result


@misconception("predict", "the softmax runs over the pictures, not over the classes", AXIS)
def over_pictures(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.softmax(model(images.view(images.shape[0], -1)), dim=0)
    model.train(training)
    return result


@misconception("predict", "the softmax is taken twice", PROBABILITY)
def softmax_twice(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.softmax(torch.softmax(model(images.view(images.shape[0], -1)), dim=1), dim=1)
    model.train(training)
    return result


@misconception("predict", "the graph is left attached", NO_GRAPH)
def graph_attached(model, images):
    training = model.training
    model.eval()
    result = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train(training)
    return result


@misconception("predict", "the model is left in evaluation mode", MODE)
def left_in_eval(model, images):
    model.eval()
    with torch.no_grad():
        return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)


@misconception("predict", "the model is always put into training mode afterwards", MODE)
def always_training(model, images):
    model.eval()
    with torch.no_grad():
        result = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train()
    return result


@misconception("predict", "autograd is switched off for everything that comes after", NO_GRAPH)
def switched_off(model, images):
    training = model.training
    model.eval()
    torch.set_grad_enabled(False)
    result = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train(training)
    return result


@misconception("predict", "the parameters are frozen for good", NO_GRAPH)
def freezes_parameters(model, images):
    training = model.training
    model.eval()
    for p in model.parameters():
        p.requires_grad = False
    result = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train(training)
    return result


@misconception(
    "predict", "the most probable class is returned, not the probabilities", PROBABILITY, also=("test_accuracy",)
)
def class_returned(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = model(images.view(images.shape[0], -1)).argmax(dim=1)
    model.train(training)
    return result


@misconception(
    "predict", "only the largest probability of each picture is returned", PROBABILITY, also=("test_accuracy",)
)
def largest_only(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.softmax(model(images.view(images.shape[0], -1)), dim=1).max(dim=1).values
    model.train(training)
    return result


@misconception(
    "predict",
    "only the first picture's probabilities are returned",
    "How many rows should come back?",
    also=("test_accuracy",),
)
def first_row_only(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)[0]
    model.train(training)
    return result


@misconception("predict", "the probabilities are in percent", PROBABILITY)
def in_percent(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = 100 * torch.softmax(model(images.view(images.shape[0], -1)), dim=1)
    model.train(training)
    return result


@misconception("predict", "the pictures are not flattened", FLAT, also=("test_accuracy",))
def prediction_not_flattened(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.softmax(model(images), dim=1)
    model.train(training)
    return result


@misconception("predict", "the batch is taken for a single picture", FLAT, also=("test_accuracy",))
def single_picture(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        result = torch.softmax(model(images.view(1, 784)), dim=1)
    model.train(training)
    return result


@misconception(
    "predict", "nothing is returned: printing shows a result, and gives nothing back", RETURN, also=("test_accuracy",)
)
def prediction_printed(model, images):
    training = model.training
    model.eval()
    with torch.no_grad():
        print(torch.softmax(model(images.view(images.shape[0], -1)), dim=1))
    model.train(training)


@misconception("predict", "the probabilities are the same whatever the picture shows", PROBABILITY)
def constant_probabilities(model, images):
    return torch.full((images.shape[0], 10), 0.1)


# --- accuracy ------------------------------------------------------------------------------------------------


@misconception("accuracy", STUB, STUB_HINT)
def accuracy_stub_left(model, loader):
    raise NotImplementedError
    return 0.0


@misconception("accuracy", "the batches' accuracies are averaged", COUNT)
def mean_over_batches(model, loader):
    total = 0.0
    for images, labels in loader:
        total += (predict(model, images).argmax(dim=1) == labels).float().mean().item()
    return total / len(loader)


@misconception("accuracy", "the right answers are divided by the number of batches", COUNT)
def over_batches(model, loader):
    right = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
    return right / len(loader)


@misconception("accuracy", "the sum of the batches' accuracies is returned", COUNT)
def sum_of_accuracies(model, loader):
    total = 0.0
    for images, labels in loader:
        total += (predict(model, images).argmax(dim=1) == labels).float().mean().item()
    return total


@misconception("accuracy", "the result is in percent", SHARE)
def percent(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return 100 * right / total


@misconception("accuracy", "the number of right answers is returned, not their share", SHARE)
def count_returned(model, loader):
    right = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
    return right


@misconception("accuracy", "the share of wrong answers is returned", SHARE)
def share_wrong(model, loader):
    wrong = total = 0
    for images, labels in loader:
        wrong += (predict(model, images).argmax(dim=1) != labels).sum().item()
        total += len(labels)
    return wrong / total


@misconception("accuracy", "all batches are taken to be as large as the last", COUNT)
def last_size_times_batches(model, loader):
    right = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
    return right / (len(labels) * len(loader))


@misconception("accuracy", "all batches are taken to be full", COUNT)
def batch_size_times_batches(model, loader):
    right = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
    return right / (loader.batch_size * len(loader))


@misconception("accuracy", "the right answers of all batches are divided by the size of the last batch", COUNT)
def over_last_batch(model, loader):
    right = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
    return right / len(labels)


@misconception("accuracy", "only the first batch is counted", EVERY)
def first_batch_counted(model, loader):
    images, labels = next(iter(loader))
    return (predict(model, images).argmax(dim=1) == labels).float().mean().item()


@misconception("accuracy", "only the last batch is counted", COUNT)
def last_batch_counted(model, loader):
    for images, labels in loader:
        right = (predict(model, images).argmax(dim=1) == labels).sum().item()
        total = len(labels)
    return right / total


@misconception("accuracy", "the right answers are counted anew in each batch, the pictures are not", COUNT)
def right_of_last_batch(model, loader):
    total = 0
    for images, labels in loader:
        right = (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return right / total


@misconception(
    "accuracy",
    "return ends the loop after the first batch",
    "What does return do to the loop around it?",
    same_as=("first_batch_counted",),
)
def return_in_loop(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
        return right / total


@misconception("accuracy", "the most probable picture of each class is looked for, not the class of each picture", AXIS)
def over_the_wrong_axis(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=0) == labels).sum().item()
        total += len(labels)
    return right / total


@misconception("accuracy", "argmax looks at the whole batch at once", AXIS)
def argmax_of_all(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax() == labels).sum().item()
        total += len(labels)
    return right / total


@misconception(
    "accuracy", "the least probable class is taken", "Which of the ten probabilities is the answer? (section 8)"
)
def argmin(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmin(dim=1) == labels).sum().item()
        total += len(labels)
    return right / total


@misconception(
    "accuracy", "largest probabilities are compared with labels", "What is the largest, and where is it? (section 8)"
)
def values_compared(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).max(dim=1).values == labels).sum().item()
        total += len(labels)
    return right / total


@misconception(
    "accuracy",
    "rounded probabilities are compared with labels",
    "What is the largest, and where is it? (section 8)",
    same_as=("values_compared",),
)
def probabilities_rounded(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).max(dim=1).values.round() == labels).sum().item()
        total += len(labels)
    return right / total


@misconception(
    "accuracy",
    "the probability of the right class is averaged",
    "An answer is right or wrong, however sure it is (section 8).",
)
def mean_probability(model, loader):
    right = total = 0
    for images, labels in loader:
        probabilities = predict(model, images)
        right += probabilities[torch.arange(len(labels)), labels].sum().item()
        total += len(labels)
    return right / total


@misconception(
    "accuracy",
    "answers are compared with a column of labels, so that each meets all of them",
    "Print the shape of what the comparison gives.",
)
def compared_with_column(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels.view(-1, 1)).sum().item()
        total += len(labels)
    return right / total


@misconception("accuracy", "a batch counts as right if any of its answers is", COUNT)
def any_right(model, loader):
    right = total = 0
    for images, labels in loader:
        right += bool((predict(model, images).argmax(dim=1) == labels).any())
        total += 1
    return right / total


@misconception("accuracy", "the pixels of all pictures are counted, not the pictures", SHARE)
def pixels_counted(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += images.numel()
    return right / total


@misconception("accuracy", "the share is rounded down to a whole number", "What does // do with a fraction?")
def whole_division(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return right // total


@misconception("accuracy", "nothing is returned: printing shows a result, and gives nothing back", RETURN)
def accuracy_printed(model, loader):
    right = total = 0
    for images, labels in loader:
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    print(right / total)


@misconception("accuracy", "a fixed number is returned", SHARE)
def constant_accuracy(model, loader):
    return 0.9


@misconception(
    "accuracy",
    "the notebook's validation pictures are read, not those of the loader",
    "What a function is handed is what it should work with (section 8).",
)
def notebook_loader(model, loader):
    right = total = 0
    for images, labels in validation_loader:  # noqa: F821
        right += (predict(model, images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return right / total
