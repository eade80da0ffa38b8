import numpy as np
import pytest

from tfstyle.adain import modulation


def test_modulation_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0], np.float32).reshape(1, 1, 2, 2)
    factors = np.array([0.5, -1, 10, 20], np.float32).reshape(1, 1, 1, 4)
    found = modulation.Modulation()([x, factors])
    np.testing.assert_allclose(np.ravel(found), [11.5, 20, 14.5, 20])


@pytest.mark.parametrize("batch", [1, 2])
def test_scale_and_shift_like_numpy(batch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 5, 4)).astype(np.float32)
    scale, shift = rng.normal(size=(2, batch, 1, 1, 4)).astype(np.float32)
    found = modulation.scale_and_shift(x, scale, shift)
    np.testing.assert_allclose(found, x * scale + shift, rtol=1e-6)


def test_rows_of_one_photograph_get_the_numbers_of_several_regions():
    x = np.ones((1, 2, 3, 1), np.float32)
    scale = np.array([2.0, 3.0], np.float32).reshape(2, 1, 1, 1)
    found = modulation.scale_and_shift(x, scale, np.zeros_like(scale))
    np.testing.assert_allclose(found[:, 1, 2, 0], [2, 3])
