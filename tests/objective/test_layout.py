"""Where the colors of a picture belong."""

import numpy as np
import pytest

import helpers
from network_cases import settings
from tfstyle import losses
from tfstyle.controls.regions import Region, whole
from tfstyle.objective import layout

PHOTO = helpers.image(64, 96)
STYLE = 0.2 + 0.6 * helpers.image(40, 50, seed=1) ** 2
WEIGHED = settings(layout_weight=3)


def make(photo, styles, parts=None, share=1.0, gain=1.0, config=WEIGHED):
    parts = parts or whole(len(styles)).parts
    return layout.layout_term(photo, styles, parts, config, share, gain)


def cost(term, picture):
    return term.weight * float(term.loss(picture[None], {})[0])


def test_the_recolored_photograph_costs_nothing():
    random = np.random.default_rng(0)
    wanted = layout.recolored(
        PHOTO, [STYLE], whole(1).parts, WEIGHED, 1.0, random
    )
    term = make(PHOTO, [STYLE])
    assert cost(term, wanted) == pytest.approx(0, abs=1e-9)
    # Upside down it has the same colors, elsewhere.
    assert cost(term, wanted[::-1]) > 0.01


def test_the_loss_is_relative_to_the_variance_of_the_target():
    halves = np.full((64, 96, 3), 0.25, np.float32)
    halves[:, 48:] = 0.75
    term = make(halves, [halves], gain=2.0)
    # Each square is as far away as the deviation, squared over 3 channels.
    gray = np.full_like(halves, 0.5)
    assert term.target.shape == (1, 4, 6, 3)
    assert cost(term, gray) == pytest.approx(3 * 2, rel=1e-3)
    assert cost(term, halves) < 0.01  # Colors are drawn.


def test_below_full_strength_the_target_is_that_share_of_the_way():
    whole_way, half, none = (
        make(PHOTO, [STYLE], share=share).target for share in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(none, losses.squares(PHOTO[None], 16), atol=1e-5)
    np.testing.assert_allclose(half, (whole_way + none) / 2, atol=1e-5)


def test_each_region_has_the_colors_of_its_own_style():
    dark, light = (np.full((8, 8, 3), v, np.float32) for v in (0.2, 0.6))
    left = np.zeros((64, 96), np.float32)
    left[:, :32] = 1
    right = left[:, ::-1]
    parts = [Region(left, {0: None}), Region(right, {1: None})]
    target = np.asarray(make(PHOTO, [dark, light], parts).target)
    np.testing.assert_allclose(target[:, :, :2], 0.2, atol=1e-3)
    np.testing.assert_allclose(target[:, :, 4:], 0.6, atol=1e-3)
    photo = losses.squares(PHOTO[None], 16)
    np.testing.assert_allclose(target[:, :, 2:4], photo[:, :, 2:4], atol=1e-5)


def test_where_regions_overlap_colors_are_between():
    dark, light = (np.full((8, 8, 3), v, np.float32) for v in (0.2, 0.6))
    half, most = (np.full((64, 96), v, np.float32) for v in (0.25, 0.75))
    parts = [Region(half, {0: None}), Region(most, {1: None})]
    target = make(PHOTO, [dark, light], parts).target
    np.testing.assert_allclose(target, 0.25 * 0.2 + 0.75 * 0.6, atol=1e-3)


def test_only_the_used_part_of_a_style_gives_colors():
    style = np.full((8, 8, 3), 0.6, np.float32)
    style[:, 4:] = 1.0
    used = np.zeros((8, 8), np.float32)
    used[:, :4] = 1
    target = make(PHOTO, [style], [Region(None, {0: used})]).target
    np.testing.assert_allclose(target, 0.6, atol=1e-3)


@pytest.mark.parametrize("shape", [(63, 200), (300, 517)])
def test_what_fills_no_square_is_held_too(shape):
    photo = helpers.image(*shape)
    random = np.random.default_rng(0)
    parts = whole(1).parts
    wanted = layout.recolored(photo, [STYLE], parts, WEIGHED, 1.0, random)
    term = make(photo, [STYLE])
    height, width = (side // 16 * 16 for side in shape)
    other = wanted.copy()
    other[height:] = 1 - other[height:]
    other[:, width:] = 1 - other[:, width:]
    assert 2 * cost(term, wanted) + 0.01 < cost(term, other)


@pytest.mark.parametrize(
    ("shape", "scale"),
    [
        ((8, 8), 1),
        ((20, 1100), 16),
        ((64, 96), 16),
        ((512, 341), 64),
        ((6100, 100), 64),
        ((6200, 800), 256),
    ],
)
def test_squares_grow_with_the_picture(shape, scale):
    photo = helpers.image(*shape)
    term = make(photo, [STYLE])
    assert term.compare == layout.Layout(scale)
    rows, columns = (-(-side // scale) for side in shape)
    assert term.target.shape == (1, rows, columns, 3)


def test_a_picture_and_a_style_of_one_color_are_no_trouble():
    gray = np.full((64, 96, 3), 0.5, np.float32)
    term = make(gray, [np.full((8, 8, 3), 0.75, np.float32)])
    assert cost(term, gray) == pytest.approx(3 * 3 * 0.25**2 / 1e-3, rel=1e-3)
