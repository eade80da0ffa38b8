import struct

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import pytest

from pillow_files import saved
from tfstyle import images
from tfstyle.images import conversion


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jpg"])
def test_grey(tmp_path, suffix):
    values = np.full((6, 9), 51, np.uint8)
    picture = saved(tmp_path, PIL.Image.fromarray(values), suffix)
    np.testing.assert_allclose(picture.pixels, np.full((6, 9, 3), 0.2))
    assert picture.alpha is None


def test_one_bit(tmp_path):
    image = PIL.Image.fromarray(np.eye(5, dtype=bool))
    picture = saved(tmp_path, image)
    np.testing.assert_array_equal(picture.pixels[..., 0], np.eye(5))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_grey_of_16_bits_is_scaled_not_clipped(tmp_path, suffix):
    values = np.linspace(0, 65535, 300).astype(np.uint16).reshape(15, 20)
    picture = saved(tmp_path, PIL.Image.fromarray(values), suffix)
    expected = np.repeat(values[..., None] / 65535, 3, axis=-1)
    np.testing.assert_allclose(picture.pixels, expected, atol=1e-7)
    assert len(np.unique(picture.pixels)) == 300


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([[0.0, 0.25, 1.0]], [[0, 0.25, 1]], id="unit floats"),
        pytest.param([[-1.0, 1.0, 3.0]], [[0, 0.5, 1]], id="other floats"),
        pytest.param([[7.0, 7.0, 7.0]], [[0, 0, 0]], id="constant floats"),
        pytest.param([[0, 13107, 65535]], [[0, 0.2, 1]], id="16 bits"),
        pytest.param([[-100, 0, 300]], [[0, 0.25, 1]], id="signed"),
        pytest.param([[0, 500_000, 10**6]], [[0, 0.5, 1]], id="32 bits"),
    ],
)
def test_tones_of_32_bits(tmp_path, values, expected):
    kind = np.float32 if isinstance(values[0][0], float) else np.int32
    image = PIL.Image.fromarray(np.array(values, kind))
    picture = saved(tmp_path, image, ".tiff")
    np.testing.assert_allclose(picture.pixels[..., 1], expected, atol=1e-6)


TIFF = PIL.TiffImagePlugin


@pytest.mark.parametrize(
    ("values", "tags", "expected"),
    [
        pytest.param(
            np.array([[0, 13107, 65535]], np.uint16),
            {TIFF.PHOTOMETRIC_INTERPRETATION: 0},
            [[1, 0.8, 0]],
            id="white is 0",
        ),
        pytest.param(
            np.array([[0, 2**31, 2**32 - 1]], np.uint32).view(np.int32),
            {TIFF.SAMPLEFORMAT: 1},
            [[0, 0.5, 1]],
            id="unsigned",
        ),
    ],
)
def test_tags_of_gray_tiff_files_are_heeded(tmp_path, values, tags, expected):
    path = tmp_path / "image.tiff"
    PIL.Image.fromarray(values).save(path)
    with_tags(path, tags)
    for picture in (
        images.load(path),
        conversion.to_image(PIL.Image.open(path)),
    ):
        np.testing.assert_allclose(picture[..., 1], expected, atol=1e-6)


def test_gray_of_12_bits_is_scaled(tmp_path):
    values = np.array([[0, 819], [2730, 4095]])
    path, tags = tmp_path / "scan.tiff", TIFF.ImageFileDirectory_v2()
    tags[TIFF.IMAGEWIDTH] = tags[TIFF.IMAGELENGTH] = 2
    tags[TIFF.ROWSPERSTRIP] = 2
    tags[TIFF.PHOTOMETRIC_INTERPRETATION] = tags[TIFF.COMPRESSION] = 1
    tags[TIFF.BITSPERSAMPLE] = 12
    tags[TIFF.STRIPOFFSETS] = 0  # After the tags.
    tags[TIFF.STRIPBYTECOUNTS] = 6
    with open(path, "wb") as file:
        tags.save(file)
        file.write(bytes.fromhex("".join(f"{v:03x}" for v in values.flat)))
    for picture in (
        images.load(path),
        conversion.to_image(PIL.Image.open(path)),
    ):
        np.testing.assert_allclose(picture[..., 1], values / 4095, atol=1e-6)


def with_tags(path, tags):
    """Changes numbers of a TIFF file, which Pillow writes in its own way."""
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, place)
        if tag in tags:
            struct.pack_into("<H", data, place + 8, tags.pop(tag))
    assert not tags, "the file lacks them"
    path.write_bytes(data)


def test_planes_of_16_bits_are_refused(tmp_path):
    path, tags = tmp_path / "planes.tiff", TIFF.ImageFileDirectory_v2()
    tags[TIFF.IMAGEWIDTH] = tags[TIFF.IMAGELENGTH] = 2
    tags[TIFF.ROWSPERSTRIP] = tags[TIFF.PLANAR_CONFIGURATION] = 2
    tags[TIFF.PHOTOMETRIC_INTERPRETATION] = 2
    tags[TIFF.SAMPLESPERPIXEL] = 3
    tags[TIFF.BITSPERSAMPLE] = (16, 16, 16)
    tags[TIFF.STRIPOFFSETS] = (0, 8, 16)  # After the tags.
    tags[TIFF.STRIPBYTECOUNTS] = (8, 8, 8)
    with open(path, "wb") as file:
        tags.save(file)
        file.write(bytes(24))
    message = "plane for each channel cannot be read. Save it with"
    with pytest.raises(ValueError, match=rf"planes\.tiff': .*{message}"):
        images.load(path)
    with pytest.raises(ValueError, match=message):
        conversion.to_image(PIL.Image.open(path))


def test_tones_that_are_not_finite_are_refused(tmp_path):
    image = PIL.Image.fromarray(np.array([[0, np.nan]], np.float32))
    with pytest.raises(ValueError, match=r"image\.tiff.*NaN"):
        saved(tmp_path, image, ".tiff")
