import keras
import numpy as np
import scipy.ndimage

from losses_cases import (
    PAINTED,
    PHOTO,
    STYLE,
    image,
    structure,
)
from tfstyle import losses


def test_content_loss_is_the_mean_squared_difference():
    x, target = image([1, 2], [3, 4]), image([1, 2], [3, 2])
    assert losses.content_loss(x, target).numpy().tolist() == [1.0]


def test_laplacian_of_a_spike():
    x = image([0, 0, 0], [0, 1, 0], [0, 0, 0])
    assert losses.laplacian(x, 1).numpy().ravel().tolist() == [-4.0]


def test_laplacian_of_a_slope_is_nothing():
    y, x = np.mgrid[:12, :16].astype("float32")
    slope = (2 * x + 3 * y)[None, :, :, None]
    assert losses.laplacian(slope, 4).shape == (1, 1, 2, 1)
    np.testing.assert_allclose(losses.laplacian(slope, 4), 0, atol=1e-4)
    np.testing.assert_allclose(losses.laplacian(slope, 1), 0, atol=1e-4)


def test_laplacian_is_that_of_scipy():
    x = PHOTO[0, :8, :6, 0]
    kernel = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    for scale in (1, 2):
        small = x.reshape(8 // scale, scale, 6 // scale, scale).mean((1, 3))
        expected = scipy.ndimage.convolve(small, kernel)[1:-1, 1:-1]
        actual = losses.laplacian(x[None, :, :, None], scale)[0, :, :, 0]
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_structure_loss_is_the_mean_over_the_scales():
    x, zeros = np.zeros((1, 6, 6, 1), "float32"), np.zeros((1, 6, 6, 1))
    x[0, 2, 2] = 1
    # Scale 1: -4 at the spike and 1 at its neighbours, of 16 positions.
    # Scale 2: the mean of four pixels is 1/4, in the only position.
    expected = ((16 + 4) / 16 + 1) / 2
    np.testing.assert_allclose(structure(x, None, zeros), [expected])


def test_the_data_format_of_the_user_does_not_matter():
    expected = structure(PAINTED, STYLE, PHOTO)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        actual = structure(PAINTED, STYLE, PHOTO)
    finally:
        keras.config.set_image_data_format(before)
    np.testing.assert_array_equal(actual, expected)


def test_layout_loss_is_the_mean_distance_of_squares():
    x = np.zeros((1, 5, 6, 3), np.float32)
    x[:, :2, :2] = [0.1, 0.2, 0.4]  # One of 3 by 3 squares.
    x[:, 0, 5] = 0.8  # A quarter of another.
    x[:, 4, 2:4] = 0.2  # The half of one that is in the image.
    target = np.zeros((1, 3, 3, 3), np.float32)
    expected = (0.01 + 0.04 + 0.16 + 3 * 0.2**2 + 3 * 0.1**2) / 9
    np.testing.assert_allclose(
        losses.layout_loss(x, target, 2), [expected], rtol=1e-5
    )
