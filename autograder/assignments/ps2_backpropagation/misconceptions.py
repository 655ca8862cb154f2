"""Misconceptions of ps2: what beginners get wrong in a sigmoid, a forward pass, the chain rule, and training."""

import numpy as np

from autograder.authoring import Misconceptions

FORMULA = "Put two numbers into the formula by hand, one far to the left and one far to the right (section 2)."
OVERFLOW = "Find the exponential that gets too large for a float, and a form that never computes it (section 2)."
HILL = "The slope is largest at 0, a quarter, and flat on both sides: it is a product of two factors with σ(z) (section 2)."
PLACE = "z is the place on the axis, not the sigmoid's value there: that has to be computed first (section 2)."
GRAPH = "Walk along the graph from x to ŷ, box by box, and compare each box with your line (section 3)."
TWO_RESULTS = "The docstring names two results, in this order: y_hat, and what backward will need (section 3)."
SIGNS = "If an output is larger than its target, the loss grows with the output: its slope is positive (section 4)."
AVERAGE = "Differentiate the loss factor by factor: what is left of 1/(2n) and of the square? (section 4)"
LOCAL = "Each arrow of the graph has one local slope; compare yours for the arrow from z1 to s (section 4)."
BACK = "The slope that reaches the first layer has come back through W2 and through the sigmoid (section 4)."
SIZE = "A gradient's size says how steep the slope is: it counts as well as the direction (section 4)."
FEEDS = "The gradient of a weight needs what enters its own layer: x for the first one, s for the second (section 5)."
BIASES = "A bias is added to every example with the factor 1, so its slopes are summed over the examples (section 5)."
EXAMPLES = "All examples count: a loop that assigns keeps one of them, a loop that adds keeps all (section 5)."
LAYER = "Ask of each entry which entries of z it feeds, and with what factor; D is on each of these ways (section 5)."
ONCE = "The 1/n enters once, where the way back begins; D has it already, and a layer adds none (section 5)."
THREE = "The docstring names three results and their order: along a, along W, along b (section 5)."
SHAPES = "A gradient has the shape of its parameter: write the shapes of both factors side by side (section 5)."
FOUR = "The result is a dict of four gradients, named like the parameters (section 5)."
STEP = "Each step starts where the last one ended and goes against the gradient there, times the rate (section 7)."
RECORD = "Count the losses: one before the first step, then one after each, each of the parameters as they are then."
NUDGE = "A central difference goes as far to both sides, and is divided by the whole way between (section 6)."
EACH = "A fault may sit in one entry alone: each entry is measured by itself and compared with its own (section 6)."
APART = "How far apart two gradients are counts for their size, and by the length of their difference (section 6)."
FORMS = "Think of what a faulty function may give: another shape, a nan, zeros (the docstring names them)."
NAMED = "The docstring says what is returned: a list with the names of those that are wrong."
MINE = "The dict and its arrays belong to the caller, who will want them as they were (section 7)."
OTHERS = "The argument belongs to the caller, who may still need it: make a new array."
LOOP_ENDS = "A return inside a loop ends the loop and the function at once."
RETURN = "A function gives back what stands behind return; what it prints is only shown."
PRINTED = "nothing is returned"
FOUND = "found[name] - measured"
ONE_ENTRY = "np.ravel(found[name])[0] - measured.ravel()[0]"
BACKWARD = ("test_backward",)
TRAINING = ("test_train_two_layer",)
BOTH = (*BACKWARD, *TRAINING)

