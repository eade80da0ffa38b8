"""Perceptual losses for training feed-forward models.

Distances of feature maps to those of the photograph, and of their statistics
to those of the style, each divided by the energy of what it is compared with.
`objective` has these losses for one picture; here they are for batches of
pairs, with new targets in each batch.

Reference: Johnson et al., "Perceptual Losses for Real-Time Style Transfer",
ECCV 2016.
"""

import keras
from keras import ops

from tfstyle import losses
from tfstyle.runtime.types import Tensor
from tfstyle.training.config import AdaINConfig

# Damping of the losses: otherwise dull or black crops, with hardly any energy,
# would outweigh all others in their batch.
_DAMPING = 1e-3


class PerceptualLoss:
    """Terms of the loss of images that a model made from pairs.

    Args:
        network: Network from `features.extractor`, with the layers of
            `config`.
        config: Settings with the layers and weights.

    Call arguments:
        images: Output of the model, `(batch, height, width, 3)`; values beyond
            [0, 1] are penalized, and clipped for the other terms.
        contents: Photographs of the same shape, RGB in [0, 1].
        styles: Style pictures `(batch, any, any, 3)`, RGB in [0, 1].

    Returns:
        `"content"`, `"style"`, `"tv"` and `"range"`, each weighted and of
        shape `(batch,)`.
    """

    terms = ("content", "style", "tv", "range")

    def __init__(self, network: keras.Model, config: AdaINConfig) -> None:
        self.network = network
        self.config = config

    def __call__(
        self, images: Tensor, contents: Tensor, styles: Tensor
    ) -> dict[str, Tensor]:
        """Returns the terms; see the class."""
        inside = ops.clip(images, 0.0, 1.0)
        beyond = losses.energy(images - inside)
        maps = self.network(inside)
        photo = _constant(self.network(contents))
        style = _constant(self.network(styles))
        tv = losses.total_variation_loss(inside)
        return {
            "content": self.config.content_weight * self._content(maps, photo),
            "style": self.config.style_weight * self._style(maps, photo, style),
            "tv": self.config.tv_weight * tv,
            "range": self.config.range_weight * beyond,
        }

    def _content(
        self, maps: dict[str, Tensor], photo: dict[str, Tensor]
    ) -> Tensor:
        layer = self.config.content_layer
        loss = losses.content_loss(maps[layer], photo[layer])
        return _relative(loss, photo[layer])

    def _style(
        self,
        maps: dict[str, Tensor],
        photo: dict[str, Tensor],
        style: dict[str, Tensor],
    ) -> Tensor:
        distance = _DISTANCES[self.config.style_loss]
        layers = self.config.style_layers
        parts = [distance(maps[n], photo[n], style[n]) for n in layers]
        return sum(parts) / len(parts)


def _constant(maps: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: ops.stop_gradient(value) for name, value in maps.items()}


def _relative(loss: Tensor, *targets: Tensor) -> Tensor:
    """Divides the loss by the mean energy of the targets."""
    energy = sum(map(losses.energy, targets)) / len(targets)
    return losses.relative(loss, energy, damping=_DAMPING)


def _wasserstein(maps: Tensor, photo: Tensor, style: Tensor) -> Tensor:
    mean, covariance = losses.mean_covariance(style)
    target = losses.gaussian(mean, covariance)
    return _relative(losses.wasserstein_loss(maps, target), photo, style)


def _gram(maps: Tensor, photo: Tensor, style: Tensor) -> Tensor:
    target = losses.gram_matrix(style)
    loss = losses.style_loss(maps, target)
    return _relative(loss, target, losses.gram_matrix(photo))


def _moments(maps: Tensor, photo: Tensor, style: Tensor) -> Tensor:
    target = losses.channel_moments(style)
    return _relative(losses.moments_loss(maps, target), photo, style)


_DISTANCES = {
    "gram": _gram,
    "moments": _moments,
    "wasserstein": _wasserstein,
}
