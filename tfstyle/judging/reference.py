"""Optimization after Gatys et al. 2016 with which AdaIN models are compared.

At one size, from the photograph: Adam with a constant rate on the relative
style loss (squared distance of Gram matrices, mean of five layers) plus the
relative content distance. It does not follow the defaults of `stylize`, so that
figures of different versions of the models can be compared.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfstyle import features, losses
from tfstyle.optimizers import adam
from tfstyle.pretrained.topology import STYLE_LAYERS
from tfstyle.runtime.types import Tensor

CONTENT_LAYER = "block4_conv2"
STYLE_WEIGHT = 5.0
"""Weight of the style loss; the content distance has 1."""


class Target(NamedTuple):
    """Targets of the losses for a pair of photograph and style.

    Attributes:
        content: Feature maps of the photograph, `(1, height, width, channels)`.
        grams: Gram matrices of the style, `(1, channels, channels)`, by layer.
    """

    content: tf.Tensor
    grams: dict[str, tf.Tensor]


class Distances(NamedTuple):
    """Relative squared distances of a picture to a pair; 0 if equal.

    Attributes:
        style: Distance of Gram matrices, mean of the layers.
        content: Distance of feature maps.
    """

    style: tf.Tensor
    content: tf.Tensor


def make_network(name: str, weights: str | None = None) -> keras.Model:
    """Makes the network that measures the distances.

    Args:
        name: `"vgg16"`, `"vgg19"` or `"vgg_distilled"`.
        weights: File of the weights; the published file if `None`.
    """
    layers = [CONTENT_LAYER, *STYLE_LAYERS]
    return features.extractor(name, layers, weights=weights or "imagenet")


def gram_matrices(maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the Gram matrices of an image's feature maps, by style layer."""
    return {layer: losses.gram_matrix(maps[layer]) for layer in STYLE_LAYERS}


def style_distances(
    maps: Mapping[str, Tensor], grams: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Returns the relative squared distances of Gram matrices, by layer.

    Args:
        maps: Feature maps of a picture, `(1, height, width, channels)`.
        grams: Gram matrices of the style.
    """
    return {
        layer: losses.relative(
            losses.style_loss(maps[layer], gram), losses.energy(gram)
        )[0]
        for layer, gram in grams.items()
    }


def content_distance(maps: Tensor, content: Tensor) -> Tensor:
    """Returns the relative squared distance of maps to the photograph's."""
    gap = losses.content_loss(maps, content)
    return losses.relative(gap, losses.energy(content))[0]


class Reference:
    """Measures the distances of pictures to a pair, and minimizes them.

    Use one object for all pairs: it has one graph of a step for all sizes, and
    TensorFlow never frees graphs.

    Args:
        network: Network from `make_network`.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        # As published: one scale and a constant rate.
        self._optimizer = adam.Adam(
            learning_rate=0.02, beta_2=0.999, levels=1, final=1.0
        )
        self._step = tf.function(
            self._stepped, autograph=False, reduce_retracing=True
        )

    def optimize(
        self, content: np.ndarray, target: Target, steps: int
    ) -> Iterator[np.ndarray]:
        """Yields the picture after each step, starting from the photograph.

        Args:
            content: Photograph, `(height, width, 3)`, RGB in [0, 1].
            target: Targets of the pair, see `measures.Judge`.
            steps: Number of steps.
        """
        state = self._optimizer.init(content[None], Distances._fields)
        for _ in range(steps):
            state = self._step(state, target)
            yield state.x.numpy()[0]

    def _distances(self, image: tf.Tensor, target: Target) -> Distances:
        maps = self._network(image)
        style = [*style_distances(maps, target.grams).values()]
        content = content_distance(maps[CONTENT_LAYER], target.content)
        return Distances(tf.add_n(style) / len(style), content)

    def _stepped(self, state: adam.State, target: Target) -> adam.State:
        def value_and_gradient(image: tf.Tensor) -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(image)
                found = self._distances(image, target)
                value = STYLE_WEIGHT * found.style + found.content
            return value, tape.gradient(value, image), found._asdict()

        return self._optimizer.step(value_and_gradient, state)
