import numpy as np
import pytest

import helpers
from network_cases import LAYERS, PHOTO, WAVE, settings, terms_of
from tfstyle import features, losses
from tfstyle.objective import image_terms
from tfstyle.objective.gains import Gains
from tfstyle.objective.terms import make_terms
from tfstyle.optimization.config import GatysConfig


@pytest.fixture(scope="module")
def network(small_vgg16):
    return features.extractor("vgg16", LAYERS, weights=small_vgg16)


def test_total_variation_is_that_of_the_picture(network):
    found = terms_of(network, PHOTO, PHOTO, [WAVE], tv_weight=7)
    expected = 7 * float(losses.total_variation_loss(PHOTO[None])[0])
    assert found["tv"] == pytest.approx(expected, rel=1e-6) and expected > 0.01


def test_gray_sources_bound_the_weight_of_chroma(network):
    gray = np.repeat(PHOTO[..., :1], 3, axis=-1)
    config = settings(chroma_weight=3)
    terms = make_terms(network, gray, [gray], config)
    assert terms["chroma"].weight == pytest.approx(3e5)


def test_chroma_is_compared_with_the_livelier_source(network):
    calm = (0.5 + (PHOTO - 0.5) / 3).astype("float32")
    for content, style in [(PHOTO, calm), (calm, PHOTO)]:
        found = terms_of(network, PHOTO, content, [style], chroma_weight=7)
        assert found["chroma"] == pytest.approx(7, rel=1e-4)
        found = terms_of(network, calm, content, [style], chroma_weight=7)
        assert found["chroma"] == pytest.approx(7 / 9, rel=1e-3)


def test_structure_uses_the_scales_that_fit(network):
    # 16 pixels hold three squares of 4 pixels but not of 16.
    photo = helpers.image(16, 64)
    found = terms_of(network, photo * 0.5, photo, [WAVE], structure_weight=1)
    assert found["structure"] == pytest.approx(0.25, rel=1e-4)
    coarse = losses.laplacian(photo[None], 4)
    assert coarse.shape == (1, 2, 14, 3)


def test_evenness_is_relative_to_the_variance_of_the_styles(network):
    flat = np.full((16, 64, 3), 0.5, np.float32)
    blocks = np.zeros((16, 64, 3), np.float32)
    blocks[:, 32:] = 0.3
    found = terms_of(network, blocks, flat, [blocks], evenness_weight=7)
    # One of 15 borders across, of squares of 4 pixels; 16 pixels in height hold
    # no two squares of 16. A step of 0.3 is twice the deviation.
    assert found["evenness"] == pytest.approx(7 * 4 / 15, rel=1e-4)
    edge = terms_of(network, blocks, blocks, [blocks], evenness_weight=7)
    assert edge["evenness"] == pytest.approx(0, abs=1e-6)


def test_evenness_is_relative_to_the_exact_variance_of_large_styles():
    style = np.tile(np.float32([0.9, 1]), (2000, 1500))[..., None].repeat(3, -1)
    term = image_terms.image_terms(
        PHOTO, [style], [1.0], settings(evenness_weight=1), Gains()
    )["evenness"]
    expected = 3 * (np.float64(np.float32(0.9)) - 1) ** 2 / 4
    assert 1 / term.weight == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("height", [48, 1100])
def test_structure_is_that_of_the_whole_photograph(network, height):
    photo = helpers.image(height, 51)
    config = settings(structure_weight=1)
    term = make_terms(network, photo, [WAVE], config)["structure"]
    assert [*term.target] == [4, 16]
    for scale, found in term.target.items():
        expected = losses.laplacian(photo[None], scale)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("height", [33, 1100])
def test_evenness_is_that_of_the_whole_photograph(network, height):
    photo = helpers.image(height, 35) / 9
    config = settings(evenness_weight=1)
    terms = make_terms(network, photo, [WAVE], config)
    for scale, found in terms["evenness"].target.items():
        expected = losses.evenness(photo[None], scale)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4)


def test_the_palette_of_a_black_style_does_not_drown_the_rest(network):
    config = GatysConfig(
        content_layers={"block2_conv1": 1.0},
        style_layers={"block1_conv1": 1.0},
        histogram_weight=1.0,
    )
    grey = np.full((16, 16, 3), 0.5, np.float32)
    term = make_terms(network, grey, [np.zeros_like(grey)], config)
    histogram = term["histogram"]
    # 0.5 ** 2, relative to the least energy of an image, 1e-3.
    value = histogram.weight * float(histogram.loss(grey[None], {})[0])
    assert value == pytest.approx(250)
