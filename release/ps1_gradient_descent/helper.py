"""Helpers for the notebooks of "Training Neural Networks": checks, data, figures.

You may read it, and you need not: it holds no answers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

plt.rcParams.update(
    {
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "savefig.facecolor": "white",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": plt.cycler(color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]),
    }
)

# --- checks --------------------------------------------------------------------------------------------------


class ChecksFailed(AssertionError):
    """Some checks of a test cell failed; what is wrong was printed above."""

    def _render_traceback_(self) -> list[str]:
        return [f"ChecksFailed: {self}"]


class Checks:
    """Collects the checks of one test cell; made by `checks`."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._lines: list[str] = []
        self._failed = 0
        self._count = 0
        self._missing = False
        self._fingerprints: dict[str, list[float]] = {}

    def close(self, sentence: str, value: Callable[[], Any], expected: Any, tolerance: float = 1e-5) -> None:
        """Checks that `value()` is `expected`: a number, an array, a tensor, or lists, tuples and dicts of them.

        tolerance: the largest difference allowed, relative to the largest expected number (or to 1, if that is larger).
        """
        got, problem = self._call(value)
        if self._missing:
            return
        if problem is None:
            self._fingerprints[sentence] = fingerprint(got)
            problem = _difference(got, expected, tolerance)
        self._add(sentence, problem)

    def that(self, sentence: str, condition: Callable[[], Any]) -> None:
        """Checks that `condition()` is true."""
        got, problem = self._call(condition)
        if self._missing:
            return
        if problem is None and not bool(got):
            problem = ""
        self._add(sentence, problem)

    def _call(self, action: Callable[[], Any]) -> tuple[Any, str | None]:
        """The result, or a line that says why there is none."""
        if self._missing:
            return None, None
        try:
            return action(), None
        except NotImplementedError as error:
            if str(error):
                return None, f"stopped with NotImplementedError: {error}"
            self._missing = True
            self._failed += 1
            self._lines.append(f"· {self._function} is not filled in yet: raise NotImplementedError is still there")
            return None, None
        except Exception as error:
            text = str(error).strip().split("\n")[0]
            return None, f"stopped with {type(error).__name__}" + (f": {text}" if text else "")

    def _add(self, sentence: str, problem: str | None) -> None:
        self._count += 1
        if problem is None:
            self._lines.append(f"✓ {sentence}")
            return
        self._failed += 1
        self._lines.append(f"✗ {sentence}")
        self._lines.extend(f"    {line}" for line in problem.split("\n") if line)

    def _known_mistake(self) -> str | None:
        """The title and hint of the one known mistake that gives all these values, if there is just one."""
        found = {
            (mistake["title"], mistake["hint"])
            for mistake in _known_mistakes().get(self._function, [])
            if mistake["fingerprints"].keys() == self._fingerprints.keys()
            and all(
                _same_numbers(mistake["fingerprints"][sentence], got) for sentence, got in self._fingerprints.items()
            )
        }
        if len(found) != 1:
            return None
        ((title, hint),) = found
        return f"All these values are what comes out of this mistake: {title}.\nHint: {hint}"

    def _report(self) -> None:
        print("\n".join(self._lines))
        if self._failed:
            mistake = None if self._missing else self._known_mistake()
            if mistake is not None:
                print(mistake)
            raise ChecksFailed(f"{self._function}: not right yet, see above.")
        print(f"All {self._count} checks of {self._function} passed.")


@contextmanager
def checks(function: str) -> Iterator[Checks]:
    """Runs a test cell's checks, prints them as a list, and raises ChecksFailed if any failed.

    with helper.checks("mse_loss") as check:
        check.close("a sentence", lambda: mse_loss(y, y_hat), 0.25)
    """
    check = Checks(function)
    yield check
    check._report()


class needs:
    """Guards a cell that uses your functions: until they are filled in, it says so instead of stopping the notebook."""

    def __init__(self, *functions: str) -> None:
        self._functions = functions

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, NotImplementedError | NameError):
            print(f"This cell comes to life once you have filled in {_enumerated(self._functions)}.")
            return True
        return False


