"""Sizes of images: fitting, resizing, and pyramids from coarse to fine."""

import math
from collections.abc import Callable

import numpy as np
import PIL.Image

from tfstyle.runtime import host_memory, scratch

SMALLEST = 16
"""Shortest side, in pixels, for which VGG's fifth block is not empty."""

_START_SHORTER = 32  # With fewer pixels, block 5 has at most two positions.


def fit(height: int, width: int, size: int) -> tuple[int, int]:
    """Returns the shape of the same aspect whose longer side is `size`.

    Examples:
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


def resize(
    image: np.ndarray, height: int, width: int, make: scratch.Make = np.empty
) -> np.ndarray:
    """Resizes with a Lanczos filter, antialiased, without rounding to 8 bits.

    Args:
        image: Array of shape `(height, width, channels)` or `(height, width)`,
            in [0, 1].
        height: New height, at least 1.
        width: New width, at least 1.
        make: Function that makes the result, from its shape and type.

    Returns:
        Float32 array of the new shape, clipped to [0, 1]: the filter
        overshoots at edges. A float32 image that has the shape is returned
        itself.
    """
    if image.shape[:2] == (height, width) and image.dtype == np.float32:
        return image  # A copy of a large picture would take memory.
    return _resize(image, height, width, None, make)


def _resize(
    image: np.ndarray,
    height: int,
    width: int,
    box: tuple[float, float, float, float] | None,
    make: scratch.Make = np.empty,
) -> np.ndarray:
    channels = image.reshape(*image.shape[:2], -1).astype(
        np.float32, copy=False
    )
    kept = channels.shape[-1] if make is np.empty else 0
    _check_memory(height, width, kept)
    found = make((height, width, channels.shape[-1]), np.float32)
    for i in range(channels.shape[-1]):  # Not together: they may be large.
        channel = PIL.Image.fromarray(np.ascontiguousarray(channels[..., i]))
        resized = channel.resize(
            (width, height), PIL.Image.Resampling.LANCZOS, box
        )
        np.clip(np.asarray(resized), 0, 1, out=found[..., i])
        scratch.release(image, found)
    return found.reshape(height, width, *image.shape[2:])


def _check_memory(height: int, width: int, channels: int) -> None:
    """Raises `MemoryError` if an image of the new size does not fit.

    Args:
        height: New height.
        width: New width.
        channels: Channels of the result; 0 if the caller has room for it.
    """
    if height * width > _LARGE:
        host_memory.check(
            f"An image of {width}x{height} pixels",
            (4 * channels + _RESIZED) * height * width,
        )


_LARGE = 2**22  # Smaller ones fit; the check would take 0.1 ms.
_RESIZED = 12  # Bytes per pixel beside the result: arrays of one channel.


def stride(pixels: int, positions: int) -> int:
    """Returns the pixels from one position of feature maps to the next.

    Those of all networks are powers of two; maps may lack what is left over at
    their end.

    >>> stride(159, 19)
    8

    Args:
        pixels: Length of a side of the image that the maps cover.
        positions: Length of that side of the maps.
    """
    return 2 ** round(math.log2(pixels / positions))


def zoom(image: np.ndarray, factor: float) -> np.ndarray:
    """Enlarges the middle of an image to its full size, like `resize`.

    Args:
        image: Array of shape `(height, width, channels)` or `(height, width)`,
            in [0, 1].
        factor: Enlargement, at least 1; the middle may begin between pixels.
    """
    height, width = image.shape[:2]
    top, left = (side * (1 - 1 / factor) / 2 for side in (height, width))
    box = (left, top, width - left, height - top)
    return _resize(image, height, width, box)


def pyramid(
    height: int,
    width: int,
    size: int,
    smallest: int = 128,
    factor: float = 2**0.5,
) -> list[tuple[int, int]]:
    """Returns shapes from coarse to fine.

    The longer side of the first shape has at least `smallest` pixels, more if
    the shorter side would have less than 32; that of the last has exactly
    `size`.

    >>> pyramid(600, 800, 512)
    [(96, 128), (136, 181), (192, 256), (272, 362), (384, 512)]
    >>> pyramid(100, 1000, 512)
    [(36, 362), (51, 512)]
    >>> pyramid(1536, 2048, 2048, 512, factor=2)
    [(384, 512), (768, 1024), (1536, 2048)]

    Args:
        height: Rows of the photograph.
        width: Columns of the photograph.
        size: Longer side of the last shape, in pixels.
        smallest: Minimum of the first shape's longer side, in pixels; 128 as
            in crowsonkb's recipe.
        factor: Ratio of the sides of one shape to the one before.

    Raises:
        ValueError: The shorter side of the last shape is under 16 pixels.
    """
    last = _last(height, width, size)
    shapes = [last]
    longer = size / factor
    while round(longer) >= smallest:
        shape = fit(height, width, round(longer))
        if min(shape) < _START_SHORTER:
            break
        shapes.append(shape)
        longer /= factor
    return shapes[::-1]


def coarse_to_fine(
    photo: np.ndarray,
    start_size: int,
    paint: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """Paints a photograph at a half, a quarter and so on of its size first.

    Each picture is enlarged, gets back the photograph's details, and is painted
    again.

    Args:
        photo: Array of shape `(height, width, 3)`, in [0, 1].
        start_size: Least longer side, in pixels; 0 to paint once.
        paint: Function from what is given at a size, and the number of that
            size, from 0, to its picture.

    Returns:
        The last picture.

    Raises:
        ValueError: The shorter side of the photograph is under 16 pixels.
    """
    height, width = photo.shape[:2]
    longer = max(height, width)
    shapes = pyramid(height, width, longer, start_size or longer, factor=2)
    small = resize(photo, *shapes[0])
    picture = paint(small, 0)
    for number, shape in enumerate(shapes[1:], 1):
        large = resize(photo, *shape)
        picture = paint(enlarged(picture, small, large), number)
        small = large
    return picture


def enlarged(
    picture: np.ndarray, reduced: np.ndarray, photo: np.ndarray
) -> np.ndarray:
    """Enlarges the picture of a reduced photograph, and adds its details.

    These are what the photograph has beyond half the smaller size, as in a
    Laplacian pyramid (Burt and Adelson, 1983). What the picture has beyond
    that, such as the grid of a model, is left out.

    Args:
        picture: Array of shape `(height, width, 3)`, in [0, 1].
        reduced: The photograph at the shape of `picture`, in [0, 1].
        photo: The photograph at the new shape, in [0, 1].

    Returns:
        Float32 array of the shape of `photo`, clipped to [0, 1].
    """
    shape = photo.shape[:2]
    half = [-(-side // 2) for side in picture.shape[:2]]
    found = resize(resize(reduced, *half), *shape)
    # In place: they may be large.
    np.subtract(photo, found, out=found)
    found += resize(resize(picture, *half), *shape)
    return np.clip(found, 0, 1, out=found)


def octaves(
    height: int, width: int, size: int, count: int, scale: float
) -> list[tuple[int, int]]:
    """Returns shapes from coarse to fine, each `scale` times the one before.

    There are fewer than `count` if the shorter side would have less than 16
    pixels; the longer side of the last has exactly `size`.

    >>> octaves(600, 800, 512, 3, 1.4)
    [(196, 261), (274, 366), (384, 512)]

    Args:
        height: Rows of the photograph.
        width: Columns of the photograph.
        size: Longer side of the last shape, in pixels.
        count: Maximum number of shapes.
        scale: Ratio of one shape to the one before.

    Raises:
        ValueError: The shorter side of the last shape is under 16 pixels.
    """
    shapes = [_last(height, width, size)]
    for octave in range(1, count):
        longer = max(1, round(size / scale**octave))
        shape = fit(height, width, longer)
        if min(shape) < SMALLEST:
            break
        shapes.append(shape)
    return shapes[::-1]


def _last(height: int, width: int, size: int) -> tuple[int, int]:
    last = fit(height, width, size)
    if min(last) < SMALLEST:
        needed = -(-SMALLEST * max(height, width) // min(height, width))
        raise ValueError(
            f"The shorter side must have at least {SMALLEST} pixels at the "
            f"final size. Received: a {width}x{height} image, which is "
            f"{last[1]}x{last[0]} at size {size}; take a size of {needed} or "
            f"more{', or crop it' if size >= SMALLEST else ''}."
        )
    return last
