"""Loss of style transfer by optimization: its terms for one size.

Targets are computed once, when the terms are made. Each term but total
variation is divided by an energy, so that weights carry over between networks,
layers and sizes: content and image terms by the energy of their target, style
terms by the mean of those of the style and the photograph, chroma by that of
the photograph or a style, whichever has more. With the style's
energy alone, a calm style would dissolve a photograph that is rich in contrast
(docs/decisions/optimization.md).
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfstyle import images, losses
from tfstyle.controls import regions
from tfstyle.images.sizes import SMALLEST
from tfstyle.optimization.config import STRUCTURE_SCALES, GatysConfig
from tfstyle.optimization.statistics import Moments, see
from tfstyle.runtime.types import Shape, Tensor

Maps = Mapping[str, Tensor]
"""Feature maps, `(batch, height, width, channels)`, by layer."""
Compare = Callable[[Tensor, Maps, Any], Tensor]
"""Function from a picture, its feature maps and a target to a loss."""


class Term(NamedTuple):
    """Term of the loss.

    Two terms with equal `compare` and targets of the same shapes can use the
    same compiled step.

    Attributes:
        weight: Factor of the value.
        compare: Function from the picture `(1, height, width, 3)`, its feature
            maps by layer name, and the target to one value per example;
            hashable.
        target: Tensors, in any structure.
    """

    weight: float
    compare: Compare
    target: Any

    def loss(self, image: Tensor, maps: Maps) -> Tensor:
        """Returns one value per example, not weighted."""
        return self.compare(image, maps, self.target)


@dataclasses.dataclass(frozen=True)
class Content:
    """Compares the maps of a layer with a target."""

    layer: str

    def __call__(self, image: Tensor, maps: Maps, target: Tensor) -> Tensor:
        """Returns the loss."""
        return losses.content_loss(maps[self.layer], target)


class Slopes(NamedTuple):
    """Style loss of statistics, and its derivatives by them.

    Attributes:
        value: Loss, `(1,)`.
        mean: Derivative by the mean, `(1, channels)`.
        covariance: Derivative by the covariance, `(1, channels, channels)`.
    """

    value: Tensor
    mean: Tensor
    covariance: Tensor


@dataclasses.dataclass(frozen=True)
class Style:
    """Compares statistics of a region at a layer with those of the style.

    A target is a pair: that of the statistics, and the weights of the
    positions in the picture or `None`.
    """

    layer: str

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        """Returns the loss."""
        raise NotImplementedError

    def slopes(self, moments: Moments, target: Any) -> Slopes:
        """Returns the loss of statistics, and how it changes with them.

        Args:
            moments: Statistics of the region in the picture.
            target: Statistics of the style.
        """
        raise NotImplementedError


class _Gram(Style):
    """Compares Gram matrices."""

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        gram, weights = target
        return losses.style_loss(maps[self.layer], gram, weights)

    def slopes(self, moments: Moments, target: Tensor) -> Slopes:
        value, slope = losses.style_slope(moments.second(), target)
        by_mean = 2 * ops.matmul(moments.mean[:, None], slope)[:, 0]
        return Slopes(value, by_mean, slope)


class _Wasserstein(Style):
    """Compares means and covariances."""

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        gaussian, weights = target
        return losses.wasserstein_loss(
            maps[self.layer], gaussian, weights=weights
        )

    def slopes(self, moments: Moments, target: losses.Gaussian) -> Slopes:
        return Slopes(*losses.wasserstein_slopes(*moments, target))


@dataclasses.dataclass(frozen=True)
class Variation:
    """Compares neighboring pixels; has no target."""

    chroma: bool

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        """Returns the loss."""
        if self.chroma:
            return losses.chroma_variation_loss(image)
        return losses.total_variation_loss(image)

    def part(self, block: Tensor, shape: Shape) -> Tensor:
        """Returns what a block adds, see `losses.variation_part`."""
        return losses.variation_part(block, shape, self.chroma)


def _structure_gap(
    image: Tensor, maps: Maps, target: dict[int, Tensor]
) -> Tensor:
    return losses.structure_loss(image, target)


def _histogram_gap(image: Tensor, maps: Maps, target: Tensor) -> Tensor:
    return losses.histogram_loss(image, target)


class Gains(NamedTuple):
    """Factors of the loss weights that give them the same effect as for VGG.

    Attributes:
        content: Factor of the content weight. A thin network does not see all
            of the photograph, and what it does not see would be lost.
        tv: Factor of the weights of total variation, also that of chroma. The
            thin network does not see all of the fine noise that its gradient
            makes either.
    """

    content: float = 1.0
    tv: float = 1.0


# Measured, see docs/decisions/thin_network.md.
_GAINS = {"vgg_distilled": Gains(content=2.4, tv=3.4)}

# Least energies of targets: of flat feature maps, and of black pictures or
# photographs without edges, in squares of values in [0, 1].
_LEAST = 1e-6
_LEAST_IMAGE = 1e-3
_LEAST_CHROMA = 1e-5  # Of gray pictures; photographs have some 1e-4.
_STRIP = 512  # Rows of an image that are looked at together.
_FINE = 2  # Largest stride of the layers that `style_detail` calls fine.


def terms(
    network: keras.Model,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    parts: Sequence[regions.Region] | None = None,
    share: float = 1.0,
    side: int | None = None,
) -> dict[str, Term]:
    """Makes the terms of the loss for one size of the picture.

    Args:
        network: Network with the layers of `config`, see `features.extractor`.
        content: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images, of any size.
        config: Settings: layers, weights, and how styles are blended.
        parts: Regions of the photograph and of the styles; `None` to blend all
            styles everywhere.
        share: Share of the styles in the targets, from 0 to 1; the rest is the
            photograph, as one more style.
        side: Longest side that the network sees at once; `None` for no limit.

    Returns:
        Weighted terms by name, such as `"style/block1_conv1"`; with several
        regions `"style/block1_conv1/1"`, with the number of the region.
    """
    shape = content.shape[:2]
    scaled = scale_styles(styles, shape, config.style_scale)
    parts = parts or regions.whole(len(styles)).parts
    if share < 1:
        parts = [_with_source(part, len(styles)) for part in parts]
        scaled.append(content)
    mix = functools.partial(_mix, config, share)
    found, photo = _photo(network, content, config, parts, side)
    found |= _style_terms(network, photo, scaled, config, parts, mix, side)
    gain = gains(network.name).tv
    found |= _image_terms(content, scaled, mix(len(scaled), True), config, gain)
    return found


def gains(name: str) -> Gains:
    """Returns the factors of the loss weights for the network of this name."""
    return _GAINS.get(name, Gains())


def _with_source(part: regions.Region, number: int) -> regions.Region:
    """Adds the same region of the photograph, image `number`, as a style."""
    return part._replace(sources={**part.sources, number: part.mask})


def _mix(
    config: GatysConfig, share: float, count: int, fine: bool
) -> list[float]:
    """Returns the shares of sources; below 1, the last is the photograph's."""
    if share == 1:
        return config.shares(count, fine)
    shares = config.shares(count - 1, fine)
    return [*(share * one for one in shares), 1 - share]


