"""What a network sees of a tile, as functions to compile.

`View` gives the statistics of a tile's feature maps, and the gradient by its
pixels. A function is compiled once and serves tiles of any size.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfstyle.objective import statistics

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
    spec: Callable[[tf.Tensor], tf.TensorSpec] = _any_size,
) -> Callable[..., Any]:
    """Compiles a function at its first call.

    Args:
        function: Function of nested tensors, and of `None`.
        spec: Function from a tensor to the tensors that the graph is for.
    """
    strategy = tf.distribute.get_strategy()
    traced = tf.function(
        lambda *given: strategy.run(function, given), autograph=False
    )
    found: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if not found:
            specs = tf.nest.map_structure(
                lambda x: x if x is None else spec(x), given
            )
            found.append(traced.get_concrete_function(*specs))
        return found[0](*given)

    return call


class View:
    """What a network sees of a tile, and what the losses make of it.

    Args:
        part: Network from `tiles.unpadded`.
        styles: Terms of statistics.
        contents: Terms of maps.
    """

    def __init__(
        self,
        part: keras.Model,
        styles: Mapping[str, Any],
        contents: Mapping[str, Any],
    ) -> None:
        self._part = part
        self._styles = {n: t.compare.layer for n, t in styles.items()}
        self._contents = {n: t.compare.layer for n, t in contents.items()}

    def moments(
        self, window: tf.Tensor, cores: Cores, weights: Weights
    ) -> dict[str, tuple]:
        """Returns the moments of a tile's core by term, with their weights."""
        maps = self._part(window)
        return {
            name: statistics.part_moments(
                _cut(maps[layer], cores[layer]), weights[name]
            )
            for name, layer in self._styles.items()
        }

    def gradient(
        self,
        window: tf.Tensor,
        cores: Cores,
        weights: Weights,
        slopes: Mapping[str, tuple],
        contents: Mapping[str, tuple],
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns the gradient by a window, and a tile's part of the terms.

        Args:
            window: What the network sees of the picture.
            cores: Core of the tile in the maps of each layer.
            weights: Weights of the core's positions, by style term.
            slopes: Mean of the whole picture and what its derivatives are, by
                style term; see `tiled_loss.Loss`.
            contents: Target of the core and factor, by content term.
        """
        with tf.GradientTape() as tape:
            tape.watch(window)
            maps = self._part(window)
        # The tape need not see how cores are cut: that would take a third more.
        seen = {layer: _cut(x, cores[layer]) for layer, x in maps.items()}
        pulls, values = self._pulls(seen, weights, slopes, contents)
        upstream = [
            _placed(tf.cast(pull, maps[layer].dtype), cores[layer], maps[layer])
            for layer, pull in pulls.items()
        ]
        targets = [maps[layer] for layer in pulls]
        gradient = tape.gradient(
            targets,
            window,
            output_gradients=upstream,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return gradient, values

    def _pulls(
        self,
        maps: Mapping[str, tf.Tensor],
        weights: Weights,
        slopes: Mapping[str, tuple],
        contents: Mapping[str, tuple],
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Returns derivatives by the maps of a core, and content terms.

        Layers whose weights are 0 have none.
        """
        used = {*self._styles.values(), *self._contents.values()}
        pulls: dict[str, Any] = dict.fromkeys(sorted(used), 0.0)
        values = {}
        for name, layer in self._styles.items():
            pulls[layer] += _style_pull(
                maps[layer], weights[name], *slopes[name]
            )
        for name, layer in self._contents.items():
            target, factor = contents[name]
            gap = tf.cast(maps[layer], tf.float32)
            gap -= tf.cast(target, tf.float32)
            values[name] = factor * tf.reduce_sum(tf.square(gap))
            pulls[layer] += 2 * factor * gap
        return pulls, values


def _cut(maps: tf.Tensor, core: tf.Tensor) -> tf.Tensor:
    top, left, bottom, right = tf.unstack(core)
    return maps[:, top:bottom, left:right]


def _placed(x: tf.Tensor, core: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Returns zeros in the form of `maps`, with `x` at the core."""
    shape = tf.shape(maps)
    top, left, bottom, right = tf.unstack(core)
    rows, columns = [top, shape[1] - bottom], [left, shape[2] - right]
    return tf.pad(x, [[0, 0], rows, columns, [0, 0]])


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
