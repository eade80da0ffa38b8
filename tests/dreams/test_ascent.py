import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle.dreams import ascent, excitation
from tfstyle.dreams.config import DreamConfig
from tfstyle.optimization import run

HOW_TO_REGENERATE = (
    "If the change is meant, run `pytest --update-golden` and say in the "
    "commit message why the numbers moved."
)
PHOTO = helpers.image(60, 90)
DREAMT = helpers.image(60, 90, seed=6)
SHIFTS = [(0, 0), (3, 14)]


@pytest.fixture(scope="module")
def config(small_vgg16):
    return DreamConfig(
        features="vgg16",
        feature_weights=small_vgg16,
        layers={"block1_conv2": 1.0, "block2_conv2": 1.0},
        precision="float32",
        jitter=16,
        tv_weight=0.0,
        levels=3,
    )


@pytest.fixture(scope="module")
def network(config):
    return excitation.make_network(*run.resolve(config))


@pytest.fixture(scope="module")
def scores(network, config):
    return excitation.scores(network, PHOTO, None, config)


def step(network, scores, config, shift=(0, 0), photo=PHOTO, shape=None):
    """One step; the octave, the gradient, the picture and the values."""
    octave = ascent.Octave(network, scores, shape or photo.shape[:2], config)
    picture = tf.constant(photo[None])
    look = octave.begin(picture, np.array(shift))
    for index in range(len(octave.tiles)):
        look = octave.add(look, index)
    climbed, values = octave.end(picture, look, ascent.edges(PHOTO, config))
    values = {name: float(value) for name, value in values.items()}
    return octave, look.gradient.numpy(), climbed.numpy()[0], values


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("tile", [48, 65])
def test_tiles_change_nothing(network, scores, config, shift, tile):
    whole, gradient, picture, values = step(network, scores, config, shift)
    assert len(whole.tiles) == 1
    tiled = dataclasses.replace(config, tile=tile)
    parts, part_gradient, part_picture, part_values = step(
        network, scores, tiled, shift
    )
    assert len(parts.tiles) > 4
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(
        part_gradient / scale, gradient / scale, atol=1e-5
    )
    np.testing.assert_allclose(part_picture, picture, atol=1e-5)
    assert part_values == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("tile", [40, 768])
def test_every_position_counts_once(network, scores, config, shift, tile):
    changed = dataclasses.replace(config, tile=tile)
    octave = ascent.Octave(network, scores, PHOTO.shape[:2], changed)
    look = octave.begin(tf.constant(PHOTO[None]), np.array(shift))
    shapes = network.compute_output_shape((1, *octave.window, 3))
    # What is 1 at every position has the mean 1, however it is tiled.
    for name, shape in shapes.items():
        parts = [
            octave._partial_mean(
                name, tf.ones(shape[:-1]), np.array(spans, np.int32), look
            )
            for spans in octave.tiles
        ]
        # The edge of the image may lie between two positions.
        assert sum(map(float, parts)) == pytest.approx(1, abs=0.05)


def test_the_gradient_is_that_of_the_mean_score(network, scores, config):
    octave, gradient, _, values = step(network, scores, config)
    rows, columns = (
        np.array(ascent._mirrored(size, padded, 4))
        for size, padded in zip(PHOTO.shape, octave._padded, strict=False)
    )
    folded = np.zeros_like(PHOTO)
    np.add.at(folded, (rows[:, None], columns), gradient[0])
    direction = 1e-3 * folded / np.abs(folded).max()
    up, down = (
        step(network, scores, config, photo=PHOTO + sign * direction)[3]
        for sign in (1, -1)
    )
    assert up["dream"] - down["dream"] == pytest.approx(
        2 * np.sum(folded * direction), rel=0.02
    )
    parts = values["dream/block1_conv2"] + values["dream/block2_conv2"]
    assert values["dream"] == pytest.approx(parts)


def climb(network, scores, config):
    """Values at a fixed picture, and the gradient of the scores in blocks."""
    costly = dataclasses.replace(config, content_weight=0.5, tv_weight=0.5)
    _, gradient, _, values = step(
        network, scores, costly, shift=(3, 5), photo=DREAMT
    )
    size = np.sqrt(np.mean(np.square(gradient)))
    values = np.array([size, *values.values()])
    return values, helpers.blocks(gradient[0] / size)


def assert_alike(actual, expected):
    # Kernels for other processors change values by 3e-7, gradients by 6e-7.
    for found, wanted, tolerance in zip(
        actual, expected, [{"rtol": 1e-4}, {"atol": 3e-4}], strict=True
    ):
        np.testing.assert_allclose(
            found, wanted, **tolerance, err_msg=HOW_TO_REGENERATE
        )


