"""What can go wrong with a submission's code, as a hidden test sees it; and with the sandbox itself."""

from __future__ import annotations

import msgspec


class LimitHit(msgspec.Struct, frozen=True):
    """A limit that code went beyond, by its name in `Limits`, and its value."""

    name: str
    value: float


class SandboxError(Exception):
    """The sandbox can't be made, or failed. It says what is missing and what to do."""


class SandboxLost(SandboxError):
    """The sandbox worked, and then something else ended it; a new one may work."""


class StudentError(Exception):
    """The student's code didn't give a result. `outcome` is the word for it in a Report."""

    outcome = "error"

    def __init__(self, text: str, limit: LimitHit | None = None) -> None:
        """
        Args:
            text: what happened.
            limit: the limit that was hit, where that is why.
        """
        self.limit = limit
        super().__init__(text)


class StudentRaised(StudentError):
    """The student's function raised.

    Attributes:
        type: the exception's type name.
        text: its message.
        where: the line of the student's notebook, or "".
    """

    def __init__(self, function: str, type: str, text: str, where: str) -> None:
        self.function, self.type, self.text, self.where = function, type, text, where
        super().__init__(f"{function} raised {type}: {text}" + (f" ({where})" if where else ""))


class OutOfMemory(StudentError):
    """The student's code asked for more memory than there is for it."""

    outcome = "out of memory"


class PrintedTooMuch(BaseException):
    """Raised in a worker where code prints without end; no Exception, so that `except Exception` doesn't swallow it."""


class WorkerLost(StudentError):
    """The worker is gone; the next request needs a new one."""


class TimedOut(WorkerLost):
    """The student's code did not finish in time."""

    outcome = "timed out"


class Crashed(WorkerLost):
    """The student's code ended its process, or broke the protocol."""

    outcome = "crashed"
