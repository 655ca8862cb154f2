"""What the service is told when it starts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from autograder.sandbox.isolation import Isolation

MIB = 1 << 20


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service runs; the commands' options and nothing else."""

    url: str
    """Where browsers and platforms reach the service, without a slash at its end: https://grader.example.org."""
    course: Path
    """The course's folder."""
    data: Path
    """The service's own folder: its database and its lock."""
    database: str = ""
    """An SQLAlchemy URL; the default is a SQLite file in `data`."""
    jobs: int = 1
    """Submissions graded side by side; 0, with a cluster only: as many as it has workers."""
    scheduler: str = ""
    """Of the Dask cluster that grades, an address or a scheduler file; empty: this machine grades."""
    pools: int = 2
    """Assignments that are kept ready for grading; each takes the memory of its libraries, `jobs` times."""
    isolation: Isolation = "auto"
    max_upload: int = 20 * MIB
    """Bytes of a notebook."""
    retention_days: float = 0.0
    """After how many days a submission and all that belongs to it is deleted; 0: never."""
    launches_per_minute: int = 1200
    """From one address: a university's whole class may come from one."""
    uploads_per_minute: int = 6
    """From one student."""
    wrong_keys_per_minute: int = 60
    """From one address: a whole JupyterHub may be one."""
    request_seconds: float = 10.0
    """How long a platform may take to answer."""
    retry_seconds: float = 2.0
    """Before a grade is sent again for the first time; doubled with every further time, up to an hour."""

    @property
    def database_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database or f"sqlite:///{self.data / 'service.db'}"

    @property
    def origin(self) -> str:
        """Scheme, host and port of `url`."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"
