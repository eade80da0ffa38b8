"""The picture before the first step: a photograph, or noise."""

from collections.abc import Sequence

import numpy as np

from tfstyle import images
from tfstyle.controls import color
from tfstyle.controls.regions import Region, Regions, resize, whole
from tfstyle.optimization.config import GatysConfig

_COLORS = 2**14  # Number of a style's pixels that stand for its colors.


def initial_picture(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    init: np.ndarray | None,
    regions: Regions | None = None,
) -> np.ndarray:
    """Returns the picture before the first step.

    Args:
        photo: Photograph at the first size, `(height, width, 3)`.
        styles: Style images, whose colors `"palette"` and `"style"` use.
        config: Settings: kind of start picture, strength, and seed.
        init: Picture to start from instead, of any size.
        regions: Regions of the photograph and of the styles; `None` to blend
            all styles everywhere.

    Returns:
        Float32 array of the shape of `photo`, in [0, 1].
    """
    if init is not None:
        return images.resize(init, *photo.shape[:2])
    random = np.random.default_rng(config.seed)
    if config.init == "palette":
        parts = (regions or whole(len(styles))).parts
        return _recolored(photo, styles, config, parts, random)
    if config.init == "content":
        return photo
    if config.init == "grey":
        return np.full_like(photo, 0.5)
    if config.init == "noise":
        return random.random(photo.shape, np.float32)
    mean, covariance = _moments(styles, config.style_mix)
    noise = random.multivariate_normal(mean, covariance, photo.shape[:2])
    return np.clip(noise, 0, 1).astype(np.float32)


def _recolored(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    parts: Sequence[Region],
    random: np.random.Generator,
) -> np.ndarray:
    """Returns the photograph, each region in the colors of its styles.

    Bright parts stay brighter than dark ones, and what has one color keeps one,
    so optimization need not find places for the colors, which may belong to no
    shape. Below strength 1 it is that share of the way.
    """
    picture = photo.copy()
    for part in parts:
        inside = _inside(part.mask, photo)
        wanted = _colors(styles, part, config, random)
        matched = color.match_histogram(photo[inside][None], wanted[None])[0]
        moved = matched - photo[inside]
        picture[inside] += config.strength * moved
    return np.clip(picture, 0, 1)


def _inside(mask: np.ndarray | None, image: np.ndarray) -> np.ndarray:
    """Returns which pixels of an image belong to a region, bool."""
    fitted = resize(mask, *image.shape[:2])
    return fitted >= fitted.max() / 2


def _colors(
    styles: Sequence[np.ndarray],
    part: Region,
    config: GatysConfig,
    random: np.random.Generator,
) -> np.ndarray:
    """Draws colors of the styles of a region, `(number, 3)`, by their shares.

    Colors belong to what is fine, see `style_detail`.
    """
    shares = config.shares(len(part.sources), fine=True)
    drawn = [
        random.choice(styles[i][_inside(mask, styles[i])], round(n * _COLORS))
        for (i, mask), n in zip(part.sources.items(), shares, strict=True)
    ]
    return np.concatenate(drawn)


def _moments(
    styles: Sequence[np.ndarray], style_mix: Sequence[float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and covariance of the colors of a blend of styles."""
    shares = np.array(style_mix or [1.0] * len(styles), np.float64)
    flat = [style.reshape(-1, 3).astype(np.float64) for style in styles]
    means = np.array([colors.mean(0) for colors in flat])
    seconds = np.array([colors.T @ colors / len(colors) for colors in flat])
    mean, second = (np.average(x, 0, weights=shares) for x in (means, seconds))
    return mean, second - np.outer(mean, mean)
