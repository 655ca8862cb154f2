"""Misconceptions of ps1: what beginners get wrong in a loss, its gradients, a step, a descent, a measured slope."""

import numpy as np

from autograder.authoring import misconception

MEAN_SQUARED = (
    "Compare your formula with the one in the section on the loss, factor by factor: what stands before the sum?"
)
SLOPE = (
    "Take the derivative of the loss with respect to one prediction on paper, factor by factor (section on its slope)."
)
CHAIN = (
    "The chain rule has two factors here: how the loss changes with each prediction, and each prediction with w and b."
)
DOWNHILL = "The gradient points uphill, and the learning rate says how far to go against it (the section on one step)."
DESCENT = "Follow the first three steps on paper: which w, which b and which gradient does each step start from?"
RECORD = "Count the losses: one before the first step, then one after each, each of the w and b as they are then."
MEASURE = "A slope is measured between two points, one on each side of w, and divided by the distance between them."
RETURN = "A function gives back what stands behind return, and nothing else."


# --- mse_loss ------------------------------------------------------------------------------------------------


@misconception("mse_loss", "the factor ½ is missing", MEAN_SQUARED)
def without_half(y, y_hat):
    return np.mean((y - y_hat) ** 2)


@misconception("mse_loss", "the squares are summed and not averaged, and the ½ is missing", MEAN_SQUARED)
def plain_sum(y, y_hat):
    return np.sum((y - y_hat) ** 2)


@misconception("mse_loss", "the squares are summed and not averaged", MEAN_SQUARED)
def without_n(y, y_hat):
    return np.sum((y - y_hat) ** 2) / 2


@misconception(
    "mse_loss", "the errors are not squared", "Errors of both signs must not cancel: what makes them all count?"
)
def not_squared(y, y_hat):
    return np.sum(y_hat - y) / (2 * len(y))


@misconception(
    "mse_loss", "the errors are not squared, and have the other sign", "Errors of both signs must not cancel."
)
def not_squared_other_sign(y, y_hat):
    return np.sum(y - y_hat) / (2 * len(y))


@misconception(
    "mse_loss", "the root of the mean is taken", "The loss of this lesson is the mean of squares itself, halved."
)
def root(y, y_hat):
    return np.sqrt(np.mean((y - y_hat) ** 2))


@misconception(
    "mse_loss", "absolute errors stand in for squared ones", "How fast should a loss grow when an error doubles?"
)
def absolute(y, y_hat):
    return np.mean(np.abs(y - y_hat))


@misconception(
    "mse_loss", "absolute errors stand in for squared ones", "How fast should a loss grow when an error doubles?"
)
def half_absolute(y, y_hat):
    return np.mean(np.abs(y - y_hat)) / 2


@misconception(
    "mse_loss", "the sum is squared, not each error", "Square each error first, then sum: the order matters."
)
def square_of_sum(y, y_hat):
    return np.sum(y - y_hat) ** 2 / (2 * len(y))


@misconception(
    "mse_loss", "one squared error for each example is returned, not their sum", "A loss is a single number."
)
def per_example(y, y_hat):
    return (y - y_hat) ** 2 / (2 * len(y))


@misconception(
    "mse_loss",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=("test_gradient_descent",),
)
def printed(y, y_hat):
    print(np.sum((y - y_hat) ** 2) / (2 * len(y)))


@misconception("mse_loss", "n is a fixed number", "How many examples are there? The function must find out each time.")
def fixed_n(y, y_hat):
    return np.sum((y - y_hat) ** 2) / (2 * 3)


@misconception("mse_loss", "a loop returns after its first example", "What does return do to the loop around it?")
def returns_in_loop(y, y_hat):
    total = 0.0
    for a, b in zip(y, y_hat, strict=True):
        total += (a - b) ** 2
        return total / (2 * len(y))
    return None


@misconception(
    "mse_loss", "n is counted one too few", "Compare the number of terms in the sum with what you divide by."
)
def n_minus_one(y, y_hat):
    return np.sum((y - y_hat) ** 2) / (2 * max(len(y) - 1, 1))


# --- mse_gradient --------------------------------------------------------------------------------------------


@misconception("mse_gradient", "the sign is flipped: y − ŷ instead of ŷ − y", SLOPE)
def sign_flipped(y, y_hat):
    return (y - y_hat) / len(y)


@misconception("mse_gradient", "the gradient is not divided by n", SLOPE)
def gradient_without_n(y, y_hat):
    return y_hat - y


@misconception("mse_gradient", "the 2 from the square is kept, though the ½ of the loss cancels it", SLOPE)
def factor_two(y, y_hat):
    return 2 * (y_hat - y) / len(y)


