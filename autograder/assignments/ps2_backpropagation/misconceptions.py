"""Misconceptions of ps2: what beginners get wrong in a sigmoid, a forward pass, the chain rule, and training."""

import numpy as np

from autograder.authoring import misconception

FORMULA = "Put two numbers into the formula by hand, one far to the left and one far to the right (section 2)."
HILL = "The slope is a hill: a quarter at 0, flat on both sides. Which product of σ(z) makes that? (section 2)"
PLACE = "z is the place on the axis, not the sigmoid's value there: what has to be computed first? (section 2)"
GRAPH = "Walk along the graph from x to ŷ, box by box: what does each box do with what comes in? (section 3)"
SIGNS = "Which way must an output move for the loss to fall, if it is larger than its target? (section 4)"
AVERAGE = "Read the loss again, factor by factor: what is left of 1/(2n) when the square is differentiated? (section 4)"
LOCAL = "Every arrow of the graph has one local slope. Which arrow lies between these two boxes? (section 4)"
BACK = "The slope that reaches the first layer has come through every box on its way. Count them (section 4)."
FEEDS = "The slope along a weight needs what *enters* that layer: which box is that for each of the two? (section 5)"
BIASES = "A bias is shared by all examples, and enters with the factor 1: what becomes of their slopes? (section 5)"
EXAMPLES = "What does a loop keep that assigns, and what one that adds? (section 5)"
STEP = "Every step goes downhill from where the last one ended, by the rate times the gradient there (section 7)."
RECORD = "Count the losses: one before the first step, then one after each, each of the parameters as they are then."
MINE = "The dict and its arrays belong to the caller, who will want them as they were (section 7)."
RETURN = "A function gives back what stands behind return, and nothing else."
SHAPES = "A gradient has the shape of what it belongs to: write the shapes of both factors side by side (section 5)."


# --- sigmoid -------------------------------------------------------------------------------------------------


@misconception("sigmoid", "the sign in the exponent is flipped: it falls from left to right", FORMULA)
def falls(z):
    return (1 - np.tanh(z / 2)) / 2


@misconception("sigmoid", "the 1 in the denominator is missing", FORMULA)
def without_one(z):
    return np.exp(z)


@misconception("sigmoid", "a minus stands in the denominator where a plus belongs", FORMULA)
def minus_in_denominator(z):
    return 1 / (1 - np.exp(-z))


@misconception(
    "sigmoid",
    "the formula is right on paper, and overflows on the way",
    "Which exponential gets too large for a float, and on which side? Find a form that never needs it (section 2).",
)
def overflows(z):
    return 1 / (1 + np.exp(-z))


@misconception(
    "sigmoid",
    "the second form overflows on the other side, and gives inf/inf there",
    "Which exponential gets too large for a float, and on which side? Find a form that never needs it (section 2).",
    also=("test_sigmoid_gradient",),
)
def overflows_to_nan(z):
    return np.exp(z) / (1 + np.exp(z))


@misconception(
    "sigmoid",
    "both forms are computed everywhere before one of them is chosen",
    "np.where computes both of its arguments, and for all entries: each must be harmless everywhere (section 2).",
    same_as=("overflows",),
)
def chosen_too_late(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))


@misconception("sigmoid", "tanh itself is returned: it runs from -1 to 1", FORMULA)
def tanh_itself(z):
    return np.tanh(z)


@misconception("sigmoid", "a tanh whose argument is not halved", FORMULA)
def tanh_not_halved(z):
    return (1 + np.tanh(z)) / 2


@misconception(
    "sigmoid", "values far out are cut off too early", "How far out may a value be cut without being seen? (section 2)"
)
def cut_off(z):
    return 1 / (1 + np.exp(-np.clip(z, -4, 4)))


@misconception(
    "sigmoid", "ReLU in place of the sigmoid", "Which of the two bends runs from 0 to 1, and smoothly? (section 2)"
)
def relu(z):
    return np.maximum(z, 0.0)


