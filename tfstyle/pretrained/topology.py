"""Layers of the feature networks, in order, and shapes of their kernels."""

from collections.abc import Iterable

IMAGE = "image"
"""Name of the input level, the pixels with 3 channels."""

# Convolutions in each of the five blocks, and their channels.
_DEPTHS = {
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "vgg_distilled": (2, 2, 3, 3, 3),
}
_WIDTHS = {
    "vgg16": (64, 128, 256, 512, 512),
    "vgg19": (64, 128, 256, 512, 512),
    "vgg_distilled": (16, 32, 64, 160, 256),
}
_HEADED = {"vgg_distilled"}
VGG = tuple(_DEPTHS)
STYLE_LAYERS = tuple(f"block{i}_conv1" for i in range(1, 6))
"""Layers of VGG whose statistics are the style, fine to coarse."""
PARAMETERS = {"inception_v3": 21_802_784, "resnet50": 23_587_712}
"""Networks of Keras Applications that are loaded whole -> number of values in
their files without the classifier."""

NUMBERED = {
    "conv2d": 94,
    "batch_normalization": 94,
    "activation": 94,
    "max_pooling2d": 4,
    "average_pooling2d": 9,
    "concatenate": 2,
}
"""Kinds of layers that Keras numbers in InceptionV3 -> number of layers."""

_MIXED = [*(f"mixed{i}" for i in range(11)), "mixed9_0", "mixed9_1"]
_RESNET = {"conv2": 3, "conv3": 4, "conv4": 6, "conv5": 3}


def shapes(name: str) -> dict[str, tuple[int, int, int, int]]:
    """Returns the kernel shapes of a network's convolutions, shallow to deep.

    Args:
        name: Name of a VGG network, such as `"vgg16"`.

    Returns:
        Layer name -> (height, width, channels in, channels out).

    Raises:
        ValueError: There is no such network.

    Example:
    >>> shapes("vgg16")["block2_conv1"]
    (3, 3, 64, 128)
    """
    found, inputs = {}, 3
    blocks = zip(_depths(name), _WIDTHS[name], strict=True)
    for block, (depth, width) in enumerate(blocks, start=1):
        for convolution in range(1, depth + 1):
            layer = f"block{block}_conv{convolution}"
            found[layer] = (3, 3, inputs, width)
            if name in _HEADED:
                found[head(layer)] = (1, 1, width, width)
            inputs = width
    return found


def head(layer: str) -> str:
    """Name of the 1x1 convolution that turns maps of `layer` into its output.

    Only thin networks have heads; see `tfstyle.training.distillation`.
    """
    return f"{layer}_head"


def block(layer: str) -> int:
    """Number of the VGG block with a layer's resolution; 1 for the pixels.

    >>> block("block3_conv1"), block(IMAGE)
    (3, 1)
    """
    return 1 if layer == IMAGE else int(layer[len("block")])


def stride(layer: str) -> int:
    """Distance between adjacent positions of a VGG layer, in pixels.

    >>> stride("block3_conv1"), stride("block3_pool"), stride(IMAGE)
    (4, 8, 1)
    """
    return 2 ** (block(layer) - (not layer.endswith("_pool")))


def layer_names(name: str) -> list[str]:
    """Returns the names of a network's layers; those of VGG in order.

    >>> layer_names("vgg16")[:3]
    ['block1_conv1', 'block1_conv2', 'block1_pool']

    Raises:
        ValueError: There is no such network.
    """
    if name in _LAYERS:
        return _LAYERS[name]()
    names: list[str] = []
    for block, depth in enumerate(_depths(name), start=1):
        names += [f"block{block}_conv{i}" for i in range(1, depth + 1)]
        names.append(f"block{block}_pool")
    return names


def check(name: str, layers: Iterable[str]) -> list[str]:
    """Returns the layers; `ValueError` if the network or a layer is unknown."""
    names, wanted = layer_names(name), list(layers)
    unknown = [layer for layer in wanted if layer not in names]
    if unknown or not wanted:
        # Only the outputs of blocks: all names would fill the screen.
        shown = [
            layer
            for layer in names
            if name in VGG or layer in _MIXED or layer.endswith("_out")
        ]
        others = "" if name in VGG else ", or other layers of Keras' model"
        raise ValueError(
            f"{name} has no layers {unknown}. Choose from: "
            f"{', '.join(shown)}{others}."
        )
    return wanted


def cut(name: str, layers: Iterable[str]) -> list[str]:
    """Returns the layers of a VGG network down to the deepest of `layers`.

    >>> cut("vgg16", ["block1_conv2"])
    ['block1_conv1', 'block1_conv2']

    Raises:
        ValueError: There is no such network, or it has no such layers.
    """
    names, wanted = layer_names(name), check(name, layers)
    return names[: 1 + max(map(names.index, wanted))]


def convolutions(name: str, layers: Iterable[str]) -> list[str]:
    """Returns the convolutions of a VGG network that `layers` depend on.

    >>> convolutions("vgg16", ["block1_pool"])
    ['block1_conv1', 'block1_conv2']

    Raises:
        ValueError: There is no such network, or it has no such layers.
    """
    wanted, known = list(layers), shapes(name)
    each = [*cut(name, wanted), *map(head, wanted)]
    return [layer for layer in dict.fromkeys(each) if layer in known]


def _depths(name: str) -> tuple[int, ...]:
    if name not in _DEPTHS:
        known = sorted([*_DEPTHS, *PARAMETERS])
        raise ValueError(f"There is no network '{name}'. Choose from {known}.")
    return _DEPTHS[name]


def _inception_layers() -> list[str]:
    numbered = [
        f"{kind}_{i}" if i else kind
        for kind, count in NUMBERED.items()
        for i in range(count)
    ]
    return _MIXED + numbered


def _resnet_layers() -> list[str]:
    stem = ["conv1_pad", "conv1_conv", "conv1_bn", "conv1_relu"]
    names = [*stem, "pool1_pad", "pool1_pool"]
    for stage, blocks in _RESNET.items():
        for block in range(1, blocks + 1):
            parts = ["0_conv", "0_bn"] if block == 1 else []
            parts += [f"{i}_{kind}" for i in (1, 2) for kind in _UNIT]
            parts += ["3_conv", "3_bn", "add", "out"]
            names += [f"{stage}_block{block}_{part}" for part in parts]
    return names


_UNIT = ("conv", "bn", "relu")
_LAYERS = {"inception_v3": _inception_layers, "resnet50": _resnet_layers}