wrong = Misconceptions("sigmoid")
wrong("falls", "the sign in the exponent is flipped: it falls from left to right", FORMULA, {"1 + np": "1 - np"})
wrong("without_one", "the 1 in the denominator is missing", FORMULA, {"(1 + np.tanh(z / 2)) / 2": "np.exp(z)"})
wrong(
    "minus_in_denominator",
    "a minus stands in the denominator where a plus belongs",
    FORMULA,
    {"(1 + np.tanh(z / 2)) / 2": "1 / (1 - np.exp(-z))"},
)
wrong(
    "overflows",
    "the formula is right on paper, and overflows on the way",
    OVERFLOW,
    {"(1 + np.tanh(z / 2)) / 2": "1 / (1 + np.exp(-z))"},
)
wrong(
    "overflows_to_nan",
    "the second form overflows on the other side, and gives inf/inf there",
    OVERFLOW,
    {"(1 + np.tanh(z / 2)) / 2": "np.exp(z) / (1 + np.exp(z))"},
    also=("test_sigmoid_gradient",),
)
wrong(
    "chosen_too_late",
    "both forms are computed everywhere before one of them is chosen",
    "np.where computes both of its arguments for all entries: each of them must be harmless everywhere (section 2).",
    {"(1 + np.tanh(z / 2)) / 2": "np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))"},
    same_as=("overflows",),
)
wrong(
    "tanh_itself", "tanh itself is returned: it runs from -1 to 1", FORMULA, {"(1 + np.tanh(z / 2)) / 2": "np.tanh(z)"}
)
wrong("tanh_not_halved", "a tanh whose argument is not halved", FORMULA, {"z / 2": "z"})
wrong(
    "cut_off",
    "values far out are cut off too early",
    "A value may be cut only so far out that a float doesn't show it (section 2).",
    {"(1 + np.tanh(z / 2)) / 2": "1 / (1 + np.exp(-np.clip(z, -4, 4)))"},
)
wrong(
    "relu",
    "ReLU in place of the sigmoid",
    "The sigmoid runs smoothly from 0 to 1; ReLU has a corner and grows without end (section 2).",
    {"(1 + np.tanh(z / 2)) / 2": "np.maximum(z, 0.0)"},
)
wrong(
    "softmax",
    "a softmax over the whole array: each entry should stand for itself",
    FORMULA,
    {"(1 + np.tanh(z / 2)) / 2": "np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))"},
)
wrong(
    "in_place",
    "the array is changed in place",
    OTHERS,
    {"return": "z /= 2\nreturn", "z / 2": "z"},
    also=("test_sigmoid_gradient", *BACKWARD),
)
wrong(
    "sigmoid_printed",
    PRINTED,
    RETURN,
    {"return (1 + np.tanh(z / 2)) / 2": "print((1 + np.tanh(z / 2)) / 2)"},
    also=("test_sigmoid_gradient", "test_forward", *BOTH),
)
wrong(
    "step_function",
    "the result is rounded to whole numbers: a step, not an S",
    FORMULA,
    {"(1 + np.tanh(z / 2)) / 2": "np.where(z > 0, 1.0, np.where(z < 0, 0.0, 0.5))"},
    also=BACKWARD,
)

wrong = Misconceptions("sigmoid_gradient")
wrong("of_the_value", "z itself is taken for σ(z)", PLACE, {"sigmoid(z) * (1 - sigmoid(z))": "z * (1 - z)"})
wrong(
    "sigmoid_twice",
    "the sigmoid is taken twice",
    PLACE,
    {"sigmoid(z) *": "sigmoid(sigmoid(z)) *", "1 - sigmoid(z)": "1 - sigmoid(sigmoid(z))"},
)
wrong("one_minus", "only the factor 1 − σ is there", HILL, {"sigmoid(z) *": ""})
wrong("only_sigmoid", "the sigmoid itself is returned", HILL, {" * (1 - sigmoid(z))": ""})
wrong("of_tanh", "the slope of tanh is taken: 1 − σ²", HILL, {"sigmoid(z) * (1 - sigmoid(z))": "1 - sigmoid(z) ** 2"})
wrong("plus", "σ(1 + σ): the sign of the second term is flipped", HILL, {"1 - sig": "1 + sig"})
wrong("slope_sign_flipped", "the sign is flipped", HILL, {"return": "return -"})
wrong(
    "quarter",
    "a constant quarter: the slope at 0, everywhere",
    HILL,
    {"sigmoid(z) * (1 - sigmoid(z))": "np.full(np.shape(z), 0.25)"},
)
wrong(
    "of_relu",
    "the slope of ReLU: 0 on the left, 1 on the right",
    HILL,
    {"sigmoid(z) * (1 - sigmoid(z))": "np.where(z > 0, 1.0, 0.0)"},
)
wrong("half_of_each", "only one of the two factors is σ: z(1 − σ)", PLACE, {"sigmoid(z) *": "z *"})
wrong(
    "written_out",
    "the exponentials are written out, and give nan far out",
    "An exponential overflows far out; the sigmoid that you have already doesn't (section 2).",
    {"sigmoid(z) * (1 - sigmoid(z))": "np.exp(-z) / (1 + np.exp(-z)) ** 2"},
)
wrong(
    "measured_coarsely",
    "the slope is measured with a coarse step, not computed",
    "There is a formula that needs nothing but σ(z), and is exact (section 2).",
    {"sigmoid(z) * (1 - sigmoid(z))": "(sigmoid(z + 0.01) - sigmoid(z)) / 0.01"},
)
wrong("slope_printed", PRINTED, RETURN, {"return": "print(", "(1 - sigmoid(z))": "(1 - sigmoid(z)))"}, also=BOTH)

