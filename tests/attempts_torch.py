# ruff: noqa: E501
"""What beginners write in ps3 to ps5: wrong answers with what the visible check must say, and right ones."""

from __future__ import annotations

FIT = """w, b = w0.clone().requires_grad_(), b0.clone().requires_grad_()
losses = [(((y - (X @ w + b)) ** 2).sum() / (2 * len(y))).item()]
for _ in range(n_steps):
    loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))
    loss.backward()
    with torch.no_grad():
        w -= lr * w.grad
        b -= lr * b.grad
    w.grad, b.grad = None, None
    losses.append((((y - (X @ w + b)) ** 2).sum() / (2 * len(y))).item())
return w.detach(), b.detach(), losses"""
STEP = """optimizer.zero_grad()
loss = criterion(model(images.view(images.shape[0], -1)), labels)
loss.backward()
optimizer.step()
return loss.item()"""
CROSS_ENTROPY = """n = len(labels)
m = logits.max(dim=1, keepdim=True).values
p = torch.exp(logits - m)
total = p.sum(dim=1, keepdim=True)
rows = torch.arange(n)
loss = (m[:, 0] + torch.log(total[:, 0]) - logits[rows, labels]).mean()
gradient = p / total
gradient[rows, labels] -= 1
return loss, gradient / n"""
BY_HEART = """losses = []
for step in range(max_steps):
    loss = train_step(model, images, labels, criterion, optimizer)
    losses.append(loss)
    if loss < target:
        break
return losses"""
INSIDE = """optimizer.zero_grad()
    loss = criterion(model(images.flatten(1)), labels)
    loss.backward()
    optimizer.step()"""
LOOP = """reports, running, step = [], 0.0, 0
for epoch in range(epochs):
    for images, labels in loader:
        running += train_step(model, images, labels, criterion, optimizer)
        step += 1
        if step % print_every == 0:
            reports.append(running / print_every)
            running = 0.0
return reports"""
TRAINING = """criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)
history = {"train_loss": [], "validation_loss": []}
for _ in range(3):
    model.train()
    total, count = 0.0, 0
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    history["train_loss"].append(total / count)
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for images, labels in validation_loader:
            loss = criterion(model(images), labels)
            total += loss.item() * len(labels)
            count += len(labels)
    history["validation_loss"].append(total / count)
return history"""
NETWORK = """layers, size = OrderedDict(), input_size
for i, hidden in enumerate(hidden_sizes, start=1):
    layers[f"fc{i}"] = nn.Linear(size, hidden)
    layers[f"relu{i}"] = nn.ReLU()
    size = hidden
layers["logits"] = nn.Linear(size, output_size)
return nn.Sequential(layers)"""


def edited(text: str, *edits: str) -> str:
    """`text` with each odd one of `edits` replaced by the one behind it; each must be there."""
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text


