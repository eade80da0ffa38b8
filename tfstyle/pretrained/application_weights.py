"""Checks weights files of Keras Applications, without loading Keras."""

import pathlib

import h5py
import numpy as np

from tfstyle.pretrained import hdf5, topology


def check(file: h5py.File, name: str, path: pathlib.Path) -> None:
    """Raises `ValueError` unless a file may hold the weights of a network.

    The number of values decides: layer names contain numbers that Keras
    assigned in the process that wrote the file.

    Args:
        file: The file, open for reading.
        name: A key of `topology.PARAMETERS`.
        path: Path of the file, for the message.

    Raises:
        ValueError: The file has another number of values, or some are no
            finite numbers.
        OSError: It is damaged.
    """
    count, finite = 0, True
    for dataset in _datasets(file):
        if dataset.dtype.kind not in "fiu":
            raise hdf5.damaged(path, f"{dataset.name} has no numbers")
        count += dataset.size
        finite &= bool(np.isfinite(dataset[()]).all())
    if count != topology.PARAMETERS[name]:
        raise ValueError(
            f"'{path}' does not hold the weights of {name} without its "
            f"classifier: expected {topology.PARAMETERS[name]} numbers. "
            f"Received: {count}. Pass another file."
        )
    if not finite:
        raise ValueError(
            f"'{path}' holds values that are not finite. Pass another file."
        )


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []

    def visit(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(item)

    file.visititems(visit)
    return found