@misconception("sigmoid", "a softmax over the whole array: each entry should stand for itself", FORMULA)
def softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


@misconception(
    "sigmoid",
    "the array is changed in place",
    "An argument belongs to the caller: make a new array.",
    also=(
        "test_sigmoid_gradient",
        "test_backward",
    ),
)
def in_place(z):
    z /= 2
    return (1 + np.tanh(z)) / 2


@misconception(
    "sigmoid",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=(
        "test_sigmoid_gradient",
        "test_forward",
        "test_backward",
        "test_train_two_layer",
    ),
)
def sigmoid_printed(z):
    print((1 + np.tanh(z / 2)) / 2)


@misconception("sigmoid", "the result is rounded to whole numbers: a step, not an S", FORMULA, also=("test_backward",))
def step_function(z):
    return np.where(z > 0, 1.0, np.where(z < 0, 0.0, 0.5))


# --- sigmoid_gradient ----------------------------------------------------------------------------------------


@misconception("sigmoid_gradient", "z itself is taken for σ(z)", PLACE)
def of_the_value(z):
    return z * (1 - z)


@misconception("sigmoid_gradient", "the sigmoid is taken twice", PLACE)
def sigmoid_twice(z):
    s = sigmoid(sigmoid(z))
    return s * (1 - s)


@misconception("sigmoid_gradient", "only the factor 1 − σ is there", HILL)
def one_minus(z):
    return 1 - sigmoid(z)


@misconception("sigmoid_gradient", "the sigmoid itself is returned", HILL)
def only_sigmoid(z):
    return sigmoid(z)


@misconception("sigmoid_gradient", "the slope of tanh is taken: 1 − σ²", HILL)
def of_tanh(z):
    return 1 - sigmoid(z) ** 2


@misconception("sigmoid_gradient", "σ(1 + σ): the sign of the second term is flipped", HILL)
def plus(z):
    return sigmoid(z) * (1 + sigmoid(z))


@misconception("sigmoid_gradient", "the sign is flipped", HILL)
def slope_sign_flipped(z):
    return -sigmoid(z) * (1 - sigmoid(z))


@misconception("sigmoid_gradient", "a constant quarter: the slope at 0, everywhere", HILL)
def quarter(z):
    return np.full(np.shape(z), 0.25)


@misconception("sigmoid_gradient", "the slope of ReLU: 0 on the left, 1 on the right", HILL)
def of_relu(z):
    return np.where(z > 0, 1.0, 0.0)


@misconception("sigmoid_gradient", "only one of the two factors is σ: z(1 − σ)", PLACE)
def half_of_each(z):
    return z * (1 - sigmoid(z))


@misconception(
    "sigmoid_gradient",
    "the exponentials are written out, and give nan far out",
    "Which of the exponentials overflows far out? The sigmoid that you have already doesn't (section 2).",
)
def written_out(z):
    return np.exp(-z) / (1 + np.exp(-z)) ** 2


@misconception(
    "sigmoid_gradient",
    "the slope is measured with a coarse step, not computed",
    "There is a formula that needs nothing but σ(z), and is exact (section 2).",
)
def measured_coarsely(z):
    return (sigmoid(z + 0.01) - sigmoid(z)) / 0.01


@misconception(
    "sigmoid_gradient",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=(
        "test_backward",
        "test_train_two_layer",
    ),
)
def slope_printed(z):
    print(sigmoid(z) * (1 - sigmoid(z)))


# --- forward -------------------------------------------------------------------------------------------------