WRONG: dict[str, list[tuple[str, str]]] = {
    "mean_square_gradient": [
        ("return x / 2", "known: x/2, which is right for four entries only"),
        ("return 2 * x", "known: the gradient of the sum, not of the mean"),
        (
            "z = (x ** 2).mean()\nz.backward()\nreturn x.grad",
            "known: nothing was recorded: x isn't watched, or the record is cut before the mean | the record is cut before the mean",
        ),
        (
            "x.requires_grad_()\nz = (x ** 2).mean()\nz.backward()\nreturn x.grad",
            "known: only the caller's flag is put back, and its gradient stays | the caller's x is watched from now on, and keeps a gradient",
        ),
        (
            "x = x.clone().requires_grad_()\nz = (x ** 2).sum()\nz.backward()\nreturn x.grad",
            "known: the gradient of the sum, not of the mean",
        ),
        (
            "x = x.clone().requires_grad_()\nz = x ** 2\nz.backward()\nreturn x.grad",
            "stops like: backward of a tensor that isn't a single number",
        ),
        (
            "x = x.clone().requires_grad_()\nz = (x ** 2).mean()\nreturn z.backward()",
            "known: nothing is returned | what comes back is None: the gradient isn't returned, or is read off a tensor that isn't watched",
        ),
        (
            "x = x.clone().requires_grad_()\nz = (x ** 2).mean().item()\nz.backward()\nreturn x.grad",
            "AttributeError: 'float' object has no attribute 'backward'",
        ),
        (
            "x = x.clone().requires_grad_()\nz = (x ** 2).mean()\nz.backwards()\nreturn x.grad",
            "AttributeError: 'Tensor' object has no attribute 'backwards'",
        ),
        (
            "x = x.clone().requires_grad_()\nwith torch.no_grad():\n    z = (x ** 2).mean()\nz.backward()\nreturn x.grad",
            "known: nothing was recorded: x isn't watched, or the record is cut before the mean | the record is cut before the mean",
        ),
    ],
    "gradient_of": [
        (
            "f(x).backward()\nreturn x.grad",
            "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn",
        ),
        (
            "x.requires_grad_()\nf(x).backward()\nreturn x.grad",
            "known: the caller's x is watched from now on, and keeps a gradient | the caller's x keeps the gradient, and at the second call it has doubled",
        ),
        (
            "x = x.clone().requires_grad_()\nz = f(x)\nreturn z.grad",
            "✗ the sum of cubes at (1, 2, 3) has slope (3, 12, 27)",
        ),
        (
            "x = x.clone().requires_grad_()\nreturn torch.autograd.grad(f(x), x)",
            "known: torch.autograd.grad gives a tuple, and the tuple is returned",
        ),
        (
            "x = x.clone().requires_grad_()\nf(x.detach()).backward()\nreturn x.grad",
            "known: f is given a cut copy, so that the watched tensor has no part in its value | nothing was recorded: x isn't watched, or isn't what f was given, or autograd was off | the forward pass runs under no_grad: nothing is recorded",
        ),
        (
            "x = x.clone().requires_grad_()\nf(x).item().backward()\nreturn x.grad",
            "stops like: item() makes a plain number of the value before backward",
        ),
        (
            "x = x.clone().requires_grad_()\nf(x).backward()\nreturn x.grad.sum()",
            "expected the shape (3,), got the shape (): 42",
        ),
        ("x = x.clone().requires_grad_()\nreturn f(x)", "known: f(x) is returned, not its gradient"),
        (
            "eps = 1e-3\nreturn (f(x + eps) - f(x - eps)) / (2 * eps)",
            "expected the shape (3,), got the shape (): 41.9979",
        ),
        (
            "x = x.detach().clone().requires_grad_()\n(g,) = torch.autograd.grad(f(x), x, create_graph=True)\nreturn g",
            "its grad_fn is MulBackward0",
        ),
    ],
    "accumulate_gradients": [
        (
            "for inputs, targets in batches:\n    criterion(model(inputs), targets).backward()",
            "known: what stood in .grad before is never cleared",
        ),
        (
            "for inputs, targets in batches:\n    model.zero_grad()\n    criterion(model(inputs), targets).backward()",
            "known: backward runs once, behind the loop, on the last loss | the gradients are cleared before every batch: only the last one is left",
        ),
        (
            "model.zero_grad()\nfor inputs, targets in batches:\n    loss = criterion(model(inputs), targets)\nloss.backward()",
            "known: backward runs once, behind the loop, on the last loss | the gradients are cleared before every batch: only the last one is left",
        ),
        (
            "for inputs, targets in batches:\n    criterion(model(inputs), targets).backward()\nmodel.zero_grad()",
            "known: the gradients are cleared at the end | there is no backward at all",
        ),
        (
            "model.zero_grad()\nfor inputs, targets in batches:\n    with torch.no_grad():\n        loss = criterion(model(inputs), targets)\n    loss.backward()",
            "stops like: the forward passes run under no_grad",
        ),
        (
            "model.zero_grad()\nsum(criterion(model(x), t) for x, t in batches).div(len(batches)).backward()",
            "known: the gradients are averaged over the batches",
        ),
        (
            "model.zero_grad()\nfor inputs, targets in batches:\n    ((model(inputs) - targets) ** 2).mean().backward()",
            "✗ another criterion, another gradient: a sum of squares in place of their mean",
        ),
        (
            "for p in model.parameters():\n    p.grad.zero_()\nfor inputs, targets in batches:\n    criterion(model(inputs), targets).backward()",
            "AttributeError: 'NoneType' object has no attribute 'zero_'",
        ),
        (
            "model.zero_grad()\nfor inputs, targets in batches:\n    criterion(targets, model(inputs)).backwards()",
            "AttributeError: 'Tensor' object has no attribute 'backwards'",
        ),
        (
            "optimizer.zero_grad()\nfor inputs, targets in batches:\n    criterion(model(inputs), targets).backward()",
            "NameError: name 'optimizer' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            "model.zero_grad()\nfor inputs, targets in batches:\n    criterion(model(inputs), targets).item().backward()",
            "AttributeError: 'float' object has no attribute 'backward'",
        ),
    ],
    "sgd_step": [
        (
            "for p in parameters:\n    p -= lr * p.grad\n    p.grad = None",
            "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.",
        ),
        (
            "for p in parameters:\n    p = p - lr * p.grad\n    p.grad = None",
            "✗ (1, −2) with gradient (0.5, −1) and rate 0.1",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        p -= lr * p.grad\n        p.grad = None",
            "stops like: a parameter without a gradient isn't thought of",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= lr * p.grad",
            "known: the gradients are never cleared",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p += lr * p.grad\n            p.grad = None",
            "known: the step goes uphill",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= p.grad\n            p.grad = None",
            "known: the learning rate is left out",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= lr * p.grad\n    for p in parameters:\n        p.grad = None",
            "w.grad is tensor([ 0.5000, -1.0000]) and b.grad is 4.0",
        ),
        (
            "torch.set_grad_enabled(False)\nfor p in parameters:\n    if p.grad is not None:\n        p -= lr * p.grad\n        p.grad = None",
            "known: autograd is switched off and stays off",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p.grad.zero_()\n            p -= lr * p.grad",
            "known: the gradients are cleared before the step",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= lr * p.grad\n            p.grad = 0",
            "stops like: 0 is put where a gradient stands: a number, not a tensor",
        ),
        (
            "with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= learning_rate * p.grad\n            p.grad = None",
            "NameError: name 'learning_rate' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            "for p in parameters:\n    if p.grad is not None:\n        p.requires_grad = False\n        p -= lr * p.grad\n        p.grad = None",
            "known: the parameters stop being watched",
        ),
    ],
    "freeze_layers": [
        (
            "for name, layer in model.named_children():\n    if name in names:\n        for p in layer.parameters():\n            p.requires_grad = False",
            "known: the layers that aren't named stay as they were",
        ),
        ("for name in names:\n    getattr(model, name).requires_grad = False", "✗ fc1 frozen: block and logits learn"),
        (
            "for name, p in model.named_parameters():\n    p.requires_grad = name not in names",
            "✗ fc1 frozen: block and logits learn",
        ),
        ("for p in model.parameters():\n    p.requires_grad = False", "known: everything is frozen"),
        (
            "for name, layer in model.named_children():\n    for p in layer.parameters():\n        p.requires_grad = name in names",
            "known: the named layers are the only ones that learn",
        ),
        (
            "for name, layer in model.named_children():\n    if name in names:\n        layer.eval()",
            "✗ fc1 frozen: block and logits learn",
        ),
        (
            "for name in names:\n    model[name].weight.requires_grad = False",
            "TypeError: 'str' object cannot be interpreted as an integer",
        ),
        (
            "for name, layer in model.named_children():\n    layer.weight.requires_grad = name not in names\n    layer.bias.requires_grad = name not in names",
            "AttributeError: 'ReLU' object has no attribute 'weight'",
        ),
    ],
    "fit_linear": [
        (
            edited(FIT, "w0.clone().requires_grad_(), b0.clone().requires_grad_()", "w0.clone(), b0.clone()"),
            "stops like: w and b aren't watched, so that nothing was recorded",
        ),
        (
            edited(FIT, "loss.backward()", "loss.backwards()"),
            "AttributeError: 'Tensor' object has no attribute 'backwards'",
        ),
        (
            edited(FIT, "lr * w.grad", "w.grad * rate"),
            "NameError: name 'rate' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            edited(FIT, "loss.backward()", "loss.item().backward()"),
            "AttributeError: 'float' object has no attribute 'backward'",
        ),
        (
            edited(FIT, "X @ w + b", "X @ W + b"),
            "NameError: name 'W' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            edited(
                FIT,
                "    with torch.no_grad():\n        w -= lr * w.grad\n        b -= lr * b.grad\n",
                "    w -= lr * w.grad\n    b -= lr * b.grad\n",
            ),
            "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.",
        ),
        (
            edited(
                FIT,
                "    with torch.no_grad():\n        w -= lr * w.grad\n        b -= lr * b.grad\n",
                "    w = w - lr * w.grad\n    b = b - lr * b.grad\n",
            ),
            "TypeError: unsupported operand type(s) for *: 'float' and 'NoneType'",
        ),
        (
            edited(
                FIT, "w -= lr * w.grad\n        b -= lr * b.grad", "w = w - lr * w.grad\n        b = b - lr * b.grad"
            ),
            "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn",
        ),
        (
            edited(
                FIT,
                "    w.grad, b.grad = None, None\n",
                "    w.grad.zero_()\n    b.grad.zero_()\n",
                "w -= lr * w.grad\n        b -= lr * b.grad",
                "w = w - lr * w.grad\n        b = b - lr * b.grad",
            ),
            "known: a gradient is set to zero that isn't there: before the first backward, or on a new w or b | the step makes a new w and b, and these have no gradient that could be set to zero",
        ),
        (
            edited(FIT, "    w.grad, b.grad = None, None\n", ""),
            "known: the gradients are never cleared: they add up from step to step",
        ),
        (
            edited(
                FIT,
                "for _ in range(n_steps):\n    loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\n",
                "loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\nfor _ in range(n_steps):\n",
            ),
            "stops like: one recorded loss is used for all steps: its record is gone after the first",
        ),
        (
            edited(
                FIT,
                "w0.clone().requires_grad_(), b0.clone().requires_grad_()",
                "w0.requires_grad_(), b0.requires_grad_()",
            ),
            "w0 was [0.5, -0.5]",
        ),
        (
            edited(
                FIT,
                "losses.append((((y - (X @ w + b)) ** 2).sum() / (2 * len(y))).item())",
                "losses.append(loss.item())",
            ),
            "known: each loss is recorded before its step: the first stands there twice",
        ),
        (edited(FIT, ".item())\nreturn", ")\nreturn"), "known: the losses keep their records"),
        (
            edited(
                FIT,
                "    loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\n",
                "    with torch.no_grad():\n        loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\n",
            ),
            "stops like: w and b aren't watched, so that nothing was recorded",
        ),
        (
            edited(
                FIT,
                "        w -= lr * w.grad\n        b -= lr * b.grad\n    w.grad, b.grad = None, None\n",
                "        w -= lr * w.grad\n        b -= lr * b.grad\n    sgd_step([w, b])\n",
            ),
            "TypeError: sgd_step() missing 1 required positional argument: 'lr'",
        ),
        (
            "return gradient_descent(X, y, w0, b0, lr, n_steps)",
            "NameError: name 'gradient_descent' is not defined. Is it misspelt, or does it come from a cell that has not been run?",
        ),
        (
            edited(FIT, "return w.detach(), b.detach(), losses", "return w.detach(), b.detach()"),
            "known: only w and b are returned",
        ),
    ],
    "build_network": [
        (
            edited(
                NETWORK,
                'layers["logits"] = nn.Linear(size, output_size)',
                'layers["logits"] = nn.Linear(size, output_size)\nlayers["softmax"] = nn.Softmax(dim=1)',
            ),
            "known: a softmax stands behind the logits",
        ),
        (edited(NETWORK, "start=1", "start=0"), "known: the numbers in the layers' names begin with 0"),
        (
            "return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))",
            "known: the layers have no names of their own",
        ),
        (edited(NETWORK, "    size = hidden\n", ""), "✗ there are 109,386 weights and biases in all"),
        (
            edited(NETWORK, "return nn.Sequential(layers)", "return layers"),
            "known: the layers come in a dictionary, not in a network",
        ),
        (
            edited(NETWORK, "return nn.Sequential(layers)", "model = nn.Sequential(layers)"),
            "known: nothing is returned",
        ),
        (
            edited(NETWORK, 'layers["logits"]', 'layers["output"]'),
            "known: the last layer is called output and not logits",
        ),
        (
            edited(NETWORK, "nn.Linear(size, output_size)", "nn.Linear(size, output_size, bias=False)"),
            "✗ there are 109,386 weights and biases in all",
        ),
        (edited(NETWORK, "nn.ReLU()", "F.relu()"), "TypeError: relu() missing 1 required positional argument: 'input'"),
        (edited(NETWORK, "nn.ReLU()", "nn.Relu()"), "AttributeError: module 'torch.nn' has no attribute 'Relu'"),
        (
            edited(NETWORK, "nn.Linear(size, hidden)", "nn.Linear(hidden, size)"),
            "✗ fc1 has one row of 784 weights for each of its 128 units",
        ),
        (
            edited(
                NETWORK,
                'layers["logits"] = nn.Linear(size, output_size)',
                'layers["logits"] = nn.Sequential(nn.Linear(size, output_size), nn.ReLU())',
            ),
            "the lowest of 500 is 0.0000",
        ),
    ],
    "cross_entropy": [
        (
            "p = torch.exp(logits) / torch.exp(logits).sum(dim=1, keepdim=True)\nn = len(labels)\nloss = -torch.log(p[torch.arange(n), labels]).mean()\np[torch.arange(n), labels] -= 1\nreturn loss, p / n",
            "known: the exponentials overflow, and the logarithm is taken of a probability that may be rounded to 0 | the largest logit is not taken off, so that the exponential overflows",
        ),
        (
            "p = torch.softmax(logits, dim=1)\nn = len(labels)\nloss = -torch.log(p[torch.arange(n), labels]).mean()\nreturn loss, (p - F.one_hot(labels, logits.shape[1])) / n",
            "known: the logarithm is taken of a probability that may be rounded to 0",
        ),
        (
            "p = torch.softmax(logits, dim=0)\nrows = torch.arange(len(labels))\nloss = -torch.log(p[rows, labels]).mean()\np[rows, labels] -= 1\nreturn loss, p / len(labels)",
            "got      [[1, 0, 1]]",
        ),
        (
            edited(CROSS_ENTROPY, "gradient / n", "gradient"),
            "known: the gradient is not divided by the number of images",
        ),
        (edited(CROSS_ENTROPY, ").mean()", ").sum()"), "known: the loss is the sum over the images, not the mean"),
        (edited(CROSS_ENTROPY, ", gradient / n", ""), "known: only the loss is returned"),
        (
            edited(CROSS_ENTROPY, "loss, gradient / n", "gradient / n, loss"),
            "known: gradient and loss are returned in the opposite order",
        ),
        (edited(CROSS_ENTROPY, "gradient[rows, labels] -= 1\n", ""), "known: the gradient is the probabilities alone"),
        (
            edited(CROSS_ENTROPY, "gradient[rows, labels]", "gradient[:, labels]"),
            "known: 1 is taken off in whole columns: at the labels of all images, in every image",
        ),
        (
            edited(CROSS_ENTROPY, "m[:, 0] + torch.log", "torch.log"),
            "known: the largest logit is taken off in the exponents, and not in the other term of the loss",
        ),
        (
            edited(CROSS_ENTROPY, "gradient[rows, labels] -= 1", "gradient -= F.one_hot(labels, 10)"),
            "stops like: the number of classes is fixed at 10",
        ),
        (edited(CROSS_ENTROPY, "logits[rows, labels]", "logits[labels]"), "IndexError: index 1 is out of bounds"),
        (
            edited(CROSS_ENTROPY, "dim=1, keepdim=True).values", "dim=1, keepdim=True)"),
            "in cross_entropy, line 4 of its cell:  p = torch.exp(logits - m)",
        ),
        (
            "loss = F.cross_entropy(logits, labels)\nloss.backward()\nreturn loss.item(), logits.grad",
            "element 0 of tensors does not require grad",
        ),
        ("logits = logits.float()\n" + CROSS_ENTROPY, "They are 1.8e-08 apart"),
        (
            edited(CROSS_ENTROPY, "p = torch.exp(logits - m)", "logits -= m\np = torch.exp(logits)", "m[:, 0] + ", ""),
            "logits was [[0, 0.6931, 1.6094]",
        ),
    ],
    "train_step": [
        (
            edited(STEP, "optimizer.zero_grad()\n", ""),
            "known: the gradients are cleared after the step only: what stood there before the first step is added to it | the gradients are never cleared",
        ),
        (edited(STEP, "return loss.item()", "return loss"), "known: the returned loss still has its graph"),
        (edited(STEP, "return loss.item()", "return loss.detach()"), "expected a float; got a tensor of shape ()"),
        (
            edited(STEP, "\nreturn loss.item()", ""),
            "known: nothing is returned",
        ),
        (edited(STEP, "images.view(images.shape[0], -1)", "images"), "stops like: the images are not flattened"),
        (
            edited(STEP, "images.view(images.shape[0], -1)", "images.view(64, -1)"),
            "stops like: the number of rows is fixed at 64, whatever the batch holds",
        ),
        (
            edited(STEP, "images.view(images.shape[0], -1)", "images.view(64, 784)"),
            "stops like: the batch size is fixed at 64",
        ),
        (
            edited(
                STEP, "optimizer.zero_grad()\n", "", "loss.backward()\n", "loss.backward()\noptimizer.zero_grad()\n"
            ),
            "✗ the biases are those after one step downhill",
        ),
        (edited(STEP, "loss.backward()\n", ""), "✗ the biases are those after one step downhill"),
        (edited(STEP, "optimizer.step()\n", ""), "✗ the biases are those after one step downhill"),
        (
            edited(STEP, "loss.backward()\noptimizer.step()\n", "optimizer.step()\nloss.backward()\n"),
            "✗ the biases are those after one step downhill",
        ),
        (
            edited(
                STEP,
                "model(images.view(images.shape[0], -1))",
                "torch.softmax(model(images.view(images.shape[0], -1)), dim=1)",
            ),
            "known: a softmax comes before the criterion",
        ),
        (
            edited(STEP, "loss.backward()", "loss.backwards()"),
            "AttributeError: 'Tensor' object has no attribute 'backwards'",
        ),
        (
            edited(STEP, "criterion(model(", "nn.CrossEntropyLoss(model("),
            "RuntimeError: Boolean value of Tensor with more than one value is ambiguous",
        ),
        (
            edited(STEP, "loss = ", "images.resize_(images.shape[0], 784)\nloss = "),
            "it was (4, 1, 28, 28), and is (4, 784) now",
        ),
        (
            edited(
                STEP, "return loss.item()", "return criterion(model(images.view(images.shape[0], -1)), labels).item()"
            ),
            "known: the returned loss is the one after the update",
        ),
        (
            edited(STEP, "images.view(", "images.cuda().view("),
            "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx",
        ),
    ],
    "overfit_batch": [
        (
            "return [train_step(model, images, labels, criterion, optimizer) for _ in range(max_steps)]",
            "known: all steps are taken, whatever the loss is | it stops where the loss doesn't fall any more, not at the target | the target is fixed at 0.01",
        ),
        (
            edited(BY_HEART, "loss < target", "loss > target"),
            "known: it stops where the loss is above the target, not below it",
        ),
        (
            edited(
                BY_HEART, "    losses.append(loss)\n", "", "        break", "        break\n    losses.append(loss)"
            ),
            "known: the loss that reached the target is not in the list",
        ),
        (edited(BY_HEART, "range(max_steps)", "range(max_steps + 1)"), "known: one step too many is allowed"),
        (edited(BY_HEART, "range(max_steps)", "range(1, max_steps)"), "known: one step too few is allowed"),
        (edited(BY_HEART, "break", "return loss"), "expected a list; got 0.7184 (float)"),
        (
            edited(BY_HEART, "return losses", "return losses[-1]"),
            "known: only the last loss is returned, not the list of them",
        ),
        (
            edited(BY_HEART, "return losses", "return len(losses)"),
            "known: the number of steps is returned, not the losses",
        ),
        (edited(BY_HEART, "return losses", "    return losses"), "known: return ends the loop after the first step"),
        (
            "losses = []\nwhile loss > target and len(losses) < max_steps:\n    loss = train_step(model, images, labels, criterion, optimizer)\n    losses.append(loss)\nreturn losses",
            "UnboundLocalError",
        ),
        (
            "loss, losses = 1.0, []\nwhile loss > target and len(losses) < max_steps:\n    loss = train_step(model, images, labels, criterion, optimizer)\n    losses.append(loss)\nreturn losses",
            "got 0",
        ),
        (
            edited(
                BY_HEART, "train_step(model, images, labels, criterion, optimizer)", "train_step(model, images, labels)"
            ),
            "missing 2 required positional arguments",
        ),
        (
            edited(BY_HEART, "losses = []\n", "losses = []\nmodel = deepcopy(model)\n"),
            "known: a copy of the model is shown the batch, and the optimizer holds another one's parameters | there is no step",
        ),
        (
            edited(BY_HEART, "losses = []\n", "losses = []\noptimizer = optim.SGD(model.parameters(), lr=0.01)\n"),
            "known: a new optimizer is made, with a rate of its own",
        ),
        (
            edited(
                BY_HEART,
                "loss = train_step(model, images, labels, criterion, optimizer)",
                edited(INSIDE, "optimizer.zero_grad()\n    ", ""),
                "append(loss)",
                "append(loss.item())",
            ),
            "known: the gradients are never cleared",
        ),
        (
            edited(BY_HEART, "loss = train_step(model, images, labels, criterion, optimizer)", INSIDE),
            "known: the losses are kept with their graphs",
        ),
    ],
    "train": [
        (
            edited(
                LOOP,
                "reports, running, step = [], 0.0, 0\nfor epoch in range(epochs):\n",
                "reports, step = [], 0\nfor epoch in range(epochs):\n    running = 0.0\n",
            ),
            "known: the sum goes back to zero at each epoch, while the steps are counted on",
        ),
        (edited(LOOP, "            running = 0.0\n", ""), "known: the sum never goes back to zero"),
        (
            edited(LOOP, "running / print_every", "running / step"),
            "known: the window's sum is divided by the number of all steps so far",
        ),
        (edited(LOOP, "running / print_every", "running"), "known: the sum of a window is reported, not its mean"),
        (
            edited(
                LOOP,
                "reports, running, step = [], 0.0, 0\nfor epoch in range(epochs):\n",
                "reports, running = [], 0.0\nfor epoch in range(epochs):\n    step = 0\n",
            ),
            "known: the steps are counted anew at each epoch, while the sum runs on",
        ),
        (
            edited(
                LOOP, "            reports.append(running / print_every)", "            print(running / print_every)"
            ),
            "known: windows always have 40 steps",
        ),
        (
            edited(LOOP, "\nreturn reports", ""),
            "known: nothing is returned",
        ),
        (
            edited(LOOP, "\nreturn reports", "\n    return reports"),
            "known: return ends the loop after the first epoch | there is one epoch too few | there is only one epoch, however many are asked for",
        ),
        (
            edited(
                LOOP,
                "        step += 1\n        if step % print_every == 0:\n",
                "        if step % print_every == 0:\n",
                "            running = 0.0\n",
                "            running = 0.0\n        step += 1\n",
            ),
            "known: the steps are counted from 0, so that a report comes after the very first",
        ),
        (
            edited(
                LOOP,
                "running += train_step(model, images, labels, criterion, optimizer)",
                "running += train_step(model, images, labels)",
            ),
            "TypeError: train_step() missing 2 required positional arguments: 'criterion' and 'optimizer'",
        ),
        (edited(LOOP, "print_every == 0", "40 == 0", "/ print_every", "/ 40"), "known: windows always have 40 steps"),
        (
            edited(
                LOOP, "reports.append(running / print_every)", "reports.append(torch.tensor(running / print_every))"
            ),
            "expected a float; got a tensor of shape ()",
        ),
        (edited(LOOP, "range(epochs)", "epochs"), "TypeError: 'int' object is not iterable"),
    ],
    "diagnose_run": [
        ("pass", "got None"),
        ("print({'A': 'softmax twice', 'B': 'rate too high'}.get(run))", "got None"),
        (
            "return {'A': 'softmax twice', 'B': 'rate too high', 'C': 'labels shuffled', 'D': 'rate too small'}",
            "got {'A'",
        ),
        ("return 'rate too high'", "got rate too high, rate too high"),
        (
            "return {'A': 'Softmax twice', 'B': 'Rate too high', 'C': 'Labels shuffled', 'D': 'Rate too small'}[run]",
            "got 'Softmax twice'",
        ),
        ("return CAUSES[run]", "list indices must be integers or slices, not str"),
        ("return CAUSES['ABCD'.index(run) + 3]", "IndexError: list index out of range"),
        ("return {A: 'softmax twice', B: 'rate too high'}[run]", "name 'A' is not defined"),
        ("return {'a': 'softmax twice', 'b': 'rate too high'}[run]", "KeyError: 'A'"),
        (
            "if run == 'A':\n    return 'softmax twice'\nif run == 'B':\n    return 'rate too high'\nif run == 'C':\n    return 'labels shuffled'",
            "got None",
        ),
        (
            "if run == 'A':\n    return 'softmax twice'\nelif run == 'B' or 'D':\n    return 'rate too high'\nreturn 'labels shuffled'",
            "got softmax twice, rate too high, rate too high, rate too high",
        ),
        ("return {'A': 3, 'B': 2, 'C': 4, 'D': 0}[run]", "got 3"),
        ("return ['softmax twice', 'rate too high', 'labels shuffled', 'rate too small']", "got ['softmax twice'"),
        ("return run", "got 'A'"),
    ],
    "predict": [
        (
            "return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)",
            "✗ the second image's first probability",
        ),
        (
            "model.eval()\nwith torch.no_grad():\n    return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)",
            "model.training was True, and is False now",
        ),
        (
            "model.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train()\nreturn p",
            "model.training was False, and is True now",
        ),
        (
            "mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images.view(images.shape[0], -1)), dim=0)\nmodel.train(mode)\nreturn p",
            "known: the softmax runs over the images, not over the classes",
        ),
        (
            "mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = model(images.view(images.shape[0], -1))\nmodel.train(mode)\nreturn p",
            "known: the logits are returned, not probabilities",
        ),
        (
            "mode = model.training\nmodel.eval()\np = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train(mode)\nreturn p",
            "its grad_fn is SoftmaxBackward0",
        ),
        (
            "mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train(mode)\nreturn p.argmax(dim=1)",
            "known: the most probable class is returned, not the probabilities",
        ),
        (
            "mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.log_softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train(mode)\nreturn p",
            "known: logarithms of the probabilities are returned",
        ),
        (
            "with torch.no_grad():\n    return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)",
            "known: the model is never put into evaluation mode",
        ),
        (
            "mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images), dim=1)\nmodel.train(mode)\nreturn p",
            "stops like: the images are not flattened",
        ),
    ],
    "accuracy": [
        (
            "right = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).float().mean().item()\nreturn right / len(loader)",
            "known: the batches' accuracies are averaged",
        ),
        (
            "for images, labels in loader:\n    right = (predict(model, images).argmax(dim=1) == labels).float().mean().item()\nreturn right",
            "known: only the last batch is counted",
        ),
        (
            "for images, labels in loader:\n    return (predict(model, images).argmax(dim=1) == labels).float().mean().item()",
            "known: only the first batch is counted | return ends the loop after the first batch",
        ),
        (
            "right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum()\n    total += len(labels)\nreturn right / total",
            "expected a float; got a tensor of shape ()",
        ),
        (
            "right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn 100 * right / total",
            "known: the result is in percent",
        ),
        (
            "right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=0) == labels).sum().item()\n    total += len(labels)\nreturn right / total",
            "known: the most probable image of each class is looked for, not the class of each image",
        ),
        (
            "right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).max(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn right / total",
            "AttributeError: 'bool' object has no attribute 'sum'",
        ),
        (
            "right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn right",
            "known: the number of right answers is returned, not their share",
        ),
        (
            "right = total = 0\nfor images, labels in loader:\n    right += (predict(images).argmax(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn right / total",
            "TypeError: predict() missing 1 required positional argument: 'images'",
        ),
        (
            "right = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum().item()\nreturn right / len(loader)",
            "known: the right answers are divided by the number of batches",
        ),
    ],
    "build_model": [
        (
            "return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))",
            "mat1 and mat2 shapes cannot be multiplied",
        ),
        (
            "return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))",
            "each of 50 rows sums to 1, up to 2e-07",
        ),
        (
            "return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 1))",
            "known: there is one score for all classes",
        ),
        (
            "torch.manual_seed(0)\nreturn nn.Sequential(nn.Flatten(), nn.Linear(784, 10))",
            "two calls gave networks with the same scores",
        ),
        ("model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", "known: there is no return"),
        ("return nn.Sequential", "known: the class is returned, not an object of it"),
        ("return [nn.Flatten(), nn.Linear(784, 10)]", "expected a Module; got a list of length 2"),
        (
            "return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 10))",
            "RuntimeError: mat1 and mat2 shapes cannot be multiplied (7x5408 and 784x10)",
        ),
        (
            "return nn.Sequential(nn.flatten(), nn.Linear(784, 10))",
            "AttributeError: module 'torch.nn' has no attribute 'flatten'",
        ),
    ],
    "train_model": [
        (
            edited(TRAINING, "        optimizer.zero_grad()\n", ""),
            "8 of 9 times, backward() added to the gradients of a step already taken",
        ),
        (
            edited(TRAINING, "    model.train()\n", ""),
            "in 6 of 9 steps it was in evaluation mode, where dropout is off",
        ),
        (edited(TRAINING, "    model.eval()\n", ""), "9 of 9 batches went through the network in training mode"),
        (
            edited(
                TRAINING,
                "    with torch.no_grad():\n        for images, labels in validation_loader:\n            loss = criterion(model(images), labels)\n            total",
                "    if True:\n        for images, labels in validation_loader:\n            optimizer.zero_grad()\n            loss = criterion(model(images), labels)\n            loss.backward()\n            optimizer.step()\n            total",
            ),
            "backward() came from 9 batches of validation_loader",
        ),
        (
            edited(TRAINING, "loss.item() * len(labels)", "loss.item()", "count += len(labels)", "count += 1"),
            "6 images with the loss 0.3702 and 2 with 0.7966: expected 0.4768, got 0.5834, the mean of the batches' means",
        ),
        (
            edited(
                TRAINING,
                'history["validation_loss"].append(total / count)',
                'history["validation_loss"].append(loss.item())',
            ),
            "6 images with the loss 2.3026 and 2 with 1.4612: expected 2.0922, got 1.4612, the last batch's loss",
        ),
        (
            edited(
                TRAINING, 'history["train_loss"].append(total / count)', 'history["train_loss"].append(loss.item())'
            ),
            "6 images with the loss 0.3702 and 2 with 0.7966: expected 0.4768, got 0.7966, the last batch's loss",
        ),
        (
            edited(TRAINING, "loss.item() * len(labels)", "loss.item()"),
            "6 images gave 0.0617, but 8 with the same loss, in batches of 6 and 2, gave 0.0926",
        ),
        (
            edited(TRAINING, "loss.item() * len(labels)", "loss * len(labels)"),
            "known: the losses are tensors that carry their graph",
        ),
        (
            edited(
                TRAINING,
                "    model.train()\n    total, count = 0.0, 0\n",
                "    model.train()\n",
                "history = {",
                "total, count = 0.0, 0\nhistory = {",
                "    model.eval()\n    total, count = 0.0, 0\n",
                "    model.eval()\n",
            ),
            "the same images with the same scores gave 0.3702 in epoch 1 and 1.0144 in epoch 2",
        ),
        (edited(TRAINING, "        optimizer.step()\n", ""), "they have not"),
        (
            edited(TRAINING, "return history", "return history['train_loss'], history['validation_loss']"),
            "known: two lists are returned, and no dict",
        ),
        (edited(TRAINING, "return history", ""), "known: nothing is returned"),
        (
            edited(TRAINING, "return history", "return model"),
            "known: the trained network is returned",
        ),
        (edited(TRAINING, "criterion = nn", "model = build_model()\ncriterion = nn"), "they have not"),
        (
            edited(TRAINING, "in validation_loader", "in train_loader"),
            "no image of validation_loader has gone through the network",
        ),
        (
            edited(TRAINING, 'history["validation_loss"].append(total / count)', "pass"),
            "train_loss has 3 entries, validation_loss 0",
        ),
        (
            edited(
                TRAINING,
                "loss = criterion(model(images), labels)\n            total += loss.item() * len(labels)",
                "total += (model(images).argmax(1) == labels).sum().item()",
            ),
            "images of quite different losses all gave 1.0000",
        ),
        (
            edited(TRAINING, "loss.item() * len(labels)", "loss.item() * 64"),
            "6 images gave 3.9492, but 8 with the same loss, in batches of 6 and 2, gave 5.9239",
        ),
        (
            edited(TRAINING, "        loss.backward()\n", "        loss.backwards()\n"),
            "AttributeError: 'Tensor' object has no attribute 'backwards'",
        ),
    ],
}

