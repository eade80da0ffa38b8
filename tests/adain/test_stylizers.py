import keras
import numpy as np
import pytest

import helpers
from tfstyle.adain import stylizers
from tfstyle.controls import color, regions
from tfstyle.controls.settings import Controls
from tfstyle.features import memory

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
    controls = Controls(color=mode)
    loaded = stylizers.load(f"{stored}.h5")
    painter = stylizers.FinishingPainter(loaded, controls)
    style = painter.embed([STYLE, 1 - STYLE], [1, 3])
    for content in (CONTENT, 1 - CONTENT):  # Anew for each.
        expected = model.stylize(
            content, [STYLE, 1 - STYLE], 0.6, [1, 3], color=mode
        )
        actual = painter.paint(content, style, 0.6)
        np.testing.assert_allclose(actual, expected, atol=2e-4)
        if mode == "luminance":
            kept = color.transfer_chroma(actual, content)
            np.testing.assert_allclose(actual, kept, atol=2e-6)
    assert np.abs(painter.paint(CONTENT, style, 0) - CONTENT).max() < 1e-5
    with pytest.raises(ValueError, match="16 pixels or more"):
        painter.embed([STYLE[:9]])


@pytest.mark.parametrize("mode", ["style", "histogram"])
def test_blends_of_one_photograph(stored, mode):
    loaded = stylizers.load(f"{stored}.h5")
    painter = stylizers.FinishingPainter(loaded, Controls(color=mode))
    styles, mixes = [STYLE, 1 - STYLE], [[1, 0], [1, 3]]
    found = painter.blends(CONTENT, styles, mixes, 0.6)
    for picture, mix in zip(found, mixes, strict=True):
        expected = painter.paint(CONTENT, painter.embed(styles, mix), 0.6)
        np.testing.assert_allclose(picture, expected, atol=1e-5)


def paint(painter, strength=1.0, styles=(STYLE,), shares=None):
    return painter.paint(CONTENT, painter.embed(styles, shares), strength)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_files_of_this_project(model, stored, ending):
    painter = stylizers.load(f"{stored}.{ending}")
    expected = model.stylize(CONTENT, STYLE, 0.6)
    found = paint(painter, 0.6)
    assert found.dtype == np.float32
    # The one file is float16.
    np.testing.assert_allclose(found, expected, atol=2e-2)
    assert np.abs(found - expected).mean() < 2e-3


def test_large_images_are_painted_in_tiles(stored):
    whole = stylizers.load(f"{stored}.h5")
    tiled = stylizers.load(f"{stored}.h5", tile=32)
    np.testing.assert_allclose(paint(tiled), paint(whole), atol=1e-5)


def test_all_sizes_are_one_trace(stored):
    painter = stylizers.load(f"{stored}.h5")
    style = painter.embed([STYLE])
    for size in (20, 33, 47):
        painter.paint(helpers.image(size, size + 3), style)
    assert painter._apply.experimental_get_tracing_count() == 1


def test_what_is_no_model_is_refused(stored, tmp_path):
    with pytest.raises(ValueError, match="no model 'nothing'"):
        stylizers.load("nothing")
    with pytest.raises(ValueError, match="no model '.*missing.keras'"):
        stylizers.load(str(tmp_path / "missing.keras"))
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match="text.keras' is not a model of Keras"):
        stylizers.load(str(tmp_path / "text.keras"))
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="is a Sequential, expected a Style"):
        stylizers.load(str(tmp_path / "other.keras"))


def test_damaged_files_are_refused(stored, tmp_path):
    data = bytearray(stored.with_suffix(".keras").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.keras").write_bytes(data)
    with pytest.raises(ValueError, match="damaged.keras' is .* damaged: "):
        stylizers.load(str(tmp_path / "damaged.keras"))


def test_images_are_checked(stored):
    painter = stylizers.load(f"{stored}.h5")
    with pytest.raises(ValueError, match="16 pixels or more"):
        painter.embed([np.zeros((4, 40, 3), np.float32)])
    style = painter.embed([STYLE])
    with pytest.raises(ValueError, match="16 pixels or more"):
        painter.paint(np.zeros((4, 40, 3), np.float32), style)
    with pytest.raises(ValueError, match="float32.*Received: uint8"):
        painter.paint(np.uint8(255 * CONTENT), style)


HALVES = np.zeros((40, 52), np.float32)
HALVES[:, :26] = 1


def test_regions_are_those_of_the_model(model, stored):
    styles = [STYLE, helpers.image(24, 24, 8)]
    found = regions.from_masks(CONTENT, styles, [HALVES])
    expected = model.stylize(CONTENT, styles, 0.6, regions=found)
    for tile in (1024, 32):
        painter = stylizers.load(f"{stored}.keras", tile=tile)
        embedding = painter.embed(styles, regions=found)
        painted = painter.paint(CONTENT, embedding, 0.6, found)
        np.testing.assert_allclose(painted, expected, atol=1e-4)


def test_pictures_may_have_other_regions(model, stored):
    """One more each: then the number of regions is free."""
    painter = stylizers.load(f"{stored}.keras")
    styles = [STYLE, helpers.image(24, 24, 8), helpers.image(24, 24, 9)]
    for count in (1, 2, 3):
        photo = helpers.image(40 + count, 52 - count, count)
        masks = np.arange(photo.shape[1]) * count // photo.shape[1]
        masks = [
            np.broadcast_to(masks == i, photo.shape[:2]).astype(np.float32)
            for i in range(count)
        ]
        found = regions.from_masks(photo, styles[:count], masks)
        embedding = painter.embed(styles[:count], regions=found)
        expected = model.stylize(photo, styles[:count], 0.6, regions=found)
        painted = painter.paint(photo, embedding, 0.6, found)
        np.testing.assert_allclose(painted, expected, atol=1e-4)


def test_details_are_those_of_the_model(model, stored):
    styles, detail = [STYLE, helpers.image(24, 24, 8)], ("coarse", "fine")
    painter = stylizers.load(f"{stored}.keras")
    found = painter.paint(CONTENT, painter.embed(styles, None, detail))
    expected = model.stylize(CONTENT, styles, style_detail=detail)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    other = model.stylize(CONTENT, styles, style_detail=detail[::-1])
    assert np.abs(found - other).mean() > 1e-3


def test_tiles_take_less_memory(stored, monkeypatch):
    whole, tiled = (stylizers.load(f"{stored}.h5", tile=n) for n in (2048, 64))
    photo, style = helpers.image(48, 2000), helpers.image(48, 64)
    monkeypatch.setattr(memory, "available", lambda: 20_000_000)
    embedding = whole.embed([style])
    with pytest.raises(MemoryError, match="sees 2000x48 pixels"):
        whole.paint(photo, embedding)
    assert tiled.paint(photo, embedding).shape == photo.shape
    with pytest.raises(MemoryError, match="sees 2000x48 pixels"):
        tiled.embed([photo])
