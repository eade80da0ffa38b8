"""Settings of `stylize` and `deep_dream`: frozen, and checked when created.

The fields also define the flags of the programs.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from tfstyle.controls.settings import Controls
from tfstyle.pretrained.topology import STYLE_LAYERS
from tfstyle.runtime import checks, settings
from tfstyle.runtime.devices import JIT_COMPILE, PRECISIONS
from tfstyle.runtime.settings import setting

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
"""Side lengths of the squares that the structure loss averages (Li 2017)."""

_CONTENT_LAYERS = {"block4_conv2": 1.0}
# As in crowsonkb's style-transfer-pytorch.
_STYLE_LAYERS = dict(
    zip(STYLE_LAYERS, (256.0, 64.0, 16.0, 4.0, 1.0), strict=True)
)
DREAM_COLORS = ("style", "luminance")
DREAM_LAYERS = {
    "vgg16": {"block4_conv3": 1.0, "block5_conv2": 1.0},
    "vgg19": {"block4_conv4": 1.0, "block5_conv2": 1.0},
    "vgg_distilled": {"block4_conv3": 1.0, "block5_conv1": 1.0},
    "inception_v3": {"mixed3": 1.0, "mixed5": 1.0},
    "resnet50": {"conv4_block3_out": 1.0, "conv4_block6_out": 1.0},
}
"""Default layers of `deep_dream`, by network. Those of VGG were chosen by eye,
InceptionV3's are from TensorFlow's tutorial, ResNet50's are a guess."""
# Strides are 32 at most, and larger shifts cost memory, see `ascent`.
_MOST_JITTER = 512


ADDED = {"chroma_weight": 0.0, "print_size": 0}
"""Settings that records and checkpoints of older versions lack, with the value
that stands for their absence."""

_PRECISION = (
    "Precision of the convolutions: float32, bfloat16, or auto: bfloat16 where "
    "the device calculates in it. Statistics and pixels are always float32."
)
_JIT_COMPILE = (
    "Whether XLA compiles the step: on, off, or auto: on except on a CPU."
)
_FEATURE_WEIGHTS = (
    "File of the network's weights (.h5); the published file, which is "
    "downloaded once, if not given."
)
_TV_WEIGHT = (
    "Weight of the total-variation term (squared differences of neighboring "
    "pixels); higher is smoother."
)


def _check_enlargement(name: str, value: float) -> None:
    checks.positive(name, value)
    if not 1 < value <= 4:
        raise ValueError(
            f"`{name}` must be above 1 and at most 4. Received: {name}={value}"
        )


def _check_jitter(name: str, value: int) -> None:
    checks.whole(name, value)
    if value > _MOST_JITTER:
        raise ValueError(
            f"`{name}` must be at most {_MOST_JITTER}. Received: {name}={value}"
        )


