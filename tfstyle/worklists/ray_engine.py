"""Paints shards with Ray: one actor for each worker, each with one model.

Ray starts the processes and tells when one is lost. What is done then is
decided here, because a work list of millions needs more than to be tried
again:

* a task whose worker was lost goes to another; what was painted is found;
* after two losses its rows go out one by one, so that a picture which kills
  its worker ends alone in the list of failures;
* a worker that fails again and again without a picture, or cannot load the
  model, is not started any more; the run ends when none is left;
* rows that fail without a picture between them are tried by another worker,
  which may have the rights or the mount that the first one lacks.
"""

import time
from collections.abc import Callable, Iterable, Iterator

import ray
from ray.exceptions import RayError, RayTaskError

from tfstyle.worklists import manifests, painting
from tfstyle.worklists.manifests import Entry
from tfstyle.worklists.painting import Loader
from tfstyle.worklists.ray_worker import Worker, versions
from tfstyle.worklists.rows import Shard
from tfstyle.worklists.slots import Slot
from tfstyle.worklists.storage import Store
from tfstyle.worklists.tasks import Queue, Task

_TRIES = 2  # Of a shard, then of each of its rows.
_BEAT = 0.5  # Seconds between looks at `stop`.
_PATIENCE = 600.0  # Seconds without any worker, until the run ends.


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
        self._store, self._gpus, self._note = store, gpus, note
        self._slots = [Slot() for _ in range(workers)]
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
        self._queue = Queue(shards)
        for slot in self._slots:
            self._start(slot)
        try:
            while not stop():
                self._hand_out()
                if not self._queue and not any(s.task for s in self._slots):
                    return
                yield from self._listen()
                self._check()
        finally:
            self._end()

    def _end(self) -> None:
        ends = [s.actor.end.remote() for s in self._slots if s.waiting is None]
        if ends:
            ray.wait(ends, num_returns=len(ends), timeout=_BEAT)
        for slot in self._slots:
            ray.kill(slot.actor)

    def _start(self, slot: Slot) -> None:
        worker = ray.remote(Worker).options(num_cpus=1, num_gpus=self._gpus)
        slot.actor = worker.remote(*self._arguments)
        slot.started = time.monotonic()
        slot.waiting = slot.actor.load.remote(versions())

    def _hand_out(self) -> None:
        """Gives tasks to the workers that have nothing to do."""
        alive = {slot for slot in self._slots if slot.is_alive()}
        for slot in self._slots:
            if slot.waiting is not None:
                continue
            # One that is doubted would fail the list faster than others paint.
            task = self._queue.take(slot, alive, new=not slot.doubts)
            if task is None:
                continue
            slot.task, slot.held = task, []
            paint = slot.actor.paint.options(num_returns="streaming")
            slot.waiting = paint.remote(task.shard, task.is_part)

    def _listen(self) -> Iterator[Entry]:
        """Waits for what workers tell, and yields entries."""
        waiting = [slot for slot in self._slots if slot.waiting is not None]
        ready, _ = ray.wait([s.waiting for s in waiting], timeout=_BEAT)
        for slot in waiting:
            if slot.waiting in ready:
                yield from self._hear(slot)

    def _hear(self, slot: Slot) -> Iterator[Entry]:
        """Takes what a worker has ready: entries, the end, or an error."""
        try:
            if slot.task is None:
                ray.get(slot.waiting)
                slot.waiting = None
            else:
                entries = ray.get(next(slot.waiting))
                certain = [entry for entry in entries if slot.hear(entry)]
                yield from slot.task.whole.settle(certain)
        except StopIteration:
            yield from self._ended(slot)
        except RayTaskError as error:
            self._error = error.cause
            if slot.task is None:  # It would fail the next time, too.
                self._give_up(slot)
            else:
                slot.faults += 1
                yield from self._lost(slot)
        except RayError as error:
            # The last line says what could not be imported; others are Ray's.
            detail = "" if slot.task else str(error).splitlines()[-1]
            self._error = ConnectionError(
                f"The process of a worker was lost. {detail}".strip()
            )
            if slot.task and len(slot.task.rows) == 1:
                # The row is to blame, and for the losses of its shard, too.
                slot.deaths, slot.faults = slot.deaths + 1, 0
            else:
                slot.faults += 1
            yield from self._lost(slot)

    def _ended(self, slot: Slot) -> Iterator[Entry]:
        """Takes the failures of a task, or has another worker try them."""
        task = slot.drop()
        slot.waiting = None
        if task.doubted is not None:
            self._checked(task, slot.held)
        elif slot.is_doubtful(task) and self._others(slot):
            slot.doubts += 1
            self._queue.put(task.doubts(slot, slot.held))
            return
        yield from self._settle(task, slot.held)

    def _others(self, slot: Slot) -> bool:
        return any(s.is_alive() for s in self._slots if s is not slot)

    def _checked(self, task: Task, failures: list[Entry]) -> None:
        """Blames a worker for failures that another one did not have."""
        slot = task.doubted
        slot.doubts -= 1
        if len(failures) == len(task.rows):
            slot.failed = 0
            return
        slot.faults += 1
        if slot not in self._slots or not slot.is_worn_out():
            return
        self._error = OSError(
            "Photographs that it cannot read are read by another."
        )
        if slot.task is not None:
            self._queue.put(slot.drop())
        self._give_up(slot)

    def _settle(self, task: Task, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yields what is certain; after the last, writes the manifest."""
        yield from task.whole.settle(entries)
        if (whole := task.whole.manifest()) is not None:
            manifests.write(self._store, task.whole.shard, whole)

    def _lost(self, slot: Slot) -> Iterator[Entry]:
        """Replaces a worker; its task goes to another."""
        task, slot.task = slot.task, None
        ray.kill(slot.actor)
        if slot.is_worn_out():
            self._give_up(slot)
        else:
            self._start(slot)
        if task is not None:
            task.losses += 1
            task.avoided.add(slot)
            yield from self._retry(task)

    def _retry(self, task: Task) -> Iterator[Entry]:
        if task.losses < _TRIES:
            self._queue.put(task)
            return
        if task.doubted is not None:
            task.doubted.doubts -= 1
        if len(task.rows) > 1 or task.doubted is not None:
            for part in task.alone():
                self._queue.put(part)
            yield from self._settle(task, ())  # If all was told before.
        elif self._slots:
            failed = [painting.failure(row, self._error) for row in task.rows]
            yield from self._settle(task, failed)

    def _give_up(self, slot: Slot) -> None:
        ray.kill(slot.actor)
        slot.waiting = None
        self._slots.remove(slot)
        if self._slots:  # Else the run ends with this error.
            self._note(f"A worker is given up: {painting.reason(self._error)}")

    def _check(self) -> None:
        """Raises an error if no worker is left or can be started."""
        if not self._slots:
            raise self._error
        if any(s.waiting is None or s.task for s in self._slots):
            self._active = time.monotonic()
        if time.monotonic() - self._active > _PATIENCE:
            raise TimeoutError(
                f"No worker could be started for {_PATIENCE / 60:.0f} minutes. "
                "The cluster has no free processor or GPU for it."
            )
