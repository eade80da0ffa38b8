"""Resizing of arrays strip by strip, with the values of `tf.image.resize`.

Strips resized by themselves would lie elsewhere by rounding. But TensorFlow
resizes one side after the other, and a side that keeps its length keeps its
values: so a side is resized in strips along the other one.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape

# The order in which TensorFlow resizes the sides.
_ORDER = {"bicubic": (1, 2), "bilinear": (2, 1)}


def resize(
    image: Any, shape: Shape, method: str, make: scratch.Make
) -> np.ndarray:
    """Returns `tf.image.resize(image, shape, method)`, bit for bit.

    Args:
        image: Array or tensor `(1, height, width, channels)`, float32.
        shape: New height and width.
        method: `"bicubic"` or `"bilinear"`.
        make: Function that makes the result, and an array for one side.
    """
    for axis in _ORDER[method]:
        image = _along(image, axis, shape[axis - 1], method, make)
    return image


def _along(
    image: Any, axis: int, length: int, method: str, make: scratch.Make
) -> np.ndarray:
    """Resizes one side: rows are axis 1, columns axis 2."""
    sides = [*image.shape]
    sides[axis] = length
    found = make(sides)
    for strip in scratch.slices(sides[3 - axis]):
        part = np.s_[:, strip] if axis == 2 else np.s_[:, :, strip]
        seen = image[part]
        found[part] = tf.image.resize(seen, found[part].shape[1:3], method)
        scratch.release(image, found)
    return found


class Between:
    """Between which rows of an image those of an enlarged one are, bilinearly.

    Args:
        length: Rows of the image.
        longer: Rows of the enlarged image.
        rows: Some of these.

    Attributes:
        seen: Rows of the image that are seen.
    """

    def __init__(self, length: int, longer: int, rows: slice) -> None:
        half = np.float32(0.5)
        places = np.arange(rows.start, rows.stop, dtype=np.float32) + half
        places = places * (np.float32(length) / np.float32(longer)) - half
        above = np.maximum(np.floor(places), 0).astype(int)
        below = np.minimum(np.ceil(places), length - 1).astype(int)
        self.seen = slice(above[0], below[-1] + 1)
        self._above, self._below = above - above[0], below - above[0]
        self._near = (places - np.floor(places))[:, None, None]

    def enlarged(self, part: Any, width: int) -> np.ndarray:
        """Returns the enlarged rows, as `tf.image.resize` makes them.

        Args:
            part: The rows that are seen, `(1, rows, columns, channels)`.
            width: Columns of the enlarged image.
        """
        wide = np.asarray(tf.image.resize(part, (part.shape[1], width)))
        above, below = wide[:, self._above], wide[:, self._below]
        return above + (below - above) * self._near
