"""Settings that optimization and one-pass models have in common."""

import dataclasses
from collections.abc import Sequence

from tfstyle.runtime import checks, settings
from tfstyle.runtime.settings import setting

COLORS = ("style", "luminance", "statistics", "histogram")
STYLE_DETAILS = ("all", "coarse", "fine")


def _check_mix(name: str, values: Sequence[float]) -> None:
    checks.several(name, values)
    checks.weights(name, values)


def _check_scales(name: str, values: Sequence[float]) -> None:
    checks.several(name, values)
    if not all(0 < scale <= 16 for scale in values):
        raise ValueError(
            f"`{name}` must be above 0 and at most 16. "
            f"Received: {name}={values}"
        )


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class Controls:
    """Settings that optimization and models of any style have in common."""

    strength: float = setting(
        1.0,
        "Strength of the style, from 0 (the photograph) to 1.",
        check=checks.fraction,
    )
    photorealistic: bool = setting(
        False,
        "Takes only light and colors from the style: the surfaces and edges "
        "of the photograph stay.",
        check=checks.truth,
    )
    style_mix: tuple[float, ...] | None = setting(
        None,
        "Share of each style image, such as 0.7,0.3; the shares are divided "
        "by their sum. All are equal if not given.",
        check=_check_mix,
    )
    style_scale: tuple[float, ...] = setting(
        (1.0,),
        "Size at which each style image is seen, relative to the usual size; "
        "above 0, at most 16. One value for all images, or one for each.",
        check=_check_scales,
    )
    style_detail: tuple[str, ...] = setting(
        ("all",),
        "Layers that each style image is used for: fine (strokes: layers with "
        "at least half the resolution of the picture, blocks 1 and 2 of VGG), "
        "coarse (forms: the deeper layers), or all. One value for all images, "
        "or one for each.",
        choices=STYLE_DETAILS,
    )
    color: str = setting(
        "style",
        "Colors of the result: style for those of the style image; luminance "
        "for the photograph's, of which only the lightness is painted; "
        "statistics or histogram to give the style image the colors of the "
        "photograph before it is used.",
        choices=COLORS,
    )

    def __post_init__(self) -> None:
        settings.check(self)

    def scales(self, count: int) -> tuple[float, ...]:
        """Returns `style_scale` for each of `count` style images."""
        return self.style_scale * (count if len(self.style_scale) == 1 else 1)

    def shares(self, count: int, fine: bool) -> list[float]:
        """Returns the share of each style image at a layer; their sum is 1.

        Args:
            count: Number of style images.
            fine: Whether the layer is fine in the sense of `style_detail`.
        """
        mix = self._mix(count, fine)
        return [share / sum(mix) for share in mix]

    def _mix(self, count: int, fine: bool) -> list[float]:
        details = self.style_detail * (
            count if len(self.style_detail) == 1 else 1
        )
        other = "coarse" if fine else "fine"
        mix = self.style_mix or (1.0,) * count
        return [
            share * (detail != other)
            for share, detail in zip(mix, details, strict=True)
        ]

    def check_styles(self, count: int, apart: bool = False) -> None:
        """Raises `ValueError` unless the settings fit the style images.

        Args:
            count: Number of style images.
            apart: Whether each has regions of its own.
        """
        if count < 1:
            raise ValueError(
                f"At least one style image is needed. Received: {count}"
            )
        if self.style_mix is not None and len(self.style_mix) != count:
            raise ValueError(
                f"`style_mix` must have a share for each of the {count} "
                f"style images. Received: style_mix={self.style_mix}"
            )
        if len(self.style_scale) not in (1, count):
            raise ValueError(
                f"`style_scale` must have one value, or one for each of the "
                f"{count} style images. Received: "
                f"style_scale={self.style_scale}"
            )
        if len(self.style_detail) not in (1, count):
            raise ValueError(
                f"`style_detail` must have one value, or one for each of the "
                f"{count} style images. Received: "
                f"style_detail={self.style_detail}"
            )
        if apart and (self.style_mix or tuple(self.style_detail) != ("all",)):
            raise ValueError(
                "`style_mix` and `style_detail` are for styles that are "
                "blended; masks and maps give each a region of its own."
            )
        for fine, name in ((False, "coarse"), (True, "fine")):
            if not any(self._mix(count, fine)):
                raise ValueError(
                    f"No style image is for the {name} layers. Received: "
                    f"style_detail={self.style_detail}, "
                    f"style_mix={self.style_mix}"
                )
