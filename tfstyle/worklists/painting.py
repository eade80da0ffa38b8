"""Paints rows and shards: what every engine of a fleet calls.

`paint` paints rows one after the other, each by its recipe, while the next are
read and the last are written. `paint_shard` does so for one shard and leaves a
manifest. Both may be repeated: what is there already is left as it is.
"""

import dataclasses
import datetime
import os
import pathlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from tfstyle.images import decoding, folders, provenance
from tfstyle.images.folders import Item
from tfstyle.runtime import batch
from tfstyle.worklists import manifests
from tfstyle.worklists.manifests import FAILED, PAINTED, THERE, Entry
from tfstyle.worklists.rows import Row, Shard
from tfstyle.worklists.storage import Place, Store


class Recipe(Protocol):
    """How pictures of the same styles and settings are painted."""

    @property
    def digest(self) -> str:
        """Hash of styles, settings and model."""

    def record(self, content: pathlib.Path) -> Mapping[str, Any]:
        """Returns the record of a photograph's picture; see `provenance`."""

    def read(self, item: Item) -> Any:
        """Reads a photograph; raises `OSError` or `ValueError`."""

    def paint(self, given: Any) -> np.ndarray:
        """Paints what `read` returned; raises `ValueError` or `MemoryError`."""

    def write(
        self,
        item: Item,
        given: Any,
        pixels: np.ndarray,
        record: Mapping[str, Any],
    ) -> None:
        """Writes a picture; raises `OSError`."""


Painter = Callable[[Row], Recipe]
"""Function that returns the recipe of a row."""


class Loader(Protocol):
    """A painter's settings: small enough to be sent to each worker."""

    def load(self, fetch: Callable[[str], pathlib.Path]) -> Painter:
        """Loads the model, once for each worker.

        Args:
            fetch: Function that returns a file with the content of an address.

        Raises:
            ValueError: There is no such model, or a setting is wrong.
            FileNotFoundError: A file is missing.
        """


class _Work(NamedTuple):
    """A photograph that was read."""

    item: Item
    recipe: Recipe
    record: Mapping[str, Any]
    given: Any
    seconds: float


class _Painted(NamedTuple):
    """Its picture, to be written."""

    work: _Work
    pixels: np.ndarray
    seconds: float


def paint(
    rows: Iterable[Row], painter: Painter, place: Place, resume: bool = True
) -> Iterator[Entry]:
    """Paints the rows whose pictures are not there; yields an entry for each.

    Args:
        rows: Rows to paint.
        painter: Function that returns the recipe of a row.
        place: Where photographs and pictures are.
        resume: Whether pictures with the same record are left as they are,
            and files without a record make their row fail; else all are
            replaced.

    Raises:
        OSError: A picture cannot be written, or a photograph not be reached.
    """
    desk = _Desk(painter, place, resume)
    done = batch.process(rows, desk.read, desk.paint, desk.write)
    for row, entry, error in done:
        yield entry or failure(row, error)


def paint_shard(
    shard: Shard, painter: Painter, store: Store, resume: bool = True
) -> Iterator[Entry]:
    """Paints a shard, then writes its manifest; see `paint`.

    Rows of an earlier manifest are trusted if their picture exists and was
    painted by the same recipe: neither it nor the photograph is read.
    """
    entries = _known(shard, painter, store) if resume else {}
    for entry in [*entries.values()]:
        yield dataclasses.replace(entry, status=THERE)
    rest = [row for row in shard.rows if row.output not in entries]
    for entry in paint(rest, painter, store, resume):
        entries[entry.output] = entry
        yield entry
    if rest:
        manifests.write(store, shard, [entries[r.output] for r in shard.rows])


def _known(shard: Shard, painter: Painter, store: Store) -> dict[str, Entry]:
    """Entries of an earlier manifest that still stand."""
    found = manifests.read(store, shard)
    rows = [row for row in shard.rows if _stands(row, found, painter)]
    exist = store.exist(row.output for row in rows)
    return {
        row.output: found[row.output]
        for row, there in zip(rows, exist, strict=True)
        if there
    }


