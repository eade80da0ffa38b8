"""Checks a whole work list before the first picture is painted."""

import dataclasses
import functools
import os
import random
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import IO

import numpy as np

from tfstyle.images.encoding import WRITABLE, check_format
from tfstyle.worklists.rows import Row
from tfstyle.worklists.storage import join, real

_PARTS = 64  # Of the hashes: one of them is sorted in memory at a time.
_HELD = 2**15  # Hashes of a part between writes.
_KEPT = 2**14  # Folders of photographs in memory.
_LONGEST = 255  # Bytes of a name in a folder, in most file systems.


@dataclasses.dataclass(frozen=True)
class Survey:
    """What a work list holds.

    Attributes:
        count: Number of rows.
        sample: Some of them, at random.
    """

    count: int
    sample: list[Row]


def survey(
    rows: Callable[[], Iterator[Row]], root: str, sampled: int = 0
) -> Survey:
    """Counts and checks the rows of a list, in bounded memory.

    Names are compared by hashes of 8 bytes, in temporary files.

    Args:
        rows: Function that returns the rows; called again if names repeat.
        root: Folder or prefix of the pictures.
        sampled: Number of rows to return as a sample.

    Raises:
        ValueError: The list is empty, a name cannot be written or is outside
            `root`, two rows have the same, or a photograph is inside `root`.
    """
    outside, count, sample = Outside(root), 0, []
    outer: set[str] = set()  # Folders that could be names of pictures: few.
    chance = random.Random(0)
    with _Repeated() as repeated:
        for row in rows():
            _check(row)
            outside.check("photograph", row.content)
            for style in row.styles:
                outside.check("style", style)
            repeated.add(row.output)
            outer.update(_folders(row.output))
            # Each row so far is as likely to be in the sample.
            if count < sampled:
                sample.append(row)
            elif (place := chance.randint(0, count)) < sampled:
                sample[place] = row
            count += 1
        if not count:
            raise ValueError("The list has no rows. Expected: photographs.")
        for hashes in repeated.hashes():
            _check_repeated(rows(), hashes)
    _check_folders(rows(), outer)
    return Survey(count, sample)


class Outside:
    """Refuses files to read that are where pictures go, by whatever path.

    Args:
        root: Folder or address of the pictures.
    """

    def __init__(self, root: str) -> None:
        self._root, self._inside = root, _resolved(root)
        self._folder = functools.lru_cache(_KEPT)(_resolved)

    def check(self, kind: str, path: str) -> None:
        """Raises `ValueError` if a photograph or style is inside."""
        folder, slash, name = path.rpartition("/")
        found = self._folder(folder + slash) + name
        if os.path.islink(found):
            found = os.path.realpath(found)
        if found.startswith(self._inside):
            raise ValueError(
                f"The {kind} '{path}' is inside the output '{self._root}'. "
                "Give a folder beside it."
            )


def _resolved(folder: str) -> str:
    """A folder without links, or an address, ending in a slash."""
    return join(real(folder), "")


def _check(row: Row) -> None:
    parts = row.output.split(
        "/"
    )  # Not `pathlib`, which takes most of the time.
    if {"", ".", ".."} & {*parts}:
        raise ValueError(
            f"The output '{row.output}' of '{row.content}' must be a name "
            "inside the folder of the pictures."
        )
    if parts[0] == "_manifest":
        raise ValueError(
            f"The output '{row.output}' of '{row.content}' is in _manifest, "
            "which is for the manifests. Give another name."
        )
    if "\0" in row.output:
        raise ValueError(
            f"The output {row.output!r} of '{row.content}' has a character "
            "that no name may have. Give another name."
        )
    if any(len(os.fsencode(part)) > _LONGEST for part in parts):
        raise ValueError(
            f"The output '{row.output}' has a part of more than {_LONGEST} "
            "bytes. Give a shorter name."
        )
    if os.path.splitext(row.output)[1].lower() not in WRITABLE:
        check_format(row.output)  # Says what is.


def _check_repeated(rows: Iterable[Row], hashes: set[int]) -> None:
    """Raises `ValueError` if outputs with these hashes are equal."""
    taken: dict[str, str] = {}
    for row in rows:
        if hash(row.output) % 2**64 not in hashes:
            continue
        other = taken.get(row.output)
        if other == row.content:
            raise ValueError(
                f"'{row.content}' is listed twice, both times to become "
                f"'{row.output}'. Leave one out, or give another `output`."
            )
        if other is not None:
            raise ValueError(
                f"'{other}' and '{row.content}' would both become "
                f"'{row.output}'. Rename one of them."
            )
        taken[row.output] = row.content


def _folders(name: str) -> Iterator[str]:
    """Folders of a name that end like pictures."""
    while name := name.rpartition("/")[0]:
        if os.path.splitext(name)[1].lower() in WRITABLE:
            yield name


def _check_folders(rows: Iterable[Row], outer: set[str]) -> None:
    """Raises `ValueError` if one of these folders is also a picture."""
    if not outer:
        return
    for row in rows:
        if row.output in outer:
            raise ValueError(
                f"The output '{row.output}' of '{row.content}' is also the "
                "folder of another one. Rename one of them."
            )


class _Repeated:
    """Finds hashes that occur twice; a context manager."""

    def __enter__(self) -> "_Repeated":
        self._held = [array("Q") for _ in range(_PARTS)]
        self._files: list[IO[bytes]] = [
            tempfile.TemporaryFile()
            for _ in range(_PARTS)  # noqa: SIM115
        ]
        return self

    def __exit__(self, *unused: object) -> None:
        for file in self._files:
            file.close()

    def add(self, name: str) -> None:
        value = hash(name) % 2**64
        held = self._held[value % _PARTS]
        held.append(value)
        if len(held) == _HELD:
            held.tofile(self._files[value % _PARTS])
            del held[:]

    def hashes(self) -> Iterator[set[int]]:
        """Yields those of a part at a time, if there are any."""
        for file, held in zip(self._files, self._held, strict=True):
            held.tofile(file)
            file.seek(0)
            values = np.sort(np.frombuffer(file.read(), np.uint64))
            found = values[1:][values[1:] == values[:-1]]
            if len(found):
                yield set(found.tolist())
