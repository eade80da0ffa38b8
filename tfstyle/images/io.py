"""Reads and writes image files.

An image is a float32 array of shape `(height, width, 3)`, sRGB in [0, 1]. All
files are converted to that (rotated, wide gamut, CMYK, gray, palette, 1 or 16
bits), and written files have an sRGB profile. Transparency is kept beside the
colors, in a `Picture`. Metadata (GPS, camera) are never carried from one file
to another.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfstyle.images import decoding, encoding, srgb
from tfstyle.images.encoding import check_format
from tfstyle.images.sizes import fit, resize
from tfstyle.runtime import files, scratch
from tfstyle.runtime.types import Path

MAX_PIXELS = 100_000_000
"""Default limit of the pixels of an image file.

About the largest camera picture; a file of a few kilobytes can claim far more.
"""

_MOST_DPI = 65_535  # JPEG has 16 bits for it.


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Colors of an image file and, beside them, its transparency.

    Attributes:
        pixels: Array of shape `(height, width, 3)`, float32, RGB in [0, 1].
            Invisible pixels have the mean of the visible colors.
        alpha: Array of shape `(height, width)`, float32, from 0, transparent,
            to 1; `None` if all of the picture is opaque.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """The picture as a mask: its alpha channel, else its gray tones."""
        return self.pixels.mean(-1) if self.alpha is None else self.alpha


def load(
    path: Path,
    size: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Reads an image, upright, in sRGB, without its transparency.

    Args:
        path: A PNG, JPEG, WebP or TIFF file, or another of
            `decoding.READABLE`.
        size: Longer side in pixels, smaller or larger than stored; as stored
            if `None`.
        max_pixels: Maximum number of pixels; larger files are refused before
            they are decoded.

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
    """Reads an image and its transparency, at the stored size.

    Of files with several pictures it reads the first; `srgb` converts colors.

    Args:
        path: An image file; see `load`.
        max_pixels: Maximum number of pixels; see `load`.

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
    dpi: int | None = None,
) -> None:
    """Writes an image; an older file is replaced once the new one is whole.

    Args:
        path: File to write: .png, .jpg, .jpeg, .webp, .tif or .tiff.
        pixels: Array of shape `(height, width, 3)`, floating point, RGB;
            clipped to [0, 1].
        alpha: Array of shape `(height, width)`, floating point, from 0,
            transparent, to 1; `None` if opaque.
        quality: Quality of JPEG and WebP, from 1 to 100.
        bit_depth: Bits per channel, 8 or 16; 16 for PNG, and for TIFF with
            tifffile.
        metadata: Keyword -> text, for `read_metadata`. A keyword has 1 to 79
            Latin-1 characters.
        dpi: Pixels per inch when printed, from 1 to 65535; `None` to leave it
            open.

    Raises:
        ValueError: The format cannot hold the picture, the arrays are not
            images, or a number is out of range.
        OSError: The file cannot be written; names `path`.
    """
    _check_pixels(path, pixels, alpha)
    numbers = (("quality", quality, 100), ("dpi", dpi, _MOST_DPI))
    for name, number, most in numbers:
        if number is not None and not 1 <= number <= most:
            raise ValueError(
                f"`{name}` must be from 1 to {most}. Received: {name}={number}"
            )
    format = check_format(
        path, bit_depth, alpha is not None, max(pixels.shape[:2])
    )
    layers = [pixels] if alpha is None else [pixels, alpha[..., None]]
    samples = encoding.Samples(
        shape=(*pixels.shape[:2], 2 + len(layers)),
        dtype=np.dtype(f"uint{bit_depth}"),
        strips=_strips(layers, bit_depth),
    )
    with files.atomic(path, "w+b") as file:
        try:
            encoding.write(file, samples, format, quality, metadata or {}, dpi)
        except ValueError as error:  # The format cannot hold the metadata.
            raise ValueError(
                f"Cannot write '{os.fspath(path)}': {error}"
            ) from error


def _strips(
    layers: Sequence[np.ndarray], bit_depth: int
) -> Iterator[np.ndarray]:
    """Clips to [0, 1] and rounds to the integers of a file, strip by strip."""
    largest = np.float32(2**bit_depth - 1)
    for start in range(0, len(layers[0]), encoding.ROWS):
        rows = slice(start, start + encoding.ROWS)
        strip = np.concatenate([layer[rows] for layer in layers], axis=-1)
        scratch.release(*layers)
        rounded = np.rint(np.clip(strip, 0, 1) * largest)
        yield rounded.astype(f"uint{bit_depth}")


def _check_pixels(
    path: Path, pixels: np.ndarray, alpha: np.ndarray | None
) -> None:
    name = os.fspath(path)
    for array in (pixels, alpha):
        if array is not None and not isinstance(array, np.ndarray):
            raise ValueError(
                f"Cannot write '{name}': expected NumPy arrays. Received: "
                f"{type(array).__name__}"
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
                f"in [0, 1]. Received: {array.dtype}. Divide 8-bit values by "
                "255."
            )
        if array is not None and not _finite(array):
            raise ValueError(
                f"Cannot write '{name}': some of `{argument}` are not finite."
            )


def _finite(array: np.ndarray) -> bool:
    return bool(np.isfinite([array.min(), array.max()]).all())
