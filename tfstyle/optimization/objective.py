"""What `gatys` minimises: the terms of the loss for one size of the picture.

Targets are computed once, when the objective is made. Each term is divided by
an energy, so that weights carry over between networks, layers and sizes: the
content and image terms by that of their target, the style terms by the mean of
those of the style and of the photograph. The style's alone would make a calm
style dissolve a photograph that is rich in contrast (BUILD_NOTES.md).
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
from tfstyle.runtime.types import Tensor


class Term(NamedTuple):
    """A part of the loss.

    Two terms with equal `compare` and targets of the same shapes can share a
    compiled step.

    Attributes:
        weight: What its value is multiplied by.
        compare: From the picture `(1, height, width, 3)`, its feature maps by
            layer name, and the target to one value per example; hashable.
        target: Tensors, in any structure.
    """

    weight: float
    compare: Callable[[Tensor, Mapping[str, Tensor], Any], Tensor]
    target: Any

    def loss(self, image: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        """One value per example, not weighted."""
        return self.compare(image, maps, self.target)


@dataclasses.dataclass(frozen=True)
class _Content:
    """Compares the maps of a layer with a target."""

    layer: str

    def __call__(self, image, maps, target):
        return losses.content_loss(maps[self.layer], target)


@dataclasses.dataclass(frozen=True)
class _Gram:
    """Compares the Gram matrix of a region with that of the style."""

    layer: str

    def __call__(self, image, maps, target):
        gram, weights = target
        return losses.style_loss(maps[self.layer], gram, weights)


@dataclasses.dataclass(frozen=True)
class _Wasserstein:
    """Compares the moments of a region with those of the style."""

    layer: str

    def __call__(self, image, maps, target):
        gaussian, weights = target
        return losses.wasserstein_loss(
            maps[self.layer], gaussian, weights=weights
        )


def _total_variation(image, maps, target):
    return losses.total_variation_loss(image)


def _structure_gap(image, maps, target):
    return losses.structure_loss(image, target)


def _histogram_gap(image, maps, target):
    return losses.histogram_loss(image, target)


class Gains(NamedTuple):
    """Factors of the loss weights, so that they mean what they do for VGG.

    Attributes:
        content: Factor of the content weight. A thin network does not see all
            of the photograph, and what it does not see would be lost.
        tv: Factor of the total variation weight. The network does not see all
            of the fine noise that answers it either.
        color: Factor of the style weight at layers of the picture's own
            resolution, which know its colors: these give way to heavier
            contents.
    """

    content: float = 1.0
    tv: float = 1.0
    color: float = 1.0


# Measured: BUILD_NOTES.md.
_GAINS = {"vgg_distilled": Gains(content=2.4, tv=3.4, color=2.6)}

# Energies that targets count for at least: of flat feature maps, and of black
# pictures or photographs without edges, in squares of values in [0, 1].
_LEAST = 1e-6
_LEAST_IMAGE = 1e-3
# Fine are layers that see no less than every second pixel of a side.
_FINE = 2


def terms(
    network: keras.Model,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    parts: Sequence[regions.Region] | None = None,
    share: float = 1.0,
) -> dict[str, Term]:
    """Terms of the loss, weighted, by name.

    Args:
        network: Has the layers of `config`; see `features.extractor`.
        content: The photograph at the size that is painted, `(height, width,
            3)`.
        styles: The style images, of any size.
        config: The weights.
        parts: Where in the photograph the styles go, and from where; `None`
            for all of it and all of them.
        share: Of the styles in what the picture is compared with; the rest is
            the photograph, as if it were a style.

    Returns:
        The terms by names such as `"style/block1_conv1"`; where there are
        several regions `"style/block1_conv1/1"`, with the number of each.
    """
    shape = content.shape[:2]
    scaled = scale_styles(styles, shape, config.style_scale)
    parts = parts or regions.whole(len(styles)).parts
    if share < 1:
        parts = [_with_source(part, len(styles)) for part in parts]
        scaled.append(content)
    mix = functools.partial(_mix, config, share)
    found, photo = _photo(network, content, config, parts)
    found |= _style_terms(network, photo, scaled, config, parts, mix)
    gain = gains(network.name).tv
    found |= _image_terms(content, scaled, mix(len(scaled), True), config, gain)
    return found


def gains(name: str) -> Gains:
    """Factors of the loss weights for a network, by its name."""
    return _GAINS.get(name, Gains())


def _with_source(part, number):
    """A region that is also painted like the same part of the photograph."""
    return part._replace(sources={**part.sources, number: part.mask})


def _mix(config, share, count, fine):
    """Shares of sources, of which the last is the photograph if it has one."""
    if share == 1:
        return config.shares(count, fine)
    shares = config.shares(count - 1, fine)
    return [*(share * one for one in shares), 1 - share]


class _Photo(NamedTuple):
    """What style terms need of the photograph's maps at a layer, by region."""

    energies: list[float]
    weights: list[np.ndarray | None]
    stride: int


def _photo(network, content, config, parts):
    """Content terms, and what style terms need, by layer.

    The maps are let go before those of the styles are made: together they
    would take more memory than a step does.
    """
    maps = network(content[None])
    found = _content_terms(maps, config, network.name)
    energy = {"gram": _gram_energy, "wasserstein": _map_energy}
    photo = {}
    for layer in _shares(config.style_layers):
        weights = [_weights(part.mask, maps[layer]) for part in parts]
        photo[layer] = _Photo(
            [energy[config.style_loss](maps[layer], w) for w in weights],
            weights,
            round(content.shape[0] / maps[layer].shape[1]),
        )
    return found, photo


