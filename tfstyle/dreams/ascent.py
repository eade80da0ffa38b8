"""The compiled step of DeepDream: gradient ascent on one picture.

The picture is shifted, padded by mirroring and seen in tiles. Each position of
the feature maps belongs to one tile, so that the gradient does not depend on
the tiling. Costs of the picture itself are subtracted, the bands of the
gradient get equal strength, and the pixels follow the gradient.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfstyle import losses
from tfstyle.dreams import excitation
from tfstyle.dreams.config import DreamConfig
from tfstyle.dreams.excitation import MARGIN, Score
from tfstyle.images import windows
from tfstyle.objective.local import STRUCTURE_SCALES
from tfstyle.runtime.types import Shape

# Overlap of tiles, in strides of the deepest layer. VGG sees less than that
# around a position, so tiles change nothing; what other networks see beyond is
# faint.
_HALO = 8
# Factor of the weights of costs, chosen by eye so that 1 is a good weight.
_COST = 100.0
_LEAST = 1e-3  # Least energy of a photograph's edges.


class Look(NamedTuple):
    """Partial result of a step, before all tiles were seen.

    Attributes:
        padded: Picture, shifted and padded by mirroring.
        shift: Shift down and across, in pixels; int32 of shape `(2,)`.
        gradient: Gradient of the scores so far, of the shape of `padded`.
        values: Scores so far, by layer.
    """

    padded: tf.Tensor
    shift: tf.Tensor
    gradient: tf.Tensor
    values: dict[str, tf.Tensor]


class Octave:
    """Compiled step at one size of the picture (octave).

    Args:
        network: Network from `excitation.make_network`.
        scores: Scores by layer, from `excitation.scores`.
        shape: Height and width of the picture.
        config: Settings of the dream.

    Attributes:
        tiles: Span of rows and of columns of each tile of the padded picture.
        window: Height and width of what the network sees of a tile.
    """

    def __init__(
        self,
        network: keras.Model,
        scores: Mapping[str, Score],
        shape: Shape,
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
        """Begins a step: shifts and pads a picture `(1, height, width, 3)`."""
        shift = tf.constant(shift, tf.int32)
        padded = self._extend(picture, shift)
        values = {name: tf.constant(0.0) for name in self._scores}
        return Look(padded, shift, tf.zeros_like(padded), values)

    def add(self, look: Look, index: int) -> Look:
        """Adds the score and gradient of the tile with this index."""
        row, column = self.tiles[index]
        return self._add(look, tf.constant(row), tf.constant(column))

    def end(
        self, picture: tf.Tensor, look: Look, kept: Mapping[int, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Ends a step: moves the picture along the gradient.

        A step whose gradient is not finite is not taken; `"total"` is not
        finite then.

        Args:
            picture: Picture that was given to `begin`.
            look: Partial result after all of `tiles`.
            kept: Edges of the photograph, from `edges`.

        Returns:
            The picture after the step, and the scores and costs before it, by
            name.
        """
        return self._climb(picture, look, kept)

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        strategy = tf.distribute.get_strategy()
        traced = tf.function(
            lambda *arguments: strategy.run(function, arguments),
            autograph=False,
            jit_compile=self._config.jit_compile == "on",
        )
        found: list[Callable[..., Any]] = []

        def call(*arguments: Any) -> Any:
            # TensorFlow would warn of retracing: there is a trace per size.
            if not found:
                found.append(traced.get_concrete_function(*arguments))
            return found[0](*arguments)

        return call

    def _extended(self, picture: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
        rows, columns = (
            _mirrored(size, padded, self._margin + shift[axis])
            for axis, (size, padded) in enumerate(
                zip(self._shape, self._padded, strict=True)
            )
        )
        return tf.gather(tf.gather(picture, rows, axis=1), columns, axis=2)

    def _added(self, look: Look, row: tf.Tensor, column: tf.Tensor) -> Look:
        begin = tf.stack([0, row[0], column[0], 0])
        window = tf.slice(look.padded, begin, [1, *self.window, 3])
        with tf.GradientTape() as tape:
            tape.watch(window)
            maps = self._network(window)
            values = {
                name: score.weight
                * self._partial_mean(
                    name, score.function(maps[name]), (row, column), look
                )
                for name, score in self._scores.items()
            }
            value = tf.add_n(list(values.values()))
        gradient = tape.gradient(value, window)
        # Padded and rolled to its place, which is within the padded picture.
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

    def _partial_mean(
        self,
        name: str,
        values: tf.Tensor,
        spans: tuple[tf.Tensor, tf.Tensor],
        look: Look,
    ) -> tf.Tensor:
        """Returns a tile's part of the mean of a layer's values."""
        grid = self._grids[name]
        total, count = values, 1.0
        for axis, span in enumerate(spans):
            start, first, last, _ = tf.unstack(span)
            place = start + grid.stride * tf.range(values.shape[1 + axis])
            begin = self._margin + look.shift[axis]
            middle = place + grid.first
            inside = (place >= first) & (place < last)
            inside &= (middle >= begin) & (middle < begin + self._shape[axis])
            shape = [1, -1, 1] if axis == 0 else [1, 1, -1]
            total *= tf.reshape(tf.cast(inside, tf.float32), shape)
            count *= self._shape[axis] / grid.stride
        return tf.reduce_sum(total) / count

    def _costs(
        self, picture: tf.Tensor, kept: Mapping[int, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Returns the costs of the picture itself, by name."""
        costs = {}
        if kept:
            energy = tf.add_n([losses.energy(e) for e in kept.values()])
            loss = losses.relative(
                losses.structure_loss(picture, kept)[0],
                energy[0] / len(kept),
                least=_LEAST,
            )
            costs["content"] = _COST * self._config.content_weight * loss
        if self._config.tv_weight:
            loss = losses.total_variation_loss(picture)[0]
            costs["tv"] = _COST * self._config.tv_weight * loss
        return costs

    def _climbed(
        self, picture: tf.Tensor, look: Look, kept: Mapping[int, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            padded = self._extended(picture, look.shift)
            scored = tf.reduce_sum(padded * look.gradient)
            costs = self._costs(picture, kept)
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
    """Returns the Laplacians that the content loss keeps, by scale.

    Args:
        photo: Photograph at the size of the picture, `(height, width, 3)`.
        config: Settings; with a content weight of 0 the result is empty.
    """
    if not config.content_weight:
        return {}
    return {
        scale: losses.laplacian(tf.constant(photo[None]), scale)
        for scale in STRUCTURE_SCALES
        if 3 * scale <= min(photo.shape[:2])
    }


def normalize(gradient: tf.Tensor, levels: int) -> tf.Tensor:
    """Scales a gradient to root mean square 1, its bands to equal strength.

    The gradient as it is favors the finest details; with equal bands of a
    Laplacian pyramid shapes grow, too.

    Args:
        gradient: Gradient by the picture, `(1, height, width, 3)`.
        levels: Number of bands, the last with all coarser details; fewer where
            a side would have less than 2 pixels.
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


def _enlarged(image: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(image, like.shape[1:3])


def _unit(x: tf.Tensor) -> tf.Tensor:
    # Small gradients would vanish when squared, so divide by the largest first.
    x /= tf.reduce_max(tf.abs(x)) + 1e-30
    return x / (tf.sqrt(tf.reduce_mean(tf.square(x))) + 1e-12)


def _layout(
    shape: Shape, step: int, config: DreamConfig
) -> tuple[Shape, list[list[windows.Span]]]:
    """Returns the window, and the spans of both sides of the padded picture."""
    added = 2 * MARGIN * step + config.jitter
    padded = [-(-(size + added) // step) * step for size in shape]
    halo = _HALO * step
    side = config.tile // step * step
    if side <= 2 * halo and max(padded) > side:
        raise ValueError(
            f"`tile` must be at least {2 * halo + step} for these layers. "
            f"Received: tile={config.tile}"
        )
    window = min(padded[0], side), min(padded[1], side)
    pairs = zip(padded, window, strict=True)
    return window, [windows.spans(size, part, halo) for size, part in pairs]


def _mirrored(size: int, padded: int, begin: tf.Tensor) -> tf.Tensor:
    """Returns the pixel of `size` that each of `padded` pixels mirrors."""
    place = (tf.range(padded) - begin) % (2 * size)
    return tf.minimum(place, 2 * size - 1 - place)