@misconception("forward", "the sigmoid stands behind the second layer as well", GRAPH)
def sigmoid_last(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    l2 = s @ params["W2"] + params["b2"]
    return sigmoid(l2), (x, l1, s)


@misconception("forward", "there is no sigmoid: two layers that come to one", GRAPH)
def no_sigmoid(x, params):
    l1 = x @ params["W1"] + params["b1"]
    return l1 @ params["W2"] + params["b2"], (x, l1, sigmoid(l1))


@misconception("forward", "b1 is left out", GRAPH)
def without_b1(x, params):
    l1 = x @ params["W1"]
    s = sigmoid(l1)
    return s @ params["W2"] + params["b2"], (x, l1, s)


@misconception("forward", "b2 is left out", GRAPH)
def without_b2(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    return s @ params["W2"], (x, l1, s)


@misconception("forward", "neither bias is there", GRAPH)
def without_biases(x, params):
    l1 = x @ params["W1"]
    s = sigmoid(l1)
    return s @ params["W2"], (x, l1, s)


@misconception("forward", "the biases are subtracted", GRAPH)
def biases_subtracted(x, params):
    l1 = x @ params["W1"] - params["b1"]
    s = sigmoid(l1)
    return s @ params["W2"] - params["b2"], (x, l1, s)


@misconception("forward", "b1 is added behind the sigmoid, not before it", GRAPH, also=("test_backward",))
def b1_behind_sigmoid(x, params):
    l1 = x @ params["W1"]
    s = sigmoid(l1) + params["b1"]
    return s @ params["W2"] + params["b2"], (x, l1, s)


@misconception("forward", "ReLU in place of the sigmoid", GRAPH)
def relu_inside(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = np.maximum(l1, 0)
    return s @ params["W2"] + params["b2"], (x, l1, s)


@misconception("forward", "tanh in place of the sigmoid", GRAPH)
def tanh_inside(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = np.tanh(l1)
    return s @ params["W2"] + params["b2"], (x, l1, s)


@misconception("forward", "the slope of the sigmoid stands where the sigmoid belongs", GRAPH)
def slope_inside(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid_gradient(l1)
    return s @ params["W2"] + params["b2"], (x, l1, s)


@misconception("forward", "the sigmoid is taken twice", GRAPH)
def sigmoid_twice_inside(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(sigmoid(l1))
    return s @ params["W2"] + params["b2"], (x, l1, s)


@misconception(
    "forward", "the outputs are summed to one number for each example", "An example may have k outputs (section 3)."
)
def outputs_summed(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    return (s @ params["W2"] + params["b2"]).sum(axis=1), (x, l1, s)


@misconception(
    "forward",
    "y_hat alone is returned, without a cache",
    "The docstring names two things that backward will be given (section 3).",
    also=("test_backward", "test_train_two_layer"),
)
def only_outputs(x, params):
    l1 = x @ params["W1"] + params["b1"]
    return sigmoid(l1) @ params["W2"] + params["b2"]


@misconception(
    "forward",
    "the cache stands before y_hat",
    "Look at the order in the docstring.",
    also=("test_backward", "test_train_two_layer"),
)
def cache_first(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    return (x, l1, s), s @ params["W2"] + params["b2"]


@misconception(
    "forward",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=("test_backward", "test_train_two_layer"),
)
def outputs_printed(x, params):
    l1 = x @ params["W1"] + params["b1"]
    print(sigmoid(l1) @ params["W2"] + params["b2"])


@misconception(
    "forward",
    "only the first example goes through the network",
    "x holds n examples, one a row (section 3).",
    also=(
        "test_backward",
        "test_train_two_layer",
    ),
)
def first_example_only(x, params):
    l1 = x[:1] @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    return s @ params["W2"] + params["b2"], (x, sigmoid(x @ params["W1"] + params["b1"]), s)


@misconception("forward", "b1 is added to the parameters in place", MINE, also=("test_train_two_layer",))
def params_in_place(x, params):
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    params["W2"] *= 1.0 + 1e-3
    return s @ params["W2"] / (1.0 + 1e-3) + params["b2"], (x, l1, s)


# --- backward ------------------------------------------------------------------------------------------------


def chain(d_l2, cache, params):
    """Backward from the slope along l2, as it is when all else is right."""
    x, l1, s = cache
    d_l1 = d_l2 @ params["W2"].T * sigmoid_gradient(l1)
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}


@misconception("backward", "the slope along ŷ is not divided by n", AVERAGE)
def not_averaged(y, y_hat, cache, params):
    return chain(y_hat - y, cache, params)


@misconception("backward", "the 2 of the square is kept, though the ½ of the loss cancels it", AVERAGE)
def two_kept(y, y_hat, cache, params):
    return chain(2 * (y_hat - y) / len(y), cache, params)


@misconception("backward", "the ½ of the loss is kept, though the 2 of the square cancels it", AVERAGE)
def half_kept(y, y_hat, cache, params):
    return chain((y_hat - y) / (2 * len(y)), cache, params)


@misconception("backward", "the sign is flipped: y − ŷ instead of ŷ − y", SIGNS)
def error_flipped(y, y_hat, cache, params):
    return chain((y - y_hat) / len(y), cache, params)


@misconception("backward", "the loss itself is taken for its slope", AVERAGE)
def loss_for_slope(y, y_hat, cache, params):
    return chain((y_hat - y) ** 2 / (2 * len(y)), cache, params)


@misconception("backward", "the mean is taken over the outputs, too", AVERAGE)
def mean_over_outputs(y, y_hat, cache, params):
    return chain((y_hat - y) / y.size, cache, params)


@misconception("backward", "the outputs are counted, not the examples", AVERAGE)
def divided_by_outputs(y, y_hat, cache, params):
    return chain((y_hat - y) / y.shape[1], cache, params)


@misconception("backward", "the average over the examples is taken twice", AVERAGE)
def averaged_twice(y, y_hat, cache, params):
    return chain((y_hat - y) / len(y) ** 2, cache, params)


@misconception("backward", "the slope of the sigmoid stands behind the second layer as well", LOCAL)
def slope_at_output(y, y_hat, cache, params):
    return chain((y_hat - y) / len(y) * sigmoid_gradient(y_hat), cache, params)


@misconception("backward", "the slope of the sigmoid is missing on the way back", BACK)
def without_slope(y, y_hat, cache, params):
    x, _, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}


@misconception("backward", "W2 is missing on the way back", BACK)
def without_w2(y, y_hat, cache, params):
    x, l1, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2.sum(axis=1, keepdims=True) * sigmoid_gradient(l1)
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}


def with_local_slope(y, y_hat, cache, params, slope):
    """Backward with another slope between l1 and s."""
    x, _, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T * slope
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}


@misconception("backward", "σ′ is taken at σ(l1), not at l1: the sigmoid is applied twice", PLACE)
def slope_at_s(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, sigmoid_gradient(cache[2]))


@misconception("backward", "l1(1 − l1) is taken for the slope of the sigmoid: l1 and s are mixed up", LOCAL)
def slope_of_l1(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, cache[1] * (1 - cache[1]))


@misconception("backward", "s itself is taken for the slope of the sigmoid", LOCAL)
def slope_is_s(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, cache[2])


@misconception("backward", "1 − s is taken for the slope of the sigmoid", LOCAL)
def slope_is_one_minus_s(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, 1 - cache[2])


@misconception("backward", "the slope of tanh is taken, 1 − s²", LOCAL)
def slope_of_tanh(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, 1 - cache[2] ** 2)


@misconception("backward", "the slope of ReLU is taken", LOCAL)
def slope_of_relu(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, (cache[1] > 0).astype(float))


@misconception("backward", "the slope of the sigmoid is a constant quarter", LOCAL)
def slope_is_quarter(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, 0.25)


@misconception("backward", "the slope of the sigmoid stands twice on the way back", BACK)
def slope_squared(y, y_hat, cache, params):
    return with_local_slope(y, y_hat, cache, params, sigmoid_gradient(cache[1]) ** 2)


@misconception("backward", "the gradient of W2 is made with l1, where s belongs", FEEDS)
def w2_from_l1(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "W2": cache[1].T @ (y_hat - y) / len(y)}


@misconception("backward", "the gradients of the biases are averaged once more", BIASES)
def biases_averaged(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "b1": gradients["b1"] / len(y), "b2": gradients["b2"] / len(y)}


@misconception("backward", "only the gradient of b1 is averaged once more", BIASES)
def b1_averaged(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "b1": gradients["b1"] / len(y)}


@misconception("backward", "only the gradient of b2 is averaged once more", BIASES)
def b2_averaged(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "b2": gradients["b2"] / len(y)}


@misconception("backward", "the gradients of the biases are summed where all others are averaged", BIASES)
def biases_summed(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "b1": gradients["b1"] * len(y), "b2": gradients["b2"] * len(y)}


@misconception("backward", "the gradients of the biases are 0", BIASES)
def biases_zero(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "b1": np.zeros_like(params["b1"]), "b2": np.zeros_like(params["b2"])}


@misconception("backward", "the gradients of the biases are summed to a single number", BIASES)
def biases_to_one_number(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "b1": gradients["b1"].sum(), "b2": gradients["b2"].sum()}


@misconception("backward", "the gradients of the biases are summed over the wrong axis", BIASES)
def biases_wrong_axis(y, y_hat, cache, params):
    x, l1, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T * sigmoid_gradient(l1)
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=1), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=1)}


@misconception("backward", "each gradient of a bias still has a row for each example", BIASES)
def biases_not_summed(y, y_hat, cache, params):
    x, l1, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_l1 = d_l2 @ params["W2"].T * sigmoid_gradient(l1)
    return {"W1": x.T @ d_l1, "b1": d_l1, "W2": s.T @ d_l2, "b2": d_l2}


@misconception("backward", "both weight gradients are transposed", SHAPES)
def transposed(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "W1": gradients["W1"].T, "W2": gradients["W2"].T}


@misconception("backward", "the gradient of W1 is transposed", SHAPES)
def w1_transposed(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "W1": gradients["W1"].T}


@misconception("backward", "the gradient of W2 is transposed", SHAPES)
def w2_transposed(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "W2": gradients["W2"].T}


@misconception("backward", "only the last example counts: the loop assigns where it should add", EXAMPLES)
def last_example(y, y_hat, cache, params):
    x, l1, s = cache
    for i in range(len(y)):
        d_l2 = (y_hat[i] - y[i]) / len(y)
        d_l1 = params["W2"] @ d_l2 * sigmoid_gradient(l1[i])
        gradients = {"W1": np.outer(x[i], d_l1), "b1": d_l1, "W2": np.outer(s[i], d_l2), "b2": d_l2}
    return gradients


@misconception("backward", "only the first example counts", EXAMPLES)
def first_example(y, y_hat, cache, params):
    x, l1, s = cache
    for i in range(len(y)):
        d_l2 = (y_hat[i] - y[i]) / len(y)
        d_l1 = params["W2"] @ d_l2 * sigmoid_gradient(l1[i])
        return {"W1": np.outer(x[i], d_l1), "b1": d_l1, "W2": np.outer(s[i], d_l2), "b2": d_l2}


@misconception("backward", "the slopes stop at the second layer: W1 and b1 get zeros", BACK)
def first_layer_zero(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {**gradients, "W1": np.zeros_like(params["W1"]), "b1": np.zeros_like(params["b1"])}


@misconception("backward", "the first layer's slopes come back through a W2 that has been stepped already", BACK)
def stepped_w2(y, y_hat, cache, params):
    x, l1, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_w2 = s.T @ d_l2
    d_l1 = d_l2 @ (params["W2"] - 0.1 * d_w2).T * sigmoid_gradient(l1)
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": d_w2, "b2": d_l2.sum(axis=0)}


@misconception(
    "backward",
    "updated parameters are returned, not their gradients",
    "What does the docstring want, the slopes or where they lead? (section 5)",
)
def stepped_parameters(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {name: params[name] - 0.1 * gradients[name] for name in params}


@misconception(
    "backward",
    "the gradients are scaled to unit length",
    "How steep a slope is, is half of what a gradient says (section 4).",
)
def normalised(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {name: gradient / np.linalg.norm(gradient) for name, gradient in gradients.items()}


@misconception(
    "backward",
    "the gradients are measured by small steps, not computed",
    "Measuring checks a chain rule, and doesn't replace it: it costs two forward passes a parameter and digits (section 6).",
    also=("test_train_two_layer",),
)
def measured(y, y_hat, cache, params):
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


@misconception("backward", "y_hat is changed in place", MINE)
def y_hat_in_place(y, y_hat, cache, params):
    y_hat -= y
    y_hat /= len(y)
    return chain(y_hat, cache, params)


@misconception(
    "backward",
    "the gradients come as a tuple, not as a dict",
    "The docstring says what the result's names are (section 5).",
    also=("test_train_two_layer",),
)
def as_tuple(y, y_hat, cache, params):
    return tuple(backward(y, y_hat, cache, params).values())


@misconception(
    "backward",
    "only the weights have gradients",
    "There are four parameters, and each has its slope (section 5).",
    also=("test_train_two_layer",),
)
def weights_only(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {"W1": gradients["W1"], "W2": gradients["W2"]}


@misconception(
    "backward",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=("test_train_two_layer",),
)
def gradients_printed(y, y_hat, cache, params):
    print(backward(y, y_hat, cache, params))


@misconception("backward", "the gradients of the two layers are swapped", FEEDS, also=("test_train_two_layer",))
def layers_swapped(y, y_hat, cache, params):
    gradients = backward(y, y_hat, cache, params)
    return {"W1": gradients["W2"], "b1": gradients["b2"], "W2": gradients["W1"], "b2": gradients["b1"]}


# --- train_two_layer -----------------------------------------------------------------------------------------


def descend(x, y, params, lr, n_steps, step, loss=lambda y, y_hat: np.sum((y - y_hat) ** 2) / (2 * len(y))):
    """Training with another step; it gets the number of the step, the parameters and their gradients."""
    losses = []
    for t in range(n_steps + 1):
        y_hat, cache = forward(x, params)
        losses.append(loss(y, y_hat))
        if t < n_steps:
            params = step(t, params, backward(y, y_hat, cache, params))
    return params, losses


@misconception("train_two_layer", "the steps go uphill", STEP)
def uphill(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] + lr * g[k] for k in p})


@misconception("train_two_layer", "the learning rate is left out", STEP)
def without_rate(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - g[k] for k in p})


@misconception("train_two_layer", "the learning rate is a number of its own, not the argument", STEP)
def fixed_rate(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - 0.01 * g[k] for k in p})


@misconception("train_two_layer", "the gradient is divided by the learning rate", STEP)
def divided_by_rate(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - g[k] / lr for k in p})


