"""Losses that keep the photograph: feature maps, edges, places of colors."""

from collections.abc import Mapping

from keras import ops

from tfstyle.losses.positions import float32
from tfstyle.losses.variation import squares
from tfstyle.runtime.types import Shape, Tensor


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Returns the mean squared difference between two feature maps.

    Gatys et al. take half the sum; the mean does not depend on the size.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        target: Feature map of the content, of the shape of `features`.

    Returns:
        Shape `(batch,)`, float32.
    """
    difference = float32(features) - float32(target)
    return ops.mean(ops.square(difference), axis=(1, 2, 3))


def laplacian(image: Tensor, scale: int) -> Tensor:
    """Returns the Laplacian of an image that is averaged over squares.

    Args:
        image: Image, `(batch, height, width, channels)`, both sides at least
            `3 * scale`.
        scale: Side of the squares in pixels: 1 for the finest edges.

    Returns:
        Array `(batch, height // scale - 2, width // scale - 2, channels)`:
        the sum of the four neighbors less four times the pixel. The paper
        sums over the colors; here they stay separate.
    """
    small = squares(image, scale)
    across = small[:, 1:-1, :-2] + small[:, 1:-1, 2:]
    down = small[:, :-2, 1:-1] + small[:, 2:, 1:-1]
    return across + down - 4 * small[:, 1:-1, 1:-1]


def structure_loss(image: Tensor, targets: Mapping[int, Tensor]) -> Tensor:
    """Returns the mean squared difference to the photograph's Laplacians.

    Args:
        image: Image, `(batch, height, width, channels)`.
        targets: Laplacians of the photograph, from `laplacian`, by scale.

    Returns:
        Shape `(batch,)`, float32: the mean over the scales.

    Reference:
        Li et al., "Laplacian-Steered Neural Style Transfer", 2017, eq. 4;
        scales 4 and 16 there.
    """
    gaps = [
        content_loss(laplacian(image, scale), target)
        for scale, target in targets.items()
    ]
    return sum(gaps) / len(gaps)


def structure_part(
    block: Tensor, targets: Mapping[int, Tensor], shape: Shape
) -> Tensor:
    """Returns what some rows add to the structure loss of their image.

    Args:
        block: Rows of an image, of its whole width, from a multiple of all
            scales on; those of the next two squares, if any, must come next.
        targets: Laplacians of the photograph from the rows that are counted
            on, by scale.
        shape: Height and width of the image.

    Returns:
        Shape `(batch,)`, float32. The parts of all rows of an image add up to
        its `structure_loss`.
    """
    total = 0.0
    for scale, target in targets.items():
        rows, columns = (side // scale - 2 for side in shape)
        found = laplacian(block, scale)[:, : ops.shape(target)[1]]
        gaps = ops.mean(ops.square(found - target), axis=-1)
        total += ops.sum(gaps, axis=(1, 2)) / (rows * columns)
    return total / len(targets)


def layout_loss(image: Tensor, target: Tensor, scale: int) -> Tensor:
    """Returns the mean squared distance of the colors of squares to a target.

    Squares that reach beyond the right or lower edge are filled with black in
    both, so they count less.

    Args:
        image: Image, `(batch, height, width, channels)`.
        target: Mean colors of all squares, `(batch or 1, height / scale, width
            / scale, channels)`, sides rounded up.
        scale: Side of the squares in pixels.

    Returns:
        Shape `(batch,)`, float32: distances are summed over the channels; the
        mean over the squares. Our own.
    """
    return layout_part(image, target, scale, ops.shape(image)[1:3])


def layout_part(
    block: Tensor, target: Tensor, scale: int, shape: Shape
) -> Tensor:
    """Returns what some rows add to the layout loss of their image.

    Args:
        block: Rows of an image, of its whole width, from a multiple of the
            side of squares on; the next may follow.
        target: Mean colors of the squares in the rows that are counted.
        scale: Side of the squares in pixels.
        shape: Height and width of the image.

    Returns:
        Shape `(batch,)`, float32. The parts of all rows of an image add up to
        its `layout_loss`.
    """
    rows, columns = ops.shape(target)[1], -(-shape[1] // scale)
    below, beside = scale - 1, columns * scale - shape[1]
    filled = ops.pad(float32(block), ((0, 0), (0, below), (0, beside), (0, 0)))
    found = squares(filled, scale)[:, :rows]
    gaps = ops.sum(ops.square(found - target), axis=(1, 2, 3))
    count = -(-shape[0] // scale) * columns
    return gaps / ops.cast(count, "float32")
