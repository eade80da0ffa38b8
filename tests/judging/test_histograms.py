import numpy as np
import pytest

import helpers
from tfstyle.judging import histograms

IMAGE = helpers.image(5, 6)


def by_hand(image):
    """The definition, color by color."""
    found = np.zeros((3, 64, 64))
    bins = np.linspace(-3, 3, 64)
    for color in image.reshape(-1, 3).astype(np.float64):
        brightness = np.sqrt((color**2).sum() + 1e-6)
        logs = np.log(color + 1e-6)
        for channel, (one, other) in enumerate([(1, 2), (0, 2), (0, 1)]):
            u = 1 / (1 + ((logs[channel] - logs[one] - bins) / 0.02) ** 2)
            v = 1 / (1 + ((logs[channel] - logs[other] - bins) / 0.02) ** 2)
            found[channel] += brightness * np.outer(u, v)
    return found / (found.sum() + 1e-6)


def test_histograms_are_those_of_the_definition():
    found = histograms.histogram(IMAGE)
    np.testing.assert_allclose(found, by_hand(IMAGE), rtol=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_gray_is_in_the_middle():
    gray = np.full((4, 4, 3), 0.3, np.float32)
    planes = histograms.histogram(gray)
    for plane in planes:
        top = np.unravel_index(plane.argmax(), plane.shape)
        assert set(top) <= {31, 32}


def test_distances_are_0_for_equal_colors_and_large_for_others():
    red, blue = np.full((2, 40, 40, 3), 0.05, np.float32)
    red[..., 0], blue[..., 2] = 0.9, 0.9
    assert histograms.color_distance(red, red[:20]) == pytest.approx(
        0, abs=1e-3
    )
    assert histograms.color_distance(red, blue) > 0.9
    half = np.concatenate([red, blue])
    between = histograms.color_distance(half, red)
    assert 0.3 < between < 0.8
    assert between == pytest.approx(histograms.color_distance(red, half))


def test_large_images_are_reduced_as_torch_does():
    # Linear between pixels, which a ramp does not change.
    ramp = np.linspace(0.1, 0.9, 512, dtype=np.float32)
    image = np.broadcast_to(ramp[:, None, None], (512, 300, 3))
    reduced = histograms._reduced(image)
    assert reduced.shape == (256, 256, 3)
    np.testing.assert_allclose(
        reduced[:, 0, 0], (ramp[::2] + ramp[1::2]) / 2, atol=1e-6
    )
