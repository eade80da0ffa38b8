"""What a network sees of a tile, as functions to compile.

`moments` gives the statistics of a tile's feature maps, `gradient` that by its
pixels. A function is compiled once and serves tiles and pictures of any size.
"""

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfstyle.features import tiles
from tfstyle.objective import statistics

# Graphs that are kept for later sizes and pictures.
_GRAPHS = 32

Names = tuple[tuple[str, str], ...]
"""Names of terms, each with its layer."""
Cores = Mapping[str, tf.Tensor]
"""Layer -> top, left, bottom and right end of a core, int32."""
Weights = Mapping[str, tf.Tensor | None]
"""Name of a term -> weights of positions, `(1, number, 1)`."""


def as_it_is(x: tf.Tensor) -> tf.TensorSpec:
    """Keeps all sides, for functions of tensors whose shapes never change."""
    return tf.TensorSpec(x.shape, x.dtype)


def _any_size(x: tf.Tensor) -> tf.TensorSpec:
    """Leaves the sides of images and maps, and numbers of positions, free."""
    if x.shape.rank < 3:
        return as_it_is(x)
    first, *middle, last = x.shape
    return tf.TensorSpec((first, *(None for _ in middle), last), x.dtype)


def compiled(
    function: Callable[..., Any],
    *settings: Hashable,
    spec: Callable[[tf.Tensor], tf.TensorSpec] = _any_size,
) -> Callable[..., Any]:
    """Compiles a function at its first call, or takes the graph made before.

    Args:
        function: Function of the settings, then of nested tensors and `None`.
        *settings: Its first arguments, which belong to the graph.
        spec: Function from a tensor to the tensors that the graph is for.
    """
    strategy = tf.distribute.get_strategy()
    found: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if not found:
            specs = tf.nest.map_structure(
                lambda x: x if x is None else spec(x), given
            )
            place = (*tf.nest.flatten(specs), strategy)
            kept = _kept(function, settings, place)
            if not kept:
                kept.append(_trace(function, settings, specs))
            found.append(kept[0])
        return found[0](*given)

    return call


@functools.lru_cache(_GRAPHS)
def _kept(*key: Any) -> list[Any]:
    """Returns the list that holds what was made for this key, if it was."""
    return []


def forget() -> None:
    """Lets all graphs go, and the networks that they keep alive."""
    _kept.cache_clear()


def _trace(
    function: Callable[..., Any], settings: tuple, specs: tuple
) -> Callable[..., Any]:
    strategy = tf.distribute.get_strategy()
    bound = functools.partial(function, *settings)
    traced = tf.function(
        lambda *given: strategy.run(bound, given), autograph=False
    )
    return traced.get_concrete_function(*specs)


def part_of(network: keras.Model) -> keras.Model:
    """Makes the network from `tiles.unpadded`, or returns the one made."""
    kept = _kept(network)
    if not kept:
        kept.append(tiles.unpadded(network))
    return kept[0]


def moments(
    part: keras.Model,
    styles: Names,
    window: tf.Tensor,
    cores: Cores,
    weights: Weights,
) -> dict[str, tuple]:
    """Returns the moments of a tile's core by term, with their weights.

    Args:
        part: Network from `part_of`.
        styles: Terms of statistics.
        window: What the network sees of the picture.
        cores: Core of the tile in the maps of each layer.
        weights: Weights of the core's positions, by term.
    """
    maps = part(window)
    return {
        name: statistics.part_moments(
            _cut(maps[layer], cores[layer]), weights[name]
        )
        for name, layer in styles
    }


def gradient(
    part: keras.Model,
    styles: Names,
    contents: Names,
    window: tf.Tensor,
    cores: Cores,
    weights: Weights,
    slopes: Mapping[str, tuple],
    targets: Mapping[str, tuple],
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns the gradient by a window, and a tile's part of the terms.

    Args:
        part: Network from `part_of`.
        styles: Terms of statistics.
        contents: Terms of maps.
        window: What the network sees of the picture.
        cores: Core of the tile in the maps of each layer.
        weights: Weights of the core's positions, by style term.
        slopes: Mean of the whole picture and what its derivatives are, by
            style term; see `tiled_loss.Loss`.
        targets: Target of the core and factor, by content term.
    """
    with tf.GradientTape() as tape:
        tape.watch(window)
        maps = part(window)
    # The tape need not see how cores are cut: that would take a third more.
    seen = {layer: _cut(x, cores[layer]) for layer, x in maps.items()}
    # Layers whose weights are 0 have no derivatives.
    used = sorted({layer for _, layer in styles + contents})
    pulls: dict[str, Any] = dict.fromkeys(used, 0.0)
    values = {}
    for name, layer in styles:
        pulls[layer] += _style_pull(seen[layer], weights[name], *slopes[name])
    for name, layer in contents:
        values[name], pull = _content_pull(seen[layer], *targets[name])
        pulls[layer] += pull
    upstream = [
        _placed(tf.cast(pull, maps[layer].dtype), cores[layer], maps[layer])
        for layer, pull in pulls.items()
    ]
    found = tape.gradient(
        [maps[layer] for layer in pulls],
        window,
        output_gradients=upstream,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return found, values


def _cut(maps: tf.Tensor, core: tf.Tensor) -> tf.Tensor:
    top, left, bottom, right = tf.unstack(core)
    return maps[:, top:bottom, left:right]


def _placed(x: tf.Tensor, core: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Returns zeros in the form of `maps`, with `x` at the core."""
    shape = tf.shape(maps)
    top, left, bottom, right = tf.unstack(core)
    rows, columns = [top, shape[1] - bottom], [left, shape[2] - right]
    return tf.pad(x, [[0, 0], rows, columns, [0, 0]])


def _content_pull(
    maps: tf.Tensor, target: tf.Tensor, factor: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a content term, and its derivative by the positions of a core."""
    gap = tf.cast(maps, tf.float32) - tf.cast(target, tf.float32)
    return factor * tf.reduce_sum(tf.square(gap)), 2 * factor * gap


def _style_pull(
    maps: tf.Tensor,
    weights: tf.Tensor | None,
    mean: tf.Tensor,
    by_mean: tf.Tensor,
    by_product: tf.Tensor,
) -> tf.Tensor:
    """Returns the derivative of a style loss by the positions of a core."""
    channels = maps.shape[-1]
    flat = tf.reshape(tf.cast(maps, tf.float32), (1, -1, channels))
    pull = by_mean[:, None] + tf.matmul(flat - mean[:, None], by_product)
    if weights is not None:
        pull *= weights
    return tf.reshape(pull, tf.shape(maps))
