"""Settings of style transfer in one pass, by an AdaIN model."""

import dataclasses

from tfstyle.controls.settings import Controls
from tfstyle.runtime import checks, settings
from tfstyle.runtime.devices import PRECISIONS
from tfstyle.runtime.settings import setting


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
        "of each file. `style_scale` multiplies it.",
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
