"""The attacks of tests/attacks/ against stock nbgrader and against this project's grader, as docs/attacks.md.

    python tools/attack_table.py RESULTS.json [ATTACK...]

Attacks that RESULTS.json doesn't have yet are tried and added; then the table is written from all of it. Stock nbgrader
runs student code with all rights of the one who grades, so it is started as a user of its own, in namespaces of its own
(bubblewrap), on a course made for this. Needs root, bubblewrap and setpriv.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from attacks.files import DONE_WITHOUT_ISOLATION  # noqa: E402
from attacks.grading import CANARY, NAME, PLAIN_UID, GraderProcess, as_plain_user  # noqa: E402
from attacks.secrets import FOUND_WITHOUT_ISOLATION  # noqa: E402
from attacks.table import Attack, all_attacks  # noqa: E402
from conftest import FUNCTIONS, notebook_of, solved_cells  # noqa: E402

SECONDS = 150
"""After which nbgrader counts as hung; it limits each cell to 10 seconds by itself."""
RIGHT = """
import numpy as np
rng = np.random.default_rng(0)
X, w, b, y = rng.normal(size=(5, 3)), rng.normal(size=3), 0.5, rng.normal(size=5)
y_hat = X @ w + b
slope = (y_hat - y) / 5
"""
TESTS = {
    "mse_loss": "assert np.isclose(mse_loss(y, y_hat), np.sum((y - y_hat) ** 2) / 10)",
    "mse_gradient": "assert np.allclose(mse_gradient(y, y_hat), slope)",
    "linear_gradients": """dw, db = linear_gradients(X, y, w, b)
assert np.allclose(dw, X.T @ slope) and np.isclose(db, slope.sum())""",
    "gradient_step": "assert np.allclose(gradient_step(w, w + 1, 0.1), w - 0.1 * (w + 1))",
    "gradient_descent": """v, c, losses = w, b, []
for _ in range(3):
    losses.append(np.sum((X @ v + c - y) ** 2) / 10)
    s = (X @ v + c - y) / 5
    v, c = v - 0.1 * X.T @ s, c - 0.1 * s.sum()
losses.append(np.sum((X @ v + c - y) ** 2) / 10)
got = gradient_descent(X, y, w, b, 0.1, 3)
assert np.allclose(got[0], v) and np.isclose(got[1], c) and np.allclose(got[2], losses)""",
    "numerical_gradient": "assert np.allclose(numerical_gradient(lambda v: np.sum(v ** 3), w), 3 * w ** 2, atol=1e-4)",
}
"""What hidden tests of stock nbgrader check of each function: as much as its model allows, in the notebook itself."""
CONFIG = """
c = get_config()
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.Execute.timeout = 10
c.Execute.interrupt_on_timeout = True
"""
TRIED = [
    *(f"secrets-{name}" for name in ("own_environment", *FOUND_WITHOUT_ISOLATION) if not name.startswith("hidden")),
    *(f"files-{name}" for name in DONE_WITHOUT_ISOLATION),
    *(name for name in all_attacks() if name.startswith("lies-") and "lent" not in name),
    *(f"tampering-{name}" for name in ("builtins", "numpy_sums", "numpy_arrays", "namespace")),
    *(f"crashes-function_{name}" for name in (
        "os_exit", "endless_loop", "segmentation_fault", "always_equal", "always_equal_array", "kill_everything",
        "exception_that_exits",
    )),
    "crashes-cell_os_exit", "processes-signals", "processes-signals_to_all", "processes-new_processes",
    "waiting-function_sleeps", "waiting-function_deadlock", "waiting-cell_sleeps", "files-plants_start_up_files",
    "text-displayed", "resources-sixty_cells_of_text",
]  # fmt: skip
"""Attacks that make sense against both."""


def hidden_tests(cells: list[dict[str, Any]], grader_s: bool) -> list[dict[str, Any]]:
    """The cells with hidden tests in the test cells, as the instructor's notebook has them, or without."""
    for cell in cells:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if name.startswith("test_"):
            hidden = (
                f"### BEGIN HIDDEN TESTS\n{RIGHT.strip()}\n{TESTS[name.removeprefix('test_')]}\n### END HIDDEN TESTS"
            )
            cell["source"] = f"{cell['source']}\n{hidden}" if grader_s else cell["source"]
    return cells


