"""Photorealistic style transfer: changes only light and colors.

Around each pixel, the painted picture becomes an affine function of the
photograph's colors. Such a function moves no edge and draws nothing where the
photograph is flat, so that only the light and the colors of the painting
remain.

References:
    He, Sun and Tang, "Guided Image Filtering", ECCV 2010, with a guide of
    three channels; here it filters the residual of one affine function of all
    pixels. He and Sun, "Fast Guided Filter", 2015: at a lower size.
    Luan et al., "Deep Photo Style Transfer", CVPR 2017: a transfer is
    photorealistic if it is locally affine in the photograph's colors.
"""

import numpy as np
import PIL.Image

from tfstyle import images

# Side of a neighborhood relative to the picture's shorter side, and variance
# of colors in it below which it counts as flat: chosen by eye, see
# "Photorealism" in docs/decisions/controls.md.
_SIDE = 1 / 4
_EPSILON = 1e-3
_LONGEST = 512  # Longer side at which functions are fitted, in pixels.


def keep_photorealistic(picture: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Puts the light and colors of a picture on a photograph's surfaces.

    Args:
        picture: Painting of the photograph, array of shape `(height, width,
            3)`, in [0, 1].
        photo: The photograph, of the same shape.

    Returns:
        Float32 array of the same shape, in [0, 1].

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
    """Fits an affine function at each pixel: its matrix and its offset."""
    common = _fit_everywhere(photo, picture)
    matrix, offset = common
    around = _fit_around(photo, picture - _apply(matrix, offset, photo))
    return [a + b for a, b in zip(common, around, strict=True)]


def _fit_everywhere(
    photo: np.ndarray, picture: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fits one affine function to all pixels, by least squares."""
    ones = np.ones((*photo.shape[:2], 1), np.float32)
    inputs = np.concatenate([photo, ones], -1).reshape(-1, 4)
    fitted = np.linalg.lstsq(inputs, picture.reshape(-1, 3))[0]
    return fitted[:3].T, fitted[3]


def _fit_around(
    photo: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fits an affine function around each pixel, and averages neighbors."""
    radius = max(1, round(min(photo.shape[:2]) * _SIDE / 2))
    mean, rest_mean = box_mean(photo, radius), box_mean(rest, radius)
    covariance = box_mean(_outer(photo, photo), radius) - _outer(mean, mean)
    cross = box_mean(_outer(rest, photo), radius) - _outer(rest_mean, mean)
    # The matrices are symmetric, and so are their inverses.
    matrix = cross @ np.linalg.inv(covariance + _EPSILON * np.eye(3))
    offset = rest_mean - _apply(matrix, 0, mean)
    return box_mean(matrix, radius), box_mean(offset, radius)


def _apply(
    matrix: np.ndarray, offset: np.ndarray | float, colors: np.ndarray
) -> np.ndarray:
    return (matrix @ colors[..., None])[..., 0] + offset


def _outer(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x[..., :, None] * y[..., None, :]


def _enlarge(values: np.ndarray, height: int, width: int) -> np.ndarray:
    image = PIL.Image.fromarray(np.ascontiguousarray(values, np.float32))
    size = width, height
    return np.asarray(image.resize(size, PIL.Image.Resampling.BILINEAR))


def box_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Averages over the square around each position, cut off at the borders.

    Args:
        values: Array of shape `(height, width, ...)`.
        radius: Positions on each side; a square's side is `2 * radius + 1`.

    Returns:
        Float64 array of the same shape.
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