Mix = Callable[[int, bool], list[float]]
"""Function from a number of sources, and whether a layer is fine, to shares."""


class _Photo(NamedTuple):
    """Data of the photograph for the style terms at a layer, by region."""

    energies: list[float]
    weights: list[np.ndarray | None]
    stride: int


def _photo(
    network: keras.Model,
    content: np.ndarray,
    config: GatysConfig,
    parts: Sequence[regions.Region],
    side: int | None,
) -> tuple[dict[str, Term], dict[str, _Photo]]:
    """Makes the content terms, and the photograph's data for style terms."""
    masks = [part.mask for part in parts]
    layers = _normalized(config.style_layers)
    contents = _normalized(config.content_layers)
    seen = see(network, content, contents, layers, masks, side)
    photo = {
        layer: _Photo(
            [_STATISTICS[config.style_loss][0](m) for m in seen.moments[layer]],
            [regions.weights(mask, *seen.shapes[layer]) for mask in masks],
            round(content.shape[0] / seen.shapes[layer][0]),
        )
        for layer in layers
    }
    return _content_terms(seen.maps, config, network.name), photo


def scale_styles(
    styles: Sequence[np.ndarray],
    shape: Shape,
    scales: Sequence[float],
) -> list[np.ndarray]:
    """Resizes style images to their scale relative to the picture.

    The longer side becomes `scale` times that of `shape`, or more if the
    shorter side would be less than the network needs.

    Args:
        styles: Style images, `(height, width, 3)`.
        shape: Height and width of the picture.
        scales: One scale for all images, or one for each.
    """
    fitted = style_shapes([s.shape[:2] for s in styles], shape, scales)
    pairs = zip(styles, fitted, strict=True)
    return [images.resize(style, *shape) for style, shape in pairs]


def style_shapes(
    styles: Sequence[Shape],
    shape: Shape,
    scales: Sequence[float],
) -> list[Shape]:
    """Returns the shapes of style images after `scale_styles`.

    Args:
        styles: Height and width of each style image.
        shape: Height and width of the picture.
        scales: One scale for all images, or one for each.
    """
    each = list(scales) * (len(styles) if len(scales) == 1 else 1)
    fitted = []
    for (height, width), scale in zip(styles, each, strict=True):
        aspect = max(height, width) / min(height, width)
        size = max(max(shape) * scale, SMALLEST * aspect)
        fitted.append(images.fit(height, width, round(size)))
    return fitted


