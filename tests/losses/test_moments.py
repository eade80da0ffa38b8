import numpy as np

from losses_cases import check_twin, image, moments, statistics
from tfstyle import losses


def test_moments_loss_adds_the_gaps_of_mean_and_deviation():
    # Means 1 and 4, deviations 1 and 3.
    x, style = image([0, 2]), image([1, 7])
    actual = moments(x, style, None)
    np.testing.assert_allclose(actual, [(4 - 1) ** 2 + (3 - 1) ** 2], rtol=1e-5)


def test_channel_moments_keep_the_axes():
    mean, deviation = losses.channel_moments(image([0, 2]), epsilon=0.0)
    assert mean.shape == deviation.shape == (1, 1, 1, 1)
    assert (float(mean[0, 0, 0, 0]), float(deviation[0, 0, 0, 0])) == (1, 1)


def twin_moments(x, style):
    (mean, covariance), (mean2, covariance2) = map(statistics, (x, style))
    deviation = np.sqrt(np.diag(covariance) + 1e-5)
    deviation2 = np.sqrt(np.diag(covariance2) + 1e-5)
    return np.mean((mean - mean2) ** 2 + (deviation - deviation2) ** 2)


def test_statistics_are_those_of_numpy():
    check_twin(moments, twin_moments)
