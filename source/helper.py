"""Helpers for the notebooks of "Training Neural Networks": checks, data, figures.

You may read it, and you need not: it holds no answers.
"""

from __future__ import annotations

import json
import linecache
import math
import os
import re
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython

if os.environ.get("NBGRADER_EXECUTION") == "autograde":  # only nbgrader's own way of grading sets it here
    raise RuntimeError(
        "Not graded: nbgrader ran this notebook without the course's nbgrader_config.py, so without hidden tests and "
        "without a sandbox. Every cell scores 0. Instructors: run nbgrader in the course's folder, or autograder class."
    )

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

RUN_ABOVE = "Run the cells above first, as after every restart of the kernel (Run > Run All Above Selected Cell)."


class ChecksFailed(AssertionError):
    """Some checks of a test cell failed; what is wrong was printed above."""

    def _render_traceback_(self) -> list[str]:
        return [f"ChecksFailed: {self}"]


class CellStopped(Exception):
    """A cell that uses your functions stopped with an error."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


class Unexpected(Exception):
    """A result that can't be checked further; the text says what it should be, and what it is."""


class Checks:
    """Collects the checks of one test cell; made by `checks`."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._lines: list[str] = []
        self._failed = 0
        self._count = 0
        self.finished = True
        self._told: set[str] = set()
        self.seen: dict[str, list[float | str]] = {}
        """By a check's sentence: "passed", "failed" or the type of an error, and then what the value or the error was,
        as numbers that tell it from others."""

    def close(self, sentence: str, value: Callable[[], Any], expected: Any, tolerance: float = 1e-5) -> None:
        """Checks that `value()` is `expected`: a number, an array, a tensor, a text, or lists, tuples, dicts of them.

        tolerance: the largest difference allowed, relative to the largest expected number (or to 1, if that is larger).
        """
        self._check(sentence, value, lambda got: _difference(got, expected, tolerance), fingerprint)

    def that(self, sentence: str, condition: Callable[[], Any]) -> None:
        """Checks that `condition()` is true. Where it isn't, a text in its place says what is wrong."""

        def complaint(got: Any) -> str | None:
            return got if isinstance(got, str) else None if bool(got) else ""

        self._check(sentence, condition, complaint, lambda _: [])

    def _check(
        self,
        sentence: str,
        action: Callable[[], Any],
        judge: Callable[[Any], str | None],
        numbers: Callable[[Any], list[float | str]],
    ) -> None:
        if not self.finished:
            return
        autograd_on()
        try:
            with _same_random_numbers():
                got = action()
            problem = judge(got)
            self.seen[sentence] = ["passed" if problem is None else "failed", *numbers(got)]
        except Unexpected as error:
            problem = str(error)
            self.seen[sentence] = ["failed", _hash(problem)]
            sentence, problem = self._once(sentence, problem, "the same")
        except Exception as error:
            reason = self._unfinished(error)
            if reason is not None:
                self.finished = False
                self._failed += 1
                self._lines.append(f"· {reason}")
                return
            problem = _stopped(error)
            self.seen[sentence] = [type(error).__name__, _hash(str(error))]
            sentence, problem = self._once(sentence, problem, "the same error")
        self._count += 1
        self._failed += problem is not None
        self._lines.append(f"{'✓' if problem is None else '✗'} {sentence}")
        self._lines.extend(f"    {line}" for line in (problem or "").split("\n") if line)

    def _once(self, sentence: str, problem: str, again: str) -> tuple[str, str]:
        """The sentence and its problem, which is written out where it comes up first."""
        if problem in self._told:
            return f"{sentence} ({again})", ""
        self._told.add(problem)
        return sentence, problem

    def _unfinished(self, error: Exception) -> str | None:
        """What has to be done before anything can be checked; None where the error is the function's own."""
        if isinstance(error, NotImplementedError) and not str(error):
            *_, (frame, _) = traceback.walk_tb(error.__traceback__)
            raising, names = frame.f_code.co_name, frame.f_globals
            if _is_stub(names.get(self._function)) or not _is_stub(names.get(raising)):
                return f"{self._function} is not filled in yet: raise NotImplementedError is still there"
            return f"{self._function} can't be checked yet: it uses {raising}, which is not filled in"
        if isinstance(error, NameError) and _place(error).in_the_cell:
            if error.name == self._function:
                return f"{error}: run its cell first, and see that it defines a function of just this name"
            return f"{self._function} can't be checked yet: {error}. {RUN_ABOVE}"
        return None

    def _known_mistakes(self) -> str | None:
        """The titles and hints of the known mistakes that give just these results, if there are one to three."""
        found = sorted(
            {
                (mistake["title"], mistake["hint"])
                for mistake in _shipped_mistakes().get(self._function, [])
                if same_results(mistake["results"], self.seen)
            }
        )
        if not 1 <= len(found) <= 3:
            return None
        if len(found) > 1:
            lines = [f"  - {title}.\n    Hint: {hint}" for title, hint in found]
            return "\n".join(["More than one known mistake gives just these results:", *lines])
        ((title, hint),) = found
        gave_results = any(outcome == "failed" for outcome, *_ in self.seen.values())
        gives = "gives just these results" if gave_results else "stops in just this way (others may, too)"
        return f"A known mistake {gives}: {title}.\nHint: {hint}"

    def _report(self) -> None:
        autograd_on()
        print("\n".join(self._lines))
        if not self._failed:
            print(f"All {self._count} checks of {self._function} passed.")
            return
        mistakes = self._known_mistakes() if self.finished else None
        if mistakes is not None:
            print(mistakes)
        _show_error(ChecksFailed(f"{self._function}: not right yet, see above."))


