"""The service from launch to grade, over real HTTP, with a simulated platform and real grading."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import FUNCTIONS, NAME, notebook_of, solved_cells
from lti_platform import LINK, Place, running, until
from sqlalchemy import select, update

from autograder.course import PACKAGED
from autograder.lms.service import tables
from autograder.lms.service.app import application
from autograder.lms.service.database import ServiceError
from autograder.lms.service.platforms import invite
from autograder.lms.service.running import served
from autograder.lms.service.service import Service
from autograder.lms.service.settings import ServiceSettings
from autograder.lms.service.submissions import report_of
from autograder.report import Report, from_json, to_json

SOLVED = notebook_of(solved_cells())


@pytest.fixture(scope="module")
def place(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running(course, tmp_path_factory.mktemp("service"), NAME, 25.0) as place:
        yield place


def test_a_student_hands_in_and_the_platform_gets_the_grade_once(place: Place) -> None:
    ada = place.browser()
    page = ada.launch(place.simulator, "ada")
    assert page.status_code == 200, page.text
    page = ada.hand_in(page, SOLVED)
    assert page.status_code == 200, page.text
    assert "Receipt" in page.text
    until(lambda: place.simulator.grade(LINK, "ada") is not None)
    until(lambda: "the platform has it" in ada.get(str(page.url)).text)
    assert place.simulator.grade(LINK, "ada") == pytest.approx(
        25.0 * sum(FUNCTIONS.values()) / (sum(FUNCTIONS.values()) + 5)
    )
    assert [user for user, *_ in place.simulator.accepted] == ["ada"]
    assert len(place.simulator.bodies) == 1
    feedback = ada.get(f"{page.url}/feedback")
    assert feedback.status_code == 200
    assert "Feedback for Ada &lt;b&gt;Student&lt;/b&gt;" in feedback.text


@pytest.mark.parametrize("shown", ["now", "never"])
def test_the_page_is_told_of_every_check_while_it_is_made(place: Place, shown: str) -> None:
    """Titles only where the student may read the checks."""
    bob = place.browser()
    page = bob.launch(place.simulator, "bob")
    a = tables.activities
    with place.service.database.write() as connection:
        connection.execute(update(a).values(feedback=shown))
    page = bob.hand_in(page, notebook_of(slow()))
    events = []
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in bob.cookies.items())}
    with httpx.stream("GET", f"{page.url}/events", headers=headers, timeout=60) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append(msgspec.json.decode(line[6:]))
                if events[-1]["state"] == "graded":
                    break
    made = [event for event in events if event["checks"]]
    assert {event["state"] for event in made} == {"running"}
    assert [event["done"] for event in made] == sorted({event["done"] for event in made})
    titles = {
        check.title: cell.grade_id.removeprefix("test_") for cell in report(place, page).cells for check in cell.checks
    }
    assert {event["checks"] for event in made} == {len(titles)}
    if shown == "now":
        assert {event["check"] for event in made} <= {f"{name}: {title}" for title, name in titles.items()}
    else:
        assert {event["check"] for event in made} <= {f"{name} …" for name in titles.values()}


def slow() -> list[dict[str, object]]:
    """Solved, and slow enough to be watched."""
    cells = solved_cells()
    (cell,) = [one for one in cells if one["metadata"].get("nbgrader", {}).get("grade_id") == "gradient_step"]  # type: ignore[attr-defined]
    cell["source"] = f"import time\ntime.sleep(0.5)\n{cell['source']}"
    return cells


def report(place: Place, page: httpx.Response) -> Report:
    with place.service.database.read() as connection:
        found = report_of(connection, str(page.url).rpartition("/")[2])
    assert found is not None
    return found


def test_what_was_handed_in_before_a_restart_is_graded_after_it(course: Path, tmp_path: Path) -> None:
    """And a dry run finds what would change before anything does."""
    data = tmp_path / "data"
    with running(course, data, NAME, pools=0) as place:
        bob = place.browser()
        page = bob.hand_in(bob.launch(place.simulator, "bob"), SOLVED)
        submission = str(page.url).rpartition("/")[2]
        assert "You are next." in page.text
    with running(course, data, NAME, jobs=1) as place:
        until(lambda: state(place, submission) == "graded")
        # As if the hidden tests had been stricter then.
        with place.service.database.write() as connection:
            g = tables.grades
            data_then = connection.scalar(select(g.c.report))
            strict = msgspec.structs.replace(from_json(data_then), score=1.0)
            connection.execute(update(g).values(report=to_json(strict), score=1.0))
        teacher = place.browser()
        connect_context(place, submission)
        page = teacher.launch(place.simulator, "teacher")
        page = teacher.send(page, "/regrades")
        until(lambda: "would change" in teacher.get(str(page.url)).text)
        page = teacher.get(str(page.url))
        assert "1 submission would change. No grade has changed yet." in page.text
        assert score(place) == 1.0
        teacher.send(page, "/apply")
        assert score(place) == sum(FUNCTIONS.values())
        assert teacher.send(page, "/apply").status_code == 409


def state(place: Place, submission: str) -> str:
    s = tables.submissions
    with place.service.database.read() as connection:
        return str(connection.scalar(select(s.c.state).where(s.c.id == submission)))


def score(place: Place) -> float:
    g = tables.grades
    with place.service.database.read() as connection:
        return float(connection.scalar(select(g.c.score).order_by(g.c.version.desc()).limit(1)) or 0.0)


def connect_context(place: Place, submission: str) -> None:
    """The second simulator has another port, so it is another platform: let its course be the first one's."""
    s, a, c, pl = tables.submissions, tables.activities, tables.contexts, tables.platforms
    with place.service.database.write() as connection:
        activity = connection.scalar(select(s.c.activity).where(s.c.id == submission))
        context = connection.scalar(select(a.c.context).where(a.c.id == activity))
        platform = connection.scalar(select(pl.c.id).where(pl.c.issuer == place.simulator.url))
        connection.execute(update(c).where(c.c.id == context).values(platform=platform))


