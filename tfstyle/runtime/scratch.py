"""Arrays in temporary files, for what memory has no room for.

The system keeps them in memory as long as there is room, and else writes them
to the disk. The files have no names and vanish with the process. Pages that
are released do not count as memory of the process.
"""

import errno
import mmap
import os
import pathlib
import tempfile
from typing import Any

import numpy as np
import psutil

from tfstyle.runtime import files


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

    def own(self, array: Any) -> np.ndarray:
        """Returns a copy in a file; the array itself if it is in one.

        Raises:
            OSError: The disk is full.
        """
        if isinstance(array, np.memmap):
            return array
        array = np.asarray(array)
        os.makedirs(self._path, exist_ok=True)
        try:
            with tempfile.TemporaryFile(dir=self._path) as file:
                # A full disk is an error here; later it would end the process.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, array.nbytes)
                copied = np.memmap(file, array.dtype, "w+", shape=array.shape)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from error
        copied[...] = array
        release(copied)
        return copied


def release(*arrays: Any) -> None:
    """Gives the pages of arrays in files back to the system.

    They keep their values, and pages come back when they are used. Arrays in
    memory, and systems without this, are left as they are.
    """
    for array in arrays:
        pages: Any = array.base if isinstance(array, np.memmap) else None
        if isinstance(pages, mmap.mmap) and hasattr(pages, "madvise"):
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


def in_memory(array: Any) -> np.ndarray:
    """Returns a copy that can be written; the array itself if it can be."""
    if isinstance(array, np.ndarray) and array.flags.writeable:
        return array
    return np.array(array)