wrong = Misconceptions("forward")
wrong("sigmoid_last", "the sigmoid stands behind the second layer as well", GRAPH, {"return z2": "return sigmoid(z2)"})
wrong("no_sigmoid", "there is no sigmoid: two layers that come to one", GRAPH, {"z2 = s @": "z2 = z1 @"})
wrong("without_b1", "b1 is left out", GRAPH, {' + params["b1"]': ""})
wrong("without_b2", "b2 is left out", GRAPH, {' + params["b2"]': ""})
wrong("without_biases", "neither bias is there", GRAPH, {' + params["b1"]': "", ' + params["b2"]': ""})
wrong(
    "biases_subtracted",
    "the biases are subtracted",
    GRAPH,
    {'+ params["b1"]': '- params["b1"]', '+ params["b2"]': '- params["b2"]'},
)
wrong(
    "b1_behind_sigmoid",
    "b1 is added behind the sigmoid, not before it",
    GRAPH,
    {' + params["b1"]': "", "sigmoid(z1)": 'sigmoid(z1) + params["b1"]'},
    also=BACKWARD,
)
wrong("relu_inside", "ReLU in place of the sigmoid", GRAPH, {"sigmoid(z1)": "np.maximum(z1, 0)"})
wrong("tanh_inside", "tanh in place of the sigmoid", GRAPH, {"sigmoid(z1)": "np.tanh(z1)"})
wrong(
    "slope_inside",
    "the slope of the sigmoid stands where the sigmoid belongs",
    GRAPH,
    {"sigmoid(z1)": "sigmoid_gradient(z1)"},
)
wrong("sigmoid_twice_inside", "the sigmoid is taken twice", GRAPH, {"sigmoid(z1)": "sigmoid(sigmoid(z1))"})
wrong(
    "outputs_summed",
    "the outputs are summed to one number for each example",
    "An example may have k outputs, and each of them is kept (section 3).",
    {"return z2": "return z2.sum(axis=1)"},
)
wrong("only_outputs", "y_hat alone is returned, without a cache", TWO_RESULTS, {", (x, z1, s)": ""}, also=BOTH)
wrong("cache_first", "the cache stands before y_hat", TWO_RESULTS, {"z2, (x, z1, s)": "(x, z1, s), z2"}, also=BOTH)
wrong("outputs_printed", PRINTED, RETURN, {"return z2, (x, z1, s)": "print(z2)"}, also=BOTH)
wrong(
    "first_example_only",
    "only the first example goes through the network",
    "x holds n examples, one in each row, and all of them go through (section 3).",
    {"x @": "x[:1] @"},
    also=BOTH,
)
wrong(
    "params_in_place",
    "the parameters are changed in place",
    MINE,
    {"z2 = s @": 'params["W2"] *= 1.001\nz2 = s / 1.001 @'},
    also=TRAINING,
)

