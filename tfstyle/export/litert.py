"""Writes LiteRT (TensorFlow Lite) files, for phones; needs `tfstyle[export]`.

A file holds the signatures `stylize`, `embed_style` and `apply_style` for one
example. It is kept only if the LiteRT runtime reproduces the Keras model.

| precision | weights                       | largest difference              |
|-----------|-------------------------------|---------------------------------|
| float32   | float32                       | 1e-5                            |
| float16   | float16, computed in float32  | 2e-3                            |
| int8      | 8 bits, one scale per channel | mean 0.02, SSIM of images 0.98  |
"""

import tempfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle.adain.model import StyleModel
from tfstyle.export import known_answers
from tfstyle.export.graphs import Graphs, Sides
from tfstyle.export.prediction_log import Record
from tfstyle.export.signatures import UncheckedSignatures
from tfstyle.features import convolution, memory
from tfstyle.runtime import chatter, files
from tfstyle.runtime.types import Path, Shape

_TOLERANCES = {"float32": known_answers.TOLERANCE, "float16": 2e-3}
# Relative to the largest value; three times the measured difference
# (docs/measurements/serving.md).
_INT8_MEAN = 0.02
_INT8_SSIM = 0.98
# Two sizes reveal a side that was fixed by mistake.
_SIZES = ((49, 41), (32, 80))
_STYLE_SIZE = (34, 27)


def export(
    model: StyleModel,
    path: Path,
    precision: str = "float32",
    size: Sides = (None, None),
    style_size: Sides = (None, None),
) -> float:
    """Writes a model as a LiteRT file.

    Args:
        model: Model to convert.
        path: File to write (.tflite).
        precision: Type of the weights: `"float32"`, `"float16"` or `"int8"`.
        size: Height and width of contents in pixels, `None` where free.
        style_size: Height and width of styles in pixels, `None` where free.

    Returns:
        The largest difference from the Keras model's answers; for int8 the
        largest mean difference.

    Raises:
        ValueError: The answers differ, or a package is missing.
        OSError: The file cannot be written.
        MemoryError: Images of these sides would not fit in memory.
    """
    files.check_writable(path)
    _check_memory(model, size, style_size)
    with chatter.hidden():
        data = convert(model, precision, size, style_size)
        interpreter = _interpreter(data)
        worst = max(
            _check(precision, record, run(interpreter, record))
            for known in _SIZES
            for record in known_answers.records(
                model,
                None,
                _fixed(size, known),
                _fixed(style_size, _STYLE_SIZE),
                count=1,
            )
            if record.signature in UncheckedSignatures.names(model)
        )
    with files.atomic(path) as file:
        file.write(data)
    return worst


def convert(
    model: StyleModel,
    precision: str,
    size: Sides,
    style_size: Sides,
) -> bytes:
    """Returns the bytes of the file, without a comparison."""
    offered = UncheckedSignatures(model, Graphs(model, 1, size, style_size))
    # From other SavedModels of Keras models the converter silently makes files
    # that compute wrong numbers.
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name in offered.names(model):
        function = getattr(offered, name)
        specs = offered.function(function).input_signature
        portable = convolution.portable(function)
        archive.add_endpoint(name, portable, list(specs))
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(offered.names(model))
        )
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def run(interpreter: Any, record: Record) -> dict[str, np.ndarray]:
    """Returns the LiteRT runtime's answer to a request."""
    return interpreter.get_signature_runner(record.signature)(**record.inputs)


def _check_memory(model: StyleModel, size: Sides, style_size: Sides) -> None:
    """Refuses sides at which the model could not give its known answers."""
    shapes = [_fixed(size, known) for known in _SIZES]
    for shape in (*shapes, _fixed(style_size, _STYLE_SIZE)):
        memory.check_pass(model.settings["encoder"], shape)


def _fixed(size: Sides, known: Shape) -> Shape:
    """Replaces free sides by known ones."""
    return size[0] or known[0], size[1] or known[1]


def _interpreter(data: bytes) -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise ValueError(
            "ai_edge_litert is missing. Install tfstyle[export]."
        ) from error
    return interpreter.Interpreter(model_content=data)


def _check(
    precision: str, record: Record, outputs: Mapping[str, np.ndarray]
) -> float:
    if precision != "int8":
        return known_answers.check(record, outputs, _TOLERANCES[precision])
    ((name, expected),) = record.outputs.items()
    actual = outputs[name]
    mean = float(np.abs(actual - expected).mean())
    allowed = _INT8_MEAN * max(1.0, float(np.abs(expected).max()))
    is_image = expected.ndim == 4
    ssim = float(tf.image.ssim(actual, expected, 1.0)[0]) if is_image else 1.0
    if not (mean <= allowed and ssim >= _INT8_SSIM):
        raise ValueError(
            f"{record.signature}: {name} differs by {mean:.2g} on average "
            f"(SSIM {ssim:.3f}) from the Keras model's; {allowed:.2g} and "
            f"{_INT8_SSIM} are allowed. Try float16."
        )
    return mean
