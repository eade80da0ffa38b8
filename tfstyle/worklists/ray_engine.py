"""Paints shards with Ray: one actor for each worker, each with one model.

Ray starts the processes and tells when one is lost. What is done then is
decided here, because a work list of millions needs more than to be tried
again:

* a shard whose worker was lost goes to another; what was painted is found;
* after two losses its rows go out one by one, so that a picture which kills
  its worker ends alone in the list of failures;
* a worker that fails again and again without a picture, or cannot load the
  model, is not started any more; the run ends when none is left.
"""

import collections
import dataclasses
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from tfstyle.images import provenance
from tfstyle.version import __version__
from tfstyle.worklists import painting
from tfstyle.worklists.manifests import PAINTED, Entry
from tfstyle.worklists.painting import Loader
from tfstyle.worklists.ray_cluster import THREADS
from tfstyle.worklists.rows import Shard
from tfstyle.worklists.storage import Store

_TRIES = 2  # Of a shard, then of each of its rows.
_FAULTS = 5  # Of a worker in a row: more than the tries of one shard.
_BEAT = 0.5  # Seconds between messages, and between looks at `stop`.
_PATIENCE = 600.0  # Seconds without any worker, until the run ends.


class Worker:
    """The actor: loads a painter, and paints shards with it."""

    def __init__(
        self, loader: Loader, store: Store, resume: bool, gpus: float
    ) -> None:
        self._loader, self._store = loader, store
        self._resume, self._gpus = resume, gpus

    def load(self, versions: dict[str, str]) -> str:
        """Loads the model; returns the name of the host.

        Raises:
            ValueError: The versions of the driver are others, or the model is
                wrong.
        """
        own, host = _versions(), socket.gethostname()
        if own != versions:
            names = [n for n in versions if own.get(n) != versions[n]]
            raise ValueError(
                f"The worker on {host} has other versions: "
                f"{', '.join(f'{n} {own.get(n)}' for n in names)}. Expected: "
                f"{', '.join(f'{n} {versions[n]}' for n in names)}."
            )
        if not self._gpus:
            os.environ.update(THREADS)  # Before TensorFlow is imported.
        self._painter = self._loader.load(self._store.fetch)
        return host

    def paint(self, shard: Shard) -> Iterator[list[Entry]]:
        """Yields the entries of `painting.paint_shard`, some at a time.

        Each message takes the driver some milliseconds, from the processors
        that paint if it shares them.
        """
        held, told = [], time.monotonic()
        for entry in painting.paint_shard(
            shard, self._painter, self._store, self._resume
        ):
            held.append(entry)
            if time.monotonic() - told > _BEAT:
                yield held
                held, told = [], time.monotonic()
        yield held


def _versions() -> dict[str, str]:
    return {"tfstyle": __version__, **provenance.versions()}


@dataclasses.dataclass(eq=False)
class _Slot:
    """Place of a worker, and of those that replace it.

    Attributes:
        actor: The worker.
        waiting: What it has promised: to have loaded, or entries; `None` if
            it has nothing to do.
        shard: Shard that it paints.
        told: Outputs of the entries of that shard so far.
        faults: How often it failed since its last picture.
    """

    actor: Any = None
    waiting: Any = None
    shard: Shard | None = None
    told: set[str] = dataclasses.field(default_factory=set)
    faults: int = 0


