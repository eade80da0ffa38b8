"""The picture before the first step."""

import dataclasses

import numpy as np
import pytest

from tfstyle.controls import color, regions
from tfstyle.optimization import start
from tfstyle.optimization.config import GatysConfig

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.random((32, 40, 3), np.float32)
WAVE = 0.2 + 0.6 * RANDOM.random((24, 36, 3), np.float32) ** 2
PALETTE = GatysConfig(init="palette")


@pytest.mark.parametrize(
    "init", ["palette", "content", "grey", "noise", "style"]
)
def test_initial_pictures_are_images_of_the_photographs_shape(init):
    settings = GatysConfig(init=init)
    picture = start.initial_picture(PHOTO, [WAVE], settings, None)
    assert picture.shape == PHOTO.shape and picture.dtype == np.float32
    assert 0 <= picture.min() <= picture.max() <= 1


def test_noise_of_the_style_has_its_mean_colour():
    settings = GatysConfig(init="style")
    large = np.zeros((128, 128, 3), np.float32)
    grey = 0.5 + 0.1 * (WAVE - 0.5)  # Far from 0 and 1, where it is clipped.
    picture = start.initial_picture(large, [grey], settings, None)
    np.testing.assert_allclose(
        picture.mean((0, 1)), grey.mean((0, 1)), atol=0.005
    )


def test_the_noise_has_the_colours_of_the_blend():
    dark, light = (np.full((8, 8, 3), v, np.float32) for v in (0.2, 0.6))
    settings = GatysConfig(init="style", style_mix=(3.0, 1.0))
    large = np.zeros((200, 200, 3), np.float32)
    picture = start.initial_picture(large, [dark, light], settings, None)
    # Mean 0.3 and variance 0.75 * 0.25 * 0.4 ** 2, but for the clipping.
    normal = np.random.default_rng(1).normal(0.3, 0.03**0.5, 10**6)
    wanted = np.clip(normal, 0, 1)
    np.testing.assert_allclose(picture.mean((0, 1)), wanted.mean(), atol=3e-3)
    np.testing.assert_allclose(picture.std((0, 1)), wanted.std(), atol=3e-3)


def test_the_noise_has_the_colours_of_the_style_of_fine_layers():
    dark, light = (np.full((8, 8, 3), v, np.float32) for v in (0.2, 0.6))
    settings = GatysConfig(init="style", style_detail=("coarse", "fine"))
    picture = start.initial_picture(PHOTO, [dark, light], settings, None)
    np.testing.assert_allclose(picture, 0.6, atol=1e-5)


def test_the_photograph_gets_the_colours_of_the_style():
    picture = start.initial_picture(PHOTO, [WAVE], PALETTE, None)
    found, wanted = (
        np.quantile(image.reshape(-1, 3), np.linspace(0.05, 0.95, 19), axis=0)
        for image in (picture, WAVE)
    )
    np.testing.assert_allclose(found, wanted, atol=0.02)
    own, other = (color.luminance(x).ravel() for x in (PHOTO, picture))
    assert np.corrcoef(own, other)[0, 1] > 0.9


def test_colours_are_a_share_of_the_way_below_strength_1():
    whole, half = (
        start.initial_picture(
            PHOTO, [WAVE], dataclasses.replace(PALETTE, strength=s), None
        )
        for s in (1.0, 0.5)
    )
    np.testing.assert_allclose(half, (PHOTO + whole) / 2, atol=1e-6)


def test_styles_are_blended_by_their_shares():
    dark, light = (np.full((8, 8, 3), v, np.float32) for v in (0.2, 0.6))
    settings = dataclasses.replace(PALETTE, style_mix=(3.0, 1.0))
    picture = start.initial_picture(PHOTO, [dark, light], settings, None)
    assert picture.mean() == pytest.approx(0.3, abs=0.01)
    assert picture.std() == pytest.approx(0.03**0.5, abs=0.01)


def test_each_region_has_the_colours_of_its_own_style():
    dark, light = (np.full((8, 8, 3), v, np.float32) for v in (0.2, 0.6))
    light[:, 4:] = 1.0  # The part that is not to be used.
    left = np.zeros((32, 40), np.float32)
    left[:, :10] = 1
    right, used = np.zeros_like(left), np.zeros((8, 8), np.float32)
    right[:, 30:], used[:, :4] = 1, 1
    sides = regions.Regions(
        (regions.Region(left, {0: None}), regions.Region(right, {1: used}))
    )
    picture = start.initial_picture(PHOTO, [dark, light], PALETTE, None, sides)
    np.testing.assert_allclose(picture[:, :10], 0.2, atol=1e-3)
    np.testing.assert_allclose(picture[:, 30:], 0.6, atol=1e-3)
    np.testing.assert_array_equal(picture[:, 10:30], PHOTO[:, 10:30])
