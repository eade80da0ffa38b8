import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle import features
from tfstyle.dreams import excitation
from tfstyle.dreams.config import DreamConfig
from tfstyle.optimization import run

PHOTO = helpers.image(40, 56)
GUIDE = helpers.image(32, 32, seed=1)
LAYERS = {"block1_conv2": 1.0, "block2_conv1": 3.0}


@pytest.fixture
def settings(small_vgg16):
    def make(**changes):
        return DreamConfig(
            **{
                "features": "vgg16",
                "feature_weights": small_vgg16,
                "layers": LAYERS,
                "precision": "float32",
            }
            | changes
        )

    return make


@pytest.fixture
def maps():
    shape = (1, 5, 7, 64)
    random = np.random.default_rng(0)
    return np.maximum(random.normal(size=shape), 0).astype("float32")


@pytest.mark.parametrize(
    ("name", "layer", "expected"),
    [
        ("vgg16", "block1_conv1", 1),
        ("vgg_distilled", "block3_conv1", 4),
        ("vgg19", "block5_conv2", 16),
    ],
)
def test_stride_is_that_of_the_deepest_layer(name, layer, expected):
    network = features.extractor(name, ["block1_conv1", layer], weights=None)
    assert excitation.stride(network) == expected


def test_grids_of_networks_that_do_not_pad_begin_later():
    network = features.extractor("inception_v3", ["mixed3"], weights=None)
    # By its kernels the first position is about pixel 21.
    (grid,) = excitation.grids(network).values()
    assert grid.stride == 16
    assert abs(grid.first - 21) < 8
    network = features.extractor("vgg16", ["block3_conv1"], weights=None)
    assert excitation.grids(network) == {"block3_conv1": (4, 2)}


def test_a_photograph_scores_its_shares(settings):
    config = settings()
    network = excitation.make_network(*run.resolve(config))
    found = excitation.scores(network, PHOTO, None, config)
    assert list(found) == list(LAYERS)
    for layer, share in config.shares("vgg16").items():
        # As it is measured: at 256 pixels, with mirrored margins.
        maps = excitation._small_maps(network, PHOTO)[layer]
        mean = found[layer].weight * float(
            tf.reduce_mean(found[layer].function(maps))
        )
        assert mean == pytest.approx(share, rel=1e-4)


def test_strength_is_the_mean_square_of_the_channels(settings, maps):
    for channels in (None, (3, 60)):
        config = settings(layers={"block1_conv2": 1}, channels=channels)
        network = excitation.make_network(*run.resolve(config))
        score = excitation.scores(network, PHOTO, None, config)["block1_conv2"]
        chosen = maps if channels is None else maps[..., list(channels)]
        expected = np.mean(chosen**2, axis=-1)
        np.testing.assert_allclose(score.function(maps), expected, rtol=1e-5)


def test_likeness_is_the_best_product_with_the_guide(settings, maps):
    config = settings(layers={"block1_conv2": 1})
    network = excitation.make_network(*run.resolve(config))
    score = excitation.scores(network, PHOTO, GUIDE, config)["block1_conv2"]
    theirs = np.array(excitation._small_maps(network, GUIDE)["block1_conv2"])
    vectors = theirs.reshape(-1, 64)
    vectors = vectors[:: -(-len(vectors) // 1024)]
    assert 512 < len(vectors) <= 1024
    expected = (maps @ vectors.T).max(-1) / 64
    np.testing.assert_allclose(score.function(maps), expected, rtol=1e-4)


def test_channels_that_a_layer_does_not_have_are_refused(settings):
    config = settings(channels=(63, 64))
    network = excitation.make_network(*run.resolve(config))
    with pytest.raises(ValueError, match="below 64.*block1_conv2"):
        excitation.scores(network, PHOTO, None, config)


def test_a_layer_that_is_silent_does_not_divide_by_0(settings):
    config = settings()
    network = excitation.make_network(*run.resolve(config))
    for layer in network.layers:
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    for score in excitation.scores(network, PHOTO, None, config).values():
        assert np.isfinite(score.weight)