@contextmanager
def checks(function: str) -> Iterator[Checks]:
    """Runs a test cell's checks and prints them as a list; if any failed, the cell ends in ChecksFailed.

    with helper.checks("mse_loss") as check:
        check.close("a sentence", lambda: mse_loss(y, y_hat), 0.25)
    """
    check = Checks(function)
    yield check
    check._report()


class needs:
    """Guards a cell that uses your functions: what keeps it from running is said, and the notebook goes on."""

    def __init__(self, *functions: str) -> None:
        self._functions = functions

    def __enter__(self) -> None:
        autograd_on()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception) or isinstance(error, MemoryError):
            return False
        assert error.__traceback__ is not None
        names = error.__traceback__.tb_frame.f_globals
        unfinished = [name for name in self._functions if _is_stub(names.get(name))]
        name_of_the_cell = isinstance(error, NameError) and _place(error).in_the_cell
        if unfinished and (name_of_the_cell or (isinstance(error, NotImplementedError) and not str(error))):
            print(f"This cell comes to life once you have filled in {_enumerated(unfinished)}.")
        elif name_of_the_cell:
            print(f"{error}: it comes from a cell above that has not been run, or has stopped. {RUN_ABOVE}")
        else:
            uses = f"This cell uses {_enumerated(self._functions)}. Do their checks pass?"
            _show_error(CellStopped(f"{_stopped(error)}\n{uses}"))
        return True


def part(results: Any, name: str, names: Sequence[str]) -> Any:
    """The result called `name` of a function that returns the results `names`, in this order.

    Raises Unexpected where `results` isn't as many.
    """
    if not isinstance(results, list | tuple) or len(results) != len(names):
        raise Unexpected(f"expected {len(names)} results, {_enumerated(names)}; got {_kind(results)}{_return(results)}")
    return results[list(names).index(name)]


def entry(results: Any, key: str) -> Any:
    """`results[key]` of a dict. Raises Unexpected where it isn't one, or lacks the key."""
    if not isinstance(results, Mapping) or key not in results:
        raise Unexpected(f"expected a dict with the key {key!r}; got {_kind(results)}{_return(results)}")
    return results[key]


def gradient(tensor: Any, name: str) -> Any:
    """`tensor.grad`. Raises Unexpected where there is none."""
    if tensor.grad is None:
        raise Unexpected(f"{name}.grad is None: there is no gradient in it")
    return tensor.grad


def instance(value: Any, kind: type) -> Any:
    """`value`, which should be a `kind`. Raises Unexpected where it isn't."""
    if not isinstance(value, kind):
        raise Unexpected(f"expected a {kind.__name__}; got {_kind(value)}{_return(value)}")
    return value


