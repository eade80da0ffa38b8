"""Distance of the color histograms of two pictures, as HistoGAN measures it.

Reference: Afifi, Brubaker and Brown, "HistoGAN: Controlling Colors of
GAN-Generated and Real Images via Color Histograms", CVPR 2021, equations 1 to
5; at 256 pixels, as in the evaluation of Chung, Hyun and Heo, "Style Injection
in Diffusion", CVPR 2024.
"""

import numpy as np

_BINS = np.linspace(-3, 3, 64)
_SPREAD = 0.02  # Of the kernel that counts a color into bins.
_LARGEST = 256  # Sides to which larger pictures are reduced, in pixels.
_LEAST = 1e-6
_OTHERS = ((1, 2), (0, 2), (0, 1))


def color_distance(picture: np.ndarray, style: np.ndarray) -> float:
    """Returns the Hellinger distance of histograms of log-chroma.

    Args:
        picture: RGB image, `(height, width, 3)`, values in [0, 1].
        style: RGB image of any size.

    Returns:
        From 0, equal, to 1.
    """
    ours, theirs = histogram(picture), histogram(style)
    gap = np.square(np.sqrt(ours) - np.sqrt(theirs)).sum()
    return float(np.sqrt(gap / 2))


def histogram(image: np.ndarray) -> np.ndarray:
    """Returns the histogram of an image: `(3, 64, 64)`, with a sum of 1.

    For each of red, green and blue: its logarithm less that of each of the
    other two, counted by brightness.

    Args:
        image: RGB image, `(height, width, 3)`, values in [0, 1].
    """
    colors = _reduced(image).reshape(-1, 3).astype(np.float64)
    weights = np.sqrt(np.square(colors).sum(1) + _LEAST)
    logs = np.log(colors + _LEAST)
    planes = []
    for channel, others in enumerate(_OTHERS):
        rows, columns = (_counts(logs[:, channel] - logs[:, o]) for o in others)
        planes.append((weights[:, None] * rows).T @ columns)
    found = np.stack(planes)
    return found / (found.sum() + _LEAST)


def _reduced(image: np.ndarray) -> np.ndarray:
    if max(image.shape[:2]) <= _LARGEST:
        return image
    # To a square and by single pixels, as the reference does.
    half = (np.arange(_LARGEST) + 0.5) / _LARGEST
    for axis in (0, 1):
        last = image.shape[axis] - 1
        places = np.clip(half * (last + 1) - 0.5, 0, last)
        first = np.minimum(places.astype(int), last - 1)
        share = np.expand_dims(places - first, (1 - axis, 2))
        before, after = (np.take(image, first + i, axis) for i in (0, 1))
        image = before + share * (after - before)
    return image


def _counts(gaps: np.ndarray) -> np.ndarray:
    """Returns the share of each color in each bin, `(number, 64)`."""
    return 1 / (1 + np.square((gaps[:, None] - _BINS) / _SPREAD))
