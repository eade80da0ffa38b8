"""Slots of a fleet: what is known of a worker and of its failures."""

import dataclasses
import time
from typing import Any

from tfstyle.worklists.manifests import FAILED, PAINTED, Entry
from tfstyle.worklists.tasks import Task

_FAULTS = 5  # In a row: more than the tries of one shard.
_DEATHS = 50  # In a row, by rows that were alone.
_FAILED = 8  # Failures in a row that another worker has to confirm.
_LOADING = 20.0  # Seconds that others wait for a worker that is starting.


@dataclasses.dataclass(eq=False)
class Slot:
    """Place of a worker, and of those that replace it.

    Attributes:
        actor: The worker.
        started: When it was started.
        waiting: What it has promised: to have loaded, or entries; `None` if
            it has nothing to do.
        task: What it paints.
        held: Failures of that task, which count when it has ended.
        failed: Failures since its last picture.
        faults: How often it, not a picture, was to blame since its last one.
        deaths: How often a row alone killed it since then.
        doubts: Tasks of its failures that others try.
    """

    actor: Any = None
    started: float = 0.0
    waiting: Any = None
    task: Task | None = None
    held: list[Entry] = dataclasses.field(default_factory=list)
    failed: int = 0
    faults: int = 0
    deaths: int = 0
    doubts: int = 0

    def is_alive(self) -> bool:
        """Whether it could do a task soon: not if there is no room for it."""
        loading = self.waiting is not None and self.task is None
        return not loading or time.monotonic() - self.started < _LOADING

    def hear(self, entry: Entry) -> bool:
        """Counts an entry; whether it is certain, not to be held."""
        if entry.status == FAILED:
            self.failed += 1
            self.held.append(entry)
            return False
        self.failed = 0
        if entry.status == PAINTED:
            self.faults = self.deaths = 0
        return True

    def is_doubtful(self, task: Task) -> bool:
        """Whether its failures may be its own: all, or many at last."""
        return bool(self.held) and self.failed >= min(_FAILED, len(task.rows))

    def is_worn_out(self) -> bool:
        """Whether it failed too often to be started again."""
        return self.faults >= _FAULTS or self.deaths >= _DEATHS

    def drop(self) -> Task:
        """Returns its task, which it has no more then."""
        task, self.task = self.task, None
        if task is None:
            raise ValueError("The worker has no task.")
        return task
