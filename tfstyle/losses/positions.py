"""Sums over the positions of feature maps, of which statistics are made.

Feature vectors are a matrix `(batch, positions, channels)`, from `flatten`;
weights of the positions are those of regions, see `losses`.
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfstyle.runtime.types import Tensor


def float32(x: Tensor) -> Tensor:
    """Casts features to the precision of statistics."""
    return ops.cast(x, "float32")


def flatten(features: Tensor) -> tuple[Tensor, Any]:
    """Returns the feature vectors of a map in float32, and their number.

    The number is a float32 tensor where the size is not known.
    """
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(float32(features), (batch, height * width, channels))
    return flat, (
        height * width
        if isinstance(height * width, int)
        else ops.cast(height * width, "float32")
    )


def mean_vector(flat: Tensor, positions: Any, weights: Tensor | None) -> Tensor:
    """Returns the mean vector of all positions.

    As a matrix product: `ops.mean` adds vectors one by one in float32, which
    for a million of them is a hundred times less exact, and slower.
    """
    row = ops.ones_like(flat[:1, :, :1]) if weights is None else weights
    return ops.matmul(ops.swapaxes(row, 1, 2), flat)[:, 0] / positions


def products(flat: Tensor, positions: Any, weights: Tensor | None) -> Tensor:
    """Returns the mean outer product of the vectors at all positions."""
    return _mean_products(_weighted(flat, weights), flat, positions)


def half_constant_products(
    flat: Tensor, positions: Any, weights: Tensor | None
) -> Tensor:
    """Computes `products` with one of the two vectors as a constant.

    The derivative by the features is half of that of `products`, at half the
    cost: slopes in `with_slopes` by these products must be doubled.
    """
    return _mean_products(
        ops.stop_gradient(_weighted(flat, weights)), flat, positions
    )


def _mean_products(left: Tensor, right: Tensor, positions: Any) -> Tensor:
    return ops.matmul(ops.swapaxes(left, 1, 2), right) / positions


def _weighted(flat: Tensor, weights: Tensor | None) -> Tensor:
    return flat if weights is None else weights * flat


def with_slopes(
    value: Tensor, slopes: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """Gives a loss a known derivative; nothing is differentiated through it.

    A function that is linear in the statistics, with these slopes, is added
    and subtracted again. TensorFlow would never free the graph of a custom
    gradient.

    Args:
        value: Losses, `(batch,)`.
        slopes: Statistics, each with the derivative of the value by it, of the
            same shape; twice the derivative for `half_constant_products`.
    """
    linear = sum(
        ops.sum(ops.stop_gradient(slope) * x, axis=tuple(range(1, x.ndim)))
        for x, slope in slopes
    )
    return ops.stop_gradient(value) + (linear - ops.stop_gradient(linear))
