"""Misconceptions of ps4: what beginners get wrong in a network, a step, the loop, predictions, accuracy."""

from autograder.authoring import Misconceptions, also_right

STUB = "raise NotImplementedError is still there"
STUB_HINT = "A function ends where something is raised: nothing below that line runs."
RETURN = "A function gives back what stands behind return; what it prints is only shown."
PRINTED = "nothing is returned"
RESULT = "The docstring says what is returned."
CALL = "Without its parentheses a function is only mentioned, and does nothing."
LOOP_ENDS = "A return inside a loop ends the loop and the function at once."

NAMES = "Other cells find the layers by their names: compare yours with the docstring, one by one (section 2)."
RAW = "The network ends with raw scores of either sign: the criterion does the rest itself (section 3)."
SIZES = "Write the sizes side by side: each layer takes what the one before it puts out (section 2)."
ASKED = "The docstring names three arguments, and the network depends on all of them (section 2)."
BENDS = (
    "Linear layers with nothing between them come to a single one: a ReLU stands after each hidden layer (section 2)."
)
RELU = "The bend of this network is ReLU: 0 for what is negative, unchanged otherwise (section 2)."
CHAINED = "Layers become a network when nn.Sequential chains them (section 2)."

MOVES = "Go through the table of the four moves, and write behind each of your lines which move it is (section 5)."
CLEAR = "backward() adds to the gradients that stand there, so they must be cleared before each backward (section 5)."
ORDER = "Each of the four moves needs what the one before it has made: compare their order with yours (section 5)."
DOWNHILL = "The gradient points uphill; the loss falls in the opposite direction (section 5)."
MEAN = "The criterion has already averaged over the images of the batch: use its value as it is (section 4)."
LOGITS = "The criterion takes raw logits: softmax and logarithm are inside it already (sections 3 and 4)."
GIVEN = "Work with what the function is given: the caller has chosen it for a reason (sections 4 and 5)."
TRAINED = "The optimizer steps the parameters of the model that the caller gave, and the caller looks at that one (section 5)."
GRAPH = "backward() needs the record of the forward pass, unbroken up to the loss, and uses it up (section 5)."
NUMBER = "A loss as a tensor keeps the record of all that it was computed from: make it a plain number (section 5)."
FLAT = "The network takes one row of 784 pixels for each image, however many images the batch has (section 4)."
LABELS = "The criterion takes the labels as they come: one whole number for each image (section 4)."
BY_HAND = "An update must change the tensors that the network keeps, in place (section 5)."

WINDOW = "Write down, for 5 steps an epoch and windows of 3, which steps belong to which window (section 6)."
RESET = "The sum goes back to zero when a window is reported, and at no other time (section 6)."
DIVIDE = "The mean of a window is its sum divided by the number of losses in it (section 6)."
EVERY = "Every epoch goes through all batches once: count the steps of two epochs of three batches (section 6)."
EPOCHS = "The argument says how many epochs there are: count how often the outer loop runs (section 6)."

PROBABILITY = (
    "Each row of the result holds ten probabilities that sum to 1: one function of the logits does that (section 8)."
)
AXIS = "Dimension 0 counts images, dimension 1 counts classes (section 8)."
MODE = "Predict in evaluation mode, and give the model back in the mode that it had (section 8)."
NO_GRAPH = "Nobody calls backward on a prediction: switch the recording off for it, and for nothing else (section 8)."

COUNT = "Count answers, not batches: go through the example with 500 and 2 images (section 8)."
ALL_BATCHES = "All batches of the loader count, not one of them (section 8)."
SHARE = "Accuracy is the share of right answers among all answers, between 0 and 1 (section 8)."
LARGEST = "The answer is the place of the largest probability, not its size (section 8)."

FORMULAS = (
    "Go through the two formulas for the loss and its slope, sign by sign, and try them on one image (section 3)."
)
BATCH = "The loss is a mean over the images: its slope has the same factor (section 3)."
ONE_HOT = "The slope has two terms: one for every class, and one for the right class alone (section 3)."
EACH = "Each image has a largest logit, a sum and a label of its own: a row has the classes of one image (section 3)."
HUGE = "Take logits of 1000 and 0, and follow each intermediate result: which of them can't be held (section 3)?"
AT_LOGITS = "The slope is asked for by the logits, not by the probabilities (section 3)."
DIGITS = "float32 has 7 digits: compute in the dtype that the logits have (section 3)."
ANY = "There may be any number of images and of classes: ask the logits for theirs (section 3)."
BOTH = "The docstring names two results and their order (section 3)."
KEPT = "An operation in place changes what the caller holds as well (section 3)."

STOP = "Two things end the loop: a loss below the target, and the number of steps (section 5)."
ENTRIES = "There is one entry for each step that was taken, the last one included (section 5)."
SAME_BATCH = "Every step takes the whole of the same batch, with the same model and optimizer (section 5)."

RISING = (
    "One of the two rising runs begins well and gets lost later, the other one leaps from the first steps on: which "
    "mistake grows with the steps, and which is there at once (sections 5 and 7)?"
)
SLOW = (
    "Compare the two runs that hardly fall, on the validation images: one reads most of them all the same, the other "
    "one reads none better than by chance (section 7)."
)
NO_CREEP = (
    "At too small a rate everything is as it should be, only slow: training and validation fall alike (section 7)."
)
MOVED = "A network whose parameters never change learns nothing at all, not even by heart (section 7)."
WORDS = "The result is one of the texts in CAUSES, for the run that is asked for (section 7)."

FINAL = ("test_final_accuracy",)
LOOP = ("test_train", *FINAL)
ACCURACY = ("test_accuracy",)

