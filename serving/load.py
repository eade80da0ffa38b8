"""Load for a server: requests made at a time or at a rate, and their times.

A closed loop has a number of clients, each of which asks again when it has its
answer: it shows what the server can do. An open loop asks at a rate, whether
there are answers or not, as the world does: it shows what happens when that is
too much.
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
    """What came of a load.

    Attributes:
        latencies: Seconds of each answer, from when it was due.
        errors: Names of statuses, and how often.
        seconds: From the first request to the last answer.
    """

    latencies: Sequence[float]
    errors: dict[str, int]
    seconds: float

    @property
    def throughput(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Seconds within which `percent` of the answers came.

        >>> Result([0.1, 0.2, 0.3], {}, 1.0).percentile(50)
        0.2
        """
        if not self.latencies:
            return float("nan")
        return float(np.percentile(self.latencies, percent))


class _Times:
    """Collects from several threads."""

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
    """Clients that ask one request after the other, one at least.

    Args:
        call: Makes a request, given its number; raises `ServingError`.
        clients: Number of them.
        seconds: After which none begins a new request.
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
    """Requests at a rate, at random times as from many people.

    Args:
        call: Makes a request, given its number; raises `ServingError`.
        rate: Requests per second, on average.
        seconds: For which they are made.
        most: Requests under way at most; later ones wait, and their times
            count from when they were due.
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
