import dataclasses

import numpy as np
import pytest

import helpers
from tfstyle.adain import loading
from tfstyle.adain.model import StyleModel
from tfstyle.adain.stylizers import ControlledStylizer, KerasStylizer
from tfstyle.controls import color, regions
from tfstyle.controls.settings import Controls
from tfstyle.images import sizes

CONTENT, STYLE = helpers.image(40, 52), helpers.image(30, 26, 3)


@pytest.fixture(scope="module")
def model():
    return helpers.style_model()


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    model.save_preset(f"{path}.h5")
    model.save(f"{path}.keras")
    return path


@pytest.mark.parametrize("mode", ["luminance", "statistics", "histogram"])
def test_colours_of_the_photograph(model, stored, mode):
    controls = Controls(color=mode, style_mix=(1, 3))
    stylizer = ControlledStylizer(loading.load(f"{stored}.h5"))
    style = stylizer.embed([STYLE, 1 - STYLE], controls)
    for content in (CONTENT, 1 - CONTENT):  # Anew for each.
        expected = model.stylize(
            content, [STYLE, 1 - STYLE], 0.6, [1, 3], color=mode
        )
        actual = stylizer.stylize(content, style, 0.6)
        np.testing.assert_allclose(actual, expected, atol=2e-4)
        if mode == "luminance":
            kept = color.transfer_chroma(actual, content)
            np.testing.assert_allclose(actual, kept, atol=2e-6)
    assert np.abs(stylizer.stylize(CONTENT, style, 0) - CONTENT).max() < 1e-5
    with pytest.raises(ValueError, match="16 pixels or more"):
        stylizer.embed([STYLE[:9]], Controls(color=mode))


@pytest.mark.parametrize("mode", ["style", "histogram"])
def test_blends_of_one_photograph(stored, mode):
    stylizer = ControlledStylizer(loading.load(f"{stored}.h5"))
    styles, mixes = [STYLE, 1 - STYLE], [(1, 0), (1, 3)]
    controls = Controls(color=mode, strength=0.6)
    found = stylizer.blends(CONTENT, styles, controls, mixes)
    for picture, mix in zip(found, mixes, strict=True):
        mixed = dataclasses.replace(controls, style_mix=mix)
        style = stylizer.embed(styles, mixed)
        expected = stylizer.stylize(CONTENT, style, 0.6)
        np.testing.assert_allclose(picture, expected, atol=1e-5)


def test_images_are_checked(stored):
    stylizer = loading.load(f"{stored}.h5")
    with pytest.raises(ValueError, match="16 pixels or more"):
        stylizer.embed([np.zeros((4, 40, 3), np.float32)])
    style = stylizer.embed([STYLE])
    with pytest.raises(ValueError, match="16 pixels or more"):
        stylizer.stylize(np.zeros((4, 40, 3), np.float32), style)
    with pytest.raises(ValueError, match="float32.*Received: uint8"):
        stylizer.stylize(np.uint8(255 * CONTENT), style)


HALVES = np.zeros((40, 52), np.float32)
HALVES[:, :26] = 1


def test_regions_are_those_of_the_model(model, stored):
    styles = [STYLE, helpers.image(24, 24, 8)]
    found = regions.from_masks(CONTENT, styles, [HALVES])
    expected = model.stylize(CONTENT, styles, 0.6, regions=found)
    for tile in (1024, 32):
        stylizer = loading.load(f"{stored}.keras", tile=tile)
        embedding = stylizer.embed(styles, regions=found)
        painted = stylizer.stylize(CONTENT, embedding, 0.6)
        np.testing.assert_allclose(painted, expected, atol=1e-4)


@pytest.mark.parametrize("mode", ["style", "luminance"])
@pytest.mark.parametrize("share", [0.25, 0.75])
def test_soft_masks_are_shares_of_the_picture(model, mode, share):
    controls = Controls(color=mode)
    stylizer = ControlledStylizer(KerasStylizer(model))

    def paint(found):
        style = stylizer.embed([STYLE], controls, found)
        return stylizer.stylize(CONTENT, style)

    mask = np.full(CONTENT.shape[:2], share, np.float32)
    found = paint(regions.from_masks(CONTENT, [STYLE], [mask]))
    expected = share * paint(None) + (1 - share) * CONTENT
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_noise_in_a_mask_is_no_region():
    model = StyleModel.from_preset("distilled")
    photo = CONTENT * np.linspace(0.1, 1, 52, dtype=np.float32)[:, None]
    noise = np.random.default_rng(0).integers(1, 4, HALVES.shape) / 255
    found = []
    for mask in (HALVES, np.maximum(HALVES, noise).astype(np.float32)):
        kept = regions.from_masks(photo, [STYLE], [mask])
        found.append(model.stylize(photo, STYLE, regions=kept))
    clean, noisy = found
    assert np.abs(clean - noisy)[:, :22].mean() < 0.05
    assert np.abs(noisy - photo)[:, 26:].max() < 0.02


