"""Scores that DeepDream raises: how strong a layer is at each position.

The score of each layer is divided by its energy, so that layers and networks
can be mixed: a dream begins at about 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfstyle import features, images, losses
from tfstyle.dreams.config import DreamConfig
from tfstyle.pretrained.weights import Resolved

MARGIN = 2
"""Width of the mirrored margin around the picture, in strides."""

_SIZE = 256  # Longer side of guides, and of the images that give energies.
_POSITIONS = 1024  # Most positions of a guide: their products take memory.
_LEAST = 1e-6  # Least energy, for flat maps.
_PROBE = 512  # Side of the image from which grids are derived.


_Channels = tuple[int, ...] | None
_Function = Callable[[tf.Tensor], tf.Tensor]


class Score(NamedTuple):
    """Score of a layer.

    Attributes:
        weight: Factor of the mean over all positions.
        function: Function from maps `(1, height, width, channels)` to a value
            for each position, `(1, height, width)`.
    """

    weight: float
    function: _Function


def make_network(config: DreamConfig, weights_file: Resolved) -> keras.Model:
    """Makes the feature extractor with the layers of the settings.

    Args:
        config: Settings without "auto", see `run.on_device`.
        weights_file: File of the weights; names the network.
    """
    return features.extractor(
        weights_file.name,
        config.shares(weights_file.name),
        weights=weights_file,
        dtype=config.precision,
    )


class Grid(NamedTuple):
    """Places of a layer's positions in the picture, along both sides.

    Attributes:
        stride: Pixels from one position to the next.
        first: Pixel in the middle of what the first position sees.
    """

    stride: int
    first: int


def grids(network: keras.Model) -> dict[str, Grid]:
    """Returns the grid of each layer of a network, by name."""
    shapes = network.compute_output_shape((1, _PROBE, _PROBE, 3))
    found = {}
    for name, (_, count, *_) in shapes.items():
        step = 2 ** round(np.log2(_PROBE / count))
        # Convolutions that do not pad lose the same at both ends.
        found[name] = Grid(step, (_PROBE - (count - 1) * step) // 2)
    return found


def stride(network: keras.Model) -> int:
    """Returns the stride of the deepest layer, in pixels."""
    return max(grid.stride for grid in grids(network).values())


def scores(
    network: keras.Model,
    photo: np.ndarray,
    guide: np.ndarray | None,
    config: DreamConfig,
) -> dict[str, Score]:
    """Makes the score of each layer, relative to its energy at the start.

    Args:
        network: Network from `make_network`.
        photo: Photograph, `(height, width, 3)`; the mean square of its maps is
            the unit of each score.
        guide: Image of the same form: each position is to get those features of
            the guide that fit it best; `None` to strengthen its own.
        config: Settings: layers, their weights, and channels.
    """
    maps = _small_maps(network, photo)
    guides = {} if guide is None else _small_maps(network, guide)
    found = {}
    for layer, weight in config.shares(network.name).items():
        channels = _channels(layer, maps[layer].shape[-1], config)
        energy = float(losses.energy(guides.get(layer, maps[layer]))[0])
        if guide is None:
            function = _strength(channels)
        else:
            function = _likeness(_vectors(guides[layer], channels), channels)
        found[layer] = Score(weight / max(energy, _LEAST), function)
    return found


def _small_maps(
    network: keras.Model, image: np.ndarray
) -> dict[str, tf.Tensor]:
    """Returns the maps of an image after it was shrunk and padded."""
    shape = images.fit(image.shape[0], image.shape[1], _SIZE)
    margin = (MARGIN * stride(network),) * 2
    small = images.resize(image, *shape)
    return network(np.pad(small, (margin, margin, (0, 0)), "symmetric")[None])


def _channels(layer: str, count: int, config: DreamConfig) -> _Channels:
    if config.channels is not None and max(config.channels) >= count:
        raise ValueError(
            f"`channels` must be below {count}, the number of channels of "
            f"{layer}. Received: channels={config.channels}"
        )
    return config.channels


def _chosen(maps: tf.Tensor, channels: _Channels) -> tf.Tensor:
    maps = tf.cast(maps, tf.float32)
    return maps if channels is None else tf.gather(maps, channels, axis=-1)


def _strength(channels: _Channels) -> _Function:
    return lambda maps: tf.reduce_mean(
        tf.square(_chosen(maps, channels)), axis=-1
    )


def _likeness(vectors: tf.Tensor, channels: _Channels) -> _Function:
    """Makes a function: the product of a position with its best vector."""

    def function(maps: tf.Tensor) -> tf.Tensor:
        products = tf.matmul(_chosen(maps, channels), vectors, transpose_b=True)
        return tf.reduce_max(products, axis=-1) / vectors.shape[-1]

    return function


def _vectors(maps: tf.Tensor, channels: _Channels) -> tf.Tensor:
    """Returns feature vectors of a guide, `(number, channels)`."""
    chosen = _chosen(maps, channels)
    flat = tf.reshape(chosen, (-1, chosen.shape[-1]))
    return flat[:: -(-flat.shape[0] // _POSITIONS)]
