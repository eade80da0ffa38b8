"""Tasks of a fleet: shards, and parts of them that are tried again.

A task that a worker lost, or failed as a whole, goes to another one as long as
another one lives: a machine with a full disk or without a mount must not
decide what becomes of a row.
"""

import collections
import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from tfstyle.worklists.manifests import Entry
from tfstyle.worklists.rows import Row, Shard


@dataclasses.dataclass(eq=False)
class Whole:
    """A shard of the list, and what is certain of its rows.

    Attributes:
        shard: The shard.
        entries: Entries that were told, by output.
        parted: Whether rows were tried apart, so that no worker has all
            entries for the manifest.
    """

    shard: Shard
    entries: dict[str, Entry] = dataclasses.field(default_factory=dict)
    parted: bool = False

    def settle(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Keeps and yields the entries of rows that have none yet."""
        for entry in entries:
            if entry.output not in self.entries:
                self.entries[entry.output] = entry
                yield entry

    def manifest(self) -> list[Entry] | None:
        """Entries of a parted shard in the order of its rows.

        Returns:
            `None` before the last one, and if a worker has all of them.
        """
        if not self.parted or len(self.entries) < len(self.shard.rows):
            return None
        return [self.entries[row.output] for row in self.shard.rows]


@dataclasses.dataclass(eq=False)
class Task:
    """Rows that a worker is given at a time.

    Attributes:
        rows: The rows.
        whole: Shard that they belong to.
        avoided: Workers that failed it; others come first.
        losses: How often it was lost.
        doubted: Worker whose failures are tried again, or `None`.
    """

    rows: tuple[Row, ...]
    whole: Whole
    avoided: set[Any] = dataclasses.field(default_factory=set)
    losses: int = 0
    doubted: Any = None

    @property
    def shard(self) -> Shard:
        """The rows as a shard."""
        return Shard(self.rows)

    @property
    def is_part(self) -> bool:
        """Whether these are not all rows of the shard."""
        return len(self.rows) < len(self.whole.shard.rows)

    def alone(self) -> list["Task"]:
        """Tasks of a row each, for the rows without an entry.

        The first of them, at which a worker was lost, comes last.
        """
        self.whole.parted = True
        told = self.whole.entries
        rest = [row for row in self.rows if row.output not in told]
        return [Task((row,), self.whole) for row in [*rest[1:], *rest[:1]]]

    def doubts(self, worker: Any, failures: Collection[Entry]) -> "Task":
        """The rows that a worker failed, for another one."""
        self.whole.parted = True
        names = {entry.output for entry in failures}
        rows = tuple(row for row in self.rows if row.output in names)
        return Task(rows, self.whole, {worker}, doubted=worker)


class Queue:
    """Hands out the shards of a list, and first what is tried again.

    Args:
        shards: Shards of the list; taken as they are handed out.
    """

    def __init__(self, shards: Iterator[Shard]) -> None:
        self._shards, self._listed = shards, True
        self._again: collections.deque[Task] = collections.deque()

    def __bool__(self) -> bool:
        """Whether there may be further tasks."""
        return self._listed or bool(self._again)

    def put(self, task: Task) -> None:
        """Takes a task that is tried again."""
        self._again.append(task)

    def take(self, worker: Any, alive: set[Any], new: bool) -> Task | None:
        """Returns a task for a worker, or `None` if there is none for it now.

        Args:
            worker: The worker.
            alive: All workers that could do a task.
            new: Whether it may have a shard of the list, too.
        """
        for task in self._again:
            if worker not in task.avoided or not alive - task.avoided:
                self._again.remove(task)
                return task
        shard = next(self._shards, None) if new and self._listed else None
        if shard is not None:
            return Task(shard.rows, Whole(shard))
        self._listed = self._listed and not new
        return None
