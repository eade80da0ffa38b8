"""Color control: transfers colors between photograph, style and painting.

| mode           | the styles, before       | the painting, after          |
|----------------|--------------------------|------------------------------|
| `"style"`      | as they are              | as it is                     |
| `"luminance"`  | gray, with the mean and  | gets the photograph's chroma |
|                | deviation of the photo's |                              |
| `"statistics"` | the photograph's mean    | as it is                     |
|                | and covariance           |                              |
| `"histogram"`  | the photograph's palette | as it is                     |

Luminance is Y, and chroma are I and Q, of YIQ as in the paper: computed from
sRGB values as files hold them, weighted as in Rec. 601. Images are float32
arrays of shape `(height, width, 3)`, RGB in [0, 1].

Reference:
    Gatys, Ecker, Bethge, Hertzmann and Shechtman, "Controlling Perceptual
    Factors in Neural Style Transfer", CVPR 2017, section 5.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tfstyle import images
from tfstyle.controls.settings import COLORS
from tfstyle.runtime import checks

_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)

# Smaller deviations of an image are not amplified: they are JPEG noise, whose
# colors would become visible. It is 2.6 steps of 8 bits.
_LEAST = 0.01

_ROWS = 256  # Rows that are processed at once: large images take a GB.


def prepare(
    content: np.ndarray, styles: Sequence[np.ndarray], mode: str
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Adjusts the colors of photograph and styles before painting.

    Args:
        content: The photograph.
        styles: Style images of any size.
        mode: One of `tfstyle.controls.settings.COLORS`.

    Returns:
        The photograph, in gray for `"luminance"`, and the styles with
        adjusted colors, in [0, 1].

    Raises:
        ValueError: There is no such mode.
    """
    checks.choice("color", mode, COLORS)
    if mode == "luminance":
        gray = _gray(luminance(content))
        return gray, [_gray(_match_luminance(s, gray)) for s in styles]
    if mode == "style":
        return content, list(styles)
    match = match_statistics if mode == "statistics" else match_histogram
    return content, [np.clip(match(s, content), 0, 1) for s in styles]


def finish(picture: np.ndarray, content: np.ndarray, mode: str) -> np.ndarray:
    """Gives the painting the photograph's chroma, in mode `"luminance"`.

    Args:
        picture: Picture painted from the images that `prepare` returned.
        content: The original photograph, of any size.
        mode: Mode that was given to `prepare`.

    Returns:
        Array of the shape of `picture`.
    """
    if mode != "luminance":
        return picture
    if content.shape != picture.shape:
        content = images.resize(content, *picture.shape[:2])
    rows = range(0, len(picture), _ROWS)
    parts = [(picture[i : i + _ROWS], content[i : i + _ROWS]) for i in rows]
    return np.concatenate([transfer_chroma(*part) for part in parts])


def luminance(image: np.ndarray) -> np.ndarray:
    """Returns Y of YIQ, array of shape `(height, width)`.

    >>> luminance(np.array([[[0.0, 0.25, 1.0]]], np.float32)).round(3)
    array([[0.261]], dtype=float32)
    """
    return image @ _WEIGHTS


