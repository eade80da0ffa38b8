"""Images in a graph against Pillow, and what is refused.

That a session refuses the same is in test_export.py.
"""

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import helpers
import png_files
from image_bytes import file, photo, png_of_size
from tfstyle.export import graph_images
from tfstyle.export.config import ExportConfig

LIMITS = {"smallest": 16, "max_pixels": 10_000}


def decode(data):
    return graph_images.decode(tf.constant(data), "the file", **LIMITS).numpy()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(file(photo()), id="PNG"),
        pytest.param(file(photo("L")), id="PNG, grey"),
        pytest.param(file(photo("P")), id="PNG, palette"),
        *(
            pytest.param(
                file(photo().quantize(2**bits), bits=bits),
                id=f"PNG, palette of {bits} bits",
            )
            for bits in (1, 2, 4)
        ),
        *(
            pytest.param(
                png_files.encode(np.arange(1200).reshape(40, 30, 1), bits),
                id=f"PNG, gray of {bits} bits",
            )
            for bits in (1, 2, 4)
        ),
        pytest.param(file(photo(), "JPEG", quality=90), id="JPEG"),
        pytest.param(file(photo("L"), "JPEG"), id="JPEG, grey"),
        pytest.param(
            file(photo(), "JPEG", progressive=True), id="JPEG, progressive"
        ),
        pytest.param(file(photo(height=100, width=100)), id="as allowed"),
    ],
)
def test_pixels_are_those_of_pillow(data):
    with PIL.Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"), np.float32) / 255
    np.testing.assert_allclose(decode(data), expected, atol=1e-6)


def test_transparent_pixels_are_put_on_white():
    samples = np.zeros((20, 20, 4), np.uint8)
    samples[:10] = (255, 0, 0, 51)  # A fifth of red.
    pixels = decode(file(PIL.Image.fromarray(samples)))
    np.testing.assert_allclose(pixels[0, 0], [1, 0.8, 0.8], atol=1e-6)
    np.testing.assert_allclose(pixels[19, 19], [1, 1, 1])


def test_orientation_is_ignored():
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # To be shown turned by 90 degrees.
    assert decode(file(photo(), "JPEG", exif=exif)).shape == (40, 30, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file must be whole files of type JPEG or PNG"),
        (b"GIF89a" + bytes(100), "must be whole files of type JPEG or PNG"),
        (file(photo())[:20], "(?s)JPEG or PNG, in bytes.*20"),
        (file(photo())[:-60], "Invalid PNG data"),
        (file(photo(), "JPEG")[:-200], "Invalid JPEG data"),
        (file(photo(height=15)), "16 pixels or more on each side"),
        (file(photo(height=102, width=100)), "10000 pixels or fewer"),
        (png_of_size(100_000, 100_000), "10000 pixels or fewer"),
        (png_of_size(2**31 + 5, 2**31 + 5), "16 pixels or more"),
    ],
)
def test_what_is_no_file_or_too_large_is_refused(data, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode(data)


@pytest.mark.parametrize(("kind", "atol"), [("png", 0.5001), ("jpeg", 6)])
def test_encoded_images_hold_the_pixels(kind, atol):
    image = helpers.image(33, 47)
    config = ExportConfig(image_format=kind, quality=100)
    data = graph_images.encode(tf.constant(image), config).numpy()
    with PIL.Image.open(io.BytesIO(data)) as stored:
        assert stored.format == kind.upper()
        difference = np.abs(np.asarray(stored) - 255 * image)
    assert difference.max() <= atol


def test_quality_changes_the_size():
    image = tf.constant(helpers.image(64, 64))
    sizes = [
        len(graph_images.encode(image, ExportConfig(quality=q)).numpy())
        for q in (20, 95)
    ]
    assert sizes[0] < 0.7 * sizes[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x * np.nan, "none of them NaN"),
        (lambda x: x * np.inf, "the images must have values from 0 to 1"),
        (lambda x: x * 255, "divided by 255"),
        (lambda x: x[:, :15], "16 pixels or more on each side"),
        (lambda x: x[:, :, :0], "(?s)each side.*40, 0"),
        (lambda x: np.tile(x, (1, 3, 4, 1)), "10000 pixels or fewer"),
    ],
)
def test_check_refuses_what_a_model_cannot_take(change, message):
    images = tf.constant(change(helpers.image(40, 30)[None]), tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        graph_images.check(images, "the images", **LIMITS)


def test_check_lets_resized_images_overshoot():
    images = tf.constant(helpers.image(40, 30)[None] * 1.2 - 0.1)
    checked = graph_images.check(images, "the images", **LIMITS)
    np.testing.assert_array_equal(checked, images)
