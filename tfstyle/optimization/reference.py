"""The optimization of Gatys et al. 2016 that models of any style are judged by.

At one size, from the photograph: Adam with a constant rate on the relative
style loss (squared distance of Gram matrices, mean of five layers) plus the
relative content distance. Fixed on purpose, apart from the defaults of
`stylize`: figures of different versions of the models can be compared.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfstyle import features, losses
from tfstyle.optimization import adam

CONTENT_LAYER = "block4_conv2"
STYLE_LAYERS = tuple(f"block{i}_conv1" for i in range(1, 6))
STYLE_WEIGHT = 5.0
"""Weight of the style loss; the content distance has 1."""


class Target(NamedTuple):
    """What pictures of a pair are compared with.

    Attributes:
        content: Maps of the photograph, `(1, height, width, channels)`.
        grams: Gram matrices of the style, `(1, channels, channels)`, by layer.
    """

    content: tf.Tensor
    grams: dict[str, tf.Tensor]


class Distances(NamedTuple):
    """Relative squared distances to a pair, 0 for what is alike.

    Attributes:
        style: Of Gram matrices, the mean of the layers.
        content: Of feature maps.
    """

    style: Any
    content: Any


def make_network(name: str, weights: str | None = None) -> keras.Model:
    """The network that judges.

    Args:
        name: `"vgg16"`, `"vgg19"` or `"vgg_distilled"`.
        weights: File of its weights; the published ones if `None`.
    """
    layers = [CONTENT_LAYER, *STYLE_LAYERS]
    return features.extractor(name, layers, weights=weights or "imagenet")


class Reference:
    """Distances of pictures to a photograph and a style, and their minimum.

    One object for all pairs: it has one graph of a step, for sizes that
    differ, and TensorFlow keeps what it has compiled.

    Args:
        network: From `make_network`.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        # As published: one scale, a rate that does not fall.
        self._optimizer = adam.Adam(
            learning_rate=0.02, beta_2=0.999, levels=1, final=1.0
        )
        self._step = tf.function(self._stepped, reduce_retracing=True)

    def target(self, content: np.ndarray, style: np.ndarray) -> Target:
        """What pictures of a pair are compared with.

        Args:
            content: The photograph, `(height, width, 3)`, RGB in [0, 1].
            style: The style picture, likewise, of any size.
        """
        maps = self._network(style[None])
        grams = {
            layer: losses.gram_matrix(maps[layer]) for layer in STYLE_LAYERS
        }
        return Target(self._network(content[None])[CONTENT_LAYER], grams)

    def distances(self, picture: np.ndarray, target: Target) -> Distances:
        """How far a picture is from the pair, as floats.

        Args:
            picture: Shape `(height, width, 3)`, of the size of the photograph.
            target: From `target`.
        """
        found = self._distances(tf.constant(picture)[None], target)
        return Distances(*map(float, found))

    def optimize(
        self, content: np.ndarray, target: Target, steps: int
    ) -> Iterator[np.ndarray]:
        """The pictures after each of `steps` steps from the photograph."""
        state = self._optimizer.init(content[None], Distances._fields)
        for _ in range(steps):
            state = self._step(state, target)
            yield state.x.numpy()[0]

    def _distances(self, image: tf.Tensor, target: Target) -> Distances:
        maps = self._network(image)
        style = [
            losses.relative(
                losses.style_loss(maps[layer], gram), losses.energy(gram)
            )[0]
            for layer, gram in target.grams.items()
        ]
        content = losses.relative(
            losses.content_loss(maps[CONTENT_LAYER], target.content),
            losses.energy(target.content),
        )
        return Distances(tf.add_n(style) / len(style), content[0])

    def _stepped(self, state: adam.State, target: Target) -> adam.State:
        def value_and_gradient(image: tf.Tensor) -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(image)
                found = self._distances(image, target)
                value = STYLE_WEIGHT * found.style + found.content
            return value, tape.gradient(value, image), found._asdict()

        return self._optimizer.step(value_and_gradient, state)
