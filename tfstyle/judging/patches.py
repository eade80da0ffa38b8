"""Distance of the patches of two pictures, at each scale; without a network.

The sliced Wasserstein distance of 7x7 patches on a Laplacian pyramid: of fine
detail first, of large strokes and grounds last. Noise, haze and strokes of the
wrong size show here.

Reference: Rabin, Peyré, Delon and Bernot, "Wasserstein Barycenter and Its
Application to Texture Mixing", SSVM 2011; on pyramids Karras, Aila, Laine and
Lehtinen, "Progressive Growing of GANs", ICLR 2018, appendix. Deviations: means
of absolute differences, patches in units of the style's spread at each scale,
at least one step of 8 bits: a style of one color has none.
"""

import numpy as np

from tfstyle import images

SCALES = (1, 2, 4)
"""Reductions of the picture at which its patches are compared."""

_SIDE = 7  # Of a patch, in pixels.
_PATCHES = 6000
_DIRECTIONS = 128
_LEAST = 1 / 255  # Spread of a style: less is rounding.
_QUANTILES = np.linspace(0, 1, 512)


def patch_distances(picture: np.ndarray, style: np.ndarray) -> dict[int, float]:
    """Returns how far the patches of a picture are from those of a style.

    Args:
        picture: Picture that was painted, `(height, width, 3)`, RGB in [0, 1];
            28 pixels or more on each side.
        style: Style image, at the scale at which it was used.

    Returns:
        Distance by reduction; 0 if the patches are alike, about 1 if they
        differ by as much as the style's own do.
    """
    random = np.random.default_rng(0)
    found = {}
    pairs = zip(_bands(picture), _bands(style), strict=True)
    for scale, (ours, theirs) in zip(SCALES, pairs, strict=True):
        ours, theirs = _patches(ours, random), _patches(theirs, random)
        gap = sliced_distance(ours, theirs, random)
        found[scale] = gap / max(float(theirs.std()), _LEAST)
    return found


def sliced_distance(
    ours: np.ndarray, theirs: np.ndarray, random: np.random.Generator
) -> float:
    """Returns the sliced Wasserstein-1 distance of two sets of vectors.

    Args:
        ours: Vectors, `(number, length)`.
        theirs: Vectors, `(other number, length)`.
        random: Generator of the directions.
    """
    directions = random.standard_normal((ours.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    # In half the time if they are sorted first, and along rows.
    a, b = (
        np.quantile(np.sort((vectors @ directions).T), _QUANTILES, axis=1)
        for vectors in (ours, theirs)
    )
    return float(np.abs(a - b).mean())


def _bands(image: np.ndarray) -> list[np.ndarray]:
    """Returns the detail lost by each reduction, and what is left."""
    bands = []
    for _ in SCALES[1:]:
        height, width = image.shape[:2]
        small = images.resize(image, height // 2, width // 2)
        bands.append(image - images.resize(small, height, width))
        image = small
    return [*bands, image]


def _patches(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(
        image, (_SIDE, _SIDE), axis=(0, 1)
    )
    rows, columns = (random.integers(0, n, _PATCHES) for n in windows.shape[:2])
    return windows[rows, columns].reshape(_PATCHES, -1)
