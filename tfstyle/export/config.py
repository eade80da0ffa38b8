"""Settings of the export of a model for a server."""

import dataclasses

from tfstyle.runtime import settings
from tfstyle.runtime.settings import setting

IMAGE_FORMATS = ("jpeg", "png")
_FEWEST = 64 * 64  # More than `known_answers.records` has.


def _check_quality(name: str, value: int) -> None:
    if not 1 <= value <= 100:
        raise ValueError(
            f"`{name}` must be from 1 to 100. Received: {name}={value}"
        )


def _check_max_pixels(name: str, value: int) -> None:
    if value < _FEWEST:
        raise ValueError(
            f"`{name}` must be {_FEWEST} or more: the pictures that an export "
            f"is tried with are as large. Received: {name}={value}"
        )


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `saved_model.export`.

    Each field says what it is; `help(ExportConfig)` lists them.
    """

    image_format: str = setting(
        "jpeg",
        "Format of the images that are answered as bytes: jpeg or png.",
        choices=IMAGE_FORMATS,
    )
    quality: int = setting(
        95, "Quality of JPEG, from 1 to 100.", check=_check_quality
    )
    max_pixels: int = setting(
        2048 * 2048,
        "Pixels of the largest image that is accepted; larger ones are refused "
        "before they are decoded. A request needs about 350 bytes of memory "
        "for each pixel.",
        check=_check_max_pixels,
    )
    warmup_sizes: tuple[int, ...] = setting(
        (256, 512),
        "Sides of the pictures, in pixels, with which a server tries each "
        "signature before it calls the version available.",
    )

    def __post_init__(self) -> None:
        settings.check(self)
        for size in self.warmup_sizes:
            if not 16 <= size <= self.max_pixels**0.5:
                raise ValueError(
                    "`warmup_sizes` must be sides of pictures of 16 pixels or "
                    f"more, and at most `max_pixels` ({self.max_pixels}) in "
                    f"all. Received: warmup_sizes={self.warmup_sizes}"
                )
