import keras
import numpy as np
import pytest
import tensorflow as tf

import helpers
from tfstyle import color, painters, regions
from tfstyle.controls import Controls

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
    loaded = painters.load(f"{stored}.h5")
    painter = painters.FinishingPainter(loaded, controls)
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
    loaded = painters.load(f"{stored}.h5")
    painter = painters.FinishingPainter(loaded, Controls(color=mode))
    styles, mixes = [STYLE, 1 - STYLE], [[1, 0], [1, 3]]
    found = painter.blends(CONTENT, styles, mixes, 0.6)
    for picture, mix in zip(found, mixes, strict=True):
        expected = painter.paint(CONTENT, painter.embed(styles, mix), 0.6)
        np.testing.assert_allclose(picture, expected, atol=1e-5)


class Mean(tf.Module):
    """Called as Magenta's model on TensorFlow Hub is."""

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)] * 2
    )
    def __call__(self, content, style):
        colour = tf.reduce_mean(style, axis=(1, 2), keepdims=True)
        return [0.5 * content + 0.5 * colour]


class Bare(Mean):
    """Answers the images, not a list of them."""

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)] * 2
    )
    def __call__(self, content, style):
        return content


def test_answers_that_are_no_lists_of_images():
    painter = painters.CallablePainter(Bare())
    with pytest.raises(ValueError, match="must answer a list of images"):
        painter.paint(CONTENT, painter.embed([STYLE]))


class Signatures(tf.Module):
    """With the signatures of `export.saved_model`."""

    def __init__(self, model):
        super().__init__()
        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        self.model = model
        self.embed = tf.function(
            lambda style_image: {
                "style_embedding": model.embed_style(style_image)
            },
            input_signature=[tf.TensorSpec(images.shape, name="style_image")],
        )
        self.apply = tf.function(
            lambda content_image, style_embedding, strength: {
                "stylized_image": model.apply_style(
                    content_image, style_embedding, strength
                )
            },
            input_signature=[
                tf.TensorSpec(images.shape, name="content_image"),
                tf.TensorSpec((None, None), name="style_embedding"),
                tf.TensorSpec((None,), name="strength"),
            ],
        )


def paint(painter, strength=1.0, styles=(STYLE,), shares=None):
    return painter.paint(CONTENT, painter.embed(styles, shares), strength)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_files_of_this_project(model, stored, ending):
    painter = painters.load(f"{stored}.{ending}")
    expected = model.stylize(CONTENT, STYLE, 0.6)
    found = paint(painter, 0.6)
    assert found.dtype == np.float32
    # The one file is float16.
    np.testing.assert_allclose(found, expected, atol=2e-2)
    assert np.abs(found - expected).mean() < 2e-3


def test_large_images_are_painted_in_tiles(stored):
    whole = painters.load(f"{stored}.h5")
    tiled = painters.load(f"{stored}.h5", tile=32)
    np.testing.assert_allclose(paint(tiled), paint(whole), atol=1e-5)


def test_all_sizes_are_one_trace(stored):
    painter = painters.load(f"{stored}.h5")
    style = painter.embed([STYLE])
    for size in (20, 33, 47):
        painter.paint(helpers.image(size, size + 3), style)
    assert painter._apply.experimental_get_tracing_count() == 1


def test_a_saved_model_with_our_signatures(model, tmp_path):
    module = Signatures(model)
    signatures = {"embed_style": module.embed, "apply_style": module.apply}
    tf.saved_model.save(module, str(tmp_path), signatures)
    painter = painters.load(str(tmp_path))
    other = helpers.image(24, 24, 8)
    found = paint(painter, 0.5, [STYLE, other], [1, 3])
    expected = model.stylize(CONTENT, [STYLE, other], 0.5, [1, 3])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_saved_model_that_is_called(tmp_path):
    tf.saved_model.save(Mean(), str(tmp_path))
    painter = painters.load(str(tmp_path))
    expected = 0.5 * CONTENT + 0.5 * STYLE.mean((0, 1))
    np.testing.assert_allclose(paint(painter), expected, atol=1e-6)
    with pytest.raises(ValueError, match="one strength.*strength=0.5"):
        paint(painter, 0.5)
    with pytest.raises(ValueError, match="one style. Received: 2"):
        paint(painter, styles=[STYLE, STYLE])


