"""Misconceptions of ps1: what beginners get wrong in a loss, its gradients, a step, a descent, a measured slope."""

from autograder.authoring import Misconceptions

MEAN_SQUARED = "Compare your formula with the loss in section 2, factor by factor: what stands before the sum?"
SIGNS = "Square each error before you add: errors of opposite sign must not cancel (section 2)."
SQUARES = "This loss is made of squared errors, so that a large error counts more than its size (section 2)."
ONE_NUMBER = "A loss is a single number for all examples together (section 2)."
SLOPE = "Differentiate the loss with respect to one prediction on paper, factor by factor (section 3)."
EACH_SLOPE = "There is one slope for each prediction, and its sign says which way the loss grows (section 3)."
CHAIN = "The chain rule has two factors: how the loss changes with a prediction, and the prediction with w or b (section 4)."
DOWNHILL = "The gradient points uphill; the new w lies against it, as far as learning rate times gradient (section 5)."
STEEP = "The steeper the slope, the longer the step: the size of the gradient counts as well (section 5)."
DESCENT = "Write down the first three steps: each uses the gradient at the w and b that the step before has reached (section 6)."
RECORD = "Count the losses: one before the first step, then one after each, always with the w and b of that moment (section 6)."
MEASURE = (
    "Measure between two points, one on each side of w, and divide by the whole distance between them (section 8)."
)
ONE_ENTRY = (
    "For each entry of the gradient, only this entry of w is moved, and all others stay as they were given (section 8)."
)
ARGUMENT = "This value is an argument: use the one that the caller gives."
OTHERS = "The argument belongs to the caller, who may still need it: make a new array."
RETURN = "A function gives back what stands behind return; what it prints is only shown."
LOOP_ENDS = "A return inside a loop ends the loop and the function at once."
PRINTED = "nothing is returned"
TWO_CELLS = ("test_linear_gradients", "test_gradient_descent")
DESCENDS = ("test_gradient_descent",)

wrong = Misconceptions("mse_loss")

wrong("without_half", "the factor ½ is missing", MEAN_SQUARED, {"(2 * len(y))": "len(y)"})
wrong(
    "plain_sum", "the squares are summed and not averaged, and the ½ is missing", MEAN_SQUARED, {" / (2 * len(y))": ""}
)
wrong("without_n", "the squares are summed and not averaged", MEAN_SQUARED, {"(2 * len(y))": "2"})
wrong("not_squared", "the errors are not squared", SIGNS, {"(y - y_hat) ** 2": "y_hat - y"})
wrong(
    "not_squared_other_sign",
    "the errors are not squared, and have the other sign",
    SIGNS,
    {"(y - y_hat) ** 2": "y - y_hat"},
)
wrong(
    "root",
    "the root of the mean is taken",
    "The loss of this lesson is half of the mean square itself, without a root (section 2).",
    {"np.sum((y - y_hat) ** 2) / (2 * len(y))": "np.sqrt(np.mean((y - y_hat) ** 2))"},
)
wrong(
    "absolute",
    "the absolute errors are averaged, not the squared ones",
    SQUARES,
    {"np.sum((y - y_hat) ** 2) / (2 * len(y))": "np.mean(np.abs(y - y_hat))"},
)
wrong(
    "half_absolute",
    "absolute errors stand where squared ones belong",
    SQUARES,
    {"(y - y_hat) ** 2": "np.abs(y - y_hat)"},
)
wrong(
    "square_of_sum", "the sum is squared, not each error", SIGNS, {"np.sum((y - y_hat) ** 2)": "np.sum(y - y_hat) ** 2"}
)
wrong("per_example", "each example's share is returned, not their sum", ONE_NUMBER, {"np.sum": ""})
wrong(
    "printed",
    PRINTED,
    RETURN,
    {"return np.sum((y - y_hat) ** 2) / (2 * len(y))": "print(np.sum((y - y_hat) ** 2) / (2 * len(y)))"},
    also=DESCENDS,
)
wrong(
    "fixed_n",
    "n is a fixed number",
    "The number of examples changes from call to call: the function has to count them (section 2).",
    {"len(y)": "3"},
)
wrong(
    "n_minus_one",
    "n is counted one too few",
    "The sum is divided by twice the number of its terms (section 2).",
    {"len(y)": "max(len(y) - 1, 1)"},
)


