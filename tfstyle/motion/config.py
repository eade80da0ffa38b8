"""Settings of style transfer for clips."""

import dataclasses

from tfstyle.adain.config import TransferConfig
from tfstyle.optimization.config import FEATURES
from tfstyle.runtime import checks, settings
from tfstyle.runtime.settings import setting

ENGINES = ("transfer", "optimize")


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoConfig(TransferConfig):
    """Settings of style transfer for clips (`python -m tfstyle.video`).

    `help(VideoConfig)` lists all fields with their meanings.
    """

    engine: str = setting(
        "transfer",
        "What paints: transfer, a model of any style in one pass; or optimize, "
        "which optimizes the pixels of each frame and is much slower.",
        choices=ENGINES,
    )
    stability: float = setting(
        1.0,
        "How much frames fit those before, from 0, each by itself, to 1. With "
        "--engine=optimize they start from the last result at 0, too.",
        check=checks.fraction,
    )
    steps: int = setting(
        30,
        "Optimizer steps of each frame, for --engine=optimize; the first frame "
        "of a shot takes four times as many.",
        check=checks.count,
    )
    features: str = setting(
        "auto",
        "Network whose feature maps --engine=optimize compares; see "
        "tfstyle.optimize.",
        choices=FEATURES,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.engine == "optimize" and self.strength < 1:
            raise ValueError(
                "`strength` below 1 is for the engine transfer. Received: "
                f"engine='optimize' with strength={self.strength}"
            )
