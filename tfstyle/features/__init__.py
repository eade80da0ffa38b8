"""Feature networks: Keras models from an image to feature maps by layer.

Examples:
    >>> network = extractor("vgg_distilled", ["block1_conv1"])
    >>> network.output["block1_conv1"].shape[1:3]
    (None, None)
"""

from tfstyle.features.layers import (
    POOLINGS,
    MirrorPadding,
    Pooling,
    Preprocessing,
    ReflectionPadding,
)
from tfstyle.features.networks import assign, border, extractor, network
from tfstyle.features.vgg import BORDERS, FAR, WIDENINGS

__all__ = [
    "BORDERS",
    "FAR",
    "POOLINGS",
    "WIDENINGS",
    "MirrorPadding",
    "Pooling",
    "Preprocessing",
    "ReflectionPadding",
    "assign",
    "border",
    "extractor",
    "network",
]
