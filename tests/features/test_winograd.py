import numpy as np
import pytest
from scipy import signal

from tfstyle.features import winograd


def reference(x, kernel, zeros):
    """Of `(height, width, inputs)`, by SciPy in double precision."""
    padded = np.pad(x, ((zeros, zeros), (zeros, zeros), (0, 0)))
    return np.stack(
        [
            sum(
                signal.correlate2d(padded[..., i], kernel[..., i, o], "valid")
                for i in range(x.shape[-1])
            )
            for o in range(kernel.shape[-1])
        ],
        axis=-1,
    )


@pytest.mark.parametrize("zeros", [0, 1, 2])
@pytest.mark.parametrize("height,width", [(16, 20), (9, 11), (3, 6), (4, 5)])
def test_is_the_convolution(height, width, zeros):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, height, width, 5))
    kernel = random.normal(size=(3, 3, 5, 7))
    expected = np.stack([reference(one, kernel, zeros) for one in x])
    prepared = winograd.transform(kernel.astype("float32"))
    actual = winograd.convolve(x.astype("float32"), prepared, zeros)
    assert actual.shape == expected.shape
    # Squares of 4 multiply by up to 8 and take differences.
    largest = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, atol=2e-5 * largest)


def test_a_kernel_of_one_in_the_middle_moves_nothing():
    kernel = np.zeros((3, 3, 1, 1), "float32")
    kernel[1, 1] = 1
    x = np.arange(30, dtype="float32").reshape(1, 5, 6, 1)
    actual = winograd.convolve(x, winograd.transform(kernel), 1)
    np.testing.assert_allclose(actual, x, atol=1e-4)


def test_kernels_become_four_times_as_large():
    assert winograd.transform(np.ones((3, 3, 2, 4), "float32")).shape == (
        6,
        6,
        2,
        4,
    )
