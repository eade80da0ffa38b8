import io
import pathlib

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import helpers
import tfstyle
from tfstyle import images
from tfstyle.controls import regions
from tfstyle.dreams.config import DreamConfig
from tfstyle.images import conversion
from tfstyle.optimization.config import GatysConfig

IMAGE = helpers.image(10, 12)
BYTES = np.rint(255 * IMAGE).astype(np.uint8)
ALPHA = np.tile(np.uint8([0, 0, 0, 128, 255, 255]), (10, 2))
RGBA = np.concatenate([BYTES, ALPHA[..., None]], axis=-1)


@pytest.fixture
def path(tmp_path):
    """Of a picture with transparency."""
    path = tmp_path / "picture.png"
    PIL.Image.fromarray(RGBA).save(path)
    return path


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param(IMAGE, 0, id="float32"),
        pytest.param(BYTES, 0.5 / 255, id="uint8"),
        pytest.param(IMAGE.astype(np.float64), 0, id="float64"),
        pytest.param(IMAGE.astype(np.float16), 3e-4, id="float16"),
        pytest.param(tf.constant(IMAGE), 0, id="tf.Tensor"),
        pytest.param(tf.constant(BYTES), 0.5 / 255, id="bytes of tf.Tensor"),
        pytest.param(tf.cast(IMAGE, tf.bfloat16), 2e-3, id="bfloat16"),
        pytest.param(tf.Variable(IMAGE), 0, id="tf.Variable"),
        pytest.param(keras.ops.array(IMAGE), 0, id="tensor of Keras"),
        pytest.param(keras.Variable(IMAGE), 0, id="keras.Variable"),
        pytest.param(PIL.Image.fromarray(BYTES), 0.5 / 255, id="Pillow"),
    ],
)
def test_images_of_all_kinds(value, error):
    found = conversion.to_image(value)
    assert (found.dtype, found.shape) == (np.float32, (10, 12, 3))
    np.testing.assert_allclose(found, IMAGE, rtol=0, atol=error + 1e-7)


def test_arrays_of_jax():
    jax = pytest.importorskip("jax")
    found = conversion.to_image(jax.numpy.asarray(IMAGE))
    np.testing.assert_array_equal(found, IMAGE)


def test_arrays_that_are_right_are_not_copied():
    assert np.shares_memory(conversion.to_image(IMAGE), IMAGE)


@pytest.mark.parametrize("axes", [(), (1,)])
def test_grey_becomes_rgb(axes):
    grey = np.float32([[0.1, 0.3, 1.0]]).reshape(1, 3, *axes)
    found = conversion.to_image(grey)
    assert found.tolist() == [[[x] * 3 for x in grey.ravel().tolist()]]
    assert conversion.to_mask(grey).tolist() == grey.reshape(1, 3).tolist()


def test_arrays_with_transparency_are_as_their_files(path):
    expected = images.load(path)
    for value in (RGBA, RGBA / 255, PIL.Image.fromarray(RGBA), path, str(path)):
        found = conversion.to_image(value)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
        mask = conversion.to_mask(value)
        np.testing.assert_allclose(mask, ALPHA / 255, atol=1e-7)
    opaque = np.concatenate([IMAGE, np.ones_like(IMAGE[..., :1])], -1)
    assert conversion.to_image(opaque).tolist() == IMAGE.tolist()


def test_pillow_images_are_turned_upright():
    image = PIL.Image.fromarray(BYTES)
    image.getexif()[0x0112] = 6  # A quarter turn to the right.
    found = conversion.to_image(image)
    np.testing.assert_array_equal(found, np.rot90(BYTES, -1) / np.float32(255))


def test_palettes_and_16_bits_are_as_in_files():
    palette = PIL.Image.fromarray(BYTES).quantize(16)
    expected = np.asarray(palette.convert("RGB")) / np.float32(255)
    np.testing.assert_array_equal(conversion.to_image(palette), expected)
    deep = PIL.Image.fromarray(np.array([[0, 13107]], np.uint16))
    np.testing.assert_allclose(conversion.to_image(deep)[0, 1], 0.2)


def test_pillow_images_of_damaged_files_are_refused():
    file = io.BytesIO()
    PIL.Image.fromarray(BYTES).save(file, "PNG")
    for convert in (conversion.to_image, conversion.to_mask):
        cut = PIL.Image.open(io.BytesIO(file.getvalue()[:-60]))
        with pytest.raises(ValueError, match="must be whole. Received: a"):
            convert(cut)


