"""Layers of the feature networks: borders, preprocessing and pooling.

Borders are concatenated slices: with TensorFlow on a CPU that takes a third of
the time of `ops.pad` (docs/decisions/adain.md).
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfstyle.runtime.types import Tensor

POOLINGS = {
    "max": (1.0, 1.0, 1.0, 1.0, 1.0),
    "avg": (1.32, 1.82, 1.52, 2.25, 2.25),
    "l2": (1.23, 1.49, 1.37, 1.65, 1.65),
}
"""Kinds of pooling, each with the gains of blocks 1 to 5.

A gain brings the mean activation to that of max pooling. Gains were measured
with VGG19 on 100 photographs; the fifth is a copy of the fourth.
"""
_MEAN = (123.68, 116.779, 103.939)  # RGB of ImageNet, as VGG was trained.


@keras.saving.register_keras_serializable(package="tfstyle")
class MirrorPadding(keras.layers.Layer):
    """Pads an image by its mirror image, repeating the pixels at the edge.

    Args:
        pixels: Pixels to add on each side; with 1 the edge is repeated.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, pixels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, x: Tensor) -> Tensor:
        return _mirrored(x, self.pixels, 0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return _larger(input_shape, self.pixels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pixels": self.pixels}


@keras.saving.register_keras_serializable(package="tfstyle")
class ReflectionPadding(keras.layers.Layer):
    """Pads maps by one position, mirrored without repeating the edge.

    Output shape: `(batch, height + 2, width + 2, channels)`.
    """

    def call(self, x: Tensor) -> Tensor:
        return _mirrored(x, 1, 1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return _larger(input_shape, 1)


@keras.saving.register_keras_serializable(package="tfstyle")
class Preprocessing(keras.layers.Layer):
    """Converts RGB in [0, 1] to the mean-free BGR in 0-255 of Caffe's VGG.

    Args:
        scale: Factor of the result.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.scale = scale

    def call(self, image: Tensor) -> Tensor:
        # On a CPU, a convolution and its bias are one operation.
        kernel = 255.0 * np.eye(3, dtype=np.float32)[None, None, ::-1]
        bias = -np.array(_MEAN[::-1], np.float32)
        x = ops.conv(image, self.scale * kernel, data_format="channels_last")
        return ops.cast(x + self.scale * bias, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="tfstyle")
class Pooling(keras.layers.Layer):
    """Halves both sides of a feature map, and keeps its mean activation.

    Args:
        kind: Kind of pooling, a key of `POOLINGS`.
        block: Number of the block whose output is pooled, from 1 to 5.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, kind: str, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.block = block

    def call(self, x: Tensor) -> Tensor:
        shape = {"pool_size": 2, "strides": 2, "data_format": "channels_last"}
        if self.kind == "max":
            return ops.max_pool(x, **shape)
        gain = ops.cast(POOLINGS[self.kind][self.block - 1], x.dtype)
        if self.kind == "avg":
            return ops.average_pool(x, **shape) * gain
        # The root has no derivative at 0, where ReLU leaves many squares.
        energy = ops.average_pool(ops.square(x), **shape)
        return ops.sqrt(energy + ops.cast(1e-3, x.dtype)) * gain

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "block": self.block}


def _mirrored(x: Tensor, count: int, skipped: int) -> Tensor:
    """Pads maps by `count` mirrored positions, `skipped` away from the edge."""
    for axis in (1, 2):
        ends = (
            _part(x, axis, skipped, skipped + count),
            _part(x, axis, -skipped - count, -skipped or None),
        )
        if count > 1:
            ends = tuple(ops.flip(part, axis) for part in ends)
        x = ops.concatenate([ends[0], x, ends[1]], axis)
    return x


def _part(x: Tensor, axis: int, start: int, stop: int | None) -> Tensor:
    return x[:, start:stop] if axis == 1 else x[:, :, start:stop]


def _larger(shape: tuple, pixels: int) -> tuple:
    # JAX cannot infer this shape where sizes are free.
    batch, *sides, channels = shape
    more = (s if s is None else s + 2 * pixels for s in sides)
    return (batch, *more, channels)
