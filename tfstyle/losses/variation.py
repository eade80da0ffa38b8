"""Variation: how much neighboring pixels, or squares of them, differ."""

from collections.abc import Mapping
from typing import NamedTuple

from keras import ops

from tfstyle.losses.positions import float32
from tfstyle.runtime.types import Shape, Tensor


def total_variation_loss(image: Tensor) -> Tensor:
    """Returns the mean squared difference between neighboring pixels.

    Args:
        image: Image, `(batch, height, width, channels)`, both sides at least
            2 pixels.

    Returns:
        Shape `(batch,)`, float32: the sum of the means down and across.

    Reference:
        Mahendran and Vedaldi, "Understanding Deep Image Representations by
        Inverting Them", CVPR 2015, who sum `(dx^2 + dy^2)^(beta / 2)`;
        beta is 2 here.
    """
    down, across = _squared_differences(image)
    return down + across


def chroma_variation_loss(image: Tensor) -> Tensor:
    """Returns the part of the total variation that is in the colors alone.

    A picture varies as much as its gray picture, the mean of red, green and
    blue, plus as much as the rest, its chroma: the loss is that rest.

    Args:
        image: RGB image, `(batch, height, width, 3)`, both sides at least 2
            pixels.

    Returns:
        Shape `(batch,)`, float32: the sum of the means down and across. For a
        gray picture 0 but for rounding, which may be negative.
    """
    return total_variation_loss(image) - total_variation_loss(_gray(image))


def squares(image: Tensor, scale: int) -> Tensor:
    """Returns the mean colors of the squares of an image.

    Rows and columns that do not fill a square are left out.

    Args:
        image: Image, `(batch, height, width, channels)`.
        scale: Side of the squares in pixels.

    Returns:
        Shape `(batch, height // scale, width // scale, channels)`, float32.
    """
    batch, height, width, channels = ops.shape(image)
    rows, columns = height // scale, width // scale
    filled = (batch, rows * scale, columns * scale, channels)
    image = ops.slice(float32(image), (0, 0, 0, 0), filled)
    # Not by pooling: its gradients take up to fifty times as long with XLA.
    length = columns * scale * channels
    lines = ops.reshape(image, (batch, rows, scale, length))
    lines = ops.mean(lines, axis=2)
    pixels = ops.reshape(lines, (batch, rows, columns, scale, channels))
    return ops.mean(pixels, axis=3)


class Evenness(NamedTuple):
    """How even an image is between neighboring squares, 0 to 1.

    Attributes:
        down: Shape `(batch, rows - 1, columns, 1)`.
        across: Shape `(batch, rows, columns - 1, 1)`.
    """

    down: Tensor
    across: Tensor


_EVEN = 0.05  # Difference of colors in [0, 1] at which evenness is 1 / e.


def evenness(image: Tensor, scale: int) -> Evenness:
    """Returns how even an image is between its squares.

    It is `exp(-(d / 0.05)^2)`, where d is the distance of the mean colors of
    two squares.

    Args:
        image: Image, `(batch, height, width, channels)`, in [0, 1], both sides
            at least `2 * scale`.
        scale: Side of the squares in pixels.
    """
    gaps = _distances(image, scale)
    return Evenness(*(ops.exp(-gap / _EVEN**2) for gap in gaps))


def evenness_loss(image: Tensor, targets: Mapping[int, Evenness]) -> Tensor:
    """Returns how much squares of an image differ where another is even.

    Strokes smaller than the squares are free, and so are edges of the other
    image; what counts are blocks of color that it has no reason for.

    Args:
        image: Image, `(batch, height, width, channels)`.
        targets: Evenness of the photograph, from `evenness`, by scale.

    Returns:
        Shape `(batch,)`, float32: squared distances of neighboring squares,
        weighted by the evenness; the mean over squares, added down and across,
        and the mean over the scales. Our own; edge-preserving smoothing weighs
        differences of pixels alike (Farbman et al. 2008, eq. 1).
    """
    total = 0.0
    for scale, target in targets.items():
        gaps = _distances(image, scale)
        for gap, even in zip(gaps, target, strict=True):
            total += ops.mean(even * gap, axis=(1, 2, 3))
    return total / len(targets)


def variation_part(
    block: Tensor, rows: Tensor | int, height: int, chroma: bool = False
) -> Tensor:
    """Returns what some rows add to the variation of the image they are in.

    Args:
        block: Rows of an image, of its whole width, at least two; those that
            follow in the image, if any, must come next.
        rows: Number of the rows that are counted.
        height: Height of the image.
        chroma: Whether to return a part of `chroma_variation_loss` instead of
            `total_variation_loss`.

    Returns:
        Shape `(batch,)`, float32. The parts of all rows of an image add up to
        its loss.
    """
    pairs = ops.minimum(rows, ops.shape(block)[1] - 1)
    below, beside = _first(block, pairs + 1), _first(block, rows)
    down = ops.cast(pairs, "float32") / (height - 1)
    across = ops.cast(rows, "float32") / height
    found = 0.0
    for sign, part in ((1, lambda x: x), (-1, _gray))[: 1 + chroma]:
        found += sign * down * _squared_differences(part(below))[0]
        found += sign * across * _squared_differences(part(beside))[1]
    return found


def evenness_part(
    block: Tensor, targets: Mapping[int, Evenness], shape: Shape
) -> Tensor:
    """Returns what some rows add to the evenness loss of their image.

    Args:
        block: Rows of an image, of its whole width, from a multiple of all
            scales on; those of the next squares, if any, must come next.
        targets: Evenness of the photograph in the rows that are counted, by
            scale.
        shape: Height and width of the image.

    Returns:
        Shape `(batch,)`, float32. The parts of all rows of an image add up to
        its `evenness_loss`.
    """
    total = 0.0
    for scale, target in targets.items():
        rows, columns = shape[0] // scale, shape[1] // scale
        counts = (rows - 1) * columns, rows * (columns - 1)
        gaps = _distances(block, scale)
        for gap, even, count in zip(gaps, target, counts, strict=True):
            counted = gap[:, : ops.shape(even)[1]]
            total += ops.sum(even * counted, axis=(1, 2, 3)) / count
    return total / len(targets)


def _distances(image: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Returns squared distances of neighboring squares, down and across."""
    small = squares(image, scale)
    gaps = small[:, 1:] - small[:, :-1], small[:, :, 1:] - small[:, :, :-1]
    down, across = (ops.sum(ops.square(gap), -1, keepdims=True) for gap in gaps)
    return down, across


def _first(image: Tensor, rows: Tensor | int) -> Tensor:
    """Returns the first rows; gradients by `image[:, :rows]` take longer."""
    batch, _, width, channels = ops.shape(image)
    shape = (batch, rows, width, channels)
    return ops.slice(image, (0, 0, 0, 0), shape)


def _gray(image: Tensor) -> Tensor:
    return ops.mean(float32(image), axis=-1, keepdims=True)


def _squared_differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean squared differences of neighbors, down and across."""
    batch, height, width, channels = ops.shape(image)
    # Channels join the rows: differences of long rows are faster.
    rows = ops.reshape(float32(image), (batch, height, width * channels))
    found = []
    for axis, step in ((1, 1), (2, channels)):
        shape = list(ops.shape(rows))
        shape[axis] -= step
        start = [0, 0, 0]
        start[axis] = step
        gap = ops.slice(rows, start, shape) - ops.slice(rows, (0, 0, 0), shape)
        found.append(ops.mean(ops.square(gap), axis=(1, 2)))
    return found[0], found[1]
