"""A class hands in at a real service, which may be killed meanwhile: is anything slow, lost, missing or sent twice?

    .venv/bin/python tools/load_service.py --students 200 --seconds 120
    .venv/bin/python tools/load_service.py --students 200 --seconds 120 --kills 50

The service is a process of its own with real grading; the platform is the simulator. Prints figures as JSON, and ends
with exit status 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import select

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from lti_platform import LINK, Student  # noqa: E402

from autograder.classroom import cores  # noqa: E402
from autograder.course import Course  # noqa: E402
from autograder.lms.service import tables  # noqa: E402
from autograder.lms.service.database import Database  # noqa: E402
from autograder.lms.service.platforms import Platform, register  # noqa: E402
from autograder.lms.service.running import samples, served  # noqa: E402
from autograder.lms.service.simulator import CLIENT, DEPLOYMENT, Simulator  # noqa: E402


class Server:
    """The service, started anew whenever it has been killed."""

    def __init__(self, course: Path, data: Path, port: int, jobs: int, database: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        options = ["--url", self.url, "--port", str(port), "--data", str(data), "--course", str(course)]
        options += ["--jobs", str(jobs), *(["--database", database] if database else [])]
        self._command = [sys.executable, "-c", "from autograder.cli import app; app()", "serve", *options]
        self._log = open(data / "service.log", "ab")  # noqa: SIM115
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code in (200, 503):
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise SystemExit("the service doesn't start: see its log")

    def kill(self) -> None:
        """As a power failure would, for this process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._log.close()

    def memory(self) -> int:
        """MiB of the service and of all that it has started; shared pages count once for each."""
        try:
            processes = [one := psutil.Process(self.process.pid), *one.children(recursive=True)]
            return sum(process.memory_info().rss for process in processes) >> 20
        except psutil.Error:
            return 0


def until_answered(act: Any, seconds: float = 300.0) -> tuple[Any, float, int]:
    """Repeat what a person would repeat when the service doesn't answer; how long, after how many failures."""
    ends = time.monotonic() + seconds
    failed = 0
    while time.monotonic() < ends:
        began = time.perf_counter()
        try:
            answer = act()
            if answer.status_code < 500:
                return answer, time.perf_counter() - began, failed
        except httpx.HTTPError:
            pass
        failed += 1
        time.sleep(0.1)
    raise TimeoutError(f"the service didn't answer for {seconds:g} seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--course", type=Path, default=ROOT)
    parser.add_argument("--assignment", default="")
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--database", default="")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures, wrong = run(given, Path(folder))
    print(json.dumps(figures | {"wrong": wrong}, indent=2))
    raise SystemExit(1 if wrong else 0)


def run(given: argparse.Namespace, data: Path) -> tuple[dict[str, Any], list[str]]:
    course = Course(given.course)
    name = given.assignment or min(course.names, key=lambda one: course.assignment(one).settings.libraries != "numpy")
    notebooks = list(samples(course.assignment(name).notebook, given.course / "release", name).values())[:2]
    chance = random.Random(given.seed)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    late: dict[str, Any] = {}

    async def platform(scope: Any, receive: Any, send: Any) -> None:
        await late["app"](scope, receive, send)

    with served(platform, "127.0.0.1", 0) as other:
        simulator = Simulator(f"http://127.0.0.1:{other}", f"http://127.0.0.1:{port}")
        late["app"] = simulator.app
        users = [f"s{number}" for number in range(given.students)]
        for user in users:
            simulator.add_user(user, f"Student {user}")
        simulator.add_link(LINK, "Load", name, 100.0)
        database = Database(given.database or f"sqlite:///{data / 'service.db'}")
        url = simulator.url
        known = Platform(id="", issuer=url, client_id=CLIENT, login_url=f"{url}/auth", token_url=f"{url}/token",
                         jwks_url=f"{url}/jwks")  # fmt: skip
        with database.write() as connection:
            register(connection, known, DEPLOYMENT)
        server = Server(given.course, data, port, given.jobs, given.database)
        try:
            figures = load(given, chance, simulator, server, users, notebooks, database)
        finally:
            server.stop()
        wrong = [*figures.pop("refused"), *check(simulator, database, figures.pop("receipts"))]
        database.close()
    return figures, wrong


