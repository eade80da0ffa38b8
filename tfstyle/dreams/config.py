"""Settings of `deep_dream`: frozen, and checked when created.

The fields also define the flags of `python -m tfstyle.dream`.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from tfstyle.optimization.config import (
    FEATURE_WEIGHTS_HELP,
    FEATURES,
    JIT_COMPILE_HELP,
    PRECISION_HELP,
    TV_WEIGHT_HELP,
)
from tfstyle.runtime import checks, settings
from tfstyle.runtime.devices import JIT_COMPILE, PRECISIONS
from tfstyle.runtime.settings import setting

COLORS = ("style", "luminance")
LAYERS = {
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
    feature_weights: str | None = setting(None, FEATURE_WEIGHTS_HELP)
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
        2.0,
        f"{TV_WEIGHT_HELP} 0 leaves grain, 10 is soft.",
        check=checks.weight,
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
        choices=COLORS,
    )
    seed: int = setting(0, "Seed of the random shifts.", check=checks.whole)
    precision: str = setting("auto", PRECISION_HELP, choices=PRECISIONS)
    jit_compile: str = setting("auto", JIT_COMPILE_HELP, choices=JIT_COMPILE)

    # See `RunConfig`. The tile is not one: older checkpoints have it.
    resources = ("feature_weights",)
    checkpoint_bytes = 24

    def __post_init__(self) -> None:
        settings.check(self)

    def shares(self, network: str) -> dict[str, float]:
        """Returns the layers to excite with their weights.

        Weights are above 0, and their sum is 1.

        Args:
            network: Name of the network.
        """
        layers = LAYERS[network] if self.layers is None else self.layers
        total = sum(layers.values())
        return {name: w / total for name, w in layers.items() if w}
