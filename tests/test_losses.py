"""Losses: by hand for the idea, by NumPy and SciPy in float64 for the rest."""

import keras
import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import tensorflow as tf
from keras import ops

from losses_cases import (
    PAINTED,
    PHOTO,
    STYLE,
    chroma_variation,
    content,
    every_loss,
    features,
    flat,
    gram,
    gram_region,
    histogram,
    moments,
    structure,
    total_variation,
    value_and_gradient,
    wasserstein,
    wasserstein_region,
)
from tfstyle import losses


def image(*rows):
    return np.array(rows, "float32")[None, :, :, None]


# By hand.


def test_content_loss_is_the_mean_squared_difference():
    x, target = image([1, 2], [3, 4]), image([1, 2], [3, 2])
    assert losses.content_loss(x, target).numpy().tolist() == [1.0]


def test_style_loss_of_ones_and_zeros():
    # Two channels: the Gram matrix of ones is all 1, that of zeros all 0.
    target = losses.gram_matrix(ops.zeros((1, 3, 2, 2)))
    actual = losses.style_loss(ops.ones((1, 4, 5, 2)), target)
    assert actual.numpy().tolist() == [1.0]


def test_gram_matrix_of_two_pixels():
    x = np.array([[[[1, 2], [3, 4]]]], "float32")
    expected = [[[(1 + 9) / 2, (2 + 12) / 2], [(2 + 12) / 2, (4 + 16) / 2]]]
    assert losses.gram_matrix(x).numpy().tolist() == expected


def test_moments_loss_adds_the_gaps_of_mean_and_deviation():
    # Means 1 and 4, deviations 1 and 3.
    x, style = image([0, 2]), image([1, 7])
    actual = moments(x, style, None)
    np.testing.assert_allclose(actual, [(4 - 1) ** 2 + (3 - 1) ** 2], rtol=1e-5)


def test_channel_moments_keep_the_axes():
    mean, deviation = losses.channel_moments(image([0, 2]), epsilon=0.0)
    assert mean.shape == deviation.shape == (1, 1, 1, 1)
    assert (float(mean[0, 0, 0, 0]), float(deviation[0, 0, 0, 0])) == (1, 1)


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


def test_histogram_loss_compares_sorted_values():
    x, style = image([3, 0], [1, 2]), image([0, 0], [4, 4])
    expected = np.mean([0, (0 - 1) ** 2, (4 - 2) ** 2, (4 - 3) ** 2])
    np.testing.assert_allclose(histogram(x, style, None), [expected])


def test_quantiles_are_the_values_themselves_at_the_same_size():
    x = image([3, 0], [1, 2])
    assert losses.quantiles(x, 4)[0, :, 0].numpy().tolist() == [0, 1, 2, 3]
    assert losses.quantiles(x, 2)[0, :, 0].numpy().tolist() == [0.5, 2.5]


def test_laplacian_of_a_spike():
    x = image([0, 0, 0], [0, 1, 0], [0, 0, 0])
    assert losses.laplacian(x, 1).numpy().ravel().tolist() == [-4.0]


def test_laplacian_of_a_slope_is_nothing():
    y, x = np.mgrid[:12, :16].astype("float32")
    slope = (2 * x + 3 * y)[None, :, :, None]
    assert losses.laplacian(slope, 4).shape == (1, 1, 2, 1)
    np.testing.assert_allclose(losses.laplacian(slope, 4), 0, atol=1e-4)
    np.testing.assert_allclose(losses.laplacian(slope, 1), 0, atol=1e-4)


def test_structure_loss_is_the_mean_over_the_scales():
    x, zeros = np.zeros((1, 6, 6, 1), "float32"), np.zeros((1, 6, 6, 1))
    x[0, 2, 2] = 1
    # Scale 1: -4 at the spike and 1 at its neighbours, of 16 positions.
    # Scale 2: the mean of four pixels is 1/4, in the only position.
    expected = ((16 + 4) / 16 + 1) / 2
    np.testing.assert_allclose(structure(x, None, zeros), [expected])


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        pytest.param(image([3, 3], [3, 3]), 0, id="constant"),
        pytest.param(image([0, 2], [0, 2]), 4, id="vertical edge"),
        pytest.param(image([0, 0], [3, 3]), 9, id="horizontal edge"),
        pytest.param(image([0, 1], [1, 0]), 2, id="checkerboard"),
    ],
)
def test_total_variation_loss(pixels, expected):
    assert losses.total_variation_loss(pixels).numpy() == [expected]


