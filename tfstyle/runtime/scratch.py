"""Arrays in temporary files, for what memory has no room for.

The system keeps them in memory as long as there is room, and else writes them
to the disk. The files have no names and vanish with the process. Pages that
are released do not count as memory of the process.
"""

import errno
import math
import mmap
import os
import pathlib
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import psutil

from tfstyle.runtime import files

Make = Callable[..., np.ndarray]
"""Function from a shape, and a type if not float32, to an array of zeros."""

_SLICE = 64  # Rows, or columns, that are worked on together.
# Files of this module. Those of others may have changes in memory alone.
_FILES: weakref.WeakSet[Any] = weakref.WeakSet()


class Folder:
    """A folder for arrays in files.

    Args:
        path: Folder; that for temporary files if `None`.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path or tempfile.gettempdir()

    def check_space(self, size: float) -> None:
        """Raises `OSError` if there is no room for arrays, or no disk.

        Args:
            size: Size of all arrays, in bytes.
        """
        if _kind(self._path) in _MEMORY:
            raise OSError(
                errno.EINVAL,
                f"'{self._path}' is in memory, which has no room for the "
                "arrays of this picture. Give `checkpoint` or TMPDIR a folder "
                "on a disk.",
            )
        files.check_space(self._path, size)

    def zeros(
        self, shape: Sequence[int], dtype: Any = np.float32
    ) -> np.ndarray:
        """Returns an array of zeros in a file.

        Raises:
            OSError: The disk is full.
        """
        os.makedirs(self._path, exist_ok=True)
        size = math.prod(shape) * np.dtype(dtype).itemsize
        try:
            with tempfile.TemporaryFile(dir=self._path) as file:
                # A full disk is an error here; later it would end the process.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                array = np.memmap(file, dtype, "w+", shape=tuple(shape))
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from error
        _FILES.add(array.base)
        return array


def zeros(shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """Returns an array of zeros in memory."""
    return np.zeros(shape, dtype)


def own(array: Any, make: Make) -> np.ndarray:
    """Returns a copy that can be written; the array itself if it can be.

    Args:
        array: Array or tensor `(1, height, width, channels)`.
        make: Function that makes the copy.
    """
    if isinstance(array, np.ndarray) and array.flags.writeable:
        return array
    return copied(array, make)


def copied(array: Any, make: Make) -> np.ndarray:
    """Returns a copy of an array or tensor `(1, height, width, channels)`."""
    found = make(array.shape)
    copy(found, array)
    return found


def copy(target: np.ndarray, source: Any) -> None:
    """Copies an array or tensor `(1, height, width, channels)` to another."""
    for rows in slices(target.shape[1]):
        target[:, rows] = source[:, rows]
        release(target, source)


def slices(length: int) -> Iterator[slice]:
    """Yields slices of a side, which are worked on one after another."""
    for start in range(0, length, _SLICE):
        yield slice(start, min(start + _SLICE, length))


def release(*arrays: Any) -> None:
    """Gives the pages of arrays in files back to the system.

    They keep their values, and pages come back when they are used. Arrays in
    memory, and systems without this, are left as they are.
    """
    for array in arrays:
        pages: Any = array
        while isinstance(pages, np.ndarray):  # A part has another as its base.
            pages = pages.base
        if not isinstance(pages, mmap.mmap) or pages not in _FILES:
            continue
        if hasattr(pages, "madvise"):
            pages.madvise(mmap.MADV_DONTNEED)


# File systems that are kept in memory.
_MEMORY = ("tmpfs", "ramfs")


def _kind(path: str) -> str:
    """Returns the kind of file system of a folder, or "" if it is unknown."""
    place = pathlib.Path(os.path.realpath(path))
    mounts = [
        part
        for part in psutil.disk_partitions(all=True)
        if place.is_relative_to(part.mountpoint)
    ]
    if not mounts:
        return ""
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype
