"""Finds, checks and reads the weights of feature networks.

`cache` finds and downloads the published files, and checks their hash. A
user's own file is used if its structure is right: layer names, shapes and
finite values are checked when it is read.
"""

import dataclasses
import pathlib
from collections.abc import Iterable

import h5py
import numpy as np

from tfstyle.pretrained import application_weights, cache, hdf5, topology
from tfstyle.pretrained.cache import Resolved, WeightsFile
from tfstyle.runtime.types import Path

File = Path | Resolved | None
"""A user's own file, a resolved file, or `None` for the published file."""

_KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/{folder}/"
    "{network}_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
_OXFORD = "CC BY 4.0 (Visual Geometry Group, University of Oxford)"


# The hashes are those that `keras.applications` states; it has only MD5.
FILES = {
    "vgg16": WeightsFile(
        "vgg16",
        _KERAS_URL.format(folder="vgg16", network="vgg16"),
        "md5:6d6bbae143d832006294945121d1f1fc",
        _OXFORD,
    ),
    "vgg19": WeightsFile(
        "vgg19",
        _KERAS_URL.format(folder="vgg19", network="vgg19"),
        "md5:253f8cb515780f3b799900260a226db6",
        _OXFORD,
    ),
    "vgg_distilled": WeightsFile(
        "vgg_distilled",
        "pretrained/vgg_distilled.h5",
        "md5:465361e11aec4e41f50a0acd91838b91",
        "CC BY 4.0 (trained by this project to imitate VGG19 of the Visual "
        "Geometry Group, University of Oxford)",
    ),
    "inception_v3": WeightsFile(
        "inception_v3",
        _KERAS_URL.format(folder="inception_v3", network="inception_v3"),
        "md5:bcbd6486424b2319ff4ef7d526e38f63",
        "Apache-2.0 (the Keras authors)",
    ),
    "resnet50": WeightsFile(
        "resnet50",
        _KERAS_URL.format(folder="resnet", network="resnet50"),
        "md5:4d473c1dd8becc155b73f8504c6f6626",
        "MIT (Kaiming He et al.)",
    ),
}


def resolve(
    name: str, path: File = None, *, progressbar: bool = False
) -> Resolved:
    """Finds the weights of a network, and downloads them if they are missing.

    Args:
        name: A key of `FILES`; or `"auto"` for the network that the user's
            file fits or, without such a file, VGG16, or the thin network if
            VGG16's weights are not available.
        path: The user's own copy, used instead of all others; `load` checks
            its content. A resolved file is returned as it is.
        progressbar: Whether a download draws a bar on stderr.

    Returns:
        The local file, with the name of its network.

    Raises:
        ValueError: No network has this name, `path` is a folder, or with
            `"auto"` it fits no network.
        FileNotFoundError: `path` does not exist, or there is no local copy
            and the download failed; see `cache.resolve`.
    """
    if isinstance(path, Resolved):
        return path
    if name == "auto":
        return _auto(path, progressbar)
    return cache.resolve(_published(name), path, progressbar=progressbar)


def _auto(path: Path | None, progressbar: bool) -> Resolved:
    try:
        found = cache.resolve(FILES["vgg16"], path, progressbar=progressbar)
    except cache.MissingWeightsError:
        return resolve("vgg_distilled")
    if path is None:
        return found
    with hdf5.open_file(found.path) as file:
        fitting = _fitting(_convolutions(file))
    if not fitting:
        raise ValueError(
            f"'{path}' fits none of the networks {sorted(topology.VGG)}: it "
            "must hold their convolutions without a gap, from block1_conv1 "
            "on. Name the network if it is another one."
        )
    published = found.digest == FILES[fitting[0]].digest
    return dataclasses.replace(found, name=fitting[0], published=published)


