"""What a service counts of itself, for Prometheus."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class ServiceMetrics:
    """The figures of one service; several in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "chinchilla_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "chinchilla_request_seconds",
            "Seconds from a request to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._texts = Histogram(
            "chinchilla_batch_texts",
            "Texts read in one go.",
            buckets=_TEXTS,
            registry=self.registry,
        )
        self._jobs = Histogram(
            "chinchilla_batch_requests",
            "Requests whose texts were read in one go.",
            buckets=_TEXTS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "chinchilla_requests_waiting", "Requests that wait or are read.", registry=self.registry
        )

    def observe(self, scope: dict[str, Any], status: int, seconds: float) -> None:
        """Count an answer under the path of its route: what a client makes up is no label."""
        path = getattr(scope.get("route"), "path", "") or "other"
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def read(self, texts: int, jobs: int) -> None:
        """Count texts that were read together."""
        self._texts.observe(texts)
        self._jobs.observe(jobs)

    def page(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)
