import io
import sys
import tracemalloc

import numpy as np
import PIL.Image
import pytest

import helpers
from tfstyle import images
from tfstyle.images import encoding, srgb

IMAGE = helpers.image(20, 31)
ALPHA = np.linspace(0, 1, 20 * 31, dtype=np.float32).reshape(20, 31)
SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".PNG"]
METADATA = {
    "tfstyle": '{"seed": 3, "name": "Möwe.jpg"}',
    "Title": "Two\nlines, and \N{WAVING HAND SIGN}",
}


@pytest.fixture
def cv2():
    """OpenCV, where 16 bits can be written, too."""
    pytest.importorskip("tifffile", reason="needs the extra `print`")
    return pytest.importorskip("cv2", reason="another reader, of extra `test`")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_read_back(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    images.save(path, IMAGE)
    actual = images.load(path)
    lossless = suffix.lower() in (".png", ".tif", ".tiff")
    # WebP stores colours at half the resolution, so edges of colour differ.
    error = np.abs(actual - IMAGE)
    assert error.max() <= 0.5001 / 255 if lossless else error.mean() < 0.04


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_profile_says_srgb(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    images.save(path, IMAGE)
    with PIL.Image.open(path) as image:
        assert image.info["icc_profile"] == srgb.icc_profile()
        assert image.mode == "RGB"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_transparency_is_put_back(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    images.save(path, IMAGE, ALPHA)
    picture = images.read(path)
    np.testing.assert_allclose(picture.alpha, ALPHA, atol=0.5001 / 255)
    with PIL.Image.open(path) as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff"])
@pytest.mark.parametrize("metadata", [METADATA, {}, None])
def test_metadata_are_read_back(tmp_path, suffix, metadata):
    path = tmp_path / f"picture{suffix}"
    images.save(path, IMAGE, metadata=metadata)
    assert images.read_metadata(path) == (metadata or {})


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff"])
def test_the_same_picture_gives_the_same_bytes(tmp_path, suffix):
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    for path in (first, second):
        images.save(path, IMAGE, metadata=METADATA)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_quality_matters(tmp_path, suffix):
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    sizes, errors = [], []
    for quality in (10, 50, 95):
        path = tmp_path / f"{quality}{suffix}"
        images.save(path, noise, quality=quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(images.load(path) - noise).mean())
    assert sizes == sorted(sizes)
    assert sizes[2] > 2 * sizes[0]
    assert errors == sorted(errors, reverse=True)


def test_jpeg_keeps_edges_of_colour(tmp_path):
    # Red and green of equal lightness: halved colours would mix at the edge.
    image = np.zeros((16, 15, 3), np.float32)
    image[:, :7, 0], image[:, 7:, 1] = 0.8, 0.45
    images.save(tmp_path / "edge.jpg", image)
    np.testing.assert_allclose(
        images.load(tmp_path / "edge.jpg"), image, atol=0.06
    )


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_16_bits_are_read_back_by_opencv(tmp_path, suffix, cv2):
    path = tmp_path / f"print{suffix}"
    smooth = np.linspace(0, 1, 60 * 40 * 3, dtype=np.float32)
    image = smooth.reshape(60, 40, 3)
    images.save(path, image, bit_depth=16, metadata=METADATA)

    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert len(np.unique(stored)) == 7200
    np.testing.assert_allclose(
        stored[..., ::-1] / 65535, image, atol=0.51 / 65535
    )
    assert images.read_metadata(path) == METADATA
    with PIL.Image.open(path) as read:
        assert read.info["icc_profile"] == srgb.icc_profile()
    # We read 8 of the 16 bits.
    np.testing.assert_allclose(images.load(path), image, atol=1.01 / 255)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_with_transparency(tmp_path, suffix, cv2):
    path = tmp_path / f"print{suffix}"
    images.save(path, IMAGE, ALPHA, bit_depth=16)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(
        stored[..., [2, 1, 0, 3]] / 65535,
        np.dstack([IMAGE, ALPHA]),
        atol=0.51 / 65535,
    )
    np.testing.assert_allclose(images.read(path).alpha, ALPHA, atol=1.01 / 255)


@pytest.mark.parametrize("alpha", [None, ALPHA])
def test_16_bits_are_read_as_they_were_written(tmp_path, alpha):
    path = tmp_path / "print.png"
    images.save(path, IMAGE, alpha, bit_depth=16)
    found = images.read(path)
    seen = 1 if alpha is None else (alpha > 0.01)[..., None]
    np.testing.assert_allclose(
        seen * found.pixels, seen * IMAGE, atol=0.51 / 65535
    )


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1), (3, 4), (129, 7)])
def test_16_bits_of_any_shape_are_exact(suffix, channels, size, cv2):
    shape = (*size, channels)
    numbers = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    for samples in (numbers, np.full(shape, 513, np.uint16)):
        strips = np.split(samples, range(encoding.ROWS, size[0], encoding.ROWS))
        given = encoding.Samples(
            shape=shape, dtype=samples.dtype, strips=strips
        )
        file = io.BytesIO()
        encoding.write(file, given, encoding.WRITABLE[suffix], 90, {})
        found = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), -1)
        order = [2, 1, 0, 3][:channels]
        np.testing.assert_array_equal(found[..., order], samples)