def plain_number(value: Any) -> bool:
    """True for a Python float or NumPy's. Raises Unexpected for anything else."""
    if not isinstance(value, int | float | np.number):
        graph = ", with the graph of all that it was computed from" if getattr(value, "requires_grad", False) else ""
        raise Unexpected(f"expected a float; got {_kind(value)}{graph}{_return(value)}")
    return True


def unchanged(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool | str:
    """True if all that goes by the same name is equal; else a text that says what has changed."""
    for name, value in before.items():
        old, new = _array(value), _array(after[name])
        if old is None or new is None or old.shape != new.shape:
            return f"{name} was {_shown(value)}\nand is {_shown(after[name])} now"
        if not np.array_equal(old, new):
            texts = _told_apart(old, new, old != new)
            return f"{name} was {texts[0]}\nand is {texts[1]} now"
    return True


def autograd_on() -> None:
    """Undoes a `torch.set_grad_enabled(False)` that some call has left behind."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_grad_enabled(True)


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Torch's random numbers begin alike in every check; what was drawn before it and comes after it isn't touched."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    state = torch.random.get_rng_state()
    torch.random.default_generator.manual_seed(0)
    try:
        yield
    finally:
        torch.random.set_rng_state(state)


def _show_error(error: Exception) -> None:
    """Shows `error` as the cell's, without ending a Run All; outside of notebooks raises it."""
    shell = get_ipython()
    if shell is None:
        raise error
    shell.showtraceback((type(error), error, None))


class _Place(NamedTuple):
    """Where an error comes from."""

    in_the_cell: bool
    """Whether that is the cell that runs, and not the student's code that it calls."""
    function: str
    line: int
    source: str


def _place(error: Exception) -> _Place:
    """The innermost line of the student's code that `error` comes from or, where there is none, of the cell itself."""
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    while frames[0][0].f_code.co_filename == __file__:
        frames.pop(0)
    cell, names = frames[0][0].f_code.co_filename, frames[0][0].f_globals
    own = [(frame.f_code, line) for frame, line in frames if frame.f_globals is names]
    code, line = next(((code, line) for code, line in reversed(own) if code.co_filename != cell), own[-1])
    return _Place(code.co_filename == cell, code.co_name, line, linecache.getline(code.co_filename, line).strip())


def _stopped(error: Exception) -> str:
    """What an error says, and the line that it comes from."""
    text = str(error).strip().split("\n")[0]
    what = f"{type(error).__name__}: {_cut(text, 300)}" if text else type(error).__name__
    place = _place(error)
    if place.in_the_cell:
        return f"{what}\nin line {place.line} of this cell, which works with what your function gave:  {place.source}"
    if type(error) is NameError:
        what += ". Is it misspelt, or does it come from a cell that has not been run?"
    return f"{what}\nin {place.function}, line {place.line} of its cell:  {place.source}"


def _is_stub(function: Any) -> bool:
    """Whether it does nothing but raise NotImplementedError."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_names == ("NotImplementedError",)


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
            return f"expected a dict with the keys {_enumerated(list(expected))}; got {_kind(got)}{_return(got)}"
        lines = {key: _difference(got[key], expected[key], tolerance) for key in expected}
        return next((f"{key}: {line}" for key, line in lines.items() if line is not None), None)
    right = _array(expected)
    if right is None:
        same = type(got) is type(expected) and got == expected
        return None if same else f"expected {expected!r}\ngot      {_shown(got)}{_return(got)}"
    received = _array(got)
    if received is None:
        return f"expected {_shown(expected)}; got {_kind(got)}{_return(got)}"
    limit = tolerance * max(1.0, float(np.max(np.abs(right), initial=0)))
    if received.shape != right.shape:
        return _other_shape(received, right, limit)
    apart = np.abs(received - right)
    wrong = ~(apart <= limit)
    if not wrong.any():
        return None
    if right.size > 12:
        place = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(wrong, apart, -1)), right.shape))
        old, new = _told_apart(right[place], received[place], wrong[place])
        return f"expected {old} in place {list(place)}\ngot      {new}; {wrong.sum()} of {right.size} entries differ"
    old, new = _told_apart(right, received, wrong)
    near = bool(np.all(apart <= 1e-3 * max(1.0, float(np.abs(right).max()))))
    how_near = f"\nThey are {apart.max():.2g} apart; {limit:.1g} would do." if near else ""
    return f"expected {old}\ngot      {new}{how_near or _factor(received, right, limit)}"


def _factor(received: np.ndarray, right: np.ndarray, limit: float) -> str:
    """A line that says so, where all of several numbers are off by the same factor."""
    if np.count_nonzero(right) < 2 or not np.isfinite(received).all():
        return ""
    factor = float(np.sum(received * right) / np.sum(right * right))
    simple = factor != 0 and any(abs(f - round(f)) < 1e-4 and 1 <= round(abs(f)) <= 1000 for f in (factor, 1 / factor))
    same = simple and np.allclose(received, factor * right, rtol=0, atol=limit * abs(factor))
    return f"\nThat is {_number(factor, 4)} times what was expected." if same else ""


def _other_shape(received: np.ndarray, right: np.ndarray, limit: float) -> str:
    def agree(one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.allclose(one, other, rtol=0, atol=limit))

    text = f"expected the shape {right.shape}, got the shape {received.shape}"
    if received.size == right.size and agree(received.ravel(), right.ravel()):
        if [n for n in received.shape if n != 1] != [n for n in right.shape if n != 1]:
            how = "they are arranged in another way"
        else:
            how = (
                "an axis of length 1 is missing"
                if received.ndim < right.ndim
                else "there is an axis of length 1 too many"
            )
        return f"{text}: the numbers are right, but {how}"
    if received.T.shape == right.shape and agree(received.T, right):
        return f"{text}: the numbers are right, but rows and columns are swapped"
    return f"{text}: {_shown(received)}"


def _told_apart(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> tuple[str, str]:
    """Both arrays, each in one line, with as many digits as it takes to see the differences in the entries `where`."""
    pairs = list(zip(np.ravel(one)[np.ravel(where)], np.ravel(other)[np.ravel(where)], strict=True))
    enough = (d for d in range(4, 17) if all(_number(a, d) != _number(b, d) for a, b in pairs))
    digits = next(enough, 17)
    return _shown(one, digits), _shown(other, digits)


def _number(value: float, digits: int) -> str:
    """A number with so many digits after the point, or in all where it is very large or small."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return np.format_float_positional(value, precision=digits, trim="-")
    return f"{value:.{digits}g}"


def _shown(value: Any, digits: int = 4) -> str:
    """A value in one line."""
    array = _array(value)
    if array is None:
        text = repr(value)
    elif array.ndim == 0:
        text = _number(float(array), digits)
    else:
        formatter = {"float_kind": lambda number: _number(number, digits)}
        text = np.array2string(
            array, threshold=12, edgeitems=3, max_line_width=10_000, separator=", ", formatter=formatter
        )
    return _cut(" ".join(text.split()), 240)


def _kind(value: Any) -> str:
    """What a value is, in a few words."""
    name = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, type):
        return "a class, not an object of it"
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(repr, value))}" if value else "an empty dict"
    if isinstance(value, list | tuple):
        return f"a {name} of length {len(value)}"
    if hasattr(value, "shape"):
        known = {"ndarray": "an array", "Tensor": "a tensor"}
        return f"{known.get(name, name)} of shape {tuple(value.shape)}"
    return f"{_shown(value)} ({name})"


