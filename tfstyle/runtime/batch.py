"""Processes many images; reading, computing and writing overlap."""

import concurrent.futures
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tfstyle.runtime import memory

Item = TypeVar("Item")
Data = TypeVar("Data")
Result = TypeVar("Result")
Done = TypeVar("Done")

# Errors of one item, which do not concern the others.
_OF_ONE = (OSError, ValueError, FloatingPointError)
_AHEAD = 2  # Images read before they are needed; as many wait to be written.


def process(
    items: Iterable[Item],
    read: Callable[[Item], Data],
    make: Callable[[Item, Data], Result],
    write: Callable[[Item, Result], Done],
) -> Iterator[tuple[Item, Done | None, Exception | None]]:
    """Reads, computes and writes each item; yields the outcomes in order.

    `make` is called in the caller's thread, the other two in threads of their
    own, for a few items at a time: memory does not grow with their number.

    Args:
        items: Items to process, such as pairs of paths.
        read: Function that returns the data of an item; raises `OSError` or
            `ValueError` if they cannot be read.
        make: Function that returns the result; raises `ValueError`,
            `FloatingPointError` or one of `memory.shortages` for data that it
            cannot take.
        write: Function that writes the result, and returns what is told of
            it.

    Yields:
        Each finished item with what `write` returned, or `None`, and the error
        that `read` or `make` raised, or `None`. An error of `write` is raised:
        the next item would meet it, too.
    """
    rest = iter(items)
    with (
        concurrent.futures.ThreadPoolExecutor(_AHEAD) as readers,
        concurrent.futures.ThreadPoolExecutor(1) as writer,
    ):
        reading = [
            (item, readers.submit(read, item))
            for item in itertools.islice(rest, _AHEAD)
        ]
        writing: list[tuple[Item, concurrent.futures.Future]] = []
        while reading:
            item, data = reading.pop(0)
            reading += [
                (following, readers.submit(read, following))
                for following in itertools.islice(rest, 1)
            ]
            try:
                result = make(item, data.result())
            except _OF_ONE + memory.shortages() as error:
                yield from _written(writing, 0)
                yield item, None, error
                continue
            writing.append((item, writer.submit(write, item, result)))
            yield from _written(writing, _AHEAD)
        yield from _written(writing, 0)


def _written(
    writing: list[tuple[Item, concurrent.futures.Future]], left: int
) -> Iterator[tuple[Item, Any, None]]:
    """Waits until at most `left` items are being written."""
    while len(writing) > left:
        item, future = writing.pop(0)
        yield item, future.result(), None
