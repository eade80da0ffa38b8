"""Small pictures that a report embeds."""

import base64
import io
from typing import NamedTuple

import numpy as np
import PIL.Image

from tfstyle import images


class Figure(NamedTuple):
    """A picture of a report.

    Attributes:
        jpeg: Content of its JPEG file.
        height: Height, in pixels.
        width: Width, in pixels.
        caption: Text below it, which is also its alternative text.
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
    """Makes a figure from an array, no larger than the page needs it.

    Args:
        pixels: Array of shape `(height, width, 3)`, float32, RGB in [0, 1].
        longest: Maximum of the longer side, in pixels; larger arrays are
            shrunk.
        caption: Text below the picture.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > longest:
        height, width = images.fit(height, width, longest)
        pixels = images.resize(pixels, height, width)
    samples = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(samples).save(file, "JPEG", quality=88)
    return Figure(file.getvalue(), height, width, caption)
