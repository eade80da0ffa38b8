"""Adam in place: the values of `Adam`, bit for bit, strip by strip."""

import copy
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.optimizers.adam import Adam
from tfstyle.optimizers.adam_in_place import InPlace
from tfstyle.runtime import scratch

RANDOM = np.random.default_rng(0)
SHAPE = (1, 43, 59, 3)
START = RANDOM.random(SHAPE, np.float32)
GRADIENTS = RANDOM.standard_normal((6, *SHAPE)).astype("float32")
MAKES = pytest.mark.parametrize("make", [scratch.zeros, scratch.Folder().zeros])


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """Several strips of a small picture."""
    monkeypatch.setattr(scratch, "_SLICE", 16)


class Given(NamedTuple):
    """A function that returns what it was made of."""

    found: tuple

    def __call__(self, x):
        return self.found


def states(optimizer):
    """The first state, and those after each step; eager, for equal bits."""
    found = [optimizer.init(START, aux=("mean",))]
    for number, gradient in enumerate(GRADIENTS):
        value = tf.constant(5.0 - number % 3)
        evaluated = value, tf.constant(gradient), {"mean": value}
        found.append(optimizer.step(Given(evaluated), found[-1]))
    return found


def assert_equal(found, expected):
    arrays = found.to_numpy()
    for name, array in expected.to_numpy().items():
        np.testing.assert_array_equal(arrays[name], array, name)


@MAKES
@pytest.mark.parametrize("levels", [1, 4])
def test_the_first_state_is_that_of_copies(levels, make):
    found = InPlace(levels=levels, make=make).init(2 * START - 0.5, ("mean",))
    expected = Adam(levels=levels).init(2 * START - 0.5, ("mean",))
    assert_equal(found, expected)


@MAKES
@pytest.mark.parametrize("levels", [1, 4])
def test_steps_are_those_of_copies(levels, make):
    optimizer = InPlace(steps=6, levels=levels, make=make)
    first, *following = states(Adam(steps=6, levels=levels))
    state = optimizer.writable(first)
    for expected, gradient in zip(following, GRADIENTS, strict=True):
        given = expected.value, gradient.copy(), expected.aux
        state = optimizer.step_in_place(state, *given)
        assert_equal(state, expected)
        expected_picture = Adam().picture(expected)
        np.testing.assert_array_equal(
            optimizer.picture(state), expected_picture
        )


def test_a_step_that_fails_is_not_taken():
    optimizer = InPlace(steps=6)
    state = optimizer.writable(optimizer.init(START, aux=("mean",)))
    gradient = np.zeros_like(START)
    gradient[0, -1, 0, 0] = np.inf
    before = copy.deepcopy(state.to_numpy())
    found = optimizer.step_in_place(state, tf.constant(1.0), gradient, {})
    assert not optimizer.finite(found)
    after = found.to_numpy()
    # The picture of the step before is the best so far.
    changed = {"value", "best_value"} | {n for n in before if "aux" in n}
    for name in before.keys() - changed:
        np.testing.assert_array_equal(after[name], before[name], name)


@MAKES
@pytest.mark.parametrize("shape", [(61, 83), (86, 118), (43, 59)])
def test_states_are_resized_to_the_values_of_copies(shape, make):
    state = states(Adam(steps=6, levels=4))[-1]
    detail = 0.1 * RANDOM.standard_normal((*shape, 3)).astype("float32")
    optimizer = InPlace(levels=4, make=make)
    for more in (0.0, detail):
        found = optimizer.resize(state, *shape, more)
        assert_equal(found, Adam(levels=4).resize(state, *shape, more))
    again = optimizer.writable(found)
    assert again.mean is found.mean and again.coarse_mean == found.coarse_mean
    assert again.best is not again.x
    again.x[...] = 0
    assert again.best.any()


def test_a_state_is_not_changed_when_it_is_resized():
    optimizer = InPlace(levels=2)
    state = optimizer.writable(states(Adam(levels=2))[-1])
    before = {name: x.copy() for name, x in state.to_numpy().items()}
    optimizer.resize(state, 61, 83)
    for name, array in state.to_numpy().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("before", [0, 2])
def test_a_picture_stays_while_steps_follow(before):
    optimizer = InPlace(steps=6)
    state = optimizer.writable(optimizer.init(START, aux=("mean",)))
    value = tf.constant(1.0)
    for gradient in GRADIENTS[:before]:
        state = optimizer.step_in_place(state, value, gradient.copy(), {})
    picture = optimizer.picture(state)
    noted = picture.copy()
    state = optimizer.step_in_place(state, value, GRADIENTS[2].copy(), {})
    np.testing.assert_array_equal(picture, noted)
    assert np.abs(optimizer.picture(state) - noted).max() > 1e-4
