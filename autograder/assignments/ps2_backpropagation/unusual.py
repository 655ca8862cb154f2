"""Unusual right answers to ps2: other forms of the sigmoid, loops for matrices, other caches, other orders."""

import warnings

import numpy as np

from autograder.authoring import unusual

# --- sigmoid -------------------------------------------------------------------------------------------------


@unusual("sigmoid", "each side by the form that is harmless there, with masks")
def by_masks(z):
    z = np.asarray(z, dtype=float)
    s = np.empty_like(z)
    right = z >= 0
    s[right] = 1 / (1 + np.exp(-z[right]))
    e = np.exp(z[~right])
    s[~right] = e / (1 + e)
    return s


@unusual("sigmoid", "the logarithm of the denominator by logaddexp")
def by_logarithm(z):
    return np.exp(-np.logaddexp(0, -z))


@unusual("sigmoid", "the first form, on numbers that are cut far out")
def cut_far_out(z):
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))


@unusual("sigmoid", "the absolute value in the exponent")
def by_absolute_value(z):
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1, e) / (1 + e)


@unusual("sigmoid", "the first form, with NumPy's overflow allowed")
def overflow_allowed(z):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


@unusual("sigmoid", "the first form, with warnings switched off")
def warnings_off(z):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 1 / (1 + np.exp(-z))


# --- sigmoid_gradient ----------------------------------------------------------------------------------------


@unusual("sigmoid_gradient", "σ(z) times σ(-z)")
def both_sides(z):
    return sigmoid(z) * sigmoid(-z)


@unusual("sigmoid_gradient", "s minus its square")
def minus_square(z):
    s = sigmoid(z)
    return s - s**2


@unusual("sigmoid_gradient", "by tanh, without the sigmoid")
def by_tanh(z):
    return (1 - np.tanh(np.multiply(z, 0.5)) ** 2) / 4


@unusual("sigmoid_gradient", "entry by entry, through a list")
def by_entries(z):
    flat = [sigmoid(float(entry)) * (1 - sigmoid(float(entry))) for entry in np.ravel(z)]
    return np.array(flat).reshape(np.shape(z))


# --- forward -------------------------------------------------------------------------------------------------


@unusual("forward", "einsum, and the biases as rows")
def with_einsum(x, params):
    a = np.einsum("nd,dh->nh", x, params["W1"]) + params["b1"][None, :]
    h = sigmoid(a)
    return np.einsum("nh,hk->nk", h, params["W2"]) + params["b2"][None, :], (x, a, h)


@unusual("forward", "the biases as one more row of the weights")
def with_ones(x, params):
    ones = np.ones((len(x), 1))
    a = np.hstack([x, ones]) @ np.vstack([params["W1"], params["b1"]])
    s = sigmoid(a)
    return np.hstack([s, ones]) @ np.vstack([params["W2"], params["b2"]]), [x, a, s]


@unusual("forward", "example by example, unit by unit")
def in_loops(x, params):
    n, h, k = len(x), len(params["b1"]), len(params["b2"])
    z1, s, out = np.zeros((n, h)), np.zeros((n, h)), np.zeros((n, k))
    for i in range(n):
        for j in range(h):
            z1[i, j] = np.dot(x[i], params["W1"][:, j]) + params["b1"][j]
            s[i, j] = sigmoid(z1[i, j])
        for j in range(k):
            out[i, j] = params["b2"][j] + sum(s[i, m] * params["W2"][m, j] for m in range(h))
    return out, (x, z1, s)


@unusual("forward", "transposed all the way")
def transposed_inside(x, params):
    z1 = params["W1"].T @ x.T + params["b1"].reshape(-1, 1)
    s = sigmoid(z1)
    return (params["W2"].T @ s + params["b2"].reshape(-1, 1)).T, (x, z1.T, s.T)


# --- linear_backward -----------------------------------------------------------------------------------------


@unusual("linear_backward", "einsum, as the sums stand in the text")
def layer_by_einsum(a, W, D):
    return np.einsum("iq,pq->ip", D, W), np.einsum("ip,iq->pq", a, D), np.einsum("iq->q", D)


@unusual("linear_backward", "example by example, with outer products that add up, in a list")
def layer_in_examples(a, W, D):
    slopes = [np.empty_like(a), np.zeros_like(W), np.zeros(W.shape[1])]
    for i, (row, back) in enumerate(zip(a, D, strict=True)):
        slopes[0][i] = W @ back
        slopes[1] += np.outer(row, back)
        slopes[2] += back
    return slopes


