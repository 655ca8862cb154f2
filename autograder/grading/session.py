"""One submission's notebook in a worker: runs its cells, carries the hidden tests' calls, replaces a lost worker."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from autograder.notebook import Cell, as_picture
from autograder.sandbox import messages
from autograder.sandbox.errors import Crashed, LimitHit, OutOfMemory, StudentError, TimedOut, WorkerLost
from autograder.sandbox.limits import Limits
from autograder.sandbox.messages import MAX_OUTPUTS, OnCallBack
from autograder.sandbox.process import Sandbox, Worker
from autograder.sandbox.wire import WireError, decoded
from autograder.submission import Submission
from autograder.text import printable

Output = dict[str, Any]
_MAX_PICTURE = 4 << 20
_MAX_LINES = 200
_REPLAY_SECONDS = 30.0
"""By the clock: cells that took longer are not run again only to show what later ones leave behind."""


class _Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """An output as a worker may send it: of every kind's fields, those that are there."""

    output_type: str = ""
    name: str = ""
    text: str = ""
    data: Annotated[dict[str, str], Meta(max_length=10)] = {}
    ename: str = ""
    evalue: str = ""
    traceback: Annotated[list[str], Meta(max_length=_MAX_LINES)] = []


# With types, because plain data of a frame's size can be fifty times as large once it is decoded.
_OUTPUTS: msgspec.msgpack.Decoder[list[_Output]] = msgspec.msgpack.Decoder(
    Annotated[list[_Output], Meta(max_length=MAX_OUTPUTS)]
)


