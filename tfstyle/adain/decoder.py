"""Decoders: networks that turn feature maps back into an image.

A decoder mirrors a VGG encoder: its stages end with nearest upsampling instead
of pooling, its convolutions pad by mirroring, and nothing is normalized (Huang
and Belongie 2017, section 6).

Beyond the paper, a small network can modulate the convolutions: it scales and
shifts their channels according to the style embedding, of which the maps show
only a part at each position. Ghiasi et al. ("Exploring the Structure of a
Real-time, Arbitrary Neural Artistic Stylization Network", BMVC 2017, section
2) do the same with maps that are normalized first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from tfstyle.features import convolution
from tfstyle.features.layers import ReflectionPadding
from tfstyle.pretrained import topology
from tfstyle.runtime.types import Tensor

# Mirrored pixels on each side of the image that the encoder sees; they are cut
# off the result. The zeros with which stages 1 and 2 (at most two convolutions
# each) pad have no effect beyond them; only the deeper stages pad by mirroring.
MARGIN = 8
_UNPADDED = 2


def build(
    channels: Mapping[str, int],
    widths: Sequence[int],
    depths: Sequence[int],
    dtype: Any = "float32",
    *,
    embedding: int = 0,
    modulation: int = 0,
) -> keras.Model:
    """Builds a decoder.

    Args:
        channels: Number of channels of each level (a layer of the encoder),
            shallow to deep. The decoder begins at the deepest level; the
            others join the stage that has their size.
        widths: Channels of the stages, from full resolution down to the
            deepest level.
        depths: Number of convolutions of each stage. The last one of a stage
            has the width of the stage above; the last of all has 3 channels
            and no ReLU.
        dtype: Precision or Keras dtype policy.
        embedding: Size of the style embeddings.
        modulation: Units of the network that modulates the convolutions by a
            style embedding; 0 for none. Has no effect until it is trained.

    Returns:
        Model from a list of one map per level and, with modulation, style
        embeddings `(batch, embedding)`, to images `(batch, height, width, 3)`,
        float32, not clipped to [0, 1].
    """
    levels = {topology.block(level): level for level in channels}
    compute_dtype = keras.dtype_policies.get(dtype).compute_dtype
    inputs = {
        level: keras.Input((None, None, count), name=level, dtype=compute_dtype)
        for level, count in channels.items()
    }
    given = list(inputs.values())
    if modulation:
        given.append(keras.Input((embedding,), name="style", dtype="float32"))
        hidden = _hidden(given[-1], modulation)

    def convolve(x: Tensor, count: int, number: int, which: str) -> Tensor:
        if not modulation:
            return _convolution(x, count, number, which, dtype, "relu")
        x = _convolution(x, count, number, which, dtype)
        return _modulated(x, hidden, f"stage{number}_{which}", dtype)

    x = inputs[levels[max(levels)]]
    for number in range(max(levels), 0, -1):
        for i in range(1, depths[number - 1]):
            x = convolve(x, widths[number - 1], number, f"conv{i}")
        if number > 1:
            x = convolve(x, widths[number - 2], number, "out")
            x = Upsampling(name=f"stage{number}_upsampling", dtype=dtype)(x)
        if number - 1 in levels:
            join = Joining(name=f"stage{number - 1}_join", dtype=dtype)
            x = join([x, inputs[levels[number - 1]]])
    x = _convolution(x, 3, 1, "out", dtype)
    as_float32 = keras.layers.Activation("linear", dtype="float32")
    return keras.Model(given, as_float32(x), name="decoder")


def _convolution(
    x: Tensor,
    count: int,
    number: int,
    which: str,
    dtype: Any,
    activation: str | None = None,
) -> Tensor:
    name = f"stage{number}_{which}"
    mirrored = number > _UNPADDED
    if mirrored:
        x = ReflectionPadding(name=f"{name}_padding", dtype=dtype)(x)
    return convolution.Conv2D(
        count,
        3,
        padding="valid" if mirrored else "same",
        data_format="channels_last",
        activation=activation,
        kernel_initializer=convolution.initializer(seed=number),
        name=name,
        dtype=dtype,
    )(x)


def _hidden(style: Tensor, units: int) -> Tensor:
    """Hidden layer of the network that modulates all convolutions."""
    # The scales of embeddings differ between levels and between pictures.
    x = keras.layers.LayerNormalization(
        center=False, scale=False, name="modulation_scaling", dtype="float32"
    )(style)
    x = keras.layers.Reshape((1, 1, style.shape[-1]), dtype="float32")(x)
    return keras.layers.Conv2D(
        units,
        1,
        data_format="channels_last",
        activation="relu",
        kernel_initializer=convolution.initializer(seed=0),
        name="modulation_hidden",
        dtype="float32",
    )(x)


def _modulated(x: Tensor, hidden: Tensor, name: str, dtype: Any) -> Tensor:
    factors = keras.layers.Conv2D(
        2 * x.shape[-1],
        1,
        data_format="channels_last",
        kernel_initializer="zeros",
        name=f"modulation_{name}",
        dtype="float32",
    )(hidden)
    x = Modulation(name=f"{name}_modulated", dtype=dtype)([x, factors])
    return keras.layers.Activation("relu", name=f"{name}_relu", dtype=dtype)(x)


def scale_and_shift(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Multiplies each channel of feature maps by a scale and adds a shift.

    Args:
        x: Feature maps, `(batch, height, width, channels)`.
        scale: Factors, `(batch or 1, 1, 1, channels)`.
        shift: Summands, of the shape of `scale`.

    Returns:
        Feature maps of the shape and dtype of `x`.
    """
    # On a CPU, TensorFlow repeats whole rows in a third of the time that it
    # takes to repeat each position's 3 channels (docs/decisions/adain.md).
    row = ops.ones_like(x[:, :1])
    scale, shift = (ops.cast(v, x.dtype) * row for v in (scale, shift))
    return x * scale + shift


