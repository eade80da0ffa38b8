"""Networks of Keras Applications other than VGG, with any layer by name.

Keras makes the networks; they are copied, because only a copy can have another
precision and the same layer names each time: Keras numbers unnamed layers
across all models of a process.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from tfstyle.features import convolution
from tfstyle.pretrained import topology
from tfstyle.runtime.types import Path

_CLASSES = {"inception_v3": "InceptionV3", "resnet50": "ResNet50"}


def network(
    name: str, layers: Iterable[str], dtype: str = "float32"
) -> keras.Model:
    """Builds a model from preprocessed images to the outputs of some layers.

    Args:
        name: `"inception_v3"` or `"resnet50"`.
        layers: Names of layers, see `topology.layer_names`.
        dtype: Type of the feature maps: `"float32"` or `"bfloat16"`.

    Returns:
        A `keras.Model` from `(batch, height, width, 3)`, preprocessed as for
        the network, both sides at least 75, to a dict from layer name to
        feature map. Its weights are random (He, seed 0).
    """
    full = _made(name)
    names = stable_names(full)

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config() | {"name": names[layer.name]}
        if not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = dtype
        if isinstance(layer, keras.layers.Conv2D):
            config["kernel_initializer"] = convolution.initializer(seed=0)
        return type(layer).from_config(config)

    copy = keras.models.clone_model(full, clone_function=copied)
    outputs = {layer: copy.get_layer(layer).output for layer in layers}
    return keras.Model(copy.input, outputs, name=f"{name}_body")


def assign(model: keras.Model, name: str, path: Path) -> None:
    """Loads the weights in a file into a model made by `network`."""
    full = _made(name)
    # The file has the order of the layers in the whole network.
    full.load_weights(os.fspath(path))
    names = stable_names(full)
    wanted = {layer.name: layer for layer in model.layers}
    for layer in full.layers:
        if copy := wanted.get(names[layer.name]):
            copy.set_weights(layer.get_weights())


def _made(name: str) -> keras.Model:
    make = getattr(keras.applications, _CLASSES[name])
    with _defaults_of_keras():
        return make(include_top=False, weights=None)


@contextlib.contextmanager
def _defaults_of_keras() -> Iterator[None]:
    """Sets Keras' defaults for a while: its networks depend on them."""
    given = [getattr(keras.config, name)() for name in _DEFAULTS]
    _set(_DEFAULTS.values())
    try:
        yield
    finally:
        _set(given)


_DEFAULTS = {
    "dtype_policy": "float32",
    "floatx": "float32",
    "image_data_format": "channels_last",
}


def _set(values: Iterable[Any]) -> None:
    for name, value in zip(_DEFAULTS, values, strict=True):
        getattr(keras.config, f"set_{name}")(value)


def stable_names(model: keras.Model) -> dict[str, str]:
    """Returns layer names as in a process without other models, by own name."""
    names = {layer.name: layer.name for layer in model.layers}
    for kind in topology.NUMBERED:
        pattern = re.compile(rf"{kind}(?:_(\d+))?")
        found = {name: pattern.fullmatch(name) for name in names}
        numbers = {name: int(m[1] or 0) for name, m in found.items() if m}
        first = min(numbers.values(), default=0)
        for name, number in numbers.items():
            names[name] = f"{kind}_{number - first}" if number > first else kind
    return names
