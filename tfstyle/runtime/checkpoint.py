"""Checkpoints: arrays and JSON in one file, replaced as a whole.

`Checkpoints` keeps those of a long run on images, so that it can be resumed.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle.runtime import files
from tfstyle.runtime.types import Path

# One file, so that arrays and metadata are always of the same moment.
_NAME = "checkpoint.npz"
_META = "meta"
_ARRAY = "array/"
_SECONDS = 60.0  # From one checkpoint of a run to the next.


def save(
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    meta: Mapping[str, Any],
) -> None:
    """Replaces the checkpoint of a folder.

    Args:
        folder: Made when it does not exist.
        arrays: Name -> numbers of any shape; read back bit for bit.
        meta: What JSON can hold; read back equal, but for tuples, which
            become lists.

    Raises:
        ValueError: An array is not of booleans, integers, floats or complex
            numbers: bfloat16 is not a type that the format knows.
        OSError: The file cannot be written; an older one is left as it was.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind not in "biufc":
            raise ValueError(
                f"A checkpoint holds plain numbers. Received: {name!r} of "
                f"type {np.asarray(array).dtype}; cast it to float32 first."
            )
    contents = {_ARRAY + name: array for name, array in arrays.items()}
    text = json.dumps(dict(meta)).encode()
    contents[_META] = np.frombuffer(text, np.uint8)
    os.makedirs(folder, exist_ok=True)
    with files.atomic(file_of(folder)) as file:
        np.savez(file, **contents)  # type: ignore[arg-type]


def load(
    folder: Path,
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Reads the checkpoint of a folder.

    Args:
        folder: As given to `save`.

    Returns:
        The arrays and the metadata, or `None` when there is no checkpoint.

    Raises:
        ValueError: The file is damaged.
    """
    path = file_of(folder)
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as contents:
            meta = json.loads(contents[_META].tobytes())
            arrays = {
                name.removeprefix(_ARRAY): contents[name]
                for name in contents.files
                if name.startswith(_ARRAY)
            }
    except OSError as error:
        if error.errno is not None:  # Not to be read, which says nothing of it.
            raise
        raise _damaged(path, error) from error
    except Exception as error:  # zipfile, zlib and NumPy each have their own.
        raise _damaged(path, error) from error
    return arrays, meta


def remove(folder: Path) -> None:
    """Deletes the checkpoint of a folder, and the folder when it is empty."""
    file_of(folder).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # It holds other files.
        os.rmdir(folder)


def check_writable(folder: Path) -> None:
    """Raises what `save` would, before there is something to save.

    Raises:
        NotADirectoryError: `folder`, or what it should be in, is a file.
        OSError: As `files.check_writable`.
    """
    path = pathlib.Path(folder)
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir():
        raise NotADirectoryError(
            f"Cannot keep a checkpoint in '{path}': '{there}' is no folder."
        )
    files.check_writable(file_of(there))


def file_of(folder: Path) -> pathlib.Path:
    """Where the checkpoint of a folder is, or will be."""
    return pathlib.Path(folder, _NAME)


def _damaged(path: pathlib.Path, error: Exception) -> ValueError:
    return ValueError(
        f"'{path}' is not a whole checkpoint ({error}). Delete it to start "
        "from the beginning, or give another folder."
    )


class DivergedError(FloatingPointError):
    """A loss or a gradient was not finite.

    Attributes:
        picture: The last good picture, `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


class UnsavedError(OSError):
    """A checkpoint could not be kept, but the picture was painted.

    Attributes:
        picture: What was painted, `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


class Checkpoints:
    """The state of a run, kept in a folder every minute.

    Args:
        folder: Where, or `None` for nowhere.
        settings: All that the run does, together with `images`, as JSON can
            hold it.
        images: What it does it with.
    """

    def __init__(
        self,
        folder: str | None,
        settings: Any,
        images: Sequence[np.ndarray],
    ) -> None:
        self._folder = folder
        self._key = "" if folder is None else _key(settings, images)
        self._saved = time.monotonic()
        self._error: OSError | None = None

    @property
    def due(self) -> bool:
        """Whether the last one is a minute old."""
        return time.monotonic() - self._saved > _SECONDS

    def save(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Replaces the checkpoint; see the function `save`.

        Where that fails the run goes on: it is worth more, see `deliver`.
        """
        self._saved = time.monotonic()
        if self._folder is None:
            return
        try:
            save(self._folder, arrays, {**meta, "key": self._key})
            self._error = None
        except OSError as error:
            self._error = error

    def deliver(self, picture: np.ndarray) -> np.ndarray:
        """The picture at the end of the run.

        Raises:
            UnsavedError: The last checkpoint could not be written.
        """
        if self._error:
            raise UnsavedError(
                f"The checkpoint in '{self._folder}' could not be written: "
                f"{self._error}",
                picture,
            ) from self._error
        return picture

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Arrays and metadata to go on from, or `None`.

        Raises:
            ValueError: They belong to other images or settings, or are
                damaged.
        """
        found = load(self._folder) if self._folder else None
        if found is not None and found[1].get("key") != self._key:
            raise ValueError(
                f"The checkpoint in '{self._folder}' belongs to other images "
                "or settings. Give those, another folder, or delete it."
            )
        return found


def _key(settings: Any, images: Sequence[np.ndarray]) -> str:
    """Tells runs with other images or settings apart."""
    text = json.dumps(settings, sort_keys=True, default=np.generic.item)
    digest = hashlib.sha256(text.encode())
    for image in images:
        digest.update(str(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()
