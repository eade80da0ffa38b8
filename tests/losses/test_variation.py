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


def test_evenness_falls_with_the_distance_of_squares():
    # Squares of 2 pixels with means 0, 0.05 and 0.05; rows are alike.
    x = image([0, 0, 0, 0.1, 0.05, 0.05], [0, 0, 0.1, 0, 0.05, 0.05])
    down, across = losses.evenness(np.concatenate([x, x], 1), 2)
    np.testing.assert_allclose(down, np.ones((1, 1, 3, 1)))
    np.testing.assert_allclose(across[0, :, :, 0], [[np.exp(-1), 1]] * 2, 1e-5)


def test_evenness_loss_counts_differences_of_squares_where_it_is_even():
    x = image([0, 2, 5, 5], [0, 2, 5, 5], [9, 9, 5, 5], [9, 9, 5, 5])
    edge = image([0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0])
    target = {2: losses.evenness(edge, 2)}
    # Squares 1 and 5 above 9 and 5: of four borders, those beside the bright
    # square do not count.
    np.testing.assert_allclose(
        losses.evenness_loss(x, target), [(9 - 1) ** 2 / 2 + (9 - 5) ** 2 / 2]
    )
    other = target | {1: losses.evenness(np.ones_like(x), 1)}
    fine = np.mean([0, 0, 0, 0, 81, 49, 0, 0, 0, 0, 0, 0])
    fine += np.mean([4, 9, 0, 4, 9, 0, 0, 16, 0, 0, 16, 0])
    np.testing.assert_allclose(
        losses.evenness_loss(x, other), [(32 + 8 + fine) / 2], rtol=1e-6
    )
