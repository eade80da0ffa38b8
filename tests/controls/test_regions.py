"""Masks, and what all engines make of them."""

import dataclasses
import pathlib

import numpy as np
import pytest

import helpers
from tfstyle import features, images, losses
from tfstyle.adain.model import StyleModel
from tfstyle.controls import regions
from tfstyle.dreams import deepdream
from tfstyle.dreams.config import DreamConfig
from tfstyle.optimization import gatys
from tfstyle.optimization.config import GatysConfig

PHOTO, WAVE, NIGHT = (
    helpers.image(*shape, seed)
    for seed, shape in enumerate([(48, 64), (40, 30), (48, 48)])
)
LEFT = np.zeros((48, 64), np.float32)
LEFT[:, :32] = 1
RAMP = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
ONES = np.ones((48, 64), np.float32)


def masks(found):
    return [part.mask for part in found.parts]


def test_styles_go_where_their_masks_are():
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], [LEFT, 1 - LEFT])
    assert [part.sources for part in found.parts] == [{0: None}, {1: None}]
    np.testing.assert_array_equal(masks(found), [LEFT, 1 - LEFT])
    assert [part.area for part in found.parts] == [0.5, 0.5]
    assert found.apart and found.guides


def test_one_more_style_is_for_the_rest():
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], [RAMP])
    np.testing.assert_allclose(masks(found)[1], 1 - RAMP, atol=1e-6)
    assert list(found.parts[1].sources) == [1]


def test_masks_that_overlap_are_divided_by_their_sum():
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], [ONES, RAMP])
    np.testing.assert_allclose(sum(masks(found)), 1, atol=1e-6)
    np.testing.assert_allclose(masks(found)[1], RAMP / (1 + RAMP), atol=1e-6)


def test_where_masks_are_faint_the_photograph_shows():
    found = regions.from_masks(PHOTO, [WAVE], [RAMP])
    np.testing.assert_array_equal(masks(found)[0], RAMP)
    np.testing.assert_allclose(found.cover(48, 64), RAMP, atol=1e-6)
    assert not found.guides


def test_what_is_kept_belongs_to_no_region():
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], [RAMP], [], LEFT)
    assert not sum(masks(found))[:, :32].any()
    np.testing.assert_allclose(sum(masks(found))[:, 32:], 1, atol=1e-6)
    alone = regions.from_masks(PHOTO, [WAVE, NIGHT], keep_mask=LEFT)
    assert list(alone.parts[0].sources) == [0, 1]
    assert not alone.apart and not alone.guides


def test_parts_of_styles_need_no_mask_of_the_photograph():
    half = np.zeros((40, 30), np.float32)
    half[:20] = 1
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], [], [half])
    (part,) = found.parts
    assert part.mask is None and part.sources[1] is None
    np.testing.assert_array_equal(part.sources[0], half)
    assert found.guides and not found.apart
    assert found.paste(PHOTO, 1 - PHOTO) is PHOTO


@pytest.mark.parametrize("shape", [(24, 32), (96, 128), (36, 48), (31, 42)])
def test_masks_of_other_sizes_fit_where_the_aspect_is_that(shape):
    height, width = shape
    mask = np.zeros(shape, np.float32)
    mask[:, : width // 2] = 1
    (found, _) = masks(regions.from_masks(PHOTO, [WAVE, NIGHT], [mask]))
    assert found.shape == (48, 64)
    assert np.abs(found - LEFT).mean() < 0.02
    # Neither side has traces of the other's.
    assert (found[:, :30] == 1).all() and not found[:, 34:].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"content_masks": [LEFT[:40]]},
            "`content_mask` 1 has 64x40 pixels, its image 64x48",
        ),
        (
            {"style_masks": [None, LEFT]},
            "`style_mask` 2 has 64x48 pixels, its image 48x48",
        ),
        ({"keep_mask": LEFT.T}, "`keep_mask` has 48x64 pixels"),
        ({"content_masks": [0 * LEFT]}, "`content_mask` 1 is black"),
        ({"keep_mask": 0 * LEFT}, "`keep_mask` is black"),
        ({"keep_mask": ONES}, "`keep_mask` and .*leave nothing to paint"),
        ({"content_masks": [ONES]}, "leave nothing to paint"),
        ({"content_masks": [ONES * 2]}, "values in"),
        ({"content_masks": [PHOTO[..., :2]]}, r"shape \(height, width\)"),
        (
            {"content_masks": [LEFT] * 3},
            "3 of `content_mask` need as many of `style`, or one more",
        ),
        ({"style_masks": [LEFT] * 3}, "3 of `style_mask` need as many"),
    ],
)
def test_refuses_masks_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        regions.from_masks(PHOTO, [WAVE, NIGHT], **arguments)


def test_one_mask_needs_one_or_two_styles():
    with pytest.raises(ValueError, match="Received: 3"):
        regions.from_masks(PHOTO, [WAVE] * 3, [LEFT])