def test_chroma_variation_is_the_rest_beside_gray():
    red = np.array([0, 0, 6, 6], "float32").reshape(1, 2, 2, 1)
    # Down: red by 6, gray by 2; what remains are 4, -2 and -2.
    x = np.concatenate([red, 0 * red, 0 * red], -1)
    assert losses.chroma_variation_loss(x).numpy() == [(16 + 4 + 4) / 3]
    gray = np.repeat(red, 3, -1)
    assert losses.chroma_variation_loss(gray).numpy() == [0]


# Twins in NumPy and SciPy.


def statistics(x):
    """Of one example, in float64: mean, covariance."""
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    return flat.mean(0), np.cov(flat.T, bias=True).reshape(2 * x.shape[-1:])


def twin_gram(x, style):
    grams = [
        np.einsum("hwc,hwd->cd", f, f) / f[..., 0].size for f in (x, style)
    ]
    return np.mean((grams[0] - grams[1]) ** 2)


def twin_moments(x, style):
    (mean, covariance), (mean2, covariance2) = map(statistics, (x, style))
    deviation = np.sqrt(np.diag(covariance) + 1e-5)
    deviation2 = np.sqrt(np.diag(covariance2) + 1e-5)
    return np.mean((mean - mean2) ** 2 + (deviation - deviation2) ** 2)


def twin_wasserstein(x, style):
    (mean, covariance), (mean2, covariance2) = map(statistics, (x, style))
    root = scipy.linalg.sqrtm(covariance2)
    cross = scipy.linalg.sqrtm(root @ covariance @ root).real
    spread = np.trace(covariance + covariance2 - 2 * cross)
    return (np.sum((mean - mean2) ** 2) + spread) / len(mean)


def twin_histogram(x, style):
    flat, flat2 = (np.sort(f.reshape(-1, f.shape[-1]), 0) for f in (x, style))
    place = (np.arange(len(flat)) + 0.5) / len(flat)
    target = np.quantile(flat2, place, axis=0, method="hazen")
    return np.mean((flat - target) ** 2)


@pytest.mark.parametrize(
    ("loss", "twin"),
    [
        (gram, twin_gram),
        (moments, twin_moments),
        (wasserstein, twin_wasserstein),
        (histogram, twin_histogram),
    ],
)
def test_statistics_are_those_of_numpy(loss, twin):
    # The style has another size, smaller and then larger.
    for x, style in ((PAINTED, STYLE), (STYLE, PAINTED)):
        expected = [twin(*pair) for pair in zip(x, style, strict=True)]
        actual = loss(x, style, None)
        np.testing.assert_allclose(actual, expected, rtol=1e-4)


