"""Photographs of phones, as pillow-heif writes them."""

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageCms
import pillow_heif
import pytest

from tfstyle import images
from tfstyle.images import decoding, folders

# Row 0 is 0 1 2, row 1 is 3 4 5, each value a square of 32 pixels.
VALUES = np.kron(
    np.array([[0, 1, 2], [3, 4, 5]], np.uint8) * 50,
    np.ones((32, 32), np.uint8),
)


@pytest.fixture
def photo(tmp_path):
    """Writes a Pillow image without loss; returns its path."""

    def write(image, **options):
        path = tmp_path / "photo.heic"
        file = pillow_heif.from_pillow(image)
        file.save(path, quality=-1, chroma=444, **options)
        return path

    return write


def squares(path):
    image, lower = decoding.decode(path, 10**6)
    assert lower is None
    return np.asarray(image)[16::32, 16::32] / 50


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [[0, 1, 2], [3, 4, 5]]),
        (2, [[2, 1, 0], [5, 4, 3]]),
        (3, [[5, 4, 3], [2, 1, 0]]),
        (6, [[3, 0], [4, 1], [5, 2]]),
        (8, [[2, 5], [1, 4], [0, 3]]),
    ],
)
def test_is_upright(orientation, expected, photo):
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    image = PIL.Image.fromarray(VALUES).convert("RGB")
    path = photo(image, exif=exif.tobytes())
    np.testing.assert_array_equal(squares(path)[..., 0], expected)
    height, width = np.shape(expected)
    assert decoding.size(path) == (32 * width, 32 * height)


def test_transparency(photo):
    image = PIL.Image.new("RGBA", (96, 64), "teal")
    image.putalpha(PIL.Image.fromarray(VALUES))
    alpha = images.read(photo(image)).alpha
    np.testing.assert_allclose(alpha, VALUES / 255, atol=1e-6)


def test_colors_are_those_of_the_profile(photo):
    # A profile whose red is green: sRGB with two columns exchanged.
    profile = bytearray(
        PIL.ImageCms.ImageCmsProfile(
            PIL.ImageCms.createProfile("sRGB")
        ).tobytes()
    )
    red, green = profile.find(b"rXYZ"), profile.find(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    image = PIL.Image.new("RGB", (64, 64), (255, 0, 0))
    image.info["icc_profile"] = bytes(profile)
    pixels = images.read(photo(image)).pixels
    np.testing.assert_allclose(pixels[32, 32], [0, 1, 0], atol=0.02)


@pytest.mark.parametrize(
    ("primaries", "expected"),
    [
        (1, [1, 0.5, 0]),  # Those of sRGB.
        (2, [1, 0.5, 0]),  # Unknown.
        # Display P3. Linear light (1, 0.2195, 0) by its published matrix to
        # sRGB, [[1.2249, -0.2247, 0], [-0.042, 1.0419, 0],
        # [-0.0197, -0.0786, 1.0979]], is (1.1756, 0.1867, -0.037).
        (12, [1, 0.1867 ** (1 / 2.2), 0]),
    ],
)
def test_colors_without_a_profile_are_those_of_the_primaries(
    primaries, expected, photo
):
    path = photo(
        PIL.Image.new("RGB", (64, 64), (255, 128, 0)),
        color_primaries=primaries,
        transfer_characteristics=13,
        matrix_coefficients=1,
        full_range_flag=1,
    )
    pixels = images.read(path).pixels
    np.testing.assert_allclose(pixels[32, 32], expected, atol=0.01)


def test_ten_bits_become_eight(tmp_path):
    levels = np.uint16(np.arange(64 * 64).reshape(64, 64) * 16)
    pixels = np.stack([levels] * 3, -1)
    file = pillow_heif.from_bytes("RGB;16", (64, 64), pixels.tobytes())
    file.save(tmp_path / "deep.heic", quality=-1, chroma=444)
    image, _ = decoding.decode(tmp_path / "deep.heic", 10**6)
    np.testing.assert_array_equal(image, pixels >> 8)


def test_the_primary_picture_of_several_is_read(tmp_path):
    file = pillow_heif.HeifFile()
    for color, side in [("red", 64), ("blue", 80), ("lime", 96)]:
        file.add_from_pillow(PIL.Image.new("RGB", (side, side), color))
    file.save(tmp_path / "burst.heic", primary_index=1)
    image, _ = decoding.decode(tmp_path / "burst.heic", 10**6)
    assert image.size == (80, 80)
    assert decoding.frames(tmp_path / "burst.heic") == 1


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.05, "not a whole one"), (0.5, "incomplete"), (0.99, "incomplete")],
)
def test_a_part_of_a_file_is_refused(part, text, photo):
    path = photo(PIL.Image.fromarray(VALUES).convert("RGB"))
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=text):
        decoding.decode(path, 10**6)


def test_too_many_pixels_are_refused(photo):
    path = photo(PIL.Image.new("RGB", (64, 64)))
    with pytest.raises(ValueError, match="more than max_pixels=4000 pixels"):
        decoding.decode(path, 4000)


def test_are_found_in_folders(photo):
    path = photo(PIL.Image.new("RGB", (64, 64)))
    path.with_name("other.HIF").write_bytes(path.read_bytes())
    found = folders.find([path.parent])
    assert [p.name for p in found] == ["other.HIF", "photo.heic"]
