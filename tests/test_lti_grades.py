"""What reaches the platform's gradebook, and what counts: grades are put in here, nothing is graded."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")

from conftest import NAME, cell, notebook_of, solved_cells
from lti_platform import LINK, Place, Student, running, until
from sqlalchemy import select, update

from autograder.lms.service import platforms, tables
from autograder.lms.service.database import Database, ServiceError
from autograder.lms.service.grading_queue import settle_submission
from autograder.lms.service.service import clean, forget
from autograder.lms.service.submissions import packed, save_grade
from autograder.report import CellReport, Check, ManualCell, Report

NOTEBOOK = notebook_of(solved_cells())
DAY = 86400.0


def report(score: float) -> Report:
    check = Check(name="t", title="It adds up", outcome="failed", message="<script>", diagnosis="mse_loss.sum")
    cells = (CellReport(grade_id="test_mse_loss", score=score, max_score=16.0, checks=(check,)),)
    manual = (ManualCell(grade_id="essay", max_score=5.0, answered=True),)
    return Report(assignment=NAME, score=score, max_score=16.0, cells=cells, manual=manual, seed=1, isolation="none")


@pytest.fixture(scope="module")
def started(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("service")
    with running(course, data, NAME, 21.0, pools=0, uploads_per_minute=10_000) as place:
        yield place


@pytest.fixture
def place(started: Place) -> Place:
    """As if it had just been started and nobody had come yet."""
    simulator = started.simulator
    with started.service.database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table not in (tables.keys, tables.platforms, tables.deployments):
                connection.execute(table.delete())
    for user in [user for user in simulator.users if user.startswith("s")]:
        del simulator.users[user]
    simulator.links.clear()
    simulator.add_link(LINK, "Problem set", NAME, 21.0)
    simulator.accepted, simulator.bodies, simulator.faults, simulator.delay = [], [], [], 0.0
    return started


def put_in(place: Place, submission: str, score: float) -> None:
    """Grade a submission, as the grading queue would."""
    with place.service.database.write() as connection:
        j = tables.jobs
        connection.execute(update(j).where(j.c.submission == submission).values(state="done"))
        save_grade(connection, submission, report(score), packed([]))
        settle_submission(connection, place.service.course, submission)
    place.service.hub.announce(submission)
    place.service.passback.wake()


def hand_in(place: Place, browser: Student, score: float | None = None, user: str = "ada") -> str:
    """Launch, hand in and, with a score, grade; returns the submission's id."""
    page = browser.hand_in(browser.launch(place.simulator, user), NOTEBOOK)
    assert "Receipt" in page.text, page.text
    submission = str(page.url).rpartition("/")[2]
    if score is not None:
        put_in(place, submission, score)
    return submission


def outbox(place: Place) -> list[Any]:
    with place.service.database.read() as connection:
        return list(connection.execute(select(tables.outbox).order_by(tables.outbox.c.number)))


def states(place: Place) -> list[str]:
    return [row.state for row in outbox(place)]


def settled(place: Place, *expected: str) -> None:
    until(lambda: states(place) == list(expected), 20)


def rules(place: Place, **fields: str) -> None:
    """A teacher sets the activity's rules."""
    teacher = place.browser()
    page = teacher.launch(place.simulator, "teacher")
    values = {"assignment": NAME, "accepts_late": "yes", "counts": "last", "feedback": "now"} | fields
    assert teacher.send(page, "/rules", values).status_code == 200


def moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(at))


@pytest.mark.parametrize("faults", [[503, 500, 429], [0], [503, 0], [401]], ids=str)
def test_a_grade_is_sent_until_the_platform_has_it_and_taken_once(place: Place, faults: list[int]) -> None:
    """0: the platform takes it, and its answer is lost."""
    place.simulator.faults = list(faults)
    hand_in(place, place.browser(), 8.0)
    settled(place, "sent")
    assert place.simulator.faults == []
    assert [share for _, share, *_ in place.simulator.accepted] == [8.0 / 21.0]
    assert len(place.simulator.bodies) == len(faults) + (0 in faults and faults[-1] != 0) + (faults[-1] != 0)


