"""Makes the terms of the loss for one size of a picture.

Targets are computed once, when the terms are made. Each term but total
variation is divided by an energy, so that weights carry over between networks,
layers and sizes: content and image terms by the energy of their target, style
terms by the mean of those of the style and the photograph, chroma by that of
the photograph or a style, whichever has more. With the style's energy alone, a
calm style would dissolve a photograph that is rich in contrast
(docs/decisions/optimization.md).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

from tfstyle.controls.regions import Region, Regions, whole
from tfstyle.objective import gains
from tfstyle.objective.image_terms import image_terms
from tfstyle.objective.layout import layout_term
from tfstyle.objective.settings import ObjectiveConfig
from tfstyle.objective.statistics import (
    Moments,
    blend_moments,
    displaced,
    mean_square,
    see,
)
from tfstyle.objective.style_sizes import scale_styles
from tfstyle.objective.term import (
    LEAST,
    STATISTICS,
    Content,
    Maps,
    Term,
    energy_of,
)
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Tensor

_FINE = 2  # Largest stride of the layers that `style_detail` calls fine.
_FORMS = 4.0  # Gain of the others where they have a style of their own.


def make_terms(
    network: keras.Model,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: ObjectiveConfig,
    regions: Regions | None = None,
    share: float = 1.0,
    side: int | None = None,
    make: scratch.Make = scratch.zeros,
) -> dict[str, Term]:
    """Makes the terms of the loss for one size of the picture.

    Args:
        network: Network with the layers of `config`, see `features.extractor`.
        content: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images, of any size.
        config: Settings: layers, weights, and how styles are blended.
        regions: Regions of the photograph and of the styles; `None` to blend
            all styles everywhere.
        share: Share of the styles in the targets, from 0 to 1: how far they
            are from the photograph on the way to the styles.
        side: Longest side that the network sees at once; `None` for no limit.
        make: Function that makes the targets of a photograph in tiles.

    Returns:
        Weighted terms by name, such as `"style/block1_conv1"`; with several
        regions `"style/block1_conv1/1"`, with the number of the region.
    """
    shape = content.shape[:2]
    scaled = scale_styles(styles, shape, config.style_scale)
    own: Sequence[Region] = (regions or whole(len(styles))).parts
    parts = own
    if share < 1:
        parts = [_with_source(part, len(styles)) for part in own]
        scaled.append(content)
    found, photo = _photo(network, content, config, parts, side, make)
    found |= _style_terms(network, photo, scaled, config, parts, share, side)
    factors = gains.of(network.name)
    mix = _mix(config, share, len(scaled))
    found |= image_terms(content, scaled, mix, config, factors)
    if config.layout_weight:
        given = content, scaled, own, config, share, factors.squares
        found["layout"] = layout_term(*given)
    return found


def _with_source(part: Region, number: int) -> Region:
    """Adds the same region of the photograph, image `number`, as a style."""
    return part._replace(sources={**part.sources, number: part.mask})


def _mix(config: ObjectiveConfig, share: float, count: int) -> list[float]:
    """Returns the shares of images; below 1, the last is the photograph."""
    if share == 1:
        return config.shares(count, fine=True)
    shares = config.shares(count - 1, fine=True)
    return [*(share * one for one in shares), 1 - share]


class _Photo(NamedTuple):
    """Data of the photograph for the style terms at a layer, by region."""

    energies: list[float]
    weights: list[np.ndarray | None]
    stride: int


def _photo(
    network: keras.Model,
    content: np.ndarray,
    config: ObjectiveConfig,
    parts: Sequence[Region],
    side: int | None,
    make: scratch.Make,
) -> tuple[dict[str, Term], dict[str, _Photo]]:
    """Makes the content terms, and the photograph's data for style terms."""
    masks = [part.mask for part in parts]
    layers = _normalized(config.style_layers)
    contents = _normalized(config.content_layers)
    seen = see(network, content, contents, layers, masks, side, make)
    photo = {
        layer: _Photo(
            [STATISTICS[config.style_loss][0](m) for m in seen.moments[layer]],
            seen.weights[layer],
            seen.strides[layer],
        )
        for layer in layers
    }
    return _content_terms(seen.maps, config, network.name), photo


def _content_terms(
    maps: Maps, config: ObjectiveConfig, name: str
) -> dict[str, Term]:
    found = {}
    total = config.content_weight * gains.of(name).content
    for layer, fraction in _normalized(config.content_layers).items():
        target = maps[layer]
        weight = total * fraction / _target_energy(target)
        found[f"content/{layer}"] = Term(weight, Content(layer), target)
    return found


def _target_energy(maps: Tensor) -> float:
    """Returns the energy of maps; those of tiles may be in a file."""
    if not isinstance(maps, np.ndarray):
        return energy_of(maps)
    return max(mean_square(maps), LEAST)


def _style_terms(
    network: keras.Model,
    photo: Mapping[str, _Photo],
    styles: Sequence[np.ndarray],
    config: ObjectiveConfig,
    parts: Sequence[Region],
    share: float,
    side: int | None,
) -> dict[str, Term]:
    found = {}
    layers = _normalized(config.style_layers)
    moments = [
        _source_moments(network, style, i, layers, parts, side)
        for i, style in enumerate(styles)
    ]
    measure, make = STATISTICS[config.style_loss]
    forms = _forms_gain(config, len(styles) - (share < 1))
    palette = gains.of(network.name).palette
    for layer, fraction in layers.items():
        at = photo[layer]
        fine = at.stride <= _FINE
        gain = palette if at.stride == 1 else 1.0 if fine else forms
        total = config.style_weight * fraction * gain
        for i, part in enumerate(parts):
            sources = [moments[style][layer, i] for style in part.sources]
            blended = _blended(sources, config, fine, share)
            mean = (measure(blended) + at.energies[i]) / 2
            weight = total * part.area / mean
            name = f"style/{layer}" + f"/{i + 1}" * (len(parts) > 1)
            compare, target = make(layer, blended)
            found[name] = Term(weight, compare, (target, at.weights[i]))
    return found


def _forms_gain(config: ObjectiveConfig, count: int) -> float:
    """Returns the gain of coarse layers for `count` style images.

    The default weights of layers are for one style: forms of another would
    hardly show (docs/decisions/controls.md).
    """
    fine, coarse = (config.shares(count, fine=fine) for fine in (True, False))
    return 1.0 if fine == coarse else _FORMS


def _blended(
    sources: Sequence[Moments],
    config: ObjectiveConfig,
    fine: bool,
    share: float,
) -> Moments:
    """Returns the moments of blended styles, or a part of the way to them.

    Below a share of 1, the last source is the photograph.
    """
    if share == 1:
        return blend_moments(sources, config.shares(len(sources), fine))
    *styles, photo = sources
    style = blend_moments(styles, config.shares(len(styles), fine))
    return displaced(photo, style, share)


def _source_moments(
    network: keras.Model,
    style: np.ndarray,
    number: int,
    layers: Mapping[str, float],
    parts: Sequence[Region],
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


def _normalized(layers: Mapping[str, float]) -> dict[str, float]:
    total = sum(layers.values())
    return {name: weight / total for name, weight in layers.items() if weight}
