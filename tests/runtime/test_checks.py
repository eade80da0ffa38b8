"""Checks of settings name the setting and what was received."""

import math

import numpy as np
import pytest

from tfstyle.runtime import checks


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.weight, [0, 0.5, 1e9], [-1, math.inf, math.nan]),
        (checks.fraction, [0, 0.5, 1], [-0.01, 1.01, math.nan]),
        (checks.positive, [0.1, 7], [0, -1, math.inf, math.nan]),
        (checks.truth, [True, np.False_], ["no", 1, None, np.ones(1, bool)]),
        (checks.weights, [(1.0,), (0.0, 2.0)], [(), (0.0,), (1.0, -1.0)]),
    ],
)
def test_values(check, good, bad):
    for value in good:
        check("amount", value)
    for value in bad:
        with pytest.raises(ValueError, match="`amount`"):
            check("amount", value)


def test_choices():
    checks.choice("kind", "a", ("a", "b"))
    with pytest.raises(ValueError, match="`kind` must be one of a, b.*'c'"):
        checks.choice("kind", "c", ("a", "b"))