@misconception("train_two_layer", "the learning rate counts twice", STEP)
def rate_squared(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * lr * g[k] for k in p})


@misconception("train_two_layer", "the gradient is averaged over the examples once more", STEP)
def averaged_again(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] / len(y) for k in p})


@misconception("train_two_layer", "the biases are never updated", STEP)
def biases_stay(x, y, params, lr, n_steps):
    return descend(
        x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] if k in ("W1", "W2") else p[k] for k in p}
    )


@misconception("train_two_layer", "only the second layer is updated", STEP)
def second_layer_only(x, y, params, lr, n_steps):
    return descend(
        x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] if k in ("W2", "b2") else p[k] for k in p}
    )


@misconception("train_two_layer", "only the first layer is updated", STEP)
def first_layer_only(x, y, params, lr, n_steps):
    return descend(
        x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] if k in ("W1", "b1") else p[k] for k in p}
    )


@misconception("train_two_layer", "the step replaces the parameter, which it should change", STEP)
def step_assigned(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: -lr * g[k] for k in p})


@misconception("train_two_layer", "the gradients add up from step to step", STEP)
def gradients_add_up(x, y, params, lr, n_steps):
    total = {k: np.zeros(w.shape) for k, w in params.items()}

    def step(t, p, g):
        for k in p:
            total[k] += g[k]
        return {k: p[k] - lr * total[k] for k in p}

    return descend(x, y, params, lr, n_steps, step)


