"""The audit log: who did what, and what was refused. People are random ids; nothing in it is personal."""

from __future__ import annotations

import logging
import time

from sqlalchemy import Connection, insert

from autograder.lms.service import tables
from autograder.text import printable

_LOG = logging.getLogger("autograder.audit")
_MAX_DETAIL = 300


def record(connection: Connection, event: str, *, allowed: bool = True, person: str = "", detail: str = "") -> None:
    """Write one line of the audit log, in the caller's transaction and into the program's log."""
    detail = printable(detail, _MAX_DETAIL, instead="?")
    _LOG.log(
        logging.INFO if allowed else logging.WARNING,
        "%s %s person=%s %s",
        event,
        "allowed" if allowed else "refused",
        person or "-",
        detail,
    )
    connection.execute(
        insert(tables.audit).values(at=time.time(), event=event, allowed=allowed, person=person, detail=detail)
    )
