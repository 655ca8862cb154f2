"""Ten submissions of ps4 through this project's nbgrader configuration and through stock nbgrader, side by side.

Stock nbgrader gets the same notebooks, with plain asserts in the test cells that do what the hidden tests do:
compare a step, a loop, predictions and accuracy with known numbers, and train once for the final accuracy.

Usage: python tools/benchmark.py [--submissions N] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "ps4_training_loop"
DOCUMENT = ROOT / "docs" / "benchmark.md"

SMALL = """
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
STOCK_TESTS = {
    "test_build_network": """
_n = build_network()
assert [name for name, _ in _n.named_children()] == ["fc1", "relu1", "fc2", "relu2", "logits"]
assert [tuple(p.shape) for p in _n.parameters()] == [(128, 784), (128,), (64, 128), (64,), (10, 64), (10,)]
for _hidden in ((5,), (7, 6, 5)):
    assert build_network(9, _hidden, 4)(torch.randn(3, 9)).shape == (3, 4)
""",
    "test_train_step": SMALL
    + """
_a, _b = _net(), _net()
_o = optim.SGD(_a.parameters(), lr=0.1)
_got = [train_step(_a, x, y, nn.CrossEntropyLoss(), _o) for x, y in _batches]
assert np.allclose(_got, _right(_b, _batches, 1), atol=1e-5) and _same(_a, _b)
""",
    "test_train": SMALL
    + """
for _epochs, _every in ((1, 2), (3, 2), (2, 4)):
    _a, _b = _net(), _net()
    _got = train(_a, _batches, nn.CrossEntropyLoss(), optim.SGD(_a.parameters(), lr=0.1), _epochs, _every)
    _all = _right(_b, _batches, _epochs)
    _want = [sum(_all[i : i + _every]) / _every for i in range(0, len(_all) - _every + 1, _every)]
    assert np.allclose(_got, _want, atol=1e-5) and _same(_a, _b)
""",
    "test_predict": SMALL
    + """
_a = _net()
_p = predict(_a, _x)
assert torch.allclose(_p, torch.softmax(_a(_x.view(21, -1)), 1), atol=1e-6) and not _p.requires_grad and _a.training
""",
    "test_accuracy": SMALL
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


def course(folder: Path, stock: bool, count: int) -> None:
    """A course with `count` submissions of the solved notebook."""
    source = folder / "source" / NAME
    shutil.copytree(ROOT / "source" / NAME, source, ignore=shutil.ignore_patterns("__pycache__"))
    notebook = source / f"{NAME}.ipynb"
    document = json.loads(notebook.read_text())
    if stock:
        for cell in document["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if name in STOCK_TESTS:
                cell["source"] = STOCK_TESTS[name].strip()
        notebook.write_text(json.dumps(document))
    else:
        shutil.copy(ROOT / "nbgrader_config.py", folder)
    for k in range(count):
        submitted = folder / "submitted" / f"student{k:02}" / NAME
        submitted.mkdir(parents=True)
        shutil.copy(notebook, submitted)


def nbgrader(folder: Path, *arguments: str) -> list[tuple[float, str]]:
    """Run an nbgrader command; the lines of its log, each with the second in which it came."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"}
    started, lines = time.perf_counter(), []
    with subprocess.Popen(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [(time.perf_counter() - started, line) for line in process.stdout]
    if process.returncode:
        raise SystemExit("".join(line for _, line in lines[-20:]))
    return lines


def measure(stock: bool, count: int) -> tuple[float, list[float]]:
    """Seconds until the first submission was done, and seconds for each one after it."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        course(folder, stock, count)
        nbgrader(folder, "generate_assignment", NAME)
        lines = nbgrader(folder, "autograde", NAME)
        scores = full_marks(folder)
    if scores != count:
        raise SystemExit(
            f"{count - scores} of {count} submissions didn't get full marks: the figures would say nothing"
        )
    done = [when for when, line in lines if "Setting destination file permissions" in line]
    return done[0], [later - earlier for earlier, later in pairwise(done)]


def full_marks(folder: Path) -> int:
    """How many submissions got all 25 auto points."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        return sum(abs(s.score - 25) < 1e-6 for s in gradebook.assignment_submissions(NAME))


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--write", action="store_true", help=f"write the table to {DOCUMENT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    rows, means = [], []
    for title, stock in (("this project", False), ("stock nbgrader", True)):
        print(f"{title}: grading {arguments.submissions} submissions …", flush=True)
        first, others = measure(stock, arguments.submissions)
        means.append(statistics.mean(others))
        rows.append(f"| {title} | {first:.1f} | {means[-1]:.2f} | {max(others):.2f} |")
    table = "\n".join(
        [
            "| | first submission, start-up included (s) | each further one (s, mean) | slowest (s) |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"Ratio of the means: {means[1] / means[0]:.1f}.",
        ]
    )
    print(table)
    if arguments.write:
        words = (
            "`python tools/benchmark.py --write` measured this: "
            f"{arguments.submissions} submissions of {NAME}, all with full marks,\n"
            f"in one `nbgrader autograde` run each, on {os.cpu_count()} cores. Stock nbgrader runs the same notebooks\n"
            "with equivalent asserts in their test cells."
        )
        DOCUMENT.write_text(f"# Benchmark\n\n{words}\n\n{table}\n")


if __name__ == "__main__":
    main()
