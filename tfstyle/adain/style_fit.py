"""The model in training when a model of any style is fitted to some styles.

Runs on any backend of Keras.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfstyle import features, losses
from tfstyle.adain import embeddings
from tfstyle.adain.config import SpecializeConfig
from tfstyle.adain.network import StyleNetwork, without_margin
from tfstyle.fitting import data, loop
from tfstyle.pretrained.topology import STYLE_LAYERS
from tfstyle.runtime.types import Tensor

CONTENT_LAYER = "block4_conv2"
_WARMUP = 20  # Steps until the learning rate reaches its peak.
_STYLE_WEIGHT = 5.0  # To begin with, if it is found.
# Long strokes show at block5_conv1, which the thin network hardly knows.
_LAYER_WEIGHTS = {
    "vgg_distilled": (1.0, 1.0, 1.0, 1.0, 1.0),
    "vgg16": (1.0, 1.0, 1.0, 1.0, 2.0),
    "vgg19": (1.0, 1.0, 1.0, 1.0, 2.0),
}
_LEAST_CONTENT = 0.1  # A held-out photograph may be the style itself.
_TV_WEIGHT, _RANGE_WEIGHT = 2.0, 10.0


class StyleFit(keras.Model):
    """Model whose decoder is fitted to style images by `keras.Model.fit`.

    Args:
        model: The model; its encoder is frozen.
        styles: Style images, RGB in [0, 1].
        config: Settings.

    Call arguments:
        inputs: Photographs `(batch, height, width, 3)`, and the numbers of
            their styles `(batch,)`.

    Returns:
        Images of the photographs' shape, not clipped to [0, 1].
    """

    def __init__(
        self,
        model: StyleNetwork,
        styles: Sequence[np.ndarray],
        config: SpecializeConfig,
    ) -> None:
        super().__init__(autocast=False)
        self.model = model
        self.model.encoder.trainable = False
        self.network = features.extractor(
            config.loss_features,
            [CONTENT_LAYER, *STYLE_LAYERS],
            weights=config.loss_weights_file or "imagenet",
            border="mirror",
            dtype=config.loss_dtype,
        )
        self.layer_weights = _LAYER_WEIGHTS[config.loss_features]
        self.embeddings = ops.concatenate(
            [model.embed_style(style[None]) for style in styles]
        )
        grams = [self._grams(self.network(style[None])) for style in styles]
        self.targets = {
            layer: ops.concatenate([each[layer] for each in grams])
            for layer in STYLE_LAYERS
        }
        self.style_weight = self.add_weight(
            shape=(), trainable=False, dtype="float32", name="style_weight"
        )
        given = config.style_weight
        self.style_weight.assign(_STYLE_WEIGHT if given is None else given)
        self.trackers = {
            name: keras.metrics.Mean(name, dtype="float32")
            for name in ("content", "style")
        }
        self.compile(
            loop.optimizer(
                loop.rate(config.learning_rate, config.steps, _WARMUP),
                config.precision,
            )
        )
        self.built = True

    def call(
        self, inputs: tuple[Tensor, Tensor], training: bool = False
    ) -> Tensor:
        contents, numbers = inputs
        maps = self.model.encode(contents)
        own = embeddings.join(self.model.moments(maps))
        target = ops.take(self.embeddings, numbers, axis=0)
        image = self.model.restyle(maps, own, target)
        return without_margin(image, contents)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the loss of images, averaged over the batch."""
        contents, numbers = x
        inside = ops.clip(y_pred, 0.0, 1.0)
        maps = self.network(inside)
        photo = ops.stop_gradient(self.network(contents)[CONTENT_LAYER])
        parts = {
            "content": content_distance(maps, photo, damping=1e-3),
            "style": self.style_distance(maps, numbers),
        }
        for name, values in parts.items():
            self.trackers[name].update_state(values)
        return ops.mean(
            parts["content"]
            + self.style_weight * parts["style"]
            + _TV_WEIGHT * losses.total_variation_loss(inside)
            + _RANGE_WEIGHT * losses.energy(y_pred - inside)
        )

    def style_distance(
        self, maps: Mapping[str, Tensor], numbers: Tensor
    ) -> Tensor:
        """Returns the relative distance of Gram matrices, mean of the layers.

        VGG's block5_conv1 counts twice, the thin network's layers alike.

        Args:
            maps: Feature maps of images, from `network`.
            numbers: Number of the style of each image, `(batch,)`.

        Returns:
            Shape `(batch,)`, float32.
        """
        total = 0.0
        for weight, (layer, grams) in zip(
            self.layer_weights, self.targets.items(), strict=True
        ):
            target = ops.take(grams, numbers, axis=0)
            loss = losses.style_loss(maps[layer], target)
            total += weight * losses.relative(loss, losses.energy(target))
        return total / sum(self.layer_weights)

    @staticmethod
    def _grams(maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: losses.gram_matrix(maps[name]) for name in STYLE_LAYERS}


class Batches(keras.utils.PyDataset):
    """Batches of crops of photographs, each with the number of a style.

    Args:
        contents: Crops of photographs.
        styles: Number of styles; they take turns.
        **kwargs: Arguments of `keras.utils.PyDataset`.
    """

    def __init__(
        self, contents: data.Crops, styles: int, **kwargs: int
    ) -> None:
        super().__init__(workers=2, **kwargs)
        self.contents, self.styles = contents, styles

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, np.ndarray]]:
        """Returns a batch `((contents, numbers),)` for `keras.Model.fit`."""
        crops = self.contents[index]
        first = (self.contents.first + index) * len(crops)
        numbers = np.arange(first, first + len(crops), dtype=np.int32)
        return ((crops, numbers % self.styles),)


class HeldOut:
    """Measures what a model in training makes of held-out photographs.

    Args:
        fit: The model in training.
        photographs: Photographs, `(height, width, 3)`, RGB in [0, 1].
    """

    def __init__(
        self, fit: StyleFit, photographs: Sequence[np.ndarray]
    ) -> None:
        self._fit = fit
        self._photographs = [photo[None] for photo in photographs]
        self._maps = [
            fit.network(photo)[CONTENT_LAYER] for photo in self._photographs
        ]

    def __call__(self) -> tuple[float, float]:
        """Returns the mean content and style distance of the pictures.

        The first is the geometric mean: whatever the distance of a photograph,
        its growth counts alike.
        """
        found = []
        for i, photo in enumerate(self._photographs):
            number = np.array([i % len(self._fit.embeddings)], np.int32)
            picture = ops.clip(self._fit((photo, number)), 0.0, 1.0)
            maps = self._fit.network(picture)
            content = content_distance(maps, self._maps[i])
            style = self._fit.style_distance(maps, number)
            found.append([float(content[0]), float(style[0])])
        content, style = np.transpose(found)
        logarithms = np.log(np.maximum(content, _LEAST_CONTENT))
        return float(np.exp(np.mean(logarithms))), float(np.mean(style))


def content_distance(
    maps: Mapping[str, Tensor], photo: Tensor, damping: float = 0.0
) -> Tensor:
    """Returns the relative distance to the photographs' maps, `(batch,)`.

    Args:
        maps: Feature maps of images.
        photo: Maps of the photographs at `CONTENT_LAYER`.
        damping: See `losses.relative`.
    """
    loss = losses.content_loss(maps[CONTENT_LAYER], photo)
    return losses.relative(loss, losses.energy(photo), damping=damping)
