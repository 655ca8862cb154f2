"""A class as classes are: submissions of one assignment, half of them wrong, the same ones each time.

Of a hundred, 35 are right, 50 have one or several of the misconceptions that the assignment knows, 10 are unfilled,
4 crash their process and 1 loops or floods.

Usage: python tools/mixed_class.py ASSIGNMENT FOLDER [--students 100]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.course import Assignment, Course

ROOT = Path(__file__).resolve().parent.parent
KINDS = ["right"] * 35 + ["wrong"] * 50 + ["unfilled"] * 10 + ["crashing"] * 4 + ["endless"]
CRASHES = [
    "import os\nos._exit(3)",
    "import ctypes\nctypes.string_at(0)",
    "return (lambda f: f(f))(lambda f: f(f))",
    "big = bytearray(1 << 40)",
]
ENDLESS = ["while True:\n    pass", "while True:\n    print('x' * 1000)"]


def submissions(task: Assignment, count: int, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """Students, the kind of their submission, and their notebooks as text."""
    solved = json.loads(task.notebook.read_bytes())
    stub = json.loads((ROOT / "release" / task.name / f"{task.name}.ipynb").read_bytes())
    rng = random.Random(seed)
    kinds = (KINDS * (count // len(KINDS) + 1))[: count - count % len(KINDS)]
    kinds += rng.sample(KINDS, count % len(KINDS))
    rng.shuffle(kinds)
    wrong = {
        name: [entry.source.text for entry in task.bank.of(name) if "NotImplementedError" not in entry.source.text]
        for name in task.functions
    }
    for number, kind in enumerate(kinds):
        sources = _sources(kind, task, wrong, rng)
        document = with_cells(stub if kind == "unfilled" else solved, sources)
        document["metadata"]["student"] = number  # so that no two files are the same
        yield f"student{number:04}", kind, json.dumps(document)


def _sources(kind: str, task: Assignment, wrong: dict[str, list[str]], rng: random.Random) -> dict[str, str]:
    names = [name for name in task.functions if wrong[name]]
    if kind == "wrong":
        chosen = rng.sample(names, min(len(names), rng.choice([1, 1, 1, 2, 2, 3])))
        return {name: rng.choice(wrong[name]) for name in chosen}
    if kind in ("crashing", "endless"):
        body = rng.choice(CRASHES if kind == "crashing" else ENDLESS)
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        name = rng.choice(names)
        return {name: f"def {name}(*arguments, **further):\n{lines}"}
    return {}


def with_cells(document: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    """A copy of a notebook with other sources in the cells of these grade_ids."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for cell in copy["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in sources:
            cell["source"] = sources[name]
    return copy


def make(folder: Path, name: str, count: int) -> None:
    """A course with `count` submissions, nothing graded."""
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "source" / name, folder / "source" / name, ignore=ignored)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for student, _, notebook in submissions(Course(folder).assignment(name), count):
        submitted = folder / "submitted" / student / name
        submitted.mkdir(parents=True)
        (submitted / f"{name}.ipynb").write_text(notebook)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--students", type=int, default=100)
    given = parser.parse_args()
    make(given.folder, given.assignment, given.students)


if __name__ == "__main__":
    main()
