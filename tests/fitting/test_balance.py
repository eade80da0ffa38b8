"""The weight of a loss, and the end of a training, by held-out pictures."""

import keras
import numpy as np
import pytest

from tfstyle.fitting.balance import PATIENCE, Balance


def balance(measures=((0.8, 1.0),), epoch=2, **options):
    """Begins with the first of some measures; each call takes the next."""
    weight = keras.Variable(np.float32(5), trainable=False)
    given = iter(measures)
    return Balance(weight, lambda: next(given), epoch, **options)


@pytest.mark.parametrize(
    ("growth", "weight"), [(1.05, 5.0), (4.2, 5.0 / 8), (0.2625, 5.0 * 8)]
)
def test_the_weight_lets_the_content_grow_by_a_twentieth(growth, weight):
    found = balance()
    found.follow(growth * found.before[0], 0.5)
    value = float(found.state["style_weight"])
    np.testing.assert_allclose(value, weight, rtol=1e-5)


def test_a_given_weight_stays():
    found = balance(weigh=False)
    found.follow(4 * found.before[0], 0.5)
    assert float(found.state["style_weight"]) == 5.0


def test_it_ends_without_improvement():
    found = balance()
    styles = [0.5, 0.4, *[0.399] * PATIENCE]
    ends = [found.follow(found.before[0], style) for style in styles]
    assert ends == [False] * (len(styles) - 1) + [True]
    assert found(100)


def test_less_of_the_photograph_is_no_improvement():
    found = balance()
    found.follow(found.before[0], 0.5)
    more = [found.follow(2 * found.before[0], 0.3) for _ in range(4)]
    assert more == [False] * (PATIENCE - 1) + [True]


def test_an_epoch_is_measured_once():
    found = balance([(1.0, 1.0), (4.2, 0.9), (1.05, 0.8)])
    weights = []
    for done in (1, 2, 2, 3, 4):
        assert not found(done)
        weights.append(float(found.state["style_weight"]))
    np.testing.assert_allclose(weights, [5, 5 / 8, 5 / 8, 5 / 8, 5 / 8])