def _enumerated(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _array(value: Any) -> np.ndarray | None:
    """Numbers as an array; None for anything else."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, list | tuple):
        parts = [_array(part) for part in value]
        if any(part is None for part in parts) or len({part.shape for part in parts}) > 1:
            return None
        return np.array(parts, dtype=float)
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array.astype(float) if array.dtype.kind in "fiub" else None


def _difference(got: Any, expected: Any, tolerance: float) -> str | None:
    """None if the two agree; else what came and what was expected, in a line or two."""
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            return f"expected a dict with the keys {', '.join(map(str, expected))}; got {_shown(got)}"
        lines = {key: _difference(got[key], expected[key], tolerance) for key in expected}
        return next((f"{key}: {line}" for key, line in lines.items() if line is not None), None)
    right = _array(expected)
    if right is None and isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            return f"expected {len(expected)} results; got {_shown(got)}"
        lines = [_difference(one, other, tolerance) for one, other in zip(got, expected, strict=True)]
        return next((f"result {i}: {line}" for i, line in enumerate(lines) if line is not None), None)
    if right is None:
        return None if got == expected else f"expected {expected!r}, got {_shown(got)}"
    if got is None:
        return f"expected {_shown(expected)}, got None: is there a return?"
    received = _array(got)
    if received is None:
        return f"expected {_shown(expected)}, got {_shown(got)}"
    if received.shape != right.shape:
        return f"expected the shape {right.shape}, got the shape {received.shape}: {_shown(got)}"
    limit = tolerance * max(1.0, float(np.max(np.abs(right), initial=0)))
    if bool(np.all(np.abs(received - right) <= limit)):
        return None
    return f"expected {_shown(expected)}\ngot      {_shown(got)}"


def _shown(value: Any) -> str:
    """A value in one line."""
    array = _array(value)
    if array is None:
        text = "None" if value is None else repr(value)
    elif array.ndim == 0:
        text = f"{float(array):.6g}"
    else:
        text = np.array2string(array, precision=4, threshold=12, edgeitems=3, max_line_width=10_000, separator=", ")
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "..."


def fingerprint(value: Any) -> list[float]:
    """A few numbers that tell values apart without giving them away: of each array its shape and three projections."""
    if value is None:
        return [-1.0]
    if isinstance(value, Mapping):
        parts = [fingerprint(value[key]) for key in sorted(value)]
        return [float(len(value)), *(number for part in parts for number in part)]
    array = _array(value)
    if array is None and isinstance(value, list | tuple):
        return [float(len(value)), *(number for part in value for number in fingerprint(part))]
    if array is None:
        return []
    flat = array.ravel()
    places = np.arange(1, flat.size + 1)
    projections = [float(np.sum(flat * np.cos(k * places))) for k in (0.7, 1.9, 3.1)]
    return [float(array.ndim), *map(float, array.shape), *(p if math.isfinite(p) else 1e300 for p in projections)]


def _same_numbers(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) > 0 and all(
        a == b or math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) for a, b in zip(one, other, strict=True)
    )


def _known_mistakes() -> dict[str, list[dict[str, Any]]]:
    try:
        return json.loads(_beside_notebook("known_mistakes.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


# --- data ----------------------------------------------------------------------------------------------------

FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def load_mnist(full: bool = False):
    """Handwritten digits as (training dataset, validation dataset).

    Both are TensorDatasets of pictures (n, 1, 28, 28), float32, and labels (n,), int64, from 0 to 9.
    A pixel x in [0, 1] is normalised by the mean and deviation of all training pixels: (x - 0.1307) / 0.3081.

    full=False: the sample that lies beside the notebook, 10,000 + 2,000 pictures.
    full=True: all 60,000 + 10,000 pictures, downloaded on first use into the folder "data".
    """
    return _load_pictures("mnist", "MNIST", 0.1307, 0.3081, full)


def load_fashion_mnist(full: bool = False):
    """Pictures of clothes as (training dataset, validation dataset), just like load_mnist.

    Pixels are normalised as (x - 0.2860) / 0.3530. The names of the ten classes are in FASHION_CLASSES.
    """
    return _load_pictures("fashion_mnist", "FashionMNIST", 0.2860, 0.3530, full)


def _load_pictures(name: str, torchvision_name: str, mean: float, std: float, full: bool):
    import torch
    from torch.utils.data import TensorDataset

    if full:
        from torchvision import datasets

        dataset = getattr(datasets, torchvision_name)
        parts = [dataset("data", train=train, download=True) for train in (True, False)]
        arrays = [(part.data.numpy(), part.targets.numpy()) for part in parts]
    else:
        with np.load(_beside_notebook(f"{name}.npz")) as file:
            arrays = [(file[f"{part}_images"], file[f"{part}_labels"]) for part in ("train", "validation")]
    training, validation = (
        TensorDataset(
            torch.from_numpy(images).unsqueeze(1).float().sub_(255 * mean).div_(255 * std),
            torch.from_numpy(labels).long(),
        )
        for images, labels in arrays
    )
    return training, validation


def _beside_notebook(filename: str) -> Path:
    """The file beside the notebook or, failing that, beside this module or in a folder below it."""
    here = Path(__file__).resolve().parent
    candidates = [Path.cwd() / filename, here / filename, *sorted(here.glob(f"*/{filename}"))]
    for path in candidates:
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{filename} is missing: it came with the assignment and belongs beside the notebook, in {Path.cwd()}"
    )


# --- figures -------------------------------------------------------------------------------------------------


def plot_losses(
    losses: Sequence[float], ax: Any = None, xlabel: str = "step", ylabel: str = "loss", **style: Any
) -> None:
    """Draws a loss curve; style goes to matplotlib's plot (label=..., color=...)."""
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 3.2))
    ax.plot(range(len(losses)), [float(loss) for loss in losses], marker="o", markersize=3, **style)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.25)
    if "label" in style:
        ax.legend(frameon=False)


