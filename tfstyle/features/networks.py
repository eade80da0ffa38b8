"""Feature extractors: models from an image to feature maps by layer name.

The networks are those of Keras Applications. VGG is built here, down to the
deepest layer that is wanted, because its pooling and the padding of its first
convolution can be chosen; the other networks are made by Keras, see
`applications`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfstyle.features import applications, convolution
from tfstyle.features.layers import MirrorPadding
from tfstyle.pretrained import topology
from tfstyle.pretrained import weights as weight_files
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
SCALES = {"vgg_distilled": 1 / 64}
_WIDE_BORDER = 32  # The stride of the deepest layers.
_MEAN = (123.68, 116.779, 103.939)  # RGB of ImageNet, as VGG was trained.


def extractor(
    name: str,
    layers: Iterable[str],
    pooling: str = "max",
    weights: weight_files.File = "imagenet",
    *,
    border: str = "replicate",
    dtype: str = "float32",
) -> keras.Model:
    """Builds a frozen model from an image to the outputs of some layers.

    Only the layers down to the deepest one asked for are built.

    Args:
        name: Name of the network, a key of `weights.FILES`.
        layers: Names of layers, see `topology.layer_names`; convolutions of
            VGG are taken after their ReLU.
        pooling: `"max"`, as trained; for VGG also `"avg"`, smoother in Gatys
            et al., or `"l2"`, the root of the mean square. The last two are
            multiplied by a gain that keeps the mean activation.
        weights: `"imagenet"` for the published file, a path to a copy or to
            weights of another training, a file that `weights.resolve` found,
            or `None` for random weights (He, seed 0).
        border: Padding of the image. `"replicate"` repeats the pixels at the
            edge; `"zero"` pads as in the network's training (zeros of the
            mean-free image); `"mirror"` adds 8 mirrored pixels on each side,
            by which the feature maps are larger, too (16 rows and columns in
            block 1, 8 in block 2, ...). `"everywhere"` gives maps of that size
            which down to block4_conv1 are free of effects of the edge: it adds
            `FAR` pixels more, which are cut off again, and pads by mirroring
            from block 3 on; `"none"` does the same for an image that was
            already padded by `WIDENINGS` and then by 9. These two are for
            blocks 1 to 4. Zeros are a frame that the network sees; optimized
            pictures get lines along their edges from it.
            Networks other than VGG keep their zeros: beyond 32 mirrored pixels
            with `"mirror"`, else at the edge.
        dtype: `"float32"`, or `"bfloat16"` for convolutions and feature maps.

    Returns:
        A `keras.Model` from `(batch, height, width, 3)`, RGB in [0, 1], with
        both sides at least 16 for VGG's fifth block and 75 for networks other
        than VGG, to a dict from layer name to feature map of type `dtype`.

    Raises:
        ValueError: The network, a layer, the pooling or the border is unknown;
            the border is not for block 5; or the weights belong to another
            network.
        FileNotFoundError: No weights are at hand; see `weights.resolve`.
    """
    model = network(name, layers, pooling, border=border, dtype=dtype)
    if weights is not None:
        assign(model, name, None if weights == "imagenet" else weights)
    model.trainable = False
    convolution.freeze(model)
    return model


def network(
    name: str,
    layers: Iterable[str],
    pooling: str = "max",
    *,
    border: str = "replicate",
    dtype: str = "float32",
) -> keras.Model:
    """Builds the model of `extractor`, trainable and with random weights."""
    wanted = list(dict.fromkeys(layers))
    if isinstance(layers, str) or not wanted:
        raise ValueError(
            "`layers` must be a list of one name or more, such as "
            f"{topology.layer_names(name)[:2]}; "
            f"`topology.layer_names({name!r})` has them all. "
            f"Received: layers={layers!r}"
        )
    topology.check(name, wanted)
    _check_choice("border", border, BORDERS)
    if name not in topology.VGG:
        _check_choice("pooling", pooling, ["max"])
        return _application(name, wanted, border, dtype)
    steps = topology.cut(name, wanted)
    shapes = topology.shapes(name)
    _check_choice("pooling", pooling, POOLINGS)
    image = keras.Input((None, None, 3), name="image", dtype="float32")
    scale = SCALES.get(name, 1.0)
    x = image
    if border == "everywhere":
        for i, far in enumerate(WIDENINGS, 1):
            widening = f"widening{i}"
            x = MirrorPadding(far, name=widening, dtype="float32")(x)
    x = Preprocessing(scale, dtype=dtype, name="preprocessing")(x)
    outputs: dict[str, keras.KerasTensor] = {}
    for step in steps:
        if step not in shapes:
            block = topology.block(step)
            x = Pooling(pooling, block, name=step, dtype=dtype)(x)
        else:
            pixels = _mirrored(step, border)
            if pixels:
                padded = f"{step}_padding" if outputs else "padding"
                x = MirrorPadding(pixels, name=padded, dtype=dtype)(x)
            sides = "same" if pixels is None else "valid"
            x = _convolution(step, shapes[step], dtype, sides)(x)
        outputs[step] = x
    for layer in wanted:
        head = topology.head(layer)
        if head in shapes:
            top = _convolution(head, shapes[head], dtype, activation=None)
            outputs[layer] = top(outputs[layer])
    chosen = {layer: outputs[layer] for layer in wanted}
    if border in ("everywhere", "none"):
        chosen = {n: _without_far(n, x, dtype) for n, x in chosen.items()}
    return keras.Model(image, chosen, name=name)


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


def _mirrored(layer: str, border: str) -> int | None:
    """Returns the mirrored pixels before a convolution; `None` for zeros."""
    if layer == "block1_conv1":
        return BORDERS[border]
    deep = topology.block(layer) > 2 and border in ("everywhere", "none")
    return 1 if deep else None


def _application(
    name: str, layers: list[str], border: str, dtype: str
) -> keras.Model:
    image = keras.Input((None, None, 3), name="image", dtype="float32")
    x = image
    if border == "mirror":
        x = MirrorPadding(_WIDE_BORDER, name="padding", dtype="float32")(x)
    if name == "inception_v3":
        # Trained on values from -1 to 1.
        x = keras.layers.Rescaling(
            2.0, -1.0, name="preprocessing", dtype="float32"
        )(x)
    else:
        x = Preprocessing(name="preprocessing", dtype="float32")(x)
    body = applications.network(name, layers, dtype)
    return keras.Model(image, body(x), name=name)


def _check_choice(argument: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise ValueError(
            f"`{argument}` must be one of {sorted(choices)}. "
            f"Received: {argument}={value!r}"
        )


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
        kernel_initializer=keras.initializers.HeNormal(seed=0),
        name=name,
        dtype=dtype,
    )


def assign(model: keras.Model, name: str, path: weight_files.File) -> None:
    """Loads the weights in a file into a model made by `network`."""
    if name not in topology.VGG:
        found = weight_files.check(name, topology.layer_names(name), path)
        applications.assign(model.get_layer(f"{name}_body"), name, found.path)
        return
    convolutions = {layer.name: layer for layer in _convolutions(model)}
    arrays = weight_files.load(name, convolutions, path)
    for layer, (kernel, bias) in arrays.items():
        convolutions[layer].set_weights([kernel, bias])


def _convolutions(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, convolution.Conv2D):
            yield layer


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
