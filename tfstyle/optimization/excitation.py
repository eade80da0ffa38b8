"""What `deepdream` excites: how strongly a layer answers at each position.

Each layer's answer is divided by its energy, so that layers and networks can
be mixed: a dream begins at about 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfstyle import features, images, losses
from tfstyle.optimization.config import DreamConfig
from tfstyle.pretrained.weights import Resolved

MARGIN = 2
"""Strides of mirrored picture around it, before the network pads."""

_SIZE = 256  # Longer side of a guide, and of what energies are measured on.
_POSITIONS = 1024  # Of a guide; more would not fit beside a shallow layer.
_LEAST = 1e-6  # Energy that flat maps count for.
_PROBE = 512  # Pixels by which grids are told.


class Score(NamedTuple):
    """How much a layer is excited.

    Attributes:
        weight: What the mean over all positions is multiplied by.
        function: From maps `(1, height, width, channels)` to a value for each
            position, `(1, height, width)`.
    """

    weight: float
    function: Callable[[tf.Tensor], tf.Tensor]


def make_network(config: DreamConfig, weights_file: Resolved) -> keras.Model:
    """The feature extractor with the layers of the settings.

    Args:
        config: The settings; with a precision, see `run.on_device`.
        weights_file: Says which network.
    """
    return features.extractor(
        weights_file.name,
        config.shares(weights_file.name),
        weights=weights_file,
        dtype=config.precision,
    )


class Grid(NamedTuple):
    """Where the positions of a layer are, along both sides.

    Attributes:
        stride: Pixels from one to the next.
        first: Pixel in the middle of what the first one sees.
    """

    stride: int
    first: int


def grids(network: keras.Model) -> dict[str, Grid]:
    """Positions of the layers of a network, by name."""
    shapes = network.compute_output_shape((1, _PROBE, _PROBE, 3))
    found = {}
    for name, (_, count, *_) in shapes.items():
        stride = 2 ** round(np.log2(_PROBE / count))
        # Convolutions that do not pad leave out as much at both ends.
        found[name] = Grid(stride, (_PROBE - (count - 1) * stride) // 2)
    return found


def stride(network: keras.Model) -> int:
    """Pixels from one position of the deepest layer to the next."""
    return max(grid.stride for grid in grids(network).values())


def scores(
    network: keras.Model,
    photo: np.ndarray,
    guide: np.ndarray | None,
    config: DreamConfig,
) -> dict[str, Score]:
    """Scores by layer, relative to the energy of what they start from.

    Args:
        network: From `make_network`.
        photo: Array of shape `(height, width, 3)`; its mean square in a layer
            is that layer's unit.
        guide: Such an array, whose features each position shall have, those
            that fit it best; or `None` to strengthen what is there.
        config: The layers, their shares and channels.
    """
    maps = _small_maps(network, photo)
    guides = {} if guide is None else _small_maps(network, guide)
    found = {}
    for layer, share in config.shares(network.name).items():
        channels = _channels(layer, maps[layer].shape[-1], config)
        energy = float(losses.energy(guides.get(layer, maps[layer]))[0])
        if guide is None:
            function = _strength(channels)
        else:
            function = _likeness(_vectors(guides[layer], channels), channels)
        found[layer] = Score(share / max(energy, _LEAST), function)
    return found


def _small_maps(network, image):
    """Maps of an image that is made small, and continued by its mirror."""
    shape = images.fit(image.shape[0], image.shape[1], _SIZE)
    margin = (MARGIN * stride(network),) * 2
    small = images.resize(image, *shape)
    return network(np.pad(small, (margin, margin, (0, 0)), "symmetric")[None])


def _channels(layer, count, config):
    if config.channels is not None and max(config.channels) >= count:
        raise ValueError(
            f"`channels` must be below {count}, as many as {layer} has. "
            f"Received: channels={config.channels}"
        )
    return config.channels


def _chosen(maps, channels):
    maps = tf.cast(maps, tf.float32)
    return maps if channels is None else tf.gather(maps, channels, axis=-1)


def _strength(channels):
    return lambda maps: tf.reduce_mean(
        tf.square(_chosen(maps, channels)), axis=-1
    )


def _likeness(vectors, channels):
    """Each position's product with the one of `vectors` that fits it best."""

    def function(maps):
        products = tf.matmul(_chosen(maps, channels), vectors, transpose_b=True)
        return tf.reduce_max(products, axis=-1) / vectors.shape[-1]

    return function


def _vectors(maps, channels):
    """Feature vectors of a guide, `(number, channels)`."""
    chosen = _chosen(maps, channels)
    flat = tf.reshape(chosen, (-1, chosen.shape[-1]))
    return flat[:: -(-flat.shape[0] // _POSITIONS)]
