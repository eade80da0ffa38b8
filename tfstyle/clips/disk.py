"""A file that can be finished on a full disk."""

import errno
import os
import pathlib
import secrets
import shutil
from typing import Any

from tfstyle.runtime.types import Path, Shape

_LEAST = 4 * 2**20
_BLOCK = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


def room_for(shape: Shape, frames: int) -> int:
    """Returns the bytes that end a movie: what an encoder holds, the index.

    Half a byte a pixel and frame is an estimate for x264 at a high quality.

    Args:
        shape: Height and width of the frames.
        frames: Number of frames that an encoder may hold.
    """
    return max(_LEAST, shape[0] * shape[1] * frames // 2)


class Reserved:
    """File for an encoder, with room set aside beside it.

    When the disk is full, that room is given back, so that the end of the
    file can be written.

    Args:
        raw: File without a buffer, for reading and writing.
        path: The file's final path, beside which the room is.
        size: Bytes of the room; see `room_for`.

    Attributes:
        full: Whether the disk is full; the run should end then.
    """

    def __init__(self, raw: Any, path: Path, size: int = _LEAST) -> None:
        self._raw, self._size, self.full = raw, size, False
        folder = pathlib.Path(os.path.realpath(path)).parent
        self._room = folder / f".tfstyle-{secrets.token_hex(8)}.tmp"
        self.seek, self.tell, self.read = raw.seek, raw.tell, raw.read

    def __enter__(self) -> "Reserved":
        try:
            self._set_aside()
        except OSError:  # A part of it would only take what the file needs.
            self._room.unlink(missing_ok=True)
        return self

    def _set_aside(self) -> None:
        """Writes the room: on a small disk, half of what is free."""
        free = shutil.disk_usage(self._room.parent).free
        size = min(self._size, free // 2)
        with open(self._room, "xb") as room:
            for start in range(0, size, _BLOCK):
                room.write(bytes(min(_BLOCK, size - start)))

    def __exit__(self, *unused: object) -> None:
        self._room.unlink(missing_ok=True)

    def write(self, data: bytes) -> int:
        """Writes bytes; takes the room if there is no other.

        Raises:
            OSError: The disk is full, and the room is used up.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._raw.write(rest) :]
            except OSError as error:
                if error.errno not in _FULL or self.full:
                    raise
                self.full = True
                self._room.unlink(missing_ok=True)
        return len(data)
