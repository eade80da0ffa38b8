import numpy as np

import helpers
from tfstyle import images
from tfstyle.controls import color, finishing, photorealism, regions
from tfstyle.controls.settings import Controls

PHOTO, PICTURE = helpers.image(40, 52), helpers.image(20, 26, 3)
SMALL = images.resize(PHOTO, 20, 26)


def test_usually_nothing_is_done():
    assert finishing.finish(PICTURE, PHOTO, Controls()) is PICTURE


def test_colours_are_put_on_surfaces():
    controls = Controls(photorealistic=True, color="luminance")
    smooth = photorealism.keep_photorealistic(PICTURE, SMALL)
    expected = color.transfer_chroma(smooth, SMALL)
    actual = finishing.finish(PICTURE, PHOTO, controls)
    np.testing.assert_array_equal(actual, expected)


def test_what_is_kept_is_the_photograph_whatever_else_is_done():
    mask = np.zeros((40, 52), np.float32)
    mask[:, :26] = 1
    kept = regions.from_masks(PHOTO, [PICTURE], keep_mask=mask)
    controls = Controls(photorealistic=True, color="luminance")
    actual = finishing.finish(PICTURE, PHOTO, controls, kept)
    np.testing.assert_array_equal(actual[:, :13], SMALL[:, :13])
    assert np.abs(actual - SMALL)[:, 13:].mean() > 0.02