@wrong("returns_in_loop", "a loop returns after its first example", LOOP_ENDS)
def _(y, y_hat):
    total = 0.0
    for a, b in zip(y, y_hat, strict=True):
        total += (a - b) ** 2
        return total / (2 * len(y))
    return None


wrong = Misconceptions("mse_gradient")

wrong("sign_flipped", "the sign is flipped: y − ŷ instead of ŷ − y", SLOPE, {"y_hat - y": "y - y_hat"})
wrong("gradient_without_n", "the gradient is not divided by n", SLOPE, {" / len(y)": ""})
wrong(
    "factor_two",
    "the 2 from the square is kept, though the ½ of the loss cancels it",
    SLOPE,
    {"return (": "return 2 * ("},
)
wrong(
    "factor_half",
    "the ½ of the loss is kept, though the square's derivative cancels it",
    SLOPE,
    {"len(y)": "(2 * len(y))"},
)
wrong(
    "the_loss_itself",
    "the loss of each example is returned, not its slope",
    SLOPE,
    {"(y_hat - y) / len(y)": "(y_hat - y) ** 2 / (2 * len(y))"},
    also=TWO_CELLS,
)
wrong(
    "one_number",
    "the slopes are averaged to one number",
    EACH_SLOPE,
    {"(y_hat - y) / len(y)": "np.mean(y_hat - y)"},
    also=TWO_CELLS,
)
wrong(
    "magnitude",
    "the size of each slope is returned, without its sign",
    EACH_SLOPE,
    {"(y_hat - y)": "np.abs(y_hat - y)"},
    also=TWO_CELLS,
)
wrong(
    "in_place",
    "the prediction is changed in place",
    OTHERS,
    {"return (y_hat - y) / len(y)": "y_hat -= y\ny_hat /= len(y)\nreturn y_hat"},
)
wrong(
    "gradient_printed", PRINTED, RETURN, {"return (y_hat - y) / len(y)": "print((y_hat - y) / len(y))"}, also=TWO_CELLS
)

wrong = Misconceptions("linear_gradients")

wrong("error_flipped", "the sign of the error is flipped: y − ŷ instead of ŷ − y", CHAIN, {"slope = ": "slope = -"})
wrong("summed", "neither gradient is divided by n", CHAIN, {"X @ w + b)": "X @ w + b) * len(y)"})
wrong("doubled", "both gradients are twice too large", SLOPE, {"X @ w + b)": "X @ w + b) * 2"})
wrong("halved", "both gradients are half as large as they should be", SLOPE, {"X @ w + b)": "X @ w + b) / 2"})
wrong(
    "divided_by_features",
    "n counts the features, not the examples",
    "One side of X counts the examples, the other one the features: which is which? (section 4)",
    {"X @ w + b)": "X @ w + b) * len(y) / X.shape[1]"},
)
wrong(
    "bias_forgotten",
    "the bias is left out of the prediction",
    "The prediction is Xw + b, here as everywhere (section 4).",
    {"X @ w + b": "X @ w"},
)
wrong(
    "last_example",
    "only the last example counts",
    "A loop that assigns keeps the last value; one that adds keeps all of them (section 4).",
    {"dw =": "slope[:-1] = 0\ndw ="},
)
wrong(
    "bias_summed",
    "the gradient of the bias is summed over the examples and not averaged",
    CHAIN,
    {"np.sum(slope)": "np.sum(slope) * len(y)"},
)
wrong("bias_averaged_twice", "the gradient of the bias is averaged twice", CHAIN, {"np.sum(slope)": "np.mean(slope)"})
wrong(
    "bias_zero",
    "the gradient of the bias is 0",
    "When b grows, every prediction grows with it, and so the loss changes (section 4).",
    {"np.sum(slope)": "0.0"},
)
wrong(
    "without_x",
    "the factor X is missing: every weight gets the same gradient",
    CHAIN,
    {"X.T @ slope": "np.full(w.shape, np.sum(slope))"},
)
wrong("x_squared", "X is squared in the gradient", CHAIN, {"X.T": "(X**2).T"})
wrong(
    "swapped",
    "dw and db are returned in the other order",
    "The docstring says in which order the two are returned.",
    {"return dw, db": "return db, dw"},
    also=DESCENDS,
)
wrong(
    "only_weights",
    "only the gradient of the weights is returned",
    "There are two parameters, w and b, and each has its gradient (section 4).",
    {"return dw, db": "return dw"},
    also=DESCENDS,
)