class Stock:
    """A course of stock nbgrader, with another student who has been graded."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="stock-"))
        self.course = self.folder / "course"
        (self.folder / "home").mkdir()
        (self.folder / "home" / "notes.txt").write_text(CANARY)
        source = self.course / "source" / NAME
        source.mkdir(parents=True)
        (source / f"{NAME}.ipynb").write_bytes(notebook_of(hidden_tests(solved_cells(), True)))
        (self.course / "nbgrader_config.py").write_text(CONFIG)
        self.hand_in("other", notebook_of([*solved_cells()]))
        self.nbgrader("generate_assignment", NAME)
        self.nbgrader("autograde", NAME, "--student", "other")
        assert self.points("other") == FUNCTIONS, self.points("other")
        with closing(sqlite3.connect(self.course / "gradebook.db")) as database:
            database.execute("create table notes (text)")
            database.execute("insert into notes values (?)", [CANARY])
            database.commit()
        (self.course / "submitted" / "other" / NAME / "notes.txt").write_text(CANARY)

    def hand_in(self, student: str, notebook: bytes) -> None:
        place = self.course / "submitted" / student / NAME
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{NAME}.ipynb").write_bytes(notebook)

    def nbgrader(self, *arguments: str) -> bool:
        """Run a command, contained; whether it came to an end."""
        subprocess.run(["chown", "-R", f"{PLAIN_UID}:{PLAIN_UID}", self.folder], check=True)
        contained = [
            "prlimit", "--nproc=300", "--as=8000000000", "--fsize=300000000",
            "bwrap", "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc",
            "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/tmp", "--bind", str(self.folder), str(self.folder), "--chdir", str(self.course),
            sys.executable, "-m", "nbgrader", *arguments,
        ]  # fmt: skip
        self.folder.chmod(0o755)
        command = as_plain_user(contained, [self.folder, ROOT, Path(sys.prefix), Path(sys.base_prefix)])
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "AUTOGRADER_CANARY": CANARY,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            try:
                process.wait(SECONDS)
                return True
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return False

    def points(self, student: str) -> dict[str, float] | None:
        """Points by function; None where the student was not graded."""
        query = """
            select base_cell.name, grade.auto_score from grade join base_cell on base_cell.id = grade.cell_id
            join submitted_notebook on submitted_notebook.id = grade.notebook_id
            join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
            where submitted_assignment.student_id = ? and base_cell.name like 'test_%'
        """
        try:
            with closing(sqlite3.connect(self.course / "gradebook.db")) as database:
                found = dict(database.execute(query, [student]).fetchall())
        except sqlite3.Error:
            return None
        if not found or None in found.values() or not self.graded(student).is_file():
            return None
        return {name.removeprefix("test_"): score for name, score in found.items()}

    def graded(self, student: str) -> Path:
        return self.course / "autograded" / student / NAME / f"{NAME}.ipynb"

    def others(self) -> dict[str, tuple[object, ...]]:
        """What belongs to others, in a form that differs after any change."""
        found: dict[str, tuple[object, ...]] = {"points of other": (str(self.points("other")),)}
        for top in (self.folder / "home" / "notes.txt", self.course / "submitted" / "other", self.course / "source"):
            for path in (top, *top.rglob("*")):
                if path.exists():
                    status = path.stat()
                    content = path.read_bytes() if path.is_file() else b""
                    found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_nlink, content)
        return found


def against_stock(template: Stock, attack: Attack) -> dict[str, Any]:
    """What an attack does to stock nbgrader."""
    kept = Path(tempfile.mkdtemp(prefix="stock-kept-"))
    shutil.copytree(template.folder, kept, dirs_exist_ok=True, symlinks=True)
    try:
        notebook = json.loads(attack.notebook())
        template.hand_in("mallory", json.dumps(notebook).encode())
        before = template.others()
        started = time.monotonic()
        ended = template.nbgrader("autograde", NAME, "--student", "mallory")
        points = template.points("mallory")
        shown = template.graded("mallory").read_text(errors="replace") if template.graded("mallory").is_file() else ""
        for cell in json.loads(shown)["cells"] if shown else []:
            shown = shown.replace(json.dumps(cell["source"])[1:-1], "")
        return {
            "gained": sum((points or {}).get(name, 0.0) for name in attack.unearned),
            "read": CANARY in shown,
            "changed": template.others() != before,
            "ungraded": points is None or not ended,
            "seconds": round(time.monotonic() - started, 1),
        }
    finally:
        shutil.rmtree(template.folder, ignore_errors=True)
        shutil.copytree(kept, template.folder, symlinks=True)
        shutil.rmtree(kept)


def against_ours(grader: GraderProcess, attack: Attack) -> dict[str, Any]:
    """What the same attack does to this project's grader."""
    before = grader.files()
    path = grader.folder / "notebook.ipynb"
    path.write_bytes(attack.notebook())
    started = time.monotonic()
    answer = grader.grade(path)
    points = {cell["grade_id"].removeprefix("test_"): cell["score"] for cell in answer["report"]["cells"]}
    return {
        "gained": sum(points[name] for name in attack.unearned),
        "read": CANARY in json.dumps([answer["report"], answer["outputs"]]),
        "changed": grader.files() != before,
        "ungraded": points.keys() != FUNCTIONS.keys(),
        "seconds": round(time.monotonic() - started, 1),
    }


