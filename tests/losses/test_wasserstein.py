import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from losses_cases import (
    STYLE,
    check_twin,
    features,
    image,
    statistics,
    value_and_gradient,
    wasserstein,
)
from tfstyle import losses


def test_wasserstein_loss_of_one_channel_is_that_of_two_normals():
    # In one dimension it is (m - m')^2 + (s - s')^2.
    actual = wasserstein(image([0, 2]), image([1, 7]), None)
    np.testing.assert_allclose(actual, [3**2 + 2**2], rtol=1e-6)


def test_wasserstein_loss_of_independent_channels_is_their_mean():
    # Deviations (1, 2) and (3, 2), no correlation, the same means.
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], "float32")
    x = (corners * [1, 2]).reshape(1, 2, 2, 2).astype("float32")
    style = (corners * [3, 2]).reshape(1, 2, 2, 2).astype("float32")
    np.testing.assert_allclose(
        wasserstein(x, style, None), [((3 - 1) ** 2 + 0) / 2], rtol=1e-6
    )


def twin_wasserstein(x, style):
    (mean, covariance), (mean2, covariance2) = map(statistics, (x, style))
    root = scipy.linalg.sqrtm(covariance2)
    cross = scipy.linalg.sqrtm(root @ covariance @ root).real
    spread = np.trace(covariance + covariance2 - 2 * cross)
    return (np.sum((mean - mean2) ** 2) + spread) / len(mean)


def test_statistics_are_those_of_numpy():
    check_twin(wasserstein, twin_wasserstein)


def test_gaussian_root_squares_to_the_covariance():
    mean, covariance = losses.mean_covariance(STYLE)
    target = losses.gaussian(mean, covariance)
    np.testing.assert_allclose(target.root @ target.root, covariance, atol=1e-5)
    np.testing.assert_allclose(
        target.trace, np.trace(covariance, axis1=1, axis2=2), rtol=1e-5
    )


def test_wasserstein_gradient_is_that_of_finite_differences():
    x, style = features(1, 6, 5, 3), features(1, 7, 4, 3, seed=1)
    _, actual = value_and_gradient(wasserstein, x, style, x)
    expected, h = np.zeros(x.shape), 1e-5
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.astype(np.float64)
            moved[index] += sign * h
            ends.append(twin_wasserstein(moved[0], style[0]))
        expected[index] = (ends[0] - ends[1]) / (2 * h)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-2


def test_wasserstein_gradient_is_that_through_a_matrix_root():
    def through_the_root(x, style, photo):
        """As peers write it, differentiated by TensorFlow, in float64."""
        statistics = []
        for f in (x, style):
            flat = tf.cast(tf.reshape(f, (-1, f.shape[-1])), tf.float64)
            mean = tf.reduce_mean(flat, 0)
            centred = flat - mean
            count = tf.cast(tf.shape(flat)[0], tf.float64)
            statistics.append((mean, tf.matmul(centred, centred, True) / count))
        (mean, covariance), (mean2, covariance2) = statistics
        root = tf.linalg.sqrtm(covariance2)
        values = tf.linalg.eigvalsh(root @ covariance @ root)
        spread = tf.linalg.trace(covariance + covariance2)
        spread -= 2 * tf.reduce_sum(tf.sqrt(values))
        gap = tf.reduce_sum((mean - mean2) ** 2)
        return tf.cast(gap + spread, tf.float32) / x.shape[-1]

    x, style = features(1, 16, 16, 8), features(1, 12, 20, 8, seed=1)
    value, gradient = value_and_gradient(wasserstein, x, style, x)
    value2, gradient2 = value_and_gradient(through_the_root, x, style, x)
    np.testing.assert_allclose(value[0], value2, rtol=1e-4)
    np.testing.assert_allclose(gradient, gradient2, atol=1e-8)
    assert np.abs(gradient2).max() > 1e-4


@pytest.mark.parametrize("positions", [(1, 3), (2, 4), (3, 5)])
def test_wasserstein_loss_of_fewer_positions_than_channels(positions):
    x, style = features(1, *positions, 24), features(1, 2, 6, 24, seed=1)
    value, gradient = value_and_gradient(wasserstein, x, style, x)
    np.testing.assert_allclose(
        value[0], twin_wasserstein(x[0], style[0]), rtol=1e-2
    )
    assert np.isfinite(gradient).all()
    assert 1e-4 < np.abs(gradient).max() < 10


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_wasserstein_loss_of_channels_without_variance():
    x, style = (
        features(1, 9, 7, 5, flat=[1, 3]),
        features(1, 9, 7, 5, seed=1, flat=[3]),
    )
    value, gradient = value_and_gradient(wasserstein, x, style, x)
    np.testing.assert_allclose(
        value[0], twin_wasserstein(x[0], style[0]), rtol=1e-3
    )
    assert np.isfinite(gradient).all()


def test_wasserstein_target_may_be_a_little_less_than_semidefinite():
    # As rounding leaves the covariance of a blend of flat styles.
    mean = np.ones((1, 3), "float32")
    covariance = -1e-7 * np.eye(3, dtype="float32")[None]
    target = losses.gaussian(mean, covariance)
    assert target.trace.numpy() == [0]
    for x in (np.ones((1, 4, 4, 3), "float32"), features(1, 4, 4, 3)):
        value, gradient = value_and_gradient(
            lambda x, *_: losses.wasserstein_loss(x, target), x, x, x
        )
        expected = np.mean((x - 1) ** 2)  # All mass goes to one point.
        np.testing.assert_allclose(value, [expected], rtol=1e-5)
        assert np.isfinite(gradient).all()


def test_the_slope_is_exact_where_the_style_hardly_varies():
    random = np.random.default_rng(0)
    vectors = np.linalg.qr(random.standard_normal((16, 16)))[0]
    spread = np.geomspace(1, 1e-5, 16)
    style, x = (
        ((vectors * values) @ vectors.T).astype("float32")
        for values in (spread, spread**0.8)
    )
    mean = np.zeros((1, 16), "float32")
    target = losses.gaussian(mean, style[None])
    _, _, slope = losses.wasserstein_slopes(mean, x[None], target, 1e-6)
    root = scipy.linalg.sqrtm(style.astype(float))
    between = scipy.linalg.sqrtm(root @ x.astype(float) @ root)
    expected = np.eye(16) - root @ np.linalg.inv(between) @ root
    np.testing.assert_allclose(16 * slope[0], expected, atol=1e-4)
