"""Notebooks that are handed in: which are fit, and how they are kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from autograder.course import AssignmentError
from autograder.lms.service import audit
from autograder.lms.service.database import ServiceError
from autograder.lms.service.submissions import Activity, accept
from autograder.submission import SubmissionError, parse_submission

if TYPE_CHECKING:
    from autograder.lms.service.service import Service


def take(service: Service, found: Activity, person: str, data: bytes, began: float, how: str) -> tuple[str, str]:
    """Keep a notebook that is fit and ask for its grading; returns the submission's id, or why it wasn't taken.

    Args:
        began: when the request came, by `time.perf_counter`.
        how: it came, for the audit log.
    """
    for _ in range(5):
        try:
            with service.database.write() as connection:
                submission = accept(connection, found, person, data)
                audit.record(connection, "hand in", person=person, detail=f"submission {submission} {how}")
            service.metrics.submissions.inc()
            service.metrics.accepting.observe(time.perf_counter() - began)
            service.queue.wake()
            return submission, ""
        except IntegrityError:
            continue  # two uploads of one student at once wanted the same number
        except ServiceError as error:
            return "", str(error)
    return "", "Another upload of yours is being taken: try again."


def unfit(service: Service, found: Activity, data: bytes | None) -> str:
    """Why these bytes can't be handed in, or ""."""
    if not data:
        return "Choose your notebook first."
    if len(data) > service.settings.max_upload:
        return f"The notebook is larger than {service.settings.max_upload >> 20} MiB: clear its outputs and try again."
    if not found.assignment:
        return "The instructor hasn't chosen an assignment for this activity yet."
    try:
        parse_submission(data, service.course.assignment(found.assignment))
    except SubmissionError as error:
        return f"This file can't be graded: {error}."
    except AssignmentError:
        return "The assignment can't be read at the moment: tell your instructor."
    return ""
