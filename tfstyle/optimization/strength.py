"""Strengths below 1 where pixels are optimized.

The targets lie between the photograph's statistics and the style's. How far a
picture moves by a given share of the way differs from pair to pair. So
the share is adapted during the run: each size is painted in parts, and after
each part the share changes so that the picture gets as far from the photograph,
measured by feature maps, as the picture that the AdaIN model of this package
paints in one pass at that strength.
"""

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfstyle import images, losses
from tfstyle.adain import embeddings
from tfstyle.adain.config import TransferConfig
from tfstyle.adain.model import StyleModel
from tfstyle.adain.stylizers import SMALLEST
from tfstyle.controls.regions import Regions
from tfstyle.features import convolution
from tfstyle.objective.statistics import mean_square, see
from tfstyle.objective.style_sizes import scale_styles
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Tensor

LONGEST = 512
"""Largest longer side of the pictures of the AdaIN model, which are a start or
an example, in pixels. Long panoramas get more: the model needs a shorter side
of at least `stylizers.SMALLEST`."""
PARTS = 3
"""Number of parts of each size, each with its own share of the style."""

# Fraction of the wanted distance to aim at: the steps after the last change of
# the share go further (docs/decisions/controls.md).
_AIM = 0.8

# Exponent of the distance as a power of the share: the first guess, and the
# limits of what the last two parts give (docs/decisions/controls.md).
_POWER = 2.0
_POWERS = (1.5, 4.0)
_NEARLY = 0.25  # Least difference of the logarithms of two shares to compare.
_LEAST = 1e-6  # Least distance, and least energy of feature maps.


class Share:
    """Share of the style in the targets, adapted from part to part.

    Args:
        content: Photograph, `(height, width, 3)`.
        styles: Style images.
        config: Settings with a strength above 0.
        regions: Regions of the photograph for each style.

    Attributes:
        adaptive: Whether the share is adapted: whether the strength is below 1.
        value: Current share, from 0 to 1.
        found: Share of each part that was painted, with the distance of the
            picture relative to the wanted one.
    """

    def __init__(
        self,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        config: GatysConfig,
        regions: Regions | None = None,
    ) -> None:
        self.config = config
        self.adaptive = config.strength < 1
        self.value = embeddings.share(config.strength)
        self.found: list[tuple[float, float]] = []
        if self.adaptive:
            self._example = in_one_pass(
                content,
                styles,
                config,
                TransferConfig().style_size,
                config.strength,
                regions,
            )

    def adapt(
        self,
        network: keras.Model,
        photo: np.ndarray,
        picture: np.ndarray,
        side: int | None = None,
        make: scratch.Make = scratch.zeros,
    ) -> None:
        """Adapts the share to the picture that was painted.

        Args:
            network: Feature extractor with the content layers.
            photo: Photograph at the size of the picture.
            picture: Picture that was painted.
            side: Longest side that the network sees at once.
            make: Function that makes arrays of a picture in tiles.
        """
        height, width, _ = photo.shape
        example = images.resize(self._example, height, width, make)
        given = photo, self.config.content_layers, side, make
        wanted, reached = (
            max(content_distance(network, image, *given), _LEAST)
            for image in (example, picture)
        )
        self.note(reached / (_AIM * wanted))

    def lost_detail(
        self,
        photo: np.ndarray,
        before: np.ndarray,
        make: scratch.Make = scratch.zeros,
    ) -> np.ndarray:
        """Returns the detail that the picture lacks at the next size.

        It is the photograph's detail, times the photograph's share. A picture
        near the photograph would take many steps to find it.

        Args:
            photo: Photograph at the next size.
            before: Photograph at the size before.
            make: Function that makes arrays of the picture's size.
        """
        height, width, _ = photo.shape
        coarse = images.resize(before, height, width, make)
        found = make(photo.shape)
        for rows in scratch.slices(height):
            found[rows] = (1 - self.value) * (photo[rows] - coarse[rows])
            scratch.release(found, photo, coarse)
        return found

    def note(self, reached: float) -> None:
        """Adapts the share to a distance.

        Args:
            reached: Distance of the picture relative to the wanted one.
        """
        self.found.append((self.value, reached))
        self.value = min(self.value * reached ** (-1 / self._power()), 1.0)

    def _power(self) -> float:
        """Returns the exponent of the distance as a power of the share."""
        (before, near), (after, far) = np.log(self.found[-2:])[[0, -1]]
        # Distances at nearly the same share do not tell the exponent.
        if abs(after - before) < _NEARLY:
            return _POWER
        return float(np.clip((far - near) / (after - before), *_POWERS))


def content_distance(
    network: keras.Model,
    picture: np.ndarray,
    photo: np.ndarray,
    layers: Mapping[str, float],
    side: int | None = None,
    make: scratch.Make = scratch.zeros,
) -> float:
    """Returns the relative squared distance of feature maps; 0 if equal.

    Args:
        network: Network from `features.extractor`.
        picture: Picture, `(height, width, 3)`.
        photo: Photograph of the same shape; the distance is relative to the
            energy of its maps.
        layers: Weights by layer name; divided by their sum.
        side: Longest side that the network sees at once; `None` for no limit.
        make: Function that makes the maps of a picture in tiles.
    """
    maps, target = (
        see(network, image, layers, (), side=side, make=make).maps
        for image in (picture, photo)
    )
    total = sum(
        weight * _gap(maps[layer], target[layer])
        for layer, weight in layers.items()
    )
    return total / sum(layers.values())


def _gap(maps: Tensor, target: Tensor) -> float:
    """Returns a squared distance over the energy; maps may be in files."""
    if isinstance(maps, np.ndarray):
        return mean_square(maps, target) / max(mean_square(target), _LEAST)
    loss, energy = losses.content_loss(maps, target), losses.energy(target)
    return float(losses.relative(loss, energy, least=_LEAST)[0])


def in_one_pass(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    style_size: int | None = None,
    strength: float = 1.0,
    regions: Regions | None = None,
) -> np.ndarray:
    """Paints a photograph in one pass, by the AdaIN model of this package.

    Args:
        content: Photograph, `(height, width, 3)`.
        styles: Style images.
        config: Settings: size, and mix, scale and detail of the styles.
        style_size: Longer side at which styles with a scale of 1 are seen, in
            pixels; that of the picture if `None`.
        strength: Strength of the style, from 0 to 1.
        regions: Regions of the photograph for each style.

    Returns:
        Picture whose longer side is `config.size`, or `LONGEST` if that is
        less.
    """
    height, width = content.shape[:2]
    needed = -(-SMALLEST * max(height, width) // min(height, width))
    longer = min(config.size, max(LONGEST, needed))
    shape = images.fit(height, width, longer)
    seen = shape if style_size is None else (style_size, style_size)
    scaled = scale_styles(styles, seen, config.style_scale)
    photo = images.resize(content, *shape)
    return _model().stylize(
        photo,
        scaled,
        strength,
        config.style_mix,
        style_detail=config.style_detail,
        regions=regions,
    )


@functools.cache
def _model() -> StyleModel:
    model = StyleModel.from_preset("distilled")
    convolution.freeze(model.encoder, model.decoder)
    return model
