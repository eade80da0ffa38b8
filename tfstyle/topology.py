"""The networks: their layers, in order, and the shapes of their kernels."""

from collections.abc import Iterable

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


def shapes(name: str) -> dict[str, tuple[int, int, int, int]]:
    """Kernel shapes of the convolutions of a network, shallow to deep.

    Args:
        name: A network, such as `"vgg16"`.

    Returns:
        Maps the layer name to (height, width, channels in, channels out).

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
    """Name of the convolution from the maps of `layer` to its output.

    Only thin networks have heads; see `distillation`.
    """
    return f"{layer}_head"


def layer_names(name: str) -> list[str]:
    """Layers of a network that can be asked for, shallow to deep.

    >>> layer_names("vgg16")[:3]
    ['block1_conv1', 'block1_conv2', 'block1_pool']

    Raises:
        ValueError: There is no such network.
    """
    names: list[str] = []
    for block, depth in enumerate(_depths(name), start=1):
        names += [f"block{block}_conv{i}" for i in range(1, depth + 1)]
        names.append(f"block{block}_pool")
    return names


def cut(name: str, layers: Iterable[str]) -> list[str]:
    """Layers of a network down to the deepest one of some.

    >>> cut("vgg16", ["block1_conv2"])
    ['block1_conv1', 'block1_conv2']

    Raises:
        ValueError: There is no such network, or it has no such layers.
    """
    names, wanted = layer_names(name), list(layers)
    unknown = [layer for layer in wanted if layer not in names]
    if unknown or not wanted:
        raise ValueError(
            f"{name} has no layers {unknown}. Choose from: {', '.join(names)}."
        )
    return names[: 1 + max(map(names.index, wanted))]


def _depths(name: str) -> tuple[int, ...]:
    if name not in _DEPTHS:
        raise ValueError(
            f"There is no network '{name}'. Choose from {sorted(_DEPTHS)}."
        )
    return _DEPTHS[name]
