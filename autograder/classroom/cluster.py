"""Many machines: a class graded by the workers of an existing Dask cluster.

A worker gets the assignment's files once, keeps one warm grading process, and grades notebooks that travel as bytes.
Where a worker is lost, Dask hands its submissions to another one; a result counts once, however often it was computed.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
import uuid
import zipfile
from concurrent.futures import CancelledError, Future, InvalidStateError
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from autograder.classroom.jobs import Graded, Progress, Settings
from autograder.classroom.pool import GradingProcessLost, OnProgress, Pool
from autograder.classroom.versions import assignment_files, grader_version
from autograder.course import Assignment
from autograder.sandbox.errors import SandboxError
from autograder.submission import SubmissionError, read_bytes
from autograder.submission.submission import MAX_BYTES

RESOURCE = "grader"
"""Of which a worker has one, where it was started with ``--resources grader=1``."""

_PLUGIN = "autograder"
_RETRIES = 2
_CONNECT_SECONDS = 20.0
_UNREADABLE = b""


class Cluster:
    """Grades notebooks on a Dask cluster; a context manager with a Pool's `submit`."""

    def __init__(self, address: str, assignment: Assignment, settings: Settings) -> None:
        """
        Args:
            address: of the scheduler, such as ``tcp://head:8786``, or a scheduler file.
            assignment: what is graded.
            settings: how.

        Raises:
            SandboxError: there is no cluster, it has no workers, or they have another version of the grader.
        """
        try:
            from distributed import Client
        except ImportError:
            raise SandboxError('--scheduler needs Dask: pip install "autograder[cluster]"') from None
        where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
        try:
            self._client = Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SandboxError(f"there is no Dask scheduler at {address}: {error}") from None
        self._run = uuid.uuid4().hex
        try:
            self._prepare(assignment, settings)
        except BaseException:
            self._client.close()
            raise
        self._pending: dict[Any, Future[Graded]] = {}
        self._watchers: dict[str, OnProgress] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def workers(self) -> int:
        """How many there are now."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def submit(self, path: Path, seed: int | bytes, on_progress: OnProgress | None = None) -> Future[Graded]:
        """Grade the notebook at `path` on one of the workers; see `Pool.submit`.

        The future raises SandboxError also where the connection to the cluster is lost.
        """
        try:
            data = read_bytes(path, MAX_BYTES)
        except SubmissionError:
            data = _UNREADABLE
        answer: Future[Graded] = Future()
        key = f"{RESOURCE}-{uuid.uuid4().hex}"
        if on_progress is not None:
            self._watch(key, on_progress)
        remote = self._client.submit(
            _grade,
            self._run,
            path.name,
            data,
            seed,
            key if on_progress is not None else "",
            key=key,
            pure=False,
            retries=_RETRIES,
            **self._wanted,
        )
        with self._lock:
            self._pending[remote] = answer
        remote.add_done_callback(lambda done: self._finish(done, answer, path))
        return answer

    def close(self) -> None:
        """Drop what hasn't been graded, and end the workers' grading processes."""
        with self._lock:
            pending, self._pending = self._pending, {}
        with contextlib.suppress(Exception):  # a cluster that is gone has nothing left to end
            self._client.cancel(list(pending), force=True)
            self._client.unregister_worker_plugin(_PLUGIN + self._run)
        with contextlib.suppress(Exception):
            self._client.close()
        for answer in pending.values():
            with contextlib.suppress(InvalidStateError):  # it was there already
                answer.set_exception(SandboxError("the Dask cluster was let go before this was graded"))

    def _watch(self, key: str, on_progress: OnProgress) -> None:
        with self._lock:
            first = not self._watchers
            self._watchers[key] = on_progress
        if first:
            self._client.subscribe_topic(_PLUGIN + self._run, self._tell)

    def _tell(self, event: Any) -> None:
        """Pass on what a worker says of the check that it makes."""
        key, progress = event[1]
        watcher = self._watchers.get(key)
        if watcher is not None:
            watcher(msgspec.msgpack.decode(progress, type=Progress))

    def _prepare(self, assignment: Assignment, settings: Settings) -> None:
        """Give every worker, those to come included, what it needs to grade."""
        found = self._client.run(grader_version)
        if not found:
            raise SandboxError("the Dask cluster has no workers")
        others = sorted(set(found.values()) - {grader_version()})
        if others:
            raise SandboxError(
                f"workers of the Dask cluster have another version of the grader: {', '.join(others)} there, "
                f"{grader_version()} here"
            )
        information = self._client.scheduler_info(n_workers=-1)["workers"].values()
        limited = all(RESOURCE in worker.get("resources", {}) for worker in information)
        self._wanted = {"resources": {RESOURCE: 1}} if limited else {}
        plugin = GraderPlugin(self._run, packed(assignment), msgspec.msgpack.encode(settings))
        self._client.register_plugin(_dask(plugin), name=_PLUGIN + self._run)

    def _finish(self, remote: Any, answer: Future[Graded], path: Path) -> None:
        with self._lock:
            self._pending.pop(remote, None)
            self._watchers.pop(remote.key, None)
        with contextlib.suppress(InvalidStateError):  # the run has ended meanwhile
            try:
                graded = msgspec.msgpack.decode(remote.result(), type=Graded)
            except SandboxError as error:
                answer.set_exception(error)
            except CancelledError as error:
                answer.set_exception(SandboxError(f"the Dask cluster was lost: {error}"))
            except Exception as error:
                answer.set_exception(GradingProcessLost(f"{path.name} could not be graded on the cluster: {error}"))
            else:
                answer.set_result(graded)


class GraderPlugin:
    """What every worker of the cluster keeps: the assignment's files in a folder of its own, and one grading process.

    The folder is readable by the worker's account alone and is removed when the run ends.
    """

    def __init__(self, run: str, files: bytes, settings: bytes) -> None:
        self._run = run
        self._files = files
        self._settings = settings

    def setup(self, worker: Any) -> None:
        """Called by Dask on each worker, on those that replace a lost one as well."""
        self._folder = tempfile.TemporaryDirectory(prefix="autograder-course-", ignore_cleanup_errors=True)
        with zipfile.ZipFile(io.BytesIO(self._files)) as archive:  # our own, see `packed`
            archive.extractall(self._folder.name)
        settings = msgspec.msgpack.decode(self._settings, type=Settings)
        self._pool = Pool(msgspec.structs.replace(settings, course=self._folder.name), 1)
        _pools[self._run] = self._pool

    def teardown(self, worker: Any) -> None:
        """Called by Dask when the run ends."""
        pool = _pools.pop(self._run, None)
        if pool is not None:
            pool.close()
        self._folder.cleanup()


_pools: dict[str, Pool] = {}
"""On a worker: the grading process of each run."""


def _dask(plugin: GraderPlugin) -> Any:
    """The plugin as Dask wants it: Dask is imported by those alone who use it."""
    from distributed import WorkerPlugin

    class Plugin(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            plugin.setup(worker)

        def teardown(self, worker: Any) -> None:
            plugin.teardown(worker)

    return Plugin()


def _grade(run: str, name: str, data: bytes, seed: int | bytes, key: str) -> bytes:
    """On a worker: grade a notebook; the result as bytes. Where there is a `key`, tell of every check under it."""
    from distributed import get_worker

    worker = get_worker()

    def tell(progress: Progress) -> None:
        worker.loop.add_callback(worker.log_event, _PLUGIN + run, (key, msgspec.msgpack.encode(progress)))

    with tempfile.TemporaryDirectory(prefix="autograder-notebook-") as folder:
        path = Path(folder, name)
        if data != _UNREADABLE:
            path.write_bytes(data)
        return msgspec.msgpack.encode(_pools[run].submit(path, seed, tell if key else None).result())


def packed(assignment: Assignment) -> bytes:
    """A zip of all files that grade an assignment, laid out as a course is."""
    packet = io.BytesIO()
    with zipfile.ZipFile(packet, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, folder in (("source", assignment.folder), ("assignments", assignment.hidden_folder)):
            for path in assignment_files(folder):
                archive.write(path, f"{kind}/{assignment.name}/{path.relative_to(folder)}")
    return packet.getvalue()
