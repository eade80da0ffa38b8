"""The networks, against Keras Applications with the same random weights."""

import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import helpers
from network_cases import IMAGE, maps
from tfstyle import features, images, losses
from tfstyle.pretrained import topology

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def random_vgg19(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg19.h5"
    return helpers.vgg_weights(path, "vgg19")


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("vgg16", keras.applications.VGG16),
        ("vgg19", keras.applications.VGG19),
    ],
)
def test_the_cut_network_equals_the_full_one(name, application, request):
    path = request.getfixturevalue(f"random_{name}")
    full = application(include_top=False, weights=path)
    # Preprocessed by Keras, too: BGR in 0 to 255 without the mean.
    x = keras.applications.vgg16.preprocess_input(255 * IMAGE[None])
    everything = keras.Model(
        full.input, {layer.name: layer.output for layer in full.layers[1:]}
    )(x)
    names = topology.layer_names(name)
    assert names == list(everything)

    for wanted in (names, ["block2_conv2", "block1_pool"]):
        actual = maps(IMAGE, name, wanted, weights=path, border="zero")
        assert set(actual) == set(wanted)
        for layer in wanted:
            expected = everything[layer][0]
            scale = np.abs(expected).max()
            np.testing.assert_allclose(
                actual[layer] / scale, expected / scale, atol=1e-5
            )
            assert scale > 1


def test_only_the_layers_that_are_needed_are_built(small_vgg16):
    wanted = ["block2_conv1", "block1_conv2", "block2_conv1"]
    network = features.extractor("vgg16", wanted, weights=small_vgg16)
    built = [layer.name for layer in network.layers if layer.weights]
    assert built == ["block1_conv1", "block1_conv2", "block2_conv1"]
    assert list(network(IMAGE[None])) == wanted[:2]


