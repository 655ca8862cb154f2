"""Unusual right answers to ps1: loops for vectors, other formulas, other orders, other types."""

import numpy as np

from autograder.authoring import unusual


@unusual("mse_loss", "a loop over the examples")
def looped(y, y_hat):
    total = 0
    for i in range(len(y)):
        total = total + (y[i] - y_hat[i]) ** 2
    return float(total / len(y) / 2)


@unusual("mse_loss", "a dot product of the error with itself, as a 0-d array")
def dotted(y, y_hat):
    error = np.subtract(y_hat, y)
    return np.array(error @ error / (2 * error.size))


@unusual("mse_loss", "half of NumPy's mean, errors the other way round")
def half_mean(y, y_hat):
    return 0.5 * np.mean(np.square(y_hat - y))


@unusual("mse_loss", "the norm of the error")
def norm(y, y_hat):
    return np.linalg.norm(y - y_hat) ** 2 / (2 * y.shape[0])


@unusual("mse_gradient", "a list comprehension")
def comprehension(y, y_hat):
    return np.array([(b - a) / len(y) for a, b in zip(y, y_hat, strict=True)])


@unusual("mse_gradient", "minus the flipped error")
def minus_flipped(y, y_hat):
    return -(y - y_hat) / y.size


@unusual("mse_gradient", "the derivative of the square, factor by factor")
def factor_by_factor(y, y_hat):
    return 1 / (2 * len(y)) * 2 * (y - y_hat) * -1


@unusual("linear_gradients", "loops over examples and features")
def double_loop(X, y, w, b):
    n, d = X.shape
    dw, db = np.zeros(d), 0.0
    for i in range(n):
        error = b - y[i]
        for j in range(d):
            error += X[i, j] * w[j]
        for j in range(d):
            dw[j] += error * X[i, j] / n
        db += error / n
    return dw, db


@unusual("linear_gradients", "the bias as one more column of X, a list of results")
def column_of_ones(X, y, w, b):
    ones = np.column_stack([X, np.ones(len(X))])
    gradient = ones.T @ (ones @ np.append(w, b) - y) / len(y)
    return [gradient[:-1], gradient[-1]]


@unusual("linear_gradients", "einsum and means")
def einsum(X, y, w, b):
    error = np.einsum("ij,j->i", X, w) + b - y
    return np.einsum("ij,i->j", X, error) / len(error), np.mean(error)


@unusual("gradient_step", "a copy that is changed in place")
def copy_in_place(w, gradient, lr):
    new = np.array(w, copy=True)
    new += -lr * gradient
    return new


@unusual("gradient_step", "NumPy's functions for everything")
def functions(w, gradient, lr):
    return np.subtract(w, np.multiply(lr, gradient))


@unusual("gradient_step", "flattened and shaped again")
def reshaped(w, gradient, lr):
    return np.array([a - lr * g for a, g in zip(w.ravel(), gradient.ravel(), strict=True)]).reshape(w.shape)


@unusual("gradient_descent", "all the formulas written out, losses as an array")
def written_out(X, y, w0, b0, lr, n_steps):
    w, b, n = w0.copy(), float(b0), len(y)
    losses = np.zeros(n_steps + 1)
    for t in range(n_steps + 1):
        residual = y - X @ w - b
        losses[t] = (residual**2).sum() / (2 * n)
        if t < n_steps:
            w += lr * X.T @ residual / n
            b += lr * residual.sum() / n
    return w, b, losses


@unusual("gradient_descent", "a while loop over one vector of parameters")
def one_vector(X, y, w0, b0, lr, n_steps):
    ones = np.hstack([X, np.ones((len(X), 1))])
    theta = np.concatenate([w0, [b0]])
    losses = [float(np.sum((ones @ theta - y) ** 2) / (2 * len(y)))]
    while len(losses) <= n_steps:
        theta = theta - lr * (ones.T @ (ones @ theta - y)) / len(y)
        losses += [float(np.sum((ones @ theta - y) ** 2) / (2 * len(y)))]
    return [theta[:-1], theta[-1], losses]


@unusual("gradient_descent", "the path of all parameters first, the losses afterwards")
def path_first(X, y, w0, b0, lr, n_steps):
    path = [(w0, b0)]
    for _ in range(n_steps):
        w, b = path[-1]
        dw, db = linear_gradients(X, y, w, b)
        path.append((gradient_step(w, dw, lr), b - lr * db))
    return *path[-1], [mse_loss(y, X @ w + b) for w, b in path]


@unusual("numerical_gradient", "moves each entry there and back in a copy")
def there_and_back(f, w, eps=1e-5):
    v = w.astype(float).copy()
    gradient = np.empty_like(v)
    for i in range(v.size):
        kept = v.flat[i]
        v.flat[i] = kept + eps
        above = f(v)
        v.flat[i] = kept - eps
        below = f(v)
        v.flat[i] = kept
        gradient.flat[i] = (above - below) / (2 * eps)
    return gradient


@unusual("numerical_gradient", "an identity matrix of directions")
def directions(f, w, eps=1e-5):
    eye = np.eye(w.size)
    slopes = [(f(w + (eps * e).reshape(w.shape)) - f(w - (eps * e).reshape(w.shape))) / eps / 2 for e in eye]
    return np.array(slopes).reshape(w.shape)


@unusual("numerical_gradient", "NumPy's iterator")
def nditer(f, w, eps=1e-5):
    gradient = np.zeros_like(w, dtype=np.float64)
    entries = np.nditer(w, flags=["multi_index"])
    for _ in entries:
        above, below = w.copy(), w.copy()
        above[entries.multi_index] += eps
        below[entries.multi_index] -= eps
        gradient[entries.multi_index] = (f(above) - f(below)) / (2.0 * eps)
    return gradient
