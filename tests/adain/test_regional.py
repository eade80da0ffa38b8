import numpy as np
import pytest
from keras import ops

from tfstyle import losses
from tfstyle.adain import embeddings, regional
from tfstyle.controls import regions
from tfstyle.controls.settings import Controls
from tfstyle.pretrained import topology

RANDOM = np.random.default_rng(0)
MAPS = RANDOM.normal(2, 3, (1, 4, 6, 5)).astype(np.float32)


def test_moments_of_a_region_by_hand():
    values = np.array([1.0, 3.0, 5.0], np.float32).reshape(1, 1, 3, 1)
    masks = np.array([[1, 1, 0], [0, 0.5, 0.5]], np.float32)
    mean, deviation = regional.channel_moments(
        values, masks.reshape(2, 1, 3, 1), 0.0
    )
    assert mean.shape == (2, 1, 1, 1)
    np.testing.assert_allclose(np.ravel(mean), [2, 4], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(deviation), [1, 1], rtol=1e-6)


def test_moments_under_a_mask_of_ones_are_those_of_all():
    ones = np.ones((1, 4, 6, 1), np.float32)
    found = regional.channel_moments(MAPS, ones, 1e-5)
    for ours, theirs in zip(
        found, losses.channel_moments(MAPS, 1e-5), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_moments_of_no_position_are_finite():
    found = regional.channel_moments(
        MAPS, np.zeros((1, 4, 6, 1), np.float32), 1e-5
    )
    assert all(np.isfinite(x).all() for x in found)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_blending_takes_each_from_its_place(dtype):
    masks = np.zeros((2, 4, 6, 1), np.float32)
    masks[0, :, :2], masks[1, :, 2:4] = 1, 1
    painted = ops.cast(np.stack([MAPS[0], 2 * MAPS[0]]), dtype)
    rest = ops.cast(3 * MAPS, dtype)
    found = regional.blend(painted, rest, masks)
    assert found.shape == MAPS.shape and found.dtype == rest.dtype
    factors = np.float32([1, 1, 2, 2, 3, 3])[None, None, :, None]
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    np.testing.assert_allclose(found, factors * MAPS, rtol=1e-2, atol=1e-2)


def test_masks_of_levels_are_averages_with_mirrored_margins():
    mask = np.zeros((20, 27), np.float32)
    mask[:8] = 1
    levels = [topology.IMAGE, "block2_conv1", "block4_conv1"]
    found = regional.level_masks([mask, 1 - mask], (20, 27), levels)
    shapes = [found[level].shape for level in levels]
    assert shapes == [(2, 36, 43, 1), (2, 18, 21, 1), (2, 4, 5, 1)]
    rows = found["block4_conv1"][0, :, 0, 0]
    # 8 mirrored rows, 8 rows of the mask; then none.
    np.testing.assert_allclose(rows, [1, 1, 0, 0])
    for level in levels:
        np.testing.assert_allclose(found[level].sum(0), 1, atol=1e-6)


def test_levels_take_the_styles_that_are_for_them():
    channels = {"image": 3, "block2_conv1": 4, "block3_conv1": 5}
    size = 2 * sum(channels.values())
    vectors = [np.full((1, size), v, np.float32) for v in (1.0, 2.0)]
    found = regional.embed(
        lambda image, masks: vectors[int(image[0, 0, 0, 0])],
        channels,
        [np.full((4, 4, 3), i, np.float32) for i in (0, 1)],
        Controls(style_detail=("coarse", "fine")),
        regions.whole(2).parts,
    )
    assert found.shape == (1, size)
    moments = embeddings.split(found, channels)
    values = {level: float(np.ravel(m[0])[0]) for level, m in moments.items()}
    assert values == {"image": 2, "block2_conv1": 2, "block3_conv1": 1}


def test_each_region_has_a_row(style_model):
    half = np.zeros((24, 24), np.float32)
    half[:12] = 1
    styles = list(RANDOM.random((2, 24, 24, 3), np.float32))
    parts = [regions.Region(None, {0: half}), regions.Region(None, {1: None})]
    found = np.asarray(
        regional.embed(
            style_model.embed_style,
            style_model.channels,
            styles,
            Controls(),
            parts,
        )
    )
    plain = np.asarray(style_model.embed_style(styles[1][None]))
    np.testing.assert_allclose(found[1:], plain, rtol=1e-5, atol=1e-5)
    first = embeddings.split(found[:1], style_model.channels)["image"]
    # The margins are mirrored: the half has 8 of them above.
    rows = np.concatenate([styles[0][:8], styles[0][:12]])
    columns = np.pad(rows, ((0, 0), (8, 8), (0, 0)), mode="symmetric")
    expected = columns.mean((0, 1))
    np.testing.assert_allclose(np.ravel(first[0]), expected, rtol=1e-4)
