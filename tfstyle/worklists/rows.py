"""Rows of a work list, and the shards that they are cut into."""

import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Row:
    """One picture to paint.

    Attributes:
        content: Path or address of the photograph.
        output: Name of the picture: a path, or in a `Store` a name inside it.
        styles: Paths or addresses of its style images; empty for those of the
            run.
        settings: Settings of this picture alone, by name.
    """

    content: str
    output: str
    styles: tuple[str, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Shard:
    """Rows that one worker paints in one go."""

    rows: tuple[Row, ...]

    @functools.cached_property
    def key(self) -> str:
        """Name made from the rows: 32 hexadecimal digits."""
        text = json.dumps([vars(row) for row in self.rows], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def cut(rows: Iterable[Row], size: int) -> Iterator[Shard]:
    """Cuts a list into shards of `size` rows; the last may be shorter.

    >>> [len(shard.rows) for shard in cut([Row("a", "b")] * 5, 2)]
    [2, 2, 1]
    """
    rest = iter(rows)
    while taken := tuple(itertools.islice(rest, size)):
        yield Shard(taken)


def name_of(content: str, styles: Iterable[str], settings: Any) -> str:
    """Returns a name without ending for a picture, the same each time.

    Args:
        content: Path or address of the photograph.
        styles: Those of the row.
        settings: Those of the row.

    >>> name_of("s3://photos/cat.jpg", (), {})
    '94/94373727053607b05066fd12'
    """
    text = json.dumps([content, [*styles], settings], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    # Folders by the first digits: none grows beyond what tools can list.
    return f"{digest[:2]}/{digest}"
