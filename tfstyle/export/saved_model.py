"""Writes SavedModels for TensorFlow Serving and TensorFlow Hub.

The folder of a model holds its versions, folders named by whole numbers, which
a server polls. A version appears as a whole, by renaming, and is never
replaced:

| file in a version                          | content                       |
|--------------------------------------------|-------------------------------|
| `saved_model.pb`, `variables/`             | the graph, see `signatures`   |
| `assets.extra/tf_serving_warmup_requests`  | warm-up requests for servers  |
| `assets.extra/known_answers`               | for `python -m export.check`  |
| `assets.extra/signatures.json`             | inputs and outputs            |
| `assets.extra/README.md`                   | the model card                |

`tf.saved_model.load` and `hub.load` return an object that is called like
Magenta's module for arbitrary stylization: `loaded(contents, styles)[0]`.
"""

import contextlib
import importlib.metadata
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfstyle.adain.model import StyleModel
from tfstyle.adain.stylizers import SMALLEST
from tfstyle.export import known_answers, prediction_log
from tfstyle.export.config import LARGEST_VERSION, ExportConfig
from tfstyle.export.signatures import Signatures
from tfstyle.runtime import files
from tfstyle.runtime.types import Path
from tfstyle.version import __version__

EXTRA = "assets.extra"
KNOWN_ANSWERS = f"{EXTRA}/known_answers"
WARMUP = f"{EXTRA}/tf_serving_warmup_requests"  # Servers expect this name.


