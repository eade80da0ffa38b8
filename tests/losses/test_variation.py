import numpy as np
import pytest

from losses_cases import image
from tfstyle import losses


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        pytest.param(image([3, 3], [3, 3]), 0, id="constant"),
        pytest.param(image([0, 2], [0, 2]), 4, id="vertical edge"),
        pytest.param(image([0, 0], [3, 3]), 9, id="horizontal edge"),
        pytest.param(image([0, 1], [1, 0]), 2, id="checkerboard"),
    ],
)
def test_total_variation_loss(pixels, expected):
    assert losses.total_variation_loss(pixels).numpy() == [expected]


def test_chroma_variation_is_the_rest_beside_gray():
    red = np.array([0, 0, 6, 6], "float32").reshape(1, 2, 2, 1)
    # Down: red by 6, gray by 2; what remains are 4, -2 and -2.
    x = np.concatenate([red, 0 * red, 0 * red], -1)
    assert losses.chroma_variation_loss(x).numpy() == [(16 + 4 + 4) / 3]
    gray = np.repeat(red, 3, -1)
    assert losses.chroma_variation_loss(gray).numpy() == [0]