@unusual("linear_backward", "b as one more row of W, with ones beside a")
def layer_with_ones(a, W, D):
    both = np.hstack([a, np.ones((len(a), 1))]).T @ D
    return W.dot(D.T).T, both[:-1], both[-1]


@unusual("linear_backward", "broadcasting, without a product of matrices")
def layer_by_broadcasting(a, W, D):
    return (D[:, None, :] * W).sum(2), (a[:, :, None] * D[:, None, :]).sum(0), np.add.reduce(D)


@unusual("linear_backward", "entry by entry, with sums in lists")
def layer_by_entries(a, W, D):
    (n, p), q = a.shape, W.shape[1]
    along_a = [[sum(D[i, j] * W[k, j] for j in range(q)) for k in range(p)] for i in range(n)]
    along_W = [[sum(a[i, k] * D[i, j] for i in range(n)) for j in range(q)] for k in range(p)]
    return np.array(along_a), np.array(along_W), np.array([sum(D[:, j]) for j in range(q)])


# --- backward ------------------------------------------------------------------------------------------------


@unusual("backward", "two linear layers, walked back through by linear_backward")
def by_layers(y, y_hat, cache, params):
    x, z1, s = cache
    d_s, d_W2, d_b2 = linear_backward(s, params["W2"], (y_hat - y) / len(y))
    _, d_W1, d_b1 = linear_backward(x, params["W1"], d_s * sigmoid_gradient(z1))
    return {"W1": d_W1, "b1": d_b1, "W2": d_W2, "b2": d_b2}


@unusual("backward", "example by example, with outer products that add up")
def in_examples(y, y_hat, cache, params):
    x, z1, s = cache
    gradients = {name: np.zeros_like(w) for name, w in params.items()}
    for i in range(len(y)):
        d_z2 = (y_hat[i] - y[i]) / len(y)
        d_z1 = (params["W2"] @ d_z2) * s[i] * (1 - s[i])
        gradients["W1"] += np.outer(x[i], d_z1)
        gradients["b1"] += d_z1
        gradients["W2"] += np.outer(s[i], d_z2)
        gradients["b2"] += d_z2
    return gradients


@unusual("backward", "einsum, averaged at the very end")
def averaged_last(y, y_hat, cache, params):
    x, z1, s = cache
    error = y_hat - y
    back = np.einsum("nk,hk,nh->nh", error, params["W2"], sigmoid_gradient(z1))
    n = y.shape[0]
    return {
        "b2": error.mean(axis=0),
        "W2": np.einsum("nh,nk->hk", s, error) / n,
        "b1": back.mean(axis=0),
        "W1": np.einsum("nd,nh->dh", x, back) / n,
    }


@unusual("backward", "errors the other way round, and minus signs at the end")
def minus_at_the_end(y, y_hat, cache, params):
    x, _, s = cache
    residual = (y - y_hat) / len(y)
    hidden = residual.dot(params["W2"].T) * (s - s * s)
    return {
        "W1": -x.T.dot(hidden),
        "b1": -hidden.sum(0),
        "W2": -s.T.dot(residual),
        "b2": -np.ones(len(y)) @ residual,
    }


@unusual("backward", "the hidden layer computed again, only x taken from the cache")
def computed_again(y, y_hat, cache, params):
    x = cache[0]
    s = sigmoid(x @ params["W1"] + params["b1"])
    d_z2 = (y_hat - y) / len(y)
    d_z1 = d_z2 @ params["W2"].T * s * (1 - s)
    return dict(W1=x.T @ d_z1, b1=d_z1.sum(axis=0), W2=s.T @ d_z2, b2=d_z2.sum(axis=0))


# --- wrong_parameters ----------------------------------------------------------------------------------------


@unusual("wrong_parameters", "all nudges of a parameter as one array, a list by comprehension")
def by_comprehension(loss, gradients, params):
    def measured(name, eps=1e-6):
        w = params[name]
        nudges = eps * np.eye(w.size).reshape(-1, *w.shape)
        slopes = [loss(params | {name: w + e}) - loss(params | {name: w - e}) for e in nudges]
        return np.reshape(slopes, w.shape) / (2 * eps)

    def right(name, one, other):
        if np.shape(one) != other.shape:
            return False
        size = np.linalg.norm(one) + np.linalg.norm(other)
        return size == 0 or np.linalg.norm(one - other) / size < 1e-5

    given = gradients(params)
    return [name for name in params if not right(name, given[name], measured(name))]


