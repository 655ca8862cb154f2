"""The main job on a small class: release, grade in the sandbox, gradebook, feedback. Called by `make demo`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.api import Gradebook
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = "ps4_training_loop"

MANUAL_STEP = """
def train_step(model, images, labels, criterion, optimizer):
    model.zero_grad()
    loss = criterion(model(torch.flatten(images, start_dim=1)), labels)
    loss.backward()
    with torch.no_grad():
        for group in optimizer.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad
    return float(loss)
"""
NO_ZERO_GRAD = """
def train_step(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(len(images), -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
"""
UPHILL = """
def train_step(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    loss = criterion(model(images.view(len(images), -1)), labels)
    (-loss).backward()
    optimizer.step()
    return loss.item()
"""
SOFTMAX_FIRST = """
def train_step(model, images, labels, criterion, optimizer):
    optimizer.zero_grad()
    probabilities = torch.softmax(model(images.view(len(images), -1)), dim=1)
    loss = criterion(probabilities, labels)
    loss.backward()
    optimizer.step()
    return loss.item()
"""
RESET_EACH_EPOCH = """
def train(model, loader, criterion, optimizer, epochs, print_every=40):
    losses, steps = [], 0
    for epoch in range(epochs):
        running_loss = 0
        for images, labels in loader:
            steps += 1
            running_loss += train_step(model, images, labels, criterion, optimizer)
            if steps % print_every == 0:
                losses.append(running_loss / print_every)
                running_loss = 0
    return losses
"""
MEAN_OF_MEANS = """
def accuracy(model, loader):
    shares = [(predict(model, images).argmax(dim=1) == labels).float().mean().item() for images, labels in loader]
    return sum(shares) / len(shares)
"""
SIGMOID = """
def build_network(input_size=784, hidden_sizes=(128, 64), output_size=10):
    layers, size = OrderedDict(), input_size
    for i, hidden in enumerate(hidden_sizes, start=1):
        layers[f"fc{i}"] = nn.Linear(size, hidden)
        layers[f"relu{i}"] = nn.Sigmoid()
        size = hidden
    layers["logits"] = nn.Linear(size, output_size)
    return nn.Sequential(layers)
"""
WRONG_AXIS = """
def predict(model, images):
    mode = model.training
    model.eval()
    with torch.no_grad():
        answer = torch.softmax(model(images.view(len(images), -1)), dim=0)
    model.train(mode)
    return answer
"""
ENDLESS = """
def predict(model, images):
    while True:
        pass
"""
KILLS = """
def accuracy(model, loader):
    import os
    os._exit(0)
"""
PRIES = """
import glob, os
for path in glob.glob("/**/*.npz", recursive=True) + glob.glob("/**/hidden_tests/*", recursive=True):
    try:
        print(open(path, "rb").read(100))
    except OSError:
        pass

def build_network(input_size=784, hidden_sizes=(128, 64), output_size=10):
    return "full marks, please"
"""

CLASS: dict[str, tuple[str, dict[str, str]]] = {
    "ada": ("everything right", {}),
    "bo": ("right, but unusual: steps by hand", {"train_step": MANUAL_STEP}),
    "cleo": ("gradients never cleared", {"train_step": NO_ZERO_GRAD}),
    "dan": ("steps uphill", {"train_step": UPHILL}),
    "eve": ("softmax before the criterion", {"train_step": SOFTMAX_FIRST}),
    "finn": (
        "five mistakes, one in each function",
        {
            "build_network": SIGMOID,
            "train_step": NO_ZERO_GRAD,
            "train": RESET_EACH_EPOCH,
            "predict": WRONG_AXIS,
            "accuracy": MEAN_OF_MEANS,
        },
    ),
    "gus": ("nothing filled in", {}),
    "hal": ("hostile: loops, exits, pries", {"predict": ENDLESS, "accuracy": KILLS, "build_network": PRIES}),
    "ida": ("everything right, a day late", {}),
    "jo": ("not a notebook at all", {}),
}
CONFIG = """

c.AssignLatePenalties.plugin_class = "late.TenPercentADay"
c.GradeInSandbox.call_seconds = 2.0
c.GradeInSandbox.cell_seconds = 5.0
"""
LATE = '''
from nbgrader.plugins import LateSubmissionPlugin


class TenPercentADay(LateSubmissionPlugin):
    """A tenth of the points for every day begun."""

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return round(0.1 * score * -(-total_seconds_late // 86_400), 2)
'''


def main(target: Path) -> None:
    """Run the demo in the folder `target`, which is made anew."""
    console = Console()
    started = time.perf_counter()
    prepare(target)
    with step(console, "Releasing the assignment"):
        nbgrader(target, "generate_assignment", ASSIGNMENT)
        shutil.copy(release(target), submitted(target, "gus"))
        with gradebook_of(target) as gradebook:
            due = datetime.now(UTC) - timedelta(days=2)
            gradebook.update_or_create_assignment(ASSIGNMENT, duedate=due.replace(tzinfo=None))
    console.print(f"\nGrading {len(CLASS)} submissions in the sandbox, one of them hostile:")
    grade(target)
    with step(console, "Writing feedback"):
        nbgrader(target, "generate_feedback", ASSIGNMENT)
    show(console, target)
    console.print(f"\nFeedback pages: {os.path.relpath(target)}/feedback/*/{ASSIGNMENT}/{ASSIGNMENT}.html")
    console.print(f"The gradebook: {os.path.relpath(target)}/gradebook.db (nbgrader formgrader opens it)")
    console.print(f"[dim]{time.perf_counter() - started:.0f} s in all[/]", highlight=False)


@contextmanager
def step(console: Console, words: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    began = time.perf_counter()
    with console.status(f"{words} …"):
        yield
    console.print(f"[green]✓[/] {words}: {time.perf_counter() - began:.1f} s", highlight=False)


def grade(target: Path) -> None:
    """Grade the class; the command shows its own progress."""
    command = [str(Path(sys.executable).with_name("autograder")), "class", ASSIGNMENT]
    if subprocess.run(command, cwd=target, check=False).returncode:
        raise SystemExit("autograder class failed")


def prepare(target: Path) -> None:
    """A course folder with the class's submissions in it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        ROOT / "source" / ASSIGNMENT,
        target / "source" / ASSIGNMENT,
        ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"),
    )
    config = (ROOT / "nbgrader_config.py").read_text()
    (target / "nbgrader_config.py").write_text(config + CONFIG)
    (target / "late.py").write_text(LATE)
    solved = json.loads((ROOT / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").read_text())
    now = time.time()
    for student, (_, cells) in CLASS.items():
        notebook = submitted(target, student)
        notebook.parent.mkdir(parents=True)
        if student == "jo":
            notebook.write_text("I couldn't export my notebook, sorry!")
        else:
            notebook.write_text(json.dumps(with_cells(solved, cells)))
        when = now - (1.5 if student == "ida" else 3) * 86_400
        stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
        (notebook.parent / "timestamp.txt").write_text(stamp)


def with_cells(notebook: dict, sources: dict[str, str]) -> dict:
    """A copy of `notebook` with other sources in the cells of these grade_ids."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in sources:
            cell["source"] = sources[name].strip("\n")
    return copy


def submitted(target: Path, student: str) -> Path:
    """Where a student's notebook lies."""
    return target / "submitted" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def release(target: Path) -> Path:
    """The released notebook."""
    return target / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def nbgrader(target: Path, *arguments: str) -> None:
    """Run an nbgrader command in `target`; its log is kept beside the gradebook."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(target)}
    with (target / f"{arguments[0]}.log").open("w") as log:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        done = subprocess.run(command, cwd=target, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = "\n".join(Path(log.name).read_text().splitlines()[-15:])
        raise SystemExit(f"nbgrader {arguments[0]} failed ({log.name}):\n{tail}")


def gradebook_of(target: Path) -> Gradebook:
    """The course's gradebook."""
    return Gradebook(f"sqlite:///{target / 'gradebook.db'}")


def show(console: Console, target: Path) -> None:
    """The gradebook as a table that fits on 80 columns."""
    with gradebook_of(target) as gradebook:
        submissions = gradebook.assignment_submissions(ASSIGNMENT)
        cells = gradebook.find_notebook(ASSIGNMENT, ASSIGNMENT).grade_cells
        table = Table(title=f"Gradebook: {ASSIGNMENT}", padding=(0, 1, 0, 0))
        table.add_column("")
        for place in range(1, len(cells) + 1):
            table.add_column(f"({place})", justify="right", no_wrap=True)
        table.add_column("late", justify="right", no_wrap=True)
        table.add_column("total", justify="right", no_wrap=True)
        for submission in sorted(submissions, key=lambda s: s.student.id):
            notebook = submission.notebooks[0]
            grades = {grade.name: grade for grade in notebook.grades}
            penalty = notebook.late_submission_penalty or 0
            table.add_row(
                submission.student.id,
                *(score_of(grades[cell.name]) for cell in cells),
                f"-{penalty:g}" if penalty else "",
                f"{notebook.score - penalty:g}",
            )
        legend = [f"({n}) {cell.name.removeprefix('test_')}, {cell.max_score:g}" for n, cell in enumerate(cells, 1)]
    for student, (what, *_) in sorted(CLASS.items()):
        console.print(f"{student:5} {what}", highlight=False)
    console.print()
    console.print(table)
    console.print("[dim]" + " · ".join(legend) + "\n?: waits for a person[/]", highlight=False)


def score_of(grade) -> str:
    """A grade as the table shows it."""
    if grade.needs_manual_grade:
        return "?"
    style = "green" if grade.score == grade.max_score else "red" if not grade.score else "yellow"
    return f"[{style}]{grade.score:g}[/]"


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "demo")
