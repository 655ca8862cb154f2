"""A grading process: grades notebooks, one after the other, for a Pool.

The base process imports this module, and with it all that grading needs, before it forks any grading process.
"""

from __future__ import annotations

import gc
import socket
from pathlib import Path

from autograder.classroom.jobs import Failed, Graded, Job, Progress, Settings, receive, send
from autograder.course import AssignmentError, Course
from autograder.grading import Grader
from autograder.sandbox.base import Base
from autograder.sandbox.errors import SandboxError, SandboxLost
from autograder.seeds import seed_for
from autograder.submission import SubmissionError, empty_submission, read_submission


def serve(connection: socket.socket, base: Base) -> None:
    """Grade jobs from `connection` until it ends; `base` is what this process was forked from."""
    jobs, results = connection.makefile("rb"), connection.makefile("wb")
    settings = receive(jobs, Settings)
    if settings is None:
        return
    try:
        assignment = Course(Path(settings.course)).assignment(settings.assignment)
        grader = Grader(assignment, settings.limits, settings.isolation, settings.illustrations, base)
    except SandboxLost:
        return  # whoever waits for an answer tries another process
    except (AssignmentError, SandboxError) as error:
        send(results, Failed(str(error), isinstance(error, AssignmentError)))
        return

    def tell(cell: str, title: str, done: int, checks: int) -> None:
        send(results, Progress(assignment.function_of(cell), title, done, checks))

    # What is in memory by now stays; to look through it again and again for garbage would be work for nothing.
    gc.collect()
    gc.freeze()
    with grader:
        while (job := receive(jobs, Job)) is not None:
            try:
                submission = read_submission(Path(job.path), assignment)
            except SubmissionError as error:
                submission = empty_submission(assignment, str(error))
            try:
                seed = seed_for(job.seed, submission.digest) if isinstance(job.seed, bytes) else job.seed
                graded = grader.grade(submission, seed, tell if job.watched else None)
            except SandboxLost:
                return
            except SandboxError as error:
                send(results, Failed(str(error), False))
                return
            send(results, Graded(graded.report, list(graded.outputs)))
