"""Hand a notebook in from where it lies, on a JupyterHub for example. A program of its own with Python's library alone:

    python hand_in.py NOTEBOOK --to ADDRESS

The address and the key are on the activity's page in the learning platform. The key is asked for once in a terminal and
kept in ~/.config/autograder, readable by you alone; or set AUTOGRADER_KEY. Never write it into a notebook.
"""

from __future__ import annotations

import argparse
import getpass
import http.client
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

VARIABLE = "AUTOGRADER_KEY"
WAIT_SECONDS = 300.0
_TIMEOUT = 60.0
_MAX_ANSWER = 1 << 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_UNAUTHORIZED = 401


class HandInError(Exception):
    """The notebook was not handed in, or nothing is known of it; the message says why."""


class KeyRefused(HandInError):
    """The service doesn't take this key."""


def hand_in(notebook: Path, address: str, wait: float = WAIT_SECONDS, say: Callable[[str], None] = print) -> None:
    """Hand a notebook in, say what the service answers, and wait for the points.

    Args:
        notebook: the file.
        address: of the activity, as its page shows it.
        wait: seconds to wait for the points; 0: not at all.
        say: is told each line for the student.

    Raises:
        HandInError: it was not handed in, or the service doesn't answer any more.
        OSError: the file can't be read.
    """
    _check(address)
    data = notebook.read_bytes()
    key = find_key(address)
    if key.encode() in data:
        raise HandInError("your key stands in the notebook: take it out, make a new key, and hand in again")
    try:
        receipt = _ask(address, key, data)
    except KeyRefused:
        keep_key(address, "")
        raise
    keep_key(address, key)
    say(f"Handed in: {notebook.name}, attempt {receipt.get('attempt')}. Receipt {_text(receipt, 'receipt')}.")
    told, ends, pause = "", time.monotonic() + wait, 0.5
    while time.monotonic() < ends:
        now = _ask(f"{address}/{quote(str(receipt.get('submission')), safe='')}", key)
        if told != (told := _text(now, "text")):
            say(told)
        if now.get("state") in ("graded", "failed"):
            break
        time.sleep(pause)
        pause = min(5.0, pause * 1.3)
    say(f"Feedback: {_text(receipt, 'page')}")


def find_key(address: str) -> str:
    """The key for an address: of the environment, kept from before, or asked for in a terminal.

    Raises:
        HandInError: there is none.
    """
    key = os.environ.get(VARIABLE, "") or _kept().get(address, "")
    # A notebook's `!command` has something like a terminal, in which nobody can type.
    if not key and sys.stdin.isatty() and "JPY_PARENT_PID" not in os.environ:
        key = getpass.getpass("Your key, from the activity's page (it isn't shown): ").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise HandInError("there is no key for this address: run this command once in a terminal, which asks for it")
    return key


def keep_key(address: str, key: str) -> None:
    """Keep a key for the next time, in a file that only its owner may read; an empty one is forgotten."""
    kept = _kept()
    if kept.get(address, "") == key or (key and os.environ.get(VARIABLE)):
        return
    kept[address] = key
    file = _file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=file.parent)  # readable by its owner alone
    with os.fdopen(descriptor, "w") as stream:
        json.dump({name: value for name, value in kept.items() if value}, stream)
    os.replace(part, file)


def _file() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "autograder" / "keys.json"


def _kept() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _check(address: str) -> None:
    """A key travels encrypted, or not at all."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise HandInError(f"{address}: the address must begin with https://")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _ask(address: str, key: str, data: bytes | None = None) -> dict[str, Any]:
    """Send a notebook, or ask for what became of one."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-ipynb+json"}
    request = urllib.request.Request(address, data, headers)
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT) as answer:
            found = json.loads(answer.read(_MAX_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error) from None
    except (OSError, http.client.HTTPException) as error:
        lost = " Look at the activity's page whether your notebook has arrived." if data is not None else ""
        raise HandInError(f"no answer from {urlsplit(address).netloc}: {error}.{lost}") from None
    except ValueError:
        raise HandInError(f"{urlsplit(address).netloc} answers, but not as this service does") from None
    if not isinstance(found, dict):
        raise HandInError(f"{urlsplit(address).netloc} answers, but not as this service does")
    return found


def _refusal(error: urllib.error.HTTPError) -> HandInError:
    try:
        found = json.loads(error.read(_MAX_ANSWER))
        problem = _text(found, "problem")
    except (ValueError, OSError, AttributeError):
        problem = f"the service answers with status {error.code}"
    return (KeyRefused if error.code == _UNAUTHORIZED else HandInError)(problem)


def _text(found: dict[str, Any], name: str) -> str:
    """A line of the service's, which must not play with the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(found.get(name, "")))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Hand a notebook in.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--to", required=True, metavar="ADDRESS", help="of the activity, as its page shows it")
    parser.add_argument("--no-wait", action="store_true", help="don't wait for the points")
    given = parser.parse_args()
    try:
        hand_in(given.notebook, given.to.rstrip("/"), 0.0 if given.no_wait else WAIT_SECONDS)
    except (HandInError, OSError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
