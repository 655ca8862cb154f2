# ruff: noqa: E501
"""What beginners write in ps1 and ps2: wrong answers with what the visible check must say, and right ones."""

from __future__ import annotations

WRONG: dict[str, list[tuple[str, str]]] = {
    "mse_loss": [
        ("return np.mean((y - y_hat) ** 2)", "known: the factor ½ is missing"),
        ("return np.sum((y - y_hat) ** 2)", "known: the squares are summed and not averaged, and the ½ is missing"),
        ("return np.sum((y - y_hat) ** 2) / 2", "known: the squares are summed and not averaged"),
        ("return np.mean(np.abs(y - y_hat)) / 2", "known: absolute errors stand where squared ones belong"),
        ("return np.sum(y - y_hat) ** 2 / (2 * len(y))", "known: the sum is squared, not each error"),
        ("return np.sum((y - y_hat) ** 2) / 2 * len(y)", "✗ three examples"),
        (
            "return (y - y_hat) ** 2 / (2 * len(y))",
            "known: each example's share is returned, not their sum",
        ),
        (
            "print(np.mean((y - y_hat) ** 2) / 2)",
            "known: nothing is returned",
        ),
        (
            "return np.mean((y - yhat) ** 2) / 2",
            "NameError: name 'yhat' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        ("y -= y_hat\nreturn np.mean(y ** 2) / 2", "y was [0.3, -1.2, 2.5, 0.8, -0.4]"),
        ("n = 3\nreturn np.sum((y - y_hat) ** 2) / (2 * n)", "known: n is a fixed number"),
        ("return np.sqrt(np.mean((y - y_hat) ** 2)) / 2", "✗ three examples"),
    ],
    "mse_gradient": [
        ("return (y - y_hat) / len(y)", "known: the sign is flipped: y − ŷ instead of ŷ − y"),
        ("return y_hat - y", "known: the gradient is not divided by n"),
        (
            "return 2 * (y_hat - y) / len(y)",
            "known: the 2 from the square is kept, though the ½ of the loss cancels it",
        ),
        ("return np.sum(y_hat - y) / len(y)", "known: the slopes are averaged to one number"),
        ("return np.abs(y_hat - y) / len(y)", "known: the size of each slope is returned, without its sign"),
        (
            "return (y_hat - y) / len(y) / 2",
            "known: the ½ of the loss is kept, though the square's derivative cancels it",
        ),
        (
            "return ((y_hat - y) / len(y)).reshape(-1, 1)",
            "expected the shape (3,), got the shape (3, 1): the numbers are right, but there is an axis of length 1 too many",
        ),
        (
            "for i in range(len(y)):\n    gradient[i] = (y_hat[i] - y[i]) / len(y)\nreturn gradient",
            "NameError: name 'gradient' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            "for i in range(len(y)):\n    return (y_hat[i] - y[i]) / len(y)",
            "expected the shape (3,), got the shape (): -0.2667",
        ),
    ],
    "linear_gradients": [
        (
            "d = mse_gradient(y, X @ w + b)\nreturn X.T @ d, d.mean()",
            "known: the gradient of the bias is averaged twice",
        ),
        ("d = X @ w + b - y\nreturn X.T @ d, d.sum()", "known: neither gradient is divided by n"),
        (
            "d = mse_gradient(y, X @ w + b)\nreturn X @ d, d.sum()",
            "ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 4 is different from 2)",
        ),
        ("d = mse_gradient(y, X @ w + b)\nreturn X.T @ d", "known: only the gradient of the weights is returned"),
        ("d = mse_gradient(y, X @ w + b)\nreturn d.sum(), X.T @ d", "known: dw and db are returned in the other order"),
        ("d = mse_gradient(y, X @ w)\nreturn X.T @ d, d.sum()", "known: the bias is left out of the prediction"),
        (
            "d = y - (X @ w + b)\nreturn X.T @ d / len(y), d.mean()",
            "known: the sign of the error is flipped: y − ŷ instead of ŷ − y",
        ),
        (
            "d = X @ w + b - y\nreturn X.T @ d / X.shape[1], d.sum() / X.shape[1]",
            "known: n counts the features, not the examples",
        ),
        (
            "d = mse_gradient(y, X @ w + b)\nreturn X.T * d, d.sum()",
            "expected the shape (2,), got the shape (2, 4): [[-0.85, 1.5, 0.0937, 1.31], [-1.7, -0.5, 0.2812, -0.262]]",
        ),
        (
            "d = mse_gradient(y, X @ w + b)\nreturn {'dw': X.T @ d, 'db': d.sum()}",
            "expected 2 results, dw and db; got a dict with the keys 'dw', 'db'",
        ),
        (
            "d = mse_gradient(y, X @ w + b)\nreturn X.T @ d, d",
            "expected the shape (), got the shape (4,): [-0.85, 0.5, 0.1875, -0.655]",
        ),
        (
            "d = mse_gradient(y, w @ X + b)\nreturn X.T @ d, d.sum()",
            "ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 4 is different from 2)",
        ),
    ],
    "gradient_step": [
        ("return w + lr * gradient", "known: the step goes uphill"),
        ("return w - gradient", "known: the learning rate is left out"),
        ("w -= lr * gradient\nreturn w", "w was [0.5, -1.2]"),
        ("w = w - lr * gradient", "known: nothing is returned"),
        ("return w - lr", "✗ two weights, rate 0.1"),
        ("return lr * gradient", "✗ two weights, rate 0.1"),
        ("return -lr * gradient", "known: the step is returned, not the point that it leads to"),
        ("return w - 0.1 * gradient", "known: the learning rate is a fixed number"),
        (
            "return w - np.dot(lr, gradients)",
            "NameError: name 'gradients' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
    ],
    "gradient_descent": [
        (
            "w, b = w0, b0\nlosses = []\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w, b = w - lr * dw, b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "known: the loss before the first step is not recorded",
        ),
        (
            "w, b = w0, b0\nlosses = []\nfor _ in range(n_steps):\n    losses.append(mse_loss(y, X @ w + b))\n    dw, db = linear_gradients(X, y, w, b)\n    w, b = w - lr * dw, b - lr * db\nreturn w, b, losses",
            "known: the loss after the last step is not recorded",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\ndw, db = linear_gradients(X, y, w, b)\nfor _ in range(n_steps):\n    w, b = w - lr * dw, b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "known: the gradient is computed once and used in every step",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w = w - lr * dw\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "known: the bias is never updated",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w, b = w + lr * dw, b + lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "known: every step goes uphill",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w -= lr * dw\n    b -= lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "w0 was [0.4, -0.2, 0.9]",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w, b = w - lr * dw, b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\n    return w, b, losses",
            "known: a return inside the loop ends it after the first step",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w0, b0)\n    w, b = w - lr * dw, b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "known: the gradient is computed once and used in every step",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w = w - lr * dw\n    dw, db = linear_gradients(X, y, w, b)\n    b = b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "known: the bias is updated with the weights that were just updated",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradient(X, y, w, b)\n    w, b = w - lr * dw, b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
            "NameError: name 'linear_gradient' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w, b = w - lr * dw, b - lr * db\n    losses.append(mse_loss(y, X @ w + b))\nreturn losses",
            "known: only the losses are returned",
        ),
        (
            "w, b = w0, b0\nlosses = [mse_loss(y, X @ w + b)]\nfor _ in range(n_steps):\n    dw, db = linear_gradients(X, y, w, b)\n    w, b = w - lr * dw, b - lr * db\n    losses += mse_loss(y, X @ w + b)\nreturn w, b, losses",
            "expected the shape (4,), got the shape (1,): [7.9123]",
        ),
    ],
    "numerical_gradient": [
        (
            "g = np.zeros(w.shape)\nfor i in np.ndindex(w.shape):\n    e = np.zeros(w.shape)\n    e[i] = eps\n    g[i] = (f(w + e) - f(w)) / eps\nreturn g",
            "known: the difference is taken on one side only, forward",
        ),
        (
            "g = np.zeros(w.shape)\nfor i in np.ndindex(w.shape):\n    e = np.zeros(w.shape)\n    e[i] = eps\n    g[i] = (f(w + e) - f(w - e)) / eps\nreturn g",
            "known: the difference is divided by ε and not by the whole distance",
        ),
        (
            "g = np.zeros(w.shape)\nfor i in np.ndindex(w.shape):\n    w[i] += eps\n    up = f(w)\n    w[i] -= 2 * eps\n    g[i] = (up - f(w)) / (2 * eps)\nreturn g",
            "✗ three weights",
        ),
        (
            "g = np.zeros(w.shape)\nfor i in range(len(w)):\n    e = np.zeros(w.shape)\n    e[i] = eps\n    g[i] = (f(w + e) - f(w - e)) / (2 * eps)\nreturn g",
            "✗ a 2 × 2 array",
        ),
        ("return (f(w + eps) - f(w - eps)) / (2 * eps)", "expected the shape (3,), got the shape (): -3.25"),
        (
            "g = np.zeros(w.shape)\nfor i in np.ndindex(w.shape):\n    e = np.zeros(w.shape)\n    e[i] = 1e-5\n    g[i] = (f(w + e) - f(w - e)) / 2e-5\nreturn g",
            "known: ε is a fixed number, whatever eps says",
        ),
        (
            "g = np.zeros(w.shape)\nfor i in np.ndindex(w.shape):\n    e = np.zeros(w.shape)\n    e[i] = eps\n    g[i] = f(w + e) - f(w - e) / (2 * eps)\nreturn g",
            "✗ three weights",
        ),
        (
            "g = np.zeros(w.shape)\nfor i in np.ndindex(w.shape):\n    e = np.zeros(w.shape)\n    e[i] = eps\n    g[i] = (f(w - e) - f(w + e)) / (2 * eps)\nreturn g",
            "known: the sign is flipped: the two points are subtracted in the wrong order",
        ),
        (
            "g = []\nfor i in np.ndindex(w.shape):\n    e = np.zeros(w.shape)\n    e[i] = eps\n    g.append((f(w + e) - f(w - e)) / (2 * eps))\nreturn np.array(g)",
            "known: the result is flat where w is a matrix",
        ),
    ],
    "sigmoid": [
        (
            "return 1 / (1 + np.exp(-z))",
            "known: both forms are computed everywhere before one of them is chosen | the formula is right on paper, and overflows on the way | the second form overflows on the other side, and gives inf/inf there",
        ),
        ("return 1 / (1 + np.exp(z))", "✗ the values at -2, -1 and 3"),
        ("return 1 / 1 + np.exp(-z)", "✗ halfway at 0"),
        (
            "return np.where(z > 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))",
            "known: both forms are computed everywhere before one of them is chosen | the formula is right on paper, and overflows on the way | the second form overflows on the other side, and gives inf/inf there",
        ),
        (
            "import math\nreturn 1 / (1 + math.exp(-z))",
            "TypeError: only 0-dimensional arrays can be converted to Python scalars",
        ),
        ("return np.tanh(z)", "known: tanh itself is returned: it runs from -1 to 1"),
        (
            "return 1 / (1 + exp(-z))",
            "NameError: name 'exp' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
    ],
    "sigmoid_gradient": [
        ("return z * (1 - z)", "known: z itself is taken for σ(z)"),
        ("return sigmoid(z)", "known: the sigmoid itself is returned"),
        ("return sigmoid(z) * sigmoid(1 - z)", "✗ a quarter at 0, where the hill is highest"),
        ("return 1 - sigmoid(z)", "known: only the factor 1 − σ is there"),
        (
            "s = sigmoid(z)\nreturn s @ (1 - s)",
            "TypeError: unsupported operand type(s) for @: 'numpy.float64' and 'numpy.float64'",
        ),
        ("return sigmoid(z) ** 2", "✗ the slopes at 1, 2 and 3"),
    ],
    "forward": [
        (
            "l1 = x @ params['W1']\ns = sigmoid(l1)\nreturn s @ params['W2'] + params['b2'], (x, l1, s)",
            "known: b1 is left out",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\ns = sigmoid(l1)\nreturn sigmoid(s @ params['W2'] + params['b2']), (x, l1, s)",
            "known: the sigmoid stands behind the second layer as well",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\nreturn l1 @ params['W2'] + params['b2'], (x, l1)",
            "known: there is no sigmoid: two layers that come to one",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\ns = sigmoid(l1)\nreturn s @ params['W2'] + params['b2']",
            "known: y_hat alone is returned, without a cache",
        ),
        (
            "l1 = params['W1'] @ x + params['b1']\ns = sigmoid(l1)\nreturn params['W2'] @ s + params['b2'], (x, l1, s)",
            "ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 4 is different from 5)",
        ),
        (
            "l1 = x @ params['w1'] + params['b1']\ns = sigmoid(l1)\nreturn s @ params['W2'] + params['b2'], (x, l1, s)",
            "KeyError: 'w1'",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\ns = sigmoid(l1)\nreturn (s @ params['W2'] + params['b2']).squeeze(), (x, l1, s)",
            "expected the shape (1, 1), got the shape (): the numbers are right, but an axis of length 1 is missing",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\ns = sigmoid(l1)\nreturn {'y_hat': s @ params['W2'] + params['b2']}",
            "expected 2 results, y_hat and cache; got a dict with the keys 'y_hat'",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\ns = sigmoid(l1)\nparams['b2'] += s @ params['W2']\nreturn params['b2'], (x, l1, s)",
            "ValueError: non-broadcastable output operand with shape (1,) doesn't match the broadcast shape (1,1)",
        ),
        (
            "l1 = x @ params['W1'] + params['b1']\ns = sigmoid(l1)\nreturn s @ params['W2'], (x, l1, s)",
            "known: b2 is left out",
        ),
    ],
    "linear_backward": [
        ("return D @ W, a.T @ D, D.sum(0)", "known: W is not transposed on the way back"),
        ("return D @ W.T, a @ D, D.sum(0)", "known: a is not transposed"),
        ("return D @ W.T, a.T @ D / len(a), D.mean(0)", "known: the slopes along W and b are averaged once more"),
        ("return D @ W.T, a.T @ D, D.mean(axis=0)", "known: the slopes along b are averaged once more"),
        ("return D @ W.T, a.T @ D, D.sum(axis=1)", "known: the slopes along b are summed over the wrong axis"),
        ("return D @ W.T, a.T @ D, D.sum()", "known: the slopes along b are summed to a single number"),
        ("return D @ W.T, a.T @ D, D", "known: the slopes along b still have a row for each example"),
        ("return D @ W.T, D.T @ a, D.sum(axis=0)", "known: the slopes along W are transposed"),
        (
            "return a.T @ D, D.sum(axis=0)",
            "known: only the slopes along W and b are returned | the slopes along b are not returned",
        ),
        (
            "return a.T @ D, D.sum(axis=0), D @ W.T",
            "known: the slopes along W, b and a are returned in this order, and a belongs first",
        ),
        (
            "d_a = D @ W.T * sigmoid_gradient(a)\nreturn d_a, a.T @ D, D.sum(axis=0)",
            "known: the slope of the sigmoid is taken as well",
        ),
        (
            "return {'a': D @ W.T, 'W': a.T @ D, 'b': D.sum(axis=0)}",
            "known: the slopes come as a dict, not as three results",
        ),
        (
            "return D * W.T, a.T * D, D.sum(axis=0)",
            "ValueError: operands could not be broadcast together with shapes (4,2) (2,3)",
        ),
        ("return D @ W.T, a.T @ D, D.sum(axis=0, keepdims=True)", "known: the slopes along b are a matrix of one row"),
        (
            "d_W = np.zeros(W.shape)\nfor i in range(len(a)):\n    d_W = np.outer(a[i], D[i])\nreturn D @ W.T, d_W, D.sum(0)",
            "got      [[-2, 1], [1, -0.5], [8, -4]]",
        ),
        ("d_a = D @ w.T\nreturn d_a, a.T @ D, D.sum(0)", "NameError: name 'w' is not defined. Is it misspelt"),
        ("return W.T, a.T, np.ones(W.shape[1])", "expected the shape (3, 2), got the shape (3, 4)"),
        ("return np.dot(D, W.T), a.T @ D, D.sum(0) / 2", "got      [0, 1.5]"),
    ],
    "backward": [
        (
            "x, l1, s = cache\nd2 = y_hat - y\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "known: the slope along ŷ is not divided by n",
        ),
        (
            "x, l1, s = cache\nd2 = (y - y_hat) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "known: the sign is flipped: y − ŷ instead of ŷ − y",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "known: the slope of the sigmoid is missing on the way back",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(s)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "known: σ′ is taken at σ(z1), not at z1: the sigmoid is applied twice",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.mean(0), 'W2': s.T @ d2, 'b2': d2.mean(0)}",
            "known: the gradients of the biases are averaged once more",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn x.T @ d1, d1.sum(0), s.T @ d2, d2.sum(0)",
            "known: the gradients come as a tuple, not as a dict",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'] * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 5 is different from 2)",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': d1.T @ x, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "known: the gradient of W1 is transposed",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2}",
            "expected a dict with the key 'b2'; got a dict with the keys 'W1', 'b1', 'W2'",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / y.size\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(0), 'W2': s.T @ d2, 'b2': d2.sum(0)}",
            "known: the mean is taken over the outputs, too | the ½ of the loss is kept, though the 2 of the square cancels it",
        ),
        (
            "x, l1, s = cache\nd2 = (y_hat - y) / len(y)\nd1 = d2 @ params['W2'].T * sigmoid_gradient(l1)\nreturn {'W1': x.T @ d1, 'b1': d1.sum(), 'W2': s.T @ d2, 'b2': d2.sum()}",
            "known: the gradients of the biases are summed to a single number",
        ),
        (
            "gradients = {}\nfor name, w in params.items():\n    g = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        old, w[i] = w[i], w[i] + 1e-6\n        up = np.sum((y - forward(cache[0], params)[0]) ** 2)\n        w[i] = old - 1e-6\n        down = np.sum((y - forward(cache[0], params)[0]) ** 2)\n        w[i] = old\n        g[i] = (up - down) / 2e-6 / 2 / len(y)\n    gradients[name] = g\nreturn gradients",
            "✗ they are exact to rounding",
        ),
    ],
    "wrong_parameters": [
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if np.linalg.norm(g[k] - m) / (np.linalg.norm(g[k]) + np.linalg.norm(m)) > 1e-5:\n        wrong.append(k)\nreturn wrong",
            "known: neither shapes nor nan are looked at",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if np.linalg.norm(g[k] - m) > 1e-5:\n        wrong.append(k)\nreturn wrong",
            "✗ v in the shape (1, 3)\n    expected 'v'\n    got      'none'",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if not np.allclose(g[k], m):\n        wrong.append(k)\nreturn wrong",
            "✗ v in the shape (1, 3)\n    expected 'v'\n    got      'none'",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if np.any(g[k] != m):\n        wrong.append(k)\nreturn wrong",
            "known: all entries of a parameter are nudged at once | the difference is not divided by 2ε | the tolerance is finer than what can be measured",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if abs(g[k].sum() - m.sum()) > 1e-5:\n        wrong.append(k)\nreturn wrong",
            "✗ M transposed\n    expected 'M'\n    got      'none'",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 1e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "known: the difference is divided by ε, not by 2ε",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params)) / 1e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "known: the loss is measured on one side only",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        return k\nreturn wrong",
            "✗ v with the other sign\n    expected 'v'\n    got      'no list, but a str'",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn len(wrong) > 0",
            "known: whether any is wrong is returned, not which",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn set(wrong)",
            "known: a set is returned, not a list",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn {k: k in wrong for k in params}",
            "✗ right gradients: none is wrong, not even where both are 0\n    expected 'none'\n    got      'no list, but a dict'",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(w + e) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "IndexError: only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are valid indices",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss({k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "KeyError: 'v'",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        w[i] += 1e-5\n        up = loss(params)\n        w[i] -= 2e-5\n        m[i] = (up - loss(params)) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "known: entries that have been nudged are never moved back",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in range(len(w)):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "✗ right gradients: none is wrong, not even where both are 0\n    expected 'none'\n    got      'M'",
        ),
        (
            "g = gradients\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "TypeError: 'function' object is not subscriptable",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "known: shapes are not compared: NumPy stretches what does not fit",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or np.linalg.norm(g[k] - m) > 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
            "known: a nan passes: every comparison with it is False",
        ),
        (
            "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if np.linalg.norm(g[k] - m) / (np.linalg.norm(g[k]) + np.linalg.norm(m)) < 1e-5:\n        wrong.append(k)\nreturn wrong",
            "✗ right gradients: none is wrong, not even where both are 0\n    expected 'none'\n    got      'M, v'",
        ),
        (
            "x, y, params = small_problem()\ng = backward(y, *forward(x, params), params)\nh = gradients(params)\nreturn [k for k in params if not np.allclose(g[k], h[k])]",
            "KeyError: 'M'",
        ),
    ],
    "train_two_layer": [
        (
            "losses = []\nfor _ in range(n_steps):\n    y_hat, cache = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\n    g = backward(y, y_hat, cache, params)\n    params = {k: params[k] - lr * g[k] for k in params}\nreturn params, losses",
            "known: the loss after the last step is missing",
        ),
        (
            "losses = []\nfor _ in range(n_steps + 1):\n    y_hat, cache = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\n    g = backward(y, y_hat, cache, params)\n    params = {k: params[k] - lr * g[k] for k in params}\nreturn params, losses",
            "known: after the last loss there is one more step",
        ),
        (
            "losses = []\nfor step in range(n_steps + 1):\n    y_hat, cache = forward(x, params)\n    losses.append(np.mean((y - y_hat) ** 2) / 2)\n    if step < n_steps:\n        g = backward(y, y_hat, cache, params)\n        params = {k: params[k] - lr * g[k] for k in params}\nreturn params, losses",
            "known: the losses are averaged over the outputs, too",
        ),
        (
            "losses = []\nfor step in range(n_steps + 1):\n    y_hat, cache = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\n    if step < n_steps:\n        g = backward(y, y_hat, cache, params)\n        for k in params:\n            params[k] -= lr * g[k]\nreturn params, losses",
            "W1 was [[1, 0.5403, -0.4161, -0.99, -0.6536], [0.2837, 0.9602, 0.7539, -0.1455, -0.9111], [-0.8391, 0.0044, 0.8439, 0.9074, 0.1367]]",
        ),
        (
            "losses = []\nfor step in range(n_steps + 1):\n    y_hat, cache = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\n    if step < n_steps:\n        g = backward(y, y_hat, cache, params)\n        params = {k: params[k] + lr * g[k] for k in params}\nreturn params, losses",
            "known: the steps go uphill",
        ),
        (
            "losses = []\ny_hat, cache = forward(x, params)\ng = backward(y, y_hat, cache, params)\nfor step in range(n_steps + 1):\n    y_hat, _ = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\n    if step < n_steps:\n        params = {k: params[k] - lr * g[k] for k in params}\nreturn params, losses",
            "known: the gradient is computed once, before the loop",
        ),
        (
            "losses = []\nfor step in range(n_steps + 1):\n    y_hat, cache = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\n    if step < n_steps:\n        g = backward(y, y_hat, cache, params)\n        params = {k: params[k] - lr * g[k] for k in params}\nreturn losses",
            "expected 2 results, params and losses; got a list of length 4",
        ),
        (
            "losses = []\nfor step in range(n_steps + 1):\n    y_hat = forward(x, params)\n    losses.append(np.sum((y - y_hat) ** 2) / (2 * len(y)))\nreturn params, losses",
            "ValueError: setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 dimensions. The detected shape was (2,) + inhomogeneous part.",
        ),
    ],
}

