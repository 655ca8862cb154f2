"""Cells of the student's own, anywhere in a right notebook, cost nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.course import Assignment, Course
from autograder.grading import Grader
from autograder.report import Report
from autograder.submission import parse_submission

COURSE = Course(Path(__file__).resolve().parent.parent)

HARMLESS = {
    "imports": ("code", "import math, random\nfrom collections import defaultdict\nimport numpy as np"),
    "an import that isn't there": ("code", "import seaborn as sns"),
    "a helper": ("code", "def helper(x, *rest, scale=2):\n    '''Doubles.'''\n    return scale * x\n\nhelper(3)"),
    "a class": (
        "code",
        "class Net:\n    def __init__(self):\n        self.w = [1, 2]\n\n    def forward(self, x):\n        return x",
    ),
    "%time": ("code", "%time sum(range(1000))"),
    "%%time": ("code", "%%time\ntotal_of_mine = sum(range(1000))"),
    "%timeit": ("code", "%timeit -n 1 -r 1 1 + 1"),
    "%matplotlib": ("code", "%matplotlib inline"),
    "%load_ext": ("code", "%load_ext autoreload\n%autoreload 2"),
    "%%capture": ("code", "%%capture captured\nprint('hidden')"),
    "%pip": ("code", "%pip install torch"),
    "!ls": ("code", "!ls -la\nfiles = !ls\nfiles"),
    "%%bash": ("code", "%%bash\nls"),
    "an unknown magic": ("code", "%nonsense 1"),
    "help": ("code", "?print\nlen?"),
    "last result": ("code", "1 + 1\n_\n__"),
    "Markdown": ("markdown", "# My notes\n\n$w \\leftarrow w - \\eta g$ <b>x</b> [a](javascript:x)"),
    "raw": ("raw", "just text"),
    "a print": ("code", "print('here', 1, [2, 3])\nimport sys\nprint('there', file=sys.stderr)"),
    "a result": ("code", "{'a': [1, 2], 'b': (3,)}"),
    "a figure": ("code", "import matplotlib.pyplot as plt\nplt.figure()\nplt.plot([3, 1, 2])\nplt.show()"),
    "an exception": ("code", "1 / 0"),
    "a name that isn't there": ("code", "undefined_name_of_mine + 1"),
    "a broken line": ("code", "def broken(:\n    return"),
    "an assertion": ("code", "assert False, 'not yet'"),
    "an exit": ("code", "raise SystemExit"),
    "a stub": ("code", "raise NotImplementedError"),
    "an interrupt": ("code", "raise KeyboardInterrupt"),
    "empty": ("code", ""),
    "blank": ("code", "  \n\n\t\n"),
    "a comment": ("code", "# todo: later"),
    "unicode": ("code", "η, größe, 名前 = 0.1, 2, '日本語 🙂'\nprint(η, größe, 名前)"),
    "a string of surrogates": ("code", "text = '\\ud800'\nprint(len(text))"),
    "scratch": (
        "code",
        "a, b, i, k = 1, 2, 3, 4\nfor i in range(3):\n    a += i\nlist_of_mine = [i for i in range(3)]",
    ),
    "a seed": ("code", "import numpy as np\nnp.random.seed(0)\nnp.random.rand(3)"),
    "print options": (
        "code",
        "import numpy as np\nnp.set_printoptions(precision=2, suppress=True)\nnp.seterr(all='ignore')",
    ),
    "warnings": ("code", "import warnings\nwarnings.filterwarnings('ignore')\nwarnings.warn('mine')"),
    "a file": ("code", "with open('notes.txt', 'w') as file:\n    file.write('x')\nprint(open('notes.txt').read())"),
    "await": ("code", "import asyncio\nawait asyncio.sleep(0)"),
    "a thread's pool": (
        "code",
        "from functools import lru_cache, partial\n@lru_cache\ndef slow(n):\n    return n\nslow(3)",
    ),
    "input": ("code", "answer = input('your name? ')"),
}
"""Kinds of cells that a student may put anywhere."""

WITH_TORCH = {
    "torch imports": ("code", "import torch\nfrom torch import nn, optim\nimport torch.nn.functional as F"),
    "torch's seed": ("code", "import torch\ntorch.manual_seed(0)\ntorch.rand(2)"),
    "a device": ("code", "import torch\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\ndevice"),
    "a GPU": ("code", "import torch\ntorch.ones(1).cuda()"),
    "a network of one's own": (
        "code",
        "import torch\nmy_net = torch.nn.Linear(3, 2)\nmy_net(torch.ones(1, 3)).sum().backward()",
    ),
    "threads": ("code", "import torch\ntorch.set_num_threads(1)\ntorch.set_printoptions(precision=3)"),
    "no_grad": ("code", "import torch\nwith torch.no_grad():\n    print(torch.ones(2).sum())"),
    "autograd off": ("code", "import torch\ntorch.set_grad_enabled(False)"),
}

WRONG = (
    "def {name}(*arguments, **keywords):\n    return 42",
    "def {name}(*arguments, **keywords):\n    raise ValueError('first try')",
    "def {name}():\n    pass",
    "{name} = None",
    "{name} = 3",
    "raise NotImplementedError",
    "def {name}(:",
)
"""Tries at a function; a right definition follows."""

Own = tuple[int, str, str]
"""A cell of one's own: before which cell of the notebook it stands, its kind and its source."""


