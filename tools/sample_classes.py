"""Classes of submissions for the benchmark, and the courses in which each of the systems grades them.

A *mixed* class: half of the submissions are wrong in one or several cells (entries of the assignment's bank of
misconceptions), a tenth is unfilled from some cell on, 4 % crash, 1 % loop or print without end, the rest is right.
Stock nbgrader and Otter get plain asserts that do what the hidden tests do: compare with right answers, and train.
"""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

from autograder.course import Assignment

ROOT = Path(__file__).resolve().parent.parent
Notebook = dict[str, Any]

_NUMPY = """
import numpy as np
_rng = np.random.default_rng(0)
_X, _y, _w = _rng.normal(size=(20, 3)), _rng.normal(size=20), _rng.normal(size=3)
def _close(a, b, atol=1e-6):
    return np.allclose(a, b, atol=atol)
def _loss(w, b):
    return ((_X @ w + b - _y) ** 2).mean() / 2
def _slopes(w, b):
    d = (_X @ w + b - _y) / 20
    return _X.T @ d, d.sum()
"""
_NUMPY_TESTS = {
    "test_mse_loss": _NUMPY + "assert _close(mse_loss(_y, _X @ _w + 1), _loss(_w, 1))",
    "test_mse_gradient": _NUMPY + "assert _close(mse_gradient(_y, 0 * _y), -_y / 20)",
    "test_linear_gradients": _NUMPY
    + "for _a, _b in zip(linear_gradients(_X, _y, _w, 0.3), _slopes(_w, 0.3)):\n    assert _close(_a, _b)",
    "test_gradient_step": _NUMPY + "assert _close(gradient_step(_w, np.ones(3), 0.1), _w - 0.1)",
    "test_gradient_descent": _NUMPY
    + """
for _steps in (1, 5, 50):
    _a, _b, _losses = _w, 0.3, [_loss(_w, 0.3)]
    for _ in range(_steps):
        _da, _db = _slopes(_a, _b)
        _a, _b = _a - 0.1 * _da, _b - 0.1 * _db
        _losses.append(_loss(_a, _b))
    _got = gradient_descent(_X, _y, _w, 0.3, 0.1, _steps)
    assert _close(_got[0], _a) and _close(_got[1], _b) and _close(_got[2], _losses)
""",
    "test_numerical_gradient": _NUMPY
    + "assert _close(numerical_gradient(lambda w: (w**3).sum(), _w), 3 * _w**2, 1e-4)",
}
_TORCH = """
import numpy as np
torch.manual_seed(0)
_x, _y = torch.randn(21, 1, 28, 28), torch.arange(21) % 10
def _net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(784, 7), nn.ReLU(), nn.Linear(7, 10))
def _right(net, batches, epochs, lr=0.1):
    opt, crit, losses = optim.SGD(net.parameters(), lr=lr), nn.CrossEntropyLoss(), []
    for _ in range(epochs):
        for x, y in batches:
            opt.zero_grad()
            loss = crit(net(x.view(len(x), -1)), y)
            loss.backward()
            opt.step()
            losses.append(loss.item())
    return losses
def _same(a, b):
    return all(torch.allclose(p, q, atol=1e-5) for p, q in zip(a.parameters(), b.parameters()))
_batches = list(zip(_x.split(8), _y.split(8)))
"""
_TORCH_TESTS = {
    "test_build_network": """
_n = build_network()
assert [name for name, _ in _n.named_children()] == ["fc1", "relu1", "fc2", "relu2", "logits"]
assert [tuple(p.shape) for p in _n.parameters()] == [(128, 784), (128,), (64, 128), (64,), (10, 64), (10,)]
for _hidden in ((5,), (7, 6, 5)):
    assert build_network(9, _hidden, 4)(torch.randn(3, 9)).shape == (3, 4)
""",
    "test_cross_entropy": """
_z, _l = torch.randn(9, 6, dtype=torch.float64).mul(300).requires_grad_(), torch.randint(0, 6, (9,))
_want = nn.functional.cross_entropy(_z, _l)
_want.backward()
_loss, _gradient = cross_entropy(_z.detach(), _l)
assert abs(float(_loss) - _want.item()) < 1e-9 and torch.allclose(_gradient, _z.grad)
""",
    "test_train_step": _TORCH
    + """
_a, _b = _net(), _net()
_o = optim.SGD(_a.parameters(), lr=0.1)
_got = [train_step(_a, x, y, nn.CrossEntropyLoss(), _o) for x, y in _batches]
assert np.allclose(_got, _right(_b, _batches, 1), atol=1e-5) and _same(_a, _b)
""",
    "test_overfit_batch": _TORCH
    + """
_a, _b = _net(), _net()
_got = overfit_batch(_a, *_batches[0], nn.CrossEntropyLoss(), optim.SGD(_a.parameters(), lr=0.1), 0.0, 5)
assert np.allclose(_got, _right(_b, _batches[:1], 5), atol=1e-5) and _same(_a, _b)
""",
    "test_train": _TORCH
    + """
for _epochs, _every in ((1, 2), (3, 2), (2, 4)):
    _a, _b = _net(), _net()
    _got = train(_a, _batches, nn.CrossEntropyLoss(), optim.SGD(_a.parameters(), lr=0.1), _epochs, _every)
    _all = _right(_b, _batches, _epochs)
    _want = [sum(_all[i : i + _every]) / _every for i in range(0, len(_all) - _every + 1, _every)]
    assert np.allclose(_got, _want, atol=1e-5) and _same(_a, _b)
""",
    "test_diagnose_run": """
_causes = ["softmax twice", "gradients never cleared", "labels shuffled", "rate too high"]
assert [diagnose_run(run) for run in "ABCD"] == _causes
""",
    "test_predict": _TORCH
    + """
_a = _net()
_p = predict(_a, _x)
assert torch.allclose(_p, torch.softmax(_a(_x.view(21, -1)), 1), atol=1e-6) and not _p.requires_grad and _a.training
""",
    "test_accuracy": _TORCH
    + """
_a = _net()
_labels = _a(_x.view(21, -1)).argmax(1)
_labels[:4] = (_labels[:4] + 1) % 10
assert abs(accuracy(_a, list(zip(_x.split(8), _labels.split(8)))) - 17 / 21) < 1e-6
""",
    "test_final_accuracy": """
_n = build_network()
_few = torch.utils.data.TensorDataset(*(t[:5000] for t in training.tensors))
_l = DataLoader(_few, batch_size=64, shuffle=True)
train(_n, _l, nn.CrossEntropyLoss(), optim.SGD(_n.parameters(), lr=0.01, momentum=0.9), 2, 100)
assert (_n(validation.tensors[0].view(-1, 784)).argmax(1) == validation.tensors[1]).float().mean() > 0.8
""",
}
IN_NOTEBOOK_TESTS = {"ps1_gradient_descent": _NUMPY_TESTS, "ps4_training_loop": _TORCH_TESTS}
"""By the assignment and the test cell: what stock nbgrader and Otter grade with."""