def export(
    model: StyleModel,
    folder: Path,
    config: ExportConfig | None = None,
    version: int | None = None,
    about: str = "",
) -> tuple[pathlib.Path, float]:
    """Writes a version of a model as a SavedModel.

    It is kept only if each signature, loaded again, reproduces the Keras
    model.

    Args:
        model: Model to export.
        folder: Folder of the model's versions; created if needed.
        config: Settings of formats, limits and warm-up.
        version: Number of the version, from 1; `None` for the next one.
        about: Description and license of the model, for its card.

    Returns:
        The folder of the version, and the largest difference from the Keras
        model's answers.

    Raises:
        FileExistsError: The version exists.
        ValueError: An answer differs.
        OSError: The version cannot be written.
    """
    config = config or ExportConfig()
    with _folder(folder):
        while True:
            number = version or next_version(folder)
            path = pathlib.Path(folder, str(number))
            try:
                return path, _write_version(model, config, path, about)
            except FileExistsError:
                if version:
                    raise
                # Another export took the number meanwhile.


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Creates a folder; removes it again if the export fails."""
    there = os.path.isdir(path)
    os.makedirs(path, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # It holds other versions.
            if not there:
                os.rmdir(path)
        raise


def _write_version(
    model: StyleModel, config: ExportConfig, path: pathlib.Path, about: str
) -> float:
    with files.atomic_folder(path) as temporary, _disk_errors(path):
        records = known_answers.records(model, config)
        _save(model, config, temporary)
        difference = _check(temporary, records)
        (temporary / EXTRA).mkdir()
        prediction_log.write(temporary / KNOWN_ANSWERS, records)
        if config.warmup_sizes:
            requests = _warmup(records, config)
            prediction_log.write(temporary / WARMUP, requests)
        table = signature_table(temporary)
        _write(temporary, "signatures.json", json.dumps(table, indent=2) + "\n")
        _write(temporary, "README.md", _card(model, config, table, about))
    return difference


@contextlib.contextmanager
def _disk_errors(path: pathlib.Path) -> Iterator[None]:
    """Turns TensorFlow's errors of a disk into `OSError`.

    It says "resource exhausted" for a full disk, as for memory, and "out of
    range" for a quota.
    """
    try:
        yield
    except tf.errors.OpError as error:
        # A file in a folder that is gone by now, the reason, the operation.
        found = re.search(r"; (.*?)( \[Op:\w+\])?$", error.message)
        if found is None:
            raise
        raise OSError(f"Cannot write '{path}': {found[1]}") from error


def next_version(folder: Path) -> int:
    """Returns the number after the highest one in the folder."""
    names = (path.name for path in pathlib.Path(folder).iterdir())
    numbers = (int(name) for name in names if name.isdecimal())
    return max((n for n in numbers if n <= LARGEST_VERSION), default=0) + 1


def signature_table(path: Path) -> dict[str, Any]:
    """Returns the inputs and outputs of a version's signatures.

    Returns:
        Signature -> `"inputs"` and `"outputs"` -> name -> `"dtype"` and
        `"shape"`, where free sides are -1; read from `saved_model.pb`.
    """
    saved = saved_model_pb2.SavedModel.FromString(
        pathlib.Path(path, "saved_model.pb").read_bytes()
    )
    (graph,) = saved.meta_graphs
    return {
        name: {
            "inputs": _tensors(signature.inputs),
            "outputs": _tensors(signature.outputs),
        }
        for name, signature in sorted(graph.signature_def.items())
        if name in Signatures.NAMES + Signatures.PAINTING
    }


def answer(loaded: Any, record: prediction_log.Record) -> dict[str, np.ndarray]:
    """Returns the answer of a model loaded by `tf.saved_model.load`."""
    inputs = {name: tf.constant(x) for name, x in record.inputs.items()}
    outputs = loaded.signatures[record.signature](**inputs)
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def _save(model: StyleModel, config: ExportConfig, path: pathlib.Path) -> None:
    offered = Signatures(model, config)
    root: Any = tf.Module()
    # Only the variables: the model itself would be saved with its layers.
    root.parameters = [variable.value for variable in model.variables]
    root.__call__ = offered.function(
        lambda content_image, style_image: list(
            offered.serving_default(content_image, style_image).values()
        )
    )
    functions = {
        name: offered.function(getattr(offered, name)).get_concrete_function()
        for name in Signatures.names(model)
    }
    tf.saved_model.save(root, os.fspath(path), signatures=functions)


def _check(
    path: pathlib.Path, records: Sequence[prediction_log.Record]
) -> float:
    loaded = tf.saved_model.load(os.fspath(path))
    return max(
        known_answers.check(record, answer(loaded, record))
        for record in records
    )


def _warmup(
    records: Sequence[prediction_log.Record], config: ExportConfig
) -> Iterator[prediction_log.Record]:
    """Yields requests of each signature with gray pictures of each size."""
    for size in config.warmup_sizes:
        for record in records:
            inputs = {
                name: _gray(name, known, size)
                for name, known in record.inputs.items()
            }
            yield prediction_log.Record(
                signature=record.signature, inputs=inputs
            )


def _gray(name: str, known: np.ndarray, size: int) -> np.ndarray:
    if name.endswith("_image"):
        return np.full((1, size, size, 3), 0.5, np.float32)
    if name.endswith("_image_bytes"):
        samples = np.full((size, size, 3), 128, np.uint8)
        return np.array([tf.io.encode_jpeg(samples).numpy()], object)
    return known[:1]


def _tensors(infos: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "dtype": tf.dtypes.as_dtype(info.dtype).name,
            "shape": [dim.size for dim in info.tensor_shape.dim],
        }
        for name, info in sorted(infos.items())
    }


def _write(folder: pathlib.Path, name: str, text: str) -> None:
    (folder / EXTRA / name).write_text(text, encoding="utf-8")


def _card(
    model: StyleModel,
    config: ExportConfig,
    table: Mapping[str, Any],
    about: str,
) -> str:
    versions = f"tfstyle {__version__}, " + ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("tensorflow", "keras")
    )
    answers = config.image_format.upper()
    if config.image_format == "jpeg":
        answers += f" of quality {config.quality}"
    return _CARD.format(
        settings=json.dumps(model.settings | {"styles": len(model.styles)}),
        parameters=model.count_params(),
        versions=versions,
        answers=answers,
        max_pixels=config.max_pixels,
        smallest=SMALLEST,
        signatures="\n".join(_rows(table)),
        about=about.strip() or "It was exported without a description.",
    )


def _rows(table: Mapping[str, Any]) -> Iterator[str]:
    for name, sides in table.items():
        shown = [
            ", ".join(
                f"`{key}` {info['dtype']} {info['shape']}"
                for key, info in sides[side].items()
            )
            for side in ("inputs", "outputs")
        ]
        yield f"| `{name}` | {shown[0]} | {shown[1]} |"


_CARD = """# Style transfer, any style in one pass

Model: {settings}, {parameters} parameters. Exported by {versions}.

| signature | inputs | outputs |
|---|---|---|
{signatures}

* -1 is free. All inputs of a request have the same first side, `N`: repeat the
  style for each content.
* `..._image`: RGB from 0 to 1, of {smallest} pixels or more on each side, and
  {max_pixels} pixels or fewer in all. Results have the size of the content.
  Styles look as they do at the size given: send them with about 256 pixels.
* `..._image_bytes`: whole JPEG or PNG files, in TensorFlow Serving's REST
  interface as {{"b64": ...}}. Answers are {answers}. Transparent pixels are put
  on white. Orientation (EXIF) and color profiles are ignored: send upright
  pixels in sRGB. One bad file fails the request.
* `strength`: from 0 for the photograph to 1 for the style.
* `style_embedding`: that of one style, or a weighted mean of several.
* A bad request is answered with the status INVALID_ARGUMENT and the reason.

## The model

{about}
"""