wrong = Misconceptions("linear_backward")
wrong("w_not_transposed", "W is not transposed on the way back", LAYER, {"W.T": "W"}, alone=True)
wrong("forward_again", "the layer is gone through forward again: a takes the place of D", LAYER, {"D @ W.T": "a @ W"})
wrong("without_weights", "W is left out on the way back", LAYER, {"D @ W.T": "D.sum(axis=1, keepdims=True) + 0 * a"})
wrong("a_not_transposed", "a is not transposed", LAYER, {"a.T @ D": "a @ D"}, alone=True)
wrong("weights_transposed", "the slopes along W are transposed", SHAPES, {"a.T @ D": "D.T @ a"})
wrong("inputs_transposed", "the slopes along a are transposed", SHAPES, {"D @ W.T": "W @ D.T"})
wrong("layer_weights_averaged", "the slopes along W are averaged once more", ONCE, {"a.T @ D": "a.T @ D / len(a)"})
wrong("layer_biases_averaged", "the slopes along b are averaged once more", ONCE, {"D.sum(axis=0)": "D.mean(axis=0)"})
wrong(
    "layer_averaged",
    "the slopes along W and b are averaged once more",
    ONCE,
    {"a.T @ D": "a.T @ D / len(a)", "D.sum(axis=0)": "D.mean(axis=0)"},
)
wrong(
    "all_averaged",
    "all three are averaged once more",
    ONCE,
    {"return D @": "n = len(a)\nreturn D / n @", "a.T @ D": "a.T @ D / n", "D.sum(axis=0)": "D.mean(axis=0)"},
)
wrong("layer_biases_wrong_axis", "the slopes along b are summed over the wrong axis", BIASES, {"axis=0": "axis=1"})
wrong("layer_biases_one_number", "the slopes along b are summed to a single number", BIASES, {"axis=0": ""})
wrong("layer_biases_not_summed", "the slopes along b still have a row for each example", BIASES, {".sum(axis=0)": ""})
wrong("layer_biases_as_row", "the slopes along b are a matrix of one row", SHAPES, {"axis=0": "axis=0, keepdims=True"})
wrong(
    "layer_biases_ones",
    "the slopes along b are the factor 1 itself: D is left out",
    BIASES,
    {"D.sum(axis=0)": "np.ones(W.shape[1])"},
)
wrong("layer_biases_zero", "the slopes along b are 0", BIASES, {"D.sum(axis=0)": "np.zeros(W.shape[1])"})
wrong(
    "layer_biases_of_a", "the slopes along b are sums of a, where D belongs", BIASES, {"D.sum(axis=0)": "a.sum(axis=0)"}
)
wrong(
    "with_sigmoid",
    "the slope of the sigmoid is taken as well",
    "A linear layer has no bend in it: the sigmoid is a box of its own in the graph, with a step of its own (section 5).",
    {"D @ W.T": "D @ W.T * sigmoid_gradient(a)"},
)
wrong("layer_sign_flipped", "the slope along a has the opposite sign", LAYER, {"D @ W.T": "-D @ W.T"})
wrong(
    "layer_last_example",
    "only the last example counts: the loop assigns where it should add",
    EXAMPLES,
    {"a.T @ D": "np.outer(a[-1], D[-1])", "D.sum(axis=0)": "D[-1]"},
)
wrong(
    "layer_order",
    "the slopes along W, b and a are returned in this order, and a belongs first",
    THREE,
    {"D @ W.T, ": "", "axis=0)": "axis=0), D @ W.T"},
)
wrong("a_and_w_swapped", "W's slopes come first, a's second", THREE, {"D @ W.T, a.T @ D": "a.T @ D, D @ W.T"})
wrong("parameters_only", "only the slopes along W and b are returned", THREE, {"D @ W.T, ": ""})
wrong("weights_and_inputs_only", "the slopes along b are not returned", THREE, {", D.sum(axis=0)": ""})
wrong(
    "layer_as_dict",
    "the slopes come as a dict, not as three results",
    THREE,
    {"return D": 'return dict(zip("aWb", [D', "axis=0)": "axis=0)]))"},
)
wrong("layer_printed", PRINTED, RETURN, {"return D": "print(D", "axis=0)": "axis=0))"})
wrong(
    "d_in_place",
    "D is changed in place",
    OTHERS,
    {"return D": "D *= 0.5\nreturn 2 * D", "a.T @ D": "a.T @ D * 2", "D.sum(axis=0)": "D.sum(axis=0) * 2"},
)

