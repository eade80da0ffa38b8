"""Generates load for a server and measures its latencies.

A closed loop has a number of clients that each send a request after the answer
to the last: it shows the server's throughput. An open loop sends requests at a
given rate, answered or not, as independent users do: it shows what happens
under overload.
"""

import concurrent.futures
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from serving.style_client import ServingError


@dataclasses.dataclass(frozen=True)
class Result:
    """Latencies and errors of a measurement.

    Attributes:
        latencies: Seconds from when each request was due to its answer.
        errors: Numbers of failures by name of the status.
        seconds: Time from the first request to the last answer.
    """

    latencies: Sequence[float]
    errors: dict[str, int]
    seconds: float

    @property
    def throughput(self) -> float:
        """Number of answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Returns a percentile of the latencies, in seconds.

        >>> Result([0.1, 0.2, 0.3], {}, 1.0).percentile(50)
        0.2
        """
        if not self.latencies:
            return float("nan")
        return float(np.percentile(self.latencies, percent))


class _Times:
    """Collects latencies and errors from several threads."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.errors: dict[str, int] = {}
        self._lock = threading.Lock()
        self._begin = time.perf_counter()

    def ask(
        self,
        call: Callable[[int], object],
        index: int,
        due: float | None = None,
    ) -> None:
        begin = time.perf_counter() if due is None else due
        try:
            call(index)
        except ServingError as error:
            with self._lock:
                self.errors[error.code] = self.errors.get(error.code, 0) + 1
        else:
            with self._lock:
                self.latencies.append(time.perf_counter() - begin)

    def result(self) -> Result:
        seconds = time.perf_counter() - self._begin
        return Result(self.latencies, self.errors, seconds)


def closed_loop(
    call: Callable[[int], object], clients: int, seconds: float
) -> Result:
    """Runs clients that send one request after the other, at least one.

    Args:
        call: Function that sends a request, given its number; raises
            `ServingError`.
        clients: Number of clients.
        seconds: Time after which no client sends another request.
    """
    times, numbers = _Times(), itertools.count()
    end = time.perf_counter() + seconds

    def client() -> None:
        while True:
            times.ask(call, next(numbers))
            if time.perf_counter() > end:
                return

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times.result()


def open_loop(
    call: Callable[[int], object], rate: float, seconds: float, most: int = 256
) -> Result:
    """Sends requests at a rate, at random times as independent users do.

    Args:
        call: Function that sends a request, given its number; raises
            `ServingError`.
        rate: Average number of requests per second.
        seconds: Time during which requests are sent.
        most: Largest number of requests at a time; others wait, and their
            latencies count from when they were due.
    """
    gaps = np.random.default_rng(0).exponential(
        1 / rate, max(1, round(rate * seconds))
    )
    times, begin = _Times(), time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(most) as pool:
        for index, due in enumerate(begin + np.cumsum(gaps)):
            time.sleep(max(0, due - time.perf_counter()))
            pool.submit(times.ask, call, index, due)
    return times.result()