def test_a_step_has_not_changed(network, scores, config, golden):
    actual = climb(network, scores, config)
    names = ("ascent", "ascent_gradient")
    assert_alike(actual, list(map(golden, names, actual)))


@pytest.mark.parametrize("layer", ["block1_conv2", "block2_conv2"])
def test_one_percent_of_a_weight_would_be_seen(network, scores, config, layer):
    score = scores[layer]
    heavier = score._replace(weight=1.01 * score.weight)
    changed = climb(network, {**scores, layer: heavier}, config)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_alike(changed, climb(network, scores, config))


def test_a_step_changes_values_by_the_step_size(network, scores, config):
    grey = 0.25 + 0.5 * PHOTO  # So that nothing is clipped.
    _, _, picture, values = step(network, scores, config, photo=grey)
    change = np.sqrt(np.mean((picture - grey) ** 2))
    assert change == pytest.approx(config.step_size, rel=1e-3)
    after = step(network, scores, config, photo=picture)[3]
    assert after["dream"] > 1.05 * values["dream"]


def test_costs_lower_the_total_and_hold_the_picture(network, scores, config):
    costly = dataclasses.replace(config, content_weight=2.0, tv_weight=3.0)
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.05, PHOTO.shape)
    noisy = np.clip(PHOTO + noise, 0, 1).astype("float32")
    octave = ascent.Octave(network, scores, PHOTO.shape[:2], costly)
    picture = tf.constant(noisy[None])
    look = octave.add(octave.begin(picture, np.array([0, 0])), 0)
    _, values = octave.end(picture, look, ascent.edges(PHOTO, costly))
    costs = values["content"] + values["tv"]
    assert values["content"] > 0 and values["tv"] > 0
    np.testing.assert_allclose(
        values["total"], values["dream"] - costs, rtol=1e-5
    )
    assert step(network, scores, costly)[3]["content"] < 1e-9


@pytest.mark.slow  # XLA compiles for a minute.
def test_xla_gives_the_same_step(network, scores, config):
    pictures = [
        step(
            network,
            scores,
            dataclasses.replace(config, tile=48, jit_compile=choice),
        )[2]
        for choice in ("off", "on")
    ]
    np.testing.assert_allclose(pictures[1], pictures[0], atol=1e-4)


def test_each_size_is_traced_once(network, scores, config):
    traces = []
    counting = {
        name: score._replace(
            function=lambda maps, f=score.function: (traces.append(1), f(maps))[
                1
            ]
        )
        for name, score in scores.items()
    }
    tiled = dataclasses.replace(config, tile=48)
    octave = ascent.Octave(network, counting, PHOTO.shape[:2], tiled)
    picture = tf.constant(PHOTO[None])
    for shift in SHIFTS:
        look = octave.begin(picture, np.array(shift))
        for index in range(len(octave.tiles)):
            look = octave.add(look, index)
        picture, _ = octave.end(picture, look, {})
    assert len(traces) == len(scores)


def test_a_gradient_that_is_not_finite_moves_nothing(network, scores, config):
    wrong = {
        name: score._replace(weight=np.inf) for name, score in scores.items()
    }
    _, _, picture, values = step(network, wrong, config)
    assert not np.isfinite(values["total"])
    np.testing.assert_array_equal(picture, PHOTO)


def test_small_tiles_are_refused_with_what_is_needed(network, scores, config):
    small = dataclasses.replace(config, tile=32)
    with pytest.raises(ValueError, match="at least 34 for these layers"):
        step(network, scores, small)


@pytest.mark.parametrize("shape", [(33, 50), (2, 2), (1, 9), (16, 16)])
@pytest.mark.parametrize("levels", [1, 3, 20])
def test_bands_have_equal_strength(shape, levels):
    random = np.random.default_rng(0)
    gradient = random.normal(size=(1, *shape, 3)).astype("float32")
    direction = ascent.normalize(tf.constant(1e-30 * gradient), levels).numpy()
    assert np.sqrt(np.mean(direction**2)) == pytest.approx(1, rel=1e-3)
    if levels == 1:
        scaled = gradient / np.sqrt(np.mean(gradient**2))
        np.testing.assert_allclose(direction, scaled, rtol=1e-3, atol=1e-4)


def test_more_bands_make_it_coarser():
    random = np.random.default_rng(0)
    noise = tf.constant(random.normal(size=(1, 64, 64, 3)).astype("float32"))
    rough = [
        float(tf.reduce_mean(tf.abs(d[:, 1:] - d[:, :-1])))
        for d in (ascent.normalize(noise, levels) for levels in (1, 2, 4))
    ]
    assert rough[0] > rough[1] > rough[2]


def test_no_gradient_gives_no_direction():
    zeros = tf.zeros((1, 16, 16, 3))
    np.testing.assert_array_equal(ascent.normalize(zeros, 3), zeros)