def test_a_grade_that_the_platform_will_never_take_says_why(place: Place) -> None:
    place.simulator.faults = [422]
    ada = place.browser()
    hand_in(place, ada, 8.0)
    settled(place, "refused")
    assert "422" in outbox(place)[0].problem
    teacher = place.browser()
    assert "the platform refused it" in teacher.launch(place.simulator, "teacher").text
    page = teacher.get(f"/activities/{outbox(place)[0].activity}/people/{outbox(place)[0].person}")
    assert "422" in page.text
    teacher.send(page, "/send")
    settled(place, "sent")
    assert place.simulator.grade(LINK, "ada") == pytest.approx(8.0)


def test_a_token_that_is_refused_delays_a_grade_and_does_not_lose_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = hand_in(place, place.browser())
    place.service.services._tokens.clear()
    with monkeypatch.context() as patched:
        patched.setattr(place.simulator, "tool", "http://127.0.0.1:1")  # where the service's keys can't be read
        put_in(place, submission, 8.0)
        until(lambda: "invalid_client" in outbox(place)[0].problem)
        assert place.simulator.accepted == []
    settled(place, "sent")
    assert place.simulator.grade(LINK, "ada") == pytest.approx(8.0)


def test_newer_grades_come_last_however_quick_they_follow(place: Place) -> None:
    ada = place.browser()
    place.simulator.delay = 0.2
    for score in (3.0, 9.0, 5.0):
        hand_in(place, ada, score)
    until(lambda: outbox(place)[-1].state == "sent", 20)
    assert place.simulator.grade(LINK, "ada") == pytest.approx(5.0)
    seconds = [int(row.timestamp) for row in outbox(place)]
    assert len(set(seconds)) == 3


def test_a_teachers_own_grade_stays_until_the_teacher_says_otherwise(place: Place) -> None:
    ada, teacher = place.browser(), place.browser()
    hand_in(place, ada, 8.0)
    settled(place, "sent")
    place.simulator.override(LINK, "ada", 20.0)
    hand_in(place, ada, 9.0)
    settled(place, "sent", "kept")
    assert place.simulator.grade(LINK, "ada") == 20.0
    assert len(place.simulator.bodies) == 1
    teacher.launch(place.simulator, "teacher")
    last = outbox(place)[-1]
    page = teacher.get(f"/activities/{last.activity}/people/{last.person}")
    assert "a teacher&#39;s own grade" in page.text
    assert "20 of 21" in page.text
    place.simulator.override(LINK, "ada", None)
    place.simulator.links[LINK]["grades"]["ada"]["share"] = 20.0 / 21.0  # a grade without an override's protection
    teacher.post(
        f"/activities/{last.activity}/people/{last.person}/send",
        {"force": "yes", "form_token": page.text.partition('form_token" value="')[2][:64]},
    )
    settled(place, "sent", "sent")
    assert place.simulator.grade(LINK, "ada") == pytest.approx(9.0)


def test_a_grade_that_an_overridden_column_swallows_is_not_called_sent(place: Place) -> None:
    place.simulator.override(LINK, "ada", 20.0)
    hand_in(place, place.browser(), 8.0)
    settled(place, "kept")


def test_a_platform_that_has_lost_a_grade_is_found_out_and_gets_it_again(place: Place) -> None:
    hand_in(place, place.browser(), 8.0)
    settled(place, "sent")
    place.simulator.erase(LINK, "ada")
    teacher = place.browser()
    page = teacher.send(teacher.launch(place.simulator, "teacher"), "/compare")
    assert "1 of 1 grades differ" in page.text
    assert "shows no grade any more" in page.text
    row = outbox(place)[0]
    teacher.send(teacher.get(f"/activities/{row.activity}/people/{row.person}"), "/send")
    until(lambda: place.simulator.grade(LINK, "ada") is not None, 20)
    settled(place, "sent")


