"""What is chosen when a model is exported for a server."""

import dataclasses

IMAGE_FORMATS = ("jpeg", "png")
_FEWEST = 64 * 64  # More than `known_answers.records` has.


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `saved_model.export`.

    Attributes:
        image_format: Of the images that are answered as bytes: `"jpeg"` or
            `"png"`.
        quality: Of JPEG, 1 to 100.
        max_pixels: Larger images are refused, before they are decoded: a
            request needs about 350 bytes of memory for each pixel.
        warmup_sizes: Sides of the pictures, in pixels, with which a server
            tries each signature before it calls the version available.
    """

    image_format: str = "jpeg"
    quality: int = 95
    max_pixels: int = 2048 * 2048
    warmup_sizes: tuple[int, ...] = (256, 512)

    def __post_init__(self) -> None:
        if self.image_format not in IMAGE_FORMATS:
            raise ValueError(
                f"`image_format` must be one of {', '.join(IMAGE_FORMATS)}. "
                f"Received: image_format={self.image_format!r}"
            )
        if not 1 <= self.quality <= 100:
            raise ValueError(
                "`quality` must be from 1 to 100. "
                f"Received: quality={self.quality}"
            )
        if self.max_pixels < _FEWEST:
            raise ValueError(
                f"`max_pixels` must be {_FEWEST} or more: the pictures that an "
                "export is tried with are as large. "
                f"Received: max_pixels={self.max_pixels}"
            )
        for size in self.warmup_sizes:
            if not 16 <= size <= self.max_pixels**0.5:
                raise ValueError(
                    "`warmup_sizes` must be sides of pictures of 16 pixels or "
                    f"more, and at most `max_pixels` ({self.max_pixels}) in "
                    f"all. Received: warmup_sizes={self.warmup_sizes}"
                )
