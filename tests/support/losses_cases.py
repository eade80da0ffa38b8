"""Every loss, and feature maps to evaluate it on."""

import numpy as np
import pytest
from keras import ops

from tfstyle import losses


def features(*shape, seed=0, flat=()):
    """Like feature maps: not negative, some channels the same everywhere."""
    x = np.random.default_rng(seed).normal(0.3, 1, size=shape)
    x[..., list(flat)] = 0.5
    return np.maximum(x, 0).astype("float32")


PAINTED, STYLE = features(2, 9, 7, 4), features(2, 5, 6, 4, seed=1)
PHOTO = features(2, 9, 7, 4, seed=2)


# Where values are equal, `abs` has as many derivatives as there are backends.
UNTIED = [
    x + np.random.default_rng(3).uniform(0, 0.1, x.shape).astype("float32")
    for x in (PAINTED, STYLE, PHOTO)
]


# Loss of `PAINTED`-like and `STYLE`- or `PHOTO`-like features, as tensors.
def content(x, style, photo):
    return losses.content_loss(x, photo)


def gram(x, style, photo):
    return losses.style_loss(x, losses.gram_matrix(style))


def moments(x, style, photo):
    return losses.moments_loss(x, losses.channel_moments(style))


def wasserstein(x, style, photo):
    target = losses.gaussian(*losses.mean_covariance(style))
    return losses.wasserstein_loss(x, target)


def weights(shape):
    """Of positions, with mean 1; the first third has none."""
    ramp = np.linspace(-0.5, 1, shape[1] * shape[2], dtype="float32")
    ramp = np.maximum(ramp, 0)
    return (ramp / ramp.mean()).reshape(1, -1, 1)


def gram_region(x, style, photo):
    target = losses.gram_matrix(style, weights(style.shape))
    return losses.style_loss(x, target, weights(x.shape))


def wasserstein_region(x, style, photo):
    found = losses.mean_covariance(style, weights(style.shape))
    target = losses.gaussian(*found)
    return losses.wasserstein_loss(x, target, weights=weights(x.shape))


def histogram(x, style, photo):
    count = ops.shape(x)[1] * ops.shape(x)[2]
    return losses.histogram_loss(x, losses.quantiles(style, count))


def structure(x, style, photo):
    targets = {scale: losses.laplacian(photo, scale) for scale in (1, 2)}
    return losses.structure_loss(x, targets)


def layout(x, style, photo):
    filled = ops.pad(photo, ((0, 0), (0, 1), (0, 1), (0, 0)))
    return losses.layout_loss(x, losses.squares(filled, 2), 2)


def total_variation(x, style, photo):
    return losses.total_variation_loss(x)


def evenness(x, style, photo):
    targets = {1: losses.evenness(photo, 1), 2: losses.evenness(photo, 2)}
    return losses.evenness_loss(x, targets)


def chroma_variation(x, style, photo):
    return losses.chroma_variation_loss(x)


LOSSES = {
    loss.__name__: loss
    for loss in (
        content,
        gram,
        gram_region,
        moments,
        wasserstein,
        wasserstein_region,
        histogram,
        structure,
        layout,
        total_variation,
        chroma_variation,
        evenness,
    )
}


every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def value_and_gradient(loss, x, style, photo):
    import tensorflow as tf  # JAX has cases without it.

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x, tf.constant(style), tf.constant(photo))
    return value.numpy(), tape.gradient(value, x).numpy()


def flat(value):
    return np.full((1, 12, 14, 6), value, "float32")


def image(*rows):
    return np.array(rows, "float32")[None, :, :, None]


def statistics(x):
    """Of one example, in float64: mean, covariance."""
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    return flat.mean(0), np.cov(flat.T, bias=True).reshape(2 * x.shape[-1:])


def check_twin(loss, twin):
    """Compares with a function of single examples in NumPy or SciPy."""
    # The style has another size, smaller and then larger.
    for x, style in ((PAINTED, STYLE), (STYLE, PAINTED)):
        expected = [twin(*pair) for pair in zip(x, style, strict=True)]
        actual = loss(x, style, None)
        np.testing.assert_allclose(actual, expected, rtol=1e-4)