def test_a_changed_grade_is_no_new_attempt_and_a_new_attempt_is_one(place: Place) -> None:
    ada = place.browser()
    submission = hand_in(place, ada, 8.0)
    settled(place, "sent")
    put_in(place, submission, 10.0)  # a regrade
    settled(place, "sent", "sent")
    hand_in(place, ada, 12.0)
    settled(place, "sent", "sent", "sent")
    canvas = [body["https://canvas.instructure.com/lti/submission"] for body in place.simulator.bodies]
    assert [one["new_submission"] for one in canvas] == [True, False, True]
    assert all(one["prioritize_non_tool_grade"] for one in canvas)
    assert [body["gradingProgress"] for body in place.simulator.bodies] == ["FullyGraded"] * 3


def test_the_best_attempt_counts_where_the_rules_say_so(place: Place) -> None:
    ada = place.browser()
    hand_in(place, ada, 9.0)
    hand_in(place, ada, 4.0)
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(4.0), 20)
    rules(place, counts="best")
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(9.0), 20)
    rules(place, counts="last")
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(4.0), 20)
    until(lambda: "waiting" not in states(place) and "sending" not in states(place), 20)
    rows = [(row.submission, row.version) for row in outbox(place)]
    assert len(set(rows)) == len(rows)


def test_deadlines_grace_extensions_attempts_and_late_penalties(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(place.service.course), "penalty", lambda self, who, score, late: score / 2)
    ada, now = place.browser(), time.time()
    first = hand_in(place, ada, 8.0)
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(8.0), 20)
    # A deadline in the past, in the teacher's own time zone, takes points off; a grace period gives them back.
    rules(place, deadline=moment(now - 7200 + 5.5 * 3600), zone="Asia/Kolkata")
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(4.0), 20)
    assert "late" in ada.get(f"/submissions/{first}").text
    rules(place, deadline=moment(now - 7200), grace="180")
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(8.0), 20)
    # Late work refused, an extension for one student.
    rules(place, deadline=moment(now - 7200), accepts_late="no", attempts="1")
    page = ada.launch(place.simulator, "ada")
    assert "late work isn&#39;t accepted" in page.text
    assert "Hand in</button>" not in page.text
    teacher = place.browser()
    teacher.launch(place.simulator, "teacher")
    row = outbox(place)[0]
    page = teacher.get(f"/activities/{row.activity}/people/{row.person}")
    teacher.send(page, "/extension", {"deadline": moment(now + DAY), "attempts": "0"})
    assert "All 1 attempts are used up." in ada.launch(place.simulator, "ada").text
    teacher.send(page, "/extension", {"deadline": moment(now + DAY), "attempts": "1"})
    hand_in(place, ada, 9.0)
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(9.0), 20)
    bob = place.browser()
    assert "late work isn&#39;t accepted" in bob.launch(place.simulator, "bob", LINK).text


def test_a_closed_activity_takes_nothing_even_from_an_old_page(place: Place) -> None:
    ada = place.browser()
    page = ada.launch(place.simulator, "ada")
    rules(place, deadline=moment(time.time() - 3600), accepts_late="no")
    answer = ada.hand_in(page, NOTEBOOK)
    assert answer.status_code == 409
    assert "The deadline has passed" in answer.text


def test_students_read_the_checks_when_the_rules_say_so(place: Place) -> None:
    ada = place.browser()
    submission = hand_in(place, ada, 8.0)
    page = ada.get(f"/submissions/{submission}/feedback")
    assert "It adds up" in page.text
    assert "<script" not in page.text
    rules(place, feedback="deadline", deadline=moment(time.time() + DAY))
    assert ada.get(f"/submissions/{submission}/feedback").status_code == 404
    assert "after the deadline" in ada.get(f"/submissions/{submission}").text
    teacher = place.browser()
    teacher.launch(place.simulator, "teacher")
    assert teacher.get(f"/submissions/{submission}/feedback").status_code == 200
    rules(place, feedback="deadline", deadline=moment(time.time() - DAY))
    assert ada.get(f"/submissions/{submission}/feedback").status_code == 200