class Session:
    """Runs a submission's cells in order, as far as the tests need them.

    Attributes:
        outputs: for each cell of the submission, what it left behind, as the notebook format has it.
        illustrations: the places of cells that are run only to show something.
        right_seconds: measures how long the right answers take in one call of the current test; None: not known.
        replaced: the functions that right answers stand in for at the moment.
        disturbed: whether somebody else has killed a worker: the machine, short of memory, or a person.
    """

    def __init__(self, sandbox: Sandbox, submission: Submission, limits: Limits, seed: int) -> None:
        self._sandbox = sandbox
        self._submission = submission
        self._limits = limits
        self._seed = seed
        self._worker: Worker | None = None
        self._next = 0
        self._lives = limits.lives
        self._give_up_at = time.monotonic() + limits.submission_seconds
        self._fates: dict[int, StudentError] = {}
        self._skipped: dict[int, str] = {}
        self._errors: dict[int, messages.CellRan] = {}
        self._wary = False
        self.right_seconds: Callable[[], float | None] | None = None
        self.replaced: frozenset[str] = frozenset()
        self._hung: set[str] = set()
        self.illustrations: set[int] = set()
        self.disturbed = False
        self._exposed = False
        self._seconds = 0.0
        self._left_for_outputs = limits.outputs
        self.outputs: list[list[Output]] = [[] for _ in submission.cells]

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def advance(self, grade_id: str) -> None:
        """Run all cells before the cell `grade_id` that haven't run yet."""
        self._run_up_to(self._submission.position(grade_id))

    def finish(self) -> None:
        """Run the cells that are left."""
        self._run_up_to(len(self._submission.cells))

    @property
    def exposed(self) -> bool:
        """Whether the worker may hold hidden data: what its code says may give it away."""
        return self._exposed

    def expose(self) -> None:
        """Hidden data is about to reach the worker. Cells that come later run in another one, or show nothing."""
        self._exposed = True

    def skip(self, grade_id: str, why: str) -> None:
        """Don't run the cell `grade_id`, and leave `why` as its output."""
        self.leave_out([self._submission.position(grade_id)], why)

    def leave_out(self, places: Iterable[int], why: str) -> None:
        """Don't run the cells at `places`, and leave `why` as their output."""
        self._skipped |= dict.fromkeys(places, why)

    def avoid(self, function: str) -> None:
        """Don't run illustrations that may call `function`, which doesn't end or ends its process; call it warily."""
        self._hung.add(function)
        answers = {str(cell.grade_id) for cell in self._submission.cells if cell.role == "solution"}
        for place in self.illustrations:
            used = answers.intersection(re.findall(r"\w+", self._submission.cells[place].source))
            if any(name == function or function in self.may_call(name) for name in used):
                self._skipped[place] = f"Not run: it may call {function}, which had to be stopped."

    def may_call(self, function: str) -> set[str]:
        """The names that the answer to `function` may use: those in its cell, in the student's other cells, and so on.

        Which cells count: the student's own ones, and the answers to functions whose names are among those found.
        """
        cells = [cell for cell in self._submission.cells if cell.kind == "code"]
        answers = {str(cell.grade_id): cell.source for cell in cells if cell.role == "solution"}
        waiting = [answers.get(function, ""), *(cell.source for cell in cells if cell.role == "plain")]
        names: set[str] = set()
        while waiting:
            found = set(re.findall(r"\w+", waiting.pop())) - names
            names |= found
            waiting += [answers[name] for name in found & answers.keys() - {function}]
        return names

    def request(
        self, message: messages.Request, buffers: list[memoryview], seconds: float | None, on_call_back: OnCallBack
    ) -> tuple[messages.Reply, memoryview]:
        """Carry a hidden test's request to the worker, which is replaced first where the last one was lost.

        A multiple of the right answer's time is the limit, between a floor and a ceiling, which is `seconds` where a
        test asks for them.
        """
        limits, worker = self._limits, self._living()
        ceiling, floor = (
            (limits.call_seconds, limits.call_floor) if seconds is None else (seconds, limits.training_floor)
        )
        risky = isinstance(message, messages.Call) and self._may_hang(message.function)
        more = None if risky else functools.partial(self._allowance, ceiling)
        least = min(floor * limits.hung_share if risky else floor, ceiling)
        try:
            reply, body = worker.request(message, buffers, least, on_call_back, more)
        except WorkerLost:
            self._lose()
            self._wary = True
            raise
        if isinstance(reply, messages.Raised):
            if self._exposed:
                # Too little to carry hidden data out: less than a third of an image of 784 bytes.
                reply.kind, reply.message = (
                    text.encode("ascii", "ignore").decode() for text in (reply.kind[:40], reply.message[:200])
                )
            if isinstance(message, messages.Call) and reply.kind == "NameError":
                self._explain(message.function, reply)
        return reply, body

    def _may_hang(self, function: str) -> bool:
        """Whether `function` had to be stopped before, or may call one that had to, with no right answer in its place.

        Such a call gets little time: if it takes more again, that would only be waited for.
        """
        hung = self._hung - self.replaced
        return bool(hung) and (function in hung or not hung.isdisjoint(self.may_call(function)))

    def _allowance(self, ceiling: float) -> float:
        """CPU seconds that a call of the current test may take; measured only for code that needs the floor's time."""
        right = None if self.right_seconds is None else self.right_seconds()
        return ceiling if right is None else min(ceiling, self._limits.call_factor * right)

    def _explain(self, function: str, reply: messages.Raised) -> None:
        """Where a function isn't there because its cell failed, the cell's fate is the better answer."""
        if f"'{function}'" not in reply.message or reply.where:
            return
        for place, cell in enumerate(self._submission.cells[: self._next]):
            if cell.grade_id == function:
                if place in self._fates:
                    raise self._fates[place]
                if place in self._errors:
                    ended = self._errors[place]
                    if ended.error == "MemoryError":
                        raise OutOfMemory(f"the cell {function} asked for more memory than there is for it")
                    reply.message = f"{function} is not defined: its cell stopped with {ended.error}"
                    reply.message += f" in {ended.where}" if ended.where else ""
                    reply.message += f": {ended.message}" if ended.message else ""

    def _leave_hidden_data(self) -> None:
        """Go on in a worker that never saw hidden data, unless it would take too long to get there."""
        if self._exposed and self._seconds <= _REPLAY_SECONDS:
            self._lives += self._worker is not None  # it hasn't cost one
            self.close()
            self._exposed = False

    def _run_up_to(self, end: int) -> None:
        if any(self._runs(place) for place in range(self._next, end)):
            self._leave_hidden_data()
        while self._next < end:
            place = self._next
            if self._runs(place):
                self._run(place)
            elif place in self._skipped:
                self.outputs[place] = [_note(self._skipped[place])]
            self._next = place + 1

    def _runs(self, place: int) -> bool:
        """Whether the cell at `place` is code, to be run, and hasn't cost a worker."""
        runs = self._submission.cells[place].kind == "code"
        return runs and place not in self._fates and place not in self._skipped

    def _run(self, place: int) -> None:
        try:
            worker = self._living()
        except WorkerLost as error:
            self._fates[place] = error
            self.outputs[place] = [_note(f"Not run: {error}.")]
            return
        outputs = self._execute(worker, place)
        self._left_for_outputs -= _size(outputs)
        if self._exposed:
            outputs = [_note(_NOT_SHOWN)]
        elif self._left_for_outputs < 0:
            outputs = [_note(f"{_TOO_MUCH} {self._limits.outputs >> 20} MiB together.")]
        self.outputs[place] = outputs

    def _execute(self, worker: Worker, place: int) -> list[Output]:
        """Run one cell in `worker`; where it costs the worker, remember that, and never run the cell again."""
        cell = self._submission.cells[place]
        message = cell_message(cell, place, self._limits)
        started = time.monotonic()
        try:
            reply, body = worker.request(message, [], self._cell_seconds(cell), _refuse, limit="cell_seconds")
            ended, outputs = _ran(reply, body)
        except WorkerLost as error:
            self._lose()
            self._fates[place] = error
            return [_note(f"This cell was stopped: {error}.")]
        finally:
            self._seconds += time.monotonic() - started
        if ended.error is not None:
            self._errors[place] = ended
        return clean_outputs(outputs, self._limits.output)

    def _cell_seconds(self, cell: Cell) -> float:
        """A cell of the instructor's that hangs calls a function that hangs: once there is one, it gets less time."""
        if self._wary and cell.role in ("locked", "test"):
            return min(self._limits.cell_seconds, self._limits.call_seconds)
        return self._limits.cell_seconds

    def _living(self) -> Worker:
        """The worker, or a new one that has run the same cells but for those that cost a worker."""
        self._check_time()
        while self._worker is None:
            if self._lives <= 0:
                lives = self._limits.lives
                reason = f"the submission crashed or ran out of time too often to go on: {lives} times"
                raise Crashed(reason, LimitHit("lives", lives))
            self._lives -= 1
            self._seconds = 0.0
            self._worker = self._sandbox.spawn(self._seed)
            for place in range(self._next):
                if self._runs(place):
                    self._check_time()
                    self._execute(self._worker, place)
                    if self._worker is None:
                        break
        return self._worker

    def _check_time(self) -> None:
        if time.monotonic() > self._give_up_at:
            self._lose()
            limit = LimitHit("submission_seconds", self._limits.submission_seconds)
            raise TimedOut(f"the submission took more than {limit.value:g} seconds in all", limit)

    def _lose(self) -> None:
        worker = self._worker
        self.close()
        self.disturbed = self.disturbed or (worker is not None and worker.killed_from_outside)


