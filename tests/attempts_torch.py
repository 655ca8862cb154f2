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
        ("return x / 2", ""),
        ("return 2 * x", ""),
        ("z = (x ** 2).mean()\nz.backward()\nreturn x.grad", ""),
        ("x.requires_grad_()\nz = (x ** 2).mean()\nz.backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nz = (x ** 2).sum()\nz.backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nz = x ** 2\nz.backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nz = (x ** 2).mean()\nreturn z.backward()", ""),
        ("x = x.clone().requires_grad_()\nz = (x ** 2).mean().item()\nz.backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nz = (x ** 2).mean()\nz.backwards()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nwith torch.no_grad():\n    z = (x ** 2).mean()\nz.backward()\nreturn x.grad", ""),
    ],
    "gradient_of": [
        ("f(x).backward()\nreturn x.grad", ""),
        ("x.requires_grad_()\nf(x).backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nz = f(x)\nreturn z.grad", ""),
        ("x = x.clone().requires_grad_()\nreturn torch.autograd.grad(f(x), x)", ""),
        ("x = x.clone().requires_grad_()\nf(x.detach()).backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nf(x).item().backward()\nreturn x.grad", ""),
        ("x = x.clone().requires_grad_()\nf(x).backward()\nreturn x.grad.sum()", ""),
        ("x = x.clone().requires_grad_()\nreturn f(x)", ""),
        ("eps = 1e-3\nreturn (f(x + eps) - f(x - eps)) / (2 * eps)", ""),
        ("x = x.detach().clone().requires_grad_()\n(g,) = torch.autograd.grad(f(x), x, create_graph=True)\nreturn g", ""),
    ],
    "accumulate_gradients": [
        ("for inputs, targets in batches:\n    criterion(model(inputs), targets).backward()", ""),
        ("for inputs, targets in batches:\n    model.zero_grad()\n    criterion(model(inputs), targets).backward()", ""),
        ("model.zero_grad()\nfor inputs, targets in batches:\n    loss = criterion(model(inputs), targets)\nloss.backward()", ""),
        ("for inputs, targets in batches:\n    criterion(model(inputs), targets).backward()\nmodel.zero_grad()", ""),
        ("model.zero_grad()\nfor inputs, targets in batches:\n    with torch.no_grad():\n        loss = criterion(model(inputs), targets)\n    loss.backward()", ""),
        ("model.zero_grad()\nsum(criterion(model(x), t) for x, t in batches).div(len(batches)).backward()", ""),
        ("model.zero_grad()\nfor inputs, targets in batches:\n    ((model(inputs) - targets) ** 2).mean().backward()", ""),
        ("for p in model.parameters():\n    p.grad.zero_()\nfor inputs, targets in batches:\n    criterion(model(inputs), targets).backward()", ""),
        ("model.zero_grad()\nfor inputs, targets in batches:\n    criterion(targets, model(inputs)).backwards()", ""),
        ("optimizer.zero_grad()\nfor inputs, targets in batches:\n    criterion(model(inputs), targets).backward()", ""),
        ("model.zero_grad()\nfor inputs, targets in batches:\n    criterion(model(inputs), targets).item().backward()", ""),
    ],
    "sgd_step": [
        ("for p in parameters:\n    p -= lr * p.grad\n    p.grad = None", ""),
        ("for p in parameters:\n    p = p - lr * p.grad\n    p.grad = None", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        p -= lr * p.grad\n        p.grad = None", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= lr * p.grad", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p += lr * p.grad\n            p.grad = None", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= p.grad\n            p.grad = None", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= lr * p.grad\n    for p in parameters:\n        p.grad = None", ""),
        ("torch.set_grad_enabled(False)\nfor p in parameters:\n    if p.grad is not None:\n        p -= lr * p.grad\n        p.grad = None", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p.grad.zero_()\n            p -= lr * p.grad", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= lr * p.grad\n            p.grad = 0", ""),
        ("with torch.no_grad():\n    for p in parameters:\n        if p.grad is not None:\n            p -= learning_rate * p.grad\n            p.grad = None", ""),
        ("for p in parameters:\n    if p.grad is not None:\n        p.requires_grad = False\n        p -= lr * p.grad\n        p.grad = None", ""),
    ],
    "freeze_layers": [
        ("for name, layer in model.named_children():\n    if name in names:\n        for p in layer.parameters():\n            p.requires_grad = False", ""),
        ("for name in names:\n    getattr(model, name).requires_grad = False", ""),
        ("for name, p in model.named_parameters():\n    p.requires_grad = name not in names", ""),
        ("for p in model.parameters():\n    p.requires_grad = False", ""),
        ("for name, layer in model.named_children():\n    for p in layer.parameters():\n        p.requires_grad = name in names", ""),
        ("for name, layer in model.named_children():\n    if name in names:\n        layer.eval()", ""),
        ("for name in names:\n    model[name].weight.requires_grad = False", ""),
        ("for name, layer in model.named_children():\n    layer.weight.requires_grad = name not in names\n    layer.bias.requires_grad = name not in names", ""),
    ],
    "fit_linear": [
        (edited(FIT, "w0.clone().requires_grad_(), b0.clone().requires_grad_()", "w0.clone(), b0.clone()"), ""),
        (edited(FIT, "loss.backward()", "loss.backwards()"), ""),
        (edited(FIT, "lr * w.grad", "w.grad * rate"), ""),
        (edited(FIT, "2 * len(y))\n    loss", "2 * len(y)).item()\n    loss") if False else edited(FIT, "loss.backward()", "loss.item().backward()"), ""),
        (edited(FIT, "X @ w + b", "X @ W + b"), ""),
        (edited(FIT, "    with torch.no_grad():\n        w -= lr * w.grad\n        b -= lr * b.grad\n", "    w -= lr * w.grad\n    b -= lr * b.grad\n"), ""),
        (edited(FIT, "    with torch.no_grad():\n        w -= lr * w.grad\n        b -= lr * b.grad\n", "    w = w - lr * w.grad\n    b = b - lr * b.grad\n"), ""),
        (edited(FIT, "w -= lr * w.grad\n        b -= lr * b.grad", "w = w - lr * w.grad\n        b = b - lr * b.grad"), ""),
        (edited(FIT, "    w.grad, b.grad = None, None\n", "    w.grad.zero_()\n    b.grad.zero_()\n", "w -= lr * w.grad\n        b -= lr * b.grad", "w = w - lr * w.grad\n        b = b - lr * b.grad"), ""),
        (edited(FIT, "    w.grad, b.grad = None, None\n", ""), ""),
        (edited(FIT, "for _ in range(n_steps):\n    loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\n", "loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\nfor _ in range(n_steps):\n"), ""),
        (edited(FIT, "w0.clone().requires_grad_(), b0.clone().requires_grad_()", "w0.requires_grad_(), b0.requires_grad_()"), ""),
        (edited(FIT, "losses.append((((y - (X @ w + b)) ** 2).sum() / (2 * len(y))).item())", "losses.append(loss.item())"), ""),
        (edited(FIT, ".item())\nreturn", ")\nreturn"), ""),
        (edited(FIT, "    loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\n", "    with torch.no_grad():\n        loss = ((y - (X @ w + b)) ** 2).sum() / (2 * len(y))\n"), ""),
        (edited(FIT, "        w -= lr * w.grad\n        b -= lr * b.grad\n    w.grad, b.grad = None, None\n", "        w -= lr * w.grad\n        b -= lr * b.grad\n    sgd_step([w, b])\n"), ""),
        ("return gradient_descent(X, y, w0, b0, lr, n_steps)", ""),
        (edited(FIT, "return w.detach(), b.detach(), losses", "return w.detach(), b.detach()"), ""),
    ],
    "build_network": [
        (edited(NETWORK, 'layers["logits"] = nn.Linear(size, output_size)', 'layers["logits"] = nn.Linear(size, output_size)\nlayers["softmax"] = nn.Softmax(dim=1)'), ""),
        (edited(NETWORK, "start=1", "start=0"), ""),
        ("return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))", ""),
        (edited(NETWORK, "    size = hidden\n", ""), ""),
        (edited(NETWORK, "return nn.Sequential(layers)", "return layers"), ""),
        (edited(NETWORK, "return nn.Sequential(layers)", "model = nn.Sequential(layers)"), ""),
        (edited(NETWORK, 'layers["logits"]', 'layers["output"]'), ""),
        (edited(NETWORK, "nn.Linear(size, output_size)", "nn.Linear(size, output_size, bias=False)"), ""),
        (edited(NETWORK, "nn.ReLU()", "F.relu()"), ""),
        (edited(NETWORK, "nn.ReLU()", "nn.Relu()"), ""),
        (edited(NETWORK, "nn.Linear(size, hidden)", "nn.Linear(hidden, size)"), ""),
        (edited(NETWORK, 'layers["logits"] = nn.Linear(size, output_size)', 'layers["logits"] = nn.Sequential(nn.Linear(size, output_size), nn.ReLU())'), ""),
    ],
    "train_step": [
        (edited(STEP, "optimizer.zero_grad()\n", ""), ""),
        (edited(STEP, "return loss.item()", "return loss"), ""),
        (edited(STEP, "return loss.item()", "return loss.detach()"), ""),
        (edited(STEP, "\nreturn loss.item()", ""), ""),
        (edited(STEP, "images.view(images.shape[0], -1)", "images"), ""),
        (edited(STEP, "images.view(images.shape[0], -1)", "images.view(64, -1)"), ""),
        (edited(STEP, "images.view(images.shape[0], -1)", "images.view(64, 784)"), ""),
        (edited(STEP, "optimizer.zero_grad()\n", "", "loss.backward()\n", "loss.backward()\noptimizer.zero_grad()\n"), ""),
        (edited(STEP, "loss.backward()\n", ""), ""),
        (edited(STEP, "optimizer.step()\n", ""), ""),
        (edited(STEP, "loss.backward()\noptimizer.step()\n", "optimizer.step()\nloss.backward()\n"), ""),
        (edited(STEP, "model(images.view(images.shape[0], -1))", "torch.softmax(model(images.view(images.shape[0], -1)), dim=1)"), ""),
        (edited(STEP, "loss.backward()", "loss.backwards()"), ""),
        (edited(STEP, "criterion(model(", "nn.CrossEntropyLoss(model("), ""),
        (edited(STEP, "loss = ", "images.resize_(images.shape[0], 784)\nloss = "), ""),
        (edited(STEP, "return loss.item()", "return criterion(model(images.view(images.shape[0], -1)), labels).item()"), ""),
        (edited(STEP, "images.view(", "images.cuda().view("), ""),
    ],
    "train": [
        (edited(LOOP, "reports, running, step = [], 0.0, 0\nfor epoch in range(epochs):\n", "reports, step = [], 0\nfor epoch in range(epochs):\n    running = 0.0\n"), ""),
        (edited(LOOP, "            running = 0.0\n", ""), ""),
        (edited(LOOP, "running / print_every", "running / step"), ""),
        (edited(LOOP, "running / print_every", "running"), ""),
        (edited(LOOP, "reports, running, step = [], 0.0, 0\nfor epoch in range(epochs):\n", "reports, running = [], 0.0\nfor epoch in range(epochs):\n    step = 0\n"), ""),
        (edited(LOOP, "            reports.append(running / print_every)", "            print(running / print_every)"), ""),
        (edited(LOOP, "\nreturn reports", ""), ""),
        (edited(LOOP, "\nreturn reports", "\n    return reports"), ""),
        (edited(LOOP, "        step += 1\n        if step % print_every == 0:\n", "        if step % print_every == 0:\n", "            running = 0.0\n", "            running = 0.0\n        step += 1\n"), ""),
        (edited(LOOP, "running += train_step(model, images, labels, criterion, optimizer)", "running += train_step(model, images, labels)"), ""),
        (edited(LOOP, "print_every == 0", "40 == 0", "/ print_every", "/ 40"), ""),
        (edited(LOOP, "reports.append(running / print_every)", "reports.append(torch.tensor(running / print_every))"), ""),
        (edited(LOOP, "range(epochs)", "epochs"), ""),
    ],
    "predict": [
        ("return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)", ""),
        ("model.eval()\nwith torch.no_grad():\n    return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)", ""),
        ("model.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train()\nreturn p", ""),
        ("mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images.view(images.shape[0], -1)), dim=0)\nmodel.train(mode)\nreturn p", ""),
        ("mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = model(images.view(images.shape[0], -1))\nmodel.train(mode)\nreturn p", ""),
        ("mode = model.training\nmodel.eval()\np = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train(mode)\nreturn p", ""),
        ("mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train(mode)\nreturn p.argmax(dim=1)", ""),
        ("mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.log_softmax(model(images.view(images.shape[0], -1)), dim=1)\nmodel.train(mode)\nreturn p", ""),
        ("with torch.no_grad():\n    return torch.softmax(model(images.view(images.shape[0], -1)), dim=1)", ""),
        ("mode = model.training\nmodel.eval()\nwith torch.no_grad():\n    p = torch.softmax(model(images), dim=1)\nmodel.train(mode)\nreturn p", ""),
    ],
    "accuracy": [
        ("right = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).float().mean().item()\nreturn right / len(loader)", ""),
        ("for images, labels in loader:\n    right = (predict(model, images).argmax(dim=1) == labels).float().mean().item()\nreturn right", ""),
        ("for images, labels in loader:\n    return (predict(model, images).argmax(dim=1) == labels).float().mean().item()", ""),
        ("right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum()\n    total += len(labels)\nreturn right / total", ""),
        ("right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn 100 * right / total", ""),
        ("right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=0) == labels).sum().item()\n    total += len(labels)\nreturn right / total", ""),
        ("right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).max(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn right / total", ""),
        ("right = total = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn right", ""),
        ("right = total = 0\nfor images, labels in loader:\n    right += (predict(images).argmax(dim=1) == labels).sum().item()\n    total += len(labels)\nreturn right / total", ""),
        ("right = 0\nfor images, labels in loader:\n    right += (predict(model, images).argmax(dim=1) == labels).sum().item()\nreturn right / len(loader)", ""),
    ],
    "build_model": [
        ("return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))", ""),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))", ""),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 1))", ""),
        ("torch.manual_seed(0)\nreturn nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", ""),
        ("model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", ""),
        ("return nn.Sequential", ""),
        ("return [nn.Flatten(), nn.Linear(784, 10)]", ""),
        ("return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 10))", ""),
        ("return nn.Sequential(nn.flatten(), nn.Linear(784, 10))", ""),
    ],
    "train_model": [
        (edited(TRAINING, "        optimizer.zero_grad()\n", ""), ""),
        (edited(TRAINING, "    model.train()\n", ""), ""),
        (edited(TRAINING, "    model.eval()\n", ""), ""),
        (edited(TRAINING, "    with torch.no_grad():\n        for images, labels in validation_loader:\n            loss = criterion(model(images), labels)\n            total", "    if True:\n        for images, labels in validation_loader:\n            optimizer.zero_grad()\n            loss = criterion(model(images), labels)\n            loss.backward()\n            optimizer.step()\n            total"), ""),
        (edited(TRAINING, "loss.item() * len(labels)", "loss.item()", "count += len(labels)", "count += 1"), ""),
        (edited(TRAINING, 'history["validation_loss"].append(total / count)', 'history["validation_loss"].append(loss.item())'), ""),
        (edited(TRAINING, 'history["train_loss"].append(total / count)', 'history["train_loss"].append(loss.item())'), ""),
        (edited(TRAINING, "loss.item() * len(labels)", "loss.item()"), ""),
        (edited(TRAINING, "loss.item() * len(labels)", "loss * len(labels)"), ""),
        (edited(TRAINING, "    model.train()\n    total, count = 0.0, 0\n", "    model.train()\n", "history = {", "total, count = 0.0, 0\nhistory = {", "    model.eval()\n    total, count = 0.0, 0\n", "    model.eval()\n"), ""),
        (edited(TRAINING, "        optimizer.step()\n", ""), ""),
        (edited(TRAINING, "return history", "return history['train_loss'], history['validation_loss']"), ""),
        (edited(TRAINING, "return history", ""), ""),
        (edited(TRAINING, "return history", "return model"), ""),
        (edited(TRAINING, "criterion = nn", "model = build_model()\ncriterion = nn"), ""),
        (edited(TRAINING, "in validation_loader", "in train_loader"), ""),
        (edited(TRAINING, 'history["validation_loss"].append(total / count)', "pass"), ""),
        (edited(TRAINING, "loss = criterion(model(images), labels)\n            total += loss.item() * len(labels)", "total += (model(images).argmax(1) == labels).sum().item()"), ""),
        (edited(TRAINING, "loss.item() * len(labels)", "loss.item() * 64"), ""),
        (edited(TRAINING, "        loss.backward()\n", "        loss.backwards()\n"), ""),
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
        edited(FIT, "    with torch.no_grad():\n        w -= lr * w.grad\n        b -= lr * b.grad\n", "    w.data = w.data - lr * w.grad\n    b.data = b.data - lr * b.grad\n"),
        "w, b, losses = w0.clone(), b0.clone(), []\nfor k in range(n_steps + 1):\n    w, b = w.detach().requires_grad_(), b.detach().requires_grad_()\n    loss = ((X @ w + b - y) ** 2).mean() / 2\n    losses.append(float(loss))\n    if k < n_steps:\n        loss.backward()\n        w, b = w - lr * w.grad, b - lr * b.grad\nreturn w.detach(), b.detach(), losses",
    ],
    "build_network": [
        NETWORK,
        "sizes = [input_size, *hidden_sizes]\nmodel = nn.Sequential()\nfor i in range(len(hidden_sizes)):\n    model.add_module(f'fc{i + 1}', nn.Linear(sizes[i], sizes[i + 1]))\n    model.add_module('relu' + str(i + 1), nn.ReLU())\nmodel.add_module('logits', nn.Linear(sizes[-1], output_size))\nreturn model",
        "pairs = []\nfor i, h in enumerate(hidden_sizes):\n    pairs += [(f'fc{i + 1}', nn.Linear(hidden_sizes[i - 1] if i else input_size, h)), (f'relu{i + 1}', nn.ReLU(inplace=True))]\nreturn nn.Sequential(OrderedDict(pairs + [('logits', nn.Linear(hidden_sizes[-1], output_size))]))",
    ],
    "train_step": [
        STEP,
        "logits = model(images.flatten(1))\nloss = criterion(logits, labels)\noptimizer.zero_grad()\nloss.backward()\noptimizer.step()\nreturn float(loss)",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'\nmodel.to(device)\nimages, labels = images.to(device), labels.to(device)\nmodel.zero_grad()\nloss = criterion(model(torch.flatten(images, start_dim=1)), labels)\nloss.backward()\noptimizer.step()\nreturn loss.detach().cpu().item()",
        "def closure():\n    optimizer.zero_grad()\n    loss = criterion(model(images.reshape(len(images), 784)), labels)\n    loss.backward()\n    return loss\nreturn optimizer.step(closure).item()",
    ],
    "train": [
        LOOP,
        "losses = [train_step(model, *batch, criterion, optimizer) for _ in range(epochs) for batch in loader]\nreturn [sum(losses[i : i + print_every]) / print_every for i in range(0, len(losses) - print_every + 1, print_every)]",
        "means, window = [], []\nfor _ in range(epochs):\n    for images, labels in loader:\n        window.append(train_step(model, images, labels, criterion, optimizer))\n        if len(window) == print_every:\n            means.append(float(np.mean(window)))\n            window.clear()\nreturn means",
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
        edited(TRAINING, "        optimizer.zero_grad()\n        loss = criterion(model(images), labels)\n        loss.backward()\n        optimizer.step()\n", "        images = images.flip(-1)\n        loss = criterion(model(images), labels)\n        loss.backward()\n        optimizer.step()\n        optimizer.zero_grad()\n"),
        edited(TRAINING, "CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.1)", "optim.Adam(model.parameters(), lr=0.002)", "optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)\nscheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3 * len(train_loader))", "        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
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
