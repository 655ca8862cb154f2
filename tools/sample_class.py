"""Make a graded sample class of any size, for the class report: the same each time.

A few notebooks are graded for real, in the sandbox: the right answers, and for each function some of the misconceptions
that the assignment knows. The students' notebooks and Reports are put together out of those, function by function, by
chance: strong students choose right answers more often. Three pairs of them have handed in one work.

Usage: python tools/sample_class.py ASSIGNMENT FOLDER [--students 300] [--graded 8] [--waiting]
Then:  autograder report ASSIGNMENT --course FOLDER
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import nbformat
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)

from autograder.course import Assignment, Course
from autograder.grading import Graded, Grader
from autograder.nbgrader.class_records import course_directory
from autograder.nbgrader.course import KEY
from autograder.nbgrader.exporters import as_notebook
from autograder.report import CellReport, Report
from autograder.submission import Submission

ROOT = Path(__file__).resolve().parent.parent
FIRST = [
    "Ada",
    "Alan",
    "Amara",
    "Ben",
    "Carla",
    "Chen",
    "Dara",
    "Emil",
    "Fatima",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Pia",
]
LAST = ["Abe", "Berg", "Costa", "Diaz", "Eriksen", "Fox", "Garcia", "Haas", "Ito", "Kim", "Lang", "Meyer", "Okoro"]
COPIES = ((11, 47), (23, 158), (90, 201))
"""Places of students of whom the second handed in the work of the first, with other names of variables."""
REMARKS = [
    "{v} = {a} + {b}",
    "{v} = [{a}, {b}][0]",
    "{v} = {{'first': {a}, 'second': {b}}}",
    "for {v} in range({a}):\n        pass",
    "if {a} > {b}:\n        {v} = {a}\n    else:\n        {v} = {b}",
    "{v} = lambda value: value * {a} - {b}",
    "{v} = sum(k * {a} for k in range({b}))",
    "{v} = max({a}, {b}) // min({a} + 1, {b} + 1)",
    "{v}, other = ({a}, {b})",
    "assert {a} != {b} or {a} == {b}",
    "{v} = not ({a} < {b} < {a} + {b})",
    "{v} = str({a}) + str({b})",
    "while {a} > {b} + {a}:\n        {v} = 0",
    "{v} = ({a} - {b}) ** 2 / ({b} + 1)",
    "{v} = tuple(range({a}))[:{b}]",
    "print(end='') if {a} else None",
]
"""Lines that change nothing, so that no two students write the same."""
ESSAYS = [
    "The loss falls because each step goes against the gradient. With a rate that is too large it grows.",
    "I think the learning rate decides. Small: many steps are needed. Large: w jumps over the valley.",
    "The gradient points uphill, so we subtract it. $w \\leftarrow w - \\eta \\nabla L$.",
    "It converges when the rate is small.",
]


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--graded", type=int, default=8, help="notebooks graded for real")
    parser.add_argument("--waiting", action="store_true", help="nobody has read the written answers yet")
    given = parser.parse_args()
    folder = given.folder
    name = given.assignment
    for part in ("source", "release"):
        shutil.copytree(ROOT / part / name, folder / part / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    task = Course(folder).assignment(name)
    rng = random.Random(7)
    samples = graded(task, given.graded)
    members = [Member(task, samples, rng) for _ in range(given.students)]
    for one, other in COPIES:
        if max(one, other) < len(members):
            members[other].copy(members[one])
    for place, member in enumerate(members):
        member.write(folder, f"s{place + 1:04}")
    fill_gradebook(folder, task, members, given.waiting)
    for student, content in (
        ("s9001", "this is no notebook"),
        ("s9002", '{"cells": [], "metadata": {}, "nbformat": 4}'),
    ):
        path = folder / "autograded" / student / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(content)


def graded(task: Assignment, count: int) -> list[tuple[dict[str, str], Graded]]:
    """Notebooks graded for real: in the first all is right, in the others every function has a misconception."""
    found = []
    wrong = {
        name: [entry for entry in task.bank.of(name) if "NotImplementedError" not in entry.source.text]
        for name in task.functions
    }
    with Grader(task) as grader:
        for turn in range(count):
            sources = {}
            if turn:
                for name, entries in wrong.items():
                    if entries:
                        sources[name] = entries[(turn - 1) * 3 % len(entries)].source.text
            cells = tuple(
                msgspec.structs.replace(cell, source=sources.get(str(cell.grade_id), cell.source))
                for cell in task.cells
            )
            found.append((sources, grader.grade(Submission(task, cells, ()), 11)))
        stub = {cell.grade_id: "raise NotImplementedError" for cell in task.cells if cell.role == "solution"}
        released = nbformat.read(task.folder.parents[1] / "release" / task.name / f"{task.name}.ipynb", as_version=4)
        texts = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in released.cells}
        sources = {str(name): texts[name] for name in stub}
        cells = tuple(
            msgspec.structs.replace(cell, source=sources.get(str(cell.grade_id), cell.source)) for cell in task.cells
        )
        found.append((sources, grader.grade(Submission(task, cells, ()), 11)))
    return found


class Member:
    """A student, whose answers are chosen by chance."""

    def __init__(self, task: Assignment, samples: list[tuple[dict[str, str], Graded]], rng: random.Random) -> None:
        self.task = task
        self.skill = rng.gauss(0.9, 1.1)
        self.name = (rng.choice(FIRST), rng.choice(LAST))
        self.late = rng.random() < 0.06
        self.essay = rng.choice(ESSAYS) if rng.random() < 0.93 else "YOUR ANSWER HERE"
        self.essay_score = round(min(max(rng.gauss(0.65 + 0.1 * self.skill, 0.15), 0), 1) * 2) / 2
        self.sources: dict[str, str] = {}
        reports: dict[str, CellReport] = {}
        worst = 0
        solutions = {str(cell.grade_id): cell.source for cell in task.cells if cell.role == "solution"}
        for place, name in enumerate(solutions):
            right = rng.random() < 1 / (1 + math.exp(-(self.skill + 0.9 - 0.35 * place)))
            turn = 0 if right else self._wrong(len(samples), rng)
            worst = worst or turn
            sources, sample = samples[turn]
            text = sources.get(name, solutions[name])
            self.sources[name] = text if turn == len(samples) - 1 else varied(text, rng)
            cell = next((c for c in sample.report.cells if c.grade_id == task.cell_of(name)), None)
            if cell is not None:
                reports[cell.grade_id] = cell
        for cell in samples[worst][1].report.cells:
            reports.setdefault(cell.grade_id, cell)
        # Measured numbers differ a little from student to student.
        shares = {name: value - abs(rng.gauss(0, 0.02)) for name, value in samples[worst][1].report.measured.items()}
        self.report = assembled(samples[0][1].report, reports, shares, self.essay, rng)

    def _wrong(self, samples: int, rng: random.Random) -> int:
        """Which of the samples a wrong answer is taken from: the last one is empty."""
        if rng.random() < 0.18 - 0.08 * self.skill:
            return samples - 1
        return min(1 + int(rng.expovariate(0.6)), samples - 2)

    def copy(self, other: Member) -> None:
        """Hand in the work of another student with other names of variables."""
        self.sources = {name: text.replace("step_", "mine_") for name, text in other.sources.items()}
        self.report = other.report

    def write(self, folder: Path, student: str) -> None:
        """Write the graded notebook."""
        self.student = student
        cells = tuple(
            msgspec.structs.replace(
                cell,
                source=self.essay if cell.role == "manual" else self.sources.get(str(cell.grade_id), cell.source),
            )
            for cell in self.task.cells
        )
        notebook = as_notebook(Submission(self.task, cells, ()))
        notebook.metadata[KEY] = {"report": msgspec.to_builtins(self.report)}
        path = folder / "autograded" / student / self.task.name / f"{self.task.name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(nbformat.writes(notebook))


def varied(text: str, rng: random.Random) -> str:
    """`text` with lines of the student's own at the beginning of the function."""
    lines = text.split("\n")
    start = next(
        (place for place, line in enumerate(lines) if line.startswith("def ") and line.rstrip().endswith(":")), None
    )
    if start is None:
        return text
    after = start + 1
    if lines[after].strip().startswith('"""'):
        while lines[after].count('"""') < (2 if after == start + 1 else 1):
            after += 1
        after += 1
    for place, remark in enumerate(rng.sample(REMARKS, rng.randint(2, 4))):
        line = remark.format(v=f"step_{place}", a=rng.randint(2, 99), b=rng.randint(2, 99))
        lines[after:after] = [f"    {part}" if not part.startswith(" ") else part for part in line.split("\n")]
    return "\n".join(lines)