_CRASH = "    import os; os._exit(1)\n"
_ENDLESS = ("    while True: pass\n", "    while True: print('x')\n")


def right_class(assignment: Assignment, size: int) -> list[Notebook]:
    """So many right notebooks."""
    return [json.loads(assignment.notebook.read_bytes()) for _ in range(size)]


def mixed_class(assignment: Assignment, size: int, seed: int = 0) -> list[Notebook]:
    """A class as it is: see above. The same seed gives the same class."""
    chance = random.Random(seed)
    kinds = ["wrong"] * (size // 2) + ["unfilled"] * (size // 10) + ["crash"] * round(size * 0.04)
    kinds += ["endless"] * round(size * 0.01)
    kinds += ["right"] * (size - len(kinds))
    chance.shuffle(kinds)
    return [_submission(assignment, kind, chance) for kind in kinds]


def _submission(assignment: Assignment, kind: str, chance: random.Random) -> Notebook:
    notebook: Notebook = json.loads(assignment.notebook.read_bytes())
    cells = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in notebook["cells"]}
    functions = list(assignment.functions)
    if kind == "wrong":
        for function in chance.sample(functions, chance.choice([1, 1, 2, 3])):
            entries = assignment.bank.of(function)
            if entries:
                cells[function]["source"] = chance.choice(entries).source.text
    elif kind == "unfilled":
        for function in functions[chance.randrange(len(functions)) :]:
            cells[function]["source"] = _head(cells[function], function) + "    raise NotImplementedError\n"
    elif kind in ("crash", "endless"):
        function = chance.choice(functions)
        body = _CRASH if kind == "crash" else chance.choice(_ENDLESS)
        cells[function]["source"] = _head(cells[function], function) + body
    notebook["metadata"]["kind"] = kind
    return notebook


def _head(cell: dict[str, Any], function: str) -> str:
    """A cell's source up to the line that begins its function."""
    source = "".join(cell["source"])
    return source[: source.index("\n", source.index(f"def {function}(")) + 1]


def make_course(folder: Path, assignment: Assignment, notebooks: list[Notebook], stock: bool) -> None:
    """A course in `folder` with these submissions, of this project or (`stock`) of nbgrader alone."""
    name = assignment.name
    source = folder / "source" / name
    shutil.copytree(assignment.folder, source, ignore=shutil.ignore_patterns("__pycache__"))
    solved = source / f"{name}.ipynb"
    if stock:
        solved.write_text(json.dumps(_with_tests(json.loads(solved.read_text()), name)))
        # The course's helper refuses to be graded without hidden tests.
        helper = source / "helper.py"
        helper.write_text(helper.read_text().replace('"NBGRADER_EXECUTION"', '"NEVER_SET"'))
    else:
        shutil.copy(ROOT / "nbgrader_config.py", folder)
    for number, notebook in enumerate(notebooks):
        submitted = folder / "submitted" / f"student{number:04}" / name
        submitted.mkdir(parents=True)
        content = _with_tests(notebook, name) if stock else notebook
        (submitted / f"{name}.ipynb").write_text(json.dumps(content))


def _with_tests(notebook: Notebook, name: str) -> Notebook:
    """The notebook with asserts in its test cells."""
    for cell in notebook["cells"]:
        test = IN_NOTEBOOK_TESTS[name].get(cell["metadata"].get("nbgrader", {}).get("grade_id"))
        if test is not None:
            cell["source"] = test.strip()
    return notebook


def make_otter_zip(folder: Path, assignment: Assignment) -> Path:
    """What `otter run` grades with: the same asserts, one test file for each cell, and the assignment's files."""
    path = folder / "autograder.zip"
    points = {str(cell.grade_id): cell.points for cell in assignment.tests}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"lang": "python"}))
        for grade_id, source in IN_NOTEBOOK_TESTS[assignment.name].items():
            archive.writestr(
                f"tests/{grade_id}.py",
                "from otter.test_files import test_case\n"
                f"OK_FORMAT = False\nname = {grade_id!r}\npoints = {points[grade_id]}\n"
                f"@test_case(points={points[grade_id]}, hidden=False)\n"
                f"def test_it(env):\n    exec({source!r}, env)\n",
            )
        for file in assignment.folder.iterdir():
            if file.is_file() and file.suffix != ".ipynb":
                archive.write(file, f"files/{file.name}")
    return path
