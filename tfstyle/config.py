"""Settings of the algorithms: frozen, keyword-only, checked when made.

The flags of the programs take their defaults from here.
"""

import dataclasses
import math
from collections.abc import Mapping

FEATURES = ("auto", "vgg16", "vgg19", "vgg_distilled")
STYLE_LOSSES = ("gram", "wasserstein")
STYLE_DISTANCES = ("gram", "moments", "wasserstein")
"""What a model of any style can be trained with."""
OPTIMIZERS = ("adam", "lbfgs")
INITS = ("content", "style", "noise", "grey", "transfer")
POOLINGS = ("max", "avg", "l2")
PRECISIONS = ("auto", "float32", "bfloat16")
JIT_COMPILE = ("auto", "on", "off")
STRUCTURE_SCALES = (4, 16)
"""Sides of the squares that the structure loss averages (Li et al. 2017)."""

_CONTENT_LAYERS = {"block4_conv2": 1.0}
_STYLE_LAYERS = {
    "block1_conv1": 1.0,
    "block2_conv1": 1.0,
    "block3_conv1": 1.0,
    "block4_conv1": 1.0,
    "block5_conv1": 1.0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatysConfig:
    """What `stylize` minimises, how, and for how long.

    Every term but total variation is relative to the energy of what it
    compares, see `objective`: 0 for a perfect match, about 1 for a black
    picture. So the weights serve all networks and sizes.

    Attributes:
        size: Longer side of the result, in pixels.
        start_size: Longer side of the first, coarsest size; `size` or more
            for a single one.
        steps: Optimiser steps at each size, coarse to fine.
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
        style_mix: Share of each style image, divided by their sum; `None`
            for equal shares.
        style_scale: Longer side of each style image relative to the picture
            that is painted; one for all, or one for each.
        optimizer: `"adam"` or `"lbfgs"`.
        learning_rate: Of Adam: about the change of a value in [0, 1] in the
            first step at a size, of each image in its pyramid; it falls to
            a twentieth of it.
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
    steps: int = 100
    features: str = "auto"
    feature_weights: str | None = None
    draft: bool = False
    pooling: str = "max"
    content_layers: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict(_CONTENT_LAYERS)
    )
    style_layers: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict(_STYLE_LAYERS)
    )
    content_weight: float = 1.0
    style_weight: float = 5.0
    tv_weight: float = 2.0
    structure_weight: float = 0.0
    histogram_weight: float = 0.0
    style_loss: str = "wasserstein"
    style_mix: tuple[float, ...] | None = None
    style_scale: tuple[float, ...] = (1.0,)
    optimizer: str = "adam"
    learning_rate: float = 0.025
    levels: int = 5
    tolerance: float = 0.0
    loss_threshold: float = 0.0
    init: str = "content"
    seed: int = 0
    precision: str = "auto"
    jit_compile: str = "auto"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            _check(name, getattr(self, name), choices)
        for name in _WEIGHTS:
            _check_weight(name, getattr(self, name))
        for name in ("size", "start_size", "steps", "learning_rate", "levels"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"`{name}` must be positive. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.seed < 0:
            raise ValueError(
                f"`seed` must not be negative. Received: seed={self.seed}"
            )
        for name in ("content_layers", "style_layers"):
            _check_shares(name, list(getattr(self, name).values()))
        if self.style_mix is not None:
            _check_shares("style_mix", list(self.style_mix))
        if not all(0 < scale <= 16 for scale in self.style_scale):
            raise ValueError(
                "`style_scale` must be above 0 and at most 16. "
                f"Received: style_scale={self.style_scale}"
            )
        if self.optimizer == "lbfgs" and self.precision == "bfloat16":
            raise ValueError(
                "L-BFGS needs gradients in float32: take precision='float32' "
                "or optimizer='adam'."
            )

    def check_styles(self, count: int) -> None:
        """Raises `ValueError` unless the settings fit `count` style images."""
        _check_mix(self.style_mix, count)
        if len(self.style_scale) not in (1, count):
            raise ValueError(
                f"`style_scale` must have one value, or one for each of the "
                f"{count} style images. Received: "
                f"style_scale={self.style_scale}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """How `distillation` trains a thin network.

    Attributes:
        teacher: `"vgg16"` or `"vgg19"`.
        teacher_weights: Path of its weights; `None` for the published file.
        teacher_dtype: Of its maps: `"float32"` or `"bfloat16"`.
        start: Path of a thin network's weights to go on from; `None` for a
            new one.
        steps: Of the optimiser, in all.
        epoch: Steps between checkpoints.
        batch_size: Crops in a step.
        crop: Side of the crops, in pixels.
        native: Share of the crops that are not scaled.
        noise: Largest deviation of the noise on half of the crops.
        samples: Crops that the closed forms are fitted to.
        learning_rate: Of Adam, the largest: it rises over the first steps
            and falls as a cosine.
        gram_weight: Weight of the error of Gram matrices beside that of maps.
        precision: Policy of the thin network: `"float32"` or
            `"mixed_bfloat16"`.
        seed: Of the crops.
    """

    teacher: str = "vgg19"
    teacher_weights: str | None = None
    teacher_dtype: str = "bfloat16"
    start: str | None = None
    steps: int = 8000
    epoch: int = 100
    batch_size: int = 8
    crop: int = 192
    native: float = 0.5
    noise: float = 0.1
    samples: int = 256
    learning_rate: float = 1e-3
    gram_weight: float = 0.5
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "epoch", "batch_size", "crop", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be positive. "
                    f"Received: {name}={getattr(self, name)}"
                )
        _check_weight("learning_rate", self.learning_rate)
        _check_weight("gram_weight", self.gram_weight)
        _check_weight("native", self.native)
        _check_weight("noise", self.noise)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """How `tfstyle.transfer` paints.

    Attributes:
        model: Its name, see `painters.load`.
        strength: Of the style, from 0 for the photograph to 1.
        style_mix: Share of each style image, divided by their sum; `None`
            for equal shares.
        size: Longer side of the results, in pixels; 0 for that of each
            photograph.
        style_size: Longer side at which styles are seen, in pixels; 0 for
            that of each file.
        precision: `"auto"`, `"float32"` or `"bfloat16"`, for models that are
            no SavedModel.
        tile: Images with a longer side are painted in tiles of so many
            pixels.
    """

    model: str = "distilled"
    strength: float = 1.0
    style_mix: tuple[float, ...] | None = None
    size: int = 0
    style_size: int = 512
    precision: str = "auto"
    tile: int = 1024

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(
                "`strength` must be from 0 to 1. "
                f"Received: strength={self.strength}"
            )
        for name in ("size", "style_size"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"`{name}` must be positive, or 0. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.tile < 64 or self.tile % 8:
            raise ValueError(
                "`tile` must be a multiple of 8, from 64 up. "
                f"Received: tile={self.tile}"
            )
        _check("precision", self.precision, PRECISIONS)
        if self.style_mix is not None:
            _check_shares("style_mix", list(self.style_mix))

    def check_styles(self, count: int) -> None:
        """Raises `ValueError` unless the settings fit `count` style images."""
        _check_mix(self.style_mix, count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaINConfig:
    """How `tfstyle.train` trains a model of any style.

    Attributes:
        encoder: Network that the model sees with: `"vgg16"`, `"vgg19"` or
            `"vgg_distilled"`.
        encoder_weights: Path of its weights; `None` for the published file.
        levels: Its layers where styles are applied; `None` for what
            `adain.ARCHITECTURES` has for the encoder, as for the next three.
        widths: Channels of the decoder's stages.
        depths: Convolutions of the decoder's stages.
        train_encoder: Whether the encoder is trained, too.
        start: Model to go on from, see `presets`; its encoder, levels, widths
            and depths are taken.
        loss_features: Network that judges the images.
        loss_weights_file: Path of its weights; `None` for the published file.
        loss_dtype: Of its maps: `"float32"` or `"bfloat16"`.
        content_layer: Where photographs are compared.
        style_layers: Where styles are compared, with equal shares.
        content_weight: Weight of the content loss.
        style_weight: Weight of the style loss.
        style_loss: `"gram"`, `"moments"` or `"wasserstein"`.
        tv_weight: Weight of the total variation loss (squared differences).
        range_weight: Weight of the squares of what is beyond [0, 1].
        steps: Of the optimiser, in all.
        epoch: Steps between checkpoints.
        batch_size: Pairs in a step.
        crop: Side of the images, in pixels.
        smallest: Share of an image's shorter side that a crop covers at
            least.
        learning_rate: Of Adam, the largest: it rises over the first steps
            and falls as a cosine.
        precision: Policy of the model: `"float32"` or `"mixed_bfloat16"`.
        seed: Of the pairs.
    """

    encoder: str = "vgg_distilled"
    encoder_weights: str | None = None
    levels: tuple[str, ...] | None = None
    widths: tuple[int, ...] | None = None
    depths: tuple[int, ...] | None = None
    train_encoder: bool | None = None
    start: str | None = None
    loss_features: str = "vgg19"
    loss_weights_file: str | None = None
    loss_dtype: str = "bfloat16"
    content_layer: str = "block4_conv2"
    style_layers: tuple[str, ...] = tuple(_STYLE_LAYERS)
    content_weight: float = 1.0
    style_weight: float = 15.0
    style_loss: str = "wasserstein"
    tv_weight: float = 2.0
    range_weight: float = 10.0
    steps: int = 20000
    epoch: int = 200
    batch_size: int = 8
    crop: int = 192
    smallest: float = 0.5
    learning_rate: float = 1e-3
    precision: str = "mixed_bfloat16"
    seed: int = 0

    def __post_init__(self) -> None:
        _check("style_loss", self.style_loss, STYLE_DISTANCES)
        for name in ("steps", "epoch", "batch_size", "crop"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be positive. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.crop < 32:
            raise ValueError(
                f"`crop` must be 32 or more. Received: crop={self.crop}"
            )
        for name in (
            "content_weight",
            "style_weight",
            "tv_weight",
            "range_weight",
            "learning_rate",
        ):
            _check_weight(name, getattr(self, name))
        if not 0 < self.smallest <= 1:
            raise ValueError(
                "`smallest` must be above 0 and at most 1. "
                f"Received: smallest={self.smallest}"
            )


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


def _check(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value!r}"
        )


def _check_weight(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a number from 0 up. Received: {name}={value}"
        )


def _check_mix(style_mix: tuple[float, ...] | None, count: int) -> None:
    if count < 1:
        raise ValueError("At least one style image is needed.")
    if style_mix is not None and len(style_mix) != count:
        raise ValueError(
            f"`style_mix` must have a share for each of the {count} "
            f"style images. Received: style_mix={style_mix}"
        )


def _check_shares(name: str, shares: list[float]) -> None:
    if not shares:
        raise ValueError(f"`{name}` must not be empty.")
    for share in shares:
        _check_weight(name, share)
    if not any(shares):
        raise ValueError(f"`{name}` must have a share above 0.")