def test_one_image_needs_no_list():
    found = regions.from_masks(PHOTO, WAVE, LEFT, ONES[:40, :30])
    expected = regions.from_masks(PHOTO, [WAVE], [LEFT], [ONES[:40, :30]])
    np.testing.assert_equal(found.masks(), expected.masks())


@pytest.mark.parametrize(
    "given",
    [
        LEFT[..., None],
        np.stack(3 * [LEFT], -1),
        np.stack(3 * [ONES] + [LEFT], -1),
        LEFT[None],
        LEFT[None, ..., None],
    ],
    ids=lambda given: str(given.shape),
)
def test_one_array_is_one_mask_or_several(given):
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], given)
    np.testing.assert_array_equal(masks(found), [LEFT, 1 - LEFT])
    both = np.stack([LEFT, RAMP])
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], both)
    expected = regions.from_masks(PHOTO, [WAVE, NIGHT], [*both])
    np.testing.assert_equal(found.masks(), expected.masks())


def test_regions_without_styles_are_for_dreams():
    found = regions.from_masks(PHOTO, keep_mask=LEFT)
    found.check(PHOTO, 0)
    with pytest.raises(ValueError, match="for 0 styles: give `from_masks`"):
        found.check(PHOTO, 1)


def test_regions_of_other_images_are_refused():
    found = regions.from_masks(PHOTO, [WAVE, NIGHT], [LEFT])
    with pytest.raises(ValueError, match="for 2 styles: .* Received: 1"):
        found.check(PHOTO, 1)
    with pytest.raises(ValueError, match="64x48 pixels, its image 40x48"):
        found.check(PHOTO[:, :40], 2)


@pytest.mark.parametrize("border", [0, 8, 32])
def test_masks_of_maps_are_where_those_of_the_image_are(border):
    # As a network with mirrored borders sees an image.
    wide = np.pad(RAMP, border, mode="symmetric")
    found = regions.bordered(RAMP, RAMP.shape, border)
    np.testing.assert_array_equal(found, wide)
    deep = tuple(side // 4 for side in wide.shape)
    found = regions.on_maps(wide, deep)
    expected = wide.reshape(deep[0], 4, deep[1], 4).mean((1, 3))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_masks_of_maps_lack_what_pooling_leaves_out():
    mask = np.zeros((48, 66), np.float32)
    mask[:, 32:64] = 1
    found = regions.on_maps(mask, (12, 16))
    expected = np.repeat([[0, 1]], 8, axis=1)[[0] * 12]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("length", "small"), [(81, 80), (81, 10), (100, 72)])
def test_thin_lines_of_masks_are_kept(length, small):
    for place in range(length):
        mask = np.zeros((60, length), np.float32)
        mask[:, place] = 1
        assert regions.resize(mask, 60, small).any()
        assert regions.resize(mask.T, small, 60).any()


def test_pasting_keeps_the_very_values():
    found = regions.from_masks(PHOTO, [WAVE], keep_mask=LEFT)
    for shape in ((48, 64), (96, 128), (33, 44)):
        photo = images.resize(PHOTO, *shape)
        painted = np.random.default_rng(0).random(photo.shape, np.float32)
        kept = found.cover(*shape) == 0
        pasted = found.paste(painted, photo)
        assert 0.4 < kept.mean() <= 0.5
        np.testing.assert_array_equal(pasted[kept], photo[kept])
        whole = found.cover(*shape) == 1
        np.testing.assert_array_equal(pasted[whole], painted[whole])


@pytest.fixture(scope="module")
def config(small_vgg16):
    return GatysConfig(
        size=64,
        steps=25,
        features="vgg16",
        feature_weights=small_vgg16,
        content_layers={"block1_conv2": 1},
        style_layers={"block1_conv1": 1, "block2_conv1": 1},
        style_weight=50.0,
        tv_weight=0.0,
        precision="float32",
    )


def changed(config, **changes):
    return dataclasses.replace(config, **changes)


def gram(network, image):
    return np.asarray(losses.gram_matrix(network(image[None])["block1_conv1"]))


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_each_region_has_the_gram_matrix_of_its_style(config, style_loss):
    halves = regions.from_masks(PHOTO, [WAVE, NIGHT], [LEFT])
    config = changed(config, style_loss=style_loss)
    painted = gatys.stylize(PHOTO, [WAVE, NIGHT], config, regions=halves)
    network = features.extractor(
        "vgg16", ["block1_conv1"], weights=config.feature_weights
    )
    styles = [gram(network, style) for style in (WAVE, NIGHT)]
    # Without the border, where both are seen.
    for own, part in enumerate((painted[:, :30], painted[:, 34:])):
        gaps = [np.square(gram(network, part) - s).sum() for s in styles]
        assert gaps[own] < 0.2 * gaps[1 - own]


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_a_mask_of_ones_is_no_mask_when_optimising(config, style_loss):
    config = changed(config, style_loss=style_loss, steps=5)
    ones = regions.from_masks(PHOTO, [WAVE], [ONES])
    plain = gatys.stylize(PHOTO, WAVE, config)
    masked = gatys.stylize(PHOTO, WAVE, config, regions=ones)
    np.testing.assert_allclose(masked, plain, atol=1e-5)


