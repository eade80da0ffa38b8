"""A bounded queue of requests.

A few requests run at a time, because each of them uses all cores; some more
wait; the others are refused at once. So an overloaded server keeps its
throughput, with acceptable latencies.
"""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable
from typing import Any

from serving.server.errors import StatusError


class Scheduler:
    """Runs functions in threads, for use in one event loop.

    Args:
        running: Largest number of functions at a time.
        queued: Largest number of waiting functions.
    """

    def __init__(self, running: int, queued: int):
        self._slots = asyncio.Semaphore(running)
        self._queued = queued
        self._threads = concurrent.futures.ThreadPoolExecutor(
            running, thread_name_prefix="predict"
        )
        self._busy: set[asyncio.Future] = set()
        self.waiting = 0

    async def run(
        self, function: Callable[[float | None], Any], timeout: float | None
    ) -> Any:
        """Runs a function when a thread is free.

        Cancelling takes it out of the queue; a function that has started
        continues, and keeps its thread until it ends.

        Args:
            function: Function of the time left, in seconds or `None`.
            timeout: Time limit in seconds, or `None`.

        Returns:
            The result of the function.

        Raises:
            StatusError: RESOURCE_EXHAUSTED if the queue is full,
                DEADLINE_EXCEEDED if the time ran out in the queue.
        """
        end = None if timeout is None else time.monotonic() + timeout
        await self._slot(timeout)
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, _call, function, end
        )
        self._busy.add(future)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    async def drain(self) -> None:
        """Waits for the running functions."""
        while self._busy:
            await asyncio.wait(self._busy)

    async def _slot(self, timeout: float | None) -> None:
        if self._slots.locked() and self.waiting >= self._queued:
            raise StatusError(
                "RESOURCE_EXHAUSTED",
                f"{self.waiting} requests are waiting; try later.",
            )
        self.waiting += 1
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise StatusError(
                "DEADLINE_EXCEEDED", "The time ran out in the queue."
            ) from None
        finally:
            self.waiting -= 1

    def _done(self, future: asyncio.Future) -> None:
        self._busy.discard(future)
        self._slots.release()
        if not future.cancelled():
            future.exception()  # Marks it as seen if the request was cancelled.


def _call(function: Callable[[float | None], Any], end: float | None) -> Any:
    left = None if end is None else end - time.monotonic()
    if left is not None and left <= 0:
        raise StatusError("DEADLINE_EXCEEDED", "The time ran out.")
    return function(left)