class Fleet:
    """Paints shards with workers of a cluster that Ray is connected to.

    Args:
        loader: Loads the painter of each worker.
        store: Where the pictures go.
        workers: Number of workers.
        gpus: GPUs of each worker; may be a fraction.
        resume: Whether pictures that are there stay as they are.
        note: Function that is told, in one line, of workers that are given up.
    """

    def __init__(
        self,
        loader: Loader,
        store: Store,
        workers: int,
        gpus: float = 0.0,
        resume: bool = True,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._arguments = loader, store, resume, gpus
        self._gpus, self._note = gpus, note
        self._slots = [_Slot() for _ in range(workers)]
        self._again: collections.deque[Shard] = collections.deque()
        self._more = True  # Whether the list may have further shards.
        self._tries: collections.Counter[str] = collections.Counter()
        self._told: dict[str, set[str]] = {}
        self._error: Exception = RuntimeError("no workers")
        self._active = time.monotonic()

    def paint(
        self, shards: Iterator[Shard], stop: Callable[[], bool]
    ) -> Iterator[Entry]:
        """Yields an entry for each row, in any order.

        Args:
            shards: Shards; taken as workers become free.
            stop: Asked twice a second; a true result ends the run. Pictures
                in progress are given up.

        Raises:
            ValueError: No worker is left, because none could load the model.
            OSError: No worker is left, or none can be started.
        """
        for slot in self._slots:
            self._start(slot)
        try:
            while not stop():
                self._hand_out(shards)
                if not self._busy() and not (self._more or self._again):
                    return
                yield from self._listen()
                self._check()
        finally:
            for slot in self._slots:
                ray.kill(slot.actor)

    def _start(self, slot: _Slot) -> None:
        worker = ray.remote(Worker).options(num_cpus=1, num_gpus=self._gpus)
        slot.actor = worker.remote(*self._arguments)
        slot.waiting = slot.actor.load.remote(_versions())

    def _busy(self) -> bool:
        return any(slot.shard for slot in self._slots)

    def _hand_out(self, shards: Iterator[Shard]) -> None:
        """Gives shards to the workers that have nothing to do."""
        for slot in self._slots:
            if slot.waiting is not None:
                continue
            shard = self._again.popleft() if self._again else next(shards, None)
            if shard is None:
                self._more = False
                return
            slot.shard, slot.told = shard, set()
            paint = slot.actor.paint.options(num_returns="streaming")
            slot.waiting = paint.remote(shard)

    def _listen(self) -> Iterator[Entry]:
        """Waits for what workers tell, and yields entries."""
        waiting = [slot for slot in self._slots if slot.waiting is not None]
        ready, _ = ray.wait([s.waiting for s in waiting], timeout=_BEAT)
        for slot in waiting:
            if slot.waiting in ready:
                yield from self._hear(slot)

    def _hear(self, slot: _Slot) -> Iterator[Entry]:
        """Takes what a worker has ready: an entry, the end, or an error."""
        try:
            if slot.shard is None:
                ray.get(slot.waiting)
                slot.waiting = None
            else:
                entries = ray.get(next(slot.waiting))
                yield from self._new(slot, slot.shard, entries)
        except StopIteration:
            slot.shard = slot.waiting = None
        except RayTaskError as error:
            self._error = error.cause
            if slot.shard is None:  # It would fail the next time, too.
                self._give_up(slot)
            else:
                yield from self._failed(slot)
        except RayError as error:
            # The last line says what could not be imported; others are Ray's.
            detail = "" if slot.shard else str(error).splitlines()[-1]
            self._error = ConnectionError(
                f"The process of a worker was lost. {detail}".strip()
            )
            yield from self._failed(slot)

    def _new(
        self, slot: _Slot, shard: Shard, entries: list[Entry]
    ) -> Iterator[Entry]:
        """Yields entries, but for those told before a worker was lost."""
        before = self._told.get(shard.key, ())
        for entry in entries:
            slot.told.add(entry.output)
            if entry.status == PAINTED:
                slot.faults = 0
            if entry.output not in before:
                yield entry

    def _failed(self, slot: _Slot) -> Iterator[Entry]:
        """Replaces a worker; its shard goes to another."""
        shard, slot.shard = slot.shard, None
        ray.kill(slot.actor)
        slot.faults += 1
        if slot.faults < _FAULTS:
            self._start(slot)
        else:
            self._give_up(slot)
        if shard is not None:
            self._told.setdefault(shard.key, set()).update(slot.told)
            yield from self._retry(shard)

    def _retry(self, shard: Shard) -> Iterator[Entry]:
        self._tries[shard.key] += 1
        if self._tries[shard.key] < _TRIES:
            self._again.appendleft(shard)
            return
        told = self._told.pop(shard.key)
        rest = [row for row in shard.rows if row.output not in told]
        if len(shard.rows) == 1:
            yield from (painting.failure(row, self._error) for row in rest)
            return
        # The first may be the cause: it comes last.
        alone = [*rest[1:], *rest[:1]]
        self._again.extend(Shard((row,)) for row in alone)

    def _give_up(self, slot: _Slot) -> None:
        ray.kill(slot.actor)
        self._slots.remove(slot)
        if self._slots:  # Else the run ends with this error.
            self._note(f"A worker is given up: {painting.reason(self._error)}")

    def _check(self) -> None:
        """Raises an error if no worker is left or can be started."""
        if not self._slots:
            raise self._error
        if any(s.waiting is None or s.shard for s in self._slots):
            self._active = time.monotonic()
        if time.monotonic() - self._active > _PATIENCE:
            raise TimeoutError(
                f"No worker could be started for {_PATIENCE / 60:.0f} minutes. "
                "The cluster has no free processor or GPU for it."
            )