def test_a_regrade_uses_the_hidden_tests_as_they_are_now(course: Path, tmp_path: Path) -> None:
    """Though what grades has been kept ready since before."""
    own = tmp_path / "course"
    shutil.copytree(course / "source" / NAME, own / "source" / NAME)
    shutil.copytree(PACKAGED / NAME, own / "assignments" / NAME)
    with running(own, tmp_path / "data", NAME, jobs=1) as place:
        ada, teacher = place.browser(), place.browser()
        page = ada.hand_in(ada.launch(place.simulator, "ada"), SOLVED)
        until(lambda: state(place, str(page.url).rpartition("/")[2]) == "graded")
        with (own / "assignments" / NAME / "hidden_tests.py").open("a") as file:
            file.write(
                '\n\n@grades("test_mse_loss")\ndef test_more(student):\n    """More."""\n    assert False, "no"\n'
            )
        page = teacher.send(teacher.launch(place.simulator, "teacher"), "/regrades")
        until(lambda: "would change" in teacher.get(str(page.url)).text)
        assert "1 submission would change. No grade has changed yet." in teacher.get(str(page.url)).text


def test_the_service_starts_without_slow_imports() -> None:
    program = (
        "import sys; from autograder.lms.service import running; print(sorted({'torch', 'nbformat'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_an_assignment_that_cannot_be_graded_says_so_and_holds_nothing_up(course: Path, tmp_path: Path) -> None:
    own = tmp_path / "course"
    (own / "source" / "broken").mkdir(parents=True)
    (own / "source" / "broken" / "broken.ipynb").write_bytes(SOLVED)
    shutil.copytree(course / "source" / NAME, own / "source" / NAME)
    shutil.copytree(PACKAGED / NAME, own / "assignments" / NAME)
    with running(own, tmp_path / "data", NAME, jobs=1) as place:
        place.simulator.add_link("broken", "Broken", "broken")
        ada, bob = place.browser(), place.browser()
        page = ada.hand_in(ada.launch(place.simulator, "ada", "broken"), SOLVED)
        until(lambda: "Grading has stopped for the moment" in ada.get(str(page.url)).text)
        bob.hand_in(bob.launch(place.simulator, "bob"), SOLVED)
        until(lambda: place.simulator.grade(LINK, "bob") is not None)
        assert place.simulator.grade("broken", "ada") is None
        health = bob.get("/healthz")
        assert health.status_code == 503
        assert "assignment.toml is missing" in health.json()["problem"]
        teacher = place.browser()
        assert "assignment.toml is missing" in teacher.launch(place.simulator, "teacher", "broken").text


def test_a_new_service_that_knows_no_platform_answers_and_can_be_set_up(course: Path, tmp_path: Path) -> None:
    settings = ServiceSettings(url="http://127.0.0.1:1", course=course, data=tmp_path / "data", pools=0)
    with Service(settings) as service, served(application(service), "127.0.0.1", 0) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json() == {"status": "ok", "problem": ""}
        secret = invite(service.database)
        assert "Register a learning platform" in httpx.get(f"http://127.0.0.1:{port}/set-up/{secret}").text
        with pytest.raises(ServiceError, match="another service runs"):
            Service(settings)
    with pytest.raises(ServiceError, match="https only"):
        Service(msgspec.structs.replace(settings, url="http://grader.example.org"))
