"""What a teacher's forms hold."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autograder.lms.service.web import Refused, Visit


def time_in(visit: Visit, name: str) -> float | None:
    """A time out of a form, in the browser's time zone.

    Raises:
        Refused: it is no time.
    """
    text = visit.field(name, 40)
    if not text:
        return None
    try:
        zone = ZoneInfo(visit.field("zone", 80) or "UTC")
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    except (ValueError, ZoneInfoNotFoundError, OverflowError, OSError):
        raise Refused(400, "This is no date and time.", event="form", person=visit.person) from None


def number_in(visit: Visit, name: str, most: float) -> float:
    """A number out of a form, from 0 to `most`, with a point or a comma; 0 where the field is empty.

    Raises:
        Refused: it is no such number.
    """
    text = visit.field(name, 40).strip().replace(",", ".") or "0"
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise Refused(400, f"{name} must be a number from 0 to {most:g}.", event="form", person=visit.person)
    return value


def choice_in(visit: Visit, name: str, choices: tuple[str, ...]) -> str:
    """One of the choices that a form offers.

    Raises:
        Refused: it is none of them.
    """
    value = visit.field(name, 255)
    if value not in choices:
        raise Refused(400, f"{name} can't be that.", event="form", person=visit.person)
    return value
