"""Gram matrices of feature maps, and the style loss between them."""

from keras import ops

from tfstyle.losses.positions import (
    flatten,
    half_constant_products,
    products,
    with_slopes,
)
from tfstyle.runtime.types import Tensor


def gram_matrix(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Returns the Gram matrix of a feature map: correlations of its channels.

    The sum over positions is divided by their number, `height * width`, so
    that images of different sizes can be compared. Gatys et al. divide only
    once, in the loss, so their `beta` is not our `style_weight`.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        weights: Weights of the positions, for a region; see `losses`.

    Returns:
        Matrices, `(batch, channels, channels)`, float32, symmetric and
        positive semidefinite.

    Examples:
        >>> x = ops.ones((1, 2, 3, 4))
        >>> ops.convert_to_numpy(gram_matrix(x))[0, 0].tolist()
        [1.0, 1.0, 1.0, 1.0]

    Reference:
        Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional
        Neural Networks", CVPR 2016, eq. 3.
    """
    flat, positions = flatten(features)
    return products(flat, positions, weights)


def style_loss(
    features: Tensor, target: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Returns the mean squared difference to the Gram matrix of the style.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        target: Gram matrix of the style, `(batch, channels, channels)`.
        weights: Weights of the positions, for a region; see `losses`.

    Returns:
        Shape `(batch,)`, float32.
    """
    gram = half_constant_products(*flatten(features), weights)
    value, slope = style_slope(gram, target)
    return with_slopes(value, [(gram, 2 * slope)])


def style_slope(gram: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Returns `style_loss` from a Gram matrix, and its derivative by it.

    Args:
        gram: Gram matrix, `(batch, channels, channels)`, from `gram_matrix`.
        target: Gram matrix of the style, of the same shape.

    Returns:
        Losses `(batch,)`, and derivatives of the shape of `gram`; float32.
    """
    gap = gram - target
    value = ops.mean(ops.square(gap), axis=(1, 2))
    return value, 2 * gap / gap.shape[-1] ** 2