class Half(tf.Module):
    """Takes images of two sizes only; its results are smaller."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, *CONTENT.shape), tf.float32),
            tf.TensorSpec((1, *STYLE.shape), tf.float32),
        ]
    )
    def __call__(self, content, style):
        return [content[:, ::2, ::2] + 0 * tf.reduce_sum(style)]


def test_a_saved_model_may_be_of_other_sizes(tmp_path):
    tf.saved_model.save(Half(), str(tmp_path))
    painter = painters.load(str(tmp_path))
    assert paint(painter).shape == CONTENT.shape
    height, width = CONTENT.shape[:2]
    with pytest.raises(
        ValueError, match=f"of {width}x{height} pixels with a style of 20x18:"
    ):
        paint(painter, styles=[helpers.image(18, 20, 3)])


def test_the_hub_is_on_the_network(monkeypatch):
    monkeypatch.setenv("TFSTYLE_OFFLINE", "1")
    with pytest.raises(ValueError, match="'https://hub/1' is on the network"):
        painters.load("https://hub/1")


def test_what_is_no_model_is_refused(stored, tmp_path):
    with pytest.raises(ValueError, match="no model 'nothing'"):
        painters.load("nothing")
    with pytest.raises(ValueError, match="no model '.*missing.keras'"):
        painters.load(str(tmp_path / "missing.keras"))
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match="text.keras' is not a model of Keras"):
        painters.load(str(tmp_path / "text.keras"))
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="is a Sequential, expected a Style"):
        painters.load(str(tmp_path / "other.keras"))
    tf.saved_model.save(tf.Module(), str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="neither the signatures"):
        painters.load(str(tmp_path / "empty"))


def test_damaged_files_are_refused(stored, tmp_path):
    data = bytearray(stored.with_suffix(".keras").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.keras").write_bytes(data)
    with pytest.raises(ValueError, match="damaged.keras' is .* damaged: "):
        painters.load(str(tmp_path / "damaged.keras"))
    module = tf.Module()
    module.variable = tf.Variable(tf.zeros(1000))
    for i, name in enumerate(("data-00000-of-00001", "index")):
        folder = tmp_path / str(i)
        tf.saved_model.save(module, str(folder))
        (folder / "variables" / f"variables.{name}").write_bytes(b"less")
        with pytest.raises(ValueError, match=f"{i}' is no SavedModel .*: "):
            painters.load(str(folder))


def test_images_are_checked(stored):
    painter = painters.load(f"{stored}.h5")
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
        painter = painters.load(f"{stored}.keras", tile=tile)
        embedding = painter.embed(styles, regions=found)
        painted = painter.paint(CONTENT, embedding, 0.6, found)
        np.testing.assert_allclose(painted, expected, atol=1e-4)


def test_pictures_may_have_other_regions(model, stored):
    """One more each: then the number of regions is free."""
    painter = painters.load(f"{stored}.keras")
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
    painter = painters.load(f"{stored}.keras")
    found = painter.paint(CONTENT, painter.embed(styles, None, detail))
    expected = model.stylize(CONTENT, styles, style_detail=detail)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    other = model.stylize(CONTENT, styles, style_detail=detail[::-1])
    assert np.abs(found - other).mean() > 1e-3


def test_a_saved_model_keeps_but_knows_no_regions(tmp_path):
    tf.saved_model.save(Mean(), str(tmp_path))
    painter = painters.load(str(tmp_path))
    kept = regions.from_masks(CONTENT, [STYLE], keep_mask=HALVES)
    painted = painter.paint(
        CONTENT, painter.embed([STYLE], regions=kept), 1.0, kept
    )
    np.testing.assert_array_equal(painted[:, :26], CONTENT[:, :26])
    assert np.abs(painted - CONTENT)[:, 26:].mean() > 0.02
    part = np.zeros((30, 26), np.float32)
    part[:9] = 1
    guides = regions.from_masks(CONTENT, [STYLE], [], [part])
    for more in ({"regions": guides}, {"detail": ("fine",)}):
        with pytest.raises(ValueError, match="paints whole pictures"):
            painter.embed([STYLE], **more)
