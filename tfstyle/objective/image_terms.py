"""Terms of the loss that compare pictures themselves, not feature maps."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tfstyle import losses
from tfstyle.objective.settings import ObjectiveConfig
from tfstyle.objective.statistics import blend
from tfstyle.objective.term import Maps, Term, energy_of
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape, Tensor

# Least energies of targets: of black pictures or photographs without edges, in
# squares of values in [0, 1].
_LEAST = 1e-3
_LEAST_CHROMA = 1e-5  # Of gray pictures; photographs have some 1e-4.
STRUCTURE_SCALES = (4, 16)
"""Side lengths of the squares that the losses of structure (Li 2017) and of
evenness average."""
REACH = 2 * max(STRUCTURE_SCALES)
"""Rows below a strip that `Local.part` needs."""
_STRIP = 512  # Rows that are looked at together; a multiple of `REACH`.


def image_terms(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    config: ObjectiveConfig,
    gain: float,
) -> dict[str, Term]:
    """Makes the terms of variation, structure, evenness and histogram.

    Args:
        content: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images, scaled.
        mix: Share of each.
        config: Settings: weights; terms without weight are left out.
        gain: Factor of the weights of variation and evenness.
    """
    found: dict[str, Term] = {}
    if config.tv_weight:
        weight = config.tv_weight * gain
        found["tv"] = Term(weight, Variation(chroma=False), ())
    if config.chroma_weight:
        weight = config.chroma_weight * gain
        used = [s for s, share in zip(styles, mix, strict=True) if share]
        found["chroma"] = _chroma([content, *used], weight)
    if config.structure_weight:
        found["structure"] = _structure(content, config.structure_weight)
    if config.evenness_weight:
        weight = config.evenness_weight * gain
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
    targets = {s: losses.laplacian(_squares(content, s), 1) for s in scales}
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
    scales = [s for s in STRUCTURE_SCALES if 2 * s <= min(content.shape[:2])]
    targets = {s: losses.evenness(_squares(content, s), 1) for s in scales}
    variance = max(float(np.dot(mix, [*map(_variance, styles)])), _LEAST)
    return Term(weight / variance, Evenness(), targets)


def _variance(image: np.ndarray) -> float:
    """Returns the variance of the colors, in float64, strip by strip."""
    mean = image.mean((0, 1), dtype=np.float64)
    parts = (image[s.start : s.stop] - mean for s in strips(len(image)))
    total = sum(float(np.square(part).sum()) for part in parts)
    return total / (image.shape[0] * image.shape[1])


def _squares(image: np.ndarray, scale: int) -> Tensor:
    """Returns the squares of an image, strip by strip."""
    found = []
    for strip in strips(image.shape[0]):
        block = ops.convert_to_tensor(image[None, strip.start : strip.stop])
        found.append(losses.squares(block, scale))
        scratch.release(image)
    return ops.concatenate(found, 1)


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


class Strip(NamedTuple):
    """Rows of a picture that are looked at together.

    Attributes:
        start: First row.
        stop: First row after the last.
    """

    start: int
    stop: int

    @property
    def seen(self) -> slice:
        """The rows, and those below that belong to their neighbors."""
        return slice(self.start, self.stop + REACH)


def strips(height: int) -> Iterator[Strip]:
    """Cuts the rows of a picture into strips of more than `REACH` rows."""
    starts = range(0, max(height - REACH, 1), _STRIP)
    for start, stop in zip(starts, [*starts[1:], height], strict=True):
        yield Strip(start, stop)


@dataclasses.dataclass(frozen=True)
class Local:
    """Compares what is near in the picture, so that strips add up."""

    def __call__(self, image: Tensor, maps: Maps, target: Any) -> Tensor:
        """Returns the loss."""
        raise NotImplementedError

    def cut(self, target: Any, strip: Strip) -> Any:
        """Returns the part of a target that `part` needs."""
        return target

    def part(
        self, block: Tensor, rows: Tensor | int, target: Any, shape: Shape
    ) -> Tensor:
        """Returns what a strip adds to the loss.

        Args:
            block: What is seen of the strip, see `Strip.seen`.
            rows: Number of its rows.
            target: Part of the target, from `cut`.
            shape: Height and width of the picture.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Variation(Local):
    """Compares neighboring pixels; has no target."""

    chroma: bool

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        """Returns the loss."""
        if self.chroma:
            return losses.chroma_variation_loss(image)
        return losses.total_variation_loss(image)

    def part(
        self, block: Tensor, rows: Tensor | int, target: tuple, shape: Shape
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.variation_part(block, rows, shape[0], self.chroma)


@dataclasses.dataclass(frozen=True)
class Evenness(Local):
    """Compares squares where the photograph is even.

    The target is the photograph's `losses.Evenness` by scale.
    """

    def __call__(
        self, image: Tensor, maps: Maps, target: Mapping[int, losses.Evenness]
    ) -> Tensor:
        """Returns the loss."""
        return losses.evenness_loss(image, target)

    def cut(
        self, target: Mapping[int, losses.Evenness], strip: Strip
    ) -> dict[int, losses.Evenness]:
        """Returns the evenness below and beside the squares of a strip."""
        found = {}
        for scale, (down, across) in target.items():
            rows = np.s_[:, strip.start // scale : strip.stop // scale]
            found[scale] = losses.Evenness(down[rows], across[rows])
        return found

    def part(
        self,
        block: Tensor,
        rows: Tensor | int,
        target: Mapping[int, losses.Evenness],
        shape: Shape,
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.evenness_part(block, target, shape)


@dataclasses.dataclass(frozen=True)
class Structure(Local):
    """Compares edges with those of the photograph.

    The target is the photograph's `losses.laplacian` by scale.
    """

    def __call__(
        self, image: Tensor, maps: Maps, target: Mapping[int, Tensor]
    ) -> Tensor:
        """Returns the loss."""
        return losses.structure_loss(image, target)

    def cut(
        self, target: Mapping[int, Tensor], strip: Strip
    ) -> dict[int, Tensor]:
        """Returns the edges of a strip."""
        return {
            scale: edges[:, strip.start // scale : strip.stop // scale]
            for scale, edges in target.items()
        }

    def part(
        self,
        block: Tensor,
        rows: Tensor | int,
        target: Mapping[int, Tensor],
        shape: Shape,
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.structure_part(block, target, shape)


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Compares the colors with a histogram, each channel by itself.

    The target is a histogram from `losses.quantiles`.
    """

    def __call__(self, image: Tensor, maps: Maps, target: Tensor) -> Tensor:
        """Returns the loss."""
        return losses.histogram_loss(image, target)