wrong = Misconceptions("build_network")
TOP = "layers = OrderedDict()"
END = "return nn.Sequential(layers)"
wrong("network_stub_left", STUB, STUB_HINT, {TOP: f"raise NotImplementedError\n{TOP}"}, also=FINAL, alone=True)
wrong(
    "softmax_last",
    "a softmax stands behind the logits",
    RAW,
    {END: f'layers["softmax"] = nn.Softmax(dim=1)\n{END}'},
    also=FINAL,
)
wrong(
    "log_softmax_last",
    "a log-softmax stands behind the logits",
    RAW,
    {END: f'layers["log_softmax"] = nn.LogSoftmax(dim=1)\n{END}'},
)
wrong(
    "softmax_inside_logits",
    "the layer called logits holds several layers, not a linear one alone",
    "The layer with this name is one nn.Linear; its raw scores are what the criterion expects (sections 2 and 3).",
    {"nn.Linear(size, output_size)": "nn.Sequential(nn.Linear(size, output_size), nn.Softmax(dim=1))"},
    also=FINAL,
)
wrong(
    "relu_after_logits",
    "a ReLU stands behind the logits",
    RAW,
    {END: f'layers[f"relu{{len(hidden_sizes) + 1}}"] = nn.ReLU()\n{END}'},
    also=FINAL,
)
wrong("sigmoid_for_relu", "Sigmoid stands where a ReLU should", RELU, {"nn.ReLU": "nn.Sigmoid"}, also=FINAL)
wrong("tanh_for_relu", "Tanh stands where a ReLU should", RELU, {"nn.ReLU": "nn.Tanh"})
wrong(
    "no_activations",
    "there is nothing between the linear layers",
    BENDS,
    {'layers[f"relu{i}"] = nn.ReLU()': ""},
    also=FINAL,
)
wrong(
    "last_relu_missing",
    "the ReLU in front of the logits is missing",
    BENDS,
    {'layers[f"relu{i}"]': 'if i < len(hidden_sizes):\n    layers[f"relu{i}"]'},
)
wrong(
    "no_bias",
    "the linear layers have no bias",
    "Each linear layer has a bias: count the parameters and compare (section 2).",
    {"hidden)": "hidden, bias=False)", "output_size)": "output_size, bias=False)"},
)
wrong(
    "sizes_reversed",
    "the hidden sizes come in the opposite order",
    SIZES,
    {"(hidden_sizes, start": "(reversed(hidden_sizes), start"},
)
wrong(
    "in_and_out_swapped",
    "the two sizes of each linear layer are swapped",
    "nn.Linear takes the number of inputs first, then the number of outputs (section 2).",
    {"size, hidden": "hidden, size", "size, output_size": "output_size, size"},
    also=FINAL,
)
wrong(
    "fixed_sizes",
    "all sizes are fixed at 784, 128, 64 and 10",
    ASKED,
    {TOP: f"input_size, hidden_sizes, output_size = 784, (128, 64), 10\n{TOP}"},
)
wrong(
    "two_hidden_layers",
    "there are two hidden layers, however many are asked for",
    ASKED,
    {TOP: f"hidden_sizes = hidden_sizes[0], hidden_sizes[1]\n{TOP}"},
)
wrong(
    "one_hidden_layer", "only the first hidden size is used", ASKED, {"hidden_sizes, start": "hidden_sizes[:1], start"}
)
wrong("no_hidden_layer", "the hidden sizes are not used at all", ASKED, {"hidden_sizes, start": "(), start"})
wrong("fixed_input", "the number of inputs is fixed at 784", ASKED, {"size = input_size": "size = 784"})
wrong("fixed_output", "the number of classes is fixed at 10", ASKED, {"output_size)": "10)"})
wrong(
    "size_never_handed_on",
    "every layer takes the network's input, not the output of the layer before it",
    SIZES,
    {"size, hidden)": "input_size, hidden)"},
    also=FINAL,
)
wrong(
    "logits_from_first",
    "the logits take the first hidden layer's size, not the last one's",
    SIZES,
    {"size, output_size)": "hidden_sizes[0], output_size)"},
    also=FINAL,
)
wrong(
    "no_logits",
    "the layer logits is missing",
    SIZES,
    {'layers["logits"] = nn.Linear(size, output_size)': ""},
    also=FINAL,
)
wrong("without_names", "the layers have no names of their own", NAMES, {"(layers)": "(*layers.values())"})
wrong("names_from_zero", "the numbers in the layers' names begin with 0", NAMES, {", start=1": ""})
wrong("last_called_output", "the last layer is called output and not logits", NAMES, {'"logits"': '"output"'})
wrong(
    "last_called_fc",
    "the last layer goes on with the numbers of the others",
    NAMES,
    {'"logits"': 'f"fc{len(hidden_sizes) + 1}"'},
)
wrong(
    "names_collide",
    "all layers of a kind have the same name, so that only the last of them is left",
    "A dictionary keeps one entry for each key, so each layer needs a name of its own (section 2).",
    {'f"fc{i}"': '"fc1"', 'f"relu{i}"': '"relu1"'},
    also=FINAL,
)
wrong(
    "plain_list",
    "the layers come in a list, not in a network",
    CHAINED,
    {END: "return list(layers.values())"},
    also=FINAL,
)
wrong(
    "plain_dictionary", "the layers come in a dictionary, not in a network", CHAINED, {END: "return layers"}, also=FINAL
)
wrong("network_printed", PRINTED, RETURN, {END: "print(nn.Sequential(layers))"}, also=FINAL, alone=True)
wrong(
    "extra_dropout",
    "a dropout layer stands behind each ReLU",
    "The docstring names all the layers, and there is no other one (section 2).",
    {"nn.ReLU()": 'nn.ReLU()\nlayers[f"dropout{i}"] = nn.Dropout(0.2)'},
)
wrong(
    "zero_weights",
    "all weights start at zero",
    "Units that start alike and see the same images stay alike: random weights tell them apart (section 2).",
    {END: "network = nn.Sequential(layers)\nfor p in network.parameters():\n    nn.init.zeros_(p)\nreturn network"},
    also=FINAL,
)
wrong(
    "seeded",
    "the random seed is set inside, so that all networks are the same",
    "Two networks that have just been made have different weights; the caller sets the seed if it wants (section 2).",
    {TOP: f"torch.manual_seed(0)\n{TOP}"},
)
wrong(
    "frozen",
    "the weights are frozen",
    "Parameters can only learn if they require gradients (section 5).",
    {"(layers)": "(layers).requires_grad_(False)"},
    also=FINAL,
)