@misconception("train_two_layer", "the learning rate shrinks from step to step", STEP)
def rate_shrinks(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr / (t + 1) * g[k] for k in p})


@misconception("train_two_layer", "every step starts at the beginning again", STEP)
def starts_again(x, y, params, lr, n_steps):
    start = params
    losses = []
    for t in range(n_steps + 1):
        y_hat, cache = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        if t < n_steps:
            gradients = backward(y, y_hat, cache, params)
            params = {k: start[k] - lr * gradients[k] for k in start}
    return params, losses


@misconception("train_two_layer", "the gradient is computed once, before the loop", STEP)
def gradient_once(x, y, params, lr, n_steps):
    y_hat, cache = forward(x, params)
    gradients = backward(y, y_hat, cache, params)
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * gradients[k] for k in p})


@misconception("train_two_layer", "the cache of the first forward pass is used all the time", STEP)
def stale_cache(x, y, params, lr, n_steps):
    y_hat, cache = forward(x, params)
    losses = [np.sum((y - y_hat) ** 2) / (2 * len(y))]
    for _ in range(n_steps):
        gradients = backward(y, y_hat, cache, params)
        params = {k: params[k] - lr * gradients[k] for k in params}
        y_hat, _ = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
    return params, losses


@misconception("train_two_layer", "the second layer is stepped before the first one's gradient is computed", STEP)
def one_layer_after_the_other(x, y, params, lr, n_steps):
    losses = []
    for t in range(n_steps + 1):
        y_hat, cache = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        if t < n_steps:
            first = backward(y, y_hat, cache, params)
            params = {**params, "W2": params["W2"] - lr * first["W2"], "b2": params["b2"] - lr * first["b2"]}
            second = backward(y, y_hat, cache, params)
            params = {**params, "W1": params["W1"] - lr * second["W1"], "b1": params["b1"] - lr * second["b1"]}
    return params, losses