def plot_descent(
    loss: Callable[[float, float], float],
    paths: Mapping[str, Any],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    labels: tuple[str, str] = ("w", "b"),
) -> None:
    """Draws paths of gradient descent on the contours of a loss of two parameters, one picture a path.

    loss: takes two floats to the loss. paths: title to an array (steps, 2). xlim, ylim: the region to draw.
    """
    xs, ys = np.linspace(*xlim, 40), np.linspace(*ylim, 40)
    heights = np.array([[loss(x, y) for x in xs] for y in ys])
    _, axes = plt.subplots(1, len(paths), figsize=(3.6 * len(paths), 3.3), squeeze=False, sharey=True)
    for ax, (title, path) in zip(axes[0], paths.items(), strict=True):
        path = np.asarray(path, dtype=float)
        ax.contourf(xs, ys, np.log(heights - heights.min() + 0.05), levels=14, cmap="Blues_r")
        ax.plot(path[:, 0], path[:, 1], "o-", color="#d55e00", markersize=3.5, linewidth=1.3)
        ax.plot(*path[0], "s", color="black", markersize=6)
        ax.set(title=title, xlabel=labels[0], xlim=xlim, ylim=ylim)
    axes[0][0].set_ylabel(labels[1])


def show_digits(images: Any, labels: Sequence[Any] | None = None, columns: int = 8) -> None:
    """Shows pictures in rows, with a line of text above each."""
    pictures = [_picture(image) for image in images]
    rows = math.ceil(len(pictures) / columns)
    # One image of all of them draws ten times faster than a subplot for each.
    height, width = pictures[0].shape
    gap = 6 if labels is None else 18
    canvas = np.full((rows * (height + gap), columns * (width + 4)), np.nan)
    figure, ax = plt.subplots(figsize=(columns * 1.05, rows * (1.05 + (labels is not None) * 0.25)))
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + gap) + gap, (i % columns) * (width + 4)
        canvas[top : top + height, left : left + width] = (picture - picture.min()) / max(np.ptp(picture), 1e-9)
        if labels is not None:
            ax.text(left + width / 2, top - 3, str(labels[i]), ha="center", va="bottom", fontsize=9)
    ax.imshow(canvas, cmap="gray_r", interpolation="nearest")
    ax.axis("off")
    figure.tight_layout(pad=0.2)


def view_classify(image: Any, probabilities: Any, class_names: Sequence[str] | None = None) -> None:
    """Shows a picture beside the bar chart of its class probabilities.

    image: (1, 28, 28), (28, 28) or (784,). probabilities: (10,) or (1, 10).
    """
    values = np.asarray(probabilities.detach() if hasattr(probabilities, "detach") else probabilities).ravel()
    names = [str(k) for k in range(len(values))] if class_names is None else list(class_names)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.9), width_ratios=[1, 1.3])
    left.imshow(_picture(image), cmap="gray_r")
    left.axis("off")
    best = int(values.argmax())
    colors = ["#d55e00" if k == best else "#0072b2" for k in range(len(values))]
    right.barh(range(len(values)), values, color=colors)
    right.set(yticks=range(len(values)), yticklabels=names, xlim=(0, 1.1), xlabel="probability")
    right.invert_yaxis()
    figure.tight_layout()


