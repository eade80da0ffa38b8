"""Makes the terms of the loss that compare pictures, not feature maps."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from tfstyle import losses
from tfstyle.controls import color
from tfstyle.objective.gains import Gains
from tfstyle.objective.local import (
    STRUCTURE_SCALES,
    Evenness,
    Structure,
    Variation,
    evenness_scales,
    squares,
    strips,
)
from tfstyle.objective.settings import ObjectiveConfig
from tfstyle.objective.statistics import blend
from tfstyle.objective.term import Maps, Term, energy_of
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape, Tensor

# Least energies of targets: of black pictures or photographs without edges, in
# squares of values in [0, 1].
_LEAST = 1e-3
_LEAST_CHROMA = 1e-5  # Of gray pictures; photographs have some 1e-4.


def image_terms(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    config: ObjectiveConfig,
    factors: Gains,
) -> dict[str, Term]:
    """Makes the terms of variation, structure, evenness and histogram.

    Args:
        content: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images, scaled.
        mix: Share of each.
        config: Settings: weights; terms without weight are left out.
        factors: Those of the network.
    """
    found: dict[str, Term] = {}
    if config.tv_weight:
        weight = config.tv_weight * factors.variation
        found["tv"] = Term(weight, Variation(chroma=False), ())
    if config.chroma_weight:
        weight = config.chroma_weight * factors.chroma
        used = [s for s, share in zip(styles, mix, strict=True) if share]
        found["chroma"] = _chroma([content, *used], weight)
    if config.structure_weight:
        found["structure"] = _structure(content, config.structure_weight)
    if config.evenness_weight:
        weight = config.evenness_weight * factors.squares
        found["evenness"] = _evenness(content, styles, mix, weight)
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
    chroma = Variation(chroma=True)
    shape = image.shape[:2]
    found: Any = 0
    for strip in strips(shape[0]):
        block = ops.convert_to_tensor(image[None, strip.seen])
        found += chroma.part(block, strip.stop - strip.start, (), shape)[0]
        scratch.release(image)
    return float(found)


def _structure(content: np.ndarray, weight: float) -> Term:
    scales = [s for s in STRUCTURE_SCALES if 3 * s <= min(content.shape[:2])]
    targets = {s: losses.laplacian(squares(content, s), 1) for s in scales}
    energies = [energy_of(t, _LEAST) for t in targets.values()]
    scale = len(energies) / sum(energies)
    return Term(weight * scale, Structure(), targets)


def _evenness(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    weight: float,
) -> Term:
    """Makes the term of evenness, relative to the variance of the styles."""
    scales = evenness_scales(content.shape[:2])
    targets = {s: losses.evenness(squares(content, s), 1) for s in scales}
    variance = max(float(np.dot(mix, [*map(_variance, styles)])), _LEAST)
    return Term(weight / variance, Evenness(scales), targets)


def _variance(image: np.ndarray) -> float:
    """Returns the variance of the colors, in float64."""
    _, covariance = color.moments(image)
    return float(np.trace(covariance))


def _histogram(
    shape: Shape,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    weight: float,
) -> Term:
    count = shape[0] * shape[1]
    target = blend([_quantiles(style, count) for style in styles], mix)
    energy = energy_of(target, _LEAST)
    return Term(weight / energy, Histogram(), target)


def _quantiles(image: np.ndarray, count: int) -> Tensor:
    """Returns the histogram of an image, made channel by channel."""
    channels = np.split(image[None], image.shape[-1], axis=-1)
    tensors = map(ops.convert_to_tensor, channels)
    return ops.concatenate([losses.quantiles(t, count) for t in tensors], -1)


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Compares the colors with a histogram, each channel by itself.

    The target is a histogram from `losses.quantiles`.
    """

    def __call__(self, image: Tensor, maps: Maps, target: Tensor) -> Tensor:
        """Returns the loss."""
        return losses.histogram_loss(image, target)
