import numpy as np
import tensorflow as tf

from losses_cases import PAINTED, STYLE, check_twin, histogram, image
from tfstyle import losses


def test_histogram_loss_compares_sorted_values():
    x, style = image([3, 0], [1, 2]), image([0, 0], [4, 4])
    expected = np.mean([0, (0 - 1) ** 2, (4 - 2) ** 2, (4 - 3) ** 2])
    np.testing.assert_allclose(histogram(x, style, None), [expected])


def test_quantiles_are_the_values_themselves_at_the_same_size():
    x = image([3, 0], [1, 2])
    assert losses.quantiles(x, 4)[0, :, 0].numpy().tolist() == [0, 1, 2, 3]
    assert losses.quantiles(x, 2)[0, :, 0].numpy().tolist() == [0.5, 2.5]


def twin_histogram(x, style):
    flat, flat2 = (np.sort(f.reshape(-1, f.shape[-1]), 0) for f in (x, style))
    place = (np.arange(len(flat)) + 0.5) / len(flat)
    target = np.quantile(flat2, place, axis=0, method="hazen")
    return np.mean((flat - target) ** 2)


def test_statistics_are_those_of_numpy():
    check_twin(histogram, twin_histogram)


def test_histogram_loss_may_be_traced_for_unknown_sizes():
    traced = tf.function(
        losses.histogram_loss,
        input_signature=[
            tf.TensorSpec((None, None, None, 4)),
            tf.TensorSpec((None, None, 4)),
        ],
        autograph=False,
    )
    for stop in (9, 8):
        target = losses.quantiles(STYLE, stop * 7)
        np.testing.assert_allclose(
            traced(PAINTED[:, :stop], target),
            losses.histogram_loss(PAINTED[:, :stop], target),
            rtol=1e-5,
        )
    whole = tf.function(
        lambda x: losses.quantiles(x, 5),
        input_signature=[tf.TensorSpec((None, None, None, 4))],
    )
    np.testing.assert_allclose(whole(STYLE), losses.quantiles(STYLE, 5))