def test_a_written_answers_points_reach_the_platform_and_its_comment_the_student(place: Place) -> None:
    ada, teacher = place.browser(), place.browser()
    submission = hand_in(place, ada, 8.0)
    settled(place, "sent")
    teacher.launch(place.simulator, "teacher")
    page = teacher.get(f"/submissions/{submission}")
    assert "Because the loss falls that way." in page.text
    assert teacher.send(page, "/written", {"score": "6", "comment": ""}).status_code == 400
    teacher.send(page, "/written", {"score": "4,5", "comment": "<i>Well</i> put"})
    until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(12.5), 20)
    assert "&lt;i&gt;Well&lt;/i&gt; put" in ada.get(f"/submissions/{submission}/feedback").text


def test_progress_comes_as_events(place: Place) -> None:
    ada = place.browser()
    submission = hand_in(place, ada)
    told = []
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in ada.cookies.items())}
    with ada._client.stream("GET", f"{ada.url}/submissions/{submission}/events", headers=headers) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
                if len(told) == 1:
                    put_in(place, submission, 8.0)
    assert told[0]["state"] == "waiting"
    assert (told[-1]["state"], told[-1]["delivery"]) == ("graded", "the platform has it")


def test_a_deep_link_adds_an_activity_with_its_points(place: Place) -> None:
    teacher = place.browser()
    page = teacher.launch(place.simulator, "teacher", deep=True)
    answer = teacher.send(page, "/deep-links/", {"assignment": NAME, "title": "Week 1", "points": "40"})
    token = answer.text.partition('name="JWT" value="')[2].partition('"')[0]
    assert f"form-action {place.simulator.url}" in answer.headers["content-security-policy"]
    assert teacher.post(f"{place.simulator.url}/deep-link", {"JWT": token}).status_code == 200
    assert place.simulator.links["link-2"]["maximum"] == 40.0
    ada = place.browser()
    page = ada.hand_in(ada.launch(place.simulator, "ada", "link-2"), NOTEBOOK)
    put_in(place, str(page.url).rpartition("/")[2], 10.5)
    until(lambda: place.simulator.grade("link-2", "ada") == pytest.approx(20.0), 20)


def test_the_roster_names_all_members_their_points_and_misconceptions(place: Place) -> None:
    for number in range(60):
        place.simulator.add_user(f"s{number}", f"Student {number}")
    hand_in(place, place.browser(), 8.0)
    teacher = place.browser()
    page = teacher.send(teacher.launch(place.simulator, "teacher"), "/members")
    assert "64 members read." in page.text
    assert "Student 59" in page.text
    assert "<code>mse_loss.sum</code>: 1 student" in page.text
    assert "8 of 21" in page.text


def test_a_platform_registers_itself_or_is_typed_in_once(place: Place) -> None:
    browser = place.browser()
    secret = platforms.invite(place.service.database)
    assert f"/set-up/{secret}/dynamic" in browser.get(f"/set-up/{secret}").text
    configuration = f"{place.simulator.url}/.well-known/openid-configuration"
    answer = browser.get(f"/set-up/{secret}/dynamic?openid_configuration={configuration}&registration_token=t")
    assert "The platform is registered" in answer.text
    assert browser.get(f"/set-up/{secret}").status_code == 404
    secret = platforms.invite(place.service.database)
    fields = {"issuer": "https://lms.example", "client_id": "7", "deployment": "1", "login_url": "javascript:alert(1)"}
    fields |= {"token_url": "https://lms.example/token", "jwks_url": "https://lms.example/jwks"}
    answer = browser.post(f"/set-up/{secret}", fields)
    assert answer.status_code == 422
    answer = browser.post(f"/set-up/{secret}", fields | {"login_url": "https://lms.example/auth"})
    assert "The platform is registered" in answer.text
    assert "https://lms.example" in browser.get("/nowhere").headers["content-security-policy"]


def test_health_and_figures(place: Place) -> None:
    browser = place.browser()
    hand_in(place, browser)
    assert browser.get("/healthz").json() == {"status": "ok", "problem": ""}
    text = browser.get("/metrics").text
    assert "autograder_waiting 1.0" in text
    assert "autograder_submissions_total" in text
    assert "ada" not in text.lower()