wrong = Misconceptions("backward")
wrong("not_averaged", "the slope along ŷ is not divided by n", AVERAGE, {" / len(y)": ""})
wrong("two_kept", "the 2 of the square is kept, though the ½ of the loss cancels it", AVERAGE, {"= (": "= 2 * ("})
wrong(
    "half_kept", "the ½ of the loss is kept, though the 2 of the square cancels it", AVERAGE, {"len(y)": "(2 * len(y))"}
)
wrong("error_flipped", "the sign is flipped: y − ŷ instead of ŷ − y", SIGNS, {"y_hat - y": "y - y_hat"})
wrong(
    "loss_for_slope",
    "the loss itself is taken for its slope",
    AVERAGE,
    {"(y_hat - y) / len(y)": "(y_hat - y) ** 2 / (2 * len(y))"},
)
wrong("mean_over_outputs", "the mean is taken over the outputs, too", AVERAGE, {"len(y)": "y.size"})
wrong("divided_by_outputs", "the outputs are counted, not the examples", AVERAGE, {"len(y)": "y.shape[1]"})
wrong("averaged_twice", "the average over the examples is taken twice", AVERAGE, {"len(y)": "len(y) ** 2"})
wrong(
    "slope_at_output",
    "the slope of the sigmoid stands behind the second layer as well",
    "The second layer has no sigmoid behind it: ŷ is z2 itself (sections 3 and 4).",
    {"d_s =": "d_z2 = d_z2 * sigmoid_gradient(y_hat)\nd_s ="},
)
wrong("without_slope", "the slope of the sigmoid is missing on the way back", BACK, {" * sigmoid_gradient(z1)": ""})
wrong("without_w2", "W2 is missing on the way back", BACK, {'d_z2 @ params["W2"].T': "d_z2.sum(axis=1, keepdims=True)"})
wrong(
    "slope_at_s",
    "σ′ is taken at σ(z1), not at z1: the sigmoid is applied twice",
    PLACE,
    {"sigmoid_gradient(z1)": "sigmoid_gradient(s)"},
)
wrong(
    "slope_of_z1",
    "z1(1 − z1) is taken for the slope of the sigmoid: z1 and s are mixed up",
    LOCAL,
    {"sigmoid_gradient(z1)": "z1 * (1 - z1)"},
)
wrong("slope_is_s", "s itself is taken for the slope of the sigmoid", LOCAL, {"sigmoid_gradient(z1)": "s"})
wrong("slope_is_one_minus_s", "1 − s is taken for the slope of the sigmoid", LOCAL, {"sigmoid_gradient(z1)": "(1 - s)"})
wrong("slope_of_tanh", "the slope of tanh is taken, 1 − s²", LOCAL, {"sigmoid_gradient(z1)": "(1 - s**2)"})
wrong("slope_of_relu", "the slope of ReLU is taken", LOCAL, {"sigmoid_gradient(z1)": "(z1 > 0)"})
wrong("slope_is_quarter", "the slope of the sigmoid is a constant quarter", LOCAL, {"sigmoid_gradient(z1)": "0.25"})
wrong(
    "slope_squared",
    "the slope of the sigmoid stands twice on the way back",
    BACK,
    {"sigmoid_gradient(z1)": "sigmoid_gradient(z1) ** 2"},
)
wrong("w2_from_z1", "the gradient of W2 is made with z1, where s belongs", FEEDS, {"s.T @ d_z2": "z1.T @ d_z2"})
wrong(
    "biases_averaged",
    "the gradients of the biases are averaged once more",
    BIASES,
    {"d_z1.sum": "d_z1.mean", "d_z2.sum": "d_z2.mean"},
)
wrong("b1_averaged", "only the gradient of b1 is averaged once more", BIASES, {"d_z1.sum": "d_z1.mean"})
wrong("b2_averaged", "only the gradient of b2 is averaged once more", BIASES, {"d_z2.sum": "d_z2.mean"})
wrong(
    "biases_summed",
    "the gradients of the biases are summed where all others are averaged",
    BIASES,
    {"d_z1.sum(axis=0)": "d_z1.sum(axis=0) * len(y)", "d_z2.sum(axis=0)": "d_z2.sum(axis=0) * len(y)"},
)
wrong(
    "biases_zero",
    "the gradients of the biases are 0",
    BIASES,
    {"d_z1.sum(axis=0)": '0 * params["b1"]', "d_z2.sum(axis=0)": '0 * params["b2"]'},
)
wrong(
    "biases_to_one_number",
    "the gradients of the biases are summed to a single number",
    BIASES,
    {"d_z1.sum(axis=0)": "d_z1.sum()", "d_z2.sum(axis=0)": "d_z2.sum()"},
)
wrong(
    "biases_wrong_axis",
    "the gradients of the biases are summed over the wrong axis",
    BIASES,
    {"d_z1.sum(axis=0)": "d_z1.sum(axis=1)", "d_z2.sum(axis=0)": "d_z2.sum(axis=1)"},
)
wrong(
    "biases_not_summed",
    "each gradient of a bias still has a row for each example",
    BIASES,
    {"d_z1.sum(axis=0)": "d_z1", "d_z2.sum(axis=0)": "d_z2"},
)
wrong(
    "transposed",
    "both weight gradients are transposed",
    SHAPES,
    {"x.T @ d_z1": "d_z1.T @ x", "s.T @ d_z2": "d_z2.T @ s"},
)
wrong("w1_transposed", "the gradient of W1 is transposed", SHAPES, {"x.T @ d_z1": "d_z1.T @ x"})
wrong("w2_transposed", "the gradient of W2 is transposed", SHAPES, {"s.T @ d_z2": "d_z2.T @ s"})
wrong(
    "last_example",
    "only the last example counts: the loop assigns where it should add",
    EXAMPLES,
    {"/ len(y)": "/ len(y)\nd_z2[:-1] = 0"},
)
wrong("first_example", "only the first example counts", EXAMPLES, {"/ len(y)": "/ len(y)\nd_z2[1:] = 0"})
wrong(
    "first_layer_zero",
    "the slopes stop at the second layer: W1 and b1 get zeros",
    BACK,
    {"x.T @ d_z1": '0 * params["W1"]', "d_z1.sum(axis=0)": '0 * params["b1"]'},
)
wrong(
    "stepped_w2",
    "the first layer's slopes come back through a W2 that has been stepped already",
    BACK,
    {'params["W2"].T': '(params["W2"] - 0.1 * s.T @ d_z2).T'},
)
wrong(
    "stepped_parameters",
    "updated parameters are returned, not their gradients",
    "The docstring asks for the slopes, not for where they lead (section 5).",
    {
        "return {": "gradients = {",
        "d_z2.sum(axis=0)}": "d_z2.sum(axis=0)}\nreturn {name: w - 0.1 * gradients[name] for name, w in params.items()}",
    },
)
wrong(
    "normalised",
    "the gradients are scaled to unit length",
    SIZE,
    {
        "return {": "gradients = {",
        "d_z2.sum(axis=0)}": "d_z2.sum(axis=0)}\nreturn {name: g / np.linalg.norm(g) for name, g in gradients.items()}",
    },
)
wrong(
    "y_hat_in_place",
    "y_hat is changed in place",
    OTHERS,
    {"d_z2 = (y_hat - y) / len(y)": "y_hat -= y\ny_hat /= len(y)\nd_z2 = y_hat"},
)
wrong(
    "as_tuple",
    "the gradients come as a tuple, not as a dict",
    FOUR,
    {"return {": "return tuple({", "d_z2.sum(axis=0)}": "d_z2.sum(axis=0)}.values())"},
    also=TRAINING,
)
wrong(
    "weights_only",
    "only the weights have gradients",
    FOUR,
    {'"b1": d_z1.sum(axis=0),': "", ', "b2": d_z2.sum(axis=0)': ""},
    also=TRAINING,
)
wrong(
    "gradients_printed",
    PRINTED,
    RETURN,
    {"return {": "print({", "d_z2.sum(axis=0)}": "d_z2.sum(axis=0)})"},
    also=TRAINING,
)
wrong(
    "layers_swapped",
    "the gradients of the two layers are swapped",
    FEEDS,
    {'{"W1": ': '{"W2": ', '"b1": ': '"b2": ', '"W2": ': '"W1": ', '"b2": ': '"b1": '},
    also=TRAINING,
)


