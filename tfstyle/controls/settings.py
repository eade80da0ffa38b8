"""Settings that are chosen alike wherever photographs are painted."""

import dataclasses

from tfstyle.runtime import checks

COLORS = ("style", "luminance", "statistics", "histogram")
STYLE_DETAILS = ("all", "coarse", "fine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Controls:
    """What is chosen alike wherever photographs are painted.

    Attributes:
        strength: Of the style, from 0 for the photograph to 1.
        style_mix: Share of each style image, divided by their sum; `None`
            for equal shares.
        photorealistic: Whether the picture keeps the photograph's surfaces
            and edges, and gets light and colours alone; see `photorealism`.
        style_scale: Size at which each style image is seen, relative to the
            usual; one for all, or one for each. See the classes below.
        color: Whose colours the result has: `"style"`, or the photograph's
            by `"luminance"`, `"statistics"` or `"histogram"`, see `color`.
        style_detail: What each style image is for, one for all or one for
            each: `"fine"` for the layers whose maps have at least half the
            picture's resolution (of VGG those of blocks 1 and 2), `"coarse"`
            for the deeper ones, or `"all"`.
    """

    strength: float = 1.0
    photorealistic: bool = False
    style_mix: tuple[float, ...] | None = None
    style_scale: tuple[float, ...] = (1.0,)
    style_detail: tuple[str, ...] = ("all",)
    color: str = "style"

    def __post_init__(self) -> None:
        checks.several("style_scale", self.style_scale)
        checks.fraction("strength", self.strength)
        checks.choice("color", self.color, COLORS)
        checks.choices("style_detail", self.style_detail, STYLE_DETAILS)
        if self.style_mix is not None:
            checks.several("style_mix", self.style_mix)
            checks.shares("style_mix", self.style_mix)
        if not all(0 < scale <= 16 for scale in self.style_scale):
            raise ValueError(
                "`style_scale` must be above 0 and at most 16. "
                f"Received: style_scale={self.style_scale}"
            )

    def scales(self, count: int) -> tuple[float, ...]:
        """`style_scale` of each of `count` style images."""
        return self.style_scale * (count if len(self.style_scale) == 1 else 1)

    def shares(self, count: int, fine: bool) -> list[float]:
        """Share of each of `count` style images at a layer; their sum is 1.

        Args:
            count: Of the style images.
            fine: Whether the layer is one that `style_detail` calls so.
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
            count: Of the style images.
            apart: Whether each has regions of its own.
        """
        if count < 1:
            raise ValueError("At least one style image is needed.")
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
