"""Metrics for Prometheus, with the names of TensorFlow Serving's.

Dashboards for TensorFlow Serving also work here; times are in microseconds.
"""

from collections.abc import Callable

import prometheus_client

_BUCKETS = [10 * 1.8**i for i in range(33)]
_LABELS = ("model_name", "API", "entrypoint")


class Metrics:
    """Counts the requests of one server and measures their times.

    Args:
        waiting: Function that returns the number of requests in the queue.
    """

    def __init__(self, waiting: Callable[[], int]):
        self._registry = prometheus_client.CollectorRegistry()
        # A Counter of the library would be named request_count_total.
        self._requests = prometheus_client.Gauge(
            ":tensorflow:serving:request_count",
            "Requests by model and status since the start.",
            ("model_name", "status"),
            registry=self._registry,
        )
        self._latency = prometheus_client.Histogram(
            ":tensorflow:serving:request_latency",
            "Microseconds of a request, including its time in the queue.",
            _LABELS,
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._runtime = prometheus_client.Histogram(
            ":tensorflow:serving:runtime_latency",
            "Microseconds of a request in TensorFlow.",
            ("model_name", "API", "runtime"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        queue = prometheus_client.Gauge(
            "dev_server_queued_requests",
            "Requests that wait.",
            registry=self._registry,
        )
        queue.set_function(waiting)
        prometheus_client.ProcessCollector(registry=self._registry)

    def request(
        self, model: str, status: str, entrypoint: str, seconds: float
    ) -> None:
        """Counts a request; each name in `model` stays in memory."""
        self._requests.labels(model, status).inc()
        labels = (model, "Predict", entrypoint)
        self._latency.labels(*labels).observe(seconds * 1e6)

    def runtime(self, model: str, seconds: float) -> None:
        """Records the time of a run of a graph."""
        self._runtime.labels(model, "Predict", "TF1").observe(seconds * 1e6)

    def text(self) -> bytes:
        """Returns all metrics in Prometheus' text format."""
        return prometheus_client.generate_latest(self._registry)