def cell_message(cell: Cell, place: int, limits: Limits) -> messages.RunCell:
    """The request to run a cell, which is called by its grade_id or, where it has none, by its number."""
    label = f"cell {cell.grade_id}" if cell.grade_id else f"cell number {place + 1}"
    return messages.RunCell(cell.source, label, limits.output, limits.printed)


def _refuse(*_: object) -> tuple[messages.Request, list[memoryview]]:
    raise Crashed("a cell called a function that isn't there")


def _ran(reply: messages.Reply, body: memoryview) -> tuple[messages.CellRan, list[_Output]]:
    """How a cell ended, and what it showed."""
    try:
        if not isinstance(reply, messages.CellRan):
            raise WireError("a cell's end was expected")
        return reply, decoded(_OUTPUTS, body)
    except WireError as error:
        raise Crashed(f"the notebook's process broke the protocol: {error}") from None


_NOT_SHOWN = "What this cell showed is left out: it ran after hidden data had been there, and could show that."


_TOO_MUCH = "What this cell showed is left out: the notebook's outputs may take"


def _size(outputs: list[Output]) -> int:
    """Characters of text and of encoded figures."""
    texts = [text for output in outputs for text in (output.get("text", ""), *output.get("traceback", ()))]
    return sum(map(len, texts)) + sum(len(value) for output in outputs for value in output.get("data", {}).values())


def _note(text: str) -> Output:
    return {"output_type": "stream", "name": "stdout", "text": f"[grader] {text}\n"}


def clean_outputs(outputs: list[_Output], allowance: int) -> list[Output]:
    """Outputs as a worker sent them, made safe to keep: known kinds, plain text, real pictures, bounded in size.

    Args:
        outputs: those of one cell.
        allowance: characters of text that they may have together; a little more than that ends with a remark.
    """
    text = _Text(allowance + 1000)
    cleaned: list[Output] = []
    for output in outputs:
        if output.output_type == "stream":
            name = "stderr" if output.name == "stderr" else "stdout"
            cleaned.append({"output_type": "stream", "name": name, "text": text.clean(output.text)})
        elif output.output_type in ("display_data", "execute_result"):
            data = {mime: text.clean(content) for mime, content in output.data.items() if mime == "text/plain"}
            for mime, content in output.data.items():
                if len(content) <= _MAX_PICTURE and (picture := as_picture(mime, content)):
                    data[mime] = picture
            if data:
                cleaned.append({"output_type": "display_data", "data": data, "metadata": {}})
        elif output.output_type == "error":
            cleaned.append(
                {
                    "output_type": "error",
                    "ename": text.clean(output.ename[:100]),
                    "evalue": text.clean(output.evalue[:2000]),
                    "traceback": [text.clean(line) for line in output.traceback],
                }
            )
    return cleaned


class _Text:
    """Cleans texts until there is no allowance left."""

    def __init__(self, allowance: int) -> None:
        self._left = allowance

    def clean(self, text: str) -> str:
        """`text` without control characters, cut to what is left of the allowance."""
        text = text[: self._left]
        self._left -= len(text)
        return printable(text, len(text), keep="\n\t")