@wrong(
    "measured",
    "the gradients are measured by small steps, not computed",
    "Measuring can check a chain rule, but it costs two forward passes a parameter, and digits (section 6).",
    also=TRAINING,
)
def _(y, y_hat, cache, params):
    x = cache[0]
    gradients = {}
    for name, w in params.items():
        gradients[name] = np.zeros(w.shape)
        for place in np.ndindex(w.shape):
            step = np.zeros(w.shape)
            step[place] = 1e-5
            up = np.sum((y - forward(x, {**params, name: w + step})[0]) ** 2) / (2 * len(y))
            down = np.sum((y - forward(x, {**params, name: w - step})[0]) ** 2) / (2 * len(y))
            gradients[name][place] = (up - down) / 2e-5
    return gradients


wrong = Misconceptions("wrong_parameters")
wrong(
    "one_sided",
    "the loss is measured on one side only",
    NUDGE,
    {"- loss({**params, name: w - nudge})) / 2e-5": "- loss(params)) / 1e-5"},
)
wrong("step_not_doubled", "the difference is divided by ε, not by 2ε", NUDGE, {"2e-5": "1e-5"})
wrong("not_divided", "the difference is not divided by 2ε", NUDGE, {" / 2e-5": ""})
wrong(
    "measured_backwards",
    "the two losses are subtracted in the wrong order",
    NUDGE,
    {"w + nudge": "w - nudge", "w - nudge": "w + nudge"},
)
wrong(
    "tiny_nudge",
    "the nudge is so small that rounding is all that is measured",
    "The loss has sixteen digits: a nudge of ε loses as many of them as ε has zeros (section 6).",
    {"] = 1e-5": "] = 1e-14", "2e-5": "2e-14"},
)
wrong(
    "wide_nudge",
    "the nudge is so wide that the slope is not the one here",
    "A central difference is off by about ε²: take a small ε (section 6).",
    {"] = 1e-5": "] = 0.5", "2e-5": "1.0"},
)
wrong(
    "all_entries_at_once",
    "all entries of a parameter are nudged at once",
    EACH,
    {"nudge[place] = 1e-5": "nudge[...] = 1e-5"},
)
wrong("first_entry_only", "only the first entry is compared", EACH, {FOUND: ONE_ENTRY})
wrong(
    "first_row_only", "only the first row of each gradient is compared", EACH, {FOUND: "found[name][0] - measured[0]"}
)
wrong(
    "sums_compared",
    "the sums of the two gradients are compared",
    EACH,
    {FOUND: "np.sum(found[name]) - np.sum(measured)"},
)
wrong(
    "lengths_compared",
    "the lengths of the two gradients are compared",
    APART,
    {FOUND: "np.linalg.norm(found[name]) - np.linalg.norm(measured)"},
)
wrong(
    "sizes_compared",
    "the gradients are compared without their signs",
    APART,
    {FOUND: "np.abs(found[name]) - np.abs(measured)"},
)
wrong(
    "absolute",
    "the distance is not compared with the gradients' size",
    APART,
    {" * (np.linalg.norm(found[name]) + np.linalg.norm(measured))": ""},
)
wrong(
    "allclose",
    "np.allclose allows a difference that does not depend on the size (its atol)",
    APART,
    {
        "if not apart <= 1e-5 * (np.linalg.norm(found[name]) + np.linalg.norm(measured))": "if apart == np.inf "
        "or not np.allclose(found[name], measured)"
    },
)
wrong("too_strict", "the tolerance is finer than what can be measured", APART, {"<= 1e-5": "<= 1e-15"})
wrong("too_lax", "the tolerance lets faults of some per cent pass", APART, {"<= 1e-5": "<= 0.1"})
wrong(
    "nan_passes",
    "a nan passes: every comparison with it is False",
    FORMS,
    {"not apart <=": "apart >"},
)
wrong(
    "zeros_divided",
    "two gradients of zeros are named: 0/0 is nan",
    FORMS,
    {
        "apart <= 1e-5 * (np.linalg.norm(found[name]) + np.linalg.norm(measured))": "np.divide(apart, "
        "np.linalg.norm(found[name]) + np.linalg.norm(measured)) <= 1e-5"
    },
)
wrong(
    "shape_ignored",
    "shapes are not compared: NumPy stretches what does not fit",
    FORMS,
    {" if np.shape(found[name]) == w.shape else np.inf": ""},
)
wrong(
    "formula_alone",
    "neither shapes nor nan are looked at",
    FORMS,
    {" if np.shape(found[name]) == w.shape else np.inf": "", "not apart <=": "apart >"},
)
wrong("right_ones", "the right ones are named", NAMED, {"if not apart": "if apart"})
wrong("first_found", "the first wrong one ends the search", EACH, {"wrong.append(name)": "return [name]"})
wrong(
    "returned_inside",
    "a return inside the loop ends it after the first parameter",
    LOOP_ENDS,
    {"in params.items()": "in list(params.items())[:1]"},
)
wrong("whether_any", "whether any is wrong is returned, not which", NAMED, {"return wrong": "return bool(wrong)"})
wrong("how_many", "the number of wrong ones is returned, not their names", NAMED, {"return wrong": "return len(wrong)"})
wrong("as_set", "a set is returned, not a list", NAMED, {"return wrong": "return set(wrong)"})
wrong("as_text", "the names are joined to one text", NAMED, {"return wrong": 'return ", ".join(wrong)'})
wrong("names_printed", PRINTED, RETURN, {"return wrong": "print(wrong)"})
wrong(
    "left_moved",
    "entries that have been nudged are never moved back",
    "After its measurement an entry has to be where it was, for the next one and for the caller (section 6).",
    {
        "/ 2e-5": "/ 2e-5\nw += nudge",
    },
)
wrong(
    "analytic_twice",
    "the gradients are compared with themselves",
    "The check is worth something because it measures the loss, and trusts no chain rule (section 6).",
    {FOUND: "found[name] - gradients(params)[name]"},
)

