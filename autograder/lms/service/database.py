"""The database: SQLite in a file, or any other that SQLAlchemy speaks to."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, select

from autograder.lms.service.tables import metadata


class ServiceError(Exception):
    """The service can't do what was asked of it; the message says why."""


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_urlsafe(16)


class Database:
    """Transactions on the service's tables. What `write` has committed outlasts a power failure."""

    def __init__(self, url: str) -> None:
        self._lite = url.startswith("sqlite")
        self.engine = _lite_engine(url) if self._lite else create_engine(url, pool_size=10, pool_pre_ping=True)
        metadata.create_all(self.engine)
        self._reading = self.engine.execution_options(reading=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at its end, or undone where it raises."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that changes nothing."""
        with self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def backup(self, file: Path) -> int:
        """Copy everything, as it was at one moment, into a new SQLite file that only its owner may read.

        Returns:
            The number of rows.

        Raises:
            ServiceError: the file is already there.
        """
        if file.exists():
            raise ServiceError(f"{file} is already there: name a new file")
        part = file.with_name(f".{file.name}.part")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        copy = Database(f"sqlite:///{part}")
        try:
            rows = _copy(self, copy)
        finally:
            copy.close()  # the last connection: SQLite puts all into the one file
        part.replace(file)
        return rows

    def restore(self, file: Path) -> int:
        """Copy a backup into this database, which must be empty.

        Raises:
            ServiceError: there is no such file, or this database holds something.
        """
        if not file.is_file():
            raise ServiceError(f"there is no file {file}")
        with self.read() as connection:
            for table in metadata.sorted_tables:
                if connection.scalar(select(func.count()).select_from(table)):
                    raise ServiceError(f"the database isn't empty: table {table.name} holds something")
        source = Database(f"sqlite:///{file}")
        try:
            return _copy(source, self)
        finally:
            source.close()


def _copy(source: Database, target: Database) -> int:
    rows = 0
    isolation = {} if source._lite else {"isolation_level": "REPEATABLE READ"}
    with source._reading.execution_options(**isolation).begin() as reading, target.write() as writing:
        for table in metadata.sorted_tables:
            for part in reading.execution_options(yield_per=50).execute(select(table)).partitions():
                writing.execute(insert(table), [dict(row._mapping) for row in part])
                rows += len(part)
            if not target._lite and "number" in table.c:
                last = writing.scalar(select(func.max(table.c.number)))
                if last is not None:
                    sequence = func.pg_get_serial_sequence(table.name, "number")
                    writing.execute(select(func.setval(sequence, last)))
    return rows


def _lite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where `begin` below says so
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that begins by reading and then writes could fail in the middle; one that says so can't.
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def lock(folder: Path) -> TextIO:
    """Hold the service's folder for this process, as long as the returned file is open.

    Raises:
        ServiceError: another process holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = open(folder / "lock", "a")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ServiceError(f"another service runs with {folder}") from None
    return file
