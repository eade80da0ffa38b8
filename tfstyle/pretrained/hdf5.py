"""Reads and writes files (.h5) of kernels and biases, layer by layer.

Keras writes such files, under several names, and so does `save`. What they
hold is for the callers to check: `weights` for published networks, `presets`
for models of any style.
"""

import io
import pathlib
from collections.abc import Mapping

import h5py
import numpy as np

from tfstyle.runtime import files
from tfstyle.runtime.types import Path

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
"""Layer -> kernel and bias."""
# What h5py raises for files with other contents than expected.
_DAMAGES = (
    OSError,
    KeyError,
    RuntimeError,
    AttributeError,
    TypeError,
    ValueError,
)


def save(
    path: Path,
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]],
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Writes weights as float16, half the bytes, for `read` and `weights.load`.

    Args:
        path: The file to write (.h5).
        arrays: Kernel and bias by layer.
        attributes: Texts about the whole file, by name.

    Raises:
        ValueError: A value is not finite as float16.
        OSError: The file cannot be written.
    """
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file.attrs.update(attributes or {})
        for layer, pair in arrays.items():
            group = file.create_group(layer)
            names = [f"{layer}_kernel", f"{layer}_bias"]
            group.attrs["weight_names"] = names
            for name, array in zip(names, pair, strict=True):
                with np.errstate(over="ignore"):  # The check below raises.
                    small = np.asarray(array, np.float16)
                if not np.isfinite(small).all():
                    raise ValueError(f"{name} has values beyond float16.")
                group[name] = small
    with files.atomic(path) as target:
        target.write(data.getvalue())


def read(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Reads a file of `save`: weights by layer, as float32, and attributes.

    Raises:
        ValueError: The file is truncated, or `save` did not write it.
    """
    found = pathlib.Path(path)
    with open_file(found) as file:
        arrays = {layer: read_layer(file, layer, found) for layer in file}
        return arrays, {name: str(text) for name, text in file.attrs.items()}


def open_file(path: pathlib.Path) -> h5py.File:
    """Opens a file to read it; raises `ValueError` if it is none."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise damaged(path, error.args[0]) from error


def damaged(path: pathlib.Path, reason: object) -> ValueError:
    """Returns the error that says what is wrong with a file."""
    return ValueError(
        f"'{path}' is not a Keras weights file (.h5), or it is damaged: "
        f"{' '.join(str(reason).split())}. Pass another file."
    )


def read_layer(
    file: h5py.File, layer: str, path: pathlib.Path
) -> tuple[np.ndarray, np.ndarray]:
    """Reads kernel and bias, told apart by rank: their names vary.

    Args:
        file: The file, from `open_file`.
        layer: Name of the layer.
        path: Path of the file, for the message.

    Returns:
        Kernel, shape `(height, width, in, out)`, and bias, shape `(out,)`,
        float32.

    Raises:
        ValueError: The file is damaged, or the layer lacks one of them.
    """
    try:
        group = file[layer]
        names = [_text(name) for name in group.attrs["weight_names"]]
        arrays = [group[name][()].astype("float32") for name in names]
    except _DAMAGES as error:
        raise damaged(path, f"{layer}: {error.args[0]}") from error
    by_rank = {array.ndim: array for array in arrays}
    if set(by_rank) != {4, 1}:
        raise damaged(path, f"{layer} has no kernel or no bias")
    return by_rank[4], by_rank[1]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