wrong = Misconceptions("train_two_layer")
wrong("uphill", "the steps go uphill", STEP, {"w - lr": "w + lr"})
wrong("without_rate", "the learning rate is left out", STEP, {"lr * ": ""})
wrong("fixed_rate", "the learning rate is a number of its own, not the argument", STEP, {"lr *": "0.01 *"})
wrong(
    "divided_by_rate",
    "the gradient is divided by the learning rate",
    STEP,
    {"lr * gradients[name]": "gradients[name] / lr"},
)
wrong("rate_squared", "the learning rate counts twice", STEP, {"lr *": "lr * lr *"})
wrong("averaged_again", "the gradient is averaged over the examples once more", STEP, {"lr *": "lr / len(y) *"})
wrong("rate_shrinks", "the learning rate shrinks from step to step", STEP, {"lr *": "lr / (step + 1) *"})
wrong("biases_stay", "the biases are never updated", STEP, {"[name] for": '[name] if "W" in name else w for'})
wrong("second_layer_only", "only the second layer is updated", STEP, {"[name] for": '[name] if "2" in name else w for'})
wrong("first_layer_only", "only the first layer is updated", STEP, {"[name] for": '[name] if "1" in name else w for'})
wrong("step_assigned", "the step replaces the parameter, which it should change", STEP, {"w - lr": "-lr"})
wrong(
    "gradients_add_up",
    "the gradients add up from step to step",
    STEP,
    {
        "losses = []": "losses = []\nsums = dict.fromkeys(params, 0.0)",
        "cache, params)": "cache, params)\ngradients = sums = {name: sums[name] + g for name, g in gradients.items()}",
    },
)
wrong(
    "starts_again",
    "every step starts at the beginning again",
    STEP,
    {"losses = []": "start = params\nlosses = []", "w - lr": "start[name] - lr"},
)
wrong(
    "gradient_once",
    "the gradient is computed once, before the loop",
    STEP,
    {
        "losses = []": "gradients = backward(y, *forward(x, params), params)\nlosses = []",
        "gradients = backward(y, y_hat, cache, params)": "",
    },
)
wrong(
    "stale_cache",
    "the cache of the first forward pass is used all the time",
    STEP,
    {"y_hat, cache =": "y_hat, new =", "losses.append(": "cache = new if step == 0 else cache\nlosses.append("},
)
wrong(
    "one_layer_after_the_other",
    "the second layer is stepped before the first one's gradient is computed",
    STEP,
    {
        "cache, params)": 'cache, params)\nstepped = {**params, "W2": params["W2"] - lr * gradients["W2"]}\n'
        "gradients = backward(y, y_hat, cache, stepped)"
    },
)
wrong(
    "step_per_example",
    "each example makes a step of its own",
    "One step sees all the examples (section 7).",
    {
        "if step < n_steps": "for i in range(len(y) if step < n_steps else 0)",
        "gradients = backward(y,": "y_hat, cache = forward(x[i : i + 1], params)\ngradients = backward(y[i : i + 1],",
    },
)
wrong("step_too_few", "there is a step too few", RECORD, {"n_steps + 1": "n_steps", "< n_steps": "< n_steps - 1"})
wrong("step_too_many", "there is a step too many", RECORD, {"n_steps + 1": "n_steps + 2", "< n_steps": "<= n_steps"})
wrong("steps_after_the_last_loss", "after the last loss there is one more step", RECORD, {"< n_steps": "<= n_steps"})
wrong("last_loss_missing", "the loss after the last step is missing", RECORD, {"params, losses": "params, losses[:-1]"})
wrong(
    "first_loss_missing", "the loss before the first step is missing", RECORD, {"params, losses": "params, losses[1:]"}
)
wrong("last_loss_only", "only the last loss is returned", RECORD, {"params, losses": "params, losses[-1]"})
wrong("losses_without_half", "the losses have no factor ½", AVERAGE, {"(2 * len(y))": "len(y)"})
wrong("losses_over_outputs", "the losses are averaged over the outputs, too", AVERAGE, {"len(y)": "y.size"})
wrong(
    "losses_mean",
    "the losses are mean squares: no ½, and averaged over the outputs",
    AVERAGE,
    {"(2 * len(y))": "y.size"},
)
wrong("losses_summed", "the losses are summed over the examples, not averaged", AVERAGE, {"(2 * len(y))": "2"})
wrong(
    "changed_in_place",
    "the caller's arrays are changed in place",
    MINE,
    {
        "params = {name: w - lr * gradients[name] for name, w in params.items()}": """
            for name in params:
                params[name] -= lr * gradients[name]
        """
    },
    same_as=("copied_shallowly", "callers_dict"),
)
wrong(
    "copied_shallowly",
    "a copy of the dict still holds the caller's arrays, and these are changed",
    MINE,
    {
        "losses = []": "params = dict(params)\nlosses = []",
        "params = {name: w - lr * gradients[name] for name, w in params.items()}": """
            for name in params:
                params[name] -= lr * gradients[name]
        """,
    },
    same_as=("callers_dict",),
)
wrong(
    "callers_dict",
    "the new arrays are put into the caller's dict",
    MINE,
    {"params = {": "params.update({", "params.items()}": "params.items()})"},
)
wrong(
    "returns_the_start",
    "the given parameters are returned, not the trained ones",
    STEP,
    {"losses = []": "start = params\nlosses = []", "return params": "return start"},
)
wrong(
    "returns_in_loop",
    "a return inside the loop ends it after one step",
    LOOP_ENDS,
    {"if step <": "if step == 1:\n    return params, losses\nif step <"},
)
wrong(
    "losses_first",
    "losses and params are returned in the other order",
    "The docstring says in which order the two are returned.",
    {"params, losses": "losses, params"},
)
wrong(
    "params_only",
    "only the parameters are returned",
    "The docstring names two things to return.",
    {"params, losses": "params"},
)
wrong("training_printed", PRINTED, RETURN, {"return params, losses": "print(params, losses)"})