wrong = Misconceptions("cross_entropy")
BEGIN = "n = len(labels)"
SHIFT = " - logits.max(dim=1, keepdim=True).values"
LOG = "torch.log(sums) - shifted[rows, labels]"
LESS_ONE = "gradient[rows, labels] -= 1"
GIVEN_BACK = "return loss, gradient / n"
wrong("entropy_stub_left", STUB, STUB_HINT, {BEGIN: f"raise NotImplementedError\n{BEGIN}"}, alone=True)
wrong("not_shifted", "the largest logit is not taken off, so that the exponential overflows", HUGE, {SHIFT: ""})
wrong(
    "formula_as_on_paper",
    "the exponentials overflow, and the logarithm is taken of a probability that may be rounded to 0",
    HUGE,
    {SHIFT: "", f"({LOG})": "-torch.log(powers[rows, labels] / sums)"},
)
wrong(
    "shifted_by_one_for_all",
    "one largest logit is taken off all images, so that those far below it vanish",
    EACH,
    {"logits.max(dim=1, keepdim=True).values": "logits.max()"},
)
wrong(
    "shifted_by_the_mean",
    "the mean logit is taken off, not the largest",
    HUGE,
    {"logits.max(dim=1, keepdim=True).values": "logits.mean(dim=1, keepdim=True)"},
)
wrong(
    "shifted_by_the_smallest",
    "the smallest logit is taken off, not the largest",
    HUGE,
    {"logits.max": "logits.min"},
)
wrong(
    "log_of_probability",
    "the logarithm is taken of a probability that may be rounded to 0",
    HUGE,
    {f"({LOG})": "-torch.log(powers[rows, labels] / sums)"},
)
wrong(
    "small_number_in_the_log",
    "a small number is added inside the logarithm",
    "It hides the infinity, and the loss of a certain wrong answer with it (section 3).",
    {f"({LOG})": "-torch.log(powers[rows, labels] / sums + 1e-8)"},
)
wrong(
    "clamped",
    "the probabilities are clamped before the logarithm",
    "It hides the infinity, and the loss of a certain wrong answer with it (section 3).",
    {f"({LOG})": "-torch.log((powers[rows, labels] / sums).clamp(min=1e-12))"},
)
wrong(
    "shift_forgotten_in_the_loss",
    "the largest logit is taken off in the exponents, and not in the other term of the loss",
    FORMULAS,
    {"- shifted[rows, labels]": "- logits[rows, labels]"},
)
wrong("loss_sign", "the loss has the opposite sign", FORMULAS, {LOG: "shifted[rows, labels] - torch.log(sums)"})
wrong("loss_summed", "the loss is the sum over the images, not the mean", BATCH, {".mean()": ".sum()"})
wrong("loss_of_each_image", "the images' losses are not averaged", BATCH, {").mean()": ")"})
wrong(
    "log_in_the_wrong_base",
    "the logarithm is the decimal one",
    "log is the one to the base e here (section 3).",
    {"torch.log(sums)": "torch.log10(sums)"},
)
wrong("right_logit_only", "the loss is minus the right logit alone", FORMULAS, {LOG: "-shifted[rows, labels]"})
wrong(
    "minus_probability",
    "minus the probability is averaged, without the logarithm",
    FORMULAS,
    {LOG: "-powers[rows, labels] / sums"},
)
wrong("log_sum_only", "the right logit is missing in the loss", FORMULAS, {" - shifted[rows, labels]": ""})
wrong(
    "loss_of_every_class",
    "the loss counts the logarithms of all classes, not of the right one alone",
    ONE_HOT,
    {f"({LOG})": "(torch.log(sums).view(n, 1) - shifted).sum(dim=1)"},
)
wrong(
    "gradient_not_divided", "the gradient is not divided by the number of images", BATCH, {"gradient / n": "gradient"}
)
wrong(
    "gradient_over_all",
    "the gradient is divided by the number of all logits, not of the images",
    BATCH,
    {"gradient / n": "gradient / logits.numel()"},
)
wrong(
    "gradient_over_classes",
    "the gradient is divided by the number of classes, not of the images",
    BATCH,
    {"gradient / n": "gradient / logits.shape[1]"},
)
wrong("gradient_without_one_hot", "the gradient is the probabilities alone", ONE_HOT, {LESS_ONE: ""})
wrong("one_hot_added", "1 is added at the right class, not taken off", ONE_HOT, {"-= 1": "+= 1"})
wrong("gradient_sign", "the gradient has the opposite sign", FORMULAS, {"gradient / n": "-gradient / n"})
wrong(
    "one_taken_off_everywhere",
    "1 is taken off at every class",
    ONE_HOT,
    {"gradient[rows, labels] -= 1": "gradient -= 1"},
)
wrong(
    "one_taken_off_whole_columns",
    "1 is taken off in whole columns: at the labels of all images, in every image",
    EACH,
    {"gradient[rows, labels]": "gradient[:, labels]"},
)
wrong(
    "one_before_dividing",
    "1 is taken off the exponentials, before they are divided by their sum",
    ONE_HOT,
    {
        "gradient = powers / sums.view(n, 1)": "gradient = powers.clone()",
        LESS_ONE: f"{LESS_ONE}\ngradient = gradient / sums.view(n, 1)",
    },
)
wrong(
    "one_after_dividing_by_n",
    "1 is taken off after the division by the number of images",
    BATCH,
    {"powers / sums.view(n, 1)": "powers / sums.view(n, 1) / n", "gradient / n": "gradient"},
)
wrong(
    "label_taken_off",
    "the label's number is taken off, not 1",
    ONE_HOT,
    {"gradient[rows, labels] -= 1": "gradient -= labels.view(n, 1)"},
)
wrong(
    "slope_by_probabilities",
    "the gradient is the one by the probabilities, −1/p",
    AT_LOGITS,
    {LESS_ONE: "gradient = torch.zeros_like(powers)\ngradient[rows, labels] = -sums / powers[rows, labels]"},
)
wrong(
    "slope_of_the_softmax",
    "the gradient has the factor p (1 − p) of the squared error besides",
    "That factor belongs to the squared error; with the cross-entropy it cancels (section 3).",
    {"gradient / n": "gradient * powers / sums.view(n, 1) * (1 - powers / sums.view(n, 1)) / n"},
)
wrong(
    "exponentials_for_gradient",
    "the exponentials in the gradient are not divided by their sum",
    FORMULAS,
    {"powers / sums.view(n, 1)": "powers.clone()"},
)
wrong(
    "entropy_over_images",
    "the sums run over the images, not over the classes",
    EACH,
    {"powers.sum(dim=1)": "powers.sum(dim=0)[labels]", "sums.view(n, 1)": "powers.sum(dim=0)"},
)
wrong(
    "one_sum_for_all",
    "the exponentials of all images are summed up together",
    EACH,
    {"powers.sum(dim=1)": "powers.sum().expand(n)"},
)
wrong(
    "ten_classes",
    "the number of classes is fixed at 10",
    ANY,
    {LESS_ONE: "gradient -= nn.functional.one_hot(labels, 10)"},
)
wrong("sixty_four_images", "the number of images is fixed at 64", ANY, {GIVEN_BACK: "return loss, gradient / 64"})
wrong("in_float32", "it is computed in float32", DIGITS, {"shifted = logits": "shifted = logits.float()"})
wrong(
    "shifts_in_place",
    "the logits that were handed in are changed",
    KEPT,
    {
        "shifted = logits - logits.max(dim=1, keepdim=True).values": "shifted = logits.sub_(logits.max(dim=1, keepdim=True).values)"
    },
)
wrong("loss_alone", "only the loss is returned", BOTH, {", gradient / n": ""}, alone=True)
wrong("gradient_alone", "only the gradient is returned", BOTH, {"return loss, ": "return "}, alone=True)
wrong(
    "results_swapped",
    "gradient and loss are returned in the opposite order",
    BOTH,
    {GIVEN_BACK: "return gradient / n, loss"},
    alone=True,
)
wrong("entropy_printed", PRINTED, RETURN, {GIVEN_BACK: "print(loss, gradient / n)"}, alone=True)
wrong(
    "argmax_for_label",
    "the most probable class takes the label's place",
    ONE_HOT,
    {BEGIN: f"labels = logits.argmax(dim=1)\n{BEGIN}"},
)
wrong(
    "softmax_first_in_entropy",
    "the softmax is taken twice",
    "The formula takes logits; who puts probabilities in takes the softmax of a softmax (section 3).",
    {BEGIN: f"logits = torch.softmax(logits, dim=1)\n{BEGIN}"},
)
wrong(
    "zero_loss",
    "zeros are returned, and nothing is computed",
    BOTH,
    {BEGIN: f"return 0.0, torch.zeros_like(logits)\n{BEGIN}"},
    alone=True,
)

wrong = Misconceptions("train_step")


def in_both(name, title, hint, edit, **options):
    """A mistake in the step's own lines: in train_step, and in a train that holds them itself."""
    Misconceptions("train_step")(name, title, hint, edit, **options)
    options["also"] = FINAL if options.get("also") else ()
    Misconceptions("train")(f"loop_{name}", title, hint, edit, **options)