def test_laplacian_is_that_of_scipy():
    x = PHOTO[0, :8, :6, 0]
    kernel = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    for scale in (1, 2):
        small = x.reshape(8 // scale, scale, 6 // scale, scale).mean((1, 3))
        expected = scipy.ndimage.convolve(small, kernel)[1:-1, 1:-1]
        actual = losses.laplacian(x[None, :, :, None], scale)[0, :, :, 0]
        np.testing.assert_allclose(actual, expected, atol=1e-5)


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


# Properties.


@every_loss
def test_there_is_one_value_per_example(loss):
    together = loss(PAINTED, STYLE, PHOTO)
    assert together.shape == (2,)
    assert together.dtype == "float32"
    for i in range(2):
        alone = loss(*(x[i : i + 1] for x in (PAINTED, STYLE, PHOTO)))
        np.testing.assert_allclose(alone, together[i : i + 1], rtol=1e-4)


@every_loss
def test_a_match_costs_nothing_and_has_no_gradient(loss):
    if loss in (total_variation, chroma_variation):
        pytest.skip("compares the image with nothing else")
    value, gradient = value_and_gradient(loss, PAINTED, PAINTED, PAINTED)
    np.testing.assert_allclose(value, 0, atol=1e-5)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    assert (loss(PAINTED, STYLE, PHOTO).numpy() > 1e-2).all()


@pytest.mark.parametrize("loss", [gram, moments, wasserstein, histogram])
def test_statistics_do_not_depend_on_the_place(loss):
    shuffled = np.random.default_rng(0).permutation(
        PAINTED.reshape(2, 63, 4), axis=1
    )
    np.testing.assert_allclose(
        loss(shuffled.reshape(2, 7, 9, 4), STYLE, None),
        loss(PAINTED, STYLE, None),
        rtol=1e-4,
    )


@pytest.mark.parametrize("loss", [gram, moments, wasserstein, histogram])
def test_statistics_do_not_depend_on_the_size(loss):
    doubled = PAINTED.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(
        loss(doubled, STYLE, None), loss(PAINTED, STYLE, None), rtol=0.05
    )


@pytest.mark.parametrize("loss", [content, gram, wasserstein, histogram])
def test_the_gradient_leads_downhill(loss):
    value, gradient = value_and_gradient(loss, PAINTED, STYLE, PHOTO)
    lower = loss(PAINTED - 0.1 * gradient, STYLE, PHOTO)
    # To first order the value falls by the squared norm times the length.
    fall = 0.1 * np.sum(gradient**2, axis=(1, 2, 3))
    np.testing.assert_allclose(value - lower, fall, rtol=0.1)


@every_loss
@pytest.mark.parametrize("style", ["flat", "textured"])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_gradients_are_finite_on_flat_images(loss, style, value):
    other = flat(0.25) if style == "flat" else features(1, 12, 14, 6)
    value, gradient = value_and_gradient(loss, flat(value), other, other)
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    # Of entries of order 1, none may be thrown out of all proportion.
    assert np.abs(gradient).max() < 10


@every_loss
def test_gradients_are_finite_towards_a_flat_style(loss):
    other = flat(0.25)
    _, gradient = value_and_gradient(
        loss, PAINTED[:1], STYLE[:1] * 0, other[:, :9, :7, :4]
    )
    assert np.isfinite(gradient).all()


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


@every_loss
def test_bfloat16_features_give_float32_statistics(loss):
    rounded = [tf.cast(x, tf.bfloat16) for x in (PAINTED, STYLE, PHOTO)]
    actual = loss(*rounded)
    assert actual.dtype == "float32"
    same_values = [tf.cast(x, tf.float32) for x in rounded]
    np.testing.assert_allclose(actual, loss(*same_values), rtol=1e-6)


@every_loss
def test_sizes_may_be_unknown_when_a_function_is_traced(loss):
    if loss is histogram:
        pytest.skip("the number of quantiles is the caller's to say")
    if loss in (gram_region, wasserstein_region):
        pytest.skip("weights are for a size")
    unknown = tf.TensorSpec((None, None, None, 4), tf.float32)
    traced = tf.function(loss, input_signature=[unknown] * 3, autograph=False)
    for stop in (9, 8):
        inputs = PAINTED[:, :stop], STYLE, PHOTO[:, :stop]
        np.testing.assert_allclose(traced(*inputs), loss(*inputs), rtol=1e-5)
    assert traced.experimental_get_tracing_count() == 1


def test_histogram_loss_may_be_traced_for_unknown_sizes():
    traced = tf.function(
        losses.histogram_loss,
        input_signature=[
            tf.TensorSpec((None, None, None, 4)),
            tf.TensorSpec((None, None, 4)),
        ],
        autograph=False,
    )
    for stop in (9, 8):
        target = losses.quantiles(STYLE, stop * 7)
        np.testing.assert_allclose(
            traced(PAINTED[:, :stop], target),
            losses.histogram_loss(PAINTED[:, :stop], target),
            rtol=1e-5,
        )
    whole = tf.function(
        lambda x: losses.quantiles(x, 5),
        input_signature=[tf.TensorSpec((None, None, None, 4))],
    )
    np.testing.assert_allclose(whole(STYLE), losses.quantiles(STYLE, 5))


def test_the_data_format_of_the_user_does_not_matter():
    expected = structure(PAINTED, STYLE, PHOTO)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        actual = structure(PAINTED, STYLE, PHOTO)
    finally:
        keras.config.set_image_data_format(before)
    np.testing.assert_array_equal(actual, expected)


POSITIONS = np.float32([1, 0, 0.5, 2.5, 1, 1]).reshape(1, 6, 1)


def test_energy_is_the_mean_square_of_each_example():
    maps = np.array([[1, 2, 3, 4], [0, 0, 0, 2]], "float32")
    for shape in [(2, 4), (2, 2, 2), (2, 2, 1, 2)]:
        found = losses.energy(maps.reshape(shape))
        assert np.asarray(found).tolist() == [7.5, 1.0]
    half = ops.cast(ops.array([[300.0, 300.0]]), "float16")
    assert np.asarray(losses.energy(half)).tolist() == [90000.0]


def test_relative_losses_by_hand():
    loss, energy = (np.array(x, "float32") for x in ([6, 6, 6], [3, 1, 0]))
    found = losses.relative(loss, energy, least=2.0)
    assert np.asarray(found).tolist() == [2.0, 3.0, 3.0]
    found = losses.relative(loss, energy, damping=1.0)
    assert np.asarray(found).tolist() == [1.5, 3.0, 6.0]
    found = losses.relative(loss[:2], energy[:2])
    assert np.asarray(found).tolist() == [2.0, 6.0]


def test_a_relative_loss_does_not_depend_on_the_scale_of_its_maps():
    def relative(scale):
        loss = losses.content_loss(scale * PAINTED, scale * PHOTO)
        return losses.relative(loss, losses.energy(scale * PHOTO))

    np.testing.assert_allclose(relative(1.0), relative(100.0), rtol=1e-5)


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
