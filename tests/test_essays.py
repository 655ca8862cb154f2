"""Written answers graded by a person: what is served to whom, what is written, and the page in a browser."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, complaints
from conftest import NAME
from nbgrader.api import Gradebook
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from autograder.course import Course
from autograder.nbgrader.class_records import course_directory
from autograder.nbgrader.essay_server import EssayServer
from autograder.nbgrader.written import Changed, Mark, WrittenAnswers

ESSAY = "essay_learning_rate"
EVIL = (
    "<script>alert(1)</script> [a](javascript:alert(2)) ![p](https://web.example/pixel.png)\n\n"
    "<img src=x onerror=alert(3)> **bold**"
)


@pytest.fixture(scope="module")
def course(graded_class: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(graded_class, tmp_path_factory.mktemp("essays") / "course"))
    path = folder / "autograded" / "s0002" / NAME / f"{NAME}.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == ESSAY:
            cell["source"] = EVIL
    path.write_text(json.dumps(notebook))
    return folder


@pytest.fixture
def written(course: Path) -> WrittenAnswers:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for number in range(1, 13):
            grade, comment = found(gradebook, f"s{number:04}")
            grade.manual_score = comment.manual_comment = grade.extra_credit = None
            grade.needs_manual_grade = grade.auto_score is None
        gradebook.db.commit()
    shutil.rmtree(course / "comments", ignore_errors=True)
    return WrittenAnswers(course_directory(course), Course(course).assignment(NAME))


@pytest.fixture
def server(written: WrittenAnswers) -> Iterator[EssayServer]:
    with EssayServer(written, NAME) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def found(gradebook: Any, student: str) -> tuple[Any, Any]:
    place = (ESSAY, NAME, NAME, student)
    return gradebook.find_grade(*place), gradebook.find_comment(*place)


def in_gradebook(course: Path, student: str) -> tuple[Any, ...]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade, comment = found(gradebook, student)
        return grade.manual_score, grade.needs_manual_grade, comment.manual_comment, grade.extra_credit


def ask(
    server: EssayServer, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    own = {"Content-Type": "application/json", "Origin": f"http://{server.host}"} if method == "POST" else {}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    connection.request(method, path, data, {**own, **sent})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer


def marked(student: str, score: float | None, comment: str = "", before: Any = None) -> dict[str, Any]:
    return {
        "student": student,
        "grade_id": ESSAY,
        "mark": {"score": score, "comment": comment},
        "before": before or {"score": None, "comment": ""},
    }


def test_the_mark_scheme_stands_beside_answers_that_can_do_no_harm(server: EssayServer) -> None:
    status, page, answer = ask(server, "GET", f"/{server.token}/")
    assert status == 200
    assert b"5 points. Half points are fine." in page
    assert b"Explain in about ten sentences" in page
    policy = str(answer.headers["Content-Security-Policy"])
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    _, data, _ = ask(server, "GET", f"/{server.token}/answers")
    answers = {entry["student"]: entry for entry in json.loads(data)["answers"]}
    assert len(answers) == 12
    text = answers["s0002"]["text"]
    assert "<strong>bold</strong>" in text
    assert "&lt;script&gt;" in text
    assert not any(word in text for word in ("<script", '<img src="x', "<img src=x", 'href="javascript'))


def test_points_and_comments_go_into_the_gradebook_and_extra_credit_stays(server: EssayServer, course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        found(gradebook, "s0001")[0].extra_credit = 1.5
        gradebook.db.commit()
    status, data, _ = ask(server, "POST", f"/{server.token}/save", marked("s0001", 3.5, "Well argued."))
    assert (status, json.loads(data)) == (200, {"score": 3.5, "comment": "Well argued."})
    assert in_gradebook(course, "s0001") == (3.5, False, "Well argued.", 1.5)
    seen = {"score": 3.5, "comment": "Well argued."}
    assert ask(server, "POST", f"/{server.token}/save", marked("s0001", None, "", seen))[0] == 200
    assert in_gradebook(course, "s0001") == (None, True, None, 1.5)


def test_an_answer_that_was_handed_in_anew_is_looked_at_again(server: EssayServer, course: Path) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade, _ = found(gradebook, "s0005")
        grade.manual_score, grade.needs_manual_grade = 2.0, True
        gradebook.db.commit()
    _, data, _ = ask(server, "GET", f"/{server.token}/answers")
    assert [entry["student"] for entry in json.loads(data)["answers"] if entry["review"]] == ["s0005"]
    same = marked("s0005", 2.0, before={"score": 2.0, "comment": ""})
    assert ask(server, "POST", f"/{server.token}/save", same)[0] == 200
    assert in_gradebook(course, "s0005")[:2] == (2.0, False)


def test_what_another_person_wrote_meanwhile_is_not_overwritten(server: EssayServer, course: Path) -> None:
    assert ask(server, "POST", f"/{server.token}/save", marked("s0003", 2.0, "first"))[0] == 200
    status, data, _ = ask(server, "POST", f"/{server.token}/save", marked("s0003", 5.0, "second"))
    assert (status, json.loads(data)) == (409, {"score": 2.0, "comment": "first"})
    assert in_gradebook(course, "s0003")[0] == 2.0


def test_who_has_seen_an_older_mark_does_not_overwrite_a_newer_one(written: WrittenAnswers) -> None:
    before = Mark(score=None, comment="")
    written.save("s0004", ESSAY, Mark(score=1.0, comment=""), before)
    with pytest.raises(Changed):
        written.save("s0004", ESSAY, Mark(score=2.0, comment=""), before)


@pytest.mark.parametrize(
    "body",
    [
        marked("s0001", 5.5),
        marked("s0001", -1),
        marked("nobody", 1),
        {**marked("s0001", 1), "grade_id": "test_mse_loss"},
        {**marked("s0001", 1), "mark": {"score": "1", "comment": ""}},
        marked("s0001", 1, "x" * 10_001),
        ["s0001"],
    ],
)
def test_requests_that_make_no_sense_write_nothing(server: EssayServer, course: Path, body: Any) -> None:
    assert ask(server, "POST", f"/{server.token}/save", body)[0] == 400
    assert in_gradebook(course, "s0001") == (None, True, None, None)


def test_only_the_page_itself_may_ask(server: EssayServer, course: Path) -> None:
    own, save = f"/{server.token}/", f"/{server.token}/save"
    body = marked("s0001", 1.0)
    assert ask(server, "GET", "/")[0] == 403
    assert ask(server, "GET", "/wrong/answers")[0] == 403
    assert ask(server, "GET", "*")[0] == 403
    assert ask(server, "GET", f"/{server.token}/../../etc/passwd")[0] == 404
    assert ask(server, "GET", own, Host="evil.example")[0] == 403
    assert ask(server, "GET", own, Host=f"localhost.evil.example:{server.server_port}")[0] == 403
    assert ask(server, "POST", save, body, Origin="https://evil.example")[0] == 403
    assert ask(server, "POST", save, body, Origin="null")[0] == 403
    assert ask(server, "POST", save, body, Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(server, "POST", save, body, Content_Type="text/plain")[0] == 403
    assert ask(server, "POST", save, None, Content_Length="2000000")[0] == 413
    assert ask(server, "PUT", save, body)[0] == 501
    assert in_gradebook(course, "s0001")[0] is None
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_comments_are_kept_for_the_assignment(server: EssayServer, course: Path, written: WrittenAnswers) -> None:
    path = f"/{server.token}/comments"
    kept = ["Name the curvature.", "  ", "Name the curvature.", "=1+1 <b>"]
    assert ask(server, "POST", path, {"grade_id": ESSAY, "comments": kept})[0] == 200
    assert written.comments() == {ESSAY: ["Name the curvature.", "=1+1 <b>"]}
    assert ask(server, "POST", path, {"grade_id": "other", "comments": []})[0] == 400
    assert ask(server, "POST", path, {"grade_id": ESSAY, "comments": ["x"] * 3 + list("abc") * 1})[0] == 200
    assert ask(server, "POST", path, {"grade_id": ESSAY, "comments": [str(n) for n in range(41)]})[0] == 400
    (course / "comments" / f"{NAME}.json").write_text("{broken")
    status, data, _ = ask(server, "POST", path, {"grade_id": ESSAY, "comments": ["lost?"]})
    assert status == 500
    assert b"mend or delete" in data
    assert (course / "comments" / f"{NAME}.json").read_text() == "{broken"


@pytest.mark.slow
def test_essays_are_graded_with_the_keyboard_in_a_browser(server: EssayServer, course: Path) -> None:
    with chromium(1300, 900) as driver:
        driver.get(server.address)
        wait = WebDriverWait(driver, 30)
        body = driver.find_element(By.TAG_NAME, "body")

        def text(element: str) -> str:
            return str(driver.find_element(By.ID, element).text)

        wait.until(lambda _: text("student"))
        first = text("student")
        open_ = int(text("done").split()[0])
        assert "Half points are fine" in driver.find_element(By.TAG_NAME, "aside").text
        body.send_keys("3")
        wait.until(lambda _: "Saved" in text("said"))
        body.send_keys(".")
        wait.until(lambda _: "3.5" in text("said"))
        body.send_keys("c")
        driver.switch_to.active_element.send_keys("Name the curvature.", Keys.ESCAPE)
        body.send_keys("k")
        wait.until(lambda _: driver.find_elements(By.CSS_SELECTOR, "#bank li"))
        wait.until(lambda _: in_gradebook(course, first) == (3.5, False, "Name the curvature.", None))
        body.send_keys("w")
        wait.until(lambda _: text("student") != first)
        second = text("student")
        body.send_keys(Keys.SHIFT, "1", Keys.NULL)
        body.send_keys("5")
        wait.until(lambda _: in_gradebook(course, second) == (5.0, False, "Name the curvature.", None))
        assert int(text("done").split()[0]) == open_ - 2
        body.send_keys("9")
        assert "at most 5" in text("said")
        for _ in range(12):
            body.send_keys("p")
        for _ in range(11):
            body.send_keys("n")
            assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        refused = [entry for entry in complaints(driver) if "pixel.png" not in entry]
        assert refused == []
        driver.refresh()
        wait.until(lambda _: text("student"))
        assert text("student") not in (first, second)
