"""Right answers to ps1: the mean squared loss, its slopes, and steps downhill."""

import numpy as np


def mse_loss(y, y_hat):
    """ℓ = 1/(2n) Σ (yᵢ − ŷᵢ)²."""
    return np.sum((y - y_hat) ** 2) / (2 * len(y))


def mse_gradient(y, y_hat):
    """∂ℓ/∂ŷ = (ŷ − y)/n."""
    return (y_hat - y) / len(y)


def linear_gradients(X, y, w, b):
    """For ŷ = Xw + b: ∂ℓ/∂w = Xᵀ ∂ℓ/∂ŷ, ∂ℓ/∂b = Σ ∂ℓ/∂ŷ."""
    slope = mse_gradient(y, X @ w + b)
    dw = X.T @ slope
    db = np.sum(slope)
    return dw, db


def gradient_step(w, gradient, lr):
    """w′ = w − α ∂ℓ/∂w."""
    return w - lr * gradient


def gradient_descent(X, y, w0, b0, lr, n_steps):
    """n_steps full-batch steps; the loss before the first and after each."""
    w, b = w0, b0
    losses = [mse_loss(y, X @ w + b)]
    for _ in range(n_steps):
        dw, db = linear_gradients(X, y, w, b)
        w = gradient_step(w, dw, lr)
        b = b - lr * db
        losses.append(mse_loss(y, X @ w + b))
    return w, b, losses


def numerical_gradient(f, w, eps=1e-5):
    """∂f/∂wᵢ ≈ (f(w + ε eᵢ) − f(w − ε eᵢ)) / 2ε."""
    gradient = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[i] = eps
        gradient[i] = (f(w + step) - f(w - step)) / (2 * eps)
    return gradient
