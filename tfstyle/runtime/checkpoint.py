"""Checkpoints: arrays and JSON in one file, replaced as a whole.

`Checkpoints` saves the state of a long run on images, so that it can be
resumed.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np

from tfstyle.runtime import files, memory, scratch
from tfstyle.runtime.types import Path

# One file, so that arrays and metadata always belong to the same step.
_NAME = "checkpoint.npz"
_META = "meta"
_ARRAY = "array/"
_SECONDS = 60.0  # Between two checkpoints of a run.
_LONG = 7.0  # Time to write one that is worth a longer wait, in seconds.


def save(
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    meta: Mapping[str, Any],
) -> None:
    """Replaces the checkpoint of a folder.

    Args:
        folder: Folder of the file; created if it does not exist.
        arrays: Name -> array of any shape; read back bit for bit.
        meta: Values that JSON can hold; read back equal, except that tuples
            become lists.

    Raises:
        ValueError: An array is not of booleans, integers, floats or complex
            numbers; the format has no bfloat16.
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
        _write(file, contents)


def _write(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Does what `numpy.savez` does, and releases arrays one by one."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(array))
            scratch.release(array)


Keep = Callable[[np.ndarray], np.ndarray]
"""Function that moves an array to where it is kept."""


def load(
    folder: Path, keep: Keep = np.asarray
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Reads the checkpoint of a folder.

    Args:
        folder: Folder that was given to `save`.
        keep: Function called with one array after another.

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
                name.removeprefix(_ARRAY): keep(contents[name])
                for name in contents.files
                if name.startswith(_ARRAY)
            }
    except OSError as error:
        if error.errno is not None:  # It cannot be read; it may be whole.
            raise
        raise _damaged(path, error) from error
    except memory.shortages():  # The file may be whole.
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise their own.
        raise _damaged(path, error) from error
    return arrays, meta


def remove(folder: Path) -> None:
    """Deletes the checkpoint of a folder, and the folder when it is empty."""
    file_of(folder).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # It holds other files.
        os.rmdir(folder)


def check_writable(folder: Path) -> None:
    """Checks that `save` will be able to write, before there is a state.

    Raises:
        ValueError: `folder` is empty.
        NotADirectoryError: `folder`, or its parent, is a file.
        OSError: The file cannot be written; see `files.check_writable`.
    """
    if not os.fspath(folder):
        raise ValueError("The folder of the checkpoint has no name. Give one.")
    path = pathlib.Path(folder)
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir():
        raise NotADirectoryError(
            f"Cannot keep a checkpoint in '{path}': '{there}' is not a folder. "
            "Choose another one."
        )
    files.check_writable(file_of(there))


def file_of(folder: Path) -> pathlib.Path:
    """Returns the path of the checkpoint in a folder; it need not exist."""
    return pathlib.Path(folder, _NAME)


def _damaged(path: pathlib.Path, error: Exception) -> ValueError:
    return ValueError(
        f"'{path}' is not a whole checkpoint ({error}). Delete it to start "
        "from the beginning, or give another folder."
    )


class DivergedError(FloatingPointError):
    """A loss or a gradient was not finite.

    Attributes:
        picture: Last good picture, array of shape `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


class UnsavedError(OSError):
    """A checkpoint could not be written, but the picture is complete.

    Attributes:
        picture: The result, array of shape `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


class Checkpoints:
    """Saves the state of a run in a folder every minute.

    Args:
        folder: Folder of the checkpoint; `None` to save nothing.
        settings: Settings that, with `images`, determine the result; values
            that JSON can hold.
        images: Input images of the run.

    Attributes:
        error: Why the last one could not be written, or `None`.
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
        self._took = 0.0
        self.error: OSError | None = None

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is a minute old.

        Large ones are rarer, so that they take a tenth of the time at most.
        """
        wait = _SECONDS if self._took < _LONG else 9 * self._took
        return time.monotonic() - self._saved > wait

    def save(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Replaces the checkpoint; see the function `save`.

        If that fails, the run goes on, and `deliver` raises the error.
        """
        began = self._saved = time.monotonic()
        if self._folder is None:
            return
        try:
            save(self._folder, arrays, {**meta, "key": self._key})
            self.error = None
        except OSError as error:
            self.error = error
        self._saved = time.monotonic()
        self._took = self._saved - began

    def deliver(self, picture: np.ndarray) -> np.ndarray:
        """Returns the picture at the end of the run.

        Raises:
            UnsavedError: The last checkpoint could not be written.
        """
        if self.error:
            raise UnsavedError(
                f"The checkpoint in '{self._folder}' could not be written: "
                f"{self.error}",
                picture,
            ) from self.error
        return picture

    def load(
        self, keep: Keep = np.asarray
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Reads arrays and metadata to resume from; `None` if there are none.

        Args:
            keep: Function called with one array after another.

        Raises:
            ValueError: They belong to other images or settings, or are
                damaged.
        """
        found = load(self._folder, keep) if self._folder else None
        if found is not None and found[1].get("key") != self._key:
            raise ValueError(
                f"The checkpoint in '{self._folder}' belongs to other images "
                "or settings. Use those, choose another folder, or delete it."
            )
        return found


def _key(settings: Any, images: Sequence[np.ndarray]) -> str:
    """Hash of images and settings."""
    text = json.dumps(settings, sort_keys=True, default=np.generic.item)
    digest = hashlib.sha256(text.encode())
    for image in images:
        digest.update(str(image.shape).encode())
        digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