wrong = Misconceptions("gradient_step")

wrong("uphill", "the step goes uphill", DOWNHILL, {"w - lr": "w + lr"})
wrong("without_rate", "the learning rate is left out", DOWNHILL, {"lr * gradient": "gradient"})
wrong("divided_by_rate", "the gradient is divided by the learning rate", DOWNHILL, {"lr * gradient": "gradient / lr"})
wrong("rate_squared", "the learning rate is squared", DOWNHILL, {"lr * gradient": "lr**2 * gradient"})
wrong(
    "only_the_step",
    "the step is returned, not the point that it leads to",
    "Return where w is after the step: the old w counts as well (section 5).",
    {"w - lr": "-lr"},
)
wrong("only_the_sign", "only the sign of the gradient counts", STEEP, {"* gradient": "* np.sign(gradient)"})
wrong(
    "normalised",
    "the gradient is brought to length 1 first",
    STEEP,
    {"* gradient": "* gradient / np.linalg.norm(gradient)"},
)
wrong(
    "magnitude_only",
    "the size of the gradient counts, without its sign",
    DOWNHILL,
    {"* gradient": "* np.abs(gradient)"},
)
wrong(
    "step_in_place",
    "w is changed in place",
    OTHERS,
    {"return w - lr * gradient": "w -= lr * gradient\nreturn w"},
    same_as=("gradient_descent.start_changed_in_place",),
    also=DESCENDS,
)
wrong("step_not_returned", "nothing is returned", RETURN, {"return": "w ="}, also=DESCENDS)
wrong("fixed_rate", "the learning rate is a fixed number", ARGUMENT, {"lr * gradient": "0.1 * gradient"})
wrong(
    "everything_scaled",
    "w itself is scaled by the learning rate, too",
    DOWNHILL,
    {"w - lr * gradient": "lr * (w - gradient)"},
)

wrong = Misconceptions("gradient_descent")

