"""The web application: which address is answered by whom."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from autograder.lms.service import (
    deep_links,
    instructor,
    keys,
    launch,
    progress,
    regrades,
    roster,
    setup_pages,
    student,
    web,
)
from autograder.lms.service.service import Service

_STATIC = Path(__file__).resolve().parent / "static"


def application(service: Service) -> ASGIApp:
    """The application that answers for a running service."""
    activity, person = "/activities/{activity}", "/activities/{activity}/people/{person}"
    submission, regrade = "/submissions/{submission}", "/regrades/{regrade}"
    routes = [
        Route("/lti/login", launch.login, methods=["GET", "POST"]),
        Route("/lti/launch", launch.launch, methods=["POST"]),
        Route("/lti/jwks", launch.jwks),
        Route("/open", launch.open_ticket),
        Route("/window", launch.open_window, methods=["GET", "POST"]),
        Route(activity, student.activity),
        Route(f"{activity}/submissions", student.hand_in, methods=["POST"]),
        Route(f"{activity}/key", keys.make, methods=["POST"]),
        Route(f"{activity}/key/revoke", keys.revoke, methods=["POST"]),
        Route(f"{web.KEYED}{{activity}}", keys.hand_in, methods=["POST"]),
        Route(f"{web.KEYED}{{activity}}/{{submission}}", keys.state),
        Route("/hand_in.py", keys.client),
        Route(submission, student.submission),
        Route(f"{submission}/events", progress.events),
        Route(f"{submission}/feedback", student.feedback),
        Route(f"{submission}/notebook", student.notebook),
        Route(f"{submission}/written", instructor.save_written, methods=["POST"]),
        Route(f"{activity}/roster", roster.roster),
        Route(f"{activity}/rules", instructor.save_rules, methods=["POST"]),
        Route(f"{activity}/members", roster.refresh_members, methods=["POST"]),
        Route(f"{activity}/compare", roster.compare, methods=["POST"]),
        Route(f"{activity}/regrades", regrades.start_regrade, methods=["POST"]),
        Route(person, instructor.person),
        Route(f"{person}/extension", instructor.save_extension, methods=["POST"]),
        Route(f"{person}/send", instructor.send_grade, methods=["POST"]),
        Route(regrade, regrades.regrade),
        Route(f"{regrade}/apply", regrades.apply_regrade, methods=["POST"]),
        Route("/deep-links/{link}", deep_links.deep_link),
        Route("/deep-links/{link}", deep_links.choose, methods=["POST"]),
        Route("/set-up/{secret}", setup_pages.set_up, methods=["GET", "POST"]),
        Route("/set-up/{secret}/dynamic", setup_pages.dynamic),
        Route("/healthz", setup_pages.health),
        Route("/metrics", setup_pages.figures),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            web.Refused: web.refused,
            web.TooLarge: web.too_large,
            HTTPException: web.http_error,
            Exception: web.failed,
        },
    )
    app.state.service = service
    return web.Guard(app, service)