ROWS = "images = images.view(images.shape[0], -1)"
ZERO = "optimizer.zero_grad()"
BACK = "loss.backward()"
STEP = "optimizer.step()"
RATE = "optimizer.param_groups[0]['lr']"
wrong("step_stub_left", STUB, STUB_HINT, {ROWS: f"raise NotImplementedError\n{ROWS}"}, also=LOOP, alone=True)
in_both("no_zero_grad", "the gradients are never cleared", CLEAR, {ZERO: ""}, also=FINAL)
wrong(
    "zero_after",
    "the gradients are cleared after the step only: what stood there before the first step is added to it",
    CLEAR,
    {ZERO: "", STEP: f"{STEP}\n{ZERO}"},
)
in_both(
    "zero_between",
    "the gradients are cleared between backward and step",
    ORDER,
    {ZERO: "", BACK: f"{BACK}\n{ZERO}"},
    also=FINAL,
)
in_both(
    "step_before_backward", "the step comes before backward", ORDER, {STEP: "", BACK: f"{STEP}\n{BACK}"}, also=FINAL
)
wrong(
    "step_one_late",
    "the step comes before backward, and uses the gradients of the batch before",
    ORDER,
    {ZERO: "", STEP: "", BACK: f"{STEP}\n{ZERO}\n{BACK}"},
    also=FINAL,
)
in_both("no_backward", "there is no backward", MOVES, {BACK: ""}, also=FINAL)
wrong(
    "backward_not_called",
    "backward is mentioned and not called",
    CALL,
    {BACK: "loss.backward"},
    same_as=("no_backward",),
    also=FINAL,
)
wrong(
    "no_step",
    "no step reaches the parameters: there is none, or only a name is bound to the new values",
    MOVES,
    {STEP: ""},
    same_as=("update_rebinds",),
    also=FINAL,
)
wrong(
    "only_forward", "neither backward nor step is there", MOVES, {ZERO: "", BACK: "", STEP: ""}, also=FINAL, alone=True
)
in_both(
    "under_no_grad",
    "the forward pass is not recorded",
    GRAPH,
    {"loss = criterion": "with torch.no_grad():\n    loss = criterion"},
    also=LOOP,
    alone=True,
)
wrong(
    "detached",
    "the loss is cut off from its graph before backward",
    GRAPH,
    {"labels)": "labels).detach()"},
    also=LOOP,
    alone=True,
)
wrong(
    "detached_and_required",
    "the logits are cut off from their graph, and the loss is told to have one",
    GRAPH,
    {"model(images)": "model(images).detach().requires_grad_()"},
    also=FINAL,
    alone=True,
)
wrong("item_too_early", "backward is asked of a number", NUMBER, {"labels)": "labels).item()"}, also=LOOP, alone=True)
wrong("backward_twice", "backward is called twice", GRAPH, {BACK: f"{BACK}\n{BACK}"}, also=LOOP, alone=True)
wrong(
    "negative_loss",
    "the loss is negative, so that the step goes uphill",
    DOWNHILL,
    {"= criterion": "= -criterion"},
    also=FINAL,
)
wrong(
    "negative_backward",
    "backward starts from minus the loss, so that the step goes uphill",
    DOWNHILL,
    {BACK: "(-loss).backward()"},
    also=FINAL,
)
in_both(
    "uphill_by_hand",
    "the update by hand adds the gradient: it goes uphill",
    DOWNHILL,
    {STEP: f"with torch.no_grad():\n    for p in model.parameters():\n        p += {RATE} * p.grad"},
    also=FINAL,
)
wrong(
    "own_rate_by_hand",
    "the update by hand has a learning rate of its own",
    GIVEN,
    {STEP: "with torch.no_grad():\n    for p in model.parameters():\n        p -= 0.01 * p.grad"},
)
wrong(
    "update_rebinds",
    "the update by hand makes new tensors, and leaves the network's own as they are",
    BY_HAND,
    {STEP: f"for p in model.parameters():\n    p = p - {RATE} * p.grad"},
    also=FINAL,
)
wrong("two_steps", "the step is taken twice", MOVES, {STEP: f"{STEP}\n{STEP}"})
in_both("loss_doubled", "the loss is doubled", MEAN, {"= criterion": "= 2 * criterion"})
in_both(
    "loss_times_n",
    "the loss is multiplied by the number of images",
    MEAN,
    {"labels)": "labels) * len(images)"},
    also=FINAL,
)
in_both(
    "loss_over_n",
    "the mean loss is divided by the number of images again",
    MEAN,
    {"labels)": "labels) / len(images)"},
    also=FINAL,
)
wrong(
    "returns_sum",
    "the sum of the batch's losses is returned, not their mean",
    MEAN,
    {"loss.item()": "loss.item() * len(labels)"},
)
wrong(
    "returns_over_n",
    "the returned loss is divided by the number of images again",
    MEAN,
    {"loss.item()": "loss.item() / len(labels)"},
)
in_both(
    "softmax_first",
    "a softmax comes before the criterion",
    LOGITS,
    {"model(images)": "torch.softmax(model(images), dim=1)"},
    also=FINAL,
)
in_both(
    "softmax_dim0",
    "a softmax over the images comes before the criterion",
    LOGITS,
    {"model(images)": "torch.softmax(model(images), dim=0)"},
    also=LOOP,
)
wrong(
    "sigmoid_first",
    "a sigmoid comes before the criterion",
    LOGITS,
    {"model(images)": "torch.sigmoid(model(images))"},
    also=FINAL,
)
wrong(
    "relu_first",
    "a ReLU comes before the criterion",
    LOGITS,
    {"model(images)": "torch.relu(model(images))"},
    also=FINAL,
)
wrong(
    "argmax_first",
    "the most probable class, not the logits, goes into the criterion",
    LOGITS,
    {"model(images)": "model(images).argmax(dim=1)"},
    also=LOOP,
    alone=True,
)
in_both("nll_on_logits", "nll_loss is given raw logits", LOGITS, {"criterion(": "nn.functional.nll_loss("}, also=FINAL)
wrong(
    "nll_on_probabilities",
    "nll_loss is given probabilities without their logarithm",
    LOGITS,
    {"criterion(model(images)": "nn.functional.nll_loss(torch.softmax(model(images), dim=1)"},
    also=FINAL,
    alone=True,
)
wrong(
    "own_criterion",
    "a cross-entropy of its own is used, not the criterion",
    GIVEN,
    {"criterion(": "nn.functional.cross_entropy("},
)
wrong(
    "sum_criterion",
    "the criterion sums over the batch",
    MEAN,
    {"criterion(": 'nn.CrossEntropyLoss(reduction="sum")('},
    also=FINAL,
)
wrong(
    "squared_error",
    "the squared error to 0 and 1 is used, not the criterion",
    GIVEN,
    {
        "criterion(model": "nn.functional.mse_loss(logits := model",
        ", labels)": ", nn.functional.one_hot(labels, logits.shape[1]).float())",
    },
    also=FINAL,
)
wrong(
    "optimizer_anew",
    "a new optimizer is made for each step, with a rate of its own",
    GIVEN,
    {ZERO: f"optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n{ZERO}"},
)
wrong(
    "adam_instead",
    "Adam takes the step, not the optimizer",
    GIVEN,
    {ZERO: f"optimizer = torch.optim.Adam(model.parameters(), lr={RATE})\n{ZERO}"},
    also=FINAL,
)
wrong(
    "clipped",
    "the gradients are clipped before the step",
    MOVES,
    {STEP: f"nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n{STEP}"},
)
wrong(
    "trains_copy",
    "a copy of the model is trained",
    TRAINED,
    {ROWS: f"import copy\nmodel = copy.deepcopy(model)\n{ROWS}"},
    also=FINAL,
    alone=True,
)
wrong(
    "one_hot",
    "the labels are one-hot integers",
    LABELS,
    {", labels)": ", nn.functional.one_hot(labels, 10))"},
    also=LOOP,
    alone=True,
)
wrong(
    "float_labels",
    "the labels are turned into decimal numbers",
    LABELS,
    {", labels)": ", labels.float())"},
    also=LOOP,
    alone=True,
)
wrong(
    "column_of_labels",
    "the labels stand in a column",
    LABELS,
    {", labels)": ", labels.view(-1, 1))"},
    also=LOOP,
    alone=True,
)
wrong(
    "arguments_swapped",
    "labels and logits are swapped",
    "The criterion takes the logits first, then the labels (section 4).",
    {"model(images), labels": "labels, model(images)"},
    also=LOOP,
    alone=True,
)
in_both("not_flattened", "the images are not flattened", FLAT, {ROWS: ""}, also=LOOP, alone=True)
wrong(
    "fixed_batch_size", "the batch size is fixed at 64", FLAT, {"images.shape[0], -1": "64, 784"}, also=LOOP, alone=True
)
in_both(
    "fixed_rows",
    "the number of rows is fixed at 64, whatever the batch holds",
    FLAT,
    {"images.shape[0]": "64"},
    also=LOOP,
    alone=True,
)
wrong("resized", "the images are resized in place", FLAT, {ROWS: "images.resize_(len(images), 784)"})
wrong(
    "resized_to_64",
    "the images are resized in place, to 64 rows, whatever the batch holds",
    FLAT,
    {ROWS: "images.resize_(64, 784)"},
    also=LOOP,
    alone=True,
)
wrong(
    "pixels_mixed",
    "the images are flattened the wrong way, so that each row holds pixels of all of them",
    FLAT,
    {"view(images.shape[0], -1)": "reshape(784, -1).T"},
    also=FINAL,
)
wrong(
    "first_image_only",
    "only the first image of the batch is used",
    MEAN,
    {"model(images)": "model(images[:1])", ", labels)": ", labels[:1])"},
    also=FINAL,
)
wrong(
    "loss_after",
    "the returned loss is the one after the update",
    "Return the loss that the step was computed from, not another one (section 5).",
    {"loss.item()": "criterion(model(images), labels).item()"},
)
wrong(
    "loss_with_graph",
    "the returned loss still has its graph",
    NUMBER,
    {"loss.item()": "loss"},
    same_as=("train.graph_kept",),
    also=("test_train",),
)
wrong("item_not_called", "item is mentioned and not called", CALL, {"loss.item()": "loss.item"}, also=LOOP, alone=True)
wrong("step_printed", PRINTED, RETURN, {"return loss.item()": "print(loss.item())"}, also=LOOP, alone=True)
wrong(
    "constant_loss", "zero is returned, and nothing done", MOVES, {ROWS: f"return 0.0\n{ROWS}"}, also=LOOP, alone=True
)

