"""The worker of a fleet: an actor of Ray with a model of its own."""

import os
import socket
import time
from collections.abc import Iterator

from tfstyle.images import provenance
from tfstyle.version import __version__
from tfstyle.worklists import painting, storage
from tfstyle.worklists.manifests import Entry
from tfstyle.worklists.painting import Loader
from tfstyle.worklists.ray_cluster import THREADS
from tfstyle.worklists.rows import Shard
from tfstyle.worklists.storage import Store

_BEAT = 0.5  # Seconds between messages.


class Worker:
    """The actor: loads a painter, and paints shards with it."""

    def __init__(
        self, loader: Loader, store: Store, resume: bool, gpus: float
    ) -> None:
        self._loader, self._store = loader, store
        self._resume, self._gpus = resume, gpus

    def load(self, expected: dict[str, str]) -> str:
        """Loads the model; returns the name of the host.

        Raises:
            ValueError: The versions of the driver are others, or the model is
                wrong.
        """
        own, host = versions(), socket.gethostname()
        if own != expected:
            names = [n for n in expected if own.get(n) != expected[n]]
            raise ValueError(
                f"The worker on {host} has other versions: "
                f"{', '.join(f'{n} {own.get(n)}' for n in names)}. Expected: "
                f"{', '.join(f'{n} {expected[n]}' for n in names)}."
            )
        if not self._gpus:
            os.environ.update(THREADS)  # Before TensorFlow is imported.
        self._painter = self._loader.load(self._store.fetch)
        return host

    def paint(self, shard: Shard, is_part: bool) -> Iterator[list[Entry]]:
        """Yields the entries of `painting.paint_shard`, some at a time.

        Each message takes the driver some milliseconds, from the processors
        that paint if it shares them.

        Args:
            shard: Rows to paint.
            is_part: Whether they get no manifest of their own.
        """
        arguments = self._painter, self._store, self._resume
        if is_part:
            entries = painting.paint(shard.rows, *arguments)
        else:
            entries = painting.paint_shard(shard, *arguments)
        held, told = [], time.monotonic()
        for entry in entries:
            held.append(entry)
            if time.monotonic() - told > _BEAT:
                yield held
                held, told = [], time.monotonic()
        yield held

    def end(self) -> None:
        """Removes the copies of remote files, for Ray kills the process."""
        storage.discard_all()


def versions() -> dict[str, str]:
    """Versions that all workers must have, by name."""
    return {"tfstyle": __version__, **provenance.versions()}
