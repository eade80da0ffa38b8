"""Many images, one after the other: reading, computing, writing overlap."""

import concurrent.futures
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Job = TypeVar("Job")
Given = TypeVar("Given")
Made = TypeVar("Made")

_AHEAD = 2  # Images that are read before they are needed; so many wait, too.


def process(
    jobs: Iterable[Job],
    read: Callable[[Job], Given],
    make: Callable[[Job, Given], Made],
    write: Callable[[Job, Made], None],
) -> Iterator[tuple[Job, Exception | None]]:
    """Reads, makes and writes; each job's outcome, in order.

    `make` is called in the caller's thread, the other two in threads of their
    own, for a few jobs at a time: memory does not grow with their number.

    Args:
        jobs: What is to be done.
        read: Gives what a job needs; raises `OSError` or `ValueError` where
            that cannot be read.
        make: Gives what is written; raises `ValueError` for what it cannot
            take.
        write: Writes it.

    Yields:
        A job that is done, and what `read` or `make` raised, if they did.
        What `write` raises ends the work, for it would meet the next job, too.
    """
    rest = iter(jobs)
    with (
        concurrent.futures.ThreadPoolExecutor(_AHEAD) as readers,
        concurrent.futures.ThreadPoolExecutor(1) as writer,
    ):
        reading = [
            (job, readers.submit(read, job))
            for job in itertools.islice(rest, _AHEAD)
        ]
        writing: list[tuple[Job, concurrent.futures.Future]] = []
        while reading:
            job, given = reading.pop(0)
            reading += [
                (following, readers.submit(read, following))
                for following in itertools.islice(rest, 1)
            ]
            try:
                made = make(job, given.result())
            except (OSError, ValueError) as error:
                yield from _written(writing, 0)
                yield job, error
                continue
            writing.append((job, writer.submit(write, job, made)))
            yield from _written(writing, _AHEAD)
        yield from _written(writing, 0)


def _written(
    writing: list[tuple[Job, concurrent.futures.Future]], left: int
) -> Iterator[tuple[Job, None]]:
    """Waits until at most `left` jobs are being written."""
    while len(writing) > left:
        job, future = writing.pop(0)
        future.result()
        yield job, None
