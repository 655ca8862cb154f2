"""Files written so that nobody ever finds half of one."""

from __future__ import annotations

from pathlib import Path


def write_atomically(path: Path, data: bytes, permissions: int | None = None) -> None:
    """Write `data` so that `path` holds all of it or what it held before; `permissions` are those of the file."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        if permissions is not None:
            part.chmod(permissions)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
