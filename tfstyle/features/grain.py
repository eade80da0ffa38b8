"""Grain: faint noise on images, for models that scale how feature maps vary.

Where an image is flat, as in drawings, logos and clear skies, nothing varies:
AdaIN would leave it without strokes.

The noise belongs to its place: an image in tiles has that of the whole image.
It is the sum of two patterns whose periods meet after 14351 pixels.
"""

import numpy as np
from keras import ops

from tfstyle.runtime.types import Tensor

_PERIODS = (113, 127)
_DEVIATION = 2 / 255
_LOWEST = 1 / 64  # Cycles per pixel; below, the spectrum is flat.


def grained(images: Tensor) -> Tensor:
    """Adds grain to whole images `(batch, height, width, channels)`."""
    # Keras chooses the type by its setting of floats otherwise: int16 for half.
    rows, columns = (
        ops.arange(side, dtype="int32") for side in ops.shape(images)[1:3]
    )
    return images + noise(rows, columns)


def noise(rows: Tensor, columns: Tensor) -> Tensor:
    """Returns the grain of some places, the same for all channels.

    Args:
        rows: Rows of an image, in any order.
        columns: Columns of an image, in any order.

    Returns:
        Shape `(rows, columns, 1)`, float32, of mean 0 and deviation 2/255.
    """
    parts = [
        ops.take(ops.take(pattern, rows % period, 0), columns % period, 1)
        for pattern, period in zip(_PATTERNS, _PERIODS, strict=True)
    ]
    return ops.expand_dims(parts[0] + parts[1], -1)


def _pattern(period: int, deviation: float) -> np.ndarray:
    """Periodic noise, the stronger the coarser, as in photographs."""
    white = np.random.RandomState(period).standard_normal((period, period))
    frequency = np.fft.fftfreq(period)
    distance = np.hypot(frequency[:, None], frequency)
    gain = 1 / np.maximum(distance, _LOWEST)
    gain[0, 0] = 0
    found = np.fft.ifft2(np.fft.fft2(white) * gain).real
    found *= deviation / found.std()
    # On all machines the same, whatever their last bits are.
    return (np.round(found * 2**14) / 2**14).astype(np.float32)


_PATTERNS = [_pattern(period, _DEVIATION / 2**0.5) for period in _PERIODS]
