"""The photograph in the colors of its styles: where a picture's colors belong.

Statistics of a style say how much there is of each color, not where. Bright
parts of the photograph should stay brighter than dark ones, and what has one
color should keep one.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from keras import ops

from tfstyle import images, losses
from tfstyle.controls import color
from tfstyle.controls.regions import Region, resize
from tfstyle.objective.local import Local, Strip
from tfstyle.objective.settings import ObjectiveConfig
from tfstyle.objective.term import Maps, Term
from tfstyle.runtime.types import Shape, Tensor

_SQUARES = 6  # Squares on the longer side, at least if they have their size.
_LARGEST = 256  # Longest side of a square, in pixels; divides a strip.
_PIXELS = 128  # Pixels on the longer side of what is recolored, at least.
_COLORS = 2**14  # Number of a style's pixels that stand for its colors.
_LEAST = 1e-3  # Least variance of colors in [0, 1].
_TINY = 1e-6  # Least sum of masks.


def layout_term(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    parts: Sequence[Region],
    config: ObjectiveConfig,
    share: float,
    gain: float,
) -> Term:
    """Makes the term of layout, relative to the variance of its colors.

    Args:
        photo: Photograph at the size that is painted, `(height, width, 3)`.
        styles: Style images.
        parts: Regions of the photograph and of the styles.
        config: Settings: weight, and how styles are blended.
        share: Share of the styles in the target, from 0 to 1.
        gain: Factor of the weight.
    """
    shape = photo.shape[:2]
    scale, reduced = _scales(shape)
    small = images.resize(photo, *(-(-side // reduced) for side in shape))
    random = np.random.default_rng(0)
    target = recolored(small, styles, parts, config, share, random)
    _, covariance = color.moments(target)
    variance = max(float(np.trace(covariance)), _LEAST)
    means = _means(target, scale // reduced) * _filled(shape, scale)
    weight = config.layout_weight * gain / variance
    return Term(weight, Layout(scale), ops.convert_to_tensor(means[None]))


def _scales(shape: Shape) -> tuple[int, int]:
    """Returns sides of squares in pixels: compared ones, and recolored ones."""
    longer = max(shape)
    scale = min(_power(longer // _SQUARES), _power(min(shape)), _LARGEST)
    return scale, min(_power(longer // _PIXELS), scale)


def _means(image: np.ndarray, scale: int) -> np.ndarray:
    """Returns the mean colors of squares, of what of them is in the image."""
    height, width = image.shape[:2]
    down = np.add.reduceat(image, range(0, height, scale), axis=0)
    sums = np.add.reduceat(down, range(0, width, scale), axis=1)
    return sums / scale**2 / _filled((height, width), scale)


def _filled(shape: Shape, scale: int) -> np.ndarray:
    """Returns the share of each square that is in an image, `(..., ..., 1)`."""
    rows, columns = (
        np.minimum(side - np.arange(0, side, scale), scale) / scale
        for side in shape
    )
    return np.outer(rows, columns)[..., None].astype(np.float32)


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
    moves, total = np.zeros_like(photo), np.zeros((*photo.shape[:2], 1))
    for part in parts:
        mask = resize(part.mask, *photo.shape[:2])
        inside = _inside(mask)
        wanted = _colors(styles, part, config, random)
        matched = color.match_histogram(photo[inside][None], wanted[None])[0]
        weights = mask[inside][:, None]
        moves[inside] += weights * (matched - photo[inside])
        total[inside] += weights
    picture = photo + share * moves / np.maximum(total, _TINY)
    return np.clip(picture, 0, 1).astype(np.float32)


def _inside(mask: np.ndarray) -> np.ndarray:
    """Returns which pixels belong to a region, bool."""
    return mask >= mask.max() / 2


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
    drawn = []
    for (i, mask), share in zip(part.sources.items(), shares, strict=True):
        pixels = styles[i].reshape(-1, 3)
        places: np.ndarray | int = len(pixels)
        if mask is not None:
            places = np.flatnonzero(_inside(resize(mask, *styles[i].shape[:2])))
        drawn.append(pixels[random.choice(places, round(share * _COLORS))])
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
        first, last = strip.start // self.scale, -(-strip.stop // self.scale)
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
