"""Properties that losses have in common."""

import numpy as np
import pytest
import tensorflow as tf

from losses_cases import (
    PAINTED,
    PHOTO,
    STYLE,
    chroma_variation,
    content,
    evenness,
    every_loss,
    features,
    flat,
    gram,
    gram_region,
    histogram,
    moments,
    total_variation,
    value_and_gradient,
    wasserstein,
    wasserstein_region,
)


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
    if loss in (total_variation, chroma_variation, evenness):
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
