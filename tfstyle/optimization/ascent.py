"""The step of `deepdream`, compiled: how a picture climbs.

The picture is shifted, continued by its mirror image and looked at in tiles
that share out all positions of the feature maps, so that the gradient is the
same however the picture is tiled. Terms of the picture itself are added, the
bands of the gradient get equal strength, and the pixels go up.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfstyle import losses
from tfstyle.images import windows
from tfstyle.optimization import excitation
from tfstyle.optimization.config import STRUCTURE_SCALES, DreamConfig
from tfstyle.optimization.excitation import MARGIN, Score

# Strides of the deepest layer. VGG sees less than 8 of them around a position,
# so that tiles change nothing; what other networks see beyond is faint.
_HALO = 8
# What weights are multiplied by, so that 1 is a good one; by eye.
_COST = 100.0
_LEAST = 1e-3  # Energy that a photograph without edges counts for.


class Look(NamedTuple):
    """What is known of a step before all tiles were seen.

    Attributes:
        padded: The picture, shifted and continued by its mirror image.
        shift: By how many pixels; int32 of shape `(2,)`.
        gradient: Of the scores, of the shape of `padded`.
        values: Scores so far, by layer.
    """

    padded: tf.Tensor
    shift: tf.Tensor
    gradient: tf.Tensor
    values: dict[str, tf.Tensor]


class Octave:
    """The compiled step at one size.

    Args:
        network: From `excitation.make_network`.
        scores: From `excitation.scores`.
        shape: Height and width.
        config: The settings.

    Attributes:
        tiles: Rows and columns of each tile of the padded picture.
        window: Height and width of what the network sees of a tile.
    """

    def __init__(
        self,
        network: keras.Model,
        scores: Mapping[str, Score],
        shape: tuple[int, int],
        config: DreamConfig,
    ) -> None:
        self._network, self._scores, self._config = network, scores, config
        self._shape = shape
        self._grids = excitation.grids(network)
        step = excitation.stride(network)
        self._margin = MARGIN * step
        self.window, spans = _layout(shape, step, config)
        self.tiles = [(row, column) for row in spans[0] for column in spans[1]]
        self._padded = tuple(side[-1].last for side in spans)
        self._extend = self._compiled(self._extended)
        self._add = self._compiled(self._added)
        self._climb = self._compiled(self._climbed)

    def begin(self, picture: tf.Tensor, shift: np.ndarray) -> Look:
        """A step's begin: no tile of `(1, height, width, 3)` seen yet."""
        shift = tf.constant(shift, tf.int32)
        padded = self._extend(picture, shift)
        values = {name: tf.constant(0.0) for name in self._scores}
        return Look(padded, shift, tf.zeros_like(padded), values)

    def add(self, look: Look, index: int) -> Look:
        """Sees one more of `tiles`."""
        row, column = self.tiles[index]
        return self._add(look, tf.constant(row), tf.constant(column))

    def end(
        self, picture: tf.Tensor, look: Look, edges: Mapping[int, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The picture after the step, and its values before it by name.

        A step whose gradient is not finite is not taken; `"total"` is not
        finite then.

        Args:
            picture: As given to `begin`.
            look: After all of `tiles`.
            edges: Of the photograph, from `edges`.
        """
        return self._climb(picture, look, edges)

    def _compiled(self, function):
        strategy = tf.distribute.get_strategy()
        traced = tf.function(
            lambda *arguments: strategy.run(function, arguments),
            autograph=False,
            jit_compile=self._config.jit_compile == "on",
        )
        found: list[Callable[..., Any]] = []

        def call(*arguments):
            # TensorFlow would warn of as many traces as there are sizes.
            if not found:
                found.append(traced.get_concrete_function(*arguments))
            return found[0](*arguments)

        return call

    def _extended(self, picture, shift):
        rows, columns = (
            _mirrored(size, padded, self._margin + shift[axis])
            for axis, (size, padded) in enumerate(
                zip(self._shape, self._padded, strict=True)
            )
        )
        return tf.gather(tf.gather(picture, rows, axis=1), columns, axis=2)

    def _added(self, look, row, column):
        begin = tf.stack([0, row[0], column[0], 0])
        window = tf.slice(look.padded, begin, [1, *self.window, 3])
        with tf.GradientTape() as tape:
            tape.watch(window)
            maps = self._network(window)
            values = {
                name: score.weight
                * self._share(
                    name, score.function(maps[name]), (row, column), look
                )
                for name, score in self._scores.items()
            }
            value = tf.add_n(list(values.values()))
        gradient = tape.gradient(value, window)
        # Padded to the whole and moved to its place: no window passes the end.
        rest = [
            [0, whole - part]
            for whole, part in zip(self._padded, self.window, strict=True)
        ]
        placed = tf.pad(gradient, [[0, 0], *rest, [0, 0]])
        placed = tf.roll(placed, [row[0], column[0]], [1, 2])
        return look._replace(
            gradient=look.gradient + placed,
            values={n: look.values[n] + value for n, value in values.items()},
        )

    def _share(self, name, values, spans, look):
        """What a tile adds to the mean of a layer's values in the picture."""
        grid = self._grids[name]
        total, count = values, 1.0
        for axis, (start, first, last) in enumerate(map(tf.unstack, spans)):
            place = start + grid.stride * tf.range(values.shape[1 + axis])
            begin = self._margin + look.shift[axis]
            middle = place + grid.first
            inside = (place >= first) & (place < last)
            inside &= (middle >= begin) & (middle < begin + self._shape[axis])
            shape = [1, -1, 1] if axis == 0 else [1, 1, -1]
            total *= tf.reshape(tf.cast(inside, tf.float32), shape)
            count *= self._shape[axis] / grid.stride
        return tf.reduce_sum(total) / count

    def _costs(self, picture, edges):
        """Costs of the picture itself, by name."""
        costs = {}
        if edges:
            energy = tf.add_n([losses.energy(e) for e in edges.values()])
            loss = losses.relative(
                losses.structure_loss(picture, edges)[0],
                energy[0] / len(edges),
                least=_LEAST,
            )
            costs["content"] = _COST * self._config.content_weight * loss
        if self._config.tv_weight:
            loss = losses.total_variation_loss(picture)[0]
            costs["tv"] = _COST * self._config.tv_weight * loss
        return costs

    def _climbed(self, picture, look, edges):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            padded = self._extended(picture, look.shift)
            scored = tf.reduce_sum(padded * look.gradient)
            costs = self._costs(picture, edges)
            aim = scored - sum(costs.values())
        gradient = tape.gradient(aim, picture)
        values = {f"dream/{n}": value for n, value in look.values.items()}
        dream = tf.add_n(list(values.values()))
        total = dream - sum(costs.values())
        finite = tf.math.is_finite(total + tf.reduce_sum(gradient))
        total = tf.where(finite, total, np.nan)
        direction = normalize(gradient, self._config.levels)
        climbed = picture + self._config.step_size * direction
        climbed = tf.clip_by_value(climbed, 0.0, 1.0)
        return (
            tf.where(finite, climbed, picture),
            {"total": total, "dream": dream, **costs, **values},
        )


def edges(photo: np.ndarray, config: DreamConfig) -> dict[int, tf.Tensor]:
    """What the content loss keeps of `(height, width, 3)`; empty without it."""
    if not config.content_weight:
        return {}
    return {
        scale: losses.laplacian(tf.constant(photo[None]), scale)
        for scale in STRUCTURE_SCALES
        if 3 * scale <= min(photo.shape[:2])
    }


def normalize(gradient: tf.Tensor, levels: int) -> tf.Tensor:
    """A direction of root mean square 1, fine and coarse bands alike.

    Alone the finest details win; with equal bands of a Laplacian pyramid
    shapes grow, too.

    Args:
        gradient: Shape `(1, height, width, 3)`.
        levels: Bands, the last with all that is coarser; fewer where a side
            would have less than 2 pixels.
    """
    bands = []
    for _ in range(levels - 1):
        if min(gradient.shape[1:3]) < 4:
            break
        coarse = tf.nn.avg_pool2d(gradient, 2, 2, "SAME")
        bands.append(gradient - _enlarged(coarse, gradient))
        gradient = coarse
    direction = _unit(gradient)
    for band in reversed(bands):
        direction = _enlarged(direction, band) + _unit(band)
    return _unit(direction)


def _enlarged(image, like):
    return tf.image.resize(image, like.shape[1:3])


def _unit(x):
    # The largest value first: squares of small gradients vanish. 0 stays 0.
    x /= tf.reduce_max(tf.abs(x)) + 1e-30
    return x / (tf.sqrt(tf.reduce_mean(tf.square(x))) + 1e-12)


def _layout(shape, step, config):
    """Window, and spans of both sides, of the padded picture."""
    room = 2 * MARGIN * step + config.jitter
    padded = [-(-(size + room) // step) * step for size in shape]
    halo = _HALO * step
    side = config.tile // step * step
    if side <= 2 * halo and max(padded) > side:
        raise ValueError(
            f"`tile` must be at least {2 * halo + step} for these layers. "
            f"Received: tile={config.tile}"
        )
    window = tuple(min(size, side) for size in padded)
    pairs = zip(padded, window, strict=True)
    return window, [windows.spans(size, part, halo) for size, part in pairs]


def _mirrored(size, padded, begin):
    """Places in `size` pixels of `padded` ones, which begin before them."""
    place = (tf.range(padded) - begin) % (2 * size)
    return tf.minimum(place, 2 * size - 1 - place)