wrong = Misconceptions("overfit_batch")


@also_right("overfit_batch", "the step is written out in the loop")
def steps_written_out(model, images, labels, criterion, optimizer, target, max_steps):
    losses = []
    for _ in range(max_steps):
        images = images.view(images.shape[0], -1)
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if loss.item() < target:
            break
    return losses


ONE_STEP = "loss = train_step(model, images, labels, criterion, optimizer)"
wrong("overfit_stub_left", STUB, STUB_HINT, {"losses = []": "raise NotImplementedError\nlosses = []"}, alone=True)
wrong("target_ignored", "all steps are taken, whatever the loss is", STOP, {"if loss < target:\n    break": ""})
wrong(
    "stops_above", "it stops where the loss is above the target, not below it", STOP, {"loss < target": "loss > target"}
)
wrong(
    "stops_at_one_hundredth",
    "the target is fixed at 0.01",
    "The target is an argument: the caller says what is low enough (section 5).",
    {"loss < target": "loss < 0.01"},
    same_as=("target_ignored",),
)
wrong("number_of_steps_fixed", "there are always 100 steps at the most", STOP, {"range(max_steps)": "range(100)"})
wrong("one_step_too_many", "one step too many is allowed", STOP, {"range(max_steps)": "range(max_steps + 1)"})
wrong("one_step_too_few", "one step too few is allowed", STOP, {"range(max_steps)": "range(max_steps - 1)"})
wrong(
    "last_loss_missing",
    "the loss that reached the target is not in the list",
    ENTRIES,
    {"losses.append(loss)\nif loss < target:\n    break": "if loss < target:\n    break\nlosses.append(loss)"},
)
wrong(
    "one_step_after_the_target",
    "one more step is taken after the one that reached the target",
    STOP,
    {"if loss < target:": "if len(losses) > 1 and losses[-2] < target:"},
)
wrong(
    "stops_by_the_mean",
    "the mean of all losses is compared with the target, not the last one",
    STOP,
    {"loss < target": "sum(losses) / len(losses) < target"},
)
wrong(
    "stops_by_the_sum",
    "the sum of all losses is compared with the target, not the last one",
    STOP,
    {"loss < target": "sum(losses) < target"},
    same_as=("target_ignored",),
)
wrong(
    "stops_when_it_rises",
    "it stops where the loss doesn't fall any more, not at the target",
    STOP,
    {"loss < target": "len(losses) > 1 and losses[-1] >= losses[-2]"},
)
wrong(
    "returns_in_the_loop",
    "return ends the loop after the first step",
    LOOP_ENDS,
    {"return losses": "    return losses"},
)
wrong(
    "first_step_only",
    "a single step is taken",
    STOP,
    {"range(max_steps)": "range(1)"},
)
wrong(
    "last_loss_only",
    "only the last loss is returned, not the list of them",
    RESULT,
    {"return losses": "return losses[-1]"},
)
wrong(
    "number_returned",
    "the number of steps is returned, not the losses",
    RESULT,
    {"return losses": "return len(losses)"},
)
wrong("overfit_printed", PRINTED, RETURN, {"losses.append": "print", "return losses": ""}, alone=True)
wrong(
    "half_a_batch",
    "only a half of the batch is used",
    SAME_BATCH,
    {
        "images, labels, criterion, optimizer)": "images[: len(images) // 2], labels[: len(labels) // 2], criterion, optimizer)"
    },
)
wrong(
    "two_steps_for_each_loss",
    "two steps are taken for each loss",
    SAME_BATCH,
    {ONE_STEP: f"train_step(model, images, labels, criterion, optimizer)\n{ONE_STEP}"},
)
wrong(
    "overfits_a_copy",
    "a copy of the model is trained",
    TRAINED,
    {
        "losses = []": f"import copy\nmodel = copy.deepcopy(model)\noptimizer = torch.optim.SGD(model.parameters(), lr={RATE})\nlosses = []"
    },
)
wrong(
    "overfit_optimizer_anew",
    "a new optimizer is made, with a rate of its own",
    GIVEN,
    {"losses = []": "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\nlosses = []"},
)
wrong(
    "overfit_optimizer_forgets",
    "a new optimizer is made for each step: it has no memory, and one rate for all",
    GIVEN,
    {ONE_STEP: f"optimizer = torch.optim.SGD(model.parameters(), lr={RATE})\n{ONE_STEP}"},
)
wrong(
    "overfit_own_criterion",
    "a criterion of its own is used, not the one that was given",
    GIVEN,
    {"losses = []": "criterion = nn.CrossEntropyLoss()\nlosses = []"},
)
wrong("overfit_no_zero_grad", "the gradients are never cleared", CLEAR, {ZERO: ""})
wrong("overfit_no_step", "there is no step", MOVES, {STEP: ""})
wrong(
    "overfit_copies_the_model",
    "a copy of the model is shown the batch, and the optimizer holds another one's parameters",
    TRAINED,
    {"losses = []": "import copy\nmodel = copy.deepcopy(model)\nlosses = []"},
    same_as=("overfit_no_step",),
)
wrong("overfit_graph_kept", "the losses are kept with their graphs", NUMBER, {"append(loss.item())": "append(loss)"})
wrong("overfit_uphill", "the loss is negative, so that the steps go uphill", DOWNHILL, {"= criterion": "= -criterion"})

