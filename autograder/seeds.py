"""Seeds that nobody can foresee.

A seed decides a submission's hidden inputs. It follows from a secret of the course, the assignment, the student and
the notebook's bytes: the same file always meets the same inputs, a changed one meets others. A seed that was shown
somewhere tells nothing of the next one, because both are HMACs (RFC 2104) under the secret.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path

import msgspec

FOLDER = ".autograder"
"""In the course's folder; for its owner alone, and kept out of git by a file of its own."""
_SIZE = 32
_SEED_BYTES = 6  # so that every program that reads JSON gets all digits of it


def course_secret(course: Path) -> tuple[bytes, str]:
    """The secret of the course in the folder `course`, which is made where there is none.

    Returns:
        The secret, and what an instructor should know of it, or "". Where the secret can be neither read nor made,
        one is drawn for this process alone.
    """
    path = course / FOLDER / "secret"
    try:
        with contextlib.suppress(FileNotFoundError):
            return _read(path)
        _make(path)
        return _read(path)
    except OSError as error:
        return secrets.token_bytes(_SIZE), (
            f"{path} can't be used ({error.strerror or error}): the seeds are drawn for this run alone. "
            "A Report can be repeated by its seed, and in no other way."
        )


def key_for(secret: bytes, assignment: str, student: str) -> bytes:
    """What decides, together with a notebook, the seed of a student's submissions."""
    return hmac.digest(secret, msgspec.json.encode([assignment, student]), "sha256")


def seed_for(key: bytes, digest: bytes) -> int:
    """The seed of the notebook whose bytes have the SHA-256 `digest`: a number of 48 bits.

    Args:
        key: of the student and the assignment, see `key_for`.
        digest: see `digest_of`.
    """
    return int.from_bytes(hmac.digest(key, digest, "sha256")[:_SEED_BYTES], "big")


def digest_of(notebook: bytes) -> bytes:
    """What is known of a notebook's bytes to `seed_for`."""
    return hashlib.sha256(notebook).digest()


def _read(path: Path) -> tuple[bytes, str]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), path.parent.parent.stat().st_uid):
            raise OSError("it is no file of the course's owner")
        secret = file.read(_SIZE + 1)
        if len(secret) != _SIZE:
            raise OSError(f"it isn't {_SIZE} bytes long; delete it, and a new one is made")
        if not stat.S_IMODE(status.st_mode) & 0o077:
            return secret, ""
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o600)
        return secret, f"{path} could be read by others than its owner: delete it, and a new one is made"


def _make(path: Path) -> None:
    """Put a secret there at once and whole; where another process was quicker, its secret stays."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # with mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SIZE))
        (path.parent / ".gitignore").write_text("*\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