def test_tiff_of_16_bits_has_no_other_text(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="needs extra `print`")
    images.save(tmp_path / "a.tiff", IMAGE, ALPHA, bit_depth=16)
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        tags = file.pages[0].tags
        assert tags["Compression"].value == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert tags["ExtraSamples"].value == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.NONE
        assert not {"ImageDescription", "Software", "DateTime"} & {
            tag.name for tag in tags
        }


def test_tiff_of_8_bits_is_written_strip_by_strip(tmp_path, monkeypatch):
    tifffile = pytest.importorskip("tifffile", reason="needs extra `print`")
    picture, path = helpers.image(150, 20), tmp_path / "a.tiff"
    images.save(path, picture)
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].tags["RowsPerStrip"].value == encoding.ROWS
    found = images.load(path)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    images.save(path, picture)  # Whole, by Pillow.
    np.testing.assert_array_equal(images.load(path), found)


def test_16_bits_without_tifffile_name_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ValueError, match=r"tfstyle\[print\]"):
        encoding.check_format("print.tiff", bit_depth=16)
    with pytest.raises(ValueError, match=r"tfstyle\[print\]"):
        images.save(tmp_path / "print.tif", IMAGE, bit_depth=16)
    assert not list(tmp_path.iterdir())
    images.save(tmp_path / "print.png", IMAGE, bit_depth=16)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("picture.bmp", {}, r"must end in one of \.png.*Received: '\.bmp'"),
        ("picture", {}, r"picture'.*must end in one of.*Received: ''"),
        (".png", {}, r"must end in one of"),
        ("picture.jpg", {"alpha": True}, "JPEG holds no transparency"),
        ("picture.jpg", {"bit_depth": 16}, "JPEG holds 8 bits per channel"),
        ("picture.webp", {"bit_depth": 16}, "WEBP holds 8 bits per channel"),
        ("picture.png", {"bit_depth": 12}, "must be 8 or 16. Received: 12"),
        ("picture.webp", {"longest": 20_000}, "at most 16383 pixels a side"),
        ("picture.jpg", {"longest": 65_501}, "at most 65500 pixels a side"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        encoding.check_format(name, **options)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_very_long_pictures_are_written(tmp_path, suffix):
    path = tmp_path / f"panorama{suffix}"
    images.save(path, helpers.image(3, 20_000))
    assert images.load(path).shape == (3, 20_000, 3)


def test_the_longest_sides_can_be_written(tmp_path):
    images.save(tmp_path / "a.jpg", np.zeros((1, 65_500, 3), np.float32))
    images.save(tmp_path / "a.webp", np.zeros((1, 16_383, 3), np.float32))


def test_metadata_that_jpeg_cannot_hold_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"long\.jpg': Comment is too long"):
        images.save(tmp_path / "long.jpg", IMAGE, metadata={"a": "b" * 70_000})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "depth"),
    [(".png", 8), (".png", 16), (".jpg", 8), (".tiff", 8), (".tiff", 16)],
)
def test_files_say_how_large_they_are_in_print(tmp_path, suffix, depth):
    path = tmp_path / f"out{suffix}"
    images.save(path, helpers.image(8, 9), bit_depth=depth, dpi=300)
    with PIL.Image.open(path) as image:
        assert [round(float(x)) for x in image.info["dpi"]] == [300, 300]
    images.save(path, helpers.image(8, 9), bit_depth=depth)
    with PIL.Image.open(path) as image:
        assert round(float(image.info.get("dpi", (0,))[0])) != 300


def test_webp_says_how_large_it_is_in_print(tmp_path):
    images.save(tmp_path / "out.webp", helpers.image(8, 9), dpi=240)
    with PIL.Image.open(tmp_path / "out.webp") as image:
        exif = image.getexif()
    tags = PIL.ExifTags.Base
    assert exif[tags.XResolution] == exif[tags.YResolution] == 240
    assert exif[tags.ResolutionUnit] == 2


@pytest.mark.parametrize("depth", [8, 16])
def test_tiff_of_more_than_4_gb_is_bigtiff(tmp_path, monkeypatch, depth):
    picture, path = helpers.image(8, 9), tmp_path / "out.tiff"
    for most, version in ((10**6, 42), (10, 43)):
        monkeypatch.setattr(encoding, "_MOST_TIFF", most)
        images.save(path, picture, bit_depth=depth, metadata={"a": "b"})
        assert int.from_bytes(path.read_bytes()[2:4], "little") == version
        found = images.load(path)
        np.testing.assert_allclose(found, picture, atol=1 / 255)


def peak_of_saving(path, picture, **options):
    """Bytes allocated by NumPy and Python at most, beside the picture."""
    images.save(path, picture[:8], **options)  # Imports.
    tracemalloc.start()
    images.save(path, picture, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_are_written_in_strips(tmp_path, suffix, cv2):
    path = tmp_path / f"print{suffix}"
    random = np.random.default_rng(0)
    picture = random.random((4096, 256, 3), np.float32)
    assert peak_of_saving(path, picture, bit_depth=16) < picture.nbytes / 4
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_allclose(stored / 65535, picture, atol=0.51 / 65535)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp"])
def test_samples_are_made_in_strips(tmp_path, suffix):
    path = tmp_path / f"print{suffix}"
    picture = np.full((4096, 256, 3), 0.5, np.float32)
    assert peak_of_saving(path, picture) < picture.nbytes / 8
