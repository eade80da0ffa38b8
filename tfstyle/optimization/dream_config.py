"""Settings of dreams: frozen, keyword-only, checked when made."""

import dataclasses
from collections.abc import Mapping, Sequence

from tfstyle.optimization.config import FEATURES, JIT_COMPILE, PRECISIONS
from tfstyle.runtime import checks

DREAM_COLORS = ("style", "luminance")
DREAM_LAYERS = {
    "vgg16": {"block4_conv3": 1.0, "block5_conv2": 1.0},
    "vgg19": {"block4_conv4": 1.0, "block5_conv2": 1.0},
    "vgg_distilled": {"block4_conv3": 1.0, "block5_conv1": 1.0},
    "inception_v3": {"mixed3": 1.0, "mixed5": 1.0},
    "resnet50": {"conv4_block3_out": 1.0, "conv4_block6_out": 1.0},
}
"""Layers that `deep_dream` excites where none are given. Those of VGG were
chosen by eye, InceptionV3's are TensorFlow's tutorial's, ResNet50's a guess."""
# Strides of the networks are 32 at most; a shift costs memory, see `ascent`.
_MOST_JITTER = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class DreamConfig:
    """What `deep_dream` excites, how, and for how long.

    Attributes:
        size: Longer side of the result, in pixels.
        octaves: Sizes, from coarse to fine.
        octave_scale: Ratio of one size to the one before.
        steps: Steps at each size.
        step_size: Root mean square of the change of a value in [0, 1] by a
            step.
        jitter: Pixels by which the picture is shifted at most, anew in each
            step, before the network sees it; 512 or less.
        levels: Bands of the gradient, from fine to coarse, that are given
            equal strength; 1 for the gradient as it is.
        features: Network, as in `GatysConfig`.
        feature_weights: Path of the network's weights; `None` for the
            published file, from a cache or the network.
        layers: Layer name to its share; `None` for those of the network in
            `DREAM_LAYERS`. The shares are divided by their sum.
        channels: Channels of these layers, from 0; `None` for all.
        content_weight: Weight of the loss that keeps the photograph's edges;
            1 keeps all contours, 10 leaves little of the dream.
        tv_weight: Weight of the total variation loss (squared differences);
            0 leaves grain, 10 is soft.
        tile: Side of the largest square that the network sees at once, in
            pixels.
        zoom_frames: Frames of a zoom, each dreamt from the one before, by a
            quarter of the steps; 0 for a single picture.
        zoom: Enlargement from one frame to the next.
        color: `"style"` as it is dreamt; `"luminance"` keeps the
            photograph's colours.
        seed: Of the shifts.
        precision: Of the convolutions, as in `GatysConfig`.
        jit_compile: Whether XLA compiles the step, as in `GatysConfig`.
    """

    size: int = 512
    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 20
    step_size: float = 0.006
    jitter: int = 32
    levels: int = 4
    features: str = "auto"
    feature_weights: str | None = None
    layers: Mapping[str, float] | None = None
    channels: tuple[int, ...] | None = None
    content_weight: float = 0.0
    tv_weight: float = 2.0
    tile: int = 768
    zoom_frames: int = 0
    zoom: float = 1.05
    color: str = "style"
    seed: int = 0
    precision: str = "auto"
    jit_compile: str = "auto"

    def __post_init__(self) -> None:
        checks.choice("color", self.color, DREAM_COLORS)
        checks.choice("features", self.features, FEATURES)
        checks.choice("precision", self.precision, PRECISIONS)
        checks.choice("jit_compile", self.jit_compile, JIT_COMPILE)
        for name in ("content_weight", "tv_weight"):
            checks.weight(name, getattr(self, name))
        for name in ("size", "octaves", "steps", "levels", "tile"):
            checks.count(name, getattr(self, name))
        for name in ("jitter", "zoom_frames", "seed"):
            checks.whole(name, getattr(self, name))
        for name in ("step_size", "octave_scale", "zoom"):
            checks.positive(name, getattr(self, name))
        for name in ("octave_scale", "zoom"):
            if not 1 < getattr(self, name) <= 4:
                raise ValueError(
                    f"`{name}` must be above 1 and at most 4. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.jitter > _MOST_JITTER:
            raise ValueError(
                f"`jitter` must be at most {_MOST_JITTER}. "
                f"Received: jitter={self.jitter}"
            )
        if self.layers is not None:
            checks.layers("layers", self.layers)
        if self.channels is not None:
            self._check_channels(self.channels)

    def _check_channels(self, channels: Sequence[int]) -> None:
        checks.several("channels", channels, whole=True)
        if not channels or min(channels) < 0:
            raise ValueError(
                "`channels` must be numbers from 0 up. "
                f"Received: channels={channels}"
            )

    def shares(self, network: str) -> dict[str, float]:
        """Layers of a network, with shares above 0 that add up to 1."""
        layers = DREAM_LAYERS[network] if self.layers is None else self.layers
        total = sum(layers.values())
        return {name: w / total for name, w in layers.items() if w}