wrong = Misconceptions("train")


@also_right("train", "the step is written out in the loop")
def written_out(model, loader, criterion, optimizer, epochs, print_every=40):
    losses = []
    running, steps = 0.0, 0
    for _ in range(epochs):
        for images, labels in loader:
            images = images.view(images.shape[0], -1)
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


# The step that the loop takes.
wrong(
    "loop_zero_after",
    "the gradients are cleared after each step only: what stood there before the first step is added to it",
    CLEAR,
    {ZERO: "", STEP: f"{STEP}\n{ZERO}"},
)
wrong(
    "zero_each_epoch",
    "the gradients are cleared once an epoch, not once a step",
    CLEAR,
    {ZERO: "", "range(epochs):": f"range(epochs):\n    {ZERO}"},
    also=FINAL,
)
wrong(
    "zero_once",
    "the gradients are cleared once, before the loop",
    CLEAR,
    {ZERO: "", "for _": f"{ZERO}\nfor _"},
    also=FINAL,
)
wrong("loop_no_step", "there is no step", MOVES, {STEP: ""}, also=FINAL)
wrong(
    "step_each_epoch",
    "one step is taken an epoch, from the gradients of all its batches",
    EVERY,
    {
        ZERO: "",
        "range(epochs):": f"range(epochs):\n    {ZERO}",
        STEP: f"if (steps + 1) % len(loader) == 0:\n    {STEP}",
    },
    also=FINAL,
)
wrong(
    "step_outside",
    "one step is taken an epoch, from the gradients of its last batch",
    EVERY,
    {STEP: f"if (steps + 1) % len(loader) == 0:\n    {STEP}"},
    also=FINAL,
)
wrong(
    "loop_only_forward",
    "only the losses are measured: no step is taken",
    MOVES,
    {ZERO: "", BACK: "", STEP: ""},
    also=FINAL,
    alone=True,
)
wrong(
    "loop_negative_loss",
    "the loss is negative, so that the steps go uphill",
    DOWNHILL,
    {"= criterion": "= -criterion"},
    also=FINAL,
)
wrong(
    "backward_of_sum",
    "backward is called on the running sum",
    GRAPH,
    {BACK: "running += loss\nrunning.backward()", "running += loss.item()": "", "(running /": "(running.item() /"},
    also=FINAL,
    alone=True,
)
wrong("graph_kept", "the losses are kept with their graphs", NUMBER, {"loss.item()": "loss"})

# What the loop works with, and how long.
wrong(
    "loop_stub_left", STUB, STUB_HINT, {"losses = []": "raise NotImplementedError\nlosses = []"}, also=FINAL, alone=True
)
wrong(
    "constant_losses",
    "an empty list is returned, and nothing done",
    EVERY,
    {"losses = []": "return []\nlosses = []"},
    also=FINAL,
    alone=True,
)
wrong(
    "loop_own_criterion",
    "a criterion of its own is used, not the one that was given",
    GIVEN,
    {"losses = []": "criterion = nn.CrossEntropyLoss()\nlosses = []"},
)
wrong(
    "own_optimizer",
    "a new optimizer is made before the loop, with a rate of its own",
    GIVEN,
    {"running, steps": "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\nrunning, steps"},
)
wrong(
    "loop_optimizer_anew",
    "a new optimizer is made for each step, with a rate of its own",
    GIVEN,
    {"in loader:": "in loader:\n    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)"},
)
wrong(
    "optimizer_forgets",
    "a new optimizer is made for each step: it has the right rate, and no memory",
    GIVEN,
    {"in loader:": f"in loader:\n    optimizer = torch.optim.SGD(model.parameters(), lr={RATE})"},
)
wrong(
    "optimizer_forgets_each_epoch",
    "a new optimizer is made for each epoch: it has the right rate, and no memory",
    GIVEN,
    {"for images": f"optimizer = torch.optim.SGD(model.parameters(), lr={RATE})\nfor images"},
)
wrong(
    "loop_trains_copy",
    "a copy of the model is trained",
    TRAINED,
    {"running, steps = 0.0, 0": "running, steps = 0.0, 0\nimport copy\nmodel = copy.deepcopy(model)"},
    also=FINAL,
)
wrong(
    "trains_copy_with_optimizer",
    "a copy of the model is trained, with an optimizer of its own",
    TRAINED,
    {
        "running, steps": f"""
            import copy
            model = copy.deepcopy(model)
            optimizer = torch.optim.SGD(model.parameters(), lr={RATE})
            running, steps"""
    },
    also=FINAL,
)
wrong(
    "first_batch_only",
    "only the first batch of each epoch is used",
    EVERY,
    {"in loader": "in [next(iter(loader))]"},
    also=FINAL,
)
wrong(
    "always_first_batch",
    "every step takes the first batch",
    "iter(loader) begins anew at each call, so that next gives the first batch each time (section 6).",
    {"in loader": "in [next(iter(loader)) for _ in range(len(loader))]"},
    also=FINAL,
)
wrong(
    "last_batch_only",
    "only the last batch of each epoch is used",
    EVERY,
    {"in loader": "in list(loader)[-1:]"},
    also=FINAL,
)
wrong(
    "short_batch_left_out",
    "the last, shorter batch of each epoch is left out",
    EVERY,
    {"in loader": "in list(loader)[:-1]"},
)
wrong(
    "one_epoch",
    "there is only one epoch, however many are asked for",
    EPOCHS,
    {"(epochs)": "(1)"},
    same_as=("return_in_epoch",),
)
wrong("epoch_missing", "there is one epoch too few", EPOCHS, {"(epochs)": "(1, epochs)"}, also=FINAL)
wrong("three_epochs", "there are always three epochs", EPOCHS, {"(epochs)": "(3)"})
wrong(
    "return_in_epoch", "return ends the loop after the first epoch", LOOP_ENDS, {"return losses": "    return losses"}
)
wrong(
    "return_in_batch",
    "return ends the loop after the first batch",
    LOOP_ENDS,
    {"return losses": "        return losses"},
    also=FINAL,
)
wrong(
    "return_in_report",
    "return ends the loop with the first report",
    LOOP_ENDS,
    {"running = 0.0": "running = 0.0\nreturn losses"},
    also=FINAL,
)
CALLED = "train_step(model, images, labels, criterion, optimizer)"
wrong(
    "two_steps_a_batch",
    "train_step is called twice for each batch, once to report its loss",
    EVERY,
    {f"running += {CALLED}": f"{CALLED}\nrunning += {CALLED}"},
)

