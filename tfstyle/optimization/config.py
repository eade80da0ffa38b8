"""Settings of the algorithms: frozen, keyword-only, checked when made.

The flags of the programs take their defaults from here.
"""

import dataclasses
from collections.abc import Mapping

from tfstyle.controls.settings import Controls
from tfstyle.runtime import checks

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
PRECISIONS = ("auto", "float32", "bfloat16")
JIT_COMPILE = ("auto", "on", "off")
STRUCTURE_SCALES = (4, 16)
"""Sides of the squares that the structure loss averages (Li et al. 2017)."""

_CONTENT_LAYERS = {"block4_conv2": 1.0}
STYLE_LAYERS = {
    "block1_conv1": 1.0,
    "block2_conv1": 1.0,
    "block3_conv1": 1.0,
    "block4_conv1": 1.0,
    "block5_conv1": 1.0,
}


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
        _check_tuples(self)
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
class TransferConfig(Controls):
    """How `tfstyle.transfer` paints.

    Attributes:
        model: Its name, see `painters.load`.
        size: Longer side of the results, in pixels; 0 for that of each
            photograph.
        style_size: Longer side at which styles are seen, in pixels; 0 for
            that of each file.
        style_scale: Multiplies `style_size` for each style image; one for
            all, or one for each.
        precision: `"auto"`, `"float32"` or `"bfloat16"`, for models that are
            no SavedModel.
        tile: Images with a longer side are painted in tiles of so many
            pixels.
    """

    model: str = "distilled"
    size: int = 0
    style_size: int = 512
    precision: str = "auto"
    tile: int = 1024

    def __post_init__(self) -> None:
        _check_tuples(self)
        super().__post_init__()
        for name in ("size", "style_size", "tile"):
            checks.whole(name, getattr(self, name))
        if self.tile < 64 or self.tile % 8:
            raise ValueError(
                "`tile` must be a multiple of 8, from 64 up. "
                f"Received: tile={self.tile}"
            )
        checks.choice("precision", self.precision, PRECISIONS)


def _check_tuples(controls: Controls) -> None:
    checks.several("style_scale", controls.style_scale)
    if controls.style_mix is not None:
        checks.several("style_mix", controls.style_mix)


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
