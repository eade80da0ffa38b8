import numpy as np
import pytest

import helpers
from tfstyle.judging import specks

PHOTO, STYLE = helpers.image(48, 64), helpers.image(40, 56, seed=1)
FLAT = np.full((48, 64, 3), 0.5, np.float32)


def noise(scale, shape=(48, 64), color=(1, -0.5093, 0)):
    """Noise of one color, by default without brightness."""
    values = np.random.default_rng(0).normal(size=(*shape, 1))
    return (scale * values * np.array(color)).astype("float32")


def test_gray_pictures_have_no_chroma():
    assert specks.fine_chroma(FLAT) == pytest.approx(0, abs=1e-6)
    gray = FLAT + noise(0.1, color=(1, 1, 1))
    assert specks.fine_chroma(gray) < 1e-6


def test_chroma_of_a_checkerboard_is_all_fine():
    """Red less brightness is 0.5 red; blue less it -0.169 red (BT.601)."""
    board = np.indices((48, 64)).sum(0) % 2 * 2 - 1
    picture = FLAT.copy()
    picture[..., 0] += 0.1 * board
    expected = 0.1 * np.hypot(0.5, 0.168736)
    assert specks.fine_chroma(picture) == pytest.approx(expected, rel=0.02)


def test_a_photograph_has_no_specks():
    assert specks.specks(PHOTO, PHOTO, STYLE) == 0


def test_all_fine_chroma_is_specks_where_the_sources_are_gray():
    picture = FLAT + noise(0.05)
    found = specks.specks(picture, FLAT, FLAT)
    assert found == pytest.approx(specks.fine_chroma(picture), rel=0.01)
    assert found > 0.01


def test_chroma_of_the_photograph_explains_only_its_place():
    left, right = np.array_split(noise(0.05), 2, axis=1)
    empty = np.zeros_like(left)
    photo = FLAT + np.concatenate([left, empty], axis=1)
    same = FLAT + np.concatenate([0.9 * left, empty], axis=1)
    other = FLAT + np.concatenate([empty, right], axis=1)
    assert specks.specks(same, photo, FLAT) < 1e-4
    assert specks.specks(other, photo, FLAT) > 0.01


def test_chroma_of_the_style_explains_only_its_brightness():
    dark, bright = FLAT - 0.3, FLAT + 0.3
    style = np.concatenate([dark + noise(0.1), bright])
    assert specks.specks(dark + noise(0.05), dark, style) < 2e-3
    assert specks.specks(bright + noise(0.05), bright, style) > 0.01
