"""Weights of the feature networks: which files, where, and what is in them.

A file that this module looks for or downloads is used only when its hash is
the published one. A file that the user names is used when its structure is
right: layer names, shapes and finite values.

| looked at, in this order          | checked by                    |
|-----------------------------------|-------------------------------|
| the path that the caller gives    | layer names, shapes, values   |
| `TFSTYLE_HOME`, or the user cache | published hash                |
| `KERAS_HOME/models` of Keras      | published hash                |
| the network                       | published hash                |

With `TFSTYLE_OFFLINE=1` the network is never touched.
"""

import dataclasses
import hashlib
import os
import pathlib
import queue
import threading
from collections.abc import Iterable

import h5py
import numpy as np
import pooch
import requests

_KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/{network}/"
    "{network}_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
_OXFORD = "CC BY 4.0 (Visual Geometry Group, University of Oxford)"


@dataclasses.dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    Attributes:
        name: Name of the network, such as `"vgg16"`.
        url: Where the file is published.
        digest: `"md5:..."`, the hash that its publisher states.
        license: Terms of the weights.
    """

    name: str
    url: str
    digest: str
    license: str

    @property
    def filename(self) -> str:
        """Name of the file in a cache."""
        return self.url.rsplit("/", 1)[1]


# The hashes are those of `keras.applications`, which states no other kind.
FILES = {
    "vgg16": WeightsFile(
        "vgg16",
        _KERAS_URL.format(network="vgg16"),
        "md5:6d6bbae143d832006294945121d1f1fc",
        _OXFORD,
    ),
    "vgg19": WeightsFile(
        "vgg19",
        _KERAS_URL.format(network="vgg19"),
        "md5:253f8cb515780f3b799900260a226db6",
        _OXFORD,
    ),
}

# Convolutions in each of the five blocks, and their channels.
_DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_WIDTHS = {
    "vgg16": (64, 128, 256, 512, 512),
    "vgg19": (64, 128, 256, 512, 512),
}

# Seconds that a server has for its first answer, and for each further part.
_TIMEOUT = 5.0


class MissingWeightsError(FileNotFoundError):
    """No copy of the file is at hand and none could be fetched."""


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A local file of weights.

    Attributes:
        path: Where it is.
        digest: `"md5:..."` of its content.
        published: Whether that is the published hash.
    """

    path: pathlib.Path
    digest: str
    published: bool


def shapes(name: str) -> dict[str, tuple[int, int, int, int]]:
    """Kernel shapes of the convolutions of a network, shallow to deep.

    Args:
        name: A key of `FILES`.

    Returns:
        Maps the layer name to (height, width, channels in, channels out).

    Example:
    >>> shapes("vgg16")["block2_conv1"]
    (3, 3, 64, 128)
    """
    found, inputs = {}, 3
    blocks = zip(_DEPTHS[name], _WIDTHS[name], strict=True)
    for block, (depth, width) in enumerate(blocks, start=1):
        for convolution in range(1, depth + 1):
            layer = f"block{block}_conv{convolution}"
            found[layer] = (3, 3, inputs, width)
            inputs = width
    return found


def cache_dir() -> pathlib.Path:
    """Folder of the downloaded files: `TFSTYLE_HOME`, or the user's cache."""
    home = os.environ.get("TFSTYLE_HOME")
    return (
        pathlib.Path(home) if home else pathlib.Path(pooch.os_cache("tfstyle"))
    )


def resolve(
    name: str,
    path: str | os.PathLike[str] | None = None,
    *,
    progressbar: bool = False,
) -> Resolved:
    """Finds the weights of a network, and downloads them if they are missing.

    Args:
        name: A key of `FILES`.
        path: The user's own copy; nothing else is looked at then. What is in
            it is checked by `load`.
        progressbar: Whether a download draws a bar on stderr.

    Returns:
        The local file.

    Raises:
        ValueError: No network has this name, or `path` is a folder.
        FileNotFoundError: `path` does not exist.
        MissingWeightsError: No copy is at hand, and the download failed or
            `TFSTYLE_OFFLINE` forbids it. The message has three lines.
    """
    file = _published(name)
    if path is not None:
        return _own_file(file, pathlib.Path(path))
    candidates = [cache_dir() / file.filename, _keras_cache() / file.filename]
    for candidate in candidates:
        if candidate.is_file() and _digest(candidate) == file.digest:
            return Resolved(candidate, file.digest, published=True)
    wrong = [str(c) for c in candidates if c.is_file()]
    if os.environ.get("TFSTYLE_OFFLINE", "0") not in ("", "0"):
        raise _missing(file, "TFSTYLE_OFFLINE forbids downloads", wrong)
    try:
        found = _download(file, cache_dir(), progressbar)
    except (OSError, ValueError) as error:
        raise _missing(file, _reason(error), wrong) from error
    return Resolved(found, file.digest, published=True)


def auto(
    path: str | os.PathLike[str] | None = None, *, progressbar: bool = False
) -> str:
    """Chooses the network: the one of the user's file, or VGG16.

    Args:
        path: The user's own file of weights.
        progressbar: Whether a download draws a bar on stderr.

    Returns:
        A key of `FILES` whose weights are on this machine now.

    Raises:
        ValueError: `path` fits no network.
        FileNotFoundError: As in `resolve`.
    """
    if path is None:
        resolve("vgg16", progressbar=progressbar)
        return "vgg16"
    resolve("vgg16", path)
    with _open(pathlib.Path(path)) as file:
        fitting = _fitting(_convolutions(file))
    if not fitting:
        raise ValueError(
            f"'{path}' fits none of the networks {sorted(FILES)}: their "
            "convolutions must be in it without a gap, from block1_conv1 on."
        )
    return fitting[0]


