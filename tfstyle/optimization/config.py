"""Settings of `stylize`: frozen, and checked when created.

The fields also define the flags of the programs.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

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
INITS = ("content", "palette", "style", "noise", "grey", "transfer")
POOLINGS = ("max", "avg", "l2")

_CONTENT_LAYERS = {"block4_conv2": 1.0}
# As in crowsonkb's style-transfer-pytorch.
_STYLE_LAYERS = dict(
    zip(STYLE_LAYERS, (256.0, 64.0, 16.0, 4.0, 1.0), strict=True)
)

ADDED = {
    "chroma_weight": 0.0,
    "evenness_weight": 0.0,
    "layout_weight": 0.0,
    "print_size": 0,
}
"""Settings that records and checkpoints of older versions lack, with the value
that stands for their absence."""

PRECISION_HELP = (
    "Precision of the convolutions: float32, bfloat16, or auto: bfloat16 where "
    "the device calculates in it. Statistics and pixels are always float32."
)
JIT_COMPILE_HELP = (
    "Whether XLA compiles the step: on, off, or auto: on except on a CPU."
)
FEATURE_WEIGHTS_HELP = (
    "File of the network's weights (.h5); the published file, which is "
    "downloaded once, if not given."
)
TV_WEIGHT_HELP = (
    "Weight of the total-variation term (squared differences of neighboring "
    "pixels); higher is smoother."
)


# Bytes per pixel: Adam's arrays, see `adam_state`; and two for each of the last
# steps of L-BFGS.
_CHECKPOINTS = {"adam": 69, "lbfgs": 264}


class RunConfig(Protocol):
    """Settings of an engine that sees pictures by a network, as `run` needs.

    A dataclass, such as `GatysConfig`, which explains the fields.
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def features(self) -> str:
        """Name of the network, or "auto"."""

    @property
    def feature_weights(self) -> str | None:
        """File of its weights."""

    @property
    def precision(self) -> str:
        """Precision of its convolutions, or "auto"."""

    @property
    def jit_compile(self) -> str:
        """Whether XLA compiles the step, or "auto"."""

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of a checkpoint for each pixel of the picture."""

    @property
    def resources(self) -> tuple[str, ...]:
        """Settings that change no picture but for rounding.

        They may change when a run is resumed.
        """


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
    feature_weights: str | None = setting(None, FEATURE_WEIGHTS_HELP)
    draft: bool = setting(
        False,
        "Paints all sizes but the last with the thin network vgg_distilled, "
        "which is faster.",
        check=checks.truth,
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
    tv_weight: float = setting(2.0, TV_WEIGHT_HELP, check=checks.weight)
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
    evenness_weight: float = setting(
        1.0,
        "Weight of the loss between neighboring squares of the picture where "
        "the photograph is even; higher leaves fewer blocks of color that "
        "belong to no shape. 0 leaves it out.",
        check=checks.weight,
    )
    layout_weight: float = setting(
        0.0,
        "Weight of the loss between mean colors of large squares and those of "
        "the photograph in the style's palette; higher keeps light, dark and "
        "each color where the photograph has them. 0 leaves it out.",
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
        "Learning rate of Adam for each image of its pyramid: the first step "
        "changes a value in [0, 1] by at most this times their number. Falls "
        "to a twentieth at each size.",
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
        512,
        "Longer side, in pixels, above which sizes take fewer steps: `steps` "
        "times this over their longer side, because coarser sizes have done "
        "most of the work. 0 for as many steps at any size.",
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
        "Start picture: content (the photograph), palette (the photograph in "
        "the style's colors), style (noise with the mean and covariance "
        "of the style's colors), noise, grey, or transfer (the photograph as "
        "an AdaIN model paints it in one pass).",
        choices=INITS,
    )
    seed: int = setting(
        0,
        "Seed of the random numbers, such as those of noise in `init`.",
        check=checks.whole,
    )
    precision: str = setting("auto", PRECISION_HELP, choices=PRECISIONS)
    jit_compile: str = setting("auto", JIT_COMPILE_HELP, choices=JIT_COMPILE)

    resources = ("feature_weights", "tile", "memory")  # See `RunConfig`.

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

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of a checkpoint for each pixel of the picture."""
        return _CHECKPOINTS[self.optimizer]

    def check_regions(self) -> None:
        """Raises `ValueError` for settings that do not work with regions."""
        if self.histogram_weight:
            raise ValueError(
                "`histogram_weight` is for whole pictures; with masks or maps "
                "it must be 0. Received: "
                f"histogram_weight={self.histogram_weight}"
            )