def load(
    given: argparse.Namespace,
    chance: random.Random,
    simulator: Simulator,
    server: Server,
    users: list[str],
    notebooks: list[bytes],
    database: Database,
) -> dict[str, Any]:
    pages = {}
    browsers = {user: Student(server.url) for user in users}
    for user in users:
        pages[user] = browsers[user].launch(simulator, user)
    moments = sorted((chance.uniform(0, given.seconds), user) for user in users)
    receipts: dict[str, list[str]] = {}
    seconds: list[float] = []
    failures = Counter[str]()
    refused: list[str] = []

    def hand_in(user: str, notebook: bytes) -> None:
        try:
            page, took, failed = until_answered(lambda: browsers[user].hand_in(pages[user], notebook))
        except TimeoutError as error:
            refused.append(f"{user}: {error}")
            return
        if "Receipt" not in page.text:
            refused.append(f"{user}: not accepted: {page.status_code} {page.text[-300:]}")
            return
        receipts.setdefault(user, []).append(str(page.url).rpartition("/")[2])
        seconds.append(took)
        failures["unanswered"] += failed

    began = time.monotonic()
    most = 0
    threads = []
    kills = sorted(chance.uniform(0.02, 1.2) * given.seconds for _ in range(given.kills))
    finished = down = 0.0
    while not finished:
        now = time.monotonic() - began
        while moments and moments[0][0] <= now:
            _, user = moments.pop(0)
            thread = threading.Thread(target=hand_in, args=(user, chance.choice(notebooks)))
            thread.start()
            threads.append(thread)
        if kills and kills[0] <= now - down:  # by the time that the service was up: random moments of its work
            kills.pop(0)
            server.kill()
            server.start()
            down += time.monotonic() - began - now
        most = max(most, server.memory())
        if not moments and not kills and not any(thread.is_alive() for thread in threads) and settled(database):
            finished = time.monotonic() - began
        if now > given.seconds + 1200:
            raise SystemExit("it never ends")
        time.sleep(0.2)
    with database.read() as connection:
        s, g = tables.submissions, tables.grades
        spans = connection.execute(select(s.c.received, g.c.created).join(g, g.c.submission == s.c.id)).all()
    waits = sorted(created - received for received, created in spans)
    seconds.sort()
    return {
        "students": given.students,
        "seconds": given.seconds,
        "kills": given.kills,
        "jobs": given.jobs,
        "accepted_p50_s": round(statistics.median(seconds), 3),
        "accepted_p99_s": round(seconds[int(0.99 * (len(seconds) - 1))], 3),
        "graded_p50_s": round(statistics.median(waits), 2),
        "graded_max_s": round(waits[-1], 2),
        "all_done_s": round(finished, 1),
        "down_s": round(down, 1),
        "memory_mib": most,
        "unanswered": failures["unanswered"],
        "submissions": len(spans),
        "scores_posted": len(simulator.bodies),
        "scores_taken": len(simulator.accepted),
        "receipts": receipts,
        "refused": refused,
    }


def settled(database: Database) -> bool:
    """Whether everything is graded and the platform has it."""
    s, o = tables.submissions, tables.outbox
    with database.read() as connection:
        waiting = connection.execute(select(s.c.id).where(s.c.state == "waiting").limit(1)).first()
        sending = connection.execute(select(o.c.number).where(o.c.state.in_(("waiting", "sending"))).limit(1)).first()
    return waiting is None and sending is None


def check(simulator: Simulator, database: Database, receipts: dict[str, list[str]]) -> list[str]:
    """What is wrong: lost, missing, or sent twice."""
    wrong = []
    s, g, p, o = tables.submissions, tables.grades, tables.people, tables.outbox
    with database.read() as connection:
        state = {row.id: row.state for row in connection.execute(select(s.c.id, s.c.state))}
        query = select(p.c.subject, g.c.score, o.c.max_score, o.c.state, o.c.problem).select_from(s)
        query = query.join(p, p.c.id == s.c.person).join(g, g.c.submission == s.c.id).join(o, o.c.submission == s.c.id)
        worth = {row.subject: row for row in connection.execute(query.order_by(s.c.attempt))}
    for user, own in receipts.items():
        wrong += [f"{user}: receipt {one} is {state.get(one, 'lost')}" for one in own if state.get(one) != "graded"]
        shown, row = simulator.grade(LINK, user), worth.get(user)
        if row is None or shown is None or abs(shown - 100.0 * row.score / row.max_score) > 0.01:
            told = "" if row is None else f"; the outbox says {row.state} {row.problem}".rstrip()
            wrong.append(f"{user}: the platform shows {shown}{told}")
    taken = Counter(comment.rpartition("Receipt ")[2] for *_, comment in simulator.accepted)
    wrong += [f"grade {receipt} was taken {count} times" for receipt, count in taken.items() if count > 1]
    return wrong


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
