"""The learning platforms that the service knows, and the service's own keys."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from urllib.parse import urlsplit

import msgspec
from pylti1p3.dynamic_registration import generate_key_pair
from pylti1p3.registration import Registration
from sqlalchemy import Connection, delete, insert, select, update

from autograder.lms.service import tables
from autograder.lms.service.database import Database, ServiceError, new_id

KEY_BITS = 2048
OLD_KEY_SECONDS = 30 * 86400.0
"""How long a key that was replaced stays published: platforms cache what they fetched."""
INVITATION_SECONDS = 3600.0
_MAX_FRAMES = 20
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,300}")


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """One registration of the service at a platform."""

    id: str
    issuer: str
    client_id: str
    login_url: str
    token_url: str
    jwks_url: str
    audience: str = ""
    """What the token request names as its audience, where that isn't `token_url`."""
    frames: str = ""
    """Origins whose pages may show the service in a frame, separated by spaces."""


class SigningKey(msgspec.Struct, frozen=True):
    """A key pair of the service, as PEM."""

    id: str
    private: str
    public: str


def hashed(secret: str) -> str:
    """What the database keeps of a secret that somebody else holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, or "" where it has none, or one that can't stand in a header."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin if _ORIGIN.fullmatch(origin) else ""


def platforms_of(connection: Connection, issuer: str, client_id: str = "") -> list[Platform]:
    """The registrations at an issuer; all of a cloud's customers may share one."""
    query = select(tables.platforms).where(tables.platforms.c.issuer == issuer)
    if client_id:
        query = query.where(tables.platforms.c.client_id == client_id)
    return [Platform(**row._mapping) for row in connection.execute(query)]


def platform_by_id(connection: Connection, id: str) -> Platform:
    """The registration with this id.

    Raises:
        ServiceError: there is none.
    """
    row = connection.execute(select(tables.platforms).where(tables.platforms.c.id == id)).first()
    if row is None:
        raise ServiceError("this platform isn't registered any more")
    return Platform(**row._mapping)


def register(connection: Connection, platform: Platform, deployment: str) -> Platform:
    """Add a registration, or replace the one with the same issuer and client id; and one deployment of it.

    Raises:
        ServiceError: a field is missing or no http(s) URL.
    """
    for name in ("issuer", "client_id"):
        if not getattr(platform, name):
            raise ServiceError(f"{name} is missing")
    for name in ("login_url", "token_url", "jwks_url"):
        if not origin_of(getattr(platform, name)):
            raise ServiceError(f"{name} must be an http or https URL")
    known = platforms_of(connection, platform.issuer, platform.client_id)
    frames = {origin_of(platform.issuer), origin_of(platform.login_url), *platform.frames.split()} - {""}
    platform = msgspec.structs.replace(platform, id=known[0].id if known else new_id(), frames=" ".join(sorted(frames)))
    if known:
        values = msgspec.structs.asdict(platform)
        connection.execute(update(tables.platforms).where(tables.platforms.c.id == platform.id).values(values))
    else:
        connection.execute(insert(tables.platforms).values(msgspec.structs.asdict(platform)))
    if deployment and not knows_deployment(connection, platform, deployment):
        connection.execute(insert(tables.deployments).values(platform=platform.id, deployment=deployment))
    return platform


def knows_deployment(connection: Connection, platform: Platform, deployment: str) -> bool:
    """Whether the administrator has named this deployment of the platform's."""
    t = tables.deployments
    query = select(t).where(t.c.platform == platform.id, t.c.deployment == deployment)
    return connection.execute(query).first() is not None


def allow_frames(connection: Connection, platform: Platform, url: str) -> None:
    """Let pages of a URL's origin, which a launch of the platform's named, show the service in a frame."""
    origin, frames = origin_of(url), platform.frames.split()
    if origin and origin not in frames and len(frames) < _MAX_FRAMES:
        joined = " ".join([*frames, origin])
        connection.execute(update(tables.platforms).where(tables.platforms.c.id == platform.id).values(frames=joined))


def all_frames(connection: Connection) -> str:
    """The origins of all platforms, separated by spaces."""
    found = connection.scalars(select(tables.platforms.c.frames))
    return " ".join(sorted({origin for frames in found for origin in frames.split()}))


def signing_keys(database: Database) -> list[SigningKey]:
    """The service's keys, the one that signs first; made where there is none."""
    t = tables.keys
    with database.read() as connection:
        rows = connection.execute(select(t.c.id, t.c.private, t.c.public).order_by(t.c.created.desc())).all()
    if not rows:
        rotate_key(database)
        return signing_keys(database)
    return [SigningKey(*row) for row in rows]


def rotate_key(database: Database) -> str:
    """Make a new key that signs from now on; the old ones stay published for a month. Returns its id."""
    private, public = generate_key_pair(KEY_BITS)
    kid = str(Registration.get_jwk(public)["kid"])
    now = time.time()
    with database.write() as connection:
        newest = connection.scalar(select(tables.keys.c.created).order_by(tables.keys.c.created.desc()).limit(1))
        if newest is not None:
            # A key is replaced when its successor is made: from then on it is an old one.
            connection.execute(delete(tables.keys).where(tables.keys.c.created < min(newest, now - OLD_KEY_SECONDS)))
        connection.execute(insert(tables.keys).values(id=kid, private=private, public=public, created=now))
    return kid


def invite(database: Database) -> str:
    """A secret that lets its holder register one platform within the hour."""
    secret = secrets.token_urlsafe(24)
    with database.write() as connection:
        expires = time.time() + INVITATION_SECONDS
        connection.execute(insert(tables.invitations).values(id=hashed(secret), expires=expires))
    return secret


def is_invited(connection: Connection, secret: str) -> bool:
    """Whether a set-up link is valid."""
    t = tables.invitations
    query = select(t).where(t.c.id == hashed(secret), t.c.expires > time.time())
    return connection.execute(query).first() is not None


def end_invitation(connection: Connection, secret: str) -> None:
    """A set-up link works once."""
    connection.execute(delete(tables.invitations).where(tables.invitations.c.id == hashed(secret)))