def _stands(row: Row, found: Mapping[str, Entry], painter: Painter) -> bool:
    entry = found.get(row.output)
    if entry is None or entry.status == FAILED:
        return False
    try:
        return entry.recipe == painter(row).digest
    except (OSError, ValueError):
        return False  # `paint` says what is wrong.


def failure(row: Row, error: object) -> Entry:
    """Returns the entry of a row that failed.

    Args:
        row: The row.
        error: Why.
    """
    return Entry(
        content=row.content,
        output=row.output,
        status=FAILED,
        reason=reason(error),
        ended=_now(),
        worker=_worker(),
    )


def reason(error: object) -> str:
    """Returns the message of an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        where = f": '{error.filename}'" if error.filename else ""
        return f"{error.strerror}{where}"
    return " ".join(str(error).split()) or type(error).__name__


def _now() -> str:
    now = datetime.datetime.now(datetime.UTC)
    return now.isoformat(timespec="seconds")


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


class _Desk:
    """The three steps of a row, for `batch.process`."""

    def __init__(self, painter: Painter, place: Place, resume: bool) -> None:
        self._painter, self._place, self._resume = painter, place, resume

    def read(self, row: Row) -> Entry | _Work | ConnectionError:
        try:
            return self._read(row)
        except ConnectionError as error:
            return error  # The next row would meet it, too: `write` raises.

    def _read(self, row: Row) -> Entry | _Work:
        began = time.monotonic()
        recipe = self._painter(row)
        content = self._place.fetch(row.content)
        try:
            record = recipe.record(content)
            if self._resume and (entry := self._there(row, recipe, record)):
                return entry
            item = Item(content, self._place.draft(row.output))
            given = recipe.read(item)
        finally:
            self._place.discard(content)
        seconds = time.monotonic() - began
        return _Work(item, recipe, record, given, seconds)

    def paint(
        self, row: Row, work: Entry | _Work | ConnectionError
    ) -> Entry | _Painted | ConnectionError:
        if not isinstance(work, _Work):
            return work
        began = time.monotonic()
        pixels = work.recipe.paint(work.given)
        return _Painted(work, pixels, time.monotonic() - began)

    def write(
        self, row: Row, painted: Entry | _Painted | ConnectionError
    ) -> Entry:
        if isinstance(painted, ConnectionError):
            raise painted
        if isinstance(painted, Entry):
            return painted
        began = time.monotonic()
        item, recipe, record, given, seconds = painted.work
        item.output.parent.mkdir(parents=True, exist_ok=True)
        recipe.write(item, given, painted.pixels, record)
        entry = _entry(row, recipe, record, item.output)
        self._place.publish(item.output, row.output)
        seconds += painted.seconds + time.monotonic() - began
        return dataclasses.replace(
            entry, status=PAINTED, seconds=round(seconds, 3)
        )

    def _there(
        self, row: Row, recipe: Recipe, record: Mapping[str, Any]
    ) -> Entry | None:
        """Entry of a picture that exists with the same record.

        Raises:
            ValueError: Another file is there, which tfstyle did not write.
        """
        try:
            picture = self._place.find(row.output)
        except FileNotFoundError:
            return None
        try:
            if not folders.is_done(picture, record):
                folders.check_ours(picture, row.output)
                return None
            return _entry(row, recipe, record, picture)
        finally:
            self._place.discard(picture)


def _entry(
    row: Row, recipe: Recipe, record: Mapping[str, Any], picture: pathlib.Path
) -> Entry:
    width, height = decoding.size(picture)
    return Entry(
        content=row.content,
        output=row.output,
        status=THERE,
        recipe=recipe.digest,
        content_sha256=record["inputs"]["content"]["sha256"],
        output_sha256=provenance.digest(picture),
        width=width,
        height=height,
        size=picture.stat().st_size,
        ended=_now(),
        worker=_worker(),
    )