def notebook_of(assignment: Assignment) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(assignment.notebook.read_bytes())
    return notebook


def code_of(assignment: Assignment, function: str) -> tuple[int, str]:
    """Where the answer to `function` stands in the notebook, and its source."""
    for place, cell in enumerate(notebook_of(assignment)["cells"]):
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == function:
            return place, "".join(cell["source"])
    raise LookupError(function)


def graded(grader: Grader, own: list[Own], **sources: str) -> Report:
    """Grade the solved notebook with cells of the student's own, and other sources in some answers."""
    notebook = notebook_of(grader._assignment)
    cells = []
    for place, cell in enumerate(notebook["cells"]):
        cells += [as_cell(kind, source) for before, kind, source in own if before == place]
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cells.append({**cell, "source": sources[name]} if name in sources else cell)
    cells += [as_cell(kind, source) for before, kind, source in own if before >= len(notebook["cells"])]
    data = json.dumps({**notebook, "cells": cells}).encode()
    return grader.grade(parse_submission(data, grader._assignment), seed=1).report


def as_cell(kind: str, source: str) -> dict[str, Any]:
    outputs: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source, **outputs}


def assert_full(report: Report) -> None:
    lost = {c.grade_id: [k.message for k in c.checks if k.message] for c in report.cells if c.score < c.max_score}
    assert not lost
    assert report.score == report.max_score
    assert not report.problems


@pytest.fixture(scope="module", params=COURSE.names)
def grader(request: pytest.FixtureRequest) -> Iterator[Grader]:
    with Grader(COURSE.assignment(request.param)) as grader:
        yield grader


EVERYDAY = ("ps1_gradient_descent", "ps2_backpropagation")


def by_assignment(everyday: bool) -> Any:
    """The fixture `grader` for the assignments that the everyday suite grades, or for the others."""
    names = [name for name in COURSE.names if (name in EVERYDAY) == everyday]
    return pytest.mark.parametrize("grader", names, indirect=True)


def cells_for(assignment: Assignment) -> dict[str, tuple[str, str]]:
    return HARMLESS | (WITH_TORCH if assignment.settings.libraries == "torch" else {})


def draw_own(data: st.DataObject, assignment: Assignment, most: int) -> tuple[list[Own], dict[str, str]]:
    """Some cells of one's own in any places, and other sources of answers.

    Among them are wrong first tries at functions before the answer, and right ones in a cell of their own between
    the answer's cell, which is wrong or the stub, and the test's.
    """
    kinds = cells_for(assignment)
    anywhere = st.integers(0, len(notebook_of(assignment)["cells"]))
    own = []
    for name in data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=most), label="cells"):
        own.append((data.draw(anywhere), *kinds[name]))
    sources = {}
    for function in data.draw(st.sets(st.sampled_from(assignment.functions), max_size=3), label="tried twice"):
        place, right = code_of(assignment, function)
        wrong = data.draw(st.sampled_from(WRONG)).format(name=function)
        if data.draw(st.booleans(), label="before its cell"):
            own.append((data.draw(st.integers(0, place)), "code", wrong))
        else:
            test, _ = code_of(assignment, assignment.cell_of(function))
            sources[function] = wrong
            own.append((data.draw(st.integers(place + 1, test)), "code", right))
    return own, sources


def all_kinds_everywhere(assignment: Assignment) -> list[Own]:
    """Every kind of cell, dealt out over the whole notebook, and as often as there are places."""
    kinds = list(cells_for(assignment).values())
    places = range(len(notebook_of(assignment)["cells"]) + 1)
    return [(place, *kinds[place % len(kinds)]) for place in places] + [
        (place % len(places), *kind) for place, kind in enumerate(kinds)
    ]


BOUNDED = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


@by_assignment(everyday=True)
def test_every_kind_of_cell_costs_nothing(grader: Grader) -> None:
    assert_full(graded(grader, all_kinds_everywhere(grader._assignment)))


@pytest.mark.slow
@by_assignment(everyday=False)
def test_every_kind_of_cell_costs_nothing_in_the_longer_assignments(grader: Grader) -> None:
    assert_full(graded(grader, all_kinds_everywhere(grader._assignment)))


@by_assignment(everyday=True)
@settings(BOUNDED, max_examples=12)
@given(data=st.data())
def test_own_cells_anywhere_cost_nothing(grader: Grader, data: st.DataObject) -> None:
    own, sources = draw_own(data, grader._assignment, 6)
    assert_full(graded(grader, own, **sources))


@pytest.mark.slow
@by_assignment(everyday=False)
@settings(BOUNDED, max_examples=8)
@given(data=st.data())
def test_own_cells_anywhere_cost_nothing_in_the_longer_assignments(grader: Grader, data: st.DataObject) -> None:
    own, sources = draw_own(data, grader._assignment, 6)
    assert_full(graded(grader, own, **sources))
