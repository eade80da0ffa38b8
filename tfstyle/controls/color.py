"""Colours of a painting: those of the style, or those of the photograph.

| mode           | the styles, before       | the painting, after          |
|----------------|--------------------------|------------------------------|
| `"style"`      | as they are              | as it is                     |
| `"luminance"`  | grey, with the mean and  | gets the photograph's chroma |
|                | deviation of the photo's |                              |
| `"statistics"` | the photograph's mean    | as it is                     |
|                | and covariance           |                              |
| `"histogram"`  | the photograph's palette | as it is                     |

Luminance is Y, and chroma are I and Q, of the YIQ of the paper: of the values
of sRGB as files hold them, weighted as in Rec. 601. Images are float32 arrays
of shape `(height, width, 3)`, RGB in [0, 1].

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

# Deviations of an image below this are not spread: what is in them is the noise
# of JPEG, whose colours would be seen. It is 2.6 steps of 8 bits.
_LEAST = 0.01

_ROWS = 256  # Of pixels that are worked on at once: large images are a GB.


def prepare(
    content: np.ndarray, styles: Sequence[np.ndarray], mode: str
) -> tuple[np.ndarray, list[np.ndarray]]:
    """What to paint, and what to paint it like.

    Args:
        content: The photograph.
        styles: Pictures of any size.
        mode: One of `controls.COLORS`.

    Returns:
        The photograph, in grey for `"luminance"`, and the styles with colours
        for it, in [0, 1].

    Raises:
        ValueError: There is no such mode.
    """
    checks.choice("color", mode, COLORS)
    if mode == "luminance":
        grey = _grey(luminance(content))
        return grey, [_grey(_match_luminance(s, grey)) for s in styles]
    if mode == "style":
        return content, list(styles)
    match = match_statistics if mode == "statistics" else match_histogram
    return content, [np.clip(match(s, content), 0, 1) for s in styles]


def finish(picture: np.ndarray, content: np.ndarray, mode: str) -> np.ndarray:
    """The painting with the colours that it should have.

    Args:
        picture: What was painted of what `prepare` gave.
        content: The photograph as it was, of any size.
        mode: As for `prepare`.

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
    """Y of YIQ, of shape `(height, width)`.

    >>> luminance(np.array([[[0.0, 0.25, 1.0]]], np.float32)).round(3)
    array([[0.261]], dtype=float32)
    """
    return image @ _WEIGHTS


def transfer_chroma(picture: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The luminance of one image with the chroma of another.

    Where no colour in [0, 1] has both, the chroma is less, of the same hue.

    Args:
        picture: Has the luminance.
        content: Has the chroma; an image of the same size.
    """
    # I and Q are differences of colours: equal where RGB less Y is.
    chroma = content - luminance(content)[..., None]
    grey = luminance(picture)[..., None]
    room = np.where(chroma > 0, 1 - grey, grey)
    # What is 0 or next to it fits as it is; 1e-6 only avoids 0 / 0.
    share = np.min(room / np.maximum(np.abs(chroma), 1e-6), -1, keepdims=True)
    return np.clip(grey + np.clip(share, 0, 1) * chroma, 0, 1)


def match_statistics(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Gives an image the mean and the covariance of another's colours.

    By the linear map that moves the colours least (Monge and Kantorovich),
    which is symmetric: hues do not turn, as they do where a map is built from
    Cholesky factors.

    Args:
        image: Its colours are mapped. In directions in which they hardly
            differ, such as those of a grey image, they will not be spread.
        target: An image of any size.

    Returns:
        Array of the shape of `image`, not clipped to [0, 1].
    """
    mean, covariance = _moments(image)
    wanted_mean, wanted = _moments(target)
    root = _power(covariance, 0.5)
    inverse = _power(covariance, -0.5)
    transport = inverse @ _power(root @ wanted @ root, 0.5, 0.0) @ inverse
    shift = wanted_mean - transport @ mean
    return image @ transport.T.astype(np.float32) + shift.astype(np.float32)


def match_histogram(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Gives an image the distribution of another's colours, in all directions.

    Sliced optimal transport, after `match_statistics`: the colours are
    projected on axes, the sorted values of each axis become the target's, and
    so on with other axes. The last are red, green and blue, whose histograms
    are then equal. What has one colour keeps one.

    Args:
        image: Its colours are mapped. One of grey, or of nearly one hue, is
            left with the target's statistics.
        target: An image of any size.

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


# Sets of axes. More make the distributions more alike, and flat parts blotchy.
_TURNS = 4
# Deviation beside the main direction of colours up to which there is one hue.
# The blocks of JPEG, which are what is left, would get colours of their own.
_HUES = 0.02
_QUANTILES = 4096  # Of each histogram, at most: 16 for a value of 8 bits.


def _has_hues(image: np.ndarray) -> bool:
    return np.linalg.eigvalsh(_moments(image)[1])[1] > _HUES**2


def _axes() -> Iterator[np.ndarray]:
    """Rotations, always the same, that end with none."""
    random = np.random.default_rng(0)
    for _ in range(_TURNS):
        axes, _ = np.linalg.qr(random.standard_normal((3, 3)))
        yield axes.astype(np.float32)
    yield np.eye(3, dtype=np.float32)


def _match_marginals(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Gives each column the histogram of the other's."""
    count = min(len(values), _QUANTILES)
    columns = [
        _match_values(x, _quantiles(x, count), _quantiles(y, count))
        for x, y in zip(values.T, wanted.T, strict=True)
    ]
    return np.stack(columns, -1).astype(np.float32)


def _quantiles(values: np.ndarray, count: int) -> np.ndarray:
    """From the least to the largest; all of them where there are so many."""
    places = np.linspace(0, len(values) - 1, count)
    return np.interp(places, np.arange(len(values)), np.sort(values))


def _match_values(
    values: np.ndarray, own: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Maps a column by its quantiles; what was equal stays equal."""
    knots, first = np.unique(own, return_index=True)
    counts = np.diff(first, append=len(own))
    return np.interp(values, knots, np.add.reduceat(wanted, first) / counts)


def _match_luminance(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Luminance with the mean and deviation of the target's (eq. 10)."""
    own, wanted = luminance(image), luminance(target)
    scale = wanted.std() / max(own.std(), _LEAST)
    return np.clip((own - own.mean()) * scale + wanted.mean(), 0, 1)


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=-1)


def _moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the colours, shapes `(3,)` and `(3, 3)`."""
    mean = image.mean((0, 1), dtype=np.float64)
    strips = (
        image[i : i + _ROWS].reshape(-1, 3) - mean
        for i in range(0, len(image), _ROWS)
    )
    return mean, sum(s.T @ s for s in strips) / (image.size // 3)


def _power(
    matrix: np.ndarray, exponent: float, least: float = _LEAST**2
) -> np.ndarray:
    """Of a symmetric matrix, whose eigenvalues are made `least` or more."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, least) ** exponent) @ vectors.T
