"""Settings of painting by a model of any style."""

import dataclasses

from tfstyle.controls.settings import Controls
from tfstyle.runtime import checks
from tfstyle.runtime.devices import PRECISIONS


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
        for name in ("size", "style_size", "tile"):
            checks.whole(name, getattr(self, name))
        if self.tile < 64 or self.tile % 8:
            raise ValueError(
                "`tile` must be a multiple of 8, from 64 up. "
                f"Received: tile={self.tile}"
            )
        checks.choice("precision", self.precision, PRECISIONS)
