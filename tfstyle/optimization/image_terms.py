"""Terms of the loss that compare pictures themselves, not feature maps."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from tfstyle import losses
from tfstyle.optimization.config import STRUCTURE_SCALES, GatysConfig
from tfstyle.optimization.statistics import blend
from tfstyle.optimization.term import (
    Term,
    Variation,
    energy_of,
    evenness_gap,
    histogram_gap,
    structure_gap,
)
from tfstyle.runtime.types import Shape

# Least energies of targets: of black pictures or photographs without edges, in
# squares of values in [0, 1].
_LEAST = 1e-3
_LEAST_CHROMA = 1e-5  # Of gray pictures; photographs have some 1e-4.
_STRIP = 512  # Rows of an image that are looked at together.


def image_terms(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    config: GatysConfig,
    tv_gain: float,
) -> dict[str, Term]:
    """Makes the terms of variation, structure, evenness and histogram.

    Args:
        content: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images, scaled.
        mix: Share of each.
        config: Settings: weights; terms without weight are left out.
        tv_gain: Factor of the weights of total variation and chroma.
    """
    found: dict[str, Term] = {}
    if config.tv_weight:
        weight = config.tv_weight * tv_gain
        found["tv"] = Term(weight, Variation(chroma=False), ())
    if config.chroma_weight:
        weight = config.chroma_weight * tv_gain
        used = [s for s, share in zip(styles, mix, strict=True) if share]
        found["chroma"] = _chroma([content, *used], weight)
    if config.structure_weight:
        found["structure"] = _structure(content, config.structure_weight)
    if config.evenness_weight:
        found["evenness"] = _evenness(
            content, styles, mix, config.evenness_weight
        )
    if config.histogram_weight:
        found["histogram"] = _histogram(
            content.shape[:2], styles, mix, config.histogram_weight
        )
    return found


def _chroma(sources: Sequence[np.ndarray], weight: float) -> Term:
    """Makes the term of chroma, relative to the source that has most."""
    most = max(map(_chroma_of, sources))
    compare = Variation(chroma=True)
    return Term(weight / max(most, _LEAST_CHROMA), compare, ())


def _chroma_of(image: np.ndarray) -> float:
    """Returns the chroma variation of an image, strip by strip."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, 1), (0, 1), (0, 0)), "edge")
    parts = [
        losses.variation_part(
            ops.convert_to_tensor(padded[None, start : start + _STRIP + 1]),
            (height, width),
            chroma=True,
        )
        for start in range(0, height, _STRIP)
    ]
    return float(sum(part[0] for part in parts))


def _structure(content: np.ndarray, weight: float) -> Term:
    scales = [s for s in STRUCTURE_SCALES if 3 * s <= min(content.shape[:2])]
    photo = ops.convert_to_tensor(content[None])
    targets = {scale: losses.laplacian(photo, scale) for scale in scales}
    energies = [energy_of(t, _LEAST) for t in targets.values()]
    scale = len(energies) / sum(energies)
    return Term(weight * scale, structure_gap, targets)


def _evenness(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    weight: float,
) -> Term:
    """Makes the term of evenness, relative to the variance of the styles."""
    scales = [s for s in STRUCTURE_SCALES if 2 * s <= min(content.shape[:2])]
    photo = ops.convert_to_tensor(content[None])
    targets = {scale: losses.evenness(photo, scale) for scale in scales}
    variances = [float(style.var((0, 1)).sum()) for style in styles]
    variance = max(float(np.dot(mix, variances)), _LEAST)
    return Term(weight / variance, evenness_gap, targets)


def _histogram(
    shape: Shape,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    weight: float,
) -> Term:
    count = shape[0] * shape[1]
    targets = [
        losses.quantiles(ops.convert_to_tensor(style[None]), count)
        for style in styles
    ]
    target = blend(targets, mix)
    energy = energy_of(target, _LEAST)
    return Term(weight / energy, histogram_gap, target)
