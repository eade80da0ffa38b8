"""VGG and networks of its kind, with any border, pooling and depth.

They are built here, and not by Keras Applications, because the pooling, the
border and the deepest layer can be chosen.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from tfstyle.features import convolution
from tfstyle.features.layers import MirrorPadding, Pooling, Preprocessing
from tfstyle.pretrained import topology
from tfstyle.pretrained import weights as weight_files

MIRRORED = 9
"""Pixels that the border `"mirror"` adds on each side."""
BORDERS = {
    "mirror": MIRRORED,
    "everywhere": MIRRORED,
    "replicate": 1,
    "none": 0,
    "zero": None,
}
"""Kinds of border of `extractor`, each with the pixels added on each side.

They are added before the first convolution, which consumes one of them; `None`
pads that convolution with zeros instead.
"""
WIDENINGS = (16, 8)
"""Pixels that the border `"everywhere"` adds and cuts off again, in two steps.

The zeros in blocks 1 and 2 have an effect that far, through block 3 and
block4_conv1. Two steps, because one can add no more pixels than the image has.
"""
FAR = sum(WIDENINGS)
"""Sum of `WIDENINGS`."""
# Factors of the input, where not 1: a network that is trained from random
# weights needs values of about 1.
_SCALES = {"vgg_distilled": 1 / 64}


def network(
    name: str,
    layers: Sequence[str],
    pooling: str = "max",
    *,
    border: str = "replicate",
    dtype: str = "float32",
) -> keras.Model:
    """Builds a model from an image to the outputs of some layers.

    Args:
        name: Name of the network, one of `topology.VGG`.
        layers: Names of layers, see `topology.layer_names`.
        pooling: Kind of pooling, a key of `POOLINGS`.
        border: Kind of border, a key of `BORDERS`.
        dtype: Type of the feature maps.

    Returns:
        A trainable model as that of `networks.extractor`, with random weights
        (He, seed 0).

    Raises:
        ValueError: The border is not for block 5.
    """
    image = keras.Input((None, None, 3), name="image", dtype="float32")
    x = _widened(image) if border == "everywhere" else image
    scale = _SCALES.get(name, 1.0)
    x = Preprocessing(scale, dtype=dtype, name="preprocessing")(x)
    shapes = topology.shapes(name)
    outputs: dict[str, keras.KerasTensor] = {}
    for step in topology.cut(name, layers):
        if step in shapes:
            x = _convolved(x, step, shapes[step], border, dtype)
        else:
            block = topology.block(step)
            x = Pooling(pooling, block, name=step, dtype=dtype)(x)
        outputs[step] = x
    for layer in layers:
        head = topology.head(layer)
        if head in shapes:
            top = _convolution(head, shapes[head], dtype, activation=None)
            outputs[layer] = top(outputs[layer])
    chosen = {layer: outputs[layer] for layer in layers}
    if border in ("everywhere", "none"):
        chosen = {n: _without_far(n, x, dtype) for n, x in chosen.items()}
    return keras.Model(image, chosen, name=name)


def _widened(image: Any) -> Any:
    """Adds the pixels that are cut off again, see `WIDENINGS`."""
    for i, far in enumerate(WIDENINGS, 1):
        image = MirrorPadding(far, name=f"widening{i}", dtype="float32")(image)
    return image


def _without_far(layer: str, maps: Any, dtype: Any) -> Any:
    """Crops a layer's maps by the `FAR` pixels around the image."""
    if FAR % topology.stride(layer):
        raise ValueError(
            '`border` must be "replicate", "mirror" or "zero" for block 5. '
            f"Received: layers with {layer!r}"
        )
    cropping = keras.layers.Cropping2D(
        FAR // topology.stride(layer),
        data_format="channels_last",
        name=f"{layer}_cropping",
        dtype=dtype,
    )
    return cropping(maps)


def _convolved(
    x: Any, name: str, shape: Sequence[int], border: str, dtype: str
) -> Any:
    """Applies a convolution, with its border."""
    pixels = _mirrored(name, border)
    if pixels:
        first = name == "block1_conv1"
        padded = "padding" if first else f"{name}_padding"
        x = MirrorPadding(pixels, name=padded, dtype=dtype)(x)
    sides = "same" if pixels is None else "valid"
    return _convolution(name, shape, dtype, sides)(x)


def _mirrored(layer: str, border: str) -> int | None:
    """Returns the mirrored pixels before a convolution; `None` for zeros."""
    if layer == "block1_conv1":
        return BORDERS[border]
    deep = topology.block(layer) > 2 and border in ("everywhere", "none")
    return 1 if deep else None


def _convolution(
    name: str,
    shape: Sequence[int],
    dtype: str,
    sides: str = "same",
    activation: str | None = "relu",
) -> keras.layers.Layer:
    return convolution.Conv2D(
        shape[-1],
        shape[0],
        padding=sides,
        data_format="channels_last",
        activation=activation,
        kernel_initializer=convolution.initializer(seed=0),
        name=name,
        dtype=dtype,
    )


def assign(model: keras.Model, name: str, path: weight_files.File) -> None:
    """Loads the weights in a file into a model made by `network`."""
    convolutions = {layer.name: layer for layer in _convolutions(model)}
    arrays = weight_files.load(name, convolutions, path)
    for layer, (kernel, bias) in arrays.items():
        convolutions[layer].set_weights([kernel, bias])


def _convolutions(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, convolution.Conv2D):
            yield layer
