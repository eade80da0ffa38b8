"""Reads ahead and writes behind, while the caller computes."""

import collections
import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

_END: Any = object()


def ahead(items: Iterable[Item], count: int = 2) -> Iterator[Item]:
    """Yields items that another thread makes, up to `count` of them early.

    Args:
        items: Items; the iterator is used by one thread only.
        count: Number of items that are made before they are asked for.

    Raises:
        Exception: Whatever the iterator raises, in its place.
    """
    rest = iter(items)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        waiting = collections.deque(
            thread.submit(next, rest, _END) for _ in range(count)
        )
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(thread.submit(next, rest, _END))
            yield item


class Behind(Generic[Item]):
    """Calls a function in another thread; a context manager.

    After an error the function is not called again; the error is raised by
    the next `put`, or when the block ends, however it does.

    Args:
        function: Function of one item.
        count: Number of items that may wait.
    """

    def __init__(
        self, function: Callable[[Item], object], count: int = 2
    ) -> None:
        self._function, self._count = function, count
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._waiting: collections.deque = collections.deque()
        self._failed = False

    def __enter__(self) -> "Behind[Item]":
        return self

    def __exit__(self, *unused: object) -> None:
        self._thread.shutdown()  # What was handed over is still written.
        self._wait(0)

    def put(self, item: Item) -> None:
        """Hands an item over; waits while `count` others do.

        Raises:
            Exception: Whatever the function raised for an earlier item.
        """
        self._wait(self._count)
        self._waiting.append(self._thread.submit(self._call, item))

    def _call(self, item: Item) -> None:
        if self._failed:
            return
        try:
            self._function(item)
        except BaseException:
            self._failed = True
            raise

    def _wait(self, left: int) -> None:
        while len(self._waiting) > left:
            self._waiting.popleft().result()