def transfer_chroma(picture: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Combines the luminance of one image with the chroma of another.

    Where no color in [0, 1] has both, the chroma is reduced; the hue stays.

    Args:
        picture: Image that gives the luminance.
        content: Image of the same size that gives the chroma.
    """
    # I and Q are linear in RGB - Y, so equal differences have equal chroma.
    chroma = content - luminance(content)[..., None]
    gray = luminance(picture)[..., None]
    limit = np.where(chroma > 0, 1 - gray, gray)
    # Chroma near 0 always fits; 1e-6 only avoids 0 / 0.
    factor = np.min(limit / np.maximum(np.abs(chroma), 1e-6), -1, keepdims=True)
    return np.clip(gray + np.clip(factor, 0, 1) * chroma, 0, 1)


def moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and covariance of the colors, in float64.

    Their shapes are `(3,)` and `(3, 3)`.
    """
    mean = image.mean((0, 1), dtype=np.float64)
    parts = (
        image[i : i + _ROWS].reshape(-1, 3) - mean
        for i in range(0, len(image), _ROWS)
    )
    return mean, sum(p.T @ p for p in parts) / (image.size // 3)


def match_statistics(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Gives an image the mean and the covariance of another's colors.

    It applies the linear map that moves the colors least (Monge and
    Kantorovich). The map is symmetric, so that hues do not rotate, as they do
    with a map made from Cholesky factors.

    Args:
        image: Image whose colors are mapped. Directions in which they hardly
            vary, such as the chroma of a gray image, are not amplified.
        target: Image of any size that gives mean and covariance.

    Returns:
        Array of the shape of `image`, not clipped to [0, 1].
    """
    mean, covariance = moments(image)
    wanted_mean, wanted = moments(target)
    root = _power(covariance, 0.5)
    inverse = _power(covariance, -0.5)
    transport = inverse @ _power(root @ wanted @ root, 0.5, 0.0) @ inverse
    shift = wanted_mean - transport @ mean
    return image @ transport.T.astype(np.float32) + shift.astype(np.float32)


def match_histogram(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Gives an image the distribution of another's colors, in all directions.

    Sliced optimal transport, after `match_statistics`: the colors are
    projected on axes, the sorted values of each axis become the target's, and
    so on with other axes. The last axes are red, green and blue, whose
    histograms are then equal. Pixels of one color keep one color.

    Args:
        image: Image whose colors are mapped. A gray image, or one of nearly
            one hue, only gets the target's statistics.
        target: Image of any size that gives the distribution.

    Returns:
        Array of the shape of `image`.

    Reference:
        Pitie, Kokaram and Dahyot, "N-dimensional probability density function
        transfer and its application to colour transfer", ICCV 2005.
    """
    matched = match_statistics(image, target)
    if not _has_hues(image):
        return matched
    pixels, wanted = matched.reshape(-1, 3), target.reshape(-1, 3)
    for axes in _axes():
        pixels = _match_marginals(pixels @ axes, wanted @ axes) @ axes.T
    return pixels.reshape(image.shape)


# Random sets of axes. More of them make the distributions more alike, but flat
# parts blotchy.
_TURNS = 4
# Standard deviation beside the main direction of colors up to which an image
# has one hue: that little is JPEG blocks, which would become colored.
_HUES = 0.02
_QUANTILES = 4096  # Maximum per histogram: 16 for each 8-bit value.


def _has_hues(image: np.ndarray) -> bool:
    return np.linalg.eigvalsh(moments(image)[1])[1] > _HUES**2


def _axes() -> Iterator[np.ndarray]:
    """Yields rotations, always the same; the last is the identity."""
    random = np.random.default_rng(0)
    for _ in range(_TURNS):
        axes, _ = np.linalg.qr(random.standard_normal((3, 3)))
        yield axes.astype(np.float32)
    yield np.eye(3, dtype=np.float32)


def _match_marginals(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Gives each column the histogram of the same column of `wanted`."""
    count = min(len(values), _QUANTILES)
    columns = [
        _match_values(x, _quantiles(x, count), _quantiles(y, count))
        for x, y in zip(values.T, wanted.T, strict=True)
    ]
    return np.stack(columns, -1).astype(np.float32)


def _quantiles(values: np.ndarray, count: int) -> np.ndarray:
    """Returns `count` quantiles, from the smallest value to the largest."""
    places = np.linspace(0, len(values) - 1, count)
    return np.interp(places, np.arange(len(values)), np.sort(values))


def _match_values(
    values: np.ndarray, own: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Maps a column by its quantiles; equal values stay equal."""
    knots, first = np.unique(own, return_index=True)
    counts = np.diff(first, append=len(own))
    return np.interp(values, knots, np.add.reduceat(wanted, first) / counts)


def _match_luminance(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns luminance with the target's mean and deviation (eq. 10)."""
    own, wanted = luminance(image), luminance(target)
    scale = wanted.std() / max(own.std(), _LEAST)
    return np.clip((own - own.mean()) * scale + wanted.mean(), 0, 1)


def _gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=-1)


def _power(
    matrix: np.ndarray, exponent: float, least: float = _LEAST**2
) -> np.ndarray:
    """Power of a symmetric matrix, its eigenvalues raised to `least`."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, least) ** exponent) @ vectors.T
