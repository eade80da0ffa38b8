"""Terms of the loss for regions of the photograph."""

import numpy as np
import pytest
import tensorflow as tf

import helpers
from network_cases import NIGHT, PHOTO, WAVE, settings, values
from tfstyle import features
from tfstyle.controls import regions
from tfstyle.objective.terms import make_terms

STYLE_LOSSES = pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])


@STYLE_LOSSES
def test_each_region_has_terms_of_its_own(network, style_loss):
    mask = np.zeros((32, 48), np.float32)
    mask[:, :12] = 1
    sides = regions.from_masks(PHOTO, [WAVE, NIGHT], [mask])
    config = settings(style_loss=style_loss)
    terms = make_terms(network, PHOTO, [WAVE, NIGHT], config, sides)
    names = {f"style/block1_conv{i}/{j}" for i in (1, 2) for j in (1, 2)}
    assert names < set(terms)
    # What is beyond the reach of the network matters to the other alone.
    right = PHOTO.copy()
    right[:, 20:] = 0
    before, after = (values(network, terms, x) for x in (PHOTO, right))
    for name in names:
        same = before[name] == pytest.approx(after[name], rel=1e-5)
        assert same == name.endswith("1")


@STYLE_LOSSES
def test_regions_are_painted_where_their_masks_are(small_vgg16, style_loss):
    layer = "block1_conv1"
    network = features.extractor(
        "vgg16", [layer], weights=small_vgg16, border="mirror"
    )
    photo = helpers.image(32, 96)
    mask = np.zeros((32, 96), np.float32)
    mask[:, :12] = 1
    sides = regions.from_masks(photo, [WAVE, NIGHT], [mask])
    layers = {"style_layers": {layer: 1}, "content_layers": {layer: 1}}
    config = settings(style_loss=style_loss, **layers)
    terms = make_terms(network, photo, [WAVE, NIGHT], config, sides)
    for number, first, last in ((1, 0, 12), (2, 11, 95)):
        with tf.GradientTape() as tape:
            picture = tf.Variable(photo[None])
            loss = terms[f"style/{layer}/{number}"].loss(
                picture, network(picture)
            )
        change = np.abs(tape.gradient(loss, picture)[0]).sum((0, 2))
        # A convolution sees one pixel more.
        changed = np.flatnonzero(change > 1e-6 * change.max())
        assert (changed.min(), changed.max()) == (first, last)


@STYLE_LOSSES
def test_a_region_counts_by_its_area(network, style_loss):
    mask = np.zeros((32, 48), np.float32)
    mask[:, :12] = 1
    config = settings(style_loss=style_loss)
    pair = [helpers.image(32, 12, 5)]
    cut = make_terms(network, PHOTO[:, :12], pair, config)
    quarter = regions.from_masks(PHOTO, pair, [mask])
    whole = make_terms(network, PHOTO, pair, config, quarter)
    name = "style/block1_conv1"
    # Of the cut one some positions see the border.
    assert whole[name].weight == pytest.approx(cut[name].weight / 4, rel=0.2)
