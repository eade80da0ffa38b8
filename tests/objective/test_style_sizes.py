import numpy as np
import pytest

from network_cases import NIGHT, WAVE
from tfstyle import images
from tfstyle.objective.style_sizes import scale_styles


@pytest.mark.parametrize(
    ("scales", "shapes"),
    [
        # The longer side is that of the picture, 60, times the scale.
        ([1.0], [(60, 45), (60, 60)]),
        ([0.5], [(30, 22), (30, 30)]),
        ([2.0, 1.0], [(120, 90), (60, 60)]),
        # Not less than 16 pixels on the shorter side.
        ([0.01], [(21, 16), (16, 16)]),
    ],
)
def test_styles_are_scaled_relative_to_the_picture(scales, shapes):
    scaled = scale_styles([WAVE, NIGHT], (30, 60), scales)
    assert [style.shape for style in scaled] == [(*s, 3) for s in shapes]
    expected = images.resize(WAVE, *shapes[0])
    np.testing.assert_array_equal(scaled[0], expected)


@pytest.mark.parametrize("length", [17, 47, 1001])
def test_a_strip_of_a_style_becomes_wide_enough(length):
    strip = np.zeros((3, length, 3), "float32")
    (scaled,) = scale_styles([strip], (32, 48), [1.0])
    height, width = scaled.shape[:2]
    assert height == 16
    assert width == pytest.approx(16 * length / 3, abs=3)
