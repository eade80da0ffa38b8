"""What a feed-forward model is trained to minimise: perceptual losses.

As `objective` says for one picture: distances of feature maps to the
photograph, of their statistics to the style, each divided by an energy of what
it is compared with. Here for batches of pairs, and with every target made anew.

Reference: Johnson et al., "Perceptual Losses for Real-Time Style Transfer",
ECCV 2016.
"""

from typing import Any

import keras
from keras import ops

from tfstyle import losses
from tfstyle.training.config import AdaINConfig

Tensor = Any
# Energy that maps count for at least.
_LEAST = 1e-3
_ALL = (1, 2, 3)  # All axes but the batch.


class PerceptualLoss:
    """Terms of the loss of images that a model made of pairs.

    Args:
        network: From `features.extractor`, with the layers of `config`.
        config: The layers and weights.

    Call arguments:
        images: Of the model, `(batch, height, width, 3)`; what is beyond
            [0, 1] is penalised, and cut off for the other terms.
        contents: Photographs, of the same shape.
        styles: Style pictures, `(batch, any, any, 3)`.

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
        """See the class."""
        inside = ops.clip(images, 0.0, 1.0)
        beyond = ops.mean(ops.square(images - inside), axis=_ALL)
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

    def _content(self, maps, photo):
        layer = self.config.content_layer
        energy = ops.mean(_squares(photo[layer]), axis=_ALL)
        return losses.content_loss(maps[layer], photo[layer]) / (
            energy + _LEAST
        )

    def _style(self, maps, photo, style):
        distance = _DISTANCES[self.config.style_loss]
        layers = self.config.style_layers
        parts = [distance(maps[n], photo[n], style[n]) for n in layers]
        return sum(parts) / len(parts)


def _constant(maps):
    return {name: ops.stop_gradient(value) for name, value in maps.items()}


def _squares(x):
    return ops.square(ops.cast(x, "float32"))


def _wasserstein(maps, photo, style):
    mean, covariance = losses.mean_covariance(style)
    target = losses.gaussian(mean, covariance)
    energies = [ops.mean(_squares(x), axis=_ALL) for x in (photo, style)]
    energy = sum(energies) / 2 + _LEAST
    return losses.wasserstein_loss(maps, target) / energy


def _gram(maps, photo, style):
    target = losses.gram_matrix(style)
    others = [target, losses.gram_matrix(photo)]
    energy = sum(ops.mean(ops.square(g), axis=(1, 2)) for g in others) / 2
    return losses.style_loss(maps, target) / (energy + _LEAST)


def _moments(maps, photo, style):
    target = losses.channel_moments(style)
    energies = [ops.mean(_squares(x), axis=_ALL) for x in (photo, style)]
    energy = sum(energies) / 2 + _LEAST
    return losses.moments_loss(maps, target) / energy


_DISTANCES = {
    "gram": _gram,
    "moments": _moments,
    "wasserstein": _wasserstein,
}
