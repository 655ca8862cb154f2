"""`autograder report`: what it reads, that nothing of a student's gets into it as HTML, and the page in a browser."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, complaints
from conftest import NAME
from nbgrader.api import Gradebook
from selenium.webdriver.common.by import By
from typer.testing import CliRunner

from autograder.cli import app

ROOT = Path(__file__).resolve().parent.parent
EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>"
FORMULA = '=HYPERLINK("https://web.example/";"click")'


def report(folder: Path, *options: str) -> tuple[str, str]:
    """What the command says, and the page."""
    page = folder / "page.html"
    done = CliRunner().invoke(app, ["report", NAME, "--course", str(folder), "--output", str(page), *options])
    assert done.exit_code == 0, done.output
    return done.output, page.read_text()


def notebook_of(folder: Path, student: str) -> Path:
    return folder / "autograded" / student / NAME / f"{NAME}.ipynb"


def change(path: Path, edit: Any) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def course(graded_class: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded_class, tmp_path / "course"))


class Elements(HTMLParser):
    """The elements of a page with their attributes, as a browser reads it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def test_nothing_of_a_student_gets_into_the_page_as_html_or_into_the_table_as_a_formula(course: Path) -> None:
    def edit(notebook: dict[str, Any]) -> None:
        made = notebook["metadata"]["autograder"]["report"]
        made["problems"] = [EVIL]
        for cell in made["cells"]:
            for check in cell["checks"]:
                check.update(outcome="error", message=EVIL, hint=EVIL, diagnosis=None)
        made["cells"][0]["checks"][0]["diagnosis"] = f"mse_loss.{EVIL}"
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                cell["source"] = EVIL + "def mse_loss(y, y_hat):\n    return [y, y_hat, {1: y}][0] ** 2 + 17\n" * 5

    for student in ("s0001", "s0002"):
        change(notebook_of(course, student), edit)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student("s0001", first_name=EVIL, last_name="")
        gradebook.update_or_create_student("s0002", first_name=FORMULA, last_name="")
    _, page = report(course, "--csv", str(course / "table.csv"))
    found = Elements(page).found
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert(1)") > 5
    assert {tag for tag, _ in found} & {"img", "iframe", "object", "form", "link", "base"} == set()
    assert [tag for tag, _ in found].count("script") == 1
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in found)
    with (course / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["name"] == f"'{FORMULA}"
    assert not [text for row in rows for text in row.values() if text[:1] in ("=", "+", "@", "\t")]


def test_the_page_runs_its_one_script_and_loads_nothing(graded_class: Path, course: Path) -> None:
    _, page = report(course)
    policy = next(a["content"] for t, a in Elements(page).found if a.get("http-equiv") == "Content-Security-Policy")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://", page)


def test_graded_notebooks_that_can_not_be_used_are_listed(course: Path) -> None:
    secret = course / "secret.ipynb"
    shutil.copy(notebook_of(course, "s0001"), secret)
    notebook_of(course, "s0002").unlink()
    notebook_of(course, "s0002").symlink_to(secret)
    notebook_of(course, "s0003").unlink()
    os.mkfifo(notebook_of(course, "s0003"))
    notebook_of(course, "s0004").unlink()
    change(notebook_of(course, "s0005"), lambda found: found["metadata"]["autograder"]["report"].pop("cells"))
    change(notebook_of(course, "s0006"), lambda found: found["metadata"]["autograder"]["report"].update(assignment="b"))
    change(notebook_of(course, "s0007"), lambda found: found["metadata"].update(autograder=[]))
    said, page = report(course)
    broken = ["s0002", "s0003", "s0004", "s0005", "s0006", "s0007", "s9001", "s9002"]
    assert re.findall(r"left out: (s\d+)", said) == broken
    assert re.findall(r"Left out: (s\d+)", page) == broken
    assert "6 graded submissions" in page


def test_points_and_names_are_the_gradebook_s_and_measured_numbers_the_report_s(course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student("s0001", first_name="Zoë", last_name="Quill")
        found = gradebook.find_submission_notebook(NAME, NAME, "s0001")
        for grade in found.grades:
            grade.manual_score = 1.25
        found.late_submission_penalty = 0.5
        count = len(found.grades)
        gradebook.db.commit()
    measured = {"accuracy": 0.8125}
    path = notebook_of(course, "s0001")
    change(path, lambda content: content["metadata"]["autograder"]["report"].update(measured=measured))
    _, page = report(course, "--csv", str(course / "table.csv"))
    with (course / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["name"] == "Zoë Quill"
    assert float(row["points"]) == 1.25 * count - 0.5
    assert (row["late penalty"], row["written answers waiting"], row["accuracy"]) == ("0.5", "0", "0.8125")
    assert "half below 81.25 %" in page


def test_without_names_nobody_can_be_recognised(course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        names = {name for student in gradebook.students for name in (student.first_name, student.last_name)}
    said, page = report(course, "--anonymous", "--csv", str(course / "table.csv"))
    for text in (said, page, (course / "table.csv").read_text()):
        assert not re.search(r"s[09]0\d\d", text)
        assert not re.search(rf"\b({'|'.join(names)})\b", text)
    assert "student 01" in page


def test_a_class_that_was_not_graded_is_refused(course: Path, tmp_path: Path) -> None:
    (course / "gradebook.db").unlink()
    done = CliRunner().invoke(app, ["report", NAME, "--course", str(course), "--output", str(tmp_path / "page.html")])
    assert done.exit_code == 2
    assert "grade the class first" in " ".join(done.output.split())
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_the_report_of_300_students_in_a_browser(tmp_path: Path) -> None:
    course, page = tmp_path / "course", tmp_path / "page.html"
    subprocess.run([sys.executable, "tools/sample_class.py", NAME, str(course), "--graded", "5"], cwd=ROOT, check=True)
    done = CliRunner().invoke(app, ["report", NAME, "--course", str(course), "--output", str(page)])
    assert done.exit_code == 0, done.output
    assert len(page.read_bytes()) < 1_000_000
    with chromium() as driver:
        driver.get(page.as_uri())
        rows = driver.find_elements(By.CSS_SELECTOR, "#students tbody tr")
        assert len(rows) == 300
        assert len(driver.find_elements(By.CSS_SELECTOR, "#alike details")) == 3  # the pairs that share one work

        def points() -> list[float]:
            cells = driver.execute_script(
                "return [...document.querySelectorAll('#students tbody tr')].map(row => row.cells[1].dataset.value)"
            )
            return [float(value) for value in cells]

        before = points()
        head = driver.find_element(By.CSS_SELECTOR, "#students th:nth-child(2) button")
        head.click()
        assert points() == sorted(before, reverse=True)
        head.click()
        assert points() == sorted(before)
        assert before != sorted(before)
        counts = [int(e.text.split()[0]) for e in driver.find_elements(By.CSS_SELECTOR, ".mistakes .count") if e.text]
        assert len(counts) > 5
        assert counts == sorted(counts, reverse=True)
        assert driver.find_elements(By.CSS_SELECTOR, "#points svg rect")
        driver.set_window_size(500, 900)
        assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints(driver) == []
        asked = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        urls = {m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"}
        assert {url for url in urls if not url.startswith(("data:", "chrome"))} == {page.as_uri()}
