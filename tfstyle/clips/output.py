"""Opens the file or folder that a clip is written to; all of it or nothing."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from tfstyle.clips.disk import Reserved, room_for
from tfstyle.clips.formats import Format
from tfstyle.clips.frames import CutShortError, Details
from tfstyle.clips.writing import (
    SEGMENT,
    FolderWriter,
    MovieWriter,
    Writer,
    cropped,
)
from tfstyle.runtime import files


class Target(NamedTuple):
    """A clip to write.

    Attributes:
        path: File or folder.
        format: Format of a file; `None` for a folder of frames.
        source: Details of the clip that is painted.
        shape: Height and width of the frames.
        sound: Movie whose sound is copied; `None` for none.
        start: Second of the source at which the painted clip begins.
    """

    path: str
    format: Format | None
    source: Details
    shape: tuple[int, int]
    sound: str | None
    start: Fraction

    @property
    def written(self) -> tuple[int, int]:
        """Height and width of the frames in the output."""
        return cropped(self.shape, self.format) if self.format else self.shape


class Opened(NamedTuple):
    """An open output.

    Attributes:
        writer: Writer of its frames.
        disk: The file; `None` for a folder.
    """

    writer: Writer
    disk: Reserved | None

    @property
    def full(self) -> bool:
        """Whether the disk is full."""
        return self.disk is not None and self.disk.full


@contextlib.contextmanager
def opened(target: Target, first: int = 0) -> Iterator[Opened]:
    """Opens an output; a file appears when the block ends.

    If the block raises `CutShortError`, what was written is kept beside it,
    as `part_of` names it, when the writer was closed.

    Args:
        target: Clip to write.
        first: Number of frames that an earlier run wrote to the folder.

    Raises:
        OSError: It cannot be written.
    """
    if target.format is None:
        os.makedirs(target.path, exist_ok=True)
        yield Opened(FolderWriter(target.path, first), None)
        return
    with files.atomic(target.path, "w+b") as file:
        raw: Any = file
        room = room_for(target.shape, SEGMENT)
        with Reserved(raw.raw, target.path, room) as disk:
            try:
                yield Opened(_writer(disk, target, target.format), disk)
            except CutShortError as error:
                if not os.path.getsize(file.name):
                    raise
                kept = part_of(target.path)
                with files.atomic(kept) as copy:
                    file.seek(0)
                    shutil.copyfileobj(file, copy)
                raise CutShortError(
                    f"{error} What was painted is '{kept}'."
                ) from error


def _writer(disk: Any, target: Target, format: Format) -> MovieWriter:
    return MovieWriter(
        disk, format, target.source, target.shape, target.sound, target.start
    )


def part_of(path: str) -> str:
    """Returns the name for the part of a clip that could be painted."""
    whole = pathlib.Path(path)
    return os.fspath(whole.with_name(f"{whole.stem}-part{whole.suffix}"))


def preview_of(path: str) -> str:
    """Returns the name of the picture of a frame beside an output."""
    return os.path.splitext(path.rstrip(os.sep))[0] + "-preview.png"
