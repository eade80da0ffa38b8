"""Smoothing of frames, fast for large radii, and what it removes."""

import numpy as np

from tfstyle.motion import flow

_FINE = 3.0  # Largest deviation that is smoothed at full size, in pixels.


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Smooths an image by a Gaussian.

    Large ones are applied to a smaller image, which differs little.

    Args:
        image: Float32 array `(height, width)` or with channels.
        sigma: Standard deviation, in pixels.
    """
    cv2 = flow.load_cv2()
    if sigma <= _FINE:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    height, width = image.shape[:2]
    scale = sigma / _FINE
    shape = max(1, round(width / scale)), max(1, round(height / scale))
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), _FINE), (width, height))


def detail(image: np.ndarray) -> np.ndarray:
    """Returns what a Gaussian of 1 pixel removes from an image."""
    return image - blur(image, 1.0)


def sharpened(
    picture: np.ndarray, model: np.ndarray, most: float = 1.5
) -> np.ndarray:
    """Gives a picture as much detail as another has around each pixel.

    Args:
        picture: Picture, `(height, width, 3)`.
        model: Picture of the same shape.
        most: Largest factor of the detail.
    """
    own = detail(picture)
    wanted, found = (_energy(x) for x in (detail(model), own))
    gain = np.sqrt(wanted / np.maximum(found, _TINY)).clip(1, most) - 1
    return picture + (_AGAIN * gain)[..., None] * own


_TINY = 1e-7
_AROUND = 8.0  # Deviation over which energies are averaged, in pixels.
# Detail that is added is not all seen as detail: a Gaussian keeps some of it.
_AGAIN = 1.8


def _energy(detail: np.ndarray) -> np.ndarray:
    red, green, blue = flow.load_cv2().split(np.square(detail))
    return blur(red + green + blue, _AROUND)  # `mean` is slow on three values.
