"""Settings for exporting a model to a server."""

import dataclasses

from tfstyle.runtime import settings
from tfstyle.runtime.settings import setting

IMAGE_FORMATS = ("jpeg", "png")
LARGEST_VERSION = 2**63 - 1  # Servers ignore folders of larger numbers.
_FEWEST = 64 * 64  # Above the pixels of the pictures of `known_answers`.
_MOST = 2**63 - 1  # The graph compares numbers of type int64.


def _check_quality(name: str, value: int) -> None:
    if not 1 <= value <= 100:
        raise ValueError(
            f"`{name}` must be from 1 to 100. Received: {name}={value}"
        )


def _check_max_pixels(name: str, value: int) -> None:
    if value < _FEWEST:
        raise ValueError(
            f"`{name}` must be {_FEWEST} or more, for the pictures that an "
            f"export is tested with. Received: {name}={value}"
        )
    if value > _MOST:
        raise ValueError(
            f"`{name}` must be at most {_MOST}. Received: {name}={value}"
        )


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `saved_model.export`.

    `help(ExportConfig)` describes each field.
    """

    image_format: str = setting(
        "jpeg",
        "Format of images that are returned as bytes: jpeg or png.",
        choices=IMAGE_FORMATS,
    )
    quality: int = setting(
        95, "Quality of JPEG, from 1 to 100.", check=_check_quality
    )
    max_pixels: int = setting(
        2048 * 2048,
        "Largest number of pixels of an image; larger ones are refused before "
        "they are decoded. A request needs about 350 bytes of memory for each "
        "pixel.",
        check=_check_max_pixels,
    )
    warmup_sizes: tuple[int, ...] = setting(
        (256, 512),
        "Sides, in pixels, of the square pictures that warm up each signature "
        "before a server makes the version available.",
    )

    def __post_init__(self) -> None:
        settings.check(self)
        for size in self.warmup_sizes:
            if not 16 <= size <= self.max_pixels**0.5:
                raise ValueError(
                    "`warmup_sizes` must be 16 or more, with squares of at "
                    f"most `max_pixels` ({self.max_pixels}). "
                    f"Received: warmup_sizes={self.warmup_sizes}"
                )
