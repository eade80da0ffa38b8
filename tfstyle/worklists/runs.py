"""A run over a work list: its checks, its estimate and its records."""

import contextlib
import dataclasses
import datetime
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator

from tfstyle.runtime import files
from tfstyle.worklists import listing, manifests, painting
from tfstyle.worklists.manifests import FAILED, PAINTED, Entry, Tally
from tfstyle.worklists.painting import Loader
from tfstyle.worklists.rows import Row, Shard, cut
from tfstyle.worklists.storage import Store, is_address, join, real
from tfstyle.worklists.survey import Outside, survey

_SAMPLED = 8  # Rows that an estimate paints after the first, which warms up.


@dataclasses.dataclass(frozen=True)
class Plan:
    """A list that was checked.

    Attributes:
        content: Folder, pattern or list.
        store: Where the pictures go.
        shard_size: Rows of a shard.
        count: Number of rows.
        sample: Some of the rows, at random.
    """

    content: str
    store: Store
    shard_size: int
    count: int
    sample: list[Row]

    def shards(self) -> Iterator[Shard]:
        """Yields the shards, reading the list as they are taken."""
        return cut(listing.rows(self.content), self.shard_size)


def prepare(
    content: str, output: str, shard_size: int, styles: Iterable[str] = ()
) -> Plan:
    """Checks a whole list; writes nothing.

    Args:
        content: Folder, pattern or list; see `listing`.
        output: Folder or address of the pictures.
        shard_size: Rows of a shard.
        styles: Style pictures of rows that name none.

    Raises:
        FileNotFoundError: There is no such list, folder or file.
        ValueError: The list cannot be painted; see `survey`.
    """
    root = output.rstrip("/") if is_address(output) else os.path.abspath(output)
    outer = listing.folder_of(content)
    if outer and join(real(root), "").startswith(join(real(outer), "")):
        raise ValueError(
            f"The output '{output}' is inside '{content}'. Give a folder "
            "beside it."
        )
    if os.path.isfile(root):
        raise NotADirectoryError(
            f"The output '{output}' is a file. Name a folder."
        )
    outside = Outside(root)
    for style in styles:
        outside.check("style", style)
    now = datetime.datetime.now(datetime.UTC)
    store = Store(root, f"{now:%Y%m%dT%H%M%S}-{os.getpid()}")
    rows = functools.partial(listing.rows, content)
    found = survey(rows, root, _SAMPLED + 1)
    return Plan(content, store, shard_size, found.count, found.sample)


@contextlib.contextmanager
def drafting(store: Store) -> Iterator[None]:
    """Checks that pictures can be written; removes drafts, also at the end.

    Raises:
        OSError: Nothing can be written to the output.
    """
    _check_writable(store)
    store.clear()
    try:
        yield
    finally:
        store.clear()


@contextlib.contextmanager
def recorded(plan: Plan, tally: Tally) -> Iterator[Callable[[Entry], None]]:
    """Keeps records of a run in `_manifest` of its output.

    `failures.jsonl` has the entries that failed, `summary.json` the counts;
    both are written at the end, however the run ends.

    Yields:
        Function to call with each entry.
    """
    store, began = plan.store, time.monotonic()
    failures = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115

    def record(entry: Entry) -> None:
        tally.add(entry)
        if entry.status == FAILED:
            failures.write(manifests.lines([entry]))

    with failures:
        try:
            yield record
        finally:
            failures.seek(0)
            store.write_text("_manifest/failures.jsonl", failures)
            summary = {
                "content": plan.content,
                "rows": plan.count,
                **tally.summary(time.monotonic() - began),
            }
            text = json.dumps(summary, indent=2)
            store.write_text("_manifest/summary.json", f"{text}\n")


def _check_writable(store: Store) -> None:
    if not is_address(store.root):
        os.makedirs(store.root, exist_ok=True)
        files.check_writable(os.path.join(store.root, "any.png"))
    store.write_text("_manifest/run.json", json.dumps({"run": store.run}))


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a run would take, by a few of its pictures.

    Attributes:
        seconds: Time of a picture that was painted, on one worker.
        size: Size of one, in bytes.
        share: Part of the rows that could be painted.
        failed: Entries of those that could not be painted.
    """

    seconds: float
    size: float
    share: float
    failed: list[Entry]


def estimate(plan: Plan, loader: Loader) -> Estimate:
    """Paints a sample of the list to a temporary folder.

    Raises:
        ValueError: None of them could be painted, or see `Loader.load`.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder, plan.store.run)
        painter = loader.load(store.fetch)
        first, *rest = plan.sample
        entries = [*painting.paint([first], painter, store)]
        began = time.monotonic()
        warm = [*painting.paint(rest, painter, store)]
        seconds = time.monotonic() - began
    entries += warm
    painted = [entry for entry in entries if entry.status == PAINTED]
    failed = [entry for entry in entries if entry.status == FAILED]
    if not painted:
        raise ValueError(
            f"None of {len(entries)} photographs could be painted: "
            f"{failed[0].reason}"
        )
    counted = sum(entry.status == PAINTED for entry in warm)
    return Estimate(
        seconds=seconds / counted if counted else painted[0].seconds,
        size=sum(entry.size for entry in painted) / len(painted),
        share=len(painted) / len(entries),
        failed=failed,
    )