@misconception("mse_gradient", "the ½ of the loss is kept, though the square's derivative cancels it", SLOPE)
def factor_half(y, y_hat):
    return (y_hat - y) / (2 * len(y))


@misconception(
    "mse_gradient",
    "the loss of each example is returned, not its slope",
    SLOPE,
    also=("test_linear_gradients", "test_gradient_descent"),
)
def the_loss_itself(y, y_hat):
    return (y_hat - y) ** 2 / (2 * len(y))


@misconception(
    "mse_gradient",
    "the slopes are averaged to one number",
    "How many predictions are there, and how many slopes?",
    also=("test_linear_gradients", "test_gradient_descent"),
)
def one_number(y, y_hat):
    return np.mean(y_hat - y)


@misconception(
    "mse_gradient",
    "the size of the gradient without its sign",
    "Which way should each prediction move?",
    also=("test_linear_gradients", "test_gradient_descent"),
)
def magnitude(y, y_hat):
    return np.abs(y_hat - y) / len(y)


@misconception(
    "mse_gradient", "the prediction is changed in place", "An argument belongs to the caller: make a new array."
)
def in_place(y, y_hat):
    y_hat -= y
    y_hat /= len(y)
    return y_hat


@misconception(
    "mse_gradient",
    "nothing is returned: printing shows a result, and gives nothing back",
    RETURN,
    also=("test_linear_gradients", "test_gradient_descent"),
)
def gradient_printed(y, y_hat):
    print((y_hat - y) / len(y))


# --- linear_gradients ----------------------------------------------------------------------------------------


@misconception("linear_gradients", "the sign of the error is flipped: y − ŷ instead of ŷ − y", CHAIN)
def error_flipped(X, y, w, b):
    slope = -mse_gradient(y, X @ w + b)
    return X.T @ slope, np.sum(slope)


@misconception("linear_gradients", "neither gradient is divided by n", CHAIN)
def summed(X, y, w, b):
    error = X @ w + b - y
    return X.T @ error, np.sum(error)


@misconception("linear_gradients", "the gradient of the bias is summed over the examples and not averaged", CHAIN)
def bias_summed(X, y, w, b):
    error = X @ w + b - y
    return X.T @ error / len(y), np.sum(error)


@misconception("linear_gradients", "the gradient of the bias is averaged twice", CHAIN)
def bias_averaged_twice(X, y, w, b):
    slope = mse_gradient(y, X @ w + b)
    return X.T @ slope, np.mean(slope)


@misconception(
    "linear_gradients", "the gradient of the bias is 0", "Does the loss change when b does? (the section on w and b)"
)
def bias_zero(X, y, w, b):
    return X.T @ mse_gradient(y, X @ w + b), 0.0


@misconception(
    "linear_gradients", "the bias is left out of the prediction", "The prediction is Xw + b, here as everywhere."
)
def bias_forgotten(X, y, w, b):
    slope = mse_gradient(y, X @ w)
    return X.T @ slope, np.sum(slope)


@misconception("linear_gradients", "the factor X is missing: every weight gets the same gradient", CHAIN)
def without_x(X, y, w, b):
    slope = mse_gradient(y, X @ w + b)
    return np.full(w.shape, np.sum(slope)), np.sum(slope)


@misconception("linear_gradients", "X is squared in the gradient", CHAIN)
def x_squared(X, y, w, b):
    slope = mse_gradient(y, X @ w + b)
    return (X**2).T @ slope, np.sum(slope)


@misconception("linear_gradients", "both gradients are twice too large", SLOPE)
def doubled(X, y, w, b):
    slope = 2 * mse_gradient(y, X @ w + b)
    return X.T @ slope, np.sum(slope)


@misconception("linear_gradients", "both gradients are half as large as they should be", SLOPE)
def halved(X, y, w, b):
    slope = mse_gradient(y, X @ w + b) / 2
    return X.T @ slope, np.sum(slope)


@misconception(
    "linear_gradients",
    "dw and db are returned in the other order",
    "Look at the order in the docstring.",
    also=("test_gradient_descent",),
)
def swapped(X, y, w, b):
    slope = mse_gradient(y, X @ w + b)
    return np.sum(slope), X.T @ slope


@misconception(
    "linear_gradients",
    "only the gradient of the weights is returned",
    "There are two parameters, w and b.",
    also=("test_gradient_descent",),
)
def only_weights(X, y, w, b):
    return X.T @ mse_gradient(y, X @ w + b)


