"""A file that can be finished on a full disk."""

import contextlib
import errno
import os
import pathlib
import secrets
from typing import Any

from tfstyle.runtime.types import Path

_RESERVE = 4 * 2**20  # Bytes: enough to encode what waits and end the file.
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Reserved:
    """File for an encoder, with room set aside beside it.

    When the disk is full, that room is given back, so that the end of the
    file can be written.

    Args:
        raw: File without a buffer, for reading and writing.
        path: The file's final path, beside which the room is.

    Attributes:
        full: Whether the disk is full; the run should end then.
    """

    def __init__(self, raw: Any, path: Path) -> None:
        self._raw, self.full = raw, False
        folder = pathlib.Path(os.path.realpath(path)).parent
        self._room = folder / f".tfstyle-{secrets.token_hex(8)}.tmp"
        self.seek, self.tell, self.read = raw.seek, raw.tell, raw.read

    def __enter__(self) -> "Reserved":
        with contextlib.suppress(OSError), open(self._room, "xb") as room:
            room.write(bytes(_RESERVE))
        return self

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
