"""Tier bubblewrap: what tier landlock does, in namespaces where what is secret isn't mounted at all.

The zygote has imported everything before it is isolated, so bubblewrap can't start it. Instead bubblewrap starts a
small process, the *holder*, in new namespaces with the mounts that workers need, and the zygote enters those.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from autograder.sandbox.isolation import identity, namespaces
from autograder.sandbox.isolation.by_landlock import LandlockTier
from autograder.sandbox.isolation.host import DEVICES, SYSTEM, hidden_in_libraries, library_roots
from autograder.sandbox.isolation.tier import Own, Place


class BubblewrapTier(LandlockTier):
    """The zygote sees libraries and the assignment's files and nothing else; a worker's folder has a fixed size."""

    name = "bubblewrap"
    promise = "landlock's, and: what is secret isn't mounted, folders have a fixed size, pids and network are its own"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._holder: subprocess.Popen[bytes] | None = None
        self._process = -1

    @classmethod
    def why_not(cls, place: Place) -> str:
        """Bubblewrap isn't installed, or what tier landlock needs is missing."""
        if shutil.which("bwrap") is None or shutil.which("cat") is None:
            return "bubblewrap is not installed (apt-get install bubblewrap)"
        return super().why_not(place)

    def enclose(self) -> list[str]:
        """Start the holder and enter its namespaces, but for that of processes, in which threads can't be started."""
        self._holder, holder = _start_holder(self._place)
        try:
            self._process = os.pidfd_open(holder)
            user = 0 if os.getuid() == 0 else namespaces.NEWUSER
            kinds = user | namespaces.NEWNS | namespaces.NEWNET | namespaces.NEWIPC | namespaces.NEWUTS
            namespaces.join(self._process, kinds)
        except OSError:
            self._holder.kill()
            self._holder.wait()
            raise
        os.chdir("/")
        return super().enclose()

    def finish(self) -> None:
        """Let workers be born in the holder's namespace of processes: they end when it ends, whatever happens."""
        namespaces.join(self._process, namespaces.NEWPID)

    def make_folder(self, own: Own) -> None:
        """Mount it, of the size that it may have."""
        namespaces.own_folder(own.folder, own.files, own.uid or os.getuid())

    def lock_up(self, own: Own) -> None:
        """Give up what the user namespace gave, and do what tier landlock does."""
        if not own.uid:
            identity.drop_capabilities()
        super().lock_up(own)


def _start_holder(place: Place) -> tuple[subprocess.Popen[bytes], int]:
    """Bubblewrap, running, and the process id of what runs in its namespaces.

    Raises:
        OSError: it could not start, with its own words.
    """
    reading, writing = os.pipe()
    command = ["bwrap", "--info-fd", str(writing), *_options(place), "--", str(shutil.which("cat"))]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=[writing])
    os.close(writing)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with open(reading, "rb") as file, contextlib.suppress(OSError):
        about = file.read()
        # What it sends back says that everything is mounted.
        process.stdin.write(b"ready")
        process.stdin.flush()
        if process.stdout.read(5) == b"ready":
            return process, int(msgspec.json.decode(about)["child-pid"])
    process.kill()
    words = process.stderr.read().decode(errors="replace").strip()
    process.wait()
    raise OSError(f"bubblewrap could not start: {words or 'it left no message'}")


def _options(place: Place) -> Iterator[str]:
    yield from ("--die-with-parent", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-pid")
    # A path that leads through a link is mounted under both of its names.
    roots = [*library_roots(), *map(Path, SYSTEM), Path(place.files), Path(str(shutil.which("cat")))]
    mounted = sorted({name for path in roots if path.exists() for name in (path.absolute(), path.resolve())})
    # Folders that bubblewrap makes by itself may be closed to other users, as the host's are.
    for folder in sorted({folder for path in (*mounted, *map(Path, DEVICES)) for folder in path.parents}):
        yield from ("--perms", "0755", "--dir", str(folder))
    for path in mounted:
        yield from ("--ro-bind", str(path), str(path))
    for path in {path.resolve() for path in (*hidden_in_libraries(place.absent), *map(Path, place.secret))}:
        if path.is_dir() and any(path.is_relative_to(root) for root in mounted):
            yield from ("--perms", "0000", "--tmpfs", str(path))
    for device in DEVICES:
        yield from ("--dev-bind", device, device)
    yield from ("--perms", "0711", "--dir", place.home)