RIGHT: dict[str, list[str]] = {
    "mse_loss": [
        "return ((y_hat - y) ** 2).mean() / 2",
        "d = y - y_hat\nreturn d @ d / (2 * d.size)",
        "total = 0\nfor a, b in zip(y, y_hat):\n    total += (a - b) ** 2\nreturn total / 2 / len(y)",
        "return 0.5 * np.average(np.square(np.subtract(y, y_hat)))",
    ],
    "mse_gradient": [
        "return -(y - y_hat) / y.shape[0]",
        "return np.array([(b - a) / len(y) for a, b in zip(y, y_hat)])",
        "return [(b - a) / len(y) for a, b in zip(y, y_hat)]",
    ],
    "linear_gradients": [
        "e = (X @ w + b - y) / len(y)\nreturn e @ X, e.sum()",
        "e = X.dot(w) + b - y\nreturn [(X * e[:, None]).mean(axis=0), np.mean(e)]",
        "n, d = X.shape\ndw, db = np.zeros(d), 0.0\nfor i in range(n):\n    e = (np.dot(X[i], w) + b - y[i]) / n\n    dw += e * X[i]\n    db += e\nreturn dw, db",
    ],
    "gradient_step": [
        "return w - gradient * lr",
        "new = w.copy()\nnew -= lr * gradient\nreturn new",
        "return np.subtract(w, np.multiply(lr, gradient))",
    ],
    "gradient_descent": [
        "w, b, losses = w0.copy(), b0, []\nfor _ in range(n_steps):\n    losses.append(mse_loss(y, X @ w + b))\n    dw, db = linear_gradients(X, y, w, b)\n    w -= lr * dw\n    b -= lr * db\nlosses.append(mse_loss(y, X @ w + b))\nreturn w, b, losses",
        "w, b = np.array(w0), float(b0)\nlosses = np.zeros(n_steps + 1)\nfor k in range(n_steps + 1):\n    e = X @ w + b - y\n    losses[k] = e @ e / 2 / len(y)\n    if k < n_steps:\n        w, b = w - lr * X.T @ e / len(y), b - lr * e.mean()\nreturn w, b, losses",
        "if n_steps == 0:\n    return w0, b0, [mse_loss(y, X @ w0 + b0)]\ndw, db = linear_gradients(X, y, w0, b0)\nw, b, rest = gradient_descent(X, y, w0 - lr * dw, b0 - lr * db, lr, n_steps - 1)\nreturn w, b, [mse_loss(y, X @ w0 + b0), *rest]",
    ],
    "numerical_gradient": [
        "g, flat = np.zeros_like(w), w.ravel()\nfor i in range(w.size):\n    up, down = flat.copy(), flat.copy()\n    up[i] += eps\n    down[i] -= eps\n    g.flat[i] = (f(up.reshape(w.shape)) - f(down.reshape(w.shape))) / (2 * eps)\nreturn g",
        "w = w.copy()\ng = np.empty(w.shape)\nfor i in np.ndindex(*w.shape):\n    old = w[i]\n    w[i] = old + eps\n    up = f(w)\n    w[i] = old - eps\n    down = f(w)\n    w[i] = old\n    g[i] = (up - down) / eps / 2\nreturn g",
        "steps = np.eye(w.size).reshape(w.size, *w.shape) * eps\nreturn np.array([(f(w + s) - f(w - s)) / (2 * eps) for s in steps]).reshape(w.shape)",
    ],
    "sigmoid": [
        "z = np.asarray(z, dtype=float)\ne = np.exp(-np.abs(z))\nreturn np.where(z >= 0, 1, e) / (1 + e)",
        "return 1 / (1 + np.exp(-np.clip(z, -500, 500)))",
        "return np.exp(-np.logaddexp(0, -z))",
    ],
    "sigmoid_gradient": [
        "return sigmoid(z) * (1 - sigmoid(z))",
        "return sigmoid(z) * sigmoid(-z)",
        "s = sigmoid(z)\nreturn s - s ** 2",
    ],
    "forward": [
        "l1 = np.dot(x, params['W1']) + params['b1']\ns = sigmoid(l1)\nreturn np.dot(s, params['W2']) + params['b2'], {'x': x, 'l1': l1, 's': s}",
        "h = sigmoid(x @ params['W1'] + params['b1'][None])\nreturn [h @ params['W2'] + params['b2'], [x, h]]",
        "y_hat = np.array([sigmoid(row @ params['W1'] + params['b1']) @ params['W2'] + params['b2'] for row in x])\nreturn y_hat, x",
    ],
    "linear_backward": [
        "d_a = np.dot(D, W.T)\nd_W = np.dot(a.T, D)\nd_b = np.sum(D, axis=0)\nreturn d_a, d_W, d_b",
        "return [(W @ D.T).T, (D.T @ a).T, np.ones(len(D)) @ D]",
        "d_a, d_W, d_b = np.zeros_like(a), np.zeros_like(W), np.zeros(W.shape[1])\nfor i in range(len(a)):\n    d_a[i] = W @ D[i]\n    d_W += np.outer(a[i], D[i])\n    d_b += D[i]\nreturn d_a, d_W, d_b",
        "return np.einsum('iq,pq->ip', D, W), np.einsum('ip,iq->pq', a, D), np.einsum('iq->q', D)",
    ],
    "backward": [
        "x, z1, s = cache\nd_s, W2, b2 = linear_backward(s, params['W2'], (y_hat - y) / len(y))\n_, W1, b1 = linear_backward(x, params['W1'], d_s * sigmoid_gradient(z1))\nreturn {'W1': W1, 'b1': b1, 'W2': W2, 'b2': b2}",
        "x, l1, s = cache\nn = y.shape[0]\nd = (y_hat - y) / n\ng = {'W2': np.dot(s.T, d), 'b2': np.sum(d, axis=0)}\nd = np.dot(d, params['W2'].T) * s * (1 - s)\ng['W1'], g['b1'] = np.dot(x.T, d), np.sum(d, axis=0)\nreturn g",
        "x, l1, s = cache\nout = {k: np.zeros_like(v) for k, v in params.items()}\nfor i in range(len(y)):\n    d2 = (y_hat[i] - y[i]) / len(y)\n    d1 = params['W2'] @ d2 * sigmoid_gradient(l1[i])\n    out['W2'] += np.outer(s[i], d2)\n    out['b2'] += d2\n    out['W1'] += np.outer(x[i], d1)\n    out['b1'] += d1\nreturn out",
        "x, l1, s = cache\nd2 = -(y - y_hat) / len(y)\nd1 = np.einsum('nk,hk->nh', d2, params['W2']) * sigmoid_gradient(l1)\nreturn dict(W1=np.einsum('nd,nh->dh', x, d1), b1=d1.sum(0), W2=np.einsum('nh,nk->hk', s, d2), b2=d2.sum(0))",
    ],
    "wrong_parameters": [
        "g = gradients(params)\nwrong = []\nfor k, w in params.items():\n    m = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = 1e-5\n        m[i] = (loss(params | {k: w + e}) - loss(params | {k: w - e})) / 2e-5\n    if g[k].shape != w.shape or not np.linalg.norm(g[k] - m) <= 1e-5 * (np.linalg.norm(g[k]) + np.linalg.norm(m)):\n        wrong.append(k)\nreturn wrong",
        "g = gradients(params)\ndef apart(k):\n    w = params[k]\n    nudges = 1e-6 * np.eye(w.size).reshape(-1, *w.shape)\n    m = np.array([loss({**params, k: w + e}) - loss({**params, k: w - e}) for e in nudges]).reshape(w.shape) / 2e-6\n    if np.shape(g[k]) != w.shape:\n        return 1.0\n    size = np.linalg.norm(g[k]) + np.linalg.norm(m)\n    return np.linalg.norm(g[k] - m) / size if size != 0 else 0.0\nreturn [k for k in params if not apart(k) < 1e-5]",
        "copy = {k: w.copy() for k, w in params.items()}\nclaimed = gradients(params)\nwrong = []\nfor k, w in copy.items():\n    measured = np.zeros_like(w)\n    for i in np.ndindex(*w.shape):\n        old = w[i]\n        w[i] = old + 1e-5\n        up = loss(copy)\n        w[i] = old - 1e-5\n        measured[i] = (up - loss(copy)) / 2e-5\n        w[i] = old\n    c = claimed[k]\n    if c.shape != measured.shape or np.isnan(c).any():\n        wrong.append(k)\n    elif np.linalg.norm(c - measured) > 1e-5 * (np.linalg.norm(c) + np.linalg.norm(measured)):\n        wrong.append(k)\nreturn wrong",
        "def numerical_gradient(f, w, eps=1e-5):\n    g = np.zeros(w.shape)\n    for i in np.ndindex(w.shape):\n        e = np.zeros(w.shape)\n        e[i] = eps\n        g[i] = (f(w + e) - f(w - e)) / (2 * eps)\n    return g\nwrong = set()\nfor name, g in gradients(params).items():\n    m = numerical_gradient(lambda w: loss(params | {name: w}), params[name])\n    if np.shape(g) != m.shape or not np.allclose(g, m, rtol=0, atol=1e-5 * np.abs(m).max()):\n        wrong.add(name)\nreturn sorted(wrong)",
    ],
    "train_two_layer": [
        "params = {k: v.copy() for k, v in params.items()}\ny_hat, cache = forward(x, params)\nlosses = [((y - y_hat) ** 2).sum() / 2 / len(y)]\nfor _ in range(n_steps):\n    g = backward(y, y_hat, cache, params)\n    for k in params:\n        params[k] -= lr * g[k]\n    y_hat, cache = forward(x, params)\n    losses.append(((y - y_hat) ** 2).sum() / 2 / len(y))\nreturn params, losses",
        "losses = np.zeros(n_steps + 1)\nfor k in range(n_steps + 1):\n    y_hat, cache = forward(x, params)\n    losses[k] = np.sum((y_hat - y) ** 2) / len(y) / 2\n    if k == n_steps:\n        return params, losses\n    g = backward(y, y_hat, cache, params)\n    params = dict((name, params[name] - lr * g[name]) for name in g)",
    ],
}
