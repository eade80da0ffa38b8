"""Small pictures that the page about a run holds inside itself."""

import base64
import io
from typing import NamedTuple

import numpy as np
import PIL.Image

from tfstyle import images


class Figure(NamedTuple):
    """A picture of the page.

    Attributes:
        jpeg: The bytes of its JPEG file.
        height: Rows, in pixels.
        width: Columns, in pixels.
        caption: The text below it, which is its alternative text, too.
    """

    jpeg: bytes
    height: int
    width: int
    caption: str

    @property
    def url(self) -> str:
        """The file as a `data:` URL, so that the page fetches nothing."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


def figure(pixels: np.ndarray, longest: int, caption: str) -> Figure:
    """Makes a figure of an array, no larger than the page needs it.

    Args:
        pixels: Array of shape `(height, width, 3)`, float32, RGB in [0, 1].
        longest: Longer side at most, in pixels; larger arrays are shrunk.
        caption: The text below the picture.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > longest:
        height, width = images.fit(height, width, longest)
        pixels = images.resize(pixels, height, width)
    samples = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(samples).save(file, "JPEG", quality=88)
    return Figure(file.getvalue(), height, width, caption)
