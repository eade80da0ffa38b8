"""Pictures that stay photographs: light and colours change, and nothing else.

What was painted is made, around each pixel, an affine function of the
photograph's colours. Such a function moves no edge and draws nothing where the
photograph is flat, so that of the painting only its light and colours are left.

References:
    He, Sun and Tang, "Guided Image Filtering", ECCV 2010, with a guide of
    three channels; here it filters what one affine function of all pixels
    leaves. He and Sun, "Fast Guided Filter", 2015: at a lower size.
    Luan et al., "Deep Photo Style Transfer", CVPR 2017: that a transfer is
    photorealistic if it is locally affine in the photograph's colours.
"""

import numpy as np
import PIL.Image

from tfstyle import images

# Side of a neighbourhood relative to the picture's shorter side, and variance
# of colours in it below which it counts as flat: by eye (BUILD_NOTES.md).
_SIDE = 1 / 4
_EPSILON = 1e-3
_LONGEST = 512  # Of the size at which functions are fitted, in pixels.


def keep_photorealistic(picture: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """The light and colours of a picture on the surfaces of a photograph.

    Args:
        picture: What was painted of the photograph, `(height, width, 3)`.
        photo: The photograph, of the same shape.

    Returns:
        The same shape, float32, in [0, 1].

    Raises:
        ValueError: The shapes differ.

    Example:
        picture = keep_photorealistic(model.stylize(photo, style), photo)
    """
    if picture.shape != photo.shape:
        raise ValueError(
            "The picture and the photograph must have the same shape. "
            f"Received: {picture.shape} and {photo.shape}"
        )
    height, width = photo.shape[:2]
    size = min(max(height, width), _LONGEST)
    shape = images.fit(height, width, size)
    matrix, offset = _fit(*(images.resize(x, *shape) for x in (photo, picture)))
    result = np.empty(photo.shape, np.float32)
    for channel in range(3):
        result[..., channel] = _enlarge(offset[..., channel], height, width)
        for other in range(3):
            slope = _enlarge(matrix[..., channel, other], height, width)
            result[..., channel] += slope * photo[..., other]
    return np.clip(result, 0, 1)


def _fit(photo: np.ndarray, picture: np.ndarray) -> list[np.ndarray]:
    """Matrix and offset at each pixel."""
    common = _fit_everywhere(photo, picture)
    matrix, offset = common
    around = _fit_around(photo, picture - _apply(matrix, offset, photo))
    return [a + b for a, b in zip(common, around, strict=True)]


def _fit_everywhere(
    photo: np.ndarray, picture: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The one affine function that fits best."""
    ones = np.ones((*photo.shape[:2], 1), np.float32)
    inputs = np.concatenate([photo, ones], -1).reshape(-1, 4)
    fitted = np.linalg.lstsq(inputs, picture.reshape(-1, 3))[0]
    return fitted[:3].T, fitted[3]


def _fit_around(
    photo: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At each pixel, the mean of what fits best around its neighbours."""
    radius = max(1, round(min(photo.shape[:2]) * _SIDE / 2))
    mean, rest_mean = box_mean(photo, radius), box_mean(rest, radius)
    covariance = box_mean(_outer(photo, photo), radius) - _outer(mean, mean)
    cross = box_mean(_outer(rest, photo), radius) - _outer(rest_mean, mean)
    # The matrices are symmetric, and so are their inverses.
    matrix = cross @ np.linalg.inv(covariance + _EPSILON * np.eye(3))
    offset = rest_mean - _apply(matrix, 0, mean)
    return box_mean(matrix, radius), box_mean(offset, radius)


def _apply(
    matrix: np.ndarray, offset: np.ndarray | float, colours: np.ndarray
) -> np.ndarray:
    return (matrix @ colours[..., None])[..., 0] + offset


def _outer(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x[..., :, None] * y[..., None, :]


def _enlarge(values: np.ndarray, height: int, width: int) -> np.ndarray:
    image = PIL.Image.fromarray(np.ascontiguousarray(values, np.float32))
    size = width, height
    return np.asarray(image.resize(size, PIL.Image.Resampling.BILINEAR))


def box_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over the square around each position, as far as it is inside.

    Args:
        values: Shape `(height, width, ...)`.
        radius: Positions on each side; a square's side is `2 * radius + 1`.

    Returns:
        The same shape, float64.
    """
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        sums = np.cumsum(values, axis=0, dtype=np.float64)
        sums = np.concatenate([np.zeros_like(sums[:1]), sums])
        here = np.arange(len(values))
        first = np.maximum(here - radius, 0)
        last = np.minimum(here + radius + 1, len(values))
        count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
        values = np.moveaxis((sums[last] - sums[first]) / count, 0, axis)
    return values