def scale_styles(
    styles: Sequence[np.ndarray],
    shape: tuple[int, int],
    scales: Sequence[float],
) -> list[np.ndarray]:
    """Style images at their scale relative to the picture, aspect kept.

    The longer side becomes `scale` times that of `shape`, but more where the
    shorter side would be less than what the network needs.
    """
    fitted = style_shapes([s.shape[:2] for s in styles], shape, scales)
    pairs = zip(styles, fitted, strict=True)
    return [images.resize(style, *shape) for style, shape in pairs]


def style_shapes(
    styles: Sequence[tuple[int, int]],
    shape: tuple[int, int],
    scales: Sequence[float],
) -> list[tuple[int, int]]:
    """Shapes that `scale_styles` gives to images of the shapes `styles`."""
    each = list(scales) * (len(styles) if len(scales) == 1 else 1)
    fitted = []
    for (height, width), scale in zip(styles, each, strict=True):
        aspect = max(height, width) / min(height, width)
        size = max(max(shape) * scale, SMALLEST * aspect)
        fitted.append(images.fit(height, width, round(size)))
    return fitted


def _content_terms(maps, config, name):
    found = {}
    total = config.content_weight * gains(name).content
    for layer, share in _shares(config.content_layers).items():
        target = maps[layer]
        weight = total * share / _energy(target)
        found[f"content/{layer}"] = Term(weight, _Content(layer), target)
    return found


def _style_terms(network, photo, styles, config, parts, mix):
    found = {}
    maps = [network(style[None]) for style in styles]
    make = {"gram": _gram, "wasserstein": _wasserstein}[config.style_loss]
    color_gain = gains(network.name).color
    for layer, share in _shares(config.style_layers).items():
        at = photo[layer]
        total = config.style_weight * (color_gain if at.stride == 1 else 1.0)
        for i, part in enumerate(parts):
            sources = [
                (maps[style][layer], _weights(mask, maps[style][layer]))
                for style, mask in part.sources.items()
            ]
            shares = mix(len(sources), at.stride <= _FINE)
            energy, compare, target = make(layer, sources, shares)
            mean = (energy + at.energies[i]) / 2
            weight = total * share * part.area / mean
            name = f"style/{layer}" + f"/{i + 1}" * (len(parts) > 1)
            found[name] = Term(weight, compare, (target, at.weights[i]))
    return found


def _image_terms(content, styles, mix, config, tv_gain):
    found: dict[str, Term] = {}
    if config.tv_weight:
        weight = config.tv_weight * tv_gain
        found["tv"] = Term(weight, _total_variation, ())
    if config.structure_weight:
        found["structure"] = _structure(content, config.structure_weight)
    if config.histogram_weight:
        found["histogram"] = _histogram(
            content.shape[:2], styles, mix, config.histogram_weight
        )
    return found


def _gram(layer, sources, mix):
    grams = [losses.gram_matrix(maps, weights) for maps, weights in sources]
    target = _blend(grams, mix)
    return _energy(target), _Gram(layer), target


def _gram_energy(maps, weights):
    return _energy(losses.gram_matrix(maps, weights))


def _wasserstein(layer, sources, mix):
    """As crowsonkb does, styles are blended by their first two moments."""
    means, seconds = [], []
    for maps, weights in sources:
        mean, covariance = losses.mean_covariance(maps, weights)
        means.append(mean)
        seconds.append(covariance + _outer(mean))
    mean = _blend(means, mix)
    target = losses.gaussian(mean, _blend(seconds, mix) - _outer(mean))
    channels = mean.shape[-1]
    energy = _energy(mean) + float(target.trace[0]) / channels
    return energy, _Wasserstein(layer), target


def _map_energy(maps, weights):
    if weights is None:
        return _energy(maps)
    shape = (1, *maps.shape[1:3], 1)
    return _energy(ops.cast(maps, "float32") * np.sqrt(weights).reshape(shape))


def _weights(mask, maps):
    return regions.weights(mask, *maps.shape[1:3])


def _structure(content, weight):
    scales = [s for s in STRUCTURE_SCALES if 3 * s <= min(content.shape[:2])]
    photo = ops.convert_to_tensor(content[None])
    targets = {scale: losses.laplacian(photo, scale) for scale in scales}
    energies = [_energy(t, _LEAST_IMAGE) for t in targets.values()]
    scale = len(energies) / sum(energies)
    return Term(weight * scale, _structure_gap, targets)


def _histogram(shape, styles, mix, weight):
    count = shape[0] * shape[1]
    targets = [
        losses.quantiles(ops.convert_to_tensor(style[None]), count)
        for style in styles
    ]
    target = _blend(targets, mix)
    energy = _energy(target, _LEAST_IMAGE)
    return Term(weight / energy, _histogram_gap, target)


def _shares(layers: Mapping[str, float]) -> dict[str, float]:
    total = sum(layers.values())
    return {name: share / total for name, share in layers.items() if share}


def _blend(statistics, mix):
    return sum(share * s for share, s in zip(mix, statistics, strict=True))


def _outer(mean):
    return mean[:, :, None] * mean[:, None, :]


def _energy(target, least=_LEAST) -> float:
    """What weights of terms with this target, `(1, ...)`, are divided by."""
    return max(float(losses.energy(target)[0]), least)
