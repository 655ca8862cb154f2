"""The running service: its parts, started and stopped together."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy import delete, select

from autograder.lms.service import tables
from autograder.lms.service.course_facts import CourseFacts
from autograder.lms.service.database import Database, ServiceError, lock
from autograder.lms.service.graders import Graders
from autograder.lms.service.grading_queue import GradingQueue
from autograder.lms.service.hub import Hub
from autograder.lms.service.launch import LOGIN_SECONDS
from autograder.lms.service.lti import Http, KeySets, Services
from autograder.lms.service.metrics import Metrics
from autograder.lms.service.passback import Passback
from autograder.lms.service.platforms import all_frames, signing_keys
from autograder.lms.service.settings import ServiceSettings
from autograder.lms.service.web import Limiter

_LOG = logging.getLogger("autograder.service")
_HOUSEKEEPING_SECONDS = 600.0
_LOOPBACK = ("http://localhost", "http://127.0.0.1", "http://[::1]")


class Service:
    """The service's parts; a context manager. Only one may run with a data folder."""

    def __init__(self, settings: ServiceSettings) -> None:
        """
        Raises:
            ServiceError: the URL isn't safe, or another service runs with the same folder.
        """
        if not settings.url.startswith("https://") and not settings.url.startswith(_LOOPBACK):
            raise ServiceError(f"{settings.url}: browsers keep the service's cookies over https only")
        self.settings = settings
        self._lock = lock(settings.data)
        self.database = Database(settings.database_url)
        self.course = CourseFacts(settings.course)
        self.http = Http(settings.request_seconds)
        self.key_sets = KeySets(self.http)
        self.services = Services(self.http)
        self.hub = Hub()
        self.limiter = Limiter()
        self.metrics = Metrics()
        self.frames = "'self'"
        self.passback = Passback(
            self.database,
            self.services,
            lambda: signing_keys(self.database)[0],
            settings.url,
            settings.retry_seconds,
            self.hub.announce,
        )
        self.queue = GradingQueue(
            self.database,
            self.course,
            Graders(
                self.course,
                jobs=settings.jobs,
                pools=settings.pools,
                isolation=settings.isolation,
                scheduler=settings.scheduler,
            ),
            pools=settings.pools,
            changed=self.hub.announce,
            graded=self.passback.wake,
        )
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)

    def __enter__(self) -> Self:
        signing_keys(self.database)
        self.refresh_frames()
        self.queue.start()
        self.passback.start()
        self._keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ending.set()
        self.queue.stop()
        self.passback.stop()
        self._keeper.join(30)
        self.http.close()
        self.database.close()
        self._lock.close()

    def refresh_frames(self) -> None:
        """Read anew whose pages may show the service in a frame."""
        with self.database.read() as connection:
            self.frames = all_frames(connection)

    def _keep_house(self) -> None:
        while True:
            try:
                clean(self.database, self.settings.retention_days)
            except Exception:
                _LOG.exception("old rows can't be deleted")
            if self._ending.wait(_HOUSEKEEPING_SECONDS):
                return


def clean(database: Database, retention_days: float) -> None:
    """Delete what has expired, and submissions older than `retention_days` (0: none)."""
    now = time.time()
    with database.write() as connection:
        for table in (tables.sessions, tables.tickets, tables.hand_in_keys, tables.deep_links, tables.invitations):
            connection.execute(delete(table).where(table.c.expires < now))
        connection.execute(delete(tables.logins).where(tables.logins.c.created < now - LOGIN_SECONDS))
        if retention_days > 0:
            s = tables.submissions
            connection.execute(delete(s).where(s.c.received < now - retention_days * 86400.0))


def forget(database: Database, person: str) -> int:
    """Delete a person with all that belongs to them; returns the number of their submissions.

    Args:
        person: the service's id for them, as the teacher's page of the student shows it, or the platform's.

    Raises:
        ServiceError: nobody, or more than one, is called that.
    """
    p, s = tables.people, tables.submissions
    with database.write() as connection:
        found = connection.scalars(select(p.c.id).where((p.c.id == person) | (p.c.subject == person))).all()
        if len(found) != 1:
            raise ServiceError(f"{len(found)} people are called {person}: give the id that the service shows")
        count = len(connection.scalars(select(s.c.id).where(s.c.person == found[0])).all())
        connection.execute(delete(p).where(p.c.id == found[0]))
        return count
