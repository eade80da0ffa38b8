import gc

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import features
from tfstyle.features import convolution
from tfstyle.runtime import devices, processor

devices.start("cpu")

WAYS = {
    "forward": convolution.FORWARD,
    "backward": convolution.BACKWARD,
    "winograd": convolution.WINOGRAD,
}
X86 = pytest.mark.skipif(not processor.flags(), reason="Linux on x86 only")


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def machine(monkeypatch, onednn, avx512):
    monkeypatch.setattr(processor, "flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(processor, "has_onednn", lambda: onednn)
    monkeypatch.setattr(processor, "has_avx512", lambda: avx512)


def taken(monkeypatch, way):
    """Makes every layer of 3x3 take one way."""
    monkeypatch.setattr(convolution, "choose", lambda inputs, outputs: way)


def derivatives(function, x, *weights):
    """Result, and derivatives of a weighted sum of it."""
    with tf.GradientTape() as tape:
        tape.watch([x, *weights])
        y = function(x, *weights)
        total = tf.reduce_sum(y * numbers(*y.shape, seed=3))
    return [y, *tape.gradient(total, [x, *weights])]


def close(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        largest = np.abs(other).max()
        np.testing.assert_allclose(one, other, atol=3e-5 * largest)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("zeros", [0, 1])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_ways_differ_by_rounding_alone(way, zeros, compiled):
    x, kernel = tf.constant(numbers(2, 9, 11, 5)), numbers(3, 3, 5, 7)

    def plain(x, kernel):
        return tf.nn.conv2d(x, kernel, 1, ["VALID", "SAME"][zeros])

    def ours(x, kernel):
        prepared = convolution._prepare(way, kernel)
        return convolution._differentiable(way, zeros)(x, kernel, *prepared)

    kernel = tf.constant(kernel)
    ours = tf.function(ours) if compiled else ours
    close(derivatives(ours, x, kernel), derivatives(plain, x, kernel))


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("sides", ["same", "valid"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_layers_are_those_of_keras(way, sides, frozen, monkeypatch):
    taken(monkeypatch, way)
    theirs = keras.layers.Conv2D(6, 3, padding=sides, activation="relu")
    layer = convolution.Conv2D.from_config(theirs.get_config())
    x = tf.constant(numbers(1, 8, 12, 4))
    theirs.build(x.shape)
    layer.build(x.shape)
    weights = [numbers(3, 3, 4, 6), numbers(6)]
    theirs.set_weights(weights)
    layer.set_weights(weights)
    if frozen:
        layer.freeze()
    expected = derivatives(theirs, x)
    for call in (layer, tf.function(layer, autograph=False)):
        close(derivatives(call, x), expected)


def test_layers_train(monkeypatch):
    taken(monkeypatch, convolution.BACKWARD)
    layer = convolution.Conv2D(2, 3, padding="same")
    model = keras.Sequential([keras.Input((8, 8, 4)), layer])
    model.compile("sgd", "mse")
    before = layer.kernel.numpy()
    model.fit(numbers(2, 8, 8, 4), numbers(2, 8, 8, 2), verbose=0)
    assert np.abs(layer.kernel.numpy() - before).max() > 1e-4


@pytest.mark.parametrize(
    ("onednn", "avx512", "many", "few"),
    [
        (False, False, convolution.WINOGRAD, convolution.FORWARD),
        (False, True, convolution.WINOGRAD, convolution.FORWARD),
        (True, False, convolution.WINOGRAD, convolution.BACKWARD),
        (True, True, convolution.WINOGRAD, None),
    ],
)
def test_the_way_follows_the_processor(onednn, avx512, many, few, monkeypatch):
    machine(monkeypatch, onednn, avx512)
    assert convolution.choose(128, 256) is many
    assert convolution.choose(128, 64) is few
    assert convolution.choose(16, 16) is few
    assert convolution.choose(3, 64) is None


def test_other_processors_and_devices_have_the_way_of_keras(monkeypatch):
    machine(monkeypatch, True, False)
    monkeypatch.setattr(processor, "flags", frozenset)
    assert convolution.choose(256, 256) is None
    machine(monkeypatch, True, False)
    monkeypatch.setattr(devices, "kind", lambda: "GPU")
    assert convolution.choose(256, 256) is None


@pytest.mark.parametrize(
    "settings", [{"kernel_size": 1}, {"kernel_size": 3, "dtype": "bfloat16"}]
)
def test_other_sizes_and_precisions_have_the_way_of_keras(
    settings, monkeypatch
):
    taken(monkeypatch, None)
    monkeypatch.setattr(convolution, "choose", lambda *_: pytest.fail("asked"))
    layer = convolution.Conv2D(4, **settings)
    assert layer(numbers(1, 8, 8, 4)).shape[-1] == 4


def operations(function, *arguments):
    graph = tf.function(function, autograph=False)
    return {
        operation.type
        for operation in graph.get_concrete_function(
            *arguments
        ).graph.get_operations()
    }


def test_what_runs_elsewhere_has_convolutions_alone(monkeypatch):
    machine(monkeypatch, True, False)
    layer = convolution.Conv2D(4, 3)
    x = tf.constant(numbers(1, 8, 8, 4))
    layer(x)
    assert "Conv2D" not in operations(layer, x)
    assert "Conv2D" in operations(convolution.portable(layer), x)
    assert "Conv2D" not in operations(layer, x)


@X86
def test_the_networks_of_the_package_take_these_ways():
    network = features.extractor("vgg_distilled", ["block4_conv2"])
    layers = [x for x in network.layers if isinstance(x, convolution.Conv2D)]
    frozen = {layer.name for layer in layers if layer._frozen is not None}
    assert "block4_conv2" in frozen and "block1_conv1" not in frozen


def test_no_random_numbers_are_made_for_weights_that_follow():
    def kernel(sure):
        with convolution.weights_follow(sure):
            network = features.network("vgg16", ["block1_conv1"])
        return network.get_weights()[0]

    assert np.any(kernel(False)) and not np.any(kernel(True))


def test_sizes_share_the_graph_of_a_gradient():
    def graphs():
        gc.collect()
        return sum(
            isinstance(x, tf.__internal__.FuncGraph) for x in gc.get_objects()
        )

    way = convolution.WINOGRAD
    kernel = tf.constant(numbers(3, 3, 4, 4))

    def step(x):
        prepared = convolution._prepare(way, kernel)
        function = convolution._differentiable(way, 1)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(function(x, kernel, *prepared))
        return tape.gradient(y, x)

    def trace(side):
        tf.function(step, autograph=False)(tf.ones((1, side, side, 4)))

    trace(8)
    before = graphs()
    for side in range(9, 15):
        trace(side)
    assert graphs() <= before + 2