def test_the_network_is_frozen_and_takes_images_of_any_size():
    network = features.extractor("vgg16", ["block2_conv1"], weights=None)
    assert network.trainable_weights == []
    assert network.input_shape == (None, None, None, 3)
    for height, width in ((16, 160), (21, 17)):
        x = np.zeros((2, height, width, 3), "float32")
        shape = network(x)["block2_conv1"].shape
        assert shape == (2, height // 2, width // 2, 128)


def test_sixteen_pixels_are_enough_for_the_fifth_block(random_vgg16):
    x = helpers.image(16, 24)
    found = maps(x, "vgg16", ["block5_conv1"], weights=random_vgg16)
    assert found["block5_conv1"].shape == (1, 1, 512)
    assert found["block5_conv1"].max() > 0


@pytest.mark.parametrize("layers", [["block1_conv3"], ["conv", "block6_conv1"]])
def test_unknown_layers_are_refused_with_the_names_that_there_are(layers):
    with pytest.raises(ValueError) as error:
        features.extractor("vgg16", ["block1_conv1", *layers], weights=None)
    message = str(error.value)
    assert f"vgg16 has no layers {layers}" in message
    for name in topology.layer_names("vgg16"):
        assert name in message


@pytest.mark.parametrize("layers", ["block3_conv1", [], ()])
def test_what_is_no_list_of_layers_is_refused(layers):
    expected = (
        "`layers` must be a list of one name or more, such as "
        "['block1_conv1', 'block1_conv2']; `topology.layer_names('vgg16')` "
        f"has them all. Received: layers={layers!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        features.extractor("vgg16", layers, weights=None)


def test_layers_of_the_other_network_are_refused():
    layer = "block3_conv4"
    assert layer in topology.layer_names("vgg19")
    with pytest.raises(ValueError, match="vgg16 has no layers"):
        features.extractor("vgg16", [layer], weights=None)


@pytest.mark.parametrize(
    ("settings", "choices"),
    [
        ({"pooling": "mean"}, features.POOLINGS),
        ({"border": "reflect"}, features.BORDERS),
    ],
)
def test_unknown_choices_are_refused(settings, choices):
    ((argument, value),) = settings.items()
    expected = f"`{argument}` must be one of {sorted(choices)}."
    with pytest.raises(ValueError, match=re.escape(expected)) as error:
        features.extractor(
            **{"name": "vgg16", "layers": ["block1_conv1"], "weights": None}
            | settings
        )
    assert f"Received: {argument}={value!r}" in str(error.value)


def test_an_unknown_network_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="'vgg'.*'vgg16', 'vgg19'"):
        features.extractor("vgg", ["block1_conv1"], weights=None)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.h5"
    with pytest.raises(FileNotFoundError, match=str(path)):
        features.extractor("vgg16", ["block1_conv1"], weights=path)


def test_a_file_that_ends_before_the_layer_is_refused(small_vgg16):
    with pytest.raises(ValueError, match="lacks layers.*block3_conv1"):
        features.extractor("vgg16", ["block3_conv1"], weights=small_vgg16)


def test_random_weights_are_the_same_each_time():
    first, second = (
        maps(IMAGE, "vgg16", ["block1_conv2"], weights=None) for _ in range(2)
    )
    np.testing.assert_array_equal(first["block1_conv2"], second["block1_conv2"])
    assert first["block1_conv2"].std() > 1


def first_convolution(image, path, border):
    layer = "block1_conv1"
    return maps(image, "vgg16", [layer], weights=path, border=border)[layer]


def test_a_replicated_border_is_not_seen_on_a_flat_image(small_vgg16):
    flat = np.full((16, 20, 3), [0.9, 0.2, 0.4], "float32")
    seen = first_convolution(flat, small_vgg16, "replicate")
    spread = np.ptp(seen, axis=(0, 1))
    np.testing.assert_allclose(spread, 0, atol=1e-3)
    framed = first_convolution(flat, small_vgg16, "zero")
    assert np.ptp(framed, axis=(0, 1)).max() > 10
    # Away from the frame they are the same.
    np.testing.assert_allclose(seen[1:-1, 1:-1], framed[1:-1, 1:-1], atol=1e-3)


def test_a_replicated_border_repeats_the_pixels_at_the_edge(small_vgg16):
    padded = np.pad(IMAGE, ((1, 1), (1, 1), (0, 0)), mode="edge")
    expected = first_convolution(padded, small_vgg16, "zero")[1:-1, 1:-1]
    actual = first_convolution(IMAGE, small_vgg16, "replicate")
    np.testing.assert_allclose(actual, expected, atol=1e-3)


def test_preprocessing_gives_bgr_without_the_mean():
    x = np.array([1.0, 0.5, 0.0], "float32").reshape(1, 1, 1, 3)
    actual = features.Preprocessing(dtype="float32")(x)[0, 0, 0]
    expected = [0 - 103.939, 127.5 - 116.779, 255 - 123.68]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize("block", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("kind", "reduce"),
    [
        ("max", np.max),
        ("avg", np.mean),
        ("l2", lambda x, axis: np.sqrt(np.mean(x**2, axis) + 1e-3)),
    ],
)
def test_pooling_is_that_of_numpy_times_its_gain(kind, reduce, block):
    x = np.random.default_rng(0).exponential(size=(2, 7, 6, 3))
    x = x.astype("float32")
    actual = features.Pooling(kind, block)(x)
    # What is left of an odd side is cut off.
    windows = x[:, :6].reshape(2, 3, 2, 3, 2, 3)
    expected = reduce(windows, axis=(2, 4)) * features.POOLINGS[kind][block - 1]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.weights
@pytest.mark.parametrize("pooling", ["avg", "l2"])
def test_gains_keep_the_mean_activation_of_max_pooling(pooling, real_vgg19):
    wanted = [f"block{block}_pool" for block in range(1, 5)]
    networks = [
        features.extractor("vgg19", wanted, kind, real_vgg19)
        for kind in (pooling, "max")
    ]
    ratios = []
    for name in ("astronaut", "cat", "coffee"):
        photo = images.load(ROOT / "examples" / f"{name}.jpg", 96)
        found = [network(photo[None]) for network in networks]
        means = [[np.mean(x[layer]) for layer in wanted] for x in found]
        ratios.append(np.divide(*means))
    # Each gain was measured with the ones before it in place.
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.15)


@pytest.mark.parametrize("pooling", ["max", "avg", "l2"])
def test_bfloat16_is_close_to_float32(pooling, small_vgg16):
    layers = ["block1_conv1", "block2_conv2", "block2_pool"]
    exact = maps(IMAGE, "vgg16", layers, pooling, small_vgg16)
    network = features.extractor(
        "vgg16", layers, pooling, small_vgg16, dtype="bfloat16"
    )
    for layer, x in network(IMAGE[None]).items():
        assert x.dtype == "bfloat16"
        difference = tf.cast(x[0], "float32") - exact[layer]
        error = np.linalg.norm(difference) / np.linalg.norm(exact[layer])
        assert 0 < error < 0.01, layer


@pytest.mark.parametrize("pooling", ["max", "avg", "l2"])
def test_gradients_are_finite_on_flat_images(pooling, small_vgg16):
    layer = "block2_pool"
    network = features.extractor("vgg16", [layer], pooling, small_vgg16)
    for value in (0.0, 0.5, 1.0):
        x = tf.fill((1, 16, 16, 3), value)
        with tf.GradientTape() as tape:
            tape.watch(x)
            energy = tf.reduce_mean(network(x)[layer] ** 2)
        gradient = tape.gradient(energy, x)
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_a_saved_network_gives_the_same_maps(tmp_path, small_vgg16):
    layers = ["block1_conv2", "block2_conv1"]
    network = features.extractor("vgg16", layers, "l2", small_vgg16)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    for layer, x in network(IMAGE[None]).items():
        np.testing.assert_array_equal(loaded(IMAGE[None])[layer], x)


