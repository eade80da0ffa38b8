"""Manifests: a line of JSON for each picture, in a file for each shard."""

import collections
import dataclasses
import json
from collections.abc import Iterable

from tfstyle.worklists.rows import Shard
from tfstyle.worklists.storage import Store

PAINTED, THERE, FAILED = "painted", "there", "failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one row.

    Attributes:
        content: Path or address of the photograph.
        output: Name of the picture.
        status: `"painted"`; `"there"` if an equal picture existed; or
            `"failed"`.
        reason: Why it failed, in one line; empty if it did not.
        recipe: Hash of settings, styles and model.
        content_sha256: Hash of the photograph.
        output_sha256: Hash of the picture.
        width: Width of the picture, in pixels.
        height: Height of the picture, in pixels.
        size: Size of the picture, in bytes.
        seconds: Time that reading, painting and writing took.
        ended: When it ended, UTC, as `2026-01-31T12:00:00+00:00`.
        worker: Host and number of the process.
    """

    content: str
    output: str
    status: str
    reason: str = ""
    recipe: str = ""
    content_sha256: str = ""
    output_sha256: str = ""
    width: int = 0
    height: int = 0
    size: int = 0
    seconds: float = 0.0
    ended: str = ""
    worker: str = ""


def read(store: Store, shard: Shard) -> dict[str, Entry]:
    """Returns the entries of a shard by output.

    Empty if there is no manifest, or it is damaged or of another version:
    pictures are found by the records inside them, too.
    """
    try:
        lines = store.read_text(_name(shard)).splitlines()
        entries = [Entry(**json.loads(line)) for line in lines]
        return {entry.output: entry for entry in entries}
    except (FileNotFoundError, TypeError, ValueError):
        return {}


def write(store: Store, shard: Shard, entries: Iterable[Entry]) -> None:
    """Writes the manifest of a shard, a line for each of its rows."""
    store.write_text(_name(shard), lines(entries))


def lines(entries: Iterable[Entry]) -> str:
    """Returns entries as lines of JSON."""
    return "".join(f"{json.dumps(vars(entry))}\n" for entry in entries)


def _name(shard: Shard) -> str:
    return f"_manifest/shards/{shard.key[:2]}/{shard.key}.jsonl"


class Tally:
    """Counts entries."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._bytes = 0
        self._seconds = 0.0

    def add(self, entry: Entry) -> None:
        """Counts an entry."""
        self._counts[entry.status] += 1
        if entry.status == PAINTED:
            self._bytes += entry.size
            self._seconds += entry.seconds

    def __str__(self) -> str:
        named = {PAINTED: "painted", THERE: "were there", FAILED: "failed"}
        return ", ".join(
            f"{self[status]} {words}"
            for status, words in named.items()
            if self[status] or status == PAINTED
        )

    def __getitem__(self, status: str) -> int:
        """Number of entries with a status."""
        return self._counts[status]

    def summary(self, seconds: float) -> dict[str, float]:
        """Returns the counts, and what the painted ones took.

        Args:
            seconds: Duration of the run.
        """
        painted = self[PAINTED]
        return {
            **{status: self[status] for status in (PAINTED, THERE, FAILED)},
            "seconds": round(seconds, 1),
            "pictures_per_second": round(painted / max(seconds, 1e-9), 3),
            "bytes": self._bytes,
            "worker_seconds": round(self._seconds, 1),
        }
