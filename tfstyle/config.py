"""Settings of the algorithms: frozen, keyword-only, checked when made.

The flags of the programs take their defaults from here.
"""

import dataclasses
from collections.abc import Mapping

from tfstyle import checks

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
COLORS = ("style", "luminance", "statistics", "histogram")
DREAM_COLORS = ("style", "luminance")
STYLE_DETAILS = ("all", "coarse", "fine")
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

DREAM_LAYERS = {
    "vgg16": {"block4_conv3": 1.0, "block5_conv2": 1.0},
    "vgg19": {"block4_conv4": 1.0, "block5_conv2": 1.0},
    "vgg_distilled": {"block4_conv3": 1.0, "block5_conv1": 1.0},
    "inception_v3": {"mixed3": 1.0, "mixed5": 1.0},
    "resnet50": {"conv4_block3_out": 1.0, "conv4_block6_out": 1.0},
}
"""Layers that `deep_dream` excites where none are given. Those of VGG were
chosen by eye, InceptionV3's are TensorFlow's tutorial's, ResNet50's a guess."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Controls:
    """What is chosen alike wherever photographs are painted.

    Attributes:
        strength: Of the style, from 0 for the photograph to 1.
        style_mix: Share of each style image, divided by their sum; `None`
            for equal shares.
        photorealistic: Whether the picture keeps the photograph's surfaces
            and edges, and gets light and colours alone; see `photorealism`.
        style_scale: Size at which each style image is seen, relative to the
            usual; one for all, or one for each. See the classes below.
        color: Whose colours the result has: `"style"`, or the photograph's
            by `"luminance"`, `"statistics"` or `"histogram"`, see `color`.
        style_detail: What each style image is for, one for all or one for
            each: `"fine"` for the layers whose maps have at least half the
            picture's resolution (of VGG those of blocks 1 and 2), `"coarse"`
            for the deeper ones, or `"all"`.
    """

    strength: float = 1.0
    photorealistic: bool = False
    style_mix: tuple[float, ...] | None = None
    style_scale: tuple[float, ...] = (1.0,)
    style_detail: tuple[str, ...] = ("all",)
    color: str = "style"

    def __post_init__(self) -> None:
        checks.fraction("strength", self.strength)
        checks.choice("color", self.color, COLORS)
        for detail in self.style_detail:
            checks.choice("style_detail", detail, STYLE_DETAILS)
        if self.style_mix is not None:
            checks.shares("style_mix", self.style_mix)
        if not all(0 < scale <= 16 for scale in self.style_scale):
            raise ValueError(
                "`style_scale` must be above 0 and at most 16. "
                f"Received: style_scale={self.style_scale}"
            )

    def scales(self, count: int) -> tuple[float, ...]:
        """`style_scale` of each of `count` style images."""
        return self.style_scale * (count if len(self.style_scale) == 1 else 1)

    def shares(self, count: int, fine: bool) -> list[float]:
        """Share of each of `count` style images at a layer; their sum is 1.

        Args:
            count: Of the style images.
            fine: Whether the layer is one that `style_detail` calls so.
        """
        mix = self._mix(count, fine)
        return [share / sum(mix) for share in mix]

    def _mix(self, count: int, fine: bool) -> list[float]:
        details = self.style_detail * (
            count if len(self.style_detail) == 1 else 1
        )
        other = "coarse" if fine else "fine"
        mix = self.style_mix or (1.0,) * count
        return [
            share * (detail != other)
            for share, detail in zip(mix, details, strict=True)
        ]

    def check_styles(self, count: int, apart: bool = False) -> None:
        """Raises `ValueError` unless the settings fit the style images.

        Args:
            count: Of the style images.
            apart: Whether each has regions of its own.
        """
        if count < 1:
            raise ValueError("At least one style image is needed.")
        if self.style_mix is not None and len(self.style_mix) != count:
            raise ValueError(
                f"`style_mix` must have a share for each of the {count} "
                f"style images. Received: style_mix={self.style_mix}"
            )
        if len(self.style_scale) not in (1, count):
            raise ValueError(
                f"`style_scale` must have one value, or one for each of the "
                f"{count} style images. Received: "
                f"style_scale={self.style_scale}"
            )
        if len(self.style_detail) not in (1, count):
            raise ValueError(
                f"`style_detail` must have one value, or one for each of the "
                f"{count} style images. Received: "
                f"style_detail={self.style_detail}"
            )
        if apart and (self.style_mix or self.style_detail != ("all",)):
            raise ValueError(
                "`style_mix` and `style_detail` are for styles that are "
                "blended; masks and maps give each a region of its own."
            )
        for fine, name in ((False, "coarse"), (True, "fine")):
            if not any(self._mix(count, fine)):
                raise ValueError(
                    f"No style image is for the {name} layers. Received: "
                    f"style_detail={self.style_detail}, "
                    f"style_mix={self.style_mix}"
                )


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
        for name in ("size", "start_size", "steps", "learning_rate", "levels"):
            checks.positive(name, getattr(self, name))
        checks.fraction("coarse_share", self.coarse_share)
        checks.decay("beta_2", self.beta_2)
        if self.seed < 0:
            raise ValueError(
                f"`seed` must not be negative. Received: seed={self.seed}"
            )
        for name in ("content_layers", "style_layers"):
            checks.shares(name, [*getattr(self, name).values()])
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
            step, before the network sees it.
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
        for name in ("features", "precision", "jit_compile"):
            checks.choice(name, getattr(self, name), _CHOICES[name])
        for name in ("content_weight", "tv_weight"):
            checks.weight(name, getattr(self, name))
        for name in ("size", "octaves", "steps", "step_size", "levels", "tile"):
            checks.positive(name, getattr(self, name))
        for name in ("octave_scale", "zoom"):
            if not 1 < getattr(self, name) <= 4:
                raise ValueError(
                    f"`{name}` must be above 1 and at most 4. "
                    f"Received: {name}={getattr(self, name)}"
                )
        for name in ("jitter", "zoom_frames", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"`{name}` must not be negative. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.layers is not None:
            checks.shares("layers", list(self.layers.values()))
        if self.channels is not None and not (
            self.channels and min(self.channels) >= 0
        ):
            raise ValueError(
                "`channels` must be numbers from 0 up. "
                f"Received: channels={self.channels}"
            )

    def shares(self, network: str) -> dict[str, float]:
        """Layers of a network, with shares above 0 that add up to 1."""
        layers = DREAM_LAYERS[network] if self.layers is None else self.layers
        total = sum(layers.values())
        return {name: w / total for name, w in layers.items() if w}


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
        super().__post_init__()
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
        checks.choice("precision", self.precision, PRECISIONS)


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
