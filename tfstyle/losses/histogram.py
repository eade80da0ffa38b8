"""Exact histograms of channels, and the loss between them."""

from keras import ops

from tfstyle.losses.positions import flatten
from tfstyle.runtime.types import Tensor


def quantiles(features: Tensor, count: int) -> Tensor:
    """Returns the histogram of each channel as `count` ascending values.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        count: Number of values: of positions of the image to compare.

    Returns:
        Values, `(batch, count, channels)`, float32.

    Examples:
        >>> x = ops.reshape(ops.array([3.0, 1.0]), (1, 2, 1, 1))
        >>> ops.convert_to_numpy(quantiles(x, 3))[0, :, 0].tolist()
        [1.0, 2.0, 3.0]
    """
    flat, positions = flatten(features)
    ordered = ops.sort(flat, axis=1)
    place = (ops.arange(count, dtype="float32") + 0.5) / count
    place = ops.clip(place * positions - 0.5, 0, positions - 1)
    lower = ops.floor(place)
    upper = ops.minimum(lower + 1, positions - 1)
    below = ops.take(ordered, ops.cast(lower, "int32"), axis=1)
    above = ops.take(ordered, ops.cast(upper, "int32"), axis=1)
    return below + (above - below) * (place - lower)[:, None]


def histogram_loss(features: Tensor, target: Tensor) -> Tensor:
    """Returns the mean squared difference to the style's channel histograms.

    Sorting compares exact histograms, where the paper uses 255 bins: this is
    the squared Wasserstein-2 distance of each channel's distribution. For an
    image it is a color histogram loss.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        target: Histogram of the style, from `quantiles`: `(batch, height *
            width, channels)`.

    Returns:
        Shape `(batch,)`, float32.
    """
    ordered = ops.sort(flatten(features)[0], axis=1)
    return ops.mean(ops.square(ordered - target), axis=(1, 2))
