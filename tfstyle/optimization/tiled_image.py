"""Terms of a picture itself, added up without a copy of it on the device.

Neighboring pixels, squares and structure are compared strip by strip,
histograms channel by channel. `tiled_loss` adds the terms of feature maps.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle import losses
from tfstyle.objective.local import Local, strips
from tfstyle.objective.term import Term
from tfstyle.optimization.tiled_graphs import as_it_is, compiled
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape


class ImageTerms:
    """Adds values and gradients of the terms of a picture itself.

    Args:
        nearby: Terms that compare by a `Local`, by name.
        histograms: Terms that compare by a `Histogram`, by name.
        shape: Height and width of the picture.
    """

    def __init__(
        self,
        nearby: Mapping[str, Any],
        histograms: Mapping[str, Term],
        shape: Shape,
    ) -> None:
        self._locals, self._histograms = nearby, histograms
        self._shape = shape
        compares = tuple((n, t.compare) for n, t in nearby.items())
        self._compare = compiled(_local_gradient, compares, tuple(shape))
        self._compare_channel = compiled(_channel_gradient, spec=as_it_is)

    def add(
        self,
        picture: np.ndarray,
        gradient: np.ndarray,
        values: dict[str, Any],
    ) -> None:
        """Adds all terms.

        Args:
            picture: Float32 array of shape `(height, width, 3)`, in [0, 1].
            gradient: Gradient of the same shape, to which theirs is added.
            values: Weighted values by name, to which theirs are added.
        """
        self._add_locals(picture, gradient, values)
        self._add_histograms(picture, gradient, values)

    def _add_locals(
        self,
        picture: np.ndarray,
        gradient: np.ndarray,
        values: dict[str, Any],
    ) -> None:
        """Adds what is local, strip by strip."""
        for strip in strips(self._shape[0]):
            parts = {
                name: (
                    tf.constant(term.weight, tf.float32),
                    term.compare.cut(term.target, strip),
                )
                for name, term in self._locals.items()
            }
            found, part = self._compare(
                tf.constant(picture[None, strip.seen]),
                tf.constant(strip.stop - strip.start),
                parts,
            )
            gradient[strip.seen] += np.asarray(part)[0]
            scratch.release(picture, gradient)
            for name, value in found.items():
                values[name] = values.get(name, 0.0) + np.float64(value)

    def _add_histograms(
        self,
        picture: np.ndarray,
        gradient: np.ndarray,
        values: dict[str, Any],
    ) -> None:
        """Adds histograms, channel by channel."""
        channels = picture.shape[-1]
        for name, term in self._histograms.items():
            for channel in range(channels):
                one = np.s_[..., channel : channel + 1]
                value, part = self._compare_channel(
                    tf.constant(picture[None][one]),
                    term.target[one],
                    tf.constant(term.weight / channels),
                )
                gradient[one] += np.asarray(part)[0]
                scratch.release(picture, gradient)
                values[name] = values.get(name, 0.0) + np.float64(value)


def _local_gradient(
    compares: Sequence[tuple[str, Local]],
    shape: Shape,
    block: tf.Tensor,
    rows: tf.Tensor,
    parts: Mapping[str, tuple],
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Returns what a strip of the picture adds to terms, and its gradient."""
    with tf.GradientTape() as tape:
        tape.watch(block)
        values = {}
        for name, compare in compares:
            weight, target = parts[name]
            values[name] = weight * compare.part(block, rows, target, shape)[0]
        value = tf.add_n([tf.constant(0.0), *values.values()])
    gradient = tape.gradient(
        value, block, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return values, gradient


def _channel_gradient(
    channel: tf.Tensor, target: tf.Tensor, weight: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the weighted loss of a channel's histogram, and its gradient."""
    with tf.GradientTape() as tape:
        tape.watch(channel)
        value = weight * losses.histogram_loss(channel, target)[0]
    return value, tape.gradient(value, channel)