# What the loop reports.
wrong(
    "reset_each_epoch",
    "the sum goes back to zero at each epoch, while the steps are counted on",
    RESET,
    {"for images": "running = 0.0\nfor images"},
)
wrong(
    "counts_each_epoch",
    "sum and steps both begin anew at each epoch",
    WINDOW,
    {"for images": "running, steps = 0.0, 0\nfor images"},
)
wrong(
    "count_reset_each_epoch",
    "the steps are counted anew at each epoch, while the sum runs on",
    WINDOW,
    {"for images": "steps = 0\nfor images"},
)
wrong("never_reset", "the sum never goes back to zero", RESET, {"running = 0.0": ""})
wrong(
    "mean_so_far",
    "the mean of all steps so far is reported, not of the window",
    RESET,
    {"running = 0.0": "", "/ print_every": "/ steps"},
)
wrong(
    "mean_of_the_epoch_so_far",
    "the mean of this epoch's steps so far is reported, not of the window",
    RESET,
    {"for images": "running, steps = 0.0, 0\nfor images", "running = 0.0": "", "/ print_every": "/ steps"},
)
wrong(
    "divided_by_steps",
    "the window's sum is divided by the number of all steps so far",
    DIVIDE,
    {"/ print_every": "/ steps"},
)
wrong(
    "report_each_epoch",
    "one mean is reported for each epoch, not for each window",
    WINDOW,
    {"% print_every": "% len(loader)", "/ print_every": "/ len(loader)"},
)
wrong(
    "partial_too",
    "a last window that isn't full is reported, too",
    WINDOW,
    {"return losses": "if steps % print_every:\n    losses.append(running / (steps % print_every))\nreturn losses"},
)
wrong(
    "partial_each_epoch",
    "what is left at the end of each epoch is reported, too",
    WINDOW,
    {
        "for images": "running, steps = 0.0, 0\nfor images",
        "== 0:": "== 0 or steps == len(loader):",
        "/ print_every": "/ ((steps - 1) % print_every + 1)",
    },
)
wrong("not_divided", "the sum of a window is reported, not its mean", DIVIDE, {" / print_every": ""})
wrong(
    "divided_by_batches",
    "a window's sum is divided by the number of batches in an epoch",
    DIVIDE,
    {"/ print_every": "/ len(loader)"},
)
wrong(
    "divided_by_batch_size",
    "a window's sum is divided by the number of images in the batch",
    DIVIDE,
    {"/ print_every": "/ len(images)"},
)
wrong("divided_by_epochs", "a window's sum is divided by the number of epochs", DIVIDE, {"/ print_every": "/ epochs"})
wrong(
    "sum_over_images",
    "each loss is multiplied by the number of images in its batch before it is summed",
    DIVIDE,
    {"running +=": "running += len(images) *"},
)
wrong(
    "last_loss",
    "the last loss of each window is reported, not the window's mean",
    WINDOW,
    {"running +=": "running =", " / print_every": ""},
)
wrong(
    "last_loss_divided",
    "the last loss of each window is reported, divided by the window's length",
    WINDOW,
    {"running +=": "running ="},
)
wrong("every_loss", "the loss of every step is reported", WINDOW, {"% print_every": "% 1", " / print_every": ""})
wrong(
    "counted_from_zero",
    "the steps are counted from 0, so that a report comes after the very first",
    WINDOW,
    {"if steps %": "if (steps - 1) %"},
)
wrong(
    "one_step_too_long",
    "a window is one step too long",
    WINDOW,
    {"% print_every": "% (print_every + 1)", "/ print_every": "/ (print_every + 1)"},
)
wrong("forty_steps", "windows always have 40 steps", GIVEN, {"% print_every": "% 40", "/ print_every": "/ 40"})
wrong(
    "last_mean_only",
    "only the last mean is returned, not the list of them",
    RESULT,
    {"return losses": "return losses[-1] if losses else 0.0"},
)
wrong(
    "returns_running", "what is left in the sum is returned, not the list", RESULT, {"return losses": "return running"}
)
wrong("loop_printed", PRINTED, RETURN, {"losses.append": "print", "return losses": ""}, alone=True)

wrong = Misconceptions("diagnose_run")
TOLD = "return causes[run]"
RATE_HIGH, UNCLEARED = '"rate too high"', '"gradients never cleared"'
TWICE, SHUFFLED = '"softmax twice"', '"labels shuffled"'
wrong("causes_stub_left", STUB, STUB_HINT, {"causes = {": "raise NotImplementedError\ncauses = {"}, alone=True)
wrong(
    "rising_runs_swapped",
    "too high a rate and gradients that are never cleared are taken for each other",
    RISING,
    {UNCLEARED: RATE_HIGH, RATE_HIGH: UNCLEARED},
)
wrong("rate_for_both", "too high a rate is seen in both runs that rise", RISING, {UNCLEARED: RATE_HIGH})
wrong(
    "uncleared_for_both",
    "gradients that are never cleared are seen in both runs that rise",
    RISING,
    {RATE_HIGH: UNCLEARED},
)
wrong(
    "slow_runs_swapped",
    "a second softmax and shuffled labels are taken for each other",
    SLOW,
    {TWICE: SHUFFLED, SHUFFLED: TWICE},
)
wrong("softmax_for_both", "a second softmax is seen in both runs that hardly fall", SLOW, {SHUFFLED: TWICE})
wrong("shuffled_for_both", "shuffled labels are seen in both runs that hardly fall", SLOW, {TWICE: SHUFFLED})
wrong("softmax_as_small_rate", "a second softmax is taken for too small a rate", NO_CREEP, {TWICE: '"rate too small"'})
wrong(
    "shuffled_as_small_rate", "shuffled labels are taken for too small a rate", NO_CREEP, {SHUFFLED: '"rate too small"'}
)
wrong(
    "shuffled_as_other_parameters",
    "shuffled labels are taken for an optimizer of another network",
    MOVED,
    {SHUFFLED: '"other network\'s parameters"'},
)
wrong(
    "high_rate_as_other_parameters",
    "too high a rate is taken for an optimizer of another network",
    "A network whose parameters never change has the same loss from the first step on (section 7).",
    {RATE_HIGH: '"other network\'s parameters"'},
)
wrong("all_causes_returned", "all four causes are returned, not one", WORDS, {TOLD: "return causes"}, alone=True)
wrong("cause_printed", PRINTED, RETURN, {TOLD: "print(causes[run])"}, alone=True)
wrong("run_returned", "the letter of the run is returned", WORDS, {TOLD: "return run"}, alone=True)
wrong("one_cause_for_all", "the same cause is named for every run", WORDS, {TOLD: 'return "rate too high"'}, alone=True)

