import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import losses

POSITIONS = np.float32([1, 0, 0.5, 2.5, 1, 1]).reshape(1, 6, 1)


def features_of_two_by_three():
    random = np.random.default_rng(3)
    return random.normal(1, 2, (1, 2, 3, 4)).astype(np.float32)


def test_statistics_of_a_region_by_hand():
    x = features_of_two_by_three()
    flat, weights = x.reshape(6, 4), POSITIONS.ravel() / 6
    gram = losses.gram_matrix(x, POSITIONS)
    expected = sum(
        w * np.outer(f, f) for w, f in zip(weights, flat, strict=True)
    )
    np.testing.assert_allclose(np.asarray(gram)[0], expected, rtol=1e-5)
    mean, covariance = losses.mean_covariance(x, POSITIONS)
    np.testing.assert_allclose(np.asarray(mean)[0], weights @ flat, rtol=1e-5)
    expected = np.cov(flat.T, bias=True, aweights=weights)
    np.testing.assert_allclose(np.asarray(covariance)[0], expected, rtol=1e-4)


def region_loss(name):
    other = np.random.default_rng(4).normal(0, 1, (1, 5, 5, 4))
    other = other.astype(np.float32)
    if name == "gram":
        target = losses.gram_matrix(other)
        return lambda x, w: losses.style_loss(x, target, w)
    target = losses.gaussian(*losses.mean_covariance(other))
    return lambda x, w: losses.wasserstein_loss(x, target, weights=w)


@pytest.mark.parametrize("name", ["gram", "wasserstein"])
def test_weights_are_positions_that_count_more_often(name):
    # Of integers: as if the positions were there so many times.
    x = features_of_two_by_three()
    counts = np.array([1, 0, 2, 3, 0, 0])
    weights = counts.reshape(1, 6, 1).astype(np.float32)
    repeated = np.repeat(x.reshape(6, 4), counts, axis=0).reshape(1, 2, 3, 4)
    loss = region_loss(name)
    found = float(loss(x, weights)[0])
    assert found == pytest.approx(float(loss(repeated, None)[0]), rel=1e-4)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow's tape"
)
@pytest.mark.parametrize("name", ["gram", "wasserstein"])
def test_the_derivative_in_a_region_is_that_of_differences(name):
    x = features_of_two_by_three()
    loss = region_loss(name)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = loss(variable, POSITIONS)[0]
    gradient = np.asarray(tape.gradient(value, variable))
    # Nothing at the position that has no weight.
    assert not gradient[0, 0, 1].any()
    direction = np.random.default_rng(5).normal(size=x.shape).astype("float32")
    step = 1e-2
    ends = [float(loss(x + s * direction, POSITIONS)[0]) for s in (step, -step)]
    slope = (ends[0] - ends[1]) / (2 * step)
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-2)
