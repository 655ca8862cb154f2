"""Right answers to ps2: a network of two layers, x → l1 → s → l2 = ŷ → ℓ, and the chain rule back through it."""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ) = (1 + tanh(z/2))/2; the second form can't overflow."""
    return (1 + np.tanh(z / 2)) / 2


def sigmoid_gradient(z):
    """dσ/dz = σ(z)(1 − σ(z))."""
    return sigmoid(z) * (1 - sigmoid(z))


def forward(x, params):
    """l1 = xW1 + b1, s = σ(l1), ŷ = l2 = sW2 + b2; the cache is (x, l1, s)."""
    l1 = x @ params["W1"] + params["b1"]
    s = sigmoid(l1)
    l2 = s @ params["W2"] + params["b2"]
    return l2, (x, l1, s)


def backward(y, y_hat, cache, params):
    """The slopes of ℓ = 1/(2n) Σ (y − ŷ)², from right to left along the graph."""
    x, l1, s = cache
    d_l2 = (y_hat - y) / len(y)
    d_s = d_l2 @ params["W2"].T
    d_l1 = d_s * sigmoid_gradient(l1)
    return {"W1": x.T @ d_l1, "b1": d_l1.sum(axis=0), "W2": s.T @ d_l2, "b2": d_l2.sum(axis=0)}


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