def table(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """docs/attacks.md."""
    attacks = all_attacks()

    def total(side: str) -> str:
        rows = [row[side] for row in results.values()]
        parts = [
            f"{sum(row['gained'] > 0 for row in rows)} gained points",
            f"{sum(row['read'] for row in rows)} read a secret",
            f"{sum(row['changed'] for row in rows)} changed what belongs to others",
            f"{sum(row['ungraded'] for row in rows)} left the submission ungraded",
        ]
        return ", ".join(parts)

    lines = [
        "# Attacks: stock nbgrader and this grader",
        "",
        f"{len(results)} of the {len(attacks)} attacks of `tests/attacks/`: those that make sense against both. The same",
        "notebooks were graded by stock nbgrader 0.9, with equivalent hidden tests in the notebook's test cells and a limit",
        "of 10 seconds a cell, and by this project's grader (tier `landlock`). Made by `python tools/attack_table.py FILE`.",
        "",
        f"- **Stock nbgrader**: {total('stock')}.",
        f"- **This grader**: {total('ours')}.",
        "",
        "*points*: for answers that are wrong. *secret*: a word that stands in the gradebook, in another submission and in",
        "the instructor's files and environment was shown in the graded notebook. *changed*: another submission, its grade",
        f"or the instructor's files. *ungraded*: no grade, or no end within {SECONDS} seconds.",
        "",
        "| attack | what it tries | stock nbgrader | this grader |",
        "| --- | --- | --- | --- |",
    ]
    for name in sorted(results):
        stock, ours = (verdict(results[name][side]) for side in ("stock", "ours"))
        lines.append(f"| {name.replace('-', ': ').replace('_', ' ')} | {attacks[name].what} | {stock} | {ours} |")
    return "\n".join(lines) + "\n"


def verdict(result: dict[str, Any]) -> str:
    """One side's part of a row."""
    words = [f"**{result['gained']:g} points**"] if result["gained"] else []
    words += [f"**{word}**" for word in ("read", "changed", "ungraded") if result[word]]
    named = [word.replace("read", "secret") for word in words]
    return ", ".join(named) or "nothing"


def main() -> None:
    """Try what isn't tried yet, and write the table."""
    file = Path(sys.argv[1])
    results = json.loads(file.read_text()) if file.is_file() else {}
    attacks = all_attacks()
    waiting = [name for name in sys.argv[2:] or TRIED if name not in results]
    if waiting:
        stock = Stock()
        ours = GraderProcess(Path(tempfile.mkdtemp(prefix="attacks-")), "landlock", plain=True)
        for name in waiting:
            results[name] = {
                "stock": against_stock(stock, attacks[name]),
                "ours": against_ours(ours, attacks[name]),
            }
            print(name, results[name], flush=True)
            file.write_text(json.dumps(results, indent=1))
        ours.close()
        for folder in (stock.folder, ours.folder):
            shutil.rmtree(folder, ignore_errors=True)
    (ROOT / "docs" / "attacks.md").write_text(table(results))


if __name__ == "__main__":
    main()