def show_first_layer(weights: Any, columns: int = 8, count: int = 16, title: str = "", ax: Any = None) -> None:
    """Shows the weights (units, 784) that lead to the first units as pictures: red is positive, blue negative."""
    rows = np.asarray(weights.detach() if hasattr(weights, "detach") else weights)[:count]
    lines = math.ceil(len(rows) / columns)
    canvas = np.full((lines * 30, columns * 30), np.nan)
    for i, row in enumerate(rows):
        top, left = (i // columns) * 30 + 1, (i % columns) * 30 + 1
        canvas[top : top + 28, left : left + 28] = row.reshape(28, 28) / np.abs(row).max()
    if ax is None:
        _, ax = plt.subplots(figsize=(columns * 0.8, lines * 0.8 + 0.3))
    ax.imshow(canvas, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_title(title)
    ax.axis("off")


def plot_confusion(matrix: Any, names: Sequence[str]) -> None:
    """Draws a confusion matrix (right class, answer) of counts, with the numbers in it."""
    counts = np.asarray(matrix, dtype=float)
    figure, ax = plt.subplots(figsize=(6.2, 5.4))
    ax.imshow(counts / counts.sum(axis=1, keepdims=True).clip(1), cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            ax.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=8, color="white" if i == j else "black")
    ticks = range(len(names))
    ax.set(xticks=ticks, yticks=ticks, yticklabels=names, xlabel="answer", ylabel="right class")
    ax.set_xticklabels(names, rotation=45, ha="right")
    figure.tight_layout()


def plot_backward_graph(
    nodes: Mapping[str, float],
    parameters: Mapping[str, Mapping[str, float]],
    slopes: Mapping[str, float] | None = None,
    local_slopes: Mapping[str, str] | None = None,
) -> None:
    """Draws a chain of nodes from left to right, with what enters each from above, and the slopes that come back.

    nodes: name to value, from the first to the last. parameters: for a node, name to value of what enters it.
    slopes: for a node or a parameter, the slope of the last node by it; written below a node, above a parameter.
    local_slopes: for a node or a parameter, a text about the slope of what it feeds by it; written beside the arrow.

    Green boxes are given, blue ones computed; black arrows run forward, orange ones back.
    """
    slopes, local_slopes = slopes or {}, local_slopes or {}
    last, back = list(nodes)[-1], "#d55e00"
    place = {name: (2.0 * i, 0.0) for i, name in enumerate(nodes)}
    feeds = dict(zip(nodes, list(nodes)[1:], strict=False))
    values = dict(nodes)
    for node, given in parameters.items():
        values |= given
        for j, name in enumerate(given):
            place[name] = (place[node][0] + (j - (len(given) - 1) / 2) * 1.1, 1.9)
            feeds[name] = node

    # Axes as wide as the figure need no layout, which would cost as much time as the drawing itself.
    ax = plt.figure(figsize=(9, 3.8 if slopes else 2.4)).add_axes((0, 0, 1, 1))
    for name, (x, y) in place.items():
        color = "#d8e6f5" if y == 0 and x > 0 else "#d5efd5"
        box = {"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "0.4"}
        text = f"{name}\n{values[name]:.4g}".replace("-", "−")
        ax.text(x, y, text, bbox=box, ha="center", va="center", fontsize=10)
        if name in slopes:
            text = f"∂{last}/∂{name.split(' = ')[0]}\n{slopes[name]:.4f}".replace("-", "−")
            ax.text(x, y + (0.85 if y else -1.85), text, color=back, ha="center", va="center", fontsize=10)
    arrows = []
    for name, target in feeds.items():
        (x, y), (to_x, _) = place[name], place[target]
        start, end = ((x + 0.38, 0), (to_x - 0.38, 0)) if y == 0 else ((x, y - 0.42), (to_x + (x - to_x) * 0.4, 0.42))
        arrows.append((*start, end[0] - start[0], end[1] - start[1]))
        if name in local_slopes and y == 0:
            bend = {"arrowstyle": "->", "color": back, "connectionstyle": "arc3,rad=-0.35"}
            ax.annotate("", (x + 0.15, -0.45), (to_x - 0.15, -0.45), arrowprops=bend)
            ax.text((x + to_x) / 2, -1.0, local_slopes[name], color=back, ha="center", va="top", fontsize=8.5)
        elif name in local_slopes:
            side = ("right", -0.47) if x < to_x else ("left", 0.47)
            ax.text(to_x + side[1], 0.95, local_slopes[name], color=back, ha=side[0], va="center", fontsize=8.5)
    # One quiver for all arrows forward draws in a tenth of the time of as many annotations.
    shape = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "dots", "width": 1.2, "headwidth": 6}
    ax.quiver(*np.transpose(arrows), color="0.2", **shape)
    ax.set(xlim=(-0.7, 2 * len(nodes) - 1.3), ylim=(-2.2, 3.05) if slopes else (-0.6, 2.4))
    ax.axis("off")
    for artist in ax.texts:
        artist.set_in_layout(False)


def plot_graph(result: Any, names: Mapping[str, Any] | None = None, ax: Any = None) -> None:
    """Draws what autograd has recorded about a tensor, read off its grad_fn.

    result: a tensor with a grad_fn, of which nothing has been differentiated yet.
    names: tensors that are to be labelled in the picture, by name. Leaves without a name are labelled by their shape.
    ax: the axes to draw on; a new figure without it.

    Leaves are green, results of operations blue, the result orange. Arrows point forward; slopes go against them.
    """
    names = names or {}
    operations = {tensor.grad_fn: name for name, tensor in names.items() if tensor.grad_fn is not None}
    leaves = {id(tensor): name for name, tensor in names.items() if tensor.is_leaf}

    column = {result.grad_fn: 0}  # the longest way to the result
    inputs = {}
    waiting = [result.grad_fn]
    while waiting:
        node = waiting.pop(0)
        inputs[node] = [source for source, _ in node.next_functions if source is not None]
        for source in inputs[node]:
            if column.get(source, -1) <= column[node]:
                column[source] = column[node] + 1
                waiting.append(source)

    def label(node: Any) -> str:
        if hasattr(node, "variable"):
            leaf = node.variable
            return leaves.get(id(leaf), f"leaf {tuple(leaf.shape)}") + "\n(leaf)"
        return "\n".join(filter(None, [operations.get(node), node.name()]))

    columns: list[list[Any]] = [[] for _ in range(max(column.values()) + 1)]
    for node in inputs:
        columns[column[node]].append(node)
    widths = [2 + max(len(line) for node in nodes for line in label(node).split("\n")) for nodes in columns]
    gap, total = 4, sum(widths) + 4 * (len(columns) - 1)
    rows = max(len(nodes) for nodes in columns)
    if ax is None:
        _, ax = plt.subplots(figsize=(min(10, total * 0.085), 0.55 + 0.55 * rows))
    inches = ax.get_position().width * ax.figure.get_figwidth()
    fontsize = min(9, 72 * inches / (0.62 * total))

    point = (total + 2) / (72 * inches)  # in the units of the x axis, one for a letter at full size
    place = {}  # left, right and middle row of each box
    right = float(total)
    for nodes, width in zip(columns, widths, strict=True):
        for i, node in enumerate(nodes):
            half = (0.3 * max(map(len, label(node).split("\n"))) + 0.35) * fontsize * point
            place[node] = (right - width / 2 - half, right - width / 2 + half, (len(nodes) - 1) / 2 - i)
        right -= width + gap
    for node, (left, right, row) in place.items():
        is_leaf = hasattr(node, "variable")
        color = "#d5efd5" if is_leaf else "#ffdfb8" if node is result.grad_fn else "#d8e6f5"
        box = {"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "0.4"}
        ax.text(
            (left + right) / 2,
            row,
            label(node),
            bbox=box,
            family="monospace",
            fontsize=fontsize,
            ha="center",
            va="center",
        )
        for i, source in enumerate(inputs[node]):
            again = inputs[node][:i].count(source)
            bend = 0.0 if inputs[node].count(source) == 1 else (0.5, -0.5)[again % 2]
            arrow = {
                "arrowstyle": "->",
                "color": "0.3",
                "connectionstyle": f"arc3,rad={bend}",
                "shrinkA": 3,
                "shrinkB": 3,
            }
            ax.annotate("", (left, row), (place[source][1], place[source][2]), arrowprops=arrow)
    ax.set(xlim=(-1, total + 1), ylim=(-rows / 2 - 0.1, rows / 2 + 0.1))
    ax.axis("off")


def plot_accumulation(totals: Sequence[float], contributions: Sequence[float]) -> None:
    """Draws a gradient that grows from call to call of backward(), as columns of blocks.

    totals: what stood in .grad after each call. contributions: what each call alone would have left there.
    """
    _, ax = plt.subplots(figsize=(6, 2.8))
    calls = range(1, len(totals) + 1)
    for k, block in enumerate(contributions):
        heights = [block if call > k else 0 for call in calls]
        floor = sum(contributions[:k])
        shade = plt.cm.Blues(0.3 + 0.6 * k / len(contributions))
        ax.bar(calls, heights, bottom=floor, color=shade, edgecolor="white", label=f"from call {k + 1}")
    for call, total in zip(calls, totals, strict=True):
        ax.text(call, total, f"{total:g}", ha="center", va="bottom")
    ax.set(xlabel="calls of backward()", ylabel="w.grad", xticks=list(calls), ylim=(0, 1.15 * max(totals)))
    ax.legend(loc="upper left")


def _picture(image: Any) -> np.ndarray:
    array = np.asarray(image.detach() if hasattr(image, "detach") else image, dtype=float).ravel()
    side = math.isqrt(array.size)
    return array.reshape(side, side)
