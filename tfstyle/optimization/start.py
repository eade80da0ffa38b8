"""The picture before the first step: a photograph, or noise."""

from collections.abc import Sequence

import numpy as np

from tfstyle import images
from tfstyle.controls.regions import Regions, whole
from tfstyle.objective.layout import recolored
from tfstyle.optimization.config import GatysConfig


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
        share = config.strength
        return recolored(photo, styles, parts, config, share, random)
    if config.init == "content":
        return photo
    if config.init == "grey":
        return np.full_like(photo, 0.5)
    if config.init == "noise":
        return random.random(photo.shape, np.float32)
    shares = config.shares(len(styles), fine=True)
    mean, covariance = _moments(styles, shares)
    noise = random.multivariate_normal(mean, covariance, photo.shape[:2])
    return np.clip(noise, 0, 1).astype(np.float32)


def _moments(
    styles: Sequence[np.ndarray], shares: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and covariance of the colors of a blend of styles."""
    flat = [style.reshape(-1, 3).astype(np.float64) for style in styles]
    means = np.array([colors.mean(0) for colors in flat])
    seconds = np.array([colors.T @ colors / len(colors) for colors in flat])
    mean, second = (np.average(x, 0, weights=shares) for x in (means, seconds))
    return mean, second - np.outer(mean, mean)