@misconception("train_two_layer", "each example makes a step of its own", "One step sees all the examples (section 7).")
def step_per_example(x, y, params, lr, n_steps):
    losses = [np.sum((y - forward(x, params)[0]) ** 2) / (2 * len(y))]
    for _ in range(n_steps):
        for i in range(len(y)):
            y_hat, cache = forward(x[i : i + 1], params)
            gradients = backward(y[i : i + 1], y_hat, cache, params)
            params = {k: params[k] - lr * gradients[k] for k in params}
        losses.append(np.sum((y - forward(x, params)[0]) ** 2) / (2 * len(y)))
    return params, losses


@misconception("train_two_layer", "there is a step too few", RECORD)
def step_too_few(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps - 1, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})


@misconception("train_two_layer", "there is a step too many", RECORD)
def step_too_many(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps + 1, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})


@misconception("train_two_layer", "after the last loss there is one more step", RECORD)
def steps_after_the_last_loss(x, y, params, lr, n_steps):
    losses = []
    for _ in range(n_steps + 1):
        y_hat, cache = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        gradients = backward(y, y_hat, cache, params)
        params = {k: params[k] - lr * gradients[k] for k in params}
    return params, losses


@misconception("train_two_layer", "the loss after the last step is missing", RECORD)
def last_loss_missing(x, y, params, lr, n_steps):
    params, losses = descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})
    return params, losses[:-1]


