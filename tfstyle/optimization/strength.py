"""What a strength below 1 means where pixels are optimised.

The style becomes a blend with that of the photograph: the targets move from
one to the other. How far a share of the style takes the picture is another
matter for each pair. So the share is found on the way: each size is painted in
parts, and after each the picture is to be as far from the photograph, by its
feature maps, as what the model of this package paints in one pass at that
strength.
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
from tfstyle.optimization import objective
from tfstyle.optimization.config import GatysConfig

LONGEST = 512
"""Longer side of what is painted, at most: it is a start, or an example. Of
long panoramas it is more, for the shorter side to be what the model needs."""
PARTS = 3
"""Of each size, with a share of their own."""

# Of the wanted distance: the last part goes on from where it was found
# (BUILD_NOTES.md).
_AIM = 0.9

# The distance grows as a power of the share: at first it is taken to be this
# one, then what the last two parts say, within limits (BUILD_NOTES.md).
_POWER = 2.0
_POWERS = (1.5, 4.0)
_NEARLY = 0.25  # Difference of logarithms.
_LEAST = 1e-6  # Distance that counts as none, and energy of flat maps.


class Share:
    """The style's share of the targets, from part to part.

    Args:
        content: The photograph, `(height, width, 3)`.
        styles: The style images.
        config: Settings with a strength above 0.
        regions: Where in the photograph each style goes.

    Attributes:
        adaptive: Whether the strength is below 1, so that there is a share to
            be found.
        value: The share, from 0 to 1.
        found: For each part that was painted its share, and the distance
            relative to the wanted one.
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
        self, network: keras.Model, photo: np.ndarray, picture: np.ndarray
    ) -> None:
        """Changes the share for the next part.

        Args:
            network: Has the content layers.
            photo: The photograph at the size that was painted.
            picture: What was painted.
        """
        example = images.resize(self._example, *photo.shape[:2])
        layers = self.config.content_layers
        wanted, reached = (
            max(content_distance(network, image, photo, layers), _LEAST)
            for image in (example, picture)
        )
        self.note(reached / (_AIM * wanted))

    def lost_detail(
        self, photo: np.ndarray, before: np.ndarray
    ) -> np.ndarray | float:
        """What the photograph's part of the picture lacks at the next size.

        A picture that is to be near the photograph would have to find it in
        many steps.

        Args:
            photo: The photograph at that size.
            before: At the size before.
        """
        if not self.adaptive:
            return 0.0
        coarse = images.resize(before, *photo.shape[:2])
        return (1 - self.value) * (photo - coarse)

    def note(self, reached: float) -> None:
        """Changes the share.

        Args:
            reached: Distance of what was painted, relative to the wanted one.
        """
        self.found.append((self.value, reached))
        self.value = min(self.value * reached ** (-1 / self._power()), 1.0)

    def _power(self) -> float:
        """Of the share with which the distance grows."""
        (before, near), (after, far) = np.log(self.found[-2:])[[0, -1]]
        # What was found for nearly the same share says nothing.
        if abs(after - before) < _NEARLY:
            return _POWER
        return float(np.clip((far - near) / (after - before), *_POWERS))


def content_distance(
    network: keras.Model,
    picture: np.ndarray,
    photo: np.ndarray,
    layers: Mapping[str, float],
) -> float:
    """Relative squared distance of feature maps: 0 for the same picture.

    Args:
        network: From `features.extractor`.
        picture: Array `(height, width, 3)`.
        photo: Another, whose maps have the energy that it is relative to.
        layers: Layer name to its share; divided by their sum.
    """
    maps, target = network(picture[None]), network(photo[None])
    total = 0.0
    for layer, share in layers.items():
        loss = losses.content_loss(maps[layer], target[layer])
        energy = losses.energy(target[layer])
        total += share * float(losses.relative(loss, energy, least=_LEAST)[0])
    return total / sum(layers.values())


def in_one_pass(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    style_size: int | None = None,
    strength: float = 1.0,
    regions: Regions | None = None,
) -> np.ndarray:
    """A photograph in the style of pictures, mixed and scaled as settings say.

    Args:
        content: The photograph, `(height, width, 3)`.
        styles: The style images.
        config: The settings.
        style_size: Longer side at which styles are seen, in pixels, where
            their scale is 1; that of the picture if `None`.
        strength: Of the style.
        regions: Where in the photograph each style goes.

    Returns:
        The picture, its longer side `config.size`, or `LONGEST` where that
        is less.
    """
    height, width = content.shape[:2]
    needed = -(-SMALLEST * max(height, width) // min(height, width))
    longer = min(config.size, max(LONGEST, needed))
    shape = images.fit(height, width, longer)
    seen = shape if style_size is None else (style_size, style_size)
    scaled = objective.scale_styles(styles, seen, config.style_scale)
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
