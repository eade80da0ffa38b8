"""Reference requests with the answers of the Keras model, to test exports.

The answers are for pixels that Pillow decoded.
"""

import inspect
import io
from collections.abc import Mapping

import numpy as np
import PIL.Image
import tensorflow as tf

from tfstyle.adain.model import StyleModel
from tfstyle.export import graph_images
from tfstyle.export.config import ExportConfig
from tfstyle.export.prediction_log import Record
from tfstyle.export.signatures import Signatures, embed_inside
from tfstyle.features import convolution
from tfstyle.runtime.types import Shape

TOLERANCE = 1e-5
# Files are compared by their mean difference: one value rounded differently
# can change a whole block of a JPEG.
FILE_TOLERANCE = 0.5 / 255


@convolution.portable  # The answers are compared with those of other runtimes.
def records(
    model: StyleModel,
    config: ExportConfig | None = None,
    size: Shape = (49, 41),
    style_size: Shape = (34, 27),
    count: int = 2,
) -> list[Record]:
    """Returns a request for each signature, with its answer.

    Args:
        model: Model that gives the answers.
        config: Settings with the format of files.
        size: Height and width of contents, in pixels.
        style_size: Height and width of styles, in pixels.
        count: Number of examples, 1 or 2.
    """
    config = config or ExportConfig()
    strength = np.array([0.5, 1.0], np.float32)[:count]
    contents, content_files = _pictures(*size, count, (1, 1, 1))
    styles, style_files = _pictures(*style_size, count, (1, 0.6, 0.3))
    embedding = model.embed_style(styles)
    painted = model.apply_style(contents, embedding, strength)
    values = {
        "content_image": contents,
        "content_image_bytes": content_files,
        "style_image": styles,
        "style_image_bytes": style_files,
        "style_embedding": np.asarray(embedding),
        "strength": strength,
        **_answers(painted, config),
    }
    full = np.asarray(model.apply_style(contents, embedding))
    changes = {"serving_default": {"stylized_image": full}}
    names = Signatures.names(model)
    if "paint" in names:
        inside = model.apply_style(contents, embed_inside(model), strength)
        changes |= dict.fromkeys(Signatures.PAINTING, _answers(inside, config))
    return [_record(name, values | changes.get(name, {})) for name in names]


def _answers(painted: tf.Tensor, config: ExportConfig) -> dict[str, np.ndarray]:
    """Returns pictures as the outputs of signatures."""
    files = [graph_images.encode(image, config).numpy() for image in painted]
    return {
        "stylized_image": np.asarray(painted),
        "stylized_image_bytes": np.array(files, object),
    }


def check(
    record: Record,
    outputs: Mapping[str, np.ndarray],
    tolerance: float = TOLERANCE,
) -> float:
    """Returns the difference between an answer and the known one.

    Args:
        record: One of `records`.
        outputs: Arrays of the answer by name.
        tolerance: Largest absolute difference of tensors; relative to the
            largest value if that is above 1.

    Returns:
        The largest difference: of tensors the largest, of files the mean one.

    Raises:
        ValueError: It exceeds the tolerance, or the outputs have other names.
    """
    if outputs.keys() != record.outputs.keys():
        raise ValueError(
            f"{record.signature} must answer {sorted(record.outputs)}. "
            f"Received: {sorted(outputs)}"
        )
    worst = 0.0
    for name, expected in record.outputs.items():
        difference, scale = _difference(expected, outputs[name])
        allowed = FILE_TOLERANCE if expected.dtype == object else tolerance
        # Not `difference > ...`, which is false for NaN.
        if not difference <= allowed * scale:
            raise ValueError(
                f"{record.signature}: {name} differs by {difference:.2g} from "
                f"the Keras model's; {allowed * scale:.2g} is allowed."
            )
        worst = max(worst, difference)
    return worst


def decode(data: bytes) -> np.ndarray:
    """Decodes a file by Pillow to float32 `(height, width, 3)` in [0, 1]."""
    with PIL.Image.open(io.BytesIO(data)) as file:
        return np.asarray(file.convert("RGB"), np.float32) / 255


def _difference(
    expected: np.ndarray, actual: np.ndarray
) -> tuple[float, float]:
    """Returns the difference and the scale of the tolerance."""
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return np.inf, 1.0
    if expected.dtype != object:
        difference = float(np.abs(expected - actual).max())
        return difference, max(1.0, float(np.abs(expected).max()))
    pairs = zip(expected, actual, strict=True)
    means = [np.abs(decode(a) - decode(b)).mean() for a, b in pairs]
    return float(max(means)), 1.0


def _record(name: str, values: Mapping[str, np.ndarray]) -> Record:
    function = getattr(Signatures, name)
    _, *inputs = inspect.signature(function).parameters
    suffix = "_bytes" if name.endswith("_bytes") else ""
    output = "style_embedding" if "embed" in name else f"stylized_image{suffix}"
    return Record(
        signature=name,
        inputs={key: values[key] for key in inputs},
        outputs={output: values[output]},
    )


def _pictures(
    height: int, width: int, count: int, color: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a batch and its files, a PNG and a JPEG.

    Styles need another color: a photograph in its own style does not change.
    """
    y, x = np.mgrid[:height, :width][..., None] / np.float32(8)
    waves = np.sin(y * (1, 2, 1.5)) * np.cos(x * (2, 1, 0.5) + (0, 1, 2))
    files = []
    for image, kind in ((waves, "PNG"), (-waves[::-1], "JPEG")):
        samples = np.uint8((127.5 + 120 * image) * color)
        buffer = io.BytesIO()
        PIL.Image.fromarray(samples).save(buffer, kind, quality=95)
        files.append(buffer.getvalue())
    files = files[:count]
    return np.stack([decode(f) for f in files]), np.array(files, object)