def _return(value: Any) -> str:
    return ": is there a return?" if value is None else ""


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def fingerprint(value: Any) -> list[float | str]:
    """A few numbers that tell values apart without giving them away: of each array its shape and three projections."""
    if isinstance(value, Mapping):
        parts = [fingerprint(value[key]) for key in sorted(value)]
        return [float(len(value)), *(number for part in parts for number in part)]
    array = _array(value)
    if array is None and isinstance(value, list | tuple):
        return [float(len(value)), *(number for part in value for number in fingerprint(part))]
    if array is None:
        return [_hash(value if isinstance(value, str) else type(value).__name__)]
    flat = array.ravel()
    places = np.arange(1, flat.size + 1)
    projections = [float(np.sum(flat * np.cos(k * places))) for k in (0.7, 1.9, 3.1)]
    return [float(array.ndim), *map(float, array.shape), *(p if math.isfinite(p) else 1e300 for p in projections)]


def _hash(text: str) -> str:
    """Eight hexadecimal digits that stand for the text, whatever addresses of objects it names."""
    return f"{zlib.crc32(re.sub('0x[0-9a-f]+', '0x', text).encode()):08x}"


def same_results(one: Mapping[str, Sequence[float | str]], other: Mapping[str, Sequence[float | str]]) -> bool:
    """Whether two runs of the same checks saw the same: verdicts, errors and values."""
    return one.keys() == other.keys() and all(
        len(one[sentence]) == len(other[sentence])
        and all(
            a == b
            or (not isinstance(a, str) and not isinstance(b, str) and math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6))
            for a, b in zip(one[sentence], other[sentence], strict=True)
        )
        for sentence in one
    )


