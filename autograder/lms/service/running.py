"""Runs web applications: the service on its port, and beside it, in the demo, a simulated platform."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from autograder.course import Course
from autograder.lms.service.app import application
from autograder.lms.service.platforms import Platform, register
from autograder.lms.service.service import Service
from autograder.lms.service.simulator import CLIENT, DEPLOYMENT, Simulator

_SHUTDOWN_SECONDS = 3


def configure_logging() -> None:
    """Log events, not requests: an address in a log is personal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for noisy in ("urllib3", "httpx", "python_multipart"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def server(app: Any, host: str, port: int) -> uvicorn.Server:
    """A web server for one application."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


@contextmanager
def served(app: Any, host: str, port: int) -> Iterator[int]:
    """Answer in a thread; gives the port, which is a free one for 0."""
    runs = server(app, host, port)
    thread = threading.Thread(target=runs.run, daemon=True)
    thread.start()
    while not runs.started:
        if not thread.is_alive():
            raise OSError(f"nothing can be served on {host}:{port}")
        time.sleep(0.01)
    try:
        yield int(runs.servers[0].sockets[0].getsockname()[1])
    finally:
        runs.should_exit = True
        thread.join(_SHUTDOWN_SECONDS + 5)


def serve(service: Service, host: str, port: int) -> None:
    """Answer until the process is told to end."""
    server(application(service), host, port).run()


def connect(service: Service, simulator: Simulator) -> None:
    """Register a simulated platform."""
    url = simulator.url
    platform = Platform(
        id="", issuer=url, client_id=CLIENT, login_url=f"{url}/auth", token_url=f"{url}/token", jwks_url=f"{url}/jwks"
    )
    with service.database.write() as connection:
        register(connection, platform, DEPLOYMENT)
    service.refresh_frames()


def demo_platform(service: Service, url: str) -> Simulator:
    """A simulated platform with a small class, an activity, and notebooks to hand in."""
    simulator = Simulator(url, service.settings.url)
    course = Course(service.course.folder)
    # The quickest to grade comes first.
    name = min(course.names, key=lambda name: (course.assignment(name).settings.libraries != "numpy", name))
    assignment = course.assignment(name)
    simulator.add_user("teacher", "Grace Teacher", "Instructor")
    for id, student in (("ada", "Ada Student"), ("bob", "Bob Student"), ("eve", "Eve Student")):
        simulator.add_user(id, student)
    simulator.add_link("activity", name, name, service.course.max_score(name))
    simulator.samples = samples(assignment.notebook, course.folder / "release", name)
    connect(service, simulator)
    return simulator


def samples(notebook: Path, release: Path, name: str) -> dict[str, bytes]:
    """Notebooks to try: the solved one, one with a function missing, and the one that students begin with."""
    solved = notebook.read_bytes()
    found = {f"{name}-solved.ipynb": solved}
    document = json.loads(solved)
    for cell in document["cells"]:
        flags = cell["metadata"].get("nbgrader", {})
        if flags.get("solution") and not flags.get("grade") and cell["cell_type"] == "code":
            cell["source"] = "raise NotImplementedError"
            found[f"{name}-one-missing.ipynb"] = json.dumps(document).encode()
            break
    released = release / name / f"{name}.ipynb"
    if released.is_file():
        found[f"{name}-unsolved.ipynb"] = released.read_bytes()
    return found