@misconception("linear_gradients", "n counts the features, not the examples", "Which side of X counts the examples?")
def divided_by_features(X, y, w, b):
    error = X @ w + b - y
    return X.T @ error / X.shape[1], np.sum(error) / X.shape[1]


@misconception(
    "linear_gradients", "only the last example counts", "A loop that assigns keeps the last; one that adds keeps all."
)
def last_example(X, y, w, b):
    for x, target in zip(X, y, strict=True):
        error = (x @ w + b - target) / len(y)
        dw, db = error * x, error
    return dw, db


# --- gradient_step -------------------------------------------------------------------------------------------


@misconception("gradient_step", "the step goes uphill", DOWNHILL)
def uphill(w, gradient, lr):
    return w + lr * gradient


@misconception("gradient_step", "the learning rate is left out", DOWNHILL)
def without_rate(w, gradient, lr):
    return w - gradient


@misconception("gradient_step", "the gradient is divided by the learning rate", DOWNHILL)
def divided_by_rate(w, gradient, lr):
    return w - gradient / lr


@misconception("gradient_step", "the learning rate is squared", DOWNHILL)
def rate_squared(w, gradient, lr):
    return w - lr**2 * gradient


@misconception("gradient_step", "the step is returned, not where it leads", "Where do you stand after the step?")
def only_the_step(w, gradient, lr):
    return -lr * gradient


@misconception(
    "gradient_step", "only the sign of the gradient counts", "Where the slope is steeper, the step is longer."
)
def only_the_sign(w, gradient, lr):
    return w - lr * np.sign(gradient)


@misconception(
    "gradient_step", "the gradient is brought to length 1 first", "Where the slope is steeper, the step is longer."
)
def normalised(w, gradient, lr):
    return w - lr * gradient / np.linalg.norm(gradient)


@misconception("gradient_step", "the size of the gradient without its sign", DOWNHILL)
def magnitude_only(w, gradient, lr):
    return w - lr * np.abs(gradient)


@misconception(
    "gradient_step",
    "w is changed in place",
    "w belongs to the caller, who may still need it: make a new array.",
    same_as=("gradient_descent.start_changed_in_place",),
    also=("test_gradient_descent",),
)
def step_in_place(w, gradient, lr):
    w -= lr * gradient
    return w


@misconception("gradient_step", "nothing is returned", RETURN, also=("test_gradient_descent",))
def step_not_returned(w, gradient, lr):
    w = w - lr * gradient


@misconception(
    "gradient_step", "the learning rate is a fixed number", "The learning rate is an argument: use the one you get."
)
def fixed_rate(w, gradient, lr):
    return w - 0.1 * gradient


@misconception("gradient_step", "w itself is scaled by the learning rate, too", DOWNHILL)
def everything_scaled(w, gradient, lr):
    return lr * (w - gradient)


# --- gradient_descent ----------------------------------------------------------------------------------------