def _shipped_mistakes() -> dict[str, list[dict[str, Any]]]:
    try:
        return json.loads(_beside_notebook("known_mistakes.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


# --- gradients to be checked ---------------------------------------------------------------------------------


def suspects(x: Any, y: Any) -> dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """Four functions, A to D: each takes params to what it says is the gradient of problem set 2's loss there.

    x: (n, d). y: (n, k). The functions take params as forward does, and return a dict with its keys and shapes. In each
    of them something is wrong. They measure, so that nobody learns from them how a backward pass is written.
    """

    def suspect(case: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        return lambda params: _suspect_gradients(case, x, y, params)

    return {case: suspect(case) for case in "ABCD"}


def _suspect_gradients(case: str, x: Any, y: Any, params: Mapping[str, Any], eps: float = 1e-5) -> dict[str, Any]:
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    before = x @ W1 + b1
    after = _bend(before)
    place, feed = {"A": after}.get(case, before), {"C": before}.get(case, after)
    rows, share = np.ones((len(x), 1)), 1 / len(x) if case == "B" else 1.0
    rows[-1] = case != "D"

    def losses(name: str, eps: float) -> Any:
        """The loss for each entry of a parameter that is nudged, all in one array."""
        nudge = {other: np.zeros((1, *w.shape)) for other, w in params.items()}
        nudge[name] = eps * np.eye(params[name].size).reshape(-1, *params[name].shape)
        moved = after + _bend(place + x @ nudge["W1"] + rows * nudge["b1"][:, None]) - _bend(place)
        y_hat = moved @ W2 + b2 + feed @ nudge["W2"] + share * nudge["b2"][:, None]
        return np.sum((y - y_hat) ** 2, axis=(1, 2)) / (2 * len(x))

    return {name: ((losses(name, eps) - losses(name, -eps)) / (2 * eps)).reshape(w.shape) for name, w in params.items()}


def _bend(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


# --- a quiz --------------------------------------------------------------------------------------------------


def quiz(answers: Mapping[str, Any]) -> None:
    """Says of each answer whether it is right, and why. It costs no points; what it says lies in quiz.json.

    answers: the question's number to a letter, or to a number where one is asked for.
    """
    questions = json.loads(_beside_notebook("quiz.json").read_text(encoding="utf-8"))
    right = 0
    for number, question in questions.items():
        given = answers.get(number, "")
        good, reply = _judged(question, given)
        right += good
        print(f"{number}. {'✓' if good else '·' if given == '' else '✗'} {reply}")
    print(f"{right} of {len(questions)} right.")


def _judged(question: Mapping[str, Any], given: Any) -> tuple[bool, str]:
    """Whether an answer is right, and what is to be said."""
    if given == "":
        return False, "not answered yet"
    if "number" in question:
        if isinstance(given, bool) or not isinstance(given, int | float | np.number):
            return False, "answer with a number, without quotes"
        good = abs(given - question["number"]) <= question["tolerance"]
        return good, question["right" if good else "wrong"]
    letter, replies = str(given).strip().lower(), question["replies"]
    if letter not in replies:
        return False, f"answer with one of {', '.join(replies)}"
    return letter == question["letter"], replies[letter]


def movable(draw: Callable[..., None], **sliders: tuple[float, float, float, float]) -> None:
    """A figure, and below it sliders that draw it anew; only the figure where sliders can't be shown.

    draw: draws a figure and shows it; it takes the sliders' values by their names.
    sliders: for each name its start, its smallest and its largest value, and the step between values.
    """
    draw(**{name: start for name, (start, *_) in sliders.items()})
    if getattr(get_ipython(), "kernel", None) is None:
        return
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        return
    handles = {
        name: ipywidgets.FloatSlider(
            value=start, min=lowest, max=highest, step=step, description=name, continuous_update=False
        )
        for name, (start, lowest, highest, step) in sliders.items()
    }
    picture = ipywidgets.Output()

    def follow(change: object) -> None:
        with picture:
            picture.clear_output(wait=True)
            draw(**{name: handle.value for name, handle in handles.items()})

    for handle in handles.values():
        handle.observe(follow, "value")
    display(ipywidgets.VBox([*handles.values(), picture]))


# --- data ----------------------------------------------------------------------------------------------------

FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def load_mnist(full: bool = False):
    """Handwritten digits as (training dataset, validation dataset).

    Both are TensorDatasets of images (n, 1, 28, 28), float32, and labels (n,), int64, from 0 to 9.
    A pixel x in [0, 1] is normalised by the mean and deviation of all training pixels: (x - 0.1307) / 0.3081.

    full=False: the sample that lies beside the notebook, 10,000 + 2,000 images.
    full=True: all 60,000 + 10,000 images, downloaded on first use into the folder "data".
    """
    return _load_images("mnist", "MNIST", 0.1307, 0.3081, full)


def load_fashion_mnist(full: bool = False):
    """Pictures of clothes as (training dataset, validation dataset), just like load_mnist.

    Pixels are normalised as (x - 0.2860) / 0.3530. The names of the ten classes are in FASHION_CLASSES.
    """
    return _load_images("fashion_mnist", "FashionMNIST", 0.2860, 0.3530, full)


def _load_images(name: str, torchvision_name: str, mean: float, std: float, full: bool):
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
        f"{filename} is missing: it came with the assignment and belongs beside the notebook, in {Path.cwd()} "
        "(in Colab, upload it into the file browser on the left)"
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
    """Draws paths of gradient descent on the contours of a loss of two parameters, one image a path.

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
    """Shows images in rows, with a line of text above each."""
    images = [_image(image) for image in images]
    rows = math.ceil(len(images) / columns)
    # One image of all of them draws ten times faster than a subplot for each.
    height, width = images[0].shape
    gap = 6 if labels is None else 18
    canvas = np.full((rows * (height + gap), columns * (width + 4)), np.nan)
    figure, ax = plt.subplots(figsize=(columns * 1.05, rows * (1.05 + (labels is not None) * 0.25)))
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap) + gap, (i % columns) * (width + 4)
        canvas[top : top + height, left : left + width] = (image - image.min()) / max(np.ptp(image), 1e-9)
        if labels is not None:
            ax.text(left + width / 2, top - 3, str(labels[i]), ha="center", va="bottom", fontsize=9)
    ax.imshow(canvas, cmap="gray_r", interpolation="nearest")
    ax.axis("off")
    figure.tight_layout(pad=0.2)


def view_classify(image: Any, probabilities: Any, class_names: Sequence[str] | None = None) -> None:
    """Shows an image beside the bar chart of its class probabilities.

    image: (1, 28, 28), (28, 28) or (784,). probabilities: (10,) or (1, 10).
    """
    values = np.asarray(probabilities.detach() if hasattr(probabilities, "detach") else probabilities).ravel()
    names = [str(k) for k in range(len(values))] if class_names is None else list(class_names)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.9), width_ratios=[1, 1.3])
    left.imshow(_image(image), cmap="gray_r")
    left.axis("off")
    best = int(values.argmax())
    colors = ["#d55e00" if k == best else "#0072b2" for k in range(len(values))]
    right.barh(range(len(values)), values, color=colors)
    right.set(yticks=range(len(values)), yticklabels=names, xlim=(0, 1.1), xlabel="probability")
    right.invert_yaxis()
    figure.tight_layout()


def show_first_layer(weights: Any, columns: int = 8, count: int = 16, title: str = "", ax: Any = None) -> None:
    """Shows the weights (units, 784) that lead to the first units as images: red is positive, blue negative."""
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
    names: tensors that are to be labelled in the image, by name. Leaves without a name are labelled by their shape.
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


def _image(image: Any) -> np.ndarray:
    array = np.asarray(image.detach() if hasattr(image, "detach") else image, dtype=float).ravel()
    side = math.isqrt(array.size)
    return array.reshape(side, side)
