"""The database's tables. All times are seconds since 1970, UTC; all ids that a browser sees are random."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()


def _id() -> Column[str]:
    return Column("id", String(64), primary_key=True)


def _to(name: str, table: str, **more: object) -> Column[str]:
    return Column(name, String(64), ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, **more)  # type: ignore[arg-type]


keys = Table(
    "keys",
    metadata,
    _id(),  # the key's kid
    Column("private", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("created", Double, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    _id(),  # the SHA-256 of the secret in a set-up link
    Column("expires", Double, nullable=False),
)

platforms = Table(
    "platforms",
    metadata,
    _id(),
    Column("issuer", Text, nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("login_url", Text, nullable=False),
    Column("token_url", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("jwks_url", Text, nullable=False),
    Column("frames", Text, nullable=False, default=""),  # origins whose pages may show the service, space-separated
    UniqueConstraint("issuer", "client_id"),
)

deployments = Table(
    "deployments",
    metadata,
    _to("platform", "platforms", primary_key=True),
    Column("deployment", String(255), primary_key=True),
)

logins = Table(
    "logins",
    metadata,
    _id(),  # the state
    _to("platform", "platforms"),
    Column("nonce", String(64), nullable=False),
    Column("binding", String(64), nullable=False),  # SHA-256 of what the browser that began the login holds
    Column("parameters", Text, nullable=False),  # JSON, to begin again in a new window
    Column("storage", Text, nullable=False, default=""),  # the frame that offers platform storage
    Column("created", Double, nullable=False),
    Column("used", Double),
)

people = Table(
    "people",
    metadata,
    _id(),
    _to("platform", "platforms"),
    Column("subject", String(255), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("email", Text, nullable=False, default=""),
    UniqueConstraint("platform", "subject"),
)

contexts = Table(
    "contexts",
    metadata,
    _id(),
    _to("platform", "platforms"),
    Column("deployment", String(255), nullable=False),
    Column("context", String(255), nullable=False),
    Column("title", Text, nullable=False, default=""),
    Column("members_url", Text, nullable=False, default=""),
    UniqueConstraint("platform", "deployment", "context"),
)

members = Table(
    "members",
    metadata,
    _to("context", "contexts", primary_key=True),
    _to("person", "people", primary_key=True),
    Column("role", String(16), nullable=False),  # student, teacher or none
)

activities = Table(
    "activities",
    metadata,
    _id(),
    _to("context", "contexts"),
    Column("link", String(255), nullable=False),
    Column("title", Text, nullable=False),
    Column("assignment", String(255), nullable=False, default=""),
    Column("scopes", Text, nullable=False, default=""),
    Column("lineitem", Text, nullable=False, default=""),
    Column("lineitems", Text, nullable=False, default=""),
    Column("deadline", Double),
    Column("grace", Double, nullable=False, default=0.0),  # seconds
    Column("accepts_late", Boolean, nullable=False, default=True),
    Column("attempts", Integer, nullable=False, default=0),  # 0: any number
    Column("counts", String(8), nullable=False, default="last"),  # last or best
    Column("feedback", String(16), nullable=False, default="now"),  # now, deadline or never
    UniqueConstraint("context", "link"),
)

extensions = Table(
    "extensions",
    metadata,
    _to("activity", "activities", primary_key=True),
    _to("person", "people", primary_key=True),
    Column("deadline", Double),
    Column("attempts", Integer, nullable=False, default=0),  # more than the activity's
)

sessions = Table(
    "sessions",
    metadata,
    _id(),  # the SHA-256 of the cookie
    _to("person", "people"),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    _id(),  # the SHA-256 of what stands in the link
    _to("person", "people"),
    Column("target", Text, nullable=False),
    Column("expires", Double, nullable=False),
)

hand_in_keys = Table(
    "hand_in_keys",
    metadata,
    _id(),  # the SHA-256 of the key
    _to("activity", "activities"),
    _to("person", "people"),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    UniqueConstraint("activity", "person"),
)

deep_links = Table(
    "deep_links",
    metadata,
    _id(),
    _to("person", "people"),
    _to("platform", "platforms"),
    Column("deployment", String(255), nullable=False),
    Column("settings", Text, nullable=False),  # the platform's, as JSON
    Column("expires", Double, nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    _id(),
    _to("activity", "activities"),
    _to("person", "people"),
    Column("attempt", Integer, nullable=False),
    Column("received", Double, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("notebook", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),  # waiting, graded or failed
    Column("problem", Text, nullable=False, default=""),  # why it couldn't be graded
    Column("version", Integer, nullable=False, default=0),  # of its grade
    UniqueConstraint("activity", "person", "attempt"),
)

grades = Table(
    "grades",
    metadata,
    _to("submission", "submissions", primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("report", LargeBinary, nullable=False),  # JSON
    Column("outputs", LargeBinary, nullable=False),  # msgpack, compressed
    Column("score", Double, nullable=False),  # of the auto-graded cells
    Column("max_score", Double, nullable=False),
    Column("created", Double, nullable=False),
)

written = Table(
    "written",
    metadata,
    _to("submission", "submissions", primary_key=True),
    Column("cell", String(255), primary_key=True),
    Column("score", Double, nullable=False),
    Column("comment", Text, nullable=False, default=""),
    Column("grader", String(64), nullable=False),
    Column("at", Double, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _to("submission", "submissions"),
    Column("regrade", String(64), nullable=False, default=""),  # empty: the first grading
    Column("state", String(16), nullable=False, default="waiting"),  # waiting, done or failed
    Column("report", LargeBinary),
    Column("outputs", LargeBinary),
    Column("problem", Text, nullable=False, default=""),
    Index("jobs_waiting", "state", "regrade", "number"),
)

regrades = Table(
    "regrades",
    metadata,
    _id(),
    _to("activity", "activities"),
    Column("person", String(64), nullable=False),
    Column("created", Double, nullable=False),
    Column("applied", Double),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _to("activity", "activities"),
    _to("person", "people"),
    _to("submission", "submissions"),
    Column("version", Integer, nullable=False),
    Column("score", Double, nullable=False),
    Column("max_score", Double, nullable=False),
    Column("timestamp", Double, nullable=False),  # what the platform orders grades by
    Column("state", String(16), nullable=False),  # see passback.State
    Column("force", Boolean, nullable=False, default=False),  # also over a grade that isn't the service's
    Column("tries", Integer, nullable=False, default=0),
    Column("next", Double, nullable=False),
    Column("problem", Text, nullable=False, default=""),
    Column("sent", Double),
    UniqueConstraint("submission", "version"),
    Index("outbox_due", "state", "next"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("event", String(64), nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("person", String(64), nullable=False, default=""),  # the random id, nothing personal
    Column("detail", Text, nullable=False, default=""),
)
