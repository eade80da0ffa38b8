"""The networks against those that Keras makes, with the same weights."""

import h5py
import keras
import numpy as np
import pytest

import helpers
from tfstyle import features
from tfstyle.dreams import deepdream
from tfstyle.dreams.config import DreamConfig
from tfstyle.features import applications
from tfstyle.optimization import gatys
from tfstyle.optimization.config import GatysConfig
from tfstyle.pretrained import topology, weights

IMAGE = helpers.image(80, 96)
MAKERS = {
    "inception_v3": (
        keras.applications.InceptionV3,
        keras.applications.inception_v3.preprocess_input,
    ),
    "resnet50": (
        keras.applications.ResNet50,
        keras.applications.resnet50.preprocess_input,
    ),
}
LAYERS = {
    "inception_v3": ["mixed3", "activation_93", "max_pooling2d"],
    "resnet50": ["conv4_block3_out", "conv5_block1_add", "pool1_pool"],
}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def whole(request, tmp_path_factory):
    """Name, Keras' network, and a file of its random weights."""
    model = MAKERS[request.param][0](include_top=False, weights=None)
    path = tmp_path_factory.mktemp("whole") / "own.h5"
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        groups = [layer.name for layer in model.layers]
        file.attrs["layer_names"] = [group.encode() for group in groups]
        for layer in model.layers:
            arrays = [
                w * random.uniform(0.9, 1.1) + (w.ndim == 1) * 0.01
                for w in layer.get_weights()
            ]
            layer.set_weights(arrays)
            helpers.write_layer(
                file, layer.name, {f"w_{i}": a for i, a in enumerate(arrays)}
            )
    return request.param, model, path


def test_layers_are_those_of_keras_by_any_name(whole):
    name, model, _ = whole
    copy = applications.network(name, topology.layer_names(name))
    assert len(copy.outputs) == len(model.layers) - 1  # Without the input.


def test_maps_are_those_of_keras(whole):
    name, model, path = whole
    wanted = LAYERS[name]
    network = features.extractor(name, wanted, weights=path)
    actual = network(IMAGE[None])
    # Keras numbers this model's layers on from those it made before.
    names = applications.stable_names(model)
    places = {names[layer.name]: layer for layer in model.layers}
    full = keras.Model(
        model.input, {layer: places[layer].output for layer in wanted}
    )
    expected = full(MAKERS[name][1](255 * IMAGE[None]))
    for layer in wanted:
        scale = np.abs(expected[layer]).max()
        np.testing.assert_allclose(
            actual[layer] / scale, expected[layer] / scale, atol=1e-4
        )
    assert not network.trainable_weights


def test_maps_may_be_bfloat16():
    network = applications.network("inception_v3", ["mixed0"], "bfloat16")
    assert [output.dtype for output in network.outputs] == ["bfloat16"]
    maps = network(2 * IMAGE[None] - 1)["mixed0"]
    assert np.isfinite(keras.ops.cast(maps, "float32")).all()


def test_mirror_continues_the_image():
    sizes = [
        features.extractor(
            "resnet50", ["conv2_block1_out"], weights=None, border=border
        )(IMAGE[None])["conv2_block1_out"].shape[1:3]
        for border in ("zero", "mirror")
    ]
    assert sizes == [(20, 24), (36, 40)]


def test_pooling_is_as_trained():
    with pytest.raises(ValueError, match="`pooling` must be one of .'max'"):
        features.extractor("resnet50", ["conv1_relu"], "avg", None)


def test_wrong_files_are_refused(whole, small_vgg16, tmp_path):
    name, _, path = whole
    with pytest.raises(ValueError, match=f"the weights of {name} without"):
        weights.check(name, LAYERS[name], small_vgg16)
    with pytest.raises(ValueError, match=r"no layers \['block1_conv1'\]"):
        weights.check(name, ["block1_conv1"], path)
    bad = tmp_path / "bad.h5"
    bad.write_bytes(path.read_bytes())
    with h5py.File(bad, "a") as file:
        group = next(g for g in file.values() if len(g))
        next(iter(group.values()))[...] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        weights.check(name, LAYERS[name], bad)
    weights.check(name, LAYERS[name], path)


def test_other_networks_paint_and_dream(whole):
    # By a shallow layer, which is quick.
    name, _, path = whole
    if name != "inception_v3":
        pytest.skip("one network says it for both")
    shared = {"features": name, "feature_weights": path, "size": 48}
    losses = []

    def on_step(progress, picture):
        if progress.losses:
            losses.append(progress.losses["total"])

    layers = {LAYERS[name][-1]: 1.0}
    config = GatysConfig(
        steps=30,
        learning_rate=0.01,
        content_layers=layers,
        style_layers=layers,
        style_loss="gram",
        **shared,
    )
    gatys.stylize(IMAGE, helpers.image(80, 80, seed=1), config, on_step)
    assert losses[-1] < 0.9 * losses[0]
    losses.clear()
    config = DreamConfig(steps=3, octaves=1, layers=layers, **shared)
    picture = deepdream.deep_dream(IMAGE, config, on_step)
    assert picture.shape == (40, 48, 3)
    assert losses[-1] > 1.01 * losses[0]
