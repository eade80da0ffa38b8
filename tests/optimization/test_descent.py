import dataclasses
import gc
import os
import shutil
import weakref

import h5py
import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.objective.terms import make_terms
from tfstyle.optimization import descent, run
from tfstyle.optimization.config import GatysConfig

HOW_TO_REGENERATE = (
    "If the change is meant, run `pytest --update-golden` and say in the "
    "commit message why the numbers moved."
)
PHOTO, WAVE = helpers.image(32, 40, seed=0), helpers.image(48, 30, seed=1)
NIGHT = helpers.image(24, 24, seed=2)
PAINTED = helpers.image(32, 40, seed=6)


@pytest.fixture
def config(small_vgg16):
    return GatysConfig(
        features="vgg16",
        feature_weights=small_vgg16,
        content_layers={"block2_conv1": 1.0},
        style_layers={"block1_conv1": 1.0},
        precision="float32",
    )


@pytest.fixture
def all_terms(config):
    return dataclasses.replace(
        config,
        style_layers={"block1_conv1": 1.0, "block1_conv2": 1.0},
        content_weight=1.0,
        style_weight=10.0,
        tv_weight=1.0,
        chroma_weight=0.1,
        structure_weight=0.1,
        evenness_weight=0.1,
        layout_weight=0.1,
        histogram_weight=0.1,
    )


def make_network(config):
    return descent.make_network(*run.resolve(config))


def pulls(config):
    """What each term does at a fixed picture.

    Returns:
        Its value and the size of its gradient, of shape `(2, terms)`, and the
        gradient in blocks, for a size of 1.
    """
    network = make_network(config)
    terms = make_terms(network, PHOTO, [WAVE, NIGHT], config)
    image = tf.constant(PAINTED[None])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        maps = network(image)
        values = [t.weight * t.loss(image, maps)[0] for t in terms.values()]
    gradients = [tape.gradient(value, image)[0].numpy() for value in values]
    sizes = [np.sqrt(np.mean(np.square(g))) for g in gradients]
    directions = [g / n for g, n in zip(gradients, sizes, strict=True)]
    return np.array([values, sizes]), np.array(
        list(map(helpers.blocks, directions))
    )


def assert_alike(actual, expected):
    """Seven times what kernels for other processors change."""
    for found, wanted, tolerance in zip(
        actual, expected, [{"rtol": 3e-4}, {"atol": 3e-3}], strict=True
    ):
        np.testing.assert_allclose(
            found, wanted, **tolerance, err_msg=HOW_TO_REGENERATE
        )


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_the_objective_has_not_changed(all_terms, golden, style_loss):
    config = dataclasses.replace(all_terms, style_loss=style_loss)
    actual = pulls(config)
    names = (f"objective_{style_loss}", f"objective_{style_loss}_gradients")
    assert_alike(actual, list(map(golden, names, actual)))


