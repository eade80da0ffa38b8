"""The photograph in the colors of its styles: where a picture's colors belong.

Statistics of a style say how much there is of each color, not where. Bright
parts of the photograph should stay brighter than dark ones, and what has one
color should keep one.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfstyle import losses
from tfstyle.controls import color
from tfstyle.controls.regions import Region, resize
from tfstyle.objective.local import STRIP, Local, Strip, squares
from tfstyle.objective.settings import ObjectiveConfig
from tfstyle.objective.term import Maps, Term
from tfstyle.runtime.types import Shape, Tensor

_SQUARES = 6  # Least number of squares on the longer side.
_PIXELS = 128  # Least number of pixels there of what is recolored.
_COLORS = 2**14  # Number of a style's pixels that stand for its colors.
_LEAST = 1e-3  # Least variance of a target, of colors in [0, 1].


def layout_term(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    parts: Sequence[Region],
    config: ObjectiveConfig,
    share: float,
    gain: float,
) -> Term:
    """Makes the term of layout, relative to the variance of its target.

    Args:
        photo: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images.
        parts: Regions of the photograph and of the styles.
        config: Settings: weight, and how styles are blended.
        share: Share of the styles in the target, from 0 to 1.
        gain: Factor of the weight.
    """
    scale, reduced = _scales(photo.shape[:2])
    small = np.asarray(squares(photo, reduced)[0])
    random = np.random.default_rng(0)
    target = recolored(small, styles, parts, config, share, random)
    _, covariance = color.moments(target)
    variance = max(float(np.trace(covariance)), _LEAST)
    wanted = losses.squares(target[None], scale // reduced)
    weight = config.layout_weight * gain / variance
    return Term(weight, Layout(scale), wanted)


def _scales(shape: Shape) -> tuple[int, int]:
    """Returns sides of squares in pixels: compared ones, and recolored ones."""
    longer = max(shape)
    scale = min(_power(longer // _SQUARES), _power(min(shape)), STRIP)
    return scale, min(_power(longer // _PIXELS), scale)


def _power(number: int) -> int:
    """Returns the largest power of two up to a number, at least 1."""
    return 1 << max(number, 1).bit_length() - 1


def recolored(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    parts: Sequence[Region],
    config: ObjectiveConfig,
    share: float,
    random: np.random.Generator,
) -> np.ndarray:
    """Returns the photograph, each region in the colors of its styles.

    Args:
        photo: Photograph, `(height, width, 3)`, in [0, 1].
        styles: Style images.
        parts: Regions of the photograph and of the styles.
        config: Settings: how styles are blended.
        share: How far colors move on the way to those of the styles, 0 to 1.
        random: Draws the pixels that stand for the colors of a style.

    Returns:
        Float32 array of the shape of `photo`, in [0, 1].
    """
    picture = photo.copy()
    for part in parts:
        inside = _inside(part.mask, photo)
        wanted = _colors(styles, part, config, random)
        matched = color.match_histogram(photo[inside][None], wanted[None])[0]
        picture[inside] += share * (matched - photo[inside])
    return np.clip(picture, 0, 1)


def _inside(mask: np.ndarray | None, image: np.ndarray) -> np.ndarray:
    """Returns which pixels of an image belong to a region, bool."""
    fitted = resize(mask, *image.shape[:2])
    return fitted >= fitted.max() / 2


def _colors(
    styles: Sequence[np.ndarray],
    part: Region,
    config: ObjectiveConfig,
    random: np.random.Generator,
) -> np.ndarray:
    """Draws colors of the styles of a region, `(number, 3)`, by their shares.

    Colors belong to what is fine, see `style_detail`.
    """
    shares = config.shares(len(part.sources), fine=True)
    drawn = [
        random.choice(styles[i][_inside(mask, styles[i])], round(n * _COLORS))
        for (i, mask), n in zip(part.sources.items(), shares, strict=True)
    ]
    return np.concatenate(drawn)


@dataclasses.dataclass(frozen=True)
class Layout(Local):
    """Compares the mean colors of squares with a target.

    Attributes:
        scale: Side of the squares in pixels.
    """

    scale: int

    def __call__(self, image: Tensor, maps: Maps, target: Tensor) -> Tensor:
        """Returns the loss."""
        return losses.layout_loss(image, target, self.scale)

    def cut(self, target: Tensor, strip: Strip) -> Tensor:
        """Returns the squares of a strip."""
        first, last = strip.start // self.scale, strip.stop // self.scale
        return target[:, first:last]

    def part(
        self,
        block: Tensor,
        rows: Tensor | int,
        target: Tensor,
        shape: Shape,
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.layout_part(block, target, self.scale, shape)
