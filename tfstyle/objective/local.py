"""Comparisons of what is near in a picture: they add up over strips of it.

So a picture that is too large for the device is compared strip by strip.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tfstyle import losses
from tfstyle.objective.term import Maps
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape, Tensor

STRUCTURE_SCALES = (4, 16)
"""Side lengths of the squares that the loss of structure averages (Li 2017)."""
REACH = 64
"""Rows below a strip that `Local.part` needs: two squares of structure, or the
largest of evenness."""
_STRIP = 512  # Rows that are looked at together; a multiple of `REACH`.


def evenness_scales(shape: Shape) -> tuple[int, ...]:
    """Returns the sides of the squares whose evenness is compared, in pixels.

    Squares grow with the picture, as strokes do, up to what a strip can hold.

    >>> evenness_scales((512, 400)), evenness_scales((64, 24))
    ((8, 32), (4,))

    Args:
        shape: Height and width of the picture, both at least 8.
    """
    longer = max(shape)
    factor = 1 if longer < 512 else 2 if longer < 1024 else 4
    factor = min(factor, min(shape) // 8)  # At least two squares on each side.
    sides = (4 * factor, 16 * factor)
    return tuple(side for side in sides if 2 * side <= min(shape))


class Strip(NamedTuple):
    """Rows of a picture that are looked at together.

    Attributes:
        start: First row.
        stop: First row after the last.
    """

    start: int
    stop: int

    @property
    def seen(self) -> slice:
        """The rows, and those below that belong to their neighbors."""
        return slice(self.start, self.stop + REACH)


def strips(height: int) -> Iterator[Strip]:
    """Cuts the rows of a picture into strips.

    If there are several, the last has more than `REACH` rows.
    """
    starts = range(0, max(height - REACH, 1), _STRIP)
    for start, stop in zip(starts, [*starts[1:], height], strict=True):
        yield Strip(start, stop)


def squares(image: np.ndarray, scale: int) -> Tensor:
    """Returns the squares of an image, see `losses.squares`, strip by strip."""
    found = []
    for strip in strips(image.shape[0]):
        block = ops.convert_to_tensor(image[None, strip.start : strip.stop])
        found.append(losses.squares(block, scale))
        scratch.release(image)
    return ops.concatenate(found, 1)


@dataclasses.dataclass(frozen=True)
class Local:
    """Compares what is near in the picture, so that strips add up."""

    def __call__(self, image: Tensor, maps: Maps, target: Any) -> Tensor:
        """Returns the loss."""
        raise NotImplementedError

    def cut(self, target: Any, strip: Strip) -> Any:
        """Returns the part of a target that `part` needs."""
        return target

    def part(
        self, block: Tensor, rows: Tensor | int, target: Any, shape: Shape
    ) -> Tensor:
        """Returns what a strip adds to the loss.

        Args:
            block: What is seen of the strip, see `Strip.seen`.
            rows: Number of its rows.
            target: Part of the target, from `cut`.
            shape: Height and width of the picture.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Variation(Local):
    """Compares neighboring pixels; has no target."""

    chroma: bool

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        """Returns the loss."""
        if self.chroma:
            return losses.chroma_variation_loss(image)
        return losses.total_variation_loss(image)

    def part(
        self, block: Tensor, rows: Tensor | int, target: tuple, shape: Shape
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.variation_part(block, rows, shape[0], self.chroma)


@dataclasses.dataclass(frozen=True)
class Evenness(Local):
    """Compares squares where the photograph is even.

    The target is the photograph's `losses.Evenness` by scale.

    Attributes:
        scales: The scales: steps with others are compiled apart.
    """

    scales: tuple[int, ...]

    def __call__(
        self, image: Tensor, maps: Maps, target: Mapping[int, losses.Evenness]
    ) -> Tensor:
        """Returns the loss."""
        return losses.evenness_loss(image, target)

    def cut(
        self, target: Mapping[int, losses.Evenness], strip: Strip
    ) -> dict[int, losses.Evenness]:
        """Returns the evenness below and beside the squares of a strip."""
        found = {}
        for scale, (down, across) in target.items():
            rows = np.s_[:, strip.start // scale : strip.stop // scale]
            found[scale] = losses.Evenness(down[rows], across[rows])
        return found

    def part(
        self,
        block: Tensor,
        rows: Tensor | int,
        target: Mapping[int, losses.Evenness],
        shape: Shape,
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.evenness_part(block, target, shape)


@dataclasses.dataclass(frozen=True)
class Structure(Local):
    """Compares edges with those of the photograph.

    The target is the photograph's `losses.laplacian` by scale.
    """

    def __call__(
        self, image: Tensor, maps: Maps, target: Mapping[int, Tensor]
    ) -> Tensor:
        """Returns the loss."""
        return losses.structure_loss(image, target)

    def cut(
        self, target: Mapping[int, Tensor], strip: Strip
    ) -> dict[int, Tensor]:
        """Returns the edges of a strip."""
        return {
            scale: edges[:, strip.start // scale : strip.stop // scale]
            for scale, edges in target.items()
        }

    def part(
        self,
        block: Tensor,
        rows: Tensor | int,
        target: Mapping[int, Tensor],
        shape: Shape,
    ) -> Tensor:
        """Returns what a strip adds to the loss."""
        return losses.structure_part(block, target, shape)