@pytest.mark.parametrize(
    "changes",
    [
        {"content_weight": 1.01},
        {"style_weight": 10.1},
        {"tv_weight": 1.01},
        {"chroma_weight": 0.101},
        {"structure_weight": 0.101},
        {"histogram_weight": 0.101},
        {"style_layers": {"block1_conv1": 1.01, "block1_conv2": 1.0}},
        {"style_mix": (1.01, 1.0)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_one_percent_would_be_seen(all_terms, changes):
    changed = dataclasses.replace(all_terms, **changes)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_alike(pulls(changed), pulls(all_terms))


@pytest.mark.parametrize(
    "layer", ["block1_conv1", "block1_conv2", "block2_conv1"]
)
def test_noise_of_one_percent_in_a_kernel_would_be_seen(
    all_terms, layer, tmp_path
):
    path = shutil.copy(all_terms.feature_weights, tmp_path / "vgg16.h5")
    with h5py.File(path, "r+") as file:
        kernel = file[f"{layer}/{layer}_W_1:0"]
        noise = np.random.default_rng(5).normal(1, 0.01, kernel.shape)
        kernel[...] *= noise.astype(np.float32)
    changed = dataclasses.replace(all_terms, feature_weights=str(path))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_alike(pulls(changed), pulls(all_terms))


def test_the_network_has_the_layers_of_both(config):
    network = make_network(config)
    assert set(network.output) == {"block2_conv1", "block1_conv1"}


def test_a_step_evaluates_the_sum_of_the_terms(config):
    network = make_network(config)
    terms = make_terms(network, PHOTO, [WAVE], config)
    optimizer = descent.make_optimizer(config, config.steps)
    step = descent.compile_step(network, terms, optimizer, config)
    state = step(optimizer.init(PHOTO[None], tuple(terms)))

    maps = network(PHOTO[None])
    values = {
        name: term.weight * float(term.loss(tf.constant(PHOTO[None]), maps)[0])
        for name, term in terms.items()
    }
    actual = {name: float(value) for name, value in state.aux.items()}
    assert actual == pytest.approx(values, rel=1e-4, abs=1e-6)
    assert float(state.value) == pytest.approx(sum(values.values()), rel=1e-4)


def test_a_step_goes_against_the_gradient(config):
    network = make_network(config)
    terms = make_terms(network, PHOTO, [WAVE], config)
    optimizer = descent.make_optimizer(config, config.steps)
    step = descent.compile_step(network, terms, optimizer, config)
    first = optimizer.init(np.full_like(PHOTO, 0.5)[None], tuple(terms))

    def value(picture):
        return float(step(first._replace(x=picture)).value)

    moved = step(first).x - first.x
    # Adam's first step has the sign of the gradient everywhere.
    assert value(first.x + 0.01 * moved) < value(first.x)
    assert value(first.x - 0.01 * moved) > value(first.x)


def test_gradients_are_those_of_each_term(config):
    network = make_network(config)
    terms = make_terms(network, PHOTO, [WAVE], config)
    image = tf.constant(np.full_like(PHOTO, 0.4)[None])
    expected = {}
    for name, term in terms.items():
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = term.weight * term.loss(image, network(image))[0]
        gradient = tape.gradient(value, image)
        expected[name] = np.sqrt(np.sum(np.square(gradient)))
    actual = descent.compile_gradients(network, terms)(image)
    assert actual == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert actual["style/block1_conv1"] > 0


def first_value(config, photo, style):
    """Loss of a grey picture, by the compiled step."""
    network = make_network(config)
    terms = make_terms(network, photo, [style], config)
    optimizer = descent.make_optimizer(config, config.steps)
    step = descent.compile_step(network, terms, optimizer, config)
    start = np.full_like(photo, 0.5)[None]
    return float(step(optimizer.init(start, tuple(terms))).value)


@pytest.fixture
def traces(monkeypatch):
    """What was traced since."""
    found, trace = [], descent._trace

    def remember(*arguments):
        found.append(arguments)
        return trace(*arguments)

    monkeypatch.setattr(descent, "_trace", remember)
    descent._traced.cache_clear()
    return found


def test_pictures_of_one_size_share_a_graph(config, traces):
    other = helpers.image(32, 40, seed=2)
    values = [first_value(config, p, WAVE) for p in (PHOTO, other, PHOTO)]
    assert len(traces) == 1
    assert values[0] == values[2] != values[1]
    descent._traced.cache_clear()
    assert first_value(config, other, WAVE) == values[1]


def test_other_settings_have_a_graph_of_their_own(config, traces):
    first_value(config, PHOTO, WAVE)
    others = {"style_loss": "gram", "tv_weight": 0.0, "learning_rate": 0.01}
    for count, (name, value) in enumerate(others.items(), 2):
        changed = dataclasses.replace(config, **{name: value})
        first_value(changed, PHOTO, WAVE)
        assert len(traces) == count, name


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_sizes_share_a_graph(config, traces, optimizer):
    config = dataclasses.replace(config, optimizer=optimizer)
    sizes = [helpers.image(*shape) for shape in [(40, 48), (33, 35), (37, 48)]]
    shared = [first_value(config, photo, WAVE) for photo in sizes]
    assert len(traces) == 1
    # The graph was traced for the first of them.
    for photo, value in zip(sizes[1:], shared[1:], strict=True):
        descent._traced.cache_clear()
        assert first_value(config, photo, WAVE) == value


def test_few_graphs_are_kept(config, traces):
    count = descent._STEPS + 1
    network = make_network(config)
    terms = {"tv": make_terms(network, PHOTO, [WAVE], config)["tv"]}
    for steps in range(1, 1 + count):
        optimizer = descent.make_optimizer(config, steps)
        step = descent.compile_step(network, terms, optimizer, config)
        step(optimizer.init(PHOTO[None], tuple(terms)))
    assert len(traces) == count
    assert descent._traced.cache_info().currsize == descent._STEPS


def test_a_file_of_weights_that_changed_is_read_again(config, tmp_path):
    path = tmp_path / "vgg16.h5"
    changing = dataclasses.replace(config, feature_weights=str(path))
    helpers.vgg_weights(path, blocks=2, seed=1)
    before = make_network(changing)
    assert make_network(changing) is before
    helpers.vgg_weights(path, blocks=2, seed=2)
    os.utime(path, ns=(0, 0))  # Clocks of files may be coarse.
    after = make_network(changing)
    kernels = [m.get_layer("block1_conv1").kernel for m in (before, after)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1


def test_graphs_keep_no_network_that_is_let_go(config):
    first_value(config, PHOTO, WAVE)
    network = weakref.ref(make_network(config))
    for pooling in ("avg", "l2"):
        make_network(dataclasses.replace(config, pooling=pooling))
    gc.collect()
    assert network() is None