def check(name: str, layers: Iterable[str], path: File = None) -> Resolved:
    """Reads and checks the weights for some layers of a network.

    Args:
        name: A key of `FILES`.
        layers: Names of layers of the network.
        path: The user's own file, or a resolved file; see `resolve`.

    Returns:
        The file with its weights, so that `load` need not read it again.

    Raises:
        ValueError: The file is unusable, see `load`; the file of a network
            that is loaded whole has another number of values, or some that
            are not finite.
    """
    found = resolve(name, path)
    if found.arrays is not None:
        return found
    if name in topology.VGG:
        arrays = load(name, topology.convolutions(name, layers), found)
    else:
        topology.check(name, layers)
        arrays = {}
        with hdf5.open_file(found.path) as file:
            try:
                application_weights.check(file, name, found.path)
            except (OSError, KeyError, RuntimeError) as error:
                raise hdf5.damaged(found.path, error.args[0]) from error
    return dataclasses.replace(found, arrays=arrays)


def load(
    name: str, layers: Iterable[str] | None = None, path: File = None
) -> hdf5.Arrays:
    """Reads the weights of some convolutions, by layer name.

    The file may lack other layers.

    Args:
        name: A network of `topology.VGG`.
        layers: Convolutions such as `"block3_conv1"`; all of them if `None`.
        path: The user's own file, or a resolved file; see `resolve`, also for
            the errors if no file is found.

    Returns:
        Layer -> kernel, shape `(height, width, in, out)`, and bias, shape
        `(out,)`, both finite float32.

    Raises:
        ValueError: The file is truncated or not a Keras file, it belongs to
            another network, or a layer in it is missing or wrong.
    """
    expected = topology.shapes(_published(name).name)
    wanted = list(expected) if layers is None else list(layers)
    if unknown := [layer for layer in wanted if layer not in expected]:
        raise ValueError(
            f"{name} has no convolutions {unknown}. Choose from "
            f"{list(expected)}."
        )
    found = resolve(name, path)
    if found.arrays is not None:
        return {layer: found.arrays[layer] for layer in wanted}
    with hdf5.open_file(found.path) as file:
        _check_network(found.path, name, _convolutions(file), wanted)
        arrays = {
            layer: hdf5.read_layer(file, layer, found.path) for layer in wanted
        }
    for layer, (kernel, bias) in arrays.items():
        _check_layer(found.path, layer, kernel, bias, expected[layer])
    return arrays


def _published(name: str) -> WeightsFile:
    if name not in FILES:
        raise ValueError(
            f"There are no weights for '{name}'. Choose from {sorted(FILES)}."
        )
    return FILES[name]


def _convolutions(file: h5py.File) -> set[str]:
    known = {layer for name in topology.VGG for layer in topology.shapes(name)}
    return known & set(file)


def _fitting(convolutions: set[str]) -> list[str]:
    """Names of networks whose first convolutions are exactly these."""
    count = len(convolutions)
    return [
        name
        for name in topology.VGG
        if count and convolutions == set(list(topology.shapes(name))[:count])
    ]


def _check_network(
    path: pathlib.Path, name: str, found: set[str], wanted: list[str]
) -> None:
    if missing := [layer for layer in wanted if layer not in found]:
        raise ValueError(
            f"'{path}' lacks layers {missing} of {name}. Layers found: "
            f"{sorted(found)}. Pass another file."
        )
    fitting = _fitting(found)
    # VGG16 and VGG19 share layer names and shapes but not the training.
    if name not in fitting and fitting:
        raise ValueError(
            f"'{path}' holds weights of {' or '.join(fitting)}, expected those "
            f"of {name}. Choose the network of the file, or pass another file."
        )


def _check_layer(
    path: pathlib.Path,
    layer: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    shape: tuple[int, ...],
) -> None:
    if kernel.shape != shape or bias.shape != shape[-1:]:
        raise ValueError(
            f"'{path}': expected kernel {shape} and bias {shape[-1:]} in layer "
            f"{layer}. Received: {kernel.shape} and {bias.shape}."
        )
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError(
            f"'{path}' holds values that are not finite in layer {layer}. "
            "Pass another file."
        )