def test_pictures_may_have_other_regions(model, stored):
    """One more each: then the number of regions is free."""
    stylizer = loading.load(f"{stored}.keras")
    styles = [STYLE, helpers.image(24, 24, 8), helpers.image(24, 24, 9)]
    for count in (1, 2, 3):
        photo = helpers.image(40 + count, 52 - count, count)
        masks = np.arange(photo.shape[1]) * count // photo.shape[1]
        masks = [
            np.broadcast_to(masks == i, photo.shape[:2]).astype(np.float32)
            for i in range(count)
        ]
        found = regions.from_masks(photo, styles[:count], masks)
        embedding = stylizer.embed(styles[:count], regions=found)
        expected = model.stylize(photo, styles[:count], 0.6, regions=found)
        painted = stylizer.stylize(photo, embedding, 0.6)
        np.testing.assert_allclose(painted, expected, atol=1e-4)


def test_details_are_those_of_the_model(model, stored):
    styles, detail = [STYLE, helpers.image(24, 24, 8)], ("coarse", "fine")
    stylizer = loading.load(f"{stored}.keras")
    style = stylizer.embed(styles, Controls(style_detail=detail))
    found = stylizer.stylize(CONTENT, style)
    expected = model.stylize(CONTENT, styles, style_detail=detail)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    other = model.stylize(CONTENT, styles, style_detail=detail[::-1])
    assert np.abs(found - other).mean() > 1e-3


class Counting(KerasStylizer):
    """Counts the passes of style images through the encoder."""

    passes = 0

    def embed_image(self, style, masks):
        self.passes += 1
        return super().embed_image(style, masks)


@pytest.mark.parametrize("mode", color.COLORS)
def test_each_style_is_embedded_once_for_a_photograph(model, mode):
    counting = Counting(model)
    stylizer = ControlledStylizer(counting)
    styles = [STYLE, 1 - STYLE]
    style = stylizer.embed(styles, Controls(color=mode))
    stylizer.stylize(CONTENT, style)
    # It was 4 for all modes but "style": those of `embed` were thrown away.
    assert counting.passes == 2
    stylizer.stylize(1 - CONTENT, style)
    assert counting.passes == (2 if mode == "style" else 4)


def test_blends_embed_each_style_once(model):
    counting = Counting(model)
    controls = Controls(color="histogram")
    mixes = [(1, 0), (1, 1), (0, 1)]
    stylizer = ControlledStylizer(counting)
    assert len([*stylizer.blends(CONTENT, [STYLE] * 2, controls, mixes)]) == 3
    assert counting.passes == 2


def test_a_style_says_what_it_is_made_of(model):
    found = regions.from_masks(CONTENT, [STYLE], keep_mask=HALVES)
    stylizer = ControlledStylizer(KerasStylizer(model))
    plain = stylizer.embed([STYLE], regions=found)
    assert plain.embedding.shape == (1, 2 * sum(model.channels.values()))
    assert plain.regions is found and not plain.images
    controls = Controls(color="luminance")
    later = stylizer.embed([STYLE], controls, found)
    assert later.embedding is None and later.controls is controls
    assert later.images[0] is STYLE


def test_large_photographs_are_painted_from_coarse_to_fine(model):
    once, start = KerasStylizer(model), 40
    photo = helpers.image(130, 170)
    style = once.embed([STYLE])
    stylizer = ControlledStylizer(once, start)
    small, middle = (sizes.resize(photo, 130 // n, 170 // n) for n in (4, 2))
    picture = once.stylize(small, style, 0.7)
    for reduced, larger in ((small, middle), (middle, photo)):
        given = sizes.enlarged(picture, reduced, larger)
        picture = once.stylize(given, style, 0.7)
    np.testing.assert_array_equal(stylizer.stylize(photo, style, 0.7), picture)
    (blend,) = stylizer.blends(photo, [STYLE], Controls(strength=0.7), [[1]])
    np.testing.assert_allclose(blend, picture, atol=1e-6)
    at_once = model.stylize(photo, STYLE, 0.7, start_size=0)
    np.testing.assert_array_equal(at_once, once.stylize(photo, style, 0.7))
    assert np.abs(picture - at_once).mean() > 0.01
    plain = stylizer.stylize(photo, style, 0.0)
    np.testing.assert_allclose(plain, photo, atol=1e-5)


def test_photographs_below_twice_the_size_are_painted_at_once(model):
    photo = helpers.image(70, 78)  # Half of it is 39 pixels long.
    expected = model.stylize(photo, STYLE, start_size=0)
    found = model.stylize(photo, STYLE, start_size=40)
    np.testing.assert_array_equal(found, expected)
    other = model.stylize(photo, STYLE, start_size=39)
    assert np.abs(other - expected).mean() > 0.01


def test_regions_hold_at_all_sizes(model):
    photo, mask = helpers.image(130, 170), np.zeros((130, 170), np.float32)
    mask[:, :80] = 1
    kept = regions.from_masks(photo, [STYLE], [mask])
    found = model.stylize(photo, STYLE, regions=kept, start_size=40)
    np.testing.assert_array_equal(found[:, 81:], photo[:, 81:])
    assert np.abs(found[:, :79] - photo[:, :79]).mean() > 0.01
