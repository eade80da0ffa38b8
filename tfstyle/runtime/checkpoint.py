"""Checkpoints: arrays and JSON in one file, replaced as a whole."""

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle.runtime import files

# One file, so that arrays and metadata are always of the same moment.
_NAME = "checkpoint.npz"
_META = "meta"
_ARRAY = "array/"


def save(
    folder: str | os.PathLike[str],
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
    folder: str | os.PathLike[str],
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


def remove(folder: str | os.PathLike[str]) -> None:
    """Deletes the checkpoint of a folder, and the folder when it is empty."""
    file_of(folder).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # It holds other files.
        os.rmdir(folder)


def check_writable(folder: str | os.PathLike[str]) -> None:
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


def file_of(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Where the checkpoint of a folder is, or will be."""
    return pathlib.Path(folder, _NAME)


def _damaged(path: pathlib.Path, error: Exception) -> ValueError:
    return ValueError(
        f"'{path}' is not a whole checkpoint ({error}). Delete it to start "
        "from the beginning, or give another folder."
    )
