"""Arrays in temporary files, for what memory has no room for.

The system keeps them in memory as long as there is room, and else writes them
to the disk. The files have no names and vanish with the process.
"""

import os
import tempfile
from typing import Any

import numpy as np

from tfstyle.runtime import files


class Folder:
    """A folder for arrays in files.

    Args:
        path: Folder; that for temporary files if `None`.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path or tempfile.gettempdir()

    def check_space(self, size: int) -> None:
        """Raises `OSError` if the disk has no room for arrays of `size` bytes.

        Args:
            size: Size of all arrays, in bytes.
        """
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
        with tempfile.TemporaryFile(dir=self._path) as file:
            # A full disk is an error here; later it would end the process.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, array.nbytes)
            copied = np.memmap(file, array.dtype, "w+", shape=array.shape)
        copied[...] = array
        return copied


def in_memory(array: Any) -> np.ndarray:
    """Returns a copy that can be written; the array itself if it can be."""
    if isinstance(array, np.ndarray) and array.flags.writeable:
        return array
    return np.array(array)
