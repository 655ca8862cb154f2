"""What the notebooks say in words is true: claims that code can check."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from in_process import NAMES, Notebook

ROOT = Path(__file__).resolve().parent.parent
HOURS = {"two": 2.0, "two to three": 2.5}


def cells(name: str) -> list[dict[str, object]]:
    return json.loads((ROOT / "source" / name / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def prose(name: str) -> str:
    """All that students read between the cells of code, in one text, without line ends."""
    shown = [c for c in cells(name) if c["cell_type"] == "markdown" and not details(c).get("solution")]
    return re.sub(r"\s+", " ", " ".join("".join(c["source"]) for c in shown))


def details(cell: dict[str, object]) -> dict[str, object]:
    return cell["metadata"].get("nbgrader", {})


@pytest.mark.parametrize("name", NAMES)
def test_the_time_to_plan_covers_reading_and_writing(name: str) -> None:
    """130 words a minute, ten minutes for each function, twenty for the written answer."""
    exercises = [c for c in cells(name) if details(c).get("solution")]
    minutes = len(re.findall(r"[^\W\d_]+", prose(name))) / 130
    minutes += sum(10 if c["cell_type"] == "code" else 20 for c in exercises)
    planned = re.search(r"Plan for ([a-z ]+) hours", prose(name))
    assert planned is not None
    assert HOURS[planned[1]] * 60 > 0.9 * minutes


@pytest.mark.parametrize("name", NAMES)
def test_articles_fit_and_no_idiom_is_left(name: str) -> None:
    everything = re.sub(r"\s+", " ", " ".join("".join(c["source"]) for c in cells(name)))
    assert not re.findall(r"\b[Aa] image\b|commonest ghost|lie aslant|by a hair", everything)


def test_ps1_shows_the_error_of_the_nudge() -> None:
    notebook = Notebook("ps1_gradient_descent")
    for cell in ("imports", "mse_loss"):
        notebook.run(cell)
    printed = notebook.run("story_nudge_prediction")
    slopes = [float(line.split()[-1]) for line in printed.splitlines()[1:]]
    exact = np.array([1.0, 0.0, -2.0, 0.4]) / 4
    assert "differ by 0.000125" in prose("ps1_gradient_descent")
    assert np.allclose(slopes - exact, 0.000125, atol=6e-6)


def test_ps2_names_what_each_layer_lets_through() -> None:
    a, factors = 0.7, []
    for _ in range(10):
        s = 1 / (1 + np.exp(-10 * a))
        factors.append(10 * s * (1 - s))
        a = s
    assert "the first layer lets through 0.009 of the slope, and every later one less than 0.0005" in prose(
        "ps2_backpropagation"
    )
    assert round(factors[0], 3) == 0.009
    assert max(factors[1:]) < 0.0005


def test_ps3_names_the_losses_of_its_figure() -> None:
    notebook = Notebook("ps3_autograd")
    for cell in notebook.sources:
        notebook.run(cell)
        if cell == "story_fit":
            break
    losses = notebook.names["path"][-1][2]
    assert "the loss falls from about 7.4 to 0.05 within some ten steps" in prose("ps3_autograd")
    assert losses[0] == pytest.approx(7.4, abs=0.05)
    assert losses[10] == pytest.approx(0.05, abs=0.005)


def test_ps4_uses_a_letter_for_one_thing() -> None:
    text = prose("ps4_training_loop")
    assert r"\mu = 0.1307" in text
    assert r"\beta v" in text
    assert r"\mu v" not in text
    assert not re.search(r"W_\d [xh]", text)  # rows are examples: x W, as in the earlier problem sets


def test_ps4_sick_runs_show_what_their_causes_say() -> None:
    notebook = Notebook("ps4_training_loop")
    for cell in ("imports", "story_sick_runs"):
        printed = notebook.run(cell)
    runs = {
        name: {kind: np.array(numbers.split(), float) for kind, numbers in run.items()}
        for name, run in notebook.names["sick_runs"].items()
    }
    softmax, uncleared, shuffled, bold = (runs[name] for name in "ABCD")
    floor = np.log(1 + 9 / np.e)
    assert "the loss can't fall below $\\log(1 + 9/e) \\approx 1.461$" in prose("ps4_training_loop")
    assert floor < min(softmax["epochs"]) < 1.65
    assert softmax["right"][1] > 0.8
    # Uncleared gradients begin well and get lost; too high a rate leaps within ten steps.
    assert uncleared["steps"].max() < 2.35
    assert uncleared["steps"].min() < 0.8
    assert uncleared["epochs"][0] < uncleared["epochs"][-1] > 2.5
    assert bold["steps"][:10].max() > 20
    assert bold["epochs"][0] == pytest.approx(135, abs=0.5)
    # Shuffled labels are learned by heart, slowly, and unseen images are read no better than by chance.
    assert shuffled["epochs"][-1] < 2.2 < 2.3 <= shuffled["validation"].min()
    assert shuffled["right"][0] > 2 * shuffled["right"][1]
    assert "run C: 26% of the training and 12% of the validation images right" in printed


def test_ps4_one_batch_by_heart_tells_loops_apart_and_not_labels() -> None:
    notebook = Notebook("ps4_training_loop")
    for cell in ("imports", "story_data", "build_network", "train_step", "overfit_batch", "story_first_loss"):
        notebook.run(cell)
    lines = notebook.run("story_one_batch").splitlines()
    last = [float(re.search(r"→ ([\d.]+)", line)[1]) for line in lines]  # type: ignore[index]
    assert last[0] <= 0.01
    assert last[2] <= 0.01
    assert last[1] > np.log(1 + 9 / np.e)


@pytest.mark.slow
def test_ps5_loss_gets_worse_and_answers_do_not() -> None:
    notebook = Notebook("ps5_fashion_mnist")
    for cell in ("imports", "story_data", "story_by_heart"):
        notebook.run(cell)
    unseen, right, sure = (np.array(notebook.names[n]) for n in ("unseen", "share_right", "sure_when_wrong"))
    lowest = int(notebook.names["lowest"])
    assert 0 < lowest < len(unseen) - 1
    assert unseen[-1] > 1.3 * unseen[lowest]
    assert right[lowest] <= right[-1] < right[lowest] + 0.03
    assert sure[-1] > 0.8 > sure[lowest]


def test_ps5_designs_are_those_of_the_measured_table() -> None:
    """The notebook's table has the figures of docs/accuracy.md: mean, spread and seconds."""
    measured = {
        (mean, float(spread), float(seconds))
        for mean, spread, seconds in re.findall(
            r"\| ps5 [^|]+\| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| \d+ \| ([\d.]+) \|",
            (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8"),
        )
    }
    named = re.findall(r"\| (0\.\d{3}) ± (0\.\d{3}) \| ([\d.]+) \|", prose("ps5_fashion_mnist"))
    assert len(named) == 7
    for mean, spread, seconds in named:
        rounding = 0.51 * 10 ** -len(seconds.partition(".")[2])
        assert any(
            mean == m and float(spread) == round(s, 3) and abs(float(seconds) - t) <= rounding for m, s, t in measured
        ), (mean, spread, seconds)


def test_ps2_suspects_spoil_what_the_answers_name_and_show_no_chain_rule() -> None:
    notebook = Notebook("ps2_backpropagation")
    for cell in notebook.sources:
        printed = notebook.run(cell)
        if cell == "story_verdicts":
            break
    assert re.findall(r"^ *([A-D]|your backward): (.*)$", printed, re.M) == [
        ("your backward", "all right"), ("A", "W1, b1"), ("B", "b2"), ("C", "W2"), ("D", "b1"),
    ]  # fmt: skip
    assert "51 parameters: measured with 102 forward passes" in printed
    params, right = notebook.names["some_params"], notebook.names["some_gradients"](notebook.names["some_params"])
    for suspect in notebook.names["some_suspects"].values():
        gradients = suspect(params)
        assert [g.shape for g in gradients.values()] == [w.shape for w in params.values()]
        # Measured slopes: who copies them has no backward pass that hidden tests take for one.
        assert all(np.abs(gradients[name] - right[name]).max() > 1e-13 for name in params)
