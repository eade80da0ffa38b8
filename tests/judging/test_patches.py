import numpy as np
import pytest
import scipy.stats

import helpers
from tfstyle.judging import patches

STYLE = helpers.image(64, 80)


def test_a_picture_of_the_same_patches_is_near():
    equal = patches.patch_distances(STYLE, STYLE)
    assert list(equal) == [1, 2, 4]
    assert max(equal.values()) < 0.05
    other = patches.patch_distances(helpers.image(64, 80, seed=1), STYLE)
    for scale in equal:
        assert equal[scale] < other[scale]


def test_a_style_of_one_color_has_a_spread_of_one_step():
    flat = np.full((64, 80, 3), 0.5, np.float32)
    lighter = flat + np.float32(0.2)
    found = patches.patch_distances(lighter, flat)
    # Patches of one value: their projections differ by sums of directions.
    random = np.random.default_rng(0)
    ours, theirs = np.full((2, 1, 147), [[[0.7]], [[0.5]]])
    gap = patches.sliced_distance(ours, theirs, random)
    assert found[1] == pytest.approx(0, abs=1e-3)
    assert found[4] == pytest.approx(255 * gap, rel=0.2)


def stripes(period):
    """Vertical waves, smooth, so that they are of one scale."""
    wave = 0.5 + 0.4 * np.sin(2 * np.pi * np.arange(96) / period)
    return np.broadcast_to(wave[None, :, None], (96, 96, 3)).astype(np.float32)


def test_noise_shows_at_the_finest_scale_and_large_shapes_at_the_coarsest():
    style = stripes(24)
    random = np.random.default_rng(0)
    noisy = style + 0.03 * random.standard_normal(style.shape)
    noise = patches.patch_distances(noisy.astype(np.float32), style)
    assert noise[1] > 3 * noise[4]
    wide = patches.patch_distances(stripes(96), style)
    assert wide[4] > 5 * patches.patch_distances(style, style)[4]


def test_one_dimension_is_what_scipy_computes():
    random = np.random.default_rng(0)
    ours, theirs = random.random((500, 1)), random.random((700, 1)) ** 2
    found = patches.sliced_distance(ours, theirs, random)
    expected = scipy.stats.wasserstein_distance(ours[:, 0], theirs[:, 0])
    assert found == pytest.approx(expected, rel=0.02)
