import numpy as np
from keras import ops

from losses_cases import check_twin, gram
from tfstyle import losses


def test_style_loss_of_ones_and_zeros():
    # Two channels: the Gram matrix of ones is all 1, that of zeros all 0.
    target = losses.gram_matrix(ops.zeros((1, 3, 2, 2)))
    actual = losses.style_loss(ops.ones((1, 4, 5, 2)), target)
    assert actual.numpy().tolist() == [1.0]


def test_gram_matrix_of_two_pixels():
    x = np.array([[[[1, 2], [3, 4]]]], "float32")
    expected = [[[(1 + 9) / 2, (2 + 12) / 2], [(2 + 12) / 2, (4 + 16) / 2]]]
    assert losses.gram_matrix(x).numpy().tolist() == expected


def twin_gram(x, style):
    grams = [
        np.einsum("hwc,hwd->cd", f, f) / f[..., 0].size for f in (x, style)
    ]
    return np.mean((grams[0] - grams[1]) ** 2)


def test_statistics_are_those_of_numpy():
    check_twin(gram, twin_gram)
