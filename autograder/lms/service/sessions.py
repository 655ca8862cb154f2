"""Who a browser belongs to: a random cookie, of which the database knows the hash; and protection from forged forms."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from sqlalchemy import Connection, delete, insert, select

from autograder.lms.service import tables
from autograder.lms.service.platforms import hashed

COOKIE = "__Host-autograder"
SESSION_SECONDS = 12 * 3600.0
TICKET_SECONDS = 120.0


def cookie(name: str, value: str, seconds: float, path: str = "/") -> tuple[bytes, bytes]:
    """A Set-Cookie header that browsers keep inside a platform's frame: Starlette can't say Partitioned yet."""
    text = f"{name}={value}; Path={path}; Max-Age={int(seconds)}; HttpOnly; Secure; SameSite=None; Partitioned"
    return b"set-cookie", text.encode("latin-1")


def begin(connection: Connection, person: str) -> str:
    """Begin a session; returns what goes into the cookie."""
    token, now = secrets.token_urlsafe(32), time.time()
    connection.execute(
        insert(tables.sessions).values(id=hashed(token), person=person, created=now, expires=now + SESSION_SECONDS)
    )
    return token


def person_of(connection: Connection, token: str) -> str | None:
    """Whose session a cookie is."""
    t = tables.sessions
    return connection.scalar(select(t.c.person).where(t.c.id == hashed(token), t.c.expires > time.time()))


def form_token(token: str) -> str:
    """What every form of a session carries: pages of other origins can't know it."""
    return hmac.digest(token.encode(), b"form", hashlib.sha256).hex()


def is_form_token(token: str, given: str) -> bool:
    """Whether a form came out of a page of this session."""
    return hmac.compare_digest(form_token(token).encode(), given.encode())


def ticket(connection: Connection, person: str, target: str) -> str:
    """A secret that takes its holder's next window to `target`, once, within two minutes."""
    secret = secrets.token_urlsafe(32)
    expires = time.time() + TICKET_SECONDS
    connection.execute(insert(tables.tickets).values(id=hashed(secret), person=person, target=target, expires=expires))
    return secret


def redeem(connection: Connection, secret: str) -> tuple[str, str] | None:
    """The person and the target of a ticket, which is used up."""
    t = tables.tickets
    query = select(t.c.person, t.c.target).where(t.c.id == hashed(secret), t.c.expires > time.time())
    row = connection.execute(query).first()
    if row is None or not connection.execute(delete(t).where(t.c.id == hashed(secret))).rowcount:
        return None
    return row.person, row.target