def test_poolings_of_everywhere_cover_what_those_of_mirror_cover():
    layers = ["block1_pool", "block2_pool"]
    shapes = [
        features.network("vgg16", layers, border=border).compute_output_shape(
            (1, 64, 80, 3)
        )
        for border in ("everywhere", "mirror")
    ]
    assert shapes[0] == shapes[1]
    assert shapes[0]["block2_pool"] == (1, 20, 24, 128)


def test_maps_of_everywhere_know_of_no_edge():
    """Block 3 once saw the zeros of block 2, beside 8 mirrored pixels."""
    network = features.network("vgg16", ["block3_conv1"], border="everywhere")
    image = helpers.image(40, 48)[None]
    sides = ((0, 0), (32, 32), (32, 32), (0, 0))
    wide = np.pad(image, sides, mode="symmetric")
    maps, expected = (
        np.asarray(network(x)["block3_conv1"])[0] for x in (image, wide)
    )
    assert maps.shape == (14, 16, 256)  # Of 8 pixels more at each edge.
    inside, expected = maps[2:-2, 2:-2], expected[10:-10, 10:-10]
    np.testing.assert_allclose(inside, expected, rtol=1e-3, atol=1e-3)


def test_maps_of_block_4_know_of_no_edge():
    """They did where 16 pixels were mirrored; a frame of the picture did."""
    layer = "block4_conv1"
    network = features.network("vgg_distilled", [layer], border="everywhere")
    # Of one colour in each row, and of rows that are alike at the edges.
    image = np.full((96, 48, 3), 0.2, np.float32)
    image[40:56] = 0.9
    maps = np.asarray(network(image[None])[layer])[0]
    edge, inside = maps[1:-1, 1], maps[1:-1, 4]  # The margin is cut off.
    np.testing.assert_allclose(edge, inside, rtol=1e-4, atol=1e-5)


def test_block_5_has_no_maps_without_edges():
    for border in ("everywhere", "none"):
        with pytest.raises(ValueError, match="for block 5.*'block5_conv1'"):
            features.network("vgg16", ["block5_conv1"], border=border)


def test_a_mirrored_border_continues_the_image(small_vgg16):
    layers = ["block1_conv2", "block2_conv1"]
    sides = ((8, 8), (8, 8), (0, 0))
    continued = np.pad(IMAGE, sides, mode="symmetric")
    expected = maps(continued, "vgg16", layers, weights=small_vgg16)
    actual = maps(IMAGE, "vgg16", layers, weights=small_vgg16, border="mirror")
    for layer in layers:
        assert actual[layer].shape == expected[layer].shape
        # The outermost sees the ninth pixel, which is not in `continued`.
        inner = (slice(2, -2), slice(2, -2))
        np.testing.assert_allclose(
            actual[layer][inner], expected[layer][inner], rtol=1e-4, atol=1e-2
        )


THIN_LAYERS = ["block1_conv1", "block3_conv1", "block4_conv2", "block5_conv1"]


def test_the_network_in_the_package_has_not_changed(golden):
    found = maps(IMAGE, "vgg_distilled", THIN_LAYERS)
    means = [found[layer].mean((0, 1)) for layer in THIN_LAYERS]
    actual = np.concatenate(means)
    expected = golden("vgg_distilled", actual)
    np.testing.assert_allclose(actual, expected, atol=2e-3)


def test_the_network_in_the_package_has_heads_for_its_convolutions():
    network = features.extractor("vgg_distilled", ["block1_conv2"])
    names = [layer.name for layer in network.layers]
    assert names[-3:] == ["block1_conv1", "block1_conv2", "block1_conv2_head"]
    # Coordinates have both signs, and a mean square of about 1.
    values = np.array(network(IMAGE[None])["block1_conv2"])
    assert values.min() < 0 < values.max()
    assert 0.1 < np.square(values).mean() < 10


@pytest.mark.weights
def test_the_network_in_the_package_sees_as_its_teacher(real_vgg19):
    """Relative distances between pictures, as style and content losses."""
    pictures = [
        images.load(ROOT / "examples" / name, 192)
        for name in ("cat.jpg", "coffee.jpg", "impasto.jpg", "woodcut.jpg")
    ]
    distances = []
    for name, path in (("vgg19", real_vgg19), ("vgg_distilled", None)):
        network = features.extractor(
            name, THIN_LAYERS, weights=path or "imagenet"
        )
        found = [network(picture[None]) for picture in pictures]
        for layer in THIN_LAYERS:
            grams = [losses.gram_matrix(f[layer])[0] for f in found]
            gaps = [
                np.linalg.norm(one - other) / np.linalg.norm(other)
                for one in grams
                for other in grams
                if one is not other
            ]
            distances.append(gaps)
    theirs, ours = np.split(np.array(distances), 2)
    np.testing.assert_allclose(ours, theirs, rtol=0.35)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.95
