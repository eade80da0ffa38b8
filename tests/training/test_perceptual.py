import dataclasses

import numpy as np
import pytest

import helpers
from tfstyle import features, losses
from tfstyle.training import perceptual
from tfstyle.training.config import AdaINConfig

CONFIG = AdaINConfig(
    content_layer="block2_conv1",
    style_layers=("block1_conv1", "block2_conv1"),
    content_weight=2.0,
    style_weight=3.0,
    tv_weight=5.0,
    range_weight=7.0,
)


@pytest.fixture(scope="module")
def network():
    layers = ["block1_conv1", "block2_conv1"]
    return features.extractor("vgg_distilled", layers)


def batch(seed, count=2):
    return np.stack([helpers.image(24, 20, seed + i) for i in range(count)])


def terms(network, images, contents, styles, **changes):
    config = dataclasses.replace(CONFIG, **changes)
    found = perceptual.PerceptualLoss(network, config)(images, contents, styles)
    assert tuple(found) == perceptual.PerceptualLoss.terms
    return {name: np.asarray(value) for name, value in found.items()}


def squares(x):
    return np.square(np.asarray(x)).mean((1, 2, 3))


@pytest.mark.parametrize("style_loss", sorted(perceptual._DISTANCES))
def test_the_photograph_as_its_own_style_is_perfect(network, style_loss):
    photo = batch(0)
    found = terms(network, photo, photo, photo, style_loss=style_loss)
    for name in ("content", "style", "range"):
        np.testing.assert_allclose(found[name], 0, atol=1e-3)


def test_content_is_relative_to_the_photograph(network):
    images, contents, styles = batch(0), batch(2), batch(4)
    found = terms(network, images, contents, styles)["content"]
    ours, theirs = (network(x)["block2_conv1"] for x in (images, contents))
    gap = squares(np.asarray(ours) - np.asarray(theirs))
    energy = squares(theirs) + perceptual._DAMPING
    np.testing.assert_allclose(found, 2 * gap / energy, rtol=1e-4)


def test_gram_matrices_are_relative_to_style_and_photograph(network):
    images, contents, styles = batch(0), batch(2), batch(4)
    found = terms(network, images, contents, styles, style_loss="gram")
    expected = 0
    for layer in CONFIG.style_layers:
        ours, photo, style = (
            np.asarray(losses.gram_matrix(network(x)[layer]))
            for x in (images, contents, styles)
        )
        energy = (np.square(photo) + np.square(style)).mean((1, 2)) / 2
        gap = np.square(ours - style).mean((1, 2))
        expected += gap / (energy + perceptual._DAMPING) / 2
    np.testing.assert_allclose(found["style"], 3 * expected, rtol=1e-4)


def test_wasserstein_is_what_pictures_are_painted_with(network):
    images, contents, styles = batch(0, 1), batch(2, 1), batch(4, 1)
    found = terms(network, images, contents, styles)["style"]
    expected = 0
    for layer in CONFIG.style_layers:
        ours, photo, style = (
            network(x)[layer] for x in (images, contents, styles)
        )
        target = losses.gaussian(*losses.mean_covariance(style))
        energy = (squares(photo) + squares(style)) / 2 + perceptual._DAMPING
        distance = np.asarray(losses.wasserstein_loss(ours, target))
        expected += distance / energy / 2
    np.testing.assert_allclose(found, 3 * expected, rtol=1e-4)


def test_values_beyond_the_range_are_cut_and_penalised(network):
    photo = batch(0)
    images = photo.copy()
    images[0] += 2.0
    found = terms(network, images, photo, batch(3))
    white = terms(network, np.clip(images, 0, 1), photo, batch(3))
    np.testing.assert_allclose(found["style"], white["style"], rtol=1e-5)
    beyond = np.square(images - np.clip(images, 0, 1)).mean((1, 2, 3))
    np.testing.assert_allclose(found["range"], 7 * beyond, rtol=1e-5)
    assert found["range"][0] > 1 and found["range"][1] == 0


def test_variation_is_that_of_losses(network):
    images = batch(0)
    found = terms(network, images, batch(2), batch(4))["tv"]
    expected = losses.total_variation_loss(images)
    np.testing.assert_allclose(found, 5 * np.asarray(expected), rtol=1e-5)
