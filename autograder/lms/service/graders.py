"""What grades for the service, kept ready by assignment: pools of processes on this machine, or a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from autograder.classroom import Pool, Settings
from autograder.classroom.cluster import Cluster
from autograder.classroom.versions import assignment_files
from autograder.lms.service.course_facts import CourseFacts
from autograder.sandbox.isolation import Isolation

Stamp = tuple[tuple[str, int, int], ...]
"""Of every file that grades an assignment: its name, when it was changed, its size."""


class Graders:
    """Pools or connections to a cluster, by assignment. One thread uses them."""

    def __init__(self, course: CourseFacts, *, jobs: int, pools: int, isolation: Isolation, scheduler: str) -> None:
        """
        Args:
            jobs: submissions graded side by side; 0, with a cluster only: as many as it has workers.
            pools: assignments that are kept ready.
            isolation: see `classroom.Settings`.
            scheduler: of a Dask cluster, see `Cluster`; empty: this machine grades.
        """
        self._course = course
        self._jobs = jobs
        self._max = pools
        self._isolation = isolation
        self._scheduler = scheduler
        self._ready: dict[str, tuple[Stamp, Pool | Cluster]] = {}  # the one that was used last stands last
        self._workers = 1

    @property
    def has_room(self) -> bool:
        """Whether one more assignment can be made ready without giving up another one."""
        return len(self._ready) < self._max

    @property
    def names(self) -> Collection[str]:
        """The assignments that are ready."""
        return self._ready.keys()

    @property
    def places(self) -> int:
        """Submissions that can be graded side by side now."""
        if self._jobs:
            return self._jobs
        clusters = [one for _, one in self._ready.values() if isinstance(one, Cluster)]
        if clusters:
            with contextlib.suppress(Exception):  # a cluster that is gone fails where it is asked to grade
                self._workers = max(1, clusters[-1].workers)
        return self._workers

    def take(self, assignment: str, busy: Collection[str]) -> Pool | Cluster | None:
        """What grades an assignment, with its files as they are now; None while there is no room for it.

        Args:
            busy: the assignments that are being graded.

        Raises:
            AssignmentError: there is no such assignment.
            SandboxError: there is no such cluster, or none that can grade.
        """
        stamp = self._stamp(assignment)
        known = self._ready.get(assignment)
        if known is not None and known[0] != stamp:
            if assignment in busy:
                return None  # what has begun is graded to its end with the files as they were
            self.drop(assignment)
            known = None
        if known is None:
            if not self.has_room:
                idle = [name for name in self._ready if name not in busy]
                if not idle:
                    return None
                self.drop(idle[0])
            known = (stamp, self._new(assignment))
        self._ready.pop(assignment, None)
        self._ready[assignment] = known
        return known[1]

    def renew(self, assignment: str) -> None:
        """After a failure: a cluster is connected to anew; a pool replaces what it has lost by itself."""
        known = self._ready.get(assignment)
        if known is not None and isinstance(known[1], Cluster):
            self.drop(assignment)

    def drop(self, assignment: str) -> None:
        """Let go of what grades an assignment, if it is there."""
        known = self._ready.pop(assignment, None)
        if known is not None:
            known[1].close()

    def close(self) -> None:
        """Let go of all."""
        for assignment in list(self._ready):
            self.drop(assignment)

    def _new(self, assignment: str) -> Pool | Cluster:
        settings = Settings(course=str(self._course.folder), assignment=assignment, isolation=self._isolation)
        if self._scheduler:
            return Cluster(self._scheduler, self._course.assignment(assignment), settings)
        return Pool(settings, self._jobs)

    def _stamp(self, assignment: str) -> Stamp:
        known = self._course.assignment(assignment)
        files = [path for folder in (known.folder, known.hidden_folder) for path in assignment_files(folder)]
        facts = [(str(path), path.stat()) for path in files]
        return tuple((path, fact.st_mtime_ns, fact.st_size) for path, fact in facts)