@misconception("train_two_layer", "the loss before the first step is missing", RECORD)
def first_loss_missing(x, y, params, lr, n_steps):
    params, losses = descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})
    return params, losses[1:]


@misconception("train_two_layer", "only the last loss is returned", RECORD)
def last_loss_only(x, y, params, lr, n_steps):
    params, losses = descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})
    return params, losses[-1]


@misconception("train_two_layer", "the losses have no factor ½", AVERAGE)
def losses_without_half(x, y, params, lr, n_steps):
    plain = lambda t, p, g: {k: p[k] - lr * g[k] for k in p}  # noqa: E731
    return descend(x, y, params, lr, n_steps, plain, lambda y, y_hat: np.sum((y - y_hat) ** 2) / len(y))


@misconception("train_two_layer", "the losses are averaged over the outputs, too", AVERAGE)
def losses_over_outputs(x, y, params, lr, n_steps):
    plain = lambda t, p, g: {k: p[k] - lr * g[k] for k in p}  # noqa: E731
    return descend(x, y, params, lr, n_steps, plain, lambda y, y_hat: np.mean((y - y_hat) ** 2) / 2)


@misconception("train_two_layer", "the losses are mean squares: no ½, and averaged over the outputs", AVERAGE)
def losses_mean(x, y, params, lr, n_steps):
    plain = lambda t, p, g: {k: p[k] - lr * g[k] for k in p}  # noqa: E731
    return descend(x, y, params, lr, n_steps, plain, lambda y, y_hat: np.mean((y - y_hat) ** 2))


