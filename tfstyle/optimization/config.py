"""Settings of `stylize` and `deep_dream`: frozen, checked when made.

The flags of the programs take their defaults from here.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from tfstyle.controls.settings import Controls
from tfstyle.pretrained.topology import STYLE_LAYERS
from tfstyle.runtime import checks
from tfstyle.runtime.devices import JIT_COMPILE, PRECISIONS

FEATURES = (
    "auto",
    "vgg16",
    "vgg19",
    "vgg_distilled",
    "inception_v3",
    "resnet50",
)
_WITHOUT_POOLINGS = ("inception_v3", "resnet50")
STYLE_LOSSES = ("gram", "wasserstein")
OPTIMIZERS = ("adam", "lbfgs")
INITS = ("content", "style", "noise", "grey", "transfer")
POOLINGS = ("max", "avg", "l2")
STRUCTURE_SCALES = (4, 16)
"""Sides of the squares that the structure loss averages (Li et al. 2017)."""

_CONTENT_LAYERS = {"block4_conv2": 1.0}
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
class GatysConfig(Controls):
    """What `stylize` minimises, how, and for how long.

    Every term but total variation is relative to the energy of what it
    compares, see `objective`: 0 for a perfect match, about 1 for a black
    picture. So the weights serve all networks and sizes.

    Attributes:
        size: Longer side of the result, in pixels.
        start_size: Longer side of the first, coarsest size; `size` or more
            for a single one.
        steps: Optimiser steps at the last size.
        coarse_share: Work at each coarser size, steps times pixels, relative
            to that at the last: so the coarser the more steps, from 1 to
            `steps`. With 1 all sizes have the same.
        features: Network: `"vgg16"`, `"vgg19"`, `"vgg_distilled"` (inside the
            package) or `"auto"`: VGG16 where its weights are at hand.
        feature_weights: Path of the network's weights; `None` for the
            published file, from a cache or the network.
        draft: Whether all sizes but the last are painted with
            `"vgg_distilled"`.
        pooling: `"max"`, `"avg"` or `"l2"`.
        content_layers: Layer name to its share of the content loss.
        style_layers: Layer name to its share of the style loss. The shares
            are divided by their sum, here and for the content.
        content_weight: Weight of the content loss.
        style_weight: Weight of the style loss.
        tv_weight: Weight of the total variation loss (squared differences).
        structure_weight: Weight of the loss between Laplacians.
        histogram_weight: Weight of the loss between colour histograms.
        style_loss: `"gram"` or `"wasserstein"`, of each style layer.
        style_scale: Longer side of each style image relative to the picture
            that is painted; one for all, or one for each.
        optimizer: `"adam"` or `"lbfgs"`.
        learning_rate: Of Adam: about the change of a value in [0, 1] in the
            first step at a size, of each image in its pyramid; it falls to
            a twentieth of it.
        beta_2: Of Adam: decay of the mean of squared gradients.
        levels: Images in Adam's pyramid; 1 for Adam as published.
        tolerance: A size ends when 20 steps lower the loss by less than this
            share of it; 0 for never.
        loss_threshold: A size ends when the loss is at most this; 0 for
            never.
        init: `"content"`, `"style"` (noise with the mean and covariance of
            its colours), `"noise"`, `"grey"`, or `"transfer"`: what a model
            of any style paints of it, see `adain`.
        seed: Of the noise.
        precision: Of the convolutions: `"auto"`, `"float32"` or
            `"bfloat16"`. Statistics and pixels are always float32.
        jit_compile: Whether XLA compiles the step: `"auto"`, `"on"`,
            `"off"`.
    """

    size: int = 512
    start_size: int = 128
    steps: int = 200
    coarse_share: float = 0.025
    features: str = "auto"
    feature_weights: str | None = None
    draft: bool = False
    pooling: str = "max"
    content_layers: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict(_CONTENT_LAYERS)
    )
    style_layers: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict(STYLE_LAYERS)
    )
    content_weight: float = 1.0
    style_weight: float = 5.0
    tv_weight: float = 2.0
    structure_weight: float = 0.0
    histogram_weight: float = 0.0
    style_loss: str = "wasserstein"
    optimizer: str = "adam"
    learning_rate: float = 0.035
    beta_2: float = 0.96
    levels: int = 5
    tolerance: float = 0.0
    loss_threshold: float = 0.0
    init: str = "content"
    seed: int = 0
    precision: str = "auto"
    jit_compile: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in _CHOICES.items():
            checks.choice(name, getattr(self, name), choices)
        for name in _WEIGHTS:
            checks.weight(name, getattr(self, name))
        for name in ("size", "start_size", "steps", "levels"):
            checks.count(name, getattr(self, name))
        checks.positive("learning_rate", self.learning_rate)
        checks.fraction("coarse_share", self.coarse_share)
        checks.decay("beta_2", self.beta_2)
        checks.whole("seed", self.seed)
        for name in ("content_layers", "style_layers"):
            checks.layers(name, getattr(self, name))
        if self.features in _WITHOUT_POOLINGS and self.pooling != "max":
            raise ValueError(
                f"`pooling` is of VGG; for {self.features} it must be 'max'. "
                f"Received: pooling={self.pooling!r}"
            )
        if self.optimizer == "lbfgs" and self.precision == "bfloat16":
            raise ValueError(
                "L-BFGS needs gradients in float32: take precision='float32' "
                "or optimizer='adam'."
            )

    def check_regions(self) -> None:
        """Raises `ValueError` unless the settings are for regions, too."""
        if self.histogram_weight:
            raise ValueError(
                "`histogram_weight` is for whole pictures; with masks or maps "
                "it must be 0. Received: "
                f"histogram_weight={self.histogram_weight}"
            )


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


_CHOICES = {
    "features": FEATURES,
    "style_loss": STYLE_LOSSES,
    "optimizer": OPTIMIZERS,
    "pooling": POOLINGS,
    "precision": PRECISIONS,
    "jit_compile": JIT_COMPILE,
    "init": INITS,
}
_WEIGHTS = (
    "content_weight",
    "style_weight",
    "tv_weight",
    "structure_weight",
    "histogram_weight",
    "tolerance",
    "loss_threshold",
)
