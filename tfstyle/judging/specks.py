"""Colored specks and fringes: fine chroma that nothing in the sources explains.

Losses hardly see them, for the networks see brightness far better than color.
So they are measured in pixels: the energy of chroma at the finest scale, square
by square. The photograph explains as much as it has in the same square; the
style as much as it has on average where it is as bright.
"""

import numpy as np

from tfstyle import images

# Rows: brightness, and blue and red less brightness; ITU-R BT.601, as in JPEG.
_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ],
    np.float32,
)
_SQUARE = 8  # Side of the squares, in pixels.
_BINS = 16  # Steps of brightness.
# Share of the style's pixels that its mean counts for at each brightness, so
# that a brightness of a few pixels says little.
_PRIOR = 1 / 400


def fine_chroma(image: np.ndarray) -> float:
    """Returns how much chroma an image has at its finest scale.

    Args:
        image: RGB image, `(height, width, 3)`, values in [0, 1].

    Returns:
        Root mean square of the chroma (Cb and Cr, as in JPEG) that is lost
        when the image is reduced to half its size and enlarged again; 0 for a
        gray image.
    """
    return float(np.sqrt(_energy(image)[1].mean()))


def specks(
    picture: np.ndarray, content: np.ndarray, style: np.ndarray
) -> float:
    """Returns how much fine chroma neither photograph nor style explains.

    Args:
        picture: Picture that was painted, `(height, width, 3)`, RGB in [0, 1];
            8 pixels or more on each side.
        content: Photograph, of the same shape.
        style: Style image, of any size: at the scale at which it was used.

    Returns:
        Root mean square over the picture, in the units of `fine_chroma`; 0
        for the photograph itself.
    """
    brightness, energy = _energy(picture)
    photo = _squares(_energy(content)[1])
    explained = np.maximum(photo, _squares(_typical(style)[_bins(brightness)]))
    excess = np.maximum(_squares(energy) - explained, 0)
    return float(np.sqrt(excess.mean()))


def _energy(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the brightness and the energy of fine chroma of each pixel."""
    height, width = image.shape[:2]
    brightness, *chroma = np.moveaxis(image @ _YCC.T, -1, 0)
    around = np.stack(chroma, -1) + 0.5  # In [0, 1], to which resizing clips.
    small = images.resize(around, max(1, height // 2), max(1, width // 2))
    lost = around - images.resize(small, height, width)
    return brightness, np.square(lost).sum(-1)


def _typical(style: np.ndarray) -> np.ndarray:
    """Returns the mean energy of a style at each brightness."""
    brightness, energy = _energy(style)
    numbers = _bins(brightness).ravel()
    count = np.bincount(numbers, minlength=_BINS)
    total = np.bincount(numbers, energy.ravel(), minlength=_BINS)
    prior = _PRIOR * energy.size
    return (total + prior * energy.mean()) / (count + prior)


def _bins(brightness: np.ndarray) -> np.ndarray:
    return np.clip((brightness * _BINS).astype(int), 0, _BINS - 1)


def _squares(values: np.ndarray) -> np.ndarray:
    """Returns the means over squares; incomplete ones are left out."""
    rows, columns = (side // _SQUARE for side in values.shape)
    whole = values[: rows * _SQUARE, : columns * _SQUARE]
    return whole.reshape(rows, _SQUARE, columns, _SQUARE).mean((1, 3))