def test_a_backup_is_one_file_that_brings_everything_back(place: Place, tmp_path: Path) -> None:
    hand_in(place, place.browser(), 8.0)
    settled(place, "sent")
    file = tmp_path / "backup.db"
    rows = place.service.database.backup(file)
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(ServiceError, match="already there"):
        place.service.database.backup(file)
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    assert other.restore(file) == rows
    with other.read() as connection:
        assert connection.scalar(select(tables.submissions.c.notebook)) == NOTEBOOK
        assert connection.scalar(select(tables.keys.c.private)) is not None
    with pytest.raises(ServiceError, match="isn't empty"):
        other.restore(file)
    other.close()
    assert sqlite3.connect(file).execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_students_data_can_be_deleted_and_old_work_goes_by_itself(place: Place) -> None:
    database = place.service.database
    hand_in(place, place.browser(), 8.0)
    hand_in(place, place.browser(), 8.0, "bob")
    until(lambda: states(place) == ["sent", "sent"], 20)
    assert forget(database, "ada") == 1
    with pytest.raises(ServiceError, match="0 people"):
        forget(database, "ada")
    with database.write() as connection:
        s = tables.submissions
        assert len(connection.execute(select(s)).all()) == len(connection.execute(select(tables.grades)).all()) == 1
        connection.execute(update(s).values(received=time.time() - 100 * DAY))
    clean(database, 101)
    with database.read() as connection:
        assert connection.execute(select(tables.submissions)).all()
    clean(database, 99)
    with database.read() as connection:
        for table in (tables.submissions, tables.grades, tables.outbox, tables.jobs):
            assert connection.execute(select(table)).all() == []


def test_a_key_that_was_replaced_stays_published(place: Place) -> None:
    old = {key["kid"] for key in place.browser().get("/lti/jwks").json()["keys"]}
    platforms.rotate_key(place.service.database)
    keys = [key["kid"] for key in place.browser().get("/lti/jwks").json()["keys"]]
    assert len(keys) == 2
    assert set(keys) > old
    hand_in(place, place.browser(), 8.0)  # the platform takes the new one
    settled(place, "sent")


def test_a_platform_without_a_grade_column_is_said_to_have_none_until_it_has(place: Place) -> None:
    from autograder.lms.service.lti import AGS_CLAIM

    def launch(grades: bool) -> Any:
        state, nonce = ada.begin(place.simulator, "ada")
        claims = place.simulator.claims("ada", LINK, nonce)
        if not grades:
            del claims[AGS_CLAIM]
        return ada.post("/lti/launch", {"id_token": place.simulator.sign(claims), "state": state})

    ada = place.browser()
    page = ada.hand_in(launch(False), NOTEBOOK)
    put_in(place, str(page.url).rpartition("/")[2], 8.0)
    settled(place, "unlinked")
    assert "no grade column" in launch(False).text
    launch(True)
    settled(place, "sent")


def test_nothing_of_a_submission_is_lost_when_saving_its_grade_fails(place: Place) -> None:
    submission = hand_in(place, place.browser())

    def fail_after_saving() -> None:
        with place.service.database.write() as connection:
            save_grade(connection, submission, report(8.0), packed([]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_saving()
    with place.service.database.read() as connection:
        assert connection.execute(select(tables.grades)).all() == []
        assert connection.scalar(select(tables.submissions.c.state)) == "waiting"


def test_the_same_notebook_again_while_it_waits_is_no_new_attempt(place: Place) -> None:
    """A browser that got no answer sends it again."""
    ada = place.browser()
    page = ada.launch(place.simulator, "ada")
    notebook, other = (notebook_of([*solved_cells(), cell("pass", f"more-{number}")]) for number in range(2))
    first, again = (ada.hand_in(page, notebook).url for _ in range(2))
    assert first == again
    assert ada.hand_in(page, other).url != first
    assert ada.hand_in(page, notebook).url != first
    assert ada.get(str(page.url)).text.count("Open attempt") == 3
