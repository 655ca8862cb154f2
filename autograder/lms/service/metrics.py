"""Figures for Prometheus. None of them names anybody."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The service's figures, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"autograder_{name}", text, labels, registry=self._registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"autograder_{name}", text, labels, registry=self._registry)

        self.launches = counter("launches", "Launches accepted")
        self.refused = counter("refused", "Requests refused, by kind", "kind")
        self.submissions = counter("submissions", "Submissions accepted")
        self.accepting = Histogram(
            "autograder_accept_seconds", "Seconds until a submission was safe on disk", registry=self._registry
        )
        self.waiting = gauge("waiting", "Submissions that wait for grading")
        self.oldest = gauge("oldest_waiting_seconds", "How long the oldest of them has waited")
        self.outbox = gauge("outbox", "Grades by the state of their delivery", "state")
        self.listeners = gauge("listeners", "Browsers that watch a submission being graded")

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self._registry)
