"""Losses of images and of feature maps, and the statistics they compare.

Every function is pure, takes channels-last tensors and uses `keras.ops` only,
so it runs on any Keras backend. Losses return one value per example, shape
`(batch,)`; the caller weights and adds them. Statistics are computed in
float32, whatever the precision of the features, and roots of small matrices in
float64.

Statistics of a region (Gatys et al. 2017, section 3.2) are those of all
positions, weighted: the weights have shape `(1 or batch, height * width, 1)`
and mean 1, see `regions.weights`. The paper's guidance channels are their
roots.

| loss                    | compares                  | reference              |
|-------------------------|---------------------------|------------------------|
| `content_loss`          | feature maps              | Gatys 2016, eq. 1      |
| `style_loss`            | Gram matrices             | Gatys 2016, eq. 4      |
| `moments_loss`          | channel means, deviations | Huang 2017, eq. 13     |
| `wasserstein_loss`      | means and covariances     | Olkin, Pukelsheim 1982 |
| `histogram_loss`        | histogram of each channel | Risser 2017, eq. 8     |
| `structure_loss`        | edges                     | Li 2017, eq. 4         |
| `total_variation_loss`  | neighboring pixels        | Mahendran 2015, eq. 4  |
| `chroma_variation_loss` | their colors without gray | our own                |
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

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
    difference = _float32(features) - _float32(target)
    return ops.mean(ops.square(difference), axis=(1, 2, 3))


def gram_matrix(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Returns the Gram matrix of a feature map: correlations of its channels.

    The sum over positions is divided by their number, `height * width`, so
    that images of different sizes can be compared. Gatys et al. divide only
    once, in the loss, so their `beta` is not our `style_weight`.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        weights: Weights of the positions, for a region; see the module.

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
    flat, positions = _flatten(features)
    return _products(flat, positions, weights)


def style_loss(
    features: Tensor, target: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Returns the mean squared difference to the Gram matrix of the style.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        target: Gram matrix of the style, `(batch, channels, channels)`.
        weights: Weights of the positions, for a region; see the module.

    Returns:
        Shape `(batch,)`, float32.
    """
    gram = _half_constant_products(*_flatten(features), weights)
    value, slope = style_slope(gram, target)
    return _with_slopes(value, [(gram, 2 * slope)])


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


