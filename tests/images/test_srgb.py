import numpy as np
import PIL.Image
import pytest

from pillow_files import noise, saved
from tfstyle.images import srgb


@pytest.mark.parametrize(
    ("inks", "expected"),
    [
        pytest.param((0, 0, 0, 0), (1, 1, 1), id="paper"),
        pytest.param((255, 0, 0, 0), (0, 1, 1), id="cyan"),
        pytest.param((0, 255, 255, 0), (1, 0, 0), id="red"),
        pytest.param((0, 0, 0, 255), (0, 0, 0), id="black"),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".tiff"])
def test_inks_without_profile(tmp_path, suffix, inks, expected):
    picture = saved(tmp_path, PIL.Image.new("CMYK", (8, 8), inks), suffix)
    np.testing.assert_allclose(picture.pixels[4, 4], expected, atol=0.02)


def test_grey_with_alpha(tmp_path):
    values = np.dstack([noise(5, 7), noise(5, 7, seed=1) | 1])
    picture = saved(tmp_path, PIL.Image.fromarray(values, "LA"))
    expected = np.repeat(values[..., :1] / 255, 3, axis=-1)
    np.testing.assert_allclose(picture.pixels, expected, atol=1e-6)
    np.testing.assert_allclose(picture.alpha, values[..., 1] / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_colours_with_alpha(tmp_path, suffix):
    values = np.dstack([noise(5, 7, 3), noise(5, 7, seed=1) | 1])
    options = {"lossless": True} if suffix == ".webp" else {}
    picture = saved(tmp_path, PIL.Image.fromarray(values), suffix, **options)
    expected = values / np.float32(255)
    np.testing.assert_array_equal(picture.pixels, expected[..., :3])
    np.testing.assert_array_equal(picture.alpha, expected[..., 3])


@pytest.mark.parametrize(
    "transparency", [pytest.param(1, id="index"), b"\xff\x00\xff"]
)
def test_palette_with_transparency(tmp_path, transparency):
    image = PIL.Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture = saved(tmp_path, image, transparency=transparency)
    np.testing.assert_array_equal(picture.alpha, [[1, 0, 1]])
    # The invisible green is the mean of the visible red and blue.
    np.testing.assert_array_equal(
        picture.pixels, [[[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]]]
    )


@pytest.mark.parametrize(
    ("values", "key"),
    [
        pytest.param([[0, 200]], 200, id="8 bits"),
        pytest.param([[0, 40000]], 40000, id="16 bits"),
    ],
)
def test_grey_with_a_transparent_tone(tmp_path, values, key):
    kind = np.uint8 if key < 256 else np.uint16
    image = PIL.Image.fromarray(np.array(values, kind))
    picture = saved(tmp_path, image, transparency=key)
    np.testing.assert_array_equal(picture.alpha, [[1, 0]])


def test_invisible_pixels_get_the_mean_visible_colour(tmp_path):
    values = np.zeros((2, 2, 4), np.uint8)
    values[0, 0] = (255, 0, 0, 255)
    values[0, 1] = (0, 0, 255, 255)
    values[1, 1] = (9, 255, 9, 0)
    picture = saved(tmp_path, PIL.Image.fromarray(values))
    np.testing.assert_array_equal(picture.pixels[1, 1], [0.5, 0, 0.5])
    np.testing.assert_array_equal(picture.alpha, [[1, 1], [0, 0]])


def test_the_mean_colour_of_a_large_picture_is_exact():
    # Added up one by one in float32, these are 0.65 on average.
    pixels = np.full((3000, 3000, 3), 0.7, np.float32)
    alpha = np.full((3000, 3000), 0.5, np.float32)
    alpha[-1, -1] = 0
    found = srgb.without_hidden_colors(pixels, alpha)
    np.testing.assert_allclose(found[-1, -1], 0.7, atol=1e-6)
    assert found.dtype == np.float32


def test_a_picture_that_is_all_invisible_keeps_its_colours(tmp_path):
    image = PIL.Image.new("RGBA", (3, 2), (51, 102, 153, 0))
    picture = saved(tmp_path, image)
    np.testing.assert_allclose(picture.pixels[0, 0], [0.2, 0.4, 0.6])
    assert not picture.alpha.any()


def test_an_opaque_alpha_channel_is_none(tmp_path):
    image = PIL.Image.new("RGBA", (3, 2), (1, 2, 3, 255))
    assert saved(tmp_path, image).alpha is None


def test_lab_and_ycbcr(tmp_path):
    lab = PIL.Image.new("LAB", (3, 3), (136, 128, 128))
    pixels = saved(tmp_path, lab, ".tiff").pixels
    np.testing.assert_allclose(pixels, np.full((3, 3, 3), 0.5), atol=0.02)
    rgb = PIL.Image.new("RGB", (3, 3), (200, 100, 50))
    ycbcr = saved(tmp_path, rgb.convert("YCbCr"), ".tiff").pixels
    np.testing.assert_allclose(ycbcr, srgb.unit(rgb), atol=2 / 255)
