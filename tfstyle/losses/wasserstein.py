"""Distance between normal distributions of feature vectors."""

from typing import NamedTuple

import keras
from keras import ops

from tfstyle.losses.positions import (
    flatten,
    float32,
    half_constant_products,
    mean_vector,
    products,
    with_slopes,
)
from tfstyle.runtime.types import Tensor

# Channels up to which float64 takes no longer than float32.
_NARROW = 128
_TINY = 1e-12  # Keeps 0 / 0 out of the derivative for a constant style.


class Gaussian(NamedTuple):
    """Normal distribution of a style's feature vectors at a layer.

    Attributes:
        mean: Mean, `(batch, channels)`.
        root: Symmetric square root of the covariance, `(batch, channels,
            channels)`.
        trace: Trace of the covariance, `(batch,)`.
    """

    mean: Tensor
    root: Tensor
    trace: Tensor


def mean_covariance(
    features: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Returns the mean and covariance of the feature vectors of a map.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        weights: Weights of the positions, for a region; see `losses`.

    Returns:
        Mean `(batch, channels)` and covariance (divided by the number of
        positions) `(batch, channels, channels)`, float32.
    """
    flat, positions = flatten(features)
    mean = mean_vector(flat, positions, weights)
    return mean, products(flat - mean[:, None], positions, weights)


def gaussian(mean: Tensor, covariance: Tensor) -> Gaussian:
    """Makes the target of `wasserstein_loss` from the style's statistics.

    Args:
        mean: Mean of the style, `(batch, channels)`, from `mean_covariance`.
        covariance: Covariance of the style, `(batch, channels, channels)`.
    """
    values, vectors = ops.linalg.eigh(_exact(covariance))
    # Rounding gives values below 0 where the features hardly vary.
    values = ops.maximum(values, 0.0)
    roots = vectors * ops.sqrt(values)[:, None]
    root = ops.matmul(roots, ops.swapaxes(vectors, 1, 2))
    return Gaussian(_exact(mean), root, ops.sum(values, axis=1))


def wasserstein_loss(
    features: Tensor,
    target: Gaussian,
    epsilon: float = 1e-3,
    weights: Tensor | None = None,
) -> Tensor:
    """Returns the squared Wasserstein-2 distance to a Gaussian, per channel.

    With S the covariance of the features and R the root of the target's, the
    distance is `|m - m'|^2 + tr(S + R^2 - 2 (R S R)^(1/2))`; the loss is this
    divided by the number of channels. Its derivative by S is `1 - R (R S
    R)^(-1/2) R`, from the same eigenvectors as the value: nothing is
    differentiated through a matrix root.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        target: Distribution of the style, from `gaussian`.
        epsilon: Bound of the derivative, which is otherwise unbounded where
            the features lack a direction that the style has: in divisions,
            eigenvalues of `R S R` count for at least `epsilon^2` times the
            square of the target's mean variance. With less than 1e-3 the
            derivative of networks with dead channels is that of rounding
            errors.
        weights: Weights of the positions, for a region; see `losses`.

    Returns:
        Shape `(batch,)`, float32.

    Reference:
        Olkin and Pukelsheim, "The distance between two random vectors with
        given dispersion matrices", 1982. In style transfer: Vacher et al.
        2020.
    """
    flat, positions = flatten(features)
    mean = mean_vector(flat, positions, weights)
    flat = flat - ops.stop_gradient(mean)[:, None]  # PyTorch's is a view.
    covariance = half_constant_products(flat, positions, weights)
    value, by_mean, by_covariance = wasserstein_slopes(
        mean, ops.stop_gradient(covariance), target, epsilon
    )
    return with_slopes(
        value, [(covariance, 2 * by_covariance), (mean, by_mean)]
    )


def wasserstein_slopes(
    mean: Tensor, covariance: Tensor, target: Gaussian, epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns `wasserstein_loss` from statistics, and its derivatives by them.

    Args:
        mean: Mean, `(batch, channels)`, from `mean_covariance`.
        covariance: Covariance, `(batch, channels, channels)`.
        target: Distribution of the style, from `gaussian`.
        epsilon: Bound of the derivative, see `wasserstein_loss`.

    Returns:
        Losses `(batch,)`, and derivatives of the shapes of `mean` and
        `covariance`; float32.
    """
    channels = covariance.shape[-1]
    mean, covariance = _exact(mean), _exact(covariance)
    moved = target.root @ covariance @ target.root
    values, vectors = ops.linalg.eigh(moved)
    least = epsilon * target.trace[:, None] / channels + _TINY
    roots = ops.sqrt(ops.maximum(values, 0.0))
    transport = target.root @ vectors
    plan = ops.matmul(
        transport / ops.maximum(roots, least)[:, None],
        ops.swapaxes(transport, 1, 2),
    )
    trace = ops.trace(covariance, axis1=1, axis2=2)
    spread = trace + target.trace - 2 * ops.sum(roots, axis=1)
    gap = mean - target.mean
    # Rounding may make the distance slightly negative.
    value = (ops.sum(ops.square(gap), axis=1) + spread) / channels
    by_covariance = (ops.eye(channels, dtype=plan.dtype) - plan) / channels
    return float32(value), float32(2 * gap / channels), float32(by_covariance)


def _exact(x: Tensor) -> Tensor:
    """Converts to the type in which matrix roots are taken.

    In float32 they are noise where the style hardly varies, as it does in some
    directions of first layers. JAX has no float64 unless it is told to.
    """
    narrow = x.shape[-1] <= _NARROW and keras.backend.backend() != "jax"
    return ops.cast(x, "float64" if narrow else "float32")