def load(
    name: str,
    layers: Iterable[str] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads the weights of some convolutions, by layer name.

    Layers that are not asked for need not be in the file.

    Args:
        name: A key of `FILES`.
        layers: Convolutions such as `"block3_conv1"`; all of them if `None`.
        path: The user's own file; see `resolve`, which also says what is
            raised when no file is found.

    Returns:
        Maps the layer to its kernel, shape `(height, width, in, out)`, and its
        bias, shape `(out,)`, both finite float32.

    Raises:
        ValueError: The file is truncated or not one of Keras, it belongs to
            another network, or a layer in it is missing or wrong.
    """
    expected = shapes(_published(name).name)
    wanted = list(expected) if layers is None else list(layers)
    if unknown := [layer for layer in wanted if layer not in expected]:
        raise ValueError(
            f"{name} has no convolutions {unknown}. Choose from "
            f"{list(expected)}."
        )
    found = resolve(name, path).path
    with _open(found) as file:
        _check_network(found, name, _convolutions(file), wanted)
        arrays = {layer: _read_layer(file, layer, found) for layer in wanted}
    for layer, (kernel, bias) in arrays.items():
        _check_layer(found, layer, kernel, bias, expected[layer])
    return arrays


def _published(name: str) -> WeightsFile:
    if name not in FILES:
        raise ValueError(
            f"There are no weights for '{name}'. Choose from {sorted(FILES)}."
        )
    return FILES[name]


def _own_file(file: WeightsFile, path: pathlib.Path) -> Resolved:
    if path.is_dir():
        raise ValueError(
            f"'{path}' is a folder. Expected a file of {file.name} weights, "
            f"such as {file.filename}."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no weights file '{path}'. Expected a copy of {file.url}."
        )
    digest = _digest(path)
    return Resolved(path, digest, published=digest == file.digest)


def _keras_cache() -> pathlib.Path:
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    return pathlib.Path(home) / "models"


def _digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        # Published, so that it says which file this is; it guards no secret.
        digest = hashlib.file_digest(
            file, lambda: hashlib.md5(usedforsecurity=False)
        )
    return f"md5:{digest.hexdigest()}"


def _missing(
    file: WeightsFile, reason: str, wrong: list[str]
) -> MissingWeightsError:
    if wrong:
        reason += f"; not the published file: {', '.join(wrong)}"
    return MissingWeightsError(
        f"No {file.name} weights from {file.url}: {reason}.\n"
        f"Download that file elsewhere and put it at "
        f"'{cache_dir() / file.filename}',\n"
        "or pass --feature_weights=PATH to use a copy that you have."
    )


def _reason(error: Exception) -> str:
    """One line, without the addresses of objects that urllib3 puts in."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {_TIMEOUT:g} s"
    if isinstance(error, requests.ConnectionError):
        cause = getattr(error.args[0], "reason", error) if error.args else error
        return f"the connection failed: {str(cause).rpartition(': ')[2]}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "what was downloaded does not have the published hash"
    return " ".join(str(error).split())


def _download(
    file: WeightsFile, folder: pathlib.Path, progressbar: bool
) -> pathlib.Path:
    pooch.get_logger().setLevel("WARNING")  # The bar says it, when wanted.
    _await_answer(file.url)
    downloader = pooch.HTTPDownloader(
        progressbar=progressbar, timeout=_TIMEOUT, chunk_size=2**18
    )
    found = pooch.retrieve(
        file.url, file.digest, file.filename, folder, downloader=downloader
    )
    return pathlib.Path(found)


def _await_answer(url: str) -> None:
    """Raises what hinders a download of `url`, within `_TIMEOUT`."""
    answers: queue.Queue[Exception | None] = queue.Queue()

    def ask() -> None:
        try:
            with requests.get(url, stream=True, timeout=_TIMEOUT) as response:
                response.raise_for_status()
            answers.put(None)
        except Exception as error:  # Raised again by the thread that waits.
            answers.put(error)

    # The look-up of a name has no time-out, and each address has its own.
    threading.Thread(target=ask, daemon=True).start()
    try:
        error = answers.get(timeout=_TIMEOUT)
    except queue.Empty:
        raise requests.ConnectTimeout(url) from None
    if error is not None:
        raise error


def _open(path: pathlib.Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error.args[0]) from error


def _damaged(path: pathlib.Path, reason: object) -> ValueError:
    return ValueError(
        f"'{path}' is not a Keras weights file (.h5), or it is damaged: "
        f"{' '.join(str(reason).split())}. Pass another file."
    )


def _convolutions(file: h5py.File) -> set[str]:
    return {layer for name in FILES for layer in shapes(name)} & set(file)


def _fitting(convolutions: set[str]) -> list[str]:
    """Networks whose first layers these are, all of them and no others."""
    return [
        name
        for name in FILES
        if convolutions
        and convolutions == set(list(shapes(name))[: len(convolutions)])
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
            f"of {name}. Choose that network, or pass another file."
        )


def _read_layer(
    file: h5py.File, layer: str, path: pathlib.Path
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias; their names differ between the writers of such files."""
    try:
        group = file[layer]
        names = [_text(name) for name in group.attrs["weight_names"]]
        arrays = [group[name][()].astype("float32") for name in names]
    except (OSError, KeyError, RuntimeError, AttributeError) as error:
        raise _damaged(path, f"{layer}: {error.args[0]}") from error
    by_rank = {array.ndim: array for array in arrays}
    if set(by_rank) != {4, 1}:
        raise _damaged(path, f"{layer} has no kernel or no bias")
    return by_rank[4], by_rank[1]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


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
