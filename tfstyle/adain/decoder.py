"""Decoders: models from feature maps back to an image.

They mirror a VGG encoder: stages that end with nearest upsampling instead of
pooling, convolutions with mirrored padding, no normalisation (Huang and
Belongie 2017, section 6).

Beyond the paper, a small network can modulate the convolutions: it scales and
shifts their channels as the style embedding says, which the maps show each
position a part of only. So do Ghiasi et al. ("Exploring the Structure of a
Real-time, Arbitrary Neural Artistic Stylization Network", BMVC 2017, section
2), whose maps are normalised first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from tfstyle.features import convolution
from tfstyle.features.layers import ReflectionPadding
from tfstyle.pretrained import topology

Tensor = Any
# The encoder continues images by so many mirrored pixels on each side, and
# the image loses them again. What zeros beside the edge do in the stages 1
# and 2, of two convolutions each at most, ends within them; only the stages
# below pad by mirroring.
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
    """Convolutions from feature maps to an image.

    Args:
        channels: Of each level, a layer of the encoder, shallow to deep. The
            deepest is where the decoder begins; others join the stage that
            has their size.
        widths: Channels of the stages, from that of whole pixels down to that
            of the deepest level.
        depths: Convolutions of the stages; the last of each has the width of
            the stage above it, and the very last 3 channels, without ReLU.
        dtype: Precision or policy.
        embedding: Size of the style embeddings.
        modulation: Units of the network that modulates the convolutions by a
            style embedding; 0 for none. It begins without effect.

    Returns:
        Model from a list of maps, one for each level, and, where there is
        modulation, of style embeddings `(batch, embedding)`, to images
        `(batch, height, width, 3)`, float32, not confined to [0, 1].
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

    def convolve(x, count, number, which):
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


def _convolution(x, count, number, which, dtype, activation=None):
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
        kernel_initializer=keras.initializers.HeNormal(seed=number),
        name=name,
        dtype=dtype,
    )(x)


def _hidden(style, units):
    """What the modulation of all convolutions is made of."""
    # Levels have scales of their own, pictures theirs.
    x = keras.layers.LayerNormalization(
        center=False, scale=False, name="modulation_scaling", dtype="float32"
    )(style)
    x = keras.layers.Reshape((1, 1, style.shape[-1]), dtype="float32")(x)
    return keras.layers.Conv2D(
        units,
        1,
        data_format="channels_last",
        activation="relu",
        kernel_initializer=keras.initializers.HeNormal(seed=0),
        name="modulation_hidden",
        dtype="float32",
    )(x)


def _modulated(x, hidden, name, dtype):
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
    """Maps whose channels are multiplied and then added to.

    Args:
        x: Shape `(batch, height, width, channels)`.
        scale: Shape `(batch or 1, 1, 1, channels)`.
        shift: Shape of `scale`.

    Returns:
        Shape and dtype of `x`.
    """
    # TensorFlow on a processor takes a third of the time to repeat whole rows
    # as to repeat each position's 3 channels (BUILD_NOTES.md).
    row = ops.ones_like(x[:, :1])
    scale, shift = (ops.cast(v, x.dtype) * row for v in (scale, shift))
    return x * scale + shift


@keras.saving.register_keras_serializable(package="tfstyle")
class Modulation(keras.layers.Layer):
    """Scales and shifts the channels of maps.

    Call arguments:
        inputs: Maps, `(batch, height, width, channels)`, and how much they
            grow by and then what is added, `(batch, 1, 1, 2 * channels)`:
            zeros leave them as they are.

    Reference:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning
        Layer", AAAI 2018, eq. 2, with a scale of 1 more.
    """

    def call(self, inputs):
        x, factors = inputs
        growth, shift = ops.split(factors, 2, axis=-1)
        return scale_and_shift(x, 1 + growth, shift)

    def compute_output_shape(self, input_shape):
        maps, _ = input_shape
        return maps


@keras.saving.register_keras_serializable(package="tfstyle")
class Upsampling(keras.layers.Layer):
    """Doubles both sides; each position becomes four alike.

    Unlike `keras.layers.UpSampling2D` it can be converted to LiteRT with free
    sizes. Output shape: `(batch, 2 * height, 2 * width, channels)`.
    """

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        # Twice the channels of a row are the row with each position twice.
        rows = ops.concatenate([x, x], axis=-1)
        rows = ops.reshape(rows, (batch, height, 2 * width * channels))
        pairs = ops.concatenate([rows, rows], axis=-1)
        shape = (batch, 2 * height, 2 * width, channels)
        return ops.reshape(pairs, shape)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, _twice(height), _twice(width), channels)


def _twice(side: int | None) -> int | None:
    return None if side is None else 2 * side


@keras.saving.register_keras_serializable(package="tfstyle")
class Joining(keras.layers.Layer):
    """Concatenates channels; the second maps are cut to the first's size."""

    def call(self, maps):
        x, skip = maps
        height, width = ops.shape(x)[1:3]
        return ops.concatenate([x, skip[:, :height, :width]], axis=-1)

    def compute_output_shape(self, input_shape):
        (batch, height, width, channels), skip = input_shape
        return (batch, height, width, channels + skip[-1])
