"""Tells waiting browsers that something has changed."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict


class Hub:
    """Events by name: any thread announces, coroutines of one loop wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)
        self._lock = threading.Lock()

    def announce(self, name: str) -> None:
        """Wake all who wait for `name`."""
        with self._lock:
            waiting = list(self._waiting.get(name, ()))
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def subscribe(self, name: str) -> asyncio.Event:
        """An event that is set at every announcement of `name`, until `unsubscribe`."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[name].add((asyncio.get_running_loop(), event))
        return event

    def unsubscribe(self, name: str, event: asyncio.Event) -> None:
        """No more of it."""
        with self._lock:
            entries = self._waiting.get(name, set())
            entries.discard((asyncio.get_running_loop(), event))
            if not entries:
                self._waiting.pop(name, None)

    def listeners(self) -> int:
        """How many browsers are waiting."""
        with self._lock:
            return sum(map(len, self._waiting.values()))
