"""Settings of AdaIN models: style transfer in one pass, and specializing."""

import dataclasses

from tfstyle.controls.settings import Controls
from tfstyle.fitting import fields
from tfstyle.pretrained import topology
from tfstyle.runtime import checks, settings
from tfstyle.runtime.devices import PRECISIONS
from tfstyle.runtime.settings import setting

START_SIZE = 384
"""Default of `TransferConfig.start_size`, in pixels."""


def _check_tile(name: str, value: int) -> None:
    checks.whole(name, value)
    if value < 64 or value % 8:
        raise ValueError(
            f"`{name}` must be a multiple of 8, from 64 up. "
            f"Received: {name}={value}"
        )


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class TransferConfig(Controls):
    """Settings of style transfer in one pass (`python -m tfstyle.transfer`).

    `help(TransferConfig)` lists all fields with their meanings.
    """

    model: str = setting(
        "distilled",
        "Model that paints: distilled (inside the package); vgg16 or vgg19, "
        "which need the published encoder; a .keras or .h5 file, a SavedModel, "
        "or a handle of TensorFlow Hub.",
    )
    size: int = setting(
        0,
        "Longer side of the results, in pixels; 0 for that of each photograph.",
        check=checks.whole,
    )
    style_size: int = setting(
        512,
        "Longer side at which the style images are seen, in pixels; 0 for that "
        "of each file. Those inside a model keep their size. `style_scale` "
        "multiplies it.",
        check=checks.whole,
    )
    precision: str = setting(
        "auto",
        "Precision of the model: float32, bfloat16, or auto: bfloat16 where "
        "the device calculates in it. SavedModels keep their own.",
        choices=PRECISIONS,
    )
    tile: int = setting(
        1024,
        "Side of the tiles in which larger images are painted, in pixels: a "
        "multiple of 8, from 64 up. SavedModels paint in one piece.",
        check=_check_tile,
    )
    start_size: int = setting(
        START_SIZE,
        "Large pictures are painted from coarse to fine: first at a half, a "
        "quarter and so on of their size, with a longer side of at least so "
        "many pixels. 0 paints at once.",
        check=checks.whole,
    )

    def of_model(self) -> "TransferConfig":
        """Returns only what decides how the model is loaded, as settings."""
        return TransferConfig(
            model=self.model,
            precision=self.precision,
            tile=self.tile,
            start_size=self.start_size,
        )

    def style_side(self, longer: int, scale: float) -> int:
        """Returns the longer side at which a style image is seen.

        Args:
            longer: Its own longer side, in pixels.
            scale: Its `style_scale`.
        """
        return round((self.style_size or longer) * scale)


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecializeConfig:
    """Settings of `tfstyle.specialize`, which fits a model to a few styles.

    `help(SpecializeConfig)` describes each field.
    """

    style_weight: float | None = setting(
        None,
        "Weight of the style loss, relative to the content loss; if not given, "
        "it is found, after each epoch: photographs keep about as much as with "
        "the model before.",
        check=checks.weight,
    )
    style_size: int = setting(
        512,
        "Longer side at which the style images are seen, in pixels.",
        check=checks.count,
    )
    loss_features: str = setting(
        "vgg19",
        "Network whose feature maps the losses compare in the second part: "
        "vgg16, vgg19 or vgg_distilled.",
        choices=topology.VGG,
    )
    loss_weights_file: str | None = setting(
        None, f"File of the loss network's weights (.h5); {fields.PUBLISHED}"
    )
    loss_dtype: str = setting(
        "auto",
        f"Precision of the loss network's {fields.DTYPE}",
        choices=PRECISIONS,
    )
    thin_steps: int = setting(
        1200,
        "Optimizer steps at most in a first part, in which the thin network, "
        "vgg_distilled, compares: five times as fast. 0 for no such part.",
        check=checks.whole,
    )
    steps: int = setting(
        100,
        "Optimizer steps at most in the second part. A part ends before if "
        "held-out photographs do not improve for four epochs.",
        check=checks.count,
    )
    epoch: int = setting(
        25,
        "Steps between checkpoints; four times as many in the first part.",
        check=checks.count,
    )
    batch_size: int = setting(
        2, "Crops of photographs in each step.", check=checks.count
    )
    crop: int = setting(
        256,
        "Side of the crops, in pixels; 32 or more.",
        check=fields.check_crop,
    )
    smallest: float = setting(
        0.6,
        "Least fraction of a photograph's shorter side that a crop covers, "
        "above 0 and at most 1.",
        check=fields.check_smallest,
    )
    learning_rate: float = setting(
        2e-3,
        f"{fields.LEARNING_RATE} Half of it in the second part, after a first.",
        check=checks.weight,
    )
    precision: str = setting("auto", fields.PRECISION, choices=fields.POLICIES)
    seed: int = setting(0, "Seed of the random crops.", check=checks.whole)

    def __post_init__(self) -> None:
        settings.check(self)