def test_what_is_kept_is_not_painted(config):
    kept = regions.from_masks(PHOTO, [WAVE], keep_mask=LEFT)
    seen = []
    painted = gatys.stylize(
        PHOTO,
        WAVE,
        changed(config, size=80, init="noise", steps=5),
        lambda progress, picture: seen.append(picture()),
        regions=kept,
    )
    photo = images.resize(PHOTO, 60, 80)
    for picture in (painted, seen[0]):
        np.testing.assert_array_equal(picture[:, :39], photo[:, :39])
        assert np.abs(picture[:, 41:] - photo[:, 41:]).mean() > 0.02


def test_optimising_refuses_what_goes_not_together(config):
    halves = regions.from_masks(PHOTO, [WAVE, NIGHT], [LEFT])
    for changes, message in (
        ({"histogram_weight": 1.0}, "`histogram_weight` is for whole"),
        ({"style_mix": (1, 2)}, "`style_mix` and `style_detail`"),
        ({"style_detail": ("fine", "coarse")}, "`style_mix` and `style_d"),
    ):
        with pytest.raises(ValueError, match=message):
            gatys.stylize(
                PHOTO,
                [WAVE, NIGHT],
                changed(config, **changes),
                regions=halves,
            )


def test_a_run_of_other_regions_is_another_run(config, tmp_path):
    config = changed(config, steps=1)
    folder = str(tmp_path / "state")
    gatys.stylize(PHOTO, WAVE, config, checkpoint_dir=folder)
    kept = regions.from_masks(PHOTO, [WAVE], keep_mask=LEFT)
    with pytest.raises(ValueError, match="belongs to other images"):
        gatys.stylize(PHOTO, WAVE, config, regions=kept, checkpoint_dir=folder)


def test_a_mask_of_the_style_is_another_run(config, tmp_path):
    """Than the same mask of the photograph."""
    arguments = PHOTO, PHOTO, changed(config, steps=1)
    folder = str(tmp_path / "state")
    parts = regions.from_masks(PHOTO, [PHOTO], [LEFT])
    gatys.stylize(*arguments, regions=parts, checkpoint_dir=folder)
    parts = regions.from_masks(PHOTO, [PHOTO], style_masks=[LEFT])
    with pytest.raises(ValueError, match="belongs to other images"):
        gatys.stylize(*arguments, regions=parts, checkpoint_dir=folder)


def test_a_dream_leaves_what_is_kept(config):
    dream = DreamConfig(
        size=64,
        octaves=2,
        steps=2,
        features="vgg16",
        feature_weights=config.feature_weights,
        layers={"block2_conv1": 1.0},
    )
    kept = regions.from_masks(PHOTO, keep_mask=LEFT)
    seen = []
    dreamt = deepdream.deep_dream(
        PHOTO,
        dream,
        lambda progress, picture: seen.append(picture()),
        regions=kept,
    )
    np.testing.assert_array_equal(dreamt[:, :32], PHOTO[:, :32])
    np.testing.assert_array_equal(seen[-1][:, :32], PHOTO[:, :32])
    assert np.abs(dreamt - PHOTO)[:, 32:].mean() > 0.005
    with pytest.raises(ValueError, match="not for a zoom"):
        deepdream.deep_dream(PHOTO, changed(dream, zoom_frames=2), regions=kept)


@pytest.mark.parametrize("shape", [(48, 64), (53, 71)])
def test_a_mask_of_ones_is_no_mask_for_a_model(style_model, shape):
    photo = helpers.image(*shape)
    ones = regions.from_masks(photo, [WAVE], [np.ones(shape, np.float32)])
    plain = style_model.stylize(photo, WAVE, 0.7)
    masked = style_model.stylize(photo, WAVE, 0.7, regions=ones)
    np.testing.assert_allclose(masked, plain, atol=1e-5)


def test_a_model_leaves_what_is_kept(style_model):
    kept = regions.from_masks(PHOTO, [WAVE], keep_mask=LEFT)
    painted = style_model.stylize(PHOTO, WAVE, regions=kept)
    np.testing.assert_array_equal(painted[:, :32], PHOTO[:, :32])
    assert np.abs(painted - PHOTO)[:, 32:].mean() > 0.02


def test_a_model_paints_each_region_in_its_style():
    folder = pathlib.Path(__file__).parents[2] / "examples"
    photo, *styles = (
        images.load(folder / name, 128)
        for name in ("cat.jpg", "impasto.jpg", "stained_glass.jpg")
    )
    left = np.zeros(photo.shape[:2], np.float32)
    left[:, :64] = 1
    halves = regions.from_masks(photo, styles, [left])
    model = StyleModel.from_preset("distilled")
    painted = model.stylize(photo, styles, regions=halves)
    network = features.extractor("vgg_distilled", ["block1_conv1"])
    grams = [gram(network, style) for style in styles]
    for own, part in enumerate((painted[:, :60], painted[:, 68:])):
        gaps = [np.square(gram(network, part) - s).sum() for s in grams]
        assert gaps[own] < 0.5 * gaps[1 - own]
