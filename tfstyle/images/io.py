"""Reads, writes and resizes images; arranges them on a contact sheet.

An image is a float32 array of shape `(height, width, 3)`, RGB in [0, 1], with
the colours of sRGB: whatever a file holds (rotated, wide gamut, CMYK, grey,
palette, 1 or 16 bits) is turned into that, and files that are written say so.
Transparency is kept beside the colours, in a `Picture`. Metadata (GPS, camera)
are never carried from one file to another.

>>> import numpy as np
>>> resize(np.full((4, 6, 3), 0.25, np.float32), *fit(4, 6, 3)).shape
(2, 3, 3)
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from tfstyle.images import decoding, encoding, srgb
from tfstyle.images.decoding import read_metadata
from tfstyle.images.encoding import Format, check_format
from tfstyle.runtime import files, host_memory

__all__ = [
    "MAX_PIXELS",
    "Format",
    "Picture",
    "check_format",
    "contact_sheet",
    "fit",
    "load",
    "read",
    "read_metadata",
    "resize",
    "save",
]

# About what the largest cameras take; a file of a few kilobytes can claim more.
MAX_PIXELS = 100_000_000


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
    path: str | os.PathLike[str],
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


def read(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Picture:
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
    path: str | os.PathLike[str],
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
        bit_depth: 8 or 16; the latter for PNG and TIFF, with OpenCV.
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


def fit(height: int, width: int, size: int) -> tuple[int, int]:
    """The shape of the same aspect whose longer side is `size`.

    >>> fit(600, 800, 400)
    (300, 400)
    >>> fit(3, 20000, 256)
    (1, 256)
    """
    if size < 1:
        raise ValueError(f"`size` must be positive. Received: size={size}")
    scale = size / max(height, width)
    # At least one pixel: a panorama of 20000x3 at size 256 rounds to 0.
    return max(1, round(scale * height)), max(1, round(scale * width))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes with Lanczos' filter, antialiased, without rounding to 8 bits.

    Args:
        image: Array of shape `(height, width, channels)` or `(height, width)`,
            in [0, 1].
        height: New height, at least 1.
        width: New width, at least 1.

    Returns:
        Float32 array of the new shape, in [0, 1]: where the filter
        overshoots at edges it is clipped.
    """
    return _resize(image, height, width, None)


def _resize(
    image: np.ndarray,
    height: int,
    width: int,
    box: tuple[float, float, float, float] | None,
) -> np.ndarray:
    channels = image.reshape(*image.shape[:2], -1).astype(
        np.float32, copy=False
    )
    _check_memory(height, width, channels.shape[-1])
    resized = [
        PIL.Image.fromarray(np.ascontiguousarray(channels[..., i])).resize(
            (width, height), PIL.Image.Resampling.LANCZOS, box
        )
        for i in range(channels.shape[-1])
    ]
    stacked = np.stack([np.asarray(channel) for channel in resized], axis=-1)
    return np.clip(stacked, 0, 1).reshape(height, width, *image.shape[2:])


def _check_memory(height: int, width: int, channels: int) -> None:
    """Raises `MemoryError` for an image that is too large to be resized to."""
    if height * width > _LARGE:
        host_memory.check(
            f"An image of {width}x{height} pixels",
            _RESIZED * channels * height * width,
        )


_LARGE = 2**22  # Smaller ones fit, and would wait 0.1 ms for the answer.
_RESIZED = 12  # Bytes of each value: three arrays of them are at hand.


def check_sheet(shape: tuple[int, int], rows: int, columns: int) -> None:
    """Refuses a contact sheet that would not fit in memory.

    Args:
        shape: Height and width of its images, or more.
        rows: Of images.
        columns: Of images.

    Raises:
        MemoryError: Says what is needed.
    """
    count, (height, width) = rows * columns, shape
    host_memory.check(
        f"A sheet of {columns}x{rows} pictures", _SHEET * count * height * width
    )


# Bytes of each pixel: pictures, their copies on the sheet, and its own.
_SHEET = 64


def zoom(image: np.ndarray, factor: float) -> np.ndarray:
    """Enlarges the middle of an image to all of it, as `resize` would.

    Args:
        image: Array of shape `(height, width, 3)`, in [0, 1].
        factor: 1 or more; the middle may begin between two pixels.
    """
    height, width = image.shape[:2]
    top, left = (side * (1 - 1 / factor) / 2 for side in (height, width))
    box = (left, top, width - left, height - top)
    return _resize(image, height, width, box)


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    height: int = 256,
    labels: Sequence[Sequence[str]] | None = None,
) -> np.ndarray:
    """Places images side by side on white, for eyes to compare.

    Args:
        rows: Images of shape `(any, any, 3)`, in [0, 1]; rows may differ in
            length.
        height: Height of each image on the sheet, in pixels; the aspect stays.
        labels: A line of text under each image, in the arrangement of `rows`.

    Returns:
        Array of shape `(sheet height, sheet width, 3)`, float32, in [0, 1].

    Raises:
        ValueError: There are no images, or labels for other rows.
    """
    shape = [len(row) for row in rows]
    if not any(shape):
        raise ValueError("A contact sheet needs at least one image.")
    if labels is not None and [len(row) for row in labels] != shape:
        raise ValueError(
            f"Every image needs one label. Received: rows of {shape} images, "
            f"{[len(row) for row in labels]} labels."
        )
    cells = [[_at_height(image, height) for image in row] for row in rows]
    # Columns are aligned, so that what belongs together stands together.
    columns = range(max(shape))
    widths = [
        max(row[i].shape[1] for row in cells if i < len(row)) for i in columns
    ]
    line = _LINE if labels is not None else 0
    step = height + line + _GAP
    sheet = PIL.Image.new(
        "RGB",
        (sum(widths) + _GAP * (len(widths) + 1), step * len(rows) + _GAP),
        "white",
    )
    for j, row in enumerate(cells):
        for i, cell in enumerate(row):
            place = (sum(widths[:i]) + _GAP * (i + 1), step * j + _GAP)
            sheet.paste(PIL.Image.fromarray(_samples(cell, 8)), place)
            if labels is not None:
                text = _text(labels[j][i], widths[i])
                sheet.paste(text, (place[0], place[1] + height))
    return srgb.unit(sheet)


# Pixels between the images of a contact sheet, and for a line of text.
_GAP = 8
_LINE = 18


def _at_height(image: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return resize(image, height, width)


def _text(label: str, width: int) -> PIL.Image.Image:
    """A line of black text on white, cut where the column ends."""
    image = PIL.Image.new("RGB", (width, _LINE), "white")
    font = PIL.ImageFont.load_default(size=0.7 * _LINE)
    PIL.ImageDraw.Draw(image).text((0, 1), label, fill="black", font=font)
    return image


def _samples(image: np.ndarray, bit_depth: int) -> np.ndarray:
    """Rounds [0, 1] to the integers of a file; clips what is beyond."""
    largest = 2**bit_depth - 1
    rounded = np.rint(np.clip(image, 0, 1) * np.float32(largest))
    return rounded.astype(np.uint8 if bit_depth == 8 else np.uint16)


def _check_pixels(
    path: str | os.PathLike[str], pixels: np.ndarray, alpha: np.ndarray | None
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
