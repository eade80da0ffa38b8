"""Reads and writes image files.

An image is a float32 array of shape `(height, width, 3)`, RGB in [0, 1], with
the colours of sRGB: whatever a file holds (rotated, wide gamut, CMYK, grey,
palette, 1 or 16 bits) is turned into that, and files that are written say so.
Transparency is kept beside the colours, in a `Picture`. Metadata (GPS, camera)
are never carried from one file to another.
"""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from tfstyle.images import decoding, encoding, srgb
from tfstyle.images.encoding import check_format
from tfstyle.images.sizes import fit, resize
from tfstyle.runtime import files
from tfstyle.runtime.types import Path

MAX_PIXELS = 100_000_000
"""Pixels of the largest image that is read unless a caller allows more.

About what the largest cameras take; a file of a few kilobytes can claim more.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """The colours of a file and, beside them, its transparency.

    Attributes:
        pixels: Array of shape `(height, width, 3)`, float32, RGB in [0, 1].
            Where nothing is visible it has the mean of the visible colours.
        alpha: Array of shape `(height, width)`, float32, from 0, transparent,
            to 1; `None` when all of the picture is opaque.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """The mask that it is: its transparency, else its grey tones."""
        return self.pixels.mean(-1) if self.alpha is None else self.alpha


def load(
    path: Path,
    size: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Reads an image, upright, in sRGB, without its transparency.

    Args:
        path: A PNG, JPEG, WebP or TIFF file; see `decoding.READABLE`.
        size: Length of the longer side in pixels, smaller or larger than
            stored; as stored if `None`.
        max_pixels: Files of more pixels are refused before they are decoded.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1].

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is empty, damaged, not an image or too large.
    """
    pixels = read(path, max_pixels).pixels
    if size is None:
        return pixels
    height, width = fit(pixels.shape[0], pixels.shape[1], size)
    return resize(pixels, height, width)


def read(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads an image as `load` does, and its transparency.

    Of files with several pictures it is the first; see `srgb` for the colours.

    Args:
        path: As in `load`.
        max_pixels: As in `load`.

    Returns:
        The picture.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is empty, damaged, not an image or too large.
    """
    decoded = decoding.decode(path, max_pixels)
    try:
        return Picture(*srgb.convert(*decoded))
    except ValueError as error:
        raise ValueError(f"'{os.fspath(path)}': {error}") from error


def save(
    path: Path,
    pixels: np.ndarray,
    alpha: np.ndarray | None = None,
    quality: int = 95,
    bit_depth: int = 8,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes an image; an older file is replaced only when all is written.

    Args:
        path: File to write: .png, .jpg, .jpeg, .webp, .tif or .tiff.
        pixels: Array of shape `(height, width, 3)`, floating point, RGB;
            beyond [0, 1] it is clipped.
        alpha: Array of shape `(height, width)`, floating point, from 0,
            transparent, to 1; or `None`, opaque.
        quality: 1 to 100, of JPEG and WebP.
        bit_depth: 8 or 16; the latter for PNG, and for TIFF with tifffile.
        metadata: Keyword -> text, for `read_metadata`. A keyword has 1 to 79
            Latin characters.

    Raises:
        ValueError: The format cannot hold this, or the arrays are not images.
        OSError: The file cannot be written; names `path`.
    """
    _check_pixels(path, pixels, alpha)
    if not 1 <= quality <= 100:
        raise ValueError(
            f"`quality` must be from 1 to 100. Received: quality={quality}"
        )
    format = check_format(
        path, bit_depth, alpha is not None, max(pixels.shape[:2])
    )
    layers = [pixels] if alpha is None else [pixels, alpha[..., None]]
    samples = _samples(np.concatenate(layers, axis=-1), bit_depth)
    try:
        data = encoding.encode(samples, format, quality, metadata or {})
    except ValueError as error:  # Metadata that the format cannot hold.
        raise ValueError(
            f"Cannot write '{os.fspath(path)}': {error}"
        ) from error
    with files.atomic(path) as file:
        file.write(data)


def _samples(image: np.ndarray, bit_depth: int) -> np.ndarray:
    """Rounds [0, 1] to the integers of a file; clips what is beyond."""
    largest = 2**bit_depth - 1
    rounded = np.rint(np.clip(image, 0, 1) * np.float32(largest))
    return rounded.astype(np.uint8 if bit_depth == 8 else np.uint16)


def _check_pixels(
    path: Path, pixels: np.ndarray, alpha: np.ndarray | None
) -> None:
    name = os.fspath(path)
    if not isinstance(pixels, np.ndarray):
        raise ValueError(
            f"Cannot write '{name}': expected a NumPy array. Received: "
            f"{type(pixels).__name__}"
        )
    if pixels.ndim != 3 or pixels.shape[-1] != 3 or not pixels.size:
        raise ValueError(
            f"Cannot write '{name}': expected an image of shape (height, "
            f"width, 3). Received: shape {pixels.shape}"
        )
    if alpha is not None and alpha.shape != pixels.shape[:2]:
        raise ValueError(
            f"Cannot write '{name}': `alpha` must have shape "
            f"{pixels.shape[:2]}. Received: shape {alpha.shape}"
        )
    for argument, array in (("pixels", pixels), ("alpha", alpha)):
        # NumPy calls the kind of bfloat16 "V".
        if array is not None and array.dtype.kind not in "fV":
            raise ValueError(
                f"Cannot write '{name}': `{argument}` must be floating point, "
                f"in [0, 1]. Received: {array.dtype}. Divide 8 bits by 255."
            )
    if not np.isfinite(pixels).all():
        raise ValueError(f"Cannot write '{name}': some pixels are not finite.")
