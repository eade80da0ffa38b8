"""Converts users' images and masks to the arrays that the library works on.

| given                                  | values                   |
|----------------------------------------|--------------------------|
| a path (`str` or `os.PathLike`)        | of the file, see `images`|
| a `Picture`, which `images.read` gives | as it is                 |
| a `PIL.Image.Image`                    | as those of a file       |
| an array or a tensor of `uint8`        | 0 to 255                 |
| an array or a tensor of floating point | 0 to 1                   |

Arrays and tensors are those of NumPy, TensorFlow, JAX, PyTorch and Keras. They
have the shape `(height, width, 3)`, RGB; `(height, width)` or `(height, width,
1)`, gray; or `(height, width, 4)`, RGB with transparency, which an image drops
and a mask is made of, as with files.

Pillow itself reads 8 of the 16 bits of colors, and takes another tone for the
transparent one of gray PNG files of 2 or 4 bits: give the path of such a file.

Examples:
    >>> to_image(np.full((2, 3), 255, np.uint8)).shape
    (2, 3, 3)
    >>> float(to_mask(np.array([[False, True]]))[0, 1])
    1.0
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

from tfstyle.images import decoding, srgb
from tfstyle.images.io import Picture, read

ImageLike = Any
"""Any value of the table; tensors have no type in common."""


def to_image(value: ImageLike) -> np.ndarray:
    """Converts an image to float32, `(height, width, 3)`, RGB in [0, 1].

    Args:
        value: Path, Pillow image, array or tensor; see the module.

    Raises:
        ValueError: It is not an image; says what to do.
        FileNotFoundError: There is no such file.
    """
    return to_picture(value).pixels


def to_picture(value: ImageLike) -> Picture:
    """Converts an image to its colors and its transparency; see `to_image`."""
    return _picture(value, "Images")


def to_images(values: ImageLike | Sequence[ImageLike]) -> list[np.ndarray]:
    """Converts one image or several to arrays; see `to_image`.

    Args:
        values: One image, a sequence of images, or a batch of shape `(number,
            height, width, channels)`.

    Raises:
        ValueError: One of them is not an image; says what to do.
        FileNotFoundError: There is no such file.
    """
    return [to_image(value) for value in _split(values)]


def _split(values: ImageLike | Sequence[ImageLike]) -> list[ImageLike]:
    several = isinstance(values, Sequence) and not isinstance(values, str)
    if several or is_batch(values):
        return list(values)
    return [values]


def is_batch(value: ImageLike) -> bool:
    """Whether a value is an array or a tensor with a batch axis."""
    return len(getattr(value, "shape", ())) == 4


def to_mask(value: ImageLike) -> np.ndarray:
    """Converts a mask to float32, `(height, width)`, in [0, 1].

    Args:
        value: Path, Pillow image, array or tensor; see the module. Arrays may
            also be of `bool`. The mask is the transparency, if there is any,
            else the gray tones.

    Raises:
        ValueError: It is not a mask; says what to do.
        FileNotFoundError: There is no such file.
    """
    if not _is_array(value):
        return _picture(value, "Masks").mask
    array = np.asarray(value)
    if array.dtype == np.uint8 and array.max(initial=0) == 1:
        raise ValueError(
            "Masks of uint8 must hold 0 to 255. Received: 0 and 1. Take "
            "`mask.astype(bool)`."
        )
    if array.dtype == bool:
        array = array.astype(np.float32)
    samples = _samples(array, "Masks")
    # The mean of three equal numbers may differ from them.
    return samples[..., 0] if samples.shape[-1] == 1 else _parted(samples).mask


def check(image: np.ndarray) -> None:
    """Raises `ValueError` unless this is an image; see `tfstyle.images`."""
    if not isinstance(image, np.ndarray):
        raise ValueError(
            "Images must be NumPy arrays; `images.load` reads files. "
            f"Received: {type(image).__name__}"
        )
    shaped = image.ndim == 3 and image.shape[2] == 3 and image.size
    if not shaped or image.dtype != np.float32:
        raise ValueError(
            "Images must be float32 arrays of shape (height, width, 3). "
            f"Received: {image.dtype} of shape {image.shape}"
        )
    if not (image.min() >= 0 and image.max() <= 1):  # Refuses NaN, too.
        raise ValueError(
            "Images must hold values in [0, 1]. Received: values from "
            f"{image.min()} to {image.max()}"
        )


def _picture(value: ImageLike, what: str) -> Picture:
    if isinstance(value, Picture):
        return value
    if isinstance(value, (str, os.PathLike)):
        return read(value)
    if isinstance(value, PIL.Image.Image):
        return Picture(*srgb.convert(_upright(value, what)))
    if not _is_array(value):
        raise ValueError(
            f"{what} must be arrays, tensors, Pillow images or paths. "
            f"Received: {type(value).__name__}"
        )
    return _parted(_samples(np.asarray(value), what))


def _upright(image: PIL.Image.Image, what: str) -> PIL.Image.Image:
    """Turns an image upright; Pillow reads most files only now."""
    try:
        return decoding.upright(image)
    except MemoryError:
        raise
    except Exception as error:  # As in `decoding.decode`.
        raise ValueError(
            f"{what} must be whole. Received: a Pillow image whose file is "
            f"damaged or incomplete ({error})."
        ) from error


def _parted(samples: np.ndarray) -> Picture:
    """Splits samples into colors and, unless all is opaque, transparency."""
    if samples.shape[-1] == 1:
        samples = np.repeat(samples, 3, axis=-1)
    pixels, alpha = samples[..., :3], samples[..., 3:]
    if not alpha.size or alpha.min() == 1:
        return Picture(pixels)
    alpha = alpha[..., 0]
    return Picture(srgb.without_hidden_colors(pixels, alpha), alpha)


def _is_array(value: ImageLike) -> bool:
    return hasattr(value, "__array__")


def _samples(array: np.ndarray, what: str) -> np.ndarray:
    """Converts an array to float32, `(height, width, channels)`, in [0, 1]."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or not array.size:
        raise ValueError(
            f"{what} must have shape (height, width), or (height, width, "
            f"channels) with 1, 3 or 4 channels. Received: {_shape(array)}"
        )
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    # To NumPy, bfloat16 of other packages is not floating point.
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise ValueError(
            f"{what} must be uint8, from 0 to 255, or floating point, from 0 "
            f"to 1. Received: {array.dtype}. Take `.astype('uint8')` of values "
            "up to 255, and divide 16-bit ones by 65535."
        )
    array = array.astype(np.float32, copy=False)
    if not (array.min() >= 0 and array.max() <= 1):  # Refuses NaN, too.
        raise ValueError(
            f"{what} must hold values in [0, 1], or 0 to 255 as uint8. "
            f"Received: values from {array.min()} to {array.max()} of "
            f"{array.dtype}. Divide 8-bit values by 255, or clip the others."
        )
    return array


def _shape(array: np.ndarray) -> str:
    """The shape, with advice if an axis is in the wrong place."""
    advice = ""
    if array.ndim == 4 and len(array) == 1:
        advice = ". Take `image[0]`."
    elif array.ndim == 3 and array.shape[0] in (1, 3, 4):
        advice = ". Move the channels: `np.moveaxis(image, 0, -1)`."
    return f"shape {array.shape}{advice}"
