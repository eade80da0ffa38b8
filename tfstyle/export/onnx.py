"""Writes ONNX files for runtimes without TensorFlow; needs `tfstyle[export]`.

A file holds one signature; batch and sizes are free. It is kept only if ONNX
Runtime reproduces the Keras model.
"""

import importlib
import logging
import types

import numpy as np

from tfstyle.adain.model import StyleModel
from tfstyle.export import known_answers
from tfstyle.export.prediction_log import Record
from tfstyle.export.signatures import UncheckedSignatures
from tfstyle.runtime import files
from tfstyle.runtime.types import Path

OPSET = 18


def export(
    model: StyleModel,
    path: Path,
    signature: str = "stylize",
) -> float:
    """Writes a signature of a model as an ONNX file.

    Args:
        model: Model to convert.
        path: File to write (.onnx).
        signature: One of `signatures.UncheckedSignatures.NAMES`.

    Returns:
        The largest difference from the Keras model's answers.

    Raises:
        ValueError: The answers differ, or a package is missing.
        OSError: The file cannot be written.
    """
    files.check_writable(path)
    data = convert(model, signature)
    # Two sizes reveal a side that was fixed by mistake.
    worst = max(
        known_answers.check(record, run(data, record))
        for size in ((49, 41), (32, 80))
        for record in known_answers.records(model, size=size)
        if record.signature == signature
    )
    with files.atomic(path) as file:
        file.write(data)
    return worst


def convert(model: StyleModel, signature: str) -> bytes:
    """Returns the bytes of the file, without a comparison."""
    tf2onnx = _package("tf2onnx")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    offered = UncheckedSignatures(model)
    if signature not in offered.names(model):
        raise ValueError(
            f"The model has no style inside for the signature '{signature}': "
            "name a model of tfstyle.specialize, or another signature."
        )
    function = offered.function(getattr(offered, signature))
    proto, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET
    )
    return proto.SerializeToString()


def run(data: bytes, record: Record) -> dict[str, np.ndarray]:
    """Returns ONNX Runtime's answer to a request."""
    onnxruntime = _package("onnxruntime")
    session = onnxruntime.InferenceSession(
        data, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    arrays = session.run(names, dict(record.inputs))
    return dict(zip(names, arrays, strict=True))


def _package(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"{name} is missing. Install tfstyle[export]."
        ) from error