@misconception("train_two_layer", "the losses are summed over the examples, not averaged", AVERAGE)
def losses_summed(x, y, params, lr, n_steps):
    plain = lambda t, p, g: {k: p[k] - lr * g[k] for k in p}  # noqa: E731
    return descend(x, y, params, lr, n_steps, plain, lambda y, y_hat: np.sum((y - y_hat) ** 2) / 2)


@misconception(
    "train_two_layer",
    "the caller's arrays are changed in place",
    MINE,
    same_as=(
        "copied_shallowly",
        "callers_dict",
    ),
)
def changed_in_place(x, y, params, lr, n_steps):
    def step(t, p, g):
        for k in p:
            p[k] -= lr * g[k]
        return p

    return descend(x, y, params, lr, n_steps, step)


@misconception(
    "train_two_layer",
    "a copy of the dict still holds the caller's arrays, and these are changed",
    MINE,
    same_as=("callers_dict",),
)
def copied_shallowly(x, y, params, lr, n_steps):
    def step(t, p, g):
        for k in p:
            p[k] -= lr * g[k]
        return p

    return descend(x, y, dict(params), lr, n_steps, step)


@misconception("train_two_layer", "the new arrays are put into the caller's dict", MINE)
def callers_dict(x, y, params, lr, n_steps):
    def step(t, p, g):
        for k in p:
            p[k] = p[k] - lr * g[k]
        return p

    return descend(x, y, params, lr, n_steps, step)


@misconception("train_two_layer", "the given parameters are returned, not the trained ones", STEP)
def returns_the_start(x, y, params, lr, n_steps):
    _, losses = descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})
    return params, losses


@misconception("train_two_layer", "a return inside the loop ends it after one step", "What does return do to a loop?")
def returns_in_loop(x, y, params, lr, n_steps):
    losses = []
    for _ in range(n_steps):
        y_hat, cache = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        gradients = backward(y, y_hat, cache, params)
        params = {k: params[k] - lr * gradients[k] for k in params}
        y_hat, cache = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        return params, losses


@misconception("train_two_layer", "losses and params are returned in the other order", "Look at the docstring's order.")
def losses_first(x, y, params, lr, n_steps):
    params, losses = descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})
    return losses, params


@misconception("train_two_layer", "only the parameters are returned", "The docstring names two things to return.")
def params_only(x, y, params, lr, n_steps):
    return descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p})[0]


@misconception("train_two_layer", "nothing is returned: printing shows a result, and gives nothing back", RETURN)
def training_printed(x, y, params, lr, n_steps):
    print(descend(x, y, params, lr, n_steps, lambda t, p, g: {k: p[k] - lr * g[k] for k in p}))