@unusual("wrong_parameters", "a copy that is nudged in place and moved back, the largest entry as the size")
def nudged_in_place(loss, gradients, params):
    params = {name: np.array(w, dtype=float) for name, w in params.items()}
    given, wrong = gradients(params), []
    for name, w in params.items():
        slopes, flat = [], w.reshape(-1)
        for i in range(w.size):
            old = flat[i]
            flat[i] = old + 1e-4
            up = loss(params)
            flat[i] = old - 1e-4
            slopes.append((up - loss(params)) / 2e-4)
            flat[i] = old
        measured = np.reshape(slopes, w.shape)
        shape_fits = np.shape(given[name]) == w.shape
        if not shape_fits or not np.all(np.abs(given[name] - measured) <= 1e-5 * np.abs(measured).max()):
            wrong.append(name)
    return wrong


@unusual("wrong_parameters", "a tuple of names in the order of the alphabet")
def in_another_order(loss, gradients, params):
    given, wrong = gradients(dict(params)), set()
    for name in params:
        total, length = 0.0, 0.0
        if np.shape(given[name]) != np.shape(params[name]):
            wrong.add(name)
            continue
        for place, w in np.ndenumerate(params[name]):
            ends = []
            for moved in (w + 1e-5, w - 1e-5):
                other = np.array(params[name])
                other[place] = moved
                ends.append(loss({**params, name: other}))
            slope = (ends[0] - ends[1]) / 2e-5
            total += (given[name][place] - slope) ** 2
            length += given[name][place] ** 2 + slope**2
        if np.isnan(total) or total > 1e-9 * length:
            wrong.add(name)
    return tuple(sorted(wrong))


@unusual("wrong_parameters", "differences of the fourth order")
def fourth_order(loss, gradients, params):
    wrong, given = [], gradients(params)
    for name, w in params.items():
        measured = np.zeros_like(w)
        for place in np.ndindex(*w.shape):

            def along(t, name=name, w=w, place=place):
                moved = w.copy()
                moved[place] += t
                return loss({**params, name: moved})

            h = 1e-3
            measured[place] = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
        g = np.asarray(given[name])
        if g.shape != w.shape or np.isnan(g).any():
            wrong.append(name)
        elif not np.allclose(g, measured, rtol=0, atol=1e-5 * np.linalg.norm(measured)):
            wrong.append(name)
    return wrong


# --- train_two_layer -----------------------------------------------------------------------------------------


@unusual("train_two_layer", "a deep copy that is changed in place")
def copy_in_place(x, y, params, lr, n_steps):
    params = {name: w.copy() for name, w in params.items()}
    y_hat, cache = forward(x, params)
    losses = [((y - y_hat) ** 2).sum() / 2 / len(y)]
    while len(losses) < n_steps + 1:
        for name, gradient in backward(y, y_hat, cache, params).items():
            params[name] -= lr * gradient
        y_hat, cache = forward(x, params)
        losses.append(float(((y - y_hat) ** 2).sum() / 2 / len(y)))
    return params, losses


@unusual("train_two_layer", "all the formulas written out, losses as an array")
def formulas(x, y, params, lr, n_steps):
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    losses = np.empty(n_steps + 1)
    for t in range(n_steps + 1):
        s = sigmoid(x @ W1 + b1)
        error = s @ W2 + b2 - y
        losses[t] = 0.5 * np.mean(np.sum(error**2, axis=1))
        if t == n_steps:
            break
        back = (error @ W2.T) * s * (1 - s) / len(y)
        W1, b1 = W1 - lr * x.T @ back, b1 - lr * back.sum(axis=0)
        W2, b2 = W2 - lr * s.T @ error / len(y), b2 - lr * error.mean(axis=0)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}, losses


@unusual("train_two_layer", "the path of all parameters first, the losses afterwards, a list returned")
def path_first(x, y, params, lr, n_steps):
    path = [params]
    for _ in range(n_steps):
        here = path[-1]
        y_hat, cache = forward(x, here)
        gradients = backward(y, y_hat, cache, here)
        path.append({name: np.subtract(here[name], lr * gradients[name]) for name in here})
    return [path[-1], tuple(np.sum((y - forward(x, p)[0]) ** 2) / (2 * len(y)) for p in path)]
