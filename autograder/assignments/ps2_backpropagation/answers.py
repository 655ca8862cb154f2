"""Right answers to ps2: a network of two layers, x → z1 → s → z2 = ŷ → ℓ, and the chain rule back through it."""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ) = (1 + tanh(z/2))/2; the second form can't overflow."""
    return (1 + np.tanh(z / 2)) / 2


def sigmoid_gradient(z):
    """dσ/dz = σ(z)(1 − σ(z))."""
    return sigmoid(z) * (1 - sigmoid(z))


def forward(x, params):
    """z1 = xW1 + b1, s = σ(z1), ŷ = z2 = sW2 + b2; the cache is (x, z1, s)."""
    z1 = x @ params["W1"] + params["b1"]
    s = sigmoid(z1)
    z2 = s @ params["W2"] + params["b2"]
    return z2, (x, z1, s)


def linear_backward(a, W, D):
    """Back through z = aW + b, with D = ∂ℓ/∂z: ∂ℓ/∂a = DWᵀ, ∂ℓ/∂W = aᵀD, ∂ℓ/∂b is the sum of D's rows."""
    return D @ W.T, a.T @ D, D.sum(axis=0)


def backward(y, y_hat, cache, params):
    """The slopes of ℓ = 1/(2n) Σ (y − ŷ)², from right to left along the graph."""
    x, z1, s = cache
    d_z2 = (y_hat - y) / len(y)
    d_s = d_z2 @ params["W2"].T
    d_z1 = d_s * sigmoid_gradient(z1)
    return {"W1": x.T @ d_z1, "b1": d_z1.sum(axis=0), "W2": s.T @ d_z2, "b2": d_z2.sum(axis=0)}


def wrong_parameters(loss, gradients, params):
    """The names of the parameters whose gradient is not the one that central differences measure."""
    found, wrong = gradients(params), []
    for name, w in params.items():
        measured = np.zeros(w.shape)
        for place in np.ndindex(w.shape):
            nudge = np.zeros(w.shape)
            nudge[place] = 1e-5
            measured[place] = (loss({**params, name: w + nudge}) - loss({**params, name: w - nudge})) / 2e-5
        apart = np.linalg.norm(found[name] - measured) if np.shape(found[name]) == w.shape else np.inf
        if not apart <= 1e-5 * (np.linalg.norm(found[name]) + np.linalg.norm(measured)):
            wrong.append(name)
    return wrong


def train_two_layer(x, y, params, lr, n_steps):
    """n_steps full-batch steps w′ = w − α ∂ℓ/∂w; the loss before the first and after each."""
    losses = []
    for step in range(n_steps + 1):
        y_hat, cache = forward(x, params)
        losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))
        if step < n_steps:
            gradients = backward(y, y_hat, cache, params)
            params = {name: w - lr * gradients[name] for name, w in params.items()}
    return params, losses