def _content_terms(
    maps: Maps, config: GatysConfig, name: str
) -> dict[str, Term]:
    found = {}
    total = config.content_weight * gains(name).content
    for layer, fraction in _normalized(config.content_layers).items():
        target = maps[layer]
        weight = total * fraction / _energy(target)
        found[f"content/{layer}"] = Term(weight, Content(layer), target)
    return found


def _style_terms(
    network: keras.Model,
    photo: Mapping[str, _Photo],
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    parts: Sequence[regions.Region],
    mix: Mix,
    side: int | None,
) -> dict[str, Term]:
    found = {}
    layers = _normalized(config.style_layers)
    moments = [
        _source_moments(network, style, i, layers, parts, side)
        for i, style in enumerate(styles)
    ]
    energy_of, make = _STATISTICS[config.style_loss]
    for layer, fraction in layers.items():
        at = photo[layer]
        for i, part in enumerate(parts):
            sources = [moments[style][layer, i] for style in part.sources]
            shares = mix(len(sources), at.stride <= _FINE)
            blended = _blended(sources, shares)
            mean = (energy_of(blended) + at.energies[i]) / 2
            weight = config.style_weight * fraction * part.area / mean
            name = f"style/{layer}" + f"/{i + 1}" * (len(parts) > 1)
            compare, target = make(layer, blended)
            found[name] = Term(weight, compare, (target, at.weights[i]))
    return found


def _source_moments(
    network: keras.Model,
    style: np.ndarray,
    number: int,
    layers: Mapping[str, float],
    parts: Sequence[regions.Region],
    side: int | None,
) -> dict[tuple[str, int], Moments]:
    """Returns the moments of a style image by layer and number of the region.

    Its maps are discarded before those of the next one are computed.
    """
    used = [i for i, part in enumerate(parts) if number in part.sources]
    masks = [parts[i].sources[number] for i in used]
    seen = see(network, style, (), layers, masks, side)
    return {
        (layer, i): moments
        for layer in layers
        for i, moments in zip(used, seen.moments[layer], strict=True)
    }


def _blended(sources: Sequence[Moments], mix: Sequence[float]) -> Moments:
    """Blends styles by their first two moments, as crowsonkb does."""
    if len(sources) == 1:
        return sources[0]
    mean = _blend([source.mean for source in sources], mix)
    second = _blend([source.second() for source in sources], mix)
    return Moments(mean, second - _outer(mean))


def _image_terms(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    mix: Sequence[float],
    config: GatysConfig,
    tv_gain: float,
) -> dict[str, Term]:
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
    if config.histogram_weight:
        found["histogram"] = _histogram(
            content.shape[:2], styles, mix, config.histogram_weight
        )
    return found


def _gram(layer: str, style: Moments) -> tuple[Compare, Any]:
    return _Gram(layer), style.second()


def _gram_energy(moments: Moments) -> float:
    return _energy(moments.second())


def _wasserstein(layer: str, style: Moments) -> tuple[Compare, Any]:
    return _Wasserstein(layer), losses.gaussian(*style)


def _map_energy(moments: Moments) -> float:
    """Returns the mean square of the maps."""
    mean, covariance = moments
    spread = float(ops.trace(covariance, axis1=1, axis2=2)[0])
    return max(_energy(mean, 0.0) + spread / mean.shape[-1], _LEAST)


# Style loss -> energy of moments, and function that makes a target of them.
_STATISTICS = {
    "gram": (_gram_energy, _gram),
    "wasserstein": (_map_energy, _wasserstein),
}


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
    energies = [_energy(t, _LEAST_IMAGE) for t in targets.values()]
    scale = len(energies) / sum(energies)
    return Term(weight * scale, _structure_gap, targets)


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
    target = _blend(targets, mix)
    energy = _energy(target, _LEAST_IMAGE)
    return Term(weight / energy, _histogram_gap, target)


def _normalized(layers: Mapping[str, float]) -> dict[str, float]:
    total = sum(layers.values())
    return {name: weight / total for name, weight in layers.items() if weight}


def _blend(statistics: Sequence[Tensor], mix: Sequence[float]) -> Tensor:
    return sum(share * s for share, s in zip(mix, statistics, strict=True))


def _outer(mean: Tensor) -> Tensor:
    return mean[:, :, None] * mean[:, None, :]


def _energy(target: Tensor, least: float = _LEAST) -> float:
    """Returns the energy of a target `(1, ...)`, by which terms are divided."""
    return max(float(losses.energy(target)[0]), least)