def channel_moments(
    features: Tensor, epsilon: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Returns the mean and standard deviation of each channel.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        epsilon: Summand of the variance: the gradient of a square root has no
            limit at 0, where the variance of dead channels is.

    Returns:
        Two tensors of shape `(batch, 1, 1, channels)`, float32.
    """
    # Column by column: on a CPU that takes a third of the time for pixels, and
    # a quarter more for wide maps (docs/decisions/adain.md).
    x = _float32(features)
    means, variances = ops.moments(x, axes=1, keepdims=True)
    mean, between = ops.moments(means, axes=2, keepdims=True)
    variance = between + ops.mean(variances, axis=2, keepdims=True)
    return mean, ops.sqrt(variance + epsilon)


def moments_loss(features: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
    """Returns the squared difference to the style's channel moments.

    The paper sums over the channels; the mean makes layers comparable.

    Args:
        features: Feature map, `(batch, height, width, channels)`.
        target: Mean and deviation of the style, from `channel_moments`.

    Returns:
        Shape `(batch,)`, float32.
    """
    mean, deviation = channel_moments(features)
    gaps = ops.square(mean - target[0]) + ops.square(deviation - target[1])
    return ops.mean(gaps, axis=(1, 2, 3))


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
        weights: Weights of the positions, for a region; see the module.

    Returns:
        Mean `(batch, channels)` and covariance (divided by the number of
        positions) `(batch, channels, channels)`, float32.
    """
    flat, positions = _flatten(features)
    mean = _mean(flat, positions, weights)
    return mean, _products(flat - mean[:, None], positions, weights)


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
        weights: Weights of the positions, for a region; see the module.

    Returns:
        Shape `(batch,)`, float32.

    Reference:
        Olkin and Pukelsheim, "The distance between two random vectors with
        given dispersion matrices", 1982. In style transfer: Vacher et al.
        2020.
    """
    flat, positions = _flatten(features)
    mean = _mean(flat, positions, weights)
    flat -= ops.stop_gradient(mean)[:, None]
    covariance = _half_constant_products(flat, positions, weights)
    value, by_mean, by_covariance = wasserstein_slopes(
        mean, ops.stop_gradient(covariance), target, epsilon
    )
    return _with_slopes(
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
    return (
        _float32(value),
        _float32(2 * gap / channels),
        _float32(by_covariance),
    )


# Channels up to which float64 takes no longer than float32.
_NARROW = 128
_TINY = 1e-12  # Keeps 0 / 0 out of the derivative for a constant style.


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
    flat, positions = _flatten(features)
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
    ordered = ops.sort(_flatten(features)[0], axis=1)
    return ops.mean(ops.square(ordered - target), axis=(1, 2))


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
    small = ops.average_pool(
        _float32(image), scale, scale, data_format="channels_last"
    )
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


def variation_part(block: Tensor, shape: Shape, chroma: bool = False) -> Tensor:
    """Returns what a block adds to the variation of the image it is part of.

    Args:
        block: Block of an image, with one more row below and one more column
            to the right: those that follow in the image, or at its edges the
            last ones again.
        shape: Height and width of the image.
        chroma: Whether to return a part of `chroma_variation_loss` instead of
            `total_variation_loss`.

    Returns:
        Shape `(batch,)`, float32. The parts of blocks that cover an image add
        up to its loss.
    """
    height, width = shape
    rows, columns = (ops.cast(n, "float32") for n in ops.shape(block)[1:3])
    below, beside = block[:, :, :-1], block[:, :-1]
    down = (rows - 1) * (columns - 1) / ((height - 1) * width)
    across = (rows - 1) * (columns - 1) / (height * (width - 1))
    found = 0.0
    for sign, part in ((1, lambda x: x), (-1, _gray))[: 1 + chroma]:
        found += sign * down * _squared_differences(part(below))[0]
        found += sign * across * _squared_differences(part(beside))[1]
    return found


def _gray(image: Tensor) -> Tensor:
    return ops.mean(_float32(image), axis=-1, keepdims=True)


def _squared_differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean squared differences of neighbors, down and across."""
    batch, height, width, channels = ops.shape(image)
    # Channels join the rows: differences of long rows are faster.
    rows = ops.reshape(_float32(image), (batch, height, width * channels))
    found = []
    for axis, step in ((1, 1), (2, channels)):
        shape = list(ops.shape(rows))
        shape[axis] -= step
        start = [0, 0, 0]
        start[axis] = step
        gap = ops.slice(rows, start, shape) - ops.slice(rows, (0, 0, 0), shape)
        found.append(ops.mean(ops.square(gap), axis=(1, 2)))
    return found[0], found[1]


def energy(target: Tensor) -> Tensor:
    """Returns the mean square of each example, by which `relative` divides.

    Args:
        target: Feature maps, Gram matrices, edges..., `(batch, ...)`.

    Returns:
        Shape `(batch,)`, float32.
    """
    squares = ops.square(_float32(target))
    return ops.mean(squares, axis=tuple(range(1, squares.ndim)))


def relative(
    loss: Tensor, energy: Tensor, *, least: float = 0.0, damping: float = 0.0
) -> Tensor:
    """Returns a loss divided by the energy of its target.

    Weights of relative losses carry over between networks, layers and sizes.
    Flat targets have almost no energy, so that nearly any relative loss would
    be infinite: the caller bounds the energy or adds to it.

    Args:
        loss: Losses, `(batch,)`.
        energy: Energies of the targets, from `energy`, `(batch,)`.
        least: Lower bound of the energy. Has no effect on targets with more.
        damping: Summand of every energy: in training, flat examples then weigh
            smoothly less than the others of their batch.

    Returns:
        Shape `(batch,)`, float32.

    Example:
    >>> loss, energy = ops.array([3.0, 3.0]), ops.array([6.0, 0.0])
    >>> ops.convert_to_numpy(relative(loss, energy, least=1.5)).tolist()
    [0.5, 2.0]
    """
    return loss / (ops.maximum(energy, least) + damping)


def _with_slopes(
    value: Tensor, slopes: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """Gives a loss a known derivative; nothing is differentiated through it.

    A function that is linear in the statistics, with these slopes, is added
    and subtracted again. TensorFlow would never free the graph of a custom
    gradient.

    Args:
        value: Losses, `(batch,)`.
        slopes: Statistics, each with the derivative of the value by it, of the
            same shape; twice the derivative for `_half_constant_products`.
    """
    linear = sum(
        ops.sum(ops.stop_gradient(slope) * x, axis=range(1, x.ndim))
        for x, slope in slopes
    )
    return ops.stop_gradient(value) + (linear - ops.stop_gradient(linear))


def _mean(flat: Tensor, positions: Any, weights: Tensor | None) -> Tensor:
    """Returns the mean vector of all positions.

    As a matrix product: `ops.mean` adds vectors one by one in float32, which
    for a million of them is a hundred times less exact, and slower.
    """
    row = ops.ones_like(flat[:1, :, :1]) if weights is None else weights
    return ops.matmul(ops.swapaxes(row, 1, 2), flat)[:, 0] / positions


def _half_constant_products(
    flat: Tensor, positions: Any, weights: Tensor | None
) -> Tensor:
    """Computes `_products` with one of the two vectors as a constant.

    The derivative by the features is half of that of `_products`, at half the
    cost: slopes in `_with_slopes` by these products must be doubled.
    """
    return _mean_products(
        ops.stop_gradient(_weighted(flat, weights)), flat, positions
    )


def _products(flat: Tensor, positions: Any, weights: Tensor | None) -> Tensor:
    """Returns the mean outer product of the vectors at all positions."""
    return _mean_products(_weighted(flat, weights), flat, positions)


def _mean_products(left: Tensor, right: Tensor, positions: Any) -> Tensor:
    return ops.matmul(ops.swapaxes(left, 1, 2), right) / positions


def _weighted(flat: Tensor, weights: Tensor | None) -> Tensor:
    return flat if weights is None else weights * flat


def _exact(x: Tensor) -> Tensor:
    """Converts to the type in which matrix roots are taken.

    In float32 they are noise where the style hardly varies, as it does in some
    directions of first layers. JAX has no float64 unless it is told to.
    """
    narrow = x.shape[-1] <= _NARROW and keras.backend.backend() != "jax"
    return ops.cast(x, "float64" if narrow else "float32")


def _float32(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


def _flatten(features: Tensor) -> tuple[Tensor, Any]:
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(_float32(features), (batch, height * width, channels))
    return flat, (
        height * width
        if isinstance(height * width, int)
        else ops.cast(height * width, "float32")
    )
