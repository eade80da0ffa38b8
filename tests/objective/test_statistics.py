"""Statistics of images in tiles: they are those of whole images."""

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

import helpers
from network_cases import LAYERS, settings
from tfstyle import features
from tfstyle.objective import statistics
from tfstyle.objective.terms import make_terms

SHAPE = (60, 83)
SIDE = 32
PHOTO = helpers.image(*SHAPE)
STYLES = [helpers.image(70, 50, seed=1), helpers.image(64, 90, seed=2)]
LEFT = np.zeros(SHAPE, "float32")
LEFT[:, :30] = 1


@pytest.fixture(scope="module")
def network(small_vgg16):
    return features.extractor(
        "vgg16", LAYERS, weights=small_vgg16, border="mirror"
    )


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_targets_are_those_of_whole_images(network, loss, share):
    config = settings(style_loss=loss)
    given = network, PHOTO, STYLES, config
    expected = make_terms(*given, share=share)
    found = make_terms(*given, share=share, side=SIDE)
    for name, term in expected.items():
        assert found[name].weight == pytest.approx(term.weight, rel=1e-5)
        for one, other in zip(
            tf.nest.flatten(term.target),
            tf.nest.flatten(found[name].target),
            strict=True,
        ):
            if one is not None:
                scale = np.abs(one).max()
                np.testing.assert_allclose(other, one, atol=1e-3 * scale)


def test_moments_of_regions_are_those_of_the_whole(network):
    masks = [None, LEFT, helpers.image(*SHAPE, seed=8)[..., 0]]
    given = network, PHOTO, ["block2_conv1"], LAYERS, masks
    one, other = statistics.see(*given), statistics.see(*given, side=SIDE)
    assert (
        one.strides
        == other.strides
        == dict(zip(LAYERS, (1, 1, 2), strict=True))
    )
    for layer, own in one.weights.items():
        assert [w is None for w in own] == [True, False, False]
        np.testing.assert_array_equal(own[1], other.weights[layer][1])
        assert own[1].mean() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(
        other.maps["block2_conv1"], one.maps["block2_conv1"], atol=1e-4
    )
    for layer in LAYERS:
        for a, b in zip(one.moments[layer], other.moments[layer], strict=True):
            np.testing.assert_allclose(b.mean, a.mean, rtol=1e-4, atol=1e-5)
            scale = np.abs(a.covariance).max()
            np.testing.assert_allclose(
                b.covariance, a.covariance, atol=1e-5 * scale
            )


@pytest.mark.parametrize("shape", [(16, 60), (60, 16)])
def test_strides_of_low_and_of_narrow_pictures(shape):
    layers = [f"block{i}_conv1" for i in range(1, 5)]
    network = features.extractor("vgg_distilled", layers, border="mirror")
    seen = statistics.see(network, helpers.image(*shape), (), layers)
    assert [seen.strides[layer] for layer in layers] == [1, 2, 4, 8]


def test_moments_of_parts_are_put_together_as_numpy_does():
    random = np.random.default_rng(0)
    values = random.standard_normal((1, 6, 10, 3)).astype("float32") + 5
    total = statistics.Sum()
    for columns in (slice(0, 1), slice(1, 7), slice(7, 10)):
        total.add(*statistics.part_moments(values[:, :, columns], None))
    mean, covariance = total.moments()
    flat = values.reshape(-1, 3).astype("float64")
    np.testing.assert_allclose(mean[0], flat.mean(0), rtol=1e-6)
    expected = np.cov(flat.T, bias=True)
    np.testing.assert_allclose(covariance[0], expected, rtol=1e-4, atol=1e-6)


def test_a_part_without_weight_adds_nothing():
    values = helpers.image(4, 4)[None]
    total = statistics.Sum()
    total.add(*statistics.part_moments(values, np.ones((1, 16, 1), "float32")))
    before = total.moments()
    total.add(*statistics.part_moments(values, np.zeros((1, 16, 1), "float32")))
    np.testing.assert_array_equal(total.moments().mean, before.mean)


def moments(mean, covariance):
    return statistics.Moments(
        np.float32([mean]), np.float32(covariance)[np.newaxis]
    )


def test_means_and_deviations_go_a_part_of_the_way():
    photo = moments([0, 1], np.diag([1, 4]))
    style = moments([4, 1], np.diag([9, 0]))
    found = statistics.displaced(photo, style, 0.25)
    np.testing.assert_allclose(found.mean, [[1, 1]])
    # Deviations 1 to 3 and 2 to 0.
    np.testing.assert_allclose(
        found.covariance[0], np.diag([1.5**2, 1.5**2]), atol=1e-6
    )


@pytest.mark.parametrize("rank", [2, 6])
def test_the_way_begins_and_ends_at_the_statistics_and_is_straight(rank):
    random = np.random.default_rng(rank)
    parts = random.normal(size=(2, rank, 6))
    photo, style = (moments(part[0], part.T @ part) for part in parts)

    def distance(one, other):
        root = scipy.linalg.sqrtm(one.covariance[0].astype(np.float64)).real
        both = scipy.linalg.sqrtm(root @ other.covariance[0] @ root).real
        spread = np.trace(one.covariance[0] + other.covariance[0] - 2 * both)
        gap = np.sum((one.mean - other.mean) ** 2)
        return np.sqrt(max(gap + spread, 0))

    for share in (0, 0.3, 1):
        found = statistics.displaced(photo, style, share)
        whole = distance(photo, style)
        assert distance(photo, found) == pytest.approx(share * whole, abs=0.01)
        rest = (1 - share) * whole
        assert distance(found, style) == pytest.approx(rest, abs=0.01)