wrong = Misconceptions("predict")
FIRST = "training = model.training"
wrong(
    "prediction_stub_left", STUB, STUB_HINT, {FIRST: f"raise NotImplementedError\n{FIRST}"}, also=ACCURACY, alone=True
)
wrong(
    "logits_returned", "the logits are returned, not probabilities", PROBABILITY, {"torch.softmax": "", ", dim=1": ""}
)
wrong("log_probabilities", "logarithms of the probabilities are returned", PROBABILITY, {"softmax": "log_softmax"})
wrong("sigmoid", "a sigmoid stands where the softmax should", PROBABILITY, {"softmax": "sigmoid", ", dim=1": ""})
wrong("only_exp", "the exponentials are not divided by their sum", PROBABILITY, {"softmax": "exp", ", dim=1": ""})
wrong(
    "divided_by_all",
    "the exponentials are divided by the sum over the whole batch",
    AXIS,
    {"softmax": "exp", ", dim=1)": ")\nprobabilities = probabilities / probabilities.sum()"},
)
wrong(
    "without_exp",
    "the logits are divided by their sum, without the exponential",
    PROBABILITY,
    {"torch.softmax": "", ", dim=1)": ")\nprobabilities = probabilities / probabilities.sum(dim=1, keepdim=True)"},
)
wrong("over_images", "the softmax runs over the images, not over the classes", AXIS, {"dim=1": "dim=0"})
wrong(
    "softmax_twice",
    "the softmax is taken twice",
    PROBABILITY,
    {"torch.softmax(": "torch.softmax(torch.softmax(", ", dim=1)": ", dim=1), dim=1)"},
)
wrong("graph_attached", "the graph is left attached", NO_GRAPH, {"no_grad": "enable_grad"})
wrong("never_in_eval", "the model is never put into evaluation mode", MODE, {"model.eval()": ""})
wrong("left_in_eval", "the model is left in evaluation mode", MODE, {"model.train(training)": ""})
wrong("always_training", "the model is always put into training mode afterwards", MODE, {"train(training)": "train()"})
wrong(
    "switched_off",
    "autograd is switched off for everything that comes after",
    NO_GRAPH,
    {"with torch.no_grad():\n    prob": "torch.set_grad_enabled(False)\nprob"},
)
wrong(
    "freezes_parameters",
    "the parameters are frozen for good",
    NO_GRAPH,
    {"with torch.no_grad():\n    prob": "model.requires_grad_(False)\nprob"},
)
wrong(
    "class_returned",
    "the most probable class is returned, not the probabilities",
    PROBABILITY,
    {"return probabilities": "return probabilities.argmax(dim=1)"},
    also=ACCURACY,
)
wrong(
    "largest_only",
    "only the largest probability of each image is returned",
    PROBABILITY,
    {"return probabilities": "return probabilities.max(dim=1).values"},
    also=ACCURACY,
)
wrong(
    "first_row_only",
    "only the first image's probabilities are returned",
    "The result has one row for each image of the batch (section 8).",
    {"return probabilities": "return probabilities[0]"},
    also=ACCURACY,
)
wrong("in_percent", "the probabilities are in percent", PROBABILITY, {"return prob": "return 100 * prob"})
wrong(
    "prediction_not_flattened",
    "the images are not flattened",
    FLAT,
    {".view(images.shape[0], -1)": ""},
    also=ACCURACY,
    alone=True,
)
wrong(
    "single_image",
    "the batch is taken for a single image",
    FLAT,
    {"images.shape[0], -1": "1, 784"},
    also=ACCURACY,
    alone=True,
)
wrong(
    "prediction_fixed_rows",
    "the number of rows is fixed at 64, whatever the batch holds",
    FLAT,
    {"images.shape[0]": "64"},
    also=ACCURACY,
    alone=True,
)
wrong(
    "prediction_printed", PRINTED, RETURN, {"return probabilities": "print(probabilities)"}, also=ACCURACY, alone=True
)
wrong(
    "constant_probabilities",
    "the probabilities are the same whatever the image shows",
    PROBABILITY,
    {FIRST: f"return torch.full((images.shape[0], 10), 0.1)\n{FIRST}"},
    alone=True,
)

wrong = Misconceptions("accuracy")
BEGIN = "right, total = 0, 0"
wrong("accuracy_stub_left", STUB, STUB_HINT, {BEGIN: f"raise NotImplementedError\n{BEGIN}"}, alone=True)
wrong(
    "mean_over_batches",
    "the batches' accuracies are averaged",
    COUNT,
    {".sum()": ".float().mean()", "len(labels)": "1"},
)
wrong("over_batches", "the right answers are divided by the number of batches", COUNT, {"/ total": "/ len(loader)"})
wrong(
    "sum_of_accuracies",
    "the sum of the batches' accuracies is returned",
    COUNT,
    {".sum()": ".float().mean()", " / total": ""},
)
wrong("percent", "the result is in percent", SHARE, {"return right": "return 100 * right"})
wrong("count_returned", "the number of right answers is returned, not their share", SHARE, {" / total": ""})
wrong("share_wrong", "the share of wrong answers is returned", SHARE, {"==": "!="})
wrong(
    "last_size_times_batches",
    "all batches are taken to be as large as the last",
    COUNT,
    {"/ total": "/ (len(labels) * len(loader))"},
)
wrong(
    "batch_size_times_batches",
    "all batches are taken to be full",
    COUNT,
    {"/ total": "/ (loader.batch_size * len(loader))"},
)
wrong(
    "over_last_batch",
    "the right answers of all batches are divided by the size of the last batch",
    COUNT,
    {"/ total": "/ len(labels)"},
)
wrong("first_batch_counted", "only the first batch is counted", ALL_BATCHES, {"in loader": "in [next(iter(loader))]"})
wrong(
    "last_batch_counted", "only the last batch is counted", ALL_BATCHES, {"right +=": "right =", "total +=": "total ="}
)
wrong(
    "right_of_last_batch",
    "the right answers are counted anew in each batch, the images are not",
    ALL_BATCHES,
    {"right +=": "right ="},
)
wrong(
    "last_share_over_batches",
    "the share of the last batch is divided by the number of batches",
    COUNT,
    {"right +=": "right =", ".sum()": ".float().mean()", "/ total": "/ len(loader)"},
)
wrong(
    "return_in_loop",
    "return ends the loop after the first batch",
    LOOP_ENDS,
    {"return right": "    return right"},
    same_as=("first_batch_counted",),
)
wrong(
    "over_the_wrong_axis",
    "the most probable image of each class is looked for, not the class of each image",
    AXIS,
    {"dim=1": "dim=0"},
)
wrong("argmax_of_all", "argmax looks at the whole batch at once", AXIS, {"dim=1": ""})
wrong(
    "argmin",
    "the least probable class is taken",
    "The answer is the most probable of the ten classes (section 8).",
    {"argmax": "argmin"},
)
wrong(
    "values_compared", "largest probabilities are compared with labels", LARGEST, {"argmax(dim=1)": "max(dim=1).values"}
)
wrong(
    "probabilities_rounded",
    "rounded probabilities are compared with labels",
    LARGEST,
    {"argmax(dim=1)": "max(dim=1).values.round()"},
    same_as=("values_compared",),
)
wrong(
    "mean_probability",
    "the probability of the right class is averaged",
    "An answer is right or wrong, however sure it is (section 8).",
    {"(predict(model, images).argmax(dim=1) == labels)": "predict(model, images)[torch.arange(len(labels)), labels]"},
)
wrong(
    "compared_with_column",
    "answers are compared with a column of labels, so that each meets all of them",
    "A row compared with a column gives a table: write down both shapes (section 8).",
    {"== labels": "== labels.view(-1, 1)"},
)
wrong("any_right", "a batch counts as right if any of its answers is", COUNT, {".sum()": ".any()", "len(labels)": "1"})
wrong(
    "pixels_counted", "the pixels of all images are counted, not the images", SHARE, {"len(labels)": "images.numel()"}
)
wrong(
    "whole_division",
    "the share is rounded down to a whole number",
    "// leaves the whole number only, and the share lies between 0 and 1 (section 8).",
    {"/ total": "// total"},
)
wrong("accuracy_printed", PRINTED, RETURN, {"return right / total": "print(right / total)"}, alone=True)
wrong("constant_accuracy", "a fixed number is returned", SHARE, {BEGIN: f"return 0.9\n{BEGIN}"}, alone=True)
wrong(
    "notebook_loader",
    "the notebook's validation images are read, not those of the loader",
    "Work with the loader that the function is given (section 8).",
    {"in loader": "in validation_loader"},
    alone=True,
)
wrong(
    "accuracy_never_in_eval",
    "the model answers in the mode that it happens to have, not in evaluation mode",
    MODE,
    {"predict(model, images)": "model(images.view(images.shape[0], -1))"},
)
wrong("accuracy_left_in_eval", "the model is left in evaluation mode", MODE, {BEGIN: f"model.eval()\n{BEGIN}"})
wrong(
    "accuracy_always_training",
    "the model is always put into training mode afterwards",
    MODE,
    {"return right": "model.train()\nreturn right"},
)