@keras.saving.register_keras_serializable(package="tfstyle")
class Modulation(keras.layers.Layer):
    """Scales and shifts the channels of feature maps.

    Call arguments:
        inputs: Maps, `(batch, height, width, channels)`, and factors, `(batch,
            1, 1, 2 * channels)`: first the scales less 1, then the shifts.
            Zeros leave the maps unchanged.

    Reference:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning
        Layer", AAAI 2018, eq. 2, with 1 added to the scale.
    """

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        x, factors = inputs
        growth, shift = ops.split(factors, 2, axis=-1)
        return scale_and_shift(x, 1 + growth, shift)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        maps, _ = input_shape
        return maps


@keras.saving.register_keras_serializable(package="tfstyle")
class Upsampling(keras.layers.Layer):
    """Doubles both sides of feature maps by repeating each position.

    Unlike `keras.layers.UpSampling2D` it can be converted to LiteRT with free
    sizes. Output shape: `(batch, 2 * height, 2 * width, channels)`.
    """

    def call(self, x: Tensor) -> Tensor:
        batch, height, width, channels = ops.shape(x)
        # Doubling the channels repeats each position within its row.
        rows = ops.concatenate([x, x], axis=-1)
        rows = ops.reshape(rows, (batch, height, 2 * width * channels))
        pairs = ops.concatenate([rows, rows], axis=-1)
        shape = (batch, 2 * height, 2 * width, channels)
        return ops.reshape(pairs, shape)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, _twice(height), _twice(width), channels)


def _twice(side: int | None) -> int | None:
    return None if side is None else 2 * side


@keras.saving.register_keras_serializable(package="tfstyle")
class Joining(keras.layers.Layer):
    """Concatenates the channels of two maps, the second cropped to the first.

    Output shape: `(batch, height, width, channels + channels of the second)`.
    """

    def call(self, maps: tuple[Tensor, Tensor]) -> Tensor:
        x, skip = maps
        height, width = ops.shape(x)[1:3]
        return ops.concatenate([x, skip[:, :height, :width]], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        (batch, height, width, channels), skip = input_shape
        return (batch, height, width, channels + skip[-1])
