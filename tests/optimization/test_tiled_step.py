"""Steps over tiles: the loss and its gradient are those of whole pictures."""

import numpy as np
import pytest
import tensorflow as tf

import helpers
from network_cases import settings
from tfstyle import features
from tfstyle.controls import regions
from tfstyle.features import tiles
from tfstyle.objective.terms import make_terms
from tfstyle.optimization import descent, tiled_loss, tiled_step
from tfstyle.optimizers.adam_in_place import InPlace

SHAPE = (60, 83)
SIDE = 32
PHOTO, PAINTED = helpers.image(*SHAPE), helpers.image(*SHAPE, seed=6)
STYLES = [helpers.image(70, 50, seed=1), helpers.image(64, 90, seed=2)]
LAYERS = ["block1_conv1", "block1_conv2", "block2_conv1"]
LEFT = np.zeros(SHAPE, "float32")
LEFT[:, :30] = 1
ALL = {
    "tv_weight": 2,
    "chroma_weight": 0.1,
    "structure_weight": 0.5,
    "evenness_weight": 2,
    "layout_weight": 3,
}
OPTIMIZER = InPlace(steps=10, levels=3)


@pytest.fixture(scope="module")
def network(small_vgg16):
    return features.extractor(
        "vgg16", LAYERS, weights=small_vgg16, border="mirror"
    )


def make_step(network, terms, pause=lambda part: False, optimizer=OPTIMIZER):
    tiling = tiles.Tiling(network.name, network.output, SHAPE, SIDE)
    assert len(tiling.tiles) == 12
    return tiled_step.Step(
        tiled_loss.Loss(network, terms, tiling, pause), optimizer
    )


def whole(network, terms):
    """Loss, gradient and terms of the picture, seen at once."""
    image = tf.constant(PAINTED[None])
    with tf.GradientTape() as tape:
        tape.watch(image)
        maps = network(image)
        values = {
            n: t.weight * t.loss(image, maps)[0] for n, t in terms.items()
        }
        value = tf.add_n(list(values.values()))
    return value, np.asarray(tape.gradient(value, image)), values


CASES = {
    "gram": {"style_loss": "gram", "histogram_weight": 0.5},
    "wasserstein": {"style_loss": "wasserstein", "histogram_weight": 0.5},
    "regions": {"style_loss": "gram"},
}


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_those_of_the_whole(network, case):
    config = settings(**ALL, **CASES[case])
    halves = None
    if case == "regions":
        halves = regions.from_masks(PHOTO, STYLES, [LEFT, 1 - LEFT])
    terms = make_terms(network, PHOTO, STYLES, config, halves)
    state = OPTIMIZER.init(PAINTED[None], tuple(terms))
    gradients = []
    recorder = Recorder(gradients)
    found = make_step(network, terms, optimizer=recorder)(state)
    value, gradient, values = whole(network, terms)
    assert float(found.value) == pytest.approx(float(value), rel=1e-5)
    assert {n: float(x) for n, x in found.aux.items()} == pytest.approx(
        {n: float(x) for n, x in values.items()}, rel=1e-4, abs=1e-6
    )
    gap = np.linalg.norm(gradients[0] - gradient)
    assert gap < 1e-5 * np.linalg.norm(gradient)


def test_norms_of_gradients_are_those_of_the_whole(network):
    terms = make_terms(network, PHOTO, STYLES, settings(**ALL, **CASES["gram"]))
    image = tf.constant(PAINTED[None])
    tiling = tiles.Tiling(network.name, network.output, SHAPE, SIDE)
    found = tiled_step.gradient_norms(network, terms, tiling)(image)
    expected = descent.compile_gradients(network, terms)(image)
    assert [*found] == [*terms] and all(found.values())
    assert found == pytest.approx(expected, rel=1e-4)


class Recorder(InPlace):
    """Adam that keeps the gradients it gets."""

    def __init__(self, gradients):
        super().__init__(steps=10, levels=3)
        object.__setattr__(self, "gradients", gradients)

    def step_in_place(self, state, value, gradient, aux):
        self.gradients.append(gradient.copy())
        return super().step_in_place(state, value, gradient, aux)


def test_the_run_can_be_ended_after_any_tile(network):
    terms = make_terms(network, PHOTO, STYLES, settings(**ALL))
    state = OPTIMIZER.writable(OPTIMIZER.init(PAINTED[None], tuple(terms)))
    parts = []

    def pause(part):
        parts.append(part)
        return len(parts) == end

    step = make_step(network, terms, pause)
    for end in (1, 15):
        parts.clear()
        assert step(state) is None
        assert len(parts) == end
        np.testing.assert_array_equal(state.x[0], PAINTED)
        assert not state.mean.any()
    end = 0
    parts.clear()
    assert step(state) is not None
    assert parts == sorted(parts) and 0 < parts[0] and parts[-1] < 1


def test_a_picture_can_be_evaluated_and_stays(network):
    terms = make_terms(network, PHOTO, STYLES, settings())
    state = OPTIMIZER.writable(OPTIMIZER.init(PAINTED[None], tuple(terms)))
    step = make_step(network, terms)
    found = step.evaluated(state)
    assert found.x is state.x and found.count == state.count
    np.testing.assert_array_equal(state.x[0], PAINTED)
    assert float(found.value) == float(step(state).value)