@misconception("gradient_descent", "every step goes uphill", DOWNHILL)
def descent_uphill(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w + lr * dw, b + lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the bias is never updated", DESCENT)
def bias_never_moves(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, _ = linear_gradients(X, y, w, b)
        w = w - lr * dw
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the bias is updated with the weights that were just updated", DESCENT)
def one_after_the_other(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        w = w - lr * linear_gradients(X, y, w, b)[0]
        b = b - lr * linear_gradients(X, y, w, b)[1]
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the learning rate is left out of the bias's update", DOWNHILL)
def bias_without_rate(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the gradient is computed once and used in every step", DESCENT)
def gradient_computed_once(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    dw, db = linear_gradients(X, y, w, b)
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "every step starts from the starting point again", DESCENT)
def always_from_the_start(X, y, w0, b0, lr, n_steps):
    losses = [mse_loss(y, X @ w0 + b0)]
    w, b = w0, b0
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w0, b0)
        w, b = w0 - lr * dw, b0 - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "gradients of earlier steps are added up", DESCENT)
def gradients_pile_up(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    dw_total, db_total = 0.0, 0.0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        dw_total, db_total = dw_total + dw, db_total + db
        w, b = w - lr * dw_total, b - lr * db_total
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "it takes one step too few", RECORD)
def one_step_short(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps - 1):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "it takes one step too many", RECORD)
def one_step_more(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps + 1):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the loss before the first step is not recorded", RECORD)
def first_loss_missing(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = []
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the loss after the last step is not recorded", RECORD)
def last_loss_missing(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = []
    for _ in range(n_steps):
        losses.append(mse_loss(y, X @ w + b))
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
    return w, b, losses


@misconception("gradient_descent", "each loss is recorded before the step, and the first one twice", RECORD)
def losses_one_behind(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        losses.append(mse_loss(y, X @ w + b))
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
    return w, b, losses


@misconception("gradient_descent", "the recorded losses lack the factor ½", MEAN_SQUARED)
def losses_without_half(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [np.mean((y - (X @ w + b)) ** 2)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(np.mean((y - (X @ w + b)) ** 2))
    return w, b, losses


@misconception("gradient_descent", "only the last loss is returned", RECORD)
def only_last_loss(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
    return w, b, mse_loss(y, X @ w + b)


@misconception(
    "gradient_descent", "the starting weights are changed in place", "w0 belongs to the caller: begin with a copy."
)
def start_changed_in_place(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w -= lr * dw
        b -= lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the learning rate shrinks from step to step", "The learning rate stays what it is.")
def shrinking_rate(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for t in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = gradient_step(w, dw, lr / (t + 1)), gradient_step(b, db, lr / (t + 1))
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception(
    "gradient_descent", "a step for each example, not for all together", "Full-batch: one gradient of all examples."
)
def step_for_each_example(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        for i in range(len(y)):
            dw, db = linear_gradients(X[i : i + 1], y[i : i + 1], w, b)
            w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "the descent begins at 0 and not at w0 and b0", "Where does the descent begin?")
def begins_at_zero(X, y, w0, b0, lr, n_steps):
    w, b = np.zeros_like(w0), 0.0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


@misconception("gradient_descent", "a loop returns after its first step", "What does return do to the loop around it?")
def returns_after_one_step(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
        return w, b, losses
    return None


@misconception("gradient_descent", "only the losses are returned", "Three things are asked for: w, b and losses.")
def only_losses(X, y, w0, b0, lr, n_steps):
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w, b = w - lr * dw, b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return losses


# --- numerical_gradient --------------------------------------------------------------------------------------


@misconception("numerical_gradient", "the difference is taken on one side only, forward", MEASURE)
def forward_difference(f, w, eps=1e-5):
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w + step) - f(w)) / eps
    return gradient


@misconception("numerical_gradient", "the difference is taken on one side only, backward", MEASURE)
def backward_difference(f, w, eps=1e-5):
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w) - f(w - step)) / eps
    return gradient


@misconception("numerical_gradient", "the difference is divided by ε and not by the whole distance", MEASURE)
def divided_by_eps(f, w, eps=1e-5):
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w + step) - f(w - step)) / eps
    return gradient


@misconception("numerical_gradient", "the difference is not divided by anything", MEASURE)
def not_divided(f, w, eps=1e-5):
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = f(w + step) - f(w - step)
    return gradient


@misconception("numerical_gradient", "the sign is flipped: the two points are subtracted the wrong way round", MEASURE)
def points_swapped(f, w, eps=1e-5):
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w - step) - f(w + step)) / (2 * eps)
    return gradient


@misconception(
    "numerical_gradient", "all entries of w are moved at once", "How does the loss change with one entry alone?"
)
def all_at_once(f, w, eps=1e-5):
    return np.full(w.shape, (f(w + eps) - f(w - eps)) / (2 * eps))


@misconception(
    "numerical_gradient", "an entry that was moved is not moved back", "What does w look like for the second entry?"
)
def not_restored(f, w, eps=1e-5):
    w = w.copy()
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        w[i] += eps
        above = f(w)
        w[i] -= 2 * eps
        gradient[i] = (above - f(w)) / (2 * eps)
    return gradient


@misconception(
    "numerical_gradient", "w is left changed", "w belongs to the caller: move a copy, or move each entry back."
)
def w_left_changed(f, w, eps=1e-5):
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        w[i] += eps
        above = f(w)
        w[i] -= 2 * eps
        gradient[i] = (above - f(w)) / (2 * eps)
    return gradient


@misconception(
    "numerical_gradient", "ε is a fixed number, whatever eps says", "eps is an argument: use the one you get."
)
def fixed_eps(f, w, eps=1e-5):
    eps = 1e-5
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w + step) - f(w - step)) / (2 * eps)
    return gradient


@misconception("numerical_gradient", "the result is flat where w is a matrix", "The gradient has the shape of w.")
def flattened(f, w, eps=1e-5):
    gradient = []
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient.append((f(w + step) - f(w - step)) / (2 * eps))
    return np.array(gradient)


@misconception(
    "numerical_gradient", "ε is so small that rounding eats the difference", "Which digits are left of f(w+ε) − f(w−ε)?"
)
def eps_too_small(f, w, eps=1e-5):
    eps = eps * 1e-8
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w + step) - f(w - step)) / (2 * eps)
    return gradient
