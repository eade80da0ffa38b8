"""Feature extractors: models from an image to feature maps by layer name.

The networks are those of Keras Applications: VGG, see `vgg`, and others, see
`applications`.
"""

from collections.abc import Iterable

import keras

from tfstyle.features import applications, convolution, vgg
from tfstyle.features.layers import POOLINGS, MirrorPadding, Preprocessing
from tfstyle.features.vgg import BORDERS
from tfstyle.pretrained import topology
from tfstyle.pretrained import weights as weight_files

_WIDE_BORDER = 32  # The stride of the deepest layers.


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
            `vgg.FAR` pixels more, which are cut off again, and pads by
            mirroring from block 3 on; `"none"` does the same for an image that
            was already padded by `vgg.WIDENINGS` and then by 9. These two are
            for blocks 1 to 4. Zeros are a frame that the network sees;
            optimized pictures get lines along their edges from it.
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
    with convolution.weights_follow(weights is not None):
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
    _check_choice("pooling", pooling, POOLINGS)
    return vgg.network(name, wanted, pooling, border=border, dtype=dtype)


def border(model: keras.Model) -> int:
    """Returns the mirrored pixels at each edge that a network's maps cover."""
    padding = {layer.name: layer for layer in model.layers}.get("padding")
    if padding is None:
        return 0
    # The first convolution of VGG consumes one.
    return padding.pixels - (model.name in topology.VGG)


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


def assign(model: keras.Model, name: str, path: weight_files.File) -> None:
    """Loads the weights in a file into a model made by `network`."""
    if name in topology.VGG:
        vgg.assign(model, name, path)
        return
    found = weight_files.check(name, topology.layer_names(name), path)
    applications.assign(model.get_layer(f"{name}_body"), name, found.path)