RIGHT: dict[str, list[str]] = {
    "mean_square_gradient": [
        "x = x.detach().clone()\nx.requires_grad = True\ntorch.mean(x ** 2).backward()\nreturn x.grad",
        "x = torch.tensor(x.tolist(), requires_grad=True)\n(x * x).mean().backward()\nreturn x.grad.clone()",
        "copy = x.clone().requires_grad_()\n(gradient,) = torch.autograd.grad(copy.pow(2).mean(), copy)\nreturn gradient",
        "return torch.func.grad(lambda t: (t ** 2).mean())(x)",
    ],
    "gradient_of": [
        "x = x.clone().detach()\nx.requires_grad = True\nz = f(x)\nz.backward()\nreturn x.grad",
        "x = x.detach().requires_grad_()\nreturn torch.autograd.grad(f(x), x)[0]",
        "copy = x.data.clone().requires_grad_(True)\nf(copy).backward()\nreturn copy.grad.detach()",
    ],
    "accumulate_gradients": [
        "model.zero_grad()\nfor x, t in batches:\n    criterion(model(x), t).backward()",
        "model.zero_grad(set_to_none=False)\nsum(criterion(model(x), t) for x, t in batches).backward()",
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\noptimizer.zero_grad()\ntotal = 0\nfor x, t in batches:\n    total = total + criterion(model(x), t)\ntotal.backward()",
        "for p in model.parameters():\n    if p.grad is not None:\n        p.grad.zero_()\nfor b in batches:\n    criterion(model(b[0]), b[1]).backward()",
    ],
    "sgd_step": [
        "for p in parameters:\n    if p.grad is None:\n        continue\n    p.data -= lr * p.grad\n    p.grad.zero_()",
        "parameters = list(parameters)\nwith torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p.sub_(p.grad, alpha=lr)\nfor p in parameters:\n    p.grad = None",
        "optimizer = torch.optim.SGD(parameters, lr=lr)\noptimizer.step()\noptimizer.zero_grad()",
        "with torch.inference_mode():\n    for p in parameters:\n        if p.grad is not None:\n            p.add_(-lr * p.grad)\n            p.grad = None",
    ],
    "freeze_layers": [
        "for name, layer in model.named_children():\n    layer.requires_grad_(name not in names)",
        "model.requires_grad_(True)\nfor name in names:\n    getattr(model, name).requires_grad_(False)",
        "for name, p in model.named_parameters():\n    p.requires_grad = name.split('.')[0] not in names",
    ],
    "fit_linear": [
        FIT,
        edited(FIT, "    w.grad, b.grad = None, None\n", "    w.grad.zero_()\n    b.grad.zero_()\n"),
        edited(
            FIT,
            "    with torch.no_grad():\n        w -= lr * w.grad\n        b -= lr * b.grad\n",
            "    w.data = w.data - lr * w.grad\n    b.data = b.data - lr * b.grad\n",
        ),
        "w, b, losses = w0.clone(), b0.clone(), []\nfor k in range(n_steps + 1):\n    w, b = w.detach().requires_grad_(), b.detach().requires_grad_()\n    loss = ((X @ w + b - y) ** 2).mean() / 2\n    losses.append(float(loss))\n    if k < n_steps:\n        loss.backward()\n        w, b = w - lr * w.grad, b - lr * b.grad\nreturn w.detach(), b.detach(), losses",
    ],
    "build_network": [
        NETWORK,
        "sizes = [input_size, *hidden_sizes]\nmodel = nn.Sequential()\nfor i in range(len(hidden_sizes)):\n    model.add_module(f'fc{i + 1}', nn.Linear(sizes[i], sizes[i + 1]))\n    model.add_module('relu' + str(i + 1), nn.ReLU())\nmodel.add_module('logits', nn.Linear(sizes[-1], output_size))\nreturn model",
        "pairs = []\nfor i, h in enumerate(hidden_sizes):\n    pairs += [(f'fc{i + 1}', nn.Linear(hidden_sizes[i - 1] if i else input_size, h)), (f'relu{i + 1}', nn.ReLU(inplace=True))]\nreturn nn.Sequential(OrderedDict(pairs + [('logits', nn.Linear(hidden_sizes[-1], output_size))]))",
    ],
    "cross_entropy": [
        CROSS_ENTROPY,
        "z = logits - logits.amax(1, keepdim=True)\nlog_p = z - z.exp().sum(1, keepdim=True).log()\none_hot = F.one_hot(labels, z.shape[1])\nreturn -(log_p * one_hot).sum() / len(z), (log_p.exp() - one_hot) / len(z)",
        "loss, gradient = 0.0, torch.zeros_like(logits)\nfor i in range(len(labels)):\n    loss += torch.logsumexp(logits[i], 0) - logits[i, labels[i]]\n    gradient[i] = torch.softmax(logits[i], 0)\n    gradient[i, labels[i]] -= 1\nreturn loss / len(labels), gradient / len(labels)",
        "z = logits.clone().requires_grad_()\nloss = nn.CrossEntropyLoss()(z, labels)\nloss.backward()\nreturn loss.item(), z.grad",
    ],
    "train_step": [
        STEP,
        "logits = model(images.flatten(1))\nloss = criterion(logits, labels)\noptimizer.zero_grad()\nloss.backward()\noptimizer.step()\nreturn float(loss)",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'\nmodel.to(device)\nimages, labels = images.to(device), labels.to(device)\nmodel.zero_grad()\nloss = criterion(model(torch.flatten(images, start_dim=1)), labels)\nloss.backward()\noptimizer.step()\nreturn loss.detach().cpu().item()",
        "def closure():\n    optimizer.zero_grad()\n    loss = criterion(model(images.reshape(len(images), 784)), labels)\n    loss.backward()\n    return loss\nreturn optimizer.step(closure).item()",
    ],
    "overfit_batch": [
        BY_HEART,
        "losses = []\nwhile len(losses) < max_steps and (not losses or losses[-1] >= target):\n    losses.append(train_step(model, images, labels, criterion, optimizer))\nreturn losses",
        "history, loss = [], float('inf')\nfor _ in range(max_steps):\n    if loss < target:\n        return history\n    loss = train_step(model, images, labels, criterion, optimizer)\n    history = history + [loss]\nreturn history",
        edited(
            BY_HEART,
            "loss = train_step(model, images, labels, criterion, optimizer)",
            f"{INSIDE}\n    loss = loss.item()",
        ),
    ],
    "train": [
        LOOP,
        "losses = [train_step(model, *batch, criterion, optimizer) for _ in range(epochs) for batch in loader]\nreturn [sum(losses[i : i + print_every]) / print_every for i in range(0, len(losses) - print_every + 1, print_every)]",
        "means, window = [], []\nfor _ in range(epochs):\n    for images, labels in loader:\n        window.append(train_step(model, images, labels, criterion, optimizer))\n        if len(window) == print_every:\n            means.append(float(np.mean(window)))\n            window.clear()\nreturn means",
    ],
    "diagnose_run": [
        "return {'A': 'softmax twice', 'B': 'gradients never cleared', 'C': 'labels shuffled', 'D': 'rate too high'}[run]",
        "if run == 'A':\n    return 'softmax twice'\nelif run == 'B':\n    return 'gradients never cleared'\nelif run == 'C':\n    return 'labels shuffled'\nelse:\n    return 'rate too high'",
        "return CAUSES[{'A': 3, 'B': 2, 'C': 4, 'D': 0}[run]]",
        "causes = ['softmax twice', 'gradients never cleared', 'labels shuffled', 'rate too high']\nreturn causes['ABCD'.index(run)]",
    ],
    "predict": [
        "was = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = F.softmax(model(images.flatten(1)), dim=-1)\nif was:\n    model.train()\nreturn p",
        "mode = model.training\nz = model.eval()(images.reshape(images.shape[0], -1)).detach()\nmodel.train(mode)\ne = torch.exp(z - z.max(dim=1, keepdim=True).values)\nreturn e / e.sum(dim=1, keepdim=True)",
        "training = model.training\ntry:\n    model.eval()\n    with torch.inference_mode():\n        return model(images.view(len(images), 784)).softmax(1)\nfinally:\n    model.train(training)",
    ],
    "accuracy": [
        "right, n = 0, 0\nfor x, t in loader:\n    hits = predict(model, x).max(dim=1).indices == t\n    right += int(hits.sum())\n    n += t.numel()\nreturn right / n",
        "hits = torch.cat([predict(model, x).argmax(1) == t for x, t in loader])\nreturn hits.float().mean().item()",
        "hits = [bool(a == b) for x, t in loader for a, b in zip(predict(model, x).argmax(1), t)]\nreturn np.mean(hits)",
    ],
    "build_model": [
        "return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))",
        "return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(1352, 10))",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a, self.b = nn.Linear(784, 50), nn.Linear(50, 10)\n\n    def forward(self, x):\n        return self.b(F.relu(self.a(x.view(len(x), -1))))\n\nreturn Net()",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'\nreturn nn.Sequential(nn.Flatten(), nn.LazyLinear(32), nn.GELU(), nn.Linear(32, 10)).to(device)",
    ],
    "train_model": [
        TRAINING,
        edited(
            TRAINING,
            "        optimizer.zero_grad()\n        loss = criterion(model(images), labels)\n        loss.backward()\n        optimizer.step()\n",
            "        images = images.flip(-1)\n        loss = criterion(model(images), labels)\n        loss.backward()\n        optimizer.step()\n        optimizer.zero_grad()\n",
        ),
        edited(
            TRAINING,
            "CrossEntropyLoss()",
            "CrossEntropyLoss(label_smoothing=0.1)",
            "optim.Adam(model.parameters(), lr=0.002)",
            "optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)\nscheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3 * len(train_loader))",
            "        optimizer.step()\n",
            "        optimizer.step()\n        scheduler.step()\n",
        ),
        """device = "cuda" if torch.cuda.is_available() else "cpu"
model.to(device)
optimizer = optim.AdamW(model.parameters())
train_losses, validation_losses, best = [], [], None
for epoch in range(4):
    model.train()
    sums = []
    for i, (x, t) in enumerate(train_loader):
        loss = F.cross_entropy(model(x.to(device)), t.to(device))
        (loss / 2).backward()
        if i % 2 == 1 or i == len(train_loader) - 1:
            optimizer.step()
            optimizer.zero_grad()
        sums.append(loss.detach() * len(t))
    train_losses.append((sum(sums) / len(train_loader.dataset)).item())
    model.eval()
    with torch.inference_mode():
        parts = [F.cross_entropy(model.forward(x.to(device)), t.to(device), reduction="sum") for x, t in validation_loader]
    validation_losses.append(float(sum(parts)) / len(validation_loader.dataset))
    if validation_losses[-1] == min(validation_losses):
        best = {k: v.clone() for k, v in model.state_dict().items()}
model.load_state_dict(best)
return dict(train_loss=train_losses, validation_loss=validation_losses)""",
    ],
}