wrong(
    "descent_uphill",
    "every step goes uphill",
    DOWNHILL,
    {"gradient_step(w, dw, lr)": "w + lr * dw", "b - lr": "b + lr"},
)
wrong("bias_never_moves", "the bias is never updated", DESCENT, {"b = b - lr * db": ""})
wrong(
    "one_after_the_other",
    "the bias is updated with the weights that were just updated",
    DESCENT,
    {"b = b -": "dw, db = linear_gradients(X, y, w, b)\nb = b -"},
)
wrong("bias_without_rate", "the learning rate is left out of the bias's update", DOWNHILL, {"lr * db": "db"})
wrong(
    "gradient_computed_once",
    "the gradient is computed once and used in every step",
    DESCENT,
    {"dw, db = linear_gradients(X, y, w, b)": "", "for _": "dw, db = linear_gradients(X, y, w, b)\nfor _"},
)
wrong(
    "always_from_the_start",
    "every step starts from the starting point again",
    DESCENT,
    {"(X, y, w, b)": "(X, y, w0, b0)", "step(w,": "step(w0,", "b = b -": "b = b0 -"},
)
wrong(
    "gradients_pile_up",
    "gradients of earlier steps are added up",
    DESCENT,
    {
        "losses = [": "dw_sum, db_sum = 0.0, 0.0\nlosses = [",
        "(X, y, w, b)": "(X, y, w, b)\ndw, db = dw_sum, db_sum = dw_sum + dw, db_sum + db",
    },
)
wrong("one_step_short", "it takes one step too few", RECORD, {"(n_steps)": "(n_steps - 1)"})
wrong("one_step_more", "it takes one step too many", RECORD, {"(n_steps)": "(n_steps + 1)"})
wrong(
    "first_loss_missing",
    "the loss before the first step is not recorded",
    RECORD,
    {"losses = [mse_loss(y, X @ w + b)]": "losses = []"},
)
wrong(
    "last_loss_missing",
    "the loss after the last step is not recorded",
    RECORD,
    {"return w, b, losses": "return w, b, losses[:-1]"},
)
wrong(
    "losses_one_behind",
    "each loss is recorded before the step, and the first one twice",
    RECORD,
    {"losses.append(mse_loss(y, X @ w + b))": "", "dw, db =": "losses.append(mse_loss(y, X @ w + b))\ndw, db ="},
)
wrong(
    "losses_without_half",
    "the recorded losses lack the factor ½",
    MEAN_SQUARED,
    {"[mse_loss": "[2 * mse_loss", "append(mse_loss": "append(2 * mse_loss"},
)
wrong("only_last_loss", "only the last loss is returned", RECORD, {"return w, b, losses": "return w, b, losses[-1]"})
wrong(
    "start_changed_in_place",
    "the starting weights are changed in place",
    OTHERS,
    {"w = gradient_step(w, dw, lr)": "w -= lr * dw"},
)
wrong(
    "shrinking_rate",
    "the learning rate shrinks from step to step",
    "The learning rate stays the same in all steps (section 6).",
    {"for _": "for t", "dw, lr)": "dw, lr / (t + 1))", "lr * db": "lr / (t + 1) * db"},
)
wrong(
    "step_for_each_example",
    "a step for each example, not for all together",
    "Each step uses one gradient, made of all examples together (section 6).",
    {
        "for _ in range(n_steps)": "for i in list(range(len(y))) * n_steps",
        "(X, y, w, b)": "(X[i : i + 1], y[i : i + 1], w, b)",
        "losses.append(": "if i == len(y) - 1:\n    losses.append(",
    },
)
wrong(
    "begins_at_zero",
    "the descent begins at 0 and not at w0 and b0",
    "The caller says where the descent begins (section 6).",
    {"w, b = w0, b0": "w, b = np.zeros_like(w0), 0.0"},
)
wrong(
    "returns_after_one_step",
    "a return inside the loop ends it after the first step",
    LOOP_ENDS,
    {"return w, b, losses": "    return w, b, losses"},
)
wrong(
    "only_losses",
    "only the losses are returned",
    "Three things are asked for: w, b and the losses.",
    {"return w, b, losses": "return losses"},
)

wrong = Misconceptions("numerical_gradient")

wrong(
    "forward_difference",
    "the difference is taken on one side only, forward",
    MEASURE,
    {"f(w - step)": "f(w)", "(2 * eps)": "eps"},
)
wrong(
    "backward_difference",
    "the difference is taken on one side only, backward",
    MEASURE,
    {"f(w + step)": "f(w)", "(2 * eps)": "eps"},
)
wrong("divided_by_eps", "the difference is divided by ε and not by the whole distance", MEASURE, {"(2 * eps)": "eps"})
wrong("not_divided", "the difference is not divided by anything", MEASURE, {" / (2 * eps)": ""})
wrong(
    "points_swapped",
    "the sign is flipped: the two points are subtracted in the wrong order",
    MEASURE,
    {"(f(w + step) - f(w - step))": "(f(w - step) - f(w + step))"},
)
wrong("all_at_once", "all entries of w are moved at once", ONE_ENTRY, {"step[i] = eps": "step[:] = eps"})
wrong("not_restored", "an entry that was moved is not moved back", ONE_ENTRY, {"(2 * eps)": "(2 * eps)\nw = w - step"})
wrong("w_left_changed", "w is left changed", OTHERS, {"(2 * eps)": "(2 * eps)\nw -= step"})
wrong(
    "fixed_eps",
    "ε is a fixed number, whatever eps says",
    ARGUMENT,
    {"step[i] = eps": "step[i] = 1e-5", "2 * eps": "2e-5"},
)
wrong(
    "flattened",
    "the result is flat where w is a matrix",
    "The gradient has the shape of w (section 8).",
    {"return gradient": "return gradient.ravel()"},
)
wrong(
    "eps_too_small",
    "ε is so small that rounding hides the difference",
    "f(w+ε) and f(w−ε) must differ in more digits than rounding takes away (section 8).",
    {"gradient = np": "eps = eps * 1e-8\ngradient = np"},
)