def _check_channels(name: str, values: Sequence[int]) -> None:
    checks.several(name, values, whole=True)
    if not values or min(values) < 0:
        raise ValueError(
            f"`{name}` must be numbers from 0 up. Received: {name}={values}"
        )


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class GatysConfig(Controls):
    """Settings of `stylize`: sizes, losses, optimizer and start.

    Every term of the loss but total variation is divided by an energy, see
    `objective`, so that the weights suit all networks and sizes.

    `help(GatysConfig)` lists all fields with their meanings.
    """

    size: int = setting(
        512, "Longer side of the result, in pixels.", check=checks.count
    )
    start_size: int = setting(
        128,
        "Longer side of the first, coarsest size, in pixels; with `size` or "
        "more there is a single size.",
        check=checks.count,
    )
    steps: int = setting(
        120,
        "Optimizer steps at the last size; see `print_size`.",
        check=checks.count,
    )
    coarse_share: float = setting(
        1.0,
        "Work (steps times pixels) at each coarser size relative to the last "
        "size, from 0 to 1: the coarser the size, the more steps, up to "
        "`steps`. With 1 all sizes have as many.",
        check=checks.fraction,
    )
    features: str = setting(
        "auto",
        "Network whose feature maps are compared: vgg16, vgg19, vgg_distilled "
        "(thin, inside the package), inception_v3, resnet50, or auto: VGG16 "
        "where its weights are at hand, else vgg_distilled.",
        choices=FEATURES,
    )
    feature_weights: str | None = setting(None, _FEATURE_WEIGHTS)
    draft: bool = setting(
        False,
        "Paints all sizes but the last with the thin network vgg_distilled, "
        "which is faster.",
    )
    pooling: str = setting(
        "max",
        "Pooling in VGG: max, as published; avg, the mean; or l2, the root of "
        "the mean square.",
        choices=POOLINGS,
    )
    content_layers: Mapping[str, float] = setting(
        _CONTENT_LAYERS,
        "Layers where the photograph is compared, each with its weight in the "
        "content loss. The weights are divided by their sum.",
        check=checks.layers,
    )
    style_layers: Mapping[str, float] = setting(
        _STYLE_LAYERS,
        "Layers where the style is compared, each with its weight in the style "
        "loss. The weights are divided by their sum.",
        check=checks.layers,
    )
    content_weight: float = setting(
        1.0,
        "Weight of the content loss; higher keeps more of the photograph.",
        check=checks.weight,
    )
    style_weight: float = setting(
        80.0,
        "Weight of the style loss; higher takes more from the style. For "
        "layers of equal weights, 5 is as much as 80 for the default layers.",
        check=checks.weight,
    )
    tv_weight: float = setting(2.0, _TV_WEIGHT, check=checks.weight)
    chroma_weight: float = setting(
        0.05,
        "Weight of the total variation of the colors alone, without their "
        "brightness; higher leaves fewer colored specks. 0 leaves it out.",
        check=checks.weight,
    )
    structure_weight: float = setting(
        0.0,
        "Weight of the loss between Laplacians; higher keeps more of the "
        "photograph's edges. 0 leaves it out.",
        check=checks.weight,
    )
    histogram_weight: float = setting(
        0.0,
        "Weight of the loss between color histograms; higher keeps closer to "
        "the style's palette. 0 leaves it out.",
        check=checks.weight,
    )
    style_loss: str = setting(
        "wasserstein",
        "What the style loss compares: gram for Gram matrices, as published; "
        "wasserstein for means and covariances.",
        choices=STYLE_LOSSES,
    )
    optimizer: str = setting(
        "adam", "Optimizer: adam (default) or lbfgs.", choices=OPTIMIZERS
    )
    learning_rate: float = setting(
        0.035,
        "Learning rate of Adam: about the change of a value in [0, 1] by the "
        "first step at each size. It falls to a twentieth.",
        check=checks.positive,
    )
    beta_2: float = setting(
        0.96,
        "Decay of Adam's mean of squared gradients, from 0 to less than 1.",
        check=checks.decay,
    )
    levels: int = setting(
        5,
        "Number of images in Adam's pyramid; 1 for Adam as published.",
        check=checks.count,
    )
    print_size: int = setting(
        1024,
        "Longer side, in pixels, above which sizes are for print: they take "
        "`steps` times this over their longer side, because coarser sizes have "
        "done most of the work. 0 for as many steps at any size.",
        check=checks.whole,
    )
    tile: int | None = setting(
        None,
        "Side of the largest square that the network sees at once, in pixels; "
        "the result is the same. If not given, the whole picture where it fits "
        "in memory, else the largest tiles that do.",
        check=checks.count,
    )
    memory: str | None = setting(
        None,
        "Memory that the process may have, such as 8GB, from which the side of "
        "the tiles follows; if not given, all that is free.",
        check=checks.memory,
    )
    tolerance: float = setting(
        0.0,
        "A size ends when 20 steps lower the loss by less than this share of "
        "it; 0 for never.",
        check=checks.weight,
    )
    loss_threshold: float = setting(
        0.0,
        "A size ends when the loss is at most this; 0 for never.",
        check=checks.weight,
    )
    init: str = setting(
        "content",
        "Start picture: content (the photograph), style (noise with the mean "
        "and covariance of the style's colors), noise, grey, or transfer "
        "(the photograph as an AdaIN model paints it in one pass).",
        choices=INITS,
    )
    seed: int = setting(
        0,
        "Seed of the random numbers, such as those of noise in `init`.",
        check=checks.whole,
    )
    precision: str = setting("auto", _PRECISION, choices=PRECISIONS)
    jit_compile: str = setting("auto", _JIT_COMPILE, choices=JIT_COMPILE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features in _WITHOUT_POOLINGS and self.pooling != "max":
            raise ValueError(
                f"`pooling` is for VGG; for {self.features} it must be 'max'. "
                f"Received: pooling={self.pooling!r}"
            )
        if self.optimizer == "lbfgs" and self.precision == "bfloat16":
            raise ValueError(
                "L-BFGS needs gradients in float32: use precision='float32' or "
                "optimizer='adam'. Received: precision='bfloat16'"
            )

        if self.optimizer == "lbfgs" and self.tile is not None:
            raise ValueError(
                "L-BFGS sees whole pictures: leave `tile` out, or use "
                f"optimizer='adam'. Received: tile={self.tile}"
            )

    def check_regions(self) -> None:
        """Raises `ValueError` for settings that do not work with regions."""
        if self.histogram_weight:
            raise ValueError(
                "`histogram_weight` is for whole pictures; with masks or maps "
                "it must be 0. Received: "
                f"histogram_weight={self.histogram_weight}"
            )


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class DreamConfig:
    """Settings of `deep_dream`: sizes, steps, network and layers.

    `help(DreamConfig)` lists all fields with their meanings.
    """

    size: int = setting(
        512, "Longer side of the result, in pixels.", check=checks.count
    )
    octaves: int = setting(
        4, "Number of sizes, from coarse to fine.", check=checks.count
    )
    octave_scale: float = setting(
        1.4,
        "Ratio of each size to the one before, above 1 and at most 4.",
        check=_check_enlargement,
    )
    steps: int = setting(20, "Steps at each size.", check=checks.count)
    step_size: float = setting(
        0.006,
        "Change by each step: root mean square over all values, which are in "
        "[0, 1].",
        check=checks.positive,
    )
    jitter: int = setting(
        32,
        "Largest random shift of the picture before each step, in pixels; at "
        "most 512.",
        check=_check_jitter,
    )
    levels: int = setting(
        4,
        "Number of bands of the gradient, from fine to coarse, that get equal "
        "strength; 1 for the gradient as it is.",
        check=checks.count,
    )
    features: str = setting(
        "auto",
        "Network that dreams: vgg16, vgg19, vgg_distilled (thin, inside the "
        "package), inception_v3, resnet50, or auto: VGG16 where its weights "
        "are at hand, else vgg_distilled.",
        choices=FEATURES,
    )
    feature_weights: str | None = setting(None, _FEATURE_WEIGHTS)
    layers: Mapping[str, float] | None = setting(
        None,
        "Layers to excite, each with its weight; the weights are divided by "
        "their sum. If not given, the default layers of the network.",
        check=checks.layers,
    )
    channels: tuple[int, ...] | None = setting(
        None,
        "Channels of the layers to excite, numbered from 0; all if not given.",
        check=_check_channels,
    )
    content_weight: float = setting(
        0.0,
        "Weight of the loss that keeps the photograph's edges: 1 keeps all "
        "contours, 10 leaves little of the dream.",
        check=checks.weight,
    )
    tv_weight: float = setting(
        2.0, f"{_TV_WEIGHT} 0 leaves grain, 10 is soft.", check=checks.weight
    )
    tile: int = setting(
        768,
        "Side of the largest square that the network sees at once, in pixels; "
        "smaller needs less memory.",
        check=checks.count,
    )
    zoom_frames: int = setting(
        0,
        "Number of frames of a zoom, each made from the one before with a "
        "quarter of the steps; 0 for a single picture.",
        check=checks.whole,
    )
    zoom: float = setting(
        1.05,
        "Enlargement from one frame to the next, above 1 and at most 4.",
        check=_check_enlargement,
    )
    color: str = setting(
        "style",
        "Colors of the result: style for those of the dream, luminance for "
        "those of the photograph.",
        choices=DREAM_COLORS,
    )
    seed: int = setting(0, "Seed of the random shifts.", check=checks.whole)
    precision: str = setting("auto", _PRECISION, choices=PRECISIONS)
    jit_compile: str = setting("auto", _JIT_COMPILE, choices=JIT_COMPILE)

    def __post_init__(self) -> None:
        settings.check(self)

    def shares(self, network: str) -> dict[str, float]:
        """Returns the layers to excite with their weights.

        Weights are above 0, and their sum is 1.

        Args:
            network: Name of the network.
        """
        layers = DREAM_LAYERS[network] if self.layers is None else self.layers
        total = sum(layers.values())
        return {name: w / total for name, w in layers.items() if w}


RESOURCES: dict[type, tuple[str, ...]] = {
    GatysConfig: ("feature_weights", "tile", "memory"),
    DreamConfig: ("feature_weights",),
}
"""Settings by class that change no picture but for rounding, and so may change
when a run is resumed. The tile of dreams is not one: older checkpoints have it.
"""