def test_masks_of_bool():
    mask = ALPHA > 0
    found = conversion.to_mask(mask)
    assert found.dtype == np.float32
    assert found.tolist() == mask.tolist()
    assert conversion.to_mask(tf.constant(mask)).tolist() == mask.tolist()
    assert not conversion.to_mask(np.zeros((2, 2), np.uint8)).any()


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (IMAGE, 1),
        ("path", 1),
        (np.stack([IMAGE, IMAGE]), 2),
        (tf.stack([IMAGE, IMAGE]), 2),
        ([IMAGE, BYTES, "path"], 3),
        ((PIL.Image.fromarray(BYTES),), 1),
        ([], 0),
    ],
)
def test_one_or_several(values, count, path):
    if isinstance(values, list):
        values = [path if isinstance(v, str) else v for v in values]
    elif isinstance(values, str):
        values = str(path)
    assert len(conversion.to_images(values)) == count


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (IMAGE[0, 0], r"Received: shape \(3,\)$"),
        (IMAGE[..., :2], r"1, 3 or 4 channels\. Received: shape \(10, 12, 2\)"),
        (IMAGE[:0], "shape"),
        (IMAGE[None], r"Take `image\[0\]`\.$"),
        (np.moveaxis(IMAGE, -1, 0), r"np\.moveaxis\(image, 0, -1\)"),
        (IMAGE + 1, r"values from 1\..* by 255, or clip"),
        (255 * IMAGE, "by 255"),
        (IMAGE - 1, "from -"),
        (np.full_like(IMAGE, np.nan), "nan"),
        (np.full_like(IMAGE, np.inf), "inf"),
        (IMAGE.astype(complex), "Received: complex128"),
        (BYTES.astype(int), r"Received: int64\. Take `.astype\('uint8'\)`"),
        (BYTES.astype(np.uint16), "Received: uint16"),
        (IMAGE > 0.5, "Received: bool"),
        (tf.constant(["a"]), "shape"),
        (IMAGE.tolist(), "paths. Received: list$"),
        (None, "Received: NoneType$"),
    ],
)
def test_what_is_no_image_is_refused(value, match):
    with pytest.raises(ValueError, match=match):
        conversion.to_image(value)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ((ALPHA > 0).astype(np.uint8), r"Take `mask.astype\(bool\)`"),
        (ALPHA.astype(int), "Masks must be uint8, .* Received: int64"),
        (ALPHA.astype(float), r"in \[0, 1\]"),
        (3, "Received: int$"),
    ],
)
def test_what_is_no_mask_is_refused(value, match):
    with pytest.raises(ValueError, match=match):
        conversion.to_mask(value)


def test_files_that_are_not_there_are_named():
    with pytest.raises(FileNotFoundError, match="gone.png"):
        conversion.to_image(pathlib.Path("gone.png"))


def test_all_engines_take_them(path):
    settings = {"size": 20, "steps": 1, "features": "vgg_distilled"}
    gatys = GatysConfig(start_size=20, **settings)
    dream = DreamConfig(octaves=1, **settings)
    model = helpers.style_model()
    photo, style = images.load(path), helpers.image(16, 20)
    larger = images.resize(photo, 20, 24)
    mask = images.read(path).mask

    def painted(photo, style, larger, mask):
        parts = regions.from_masks(photo, [style, photo], [mask])
        styles = [style, photo]
        return [
            tfstyle.stylize(photo, styles, gatys, regions=parts),
            tfstyle.stylize(photo, style, gatys, init=larger),
            tfstyle.deep_dream(photo, dream, guide=style),
            model.stylize(larger, style),
        ]

    expected = painted(photo, style, larger, mask)
    levels = np.rint(255 * mask).astype(np.uint8)
    given = str(path), tf.constant(style), larger.astype(np.float64), levels
    for found, wanted in zip(painted(*given), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_batch_is_painted_one_by_one():
    model, style = helpers.style_model(), helpers.image(16, 20)
    pictures = np.stack([helpers.image(18, 16, seed) for seed in range(2)])
    found = model.stylize(tf.constant(pictures), style)
    assert found.shape == pictures.shape
    np.testing.assert_array_equal(found[1], model.stylize(pictures[1], style))


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (IMAGE[0], r"shape \(12, 3\)"),
        (IMAGE.astype(float), "float64"),
        (IMAGE[..., :2], "shape"),
        (IMAGE[:0], "shape"),
        (IMAGE + 1, r"in \[0, 1\]"),
        (np.full_like(IMAGE, np.nan), "nan"),
        ("dog.jpg", r"`images.load` reads files. Received: str$"),
        (PIL.Image.new("RGB", (8, 8)), "Received: Image$"),
        (IMAGE.tolist(), "Received: list$"),
        (tf.constant(IMAGE), "Received: EagerTensor$"),
    ],
)
def test_what_the_library_itself_takes_for_no_image(image, match):
    with pytest.raises(ValueError, match=match):
        conversion.check(image)