def assembled(
    right: Report, reports: dict[str, CellReport], shares: dict[str, float], essay: str, rng: random.Random
) -> Report:
    """A Report out of cells of several."""
    cells = tuple(
        msgspec.structs.replace(
            cell,
            checks=tuple(
                msgspec.structs.replace(check, duration=round(rng.lognormvariate(-4, 0.8), 4)) for check in cell.checks
            ),
        )
        for cell in (reports[cell.grade_id] for cell in right.cells)
    )
    manual = tuple(msgspec.structs.replace(cell, answered=essay != "YOUR ANSWER HERE") for cell in right.manual)
    return msgspec.structs.replace(
        right,
        cells=cells,
        manual=manual,
        measured={name: max(share, 0.0) for name, share in shares.items()},
        score=round(sum(cell.score for cell in cells), 2),
        duration=round(sum(check.duration for cell in cells for check in cell.checks) + 0.2, 3),
    )


def fill_gradebook(folder: Path, task: Assignment, members: list[Member], waiting: bool) -> None:
    """Write all of it into a new gradebook at once."""
    place = (task.name, task.name)
    with Gradebook(course_directory(folder).db_url) as gradebook:
        due = datetime(2026, 3, 1)
        gradebook.add_assignment(task.name, duedate=due)
        notebook = gradebook.add_notebook(*place, kernelspec="{}")
        for cell in task.cells:
            name = str(cell.grade_id)
            if cell.role in ("test", "manual"):
                gradebook.add_grade_cell(name, *place, max_score=cell.points, cell_type=cell.kind)
            if cell.role in ("solution", "manual"):
                gradebook.add_solution_cell(name, *place)
        graded_cells = {cell.name: cell for cell in notebook.grade_cells}
        for member in members:
            first, last = member.name
            student = Student(
                id=member.student, first_name=first, last_name=last, email=f"{member.student}@uni.example"
            )
            handed_in = due + timedelta(days=1 if member.late else -1)
            submission = SubmittedAssignment(
                assignment=gradebook.find_assignment(task.name), student=student, timestamp=handed_in
            )
            work = SubmittedNotebook(notebook=notebook, assignment=submission)
            work.late_submission_penalty = 1.0 if member.late else None
            grades = [
                Grade(cell=graded_cells[cell.grade_id], notebook=work, auto_score=cell.score, needs_manual_grade=False)
                for cell in member.report.cells
            ]
            for cell in member.report.manual:
                grades.append(
                    Grade(
                        cell=graded_cells[cell.grade_id],
                        notebook=work,
                        auto_score=None if cell.answered else 0.0,
                        manual_score=member.essay_score * cell.max_score if cell.answered and not waiting else None,
                        needs_manual_grade=cell.answered and waiting,
                    )
                )
            comments = [Comment(cell=cell, notebook=work) for cell in notebook.solution_cells]
            gradebook.db.add_all([student, submission, work, *grades, *comments])
        gradebook.db.commit()


if __name__ == "__main__":
    main()
