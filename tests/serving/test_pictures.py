import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin

import helpers
from icc_profiles import grey_profile, icc
from image_bytes import png_of_size
from serving import pictures
from tfstyle import images

PIXELS = np.round(255 * helpers.image(30, 40)).astype(np.uint8)


def save(path, pixels=PIXELS, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_fine_files_are_sent_as_they_are(name, tmp_path):
    path = save(tmp_path / name)
    assert pictures.read(path) == path.read_bytes()
    assert pictures.read(path, 40) == path.read_bytes()


def test_turned_photographs_become_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was turned by a quarter.
    path = save(tmp_path / "a.jpg", exif=exif, quality=100)
    image = opened(pictures.read(path))
    assert image.size == (30, 40) and image.format == "JPEG"
    assert image.getexif().get(0x0112, 1) == 1
    turned = np.rot90(PIXELS, -1).astype(int)
    assert np.abs(np.asarray(image) - turned).mean() < 8


@pytest.mark.parametrize("suffix", [".webp", ".tiff", ".bmp"])
def test_other_formats_become_png(suffix, tmp_path):
    options = {"lossless": True} if suffix == ".webp" else {}
    image = opened(pictures.read(save(tmp_path / f"a{suffix}", **options)))
    assert image.format == "PNG"
    np.testing.assert_array_equal(np.asarray(image), PIXELS)


def test_size_is_of_the_longer_side_and_never_grows(tmp_path):
    path = save(tmp_path / "a.png")
    assert opened(pictures.read(path, 20)).size == (20, 15)
    assert opened(pictures.read(path, 400)).size == (40, 30)
    thin = save(tmp_path / "thin.png", PIXELS[:1])
    assert opened(pictures.read(thin, 8)).size == (8, 1)


def test_colour_profiles_are_applied(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    path = save(tmp_path / "a.png", icc_profile=profile.tobytes())
    image = opened(pictures.read(path))
    assert "icc_profile" not in image.info
    difference = np.asarray(image).astype(int) - PIXELS
    assert np.abs(difference).max() <= 1


def ramp(type, low, high):
    """Grey tones of a type, as many as fit into a small image."""
    return np.linspace(low, high, 1200).reshape(30, 40).astype(type)


def assert_as_tfstyle_reads(path):
    data, expected = opened(pictures.read(path)), images.read(path)
    pixels = np.asarray(data.convert("RGB"), np.float32) / 255
    visible = np.ones(pixels.shape[:2], bool)
    if expected.alpha is not None:
        visible = expected.alpha > 0
        alpha = np.asarray(data.getchannel("A"))
        np.testing.assert_array_equal(alpha, 255 * expected.alpha)
    np.testing.assert_allclose(
        pixels[visible], expected.pixels[visible], rtol=0, atol=1.5 / 255
    )


@pytest.mark.parametrize(
    ("suffix", "pixels"),
    [
        (".png", ramp("<u2", 0, 65535)),
        (".png", ramp("<u2", 20000, 30000)),
        (".tiff", ramp("<u2", 0, 65535)),
        (".tiff", ramp(">u2", 0, 65535)),
        (".tiff", ramp("<i4", 0, 65535)),
        (".tiff", ramp("<i4", -70000, 200000)),
        (".tiff", ramp("<f4", 0, 1)),
        (".tiff", ramp("<f4", -3, 9)),
    ],
)
def test_grey_of_more_than_8_bits_is_scaled(suffix, pixels, tmp_path):
    assert_as_tfstyle_reads(save(tmp_path / f"a{suffix}", pixels))


def test_transparency_and_profile_of_grey_of_16_bits(tmp_path):
    tones = ramp("<u2", 0, 65535)
    tones[:9] = 700
    assert_as_tfstyle_reads(save(tmp_path / "a.png", tones, transparency=700))
    assert_as_tfstyle_reads(
        save(tmp_path / "b.png", tones, icc_profile=grey_profile(1.8))
    )


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"not a profile", id="noise"),
        pytest.param(icc(b"RGB ", b"XYZ ", {}), id="without tags"),
        pytest.param(grey_profile(1.8), id="of grey"),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_profiles_that_do_not_fit_are_ignored(mode, profile, tmp_path):
    image = Image.fromarray(PIXELS).convert(mode)
    image.save(tmp_path / "a.tiff", icc_profile=profile)
    assert_as_tfstyle_reads(tmp_path / "a.tiff")


def test_transparency_is_sent_and_becomes_white_in_jpeg(tmp_path):
    alpha = np.zeros((30, 40, 1), np.uint8)
    path = save(tmp_path / "a.tiff", np.concatenate([PIXELS, alpha], -1))
    data = pictures.read(path)
    assert opened(data).mode == "RGBA"
    pictures.write(tmp_path / "out.jpg", data)
    assert np.asarray(Image.open(tmp_path / "out.jpg")).min() >= 254


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [("RGBA", (1, 2, 3, 255), False), ("RGBA", (1, 2, 3, 254), True)]
    + [("LA", (5, 0), True), ("RGB", (1, 2, 3), False)],
)
def test_what_is_transparent(mode, color, expected, tmp_path):
    Image.new(mode, (9, 8), color).save(tmp_path / "a.png")
    data = pictures.read(tmp_path / "a.png")
    assert pictures.is_transparent(data) is expected


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_files_are_written_as_they_came_but_for_a_note(kind, tmp_path):
    path = save(tmp_path / f"a.{kind}", quality=95)
    pictures.write(tmp_path / f"b.{kind}", path.read_bytes())
    written = Image.open(tmp_path / f"b.{kind}")
    np.testing.assert_array_equal(written, Image.open(path))
    comment = written.info["Comment" if kind == "png" else "comment"]
    assert "client of tfstyle" in str(comment)
    assert pictures.is_ours(tmp_path / f"b.{kind}")
    assert not pictures.is_ours(path)


def test_files_are_converted_to_the_format_of_their_name(tmp_path):
    data = save(tmp_path / "a.png").read_bytes()
    pictures.write(tmp_path / "b.jpg", data)
    assert Image.open(tmp_path / "b.jpg").format == "JPEG"
    assert pictures.is_ours(tmp_path / "b.jpg")


def test_failures_leave_nothing_behind(tmp_path):
    data = save(tmp_path / "a.png").read_bytes()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OSError):
        pictures.write(tmp_path / "folder.png", data)
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "folder.png"}


def test_what_is_no_image(tmp_path):
    for name, data in [("a.png", b"junk"), ("b.jpg", b"")]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}' is not an image"):
            pictures.read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff", "a.bmp"])
def test_a_file_that_breaks_off_is_named(name, tmp_path):
    path = save(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"{name}' is damaged: .*truncated"):
        pictures.read(path, 20)


def test_more_pixels_than_pillow_reads(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of_size(20_000, 20_000))
    with pytest.raises(ValueError, match="a.png' is too large"):
        pictures.read(tmp_path / "a.png")


def test_photographs_of_telephones_stay_jpeg(tmp_path):
    first, second = (Image.new("RGB", (40, 30), c) for c in ("red", "blue"))
    path = tmp_path / "a.jpg"
    first.save(path, "MPO", save_all=True, append_images=[second])
    image = Image.open(io.BytesIO(pictures.read(path)))
    assert image.format == "JPEG" and image.getpixel((9, 9))[0] > 200


def test_an_address_is_no_file():
    with pytest.raises(FileNotFoundError, match="is an address, not a file"):
        pictures.read("s3://bucket/a.png")


def test_large_texts_do_not_matter(tmp_path):
    chunks = PngImagePlugin.PngInfo()
    for _ in range(3):
        chunks.add_text("a", 2**21 * "x", zip=True)
    path = save(tmp_path / "a.png", pnginfo=chunks)
    assert pictures.read(path) == path.read_bytes()
    smaller = opened(pictures.read(path, 20))
    assert (smaller.size, smaller.info) == ((20, 15), {})


def test_a_comment_that_is_too_long_loses_no_picture(tmp_path):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("comment", 70_000 * "x")
    data = save(tmp_path / "a.png", pnginfo=chunks).read_bytes()
    pictures.write(tmp_path / "out.jpg", data)
    image = opened((tmp_path / "out.jpg").read_bytes())
    assert b"x" not in image.info["comment"]


def test_find(tmp_path):
    # With companion files of macOS, which hold no picture.
    for name in ("b.JPG", "a.png", "._a.png", "._d.nef", "notes.txt"):
        (tmp_path / name).touch()
    inside = tmp_path / "more.png"
    inside.mkdir()
    (inside / "c.gif").touch()
    found = pictures.find(tmp_path)
    assert [p.name for p in found] == ["a.png", "b.JPG", "c.gif"]
    assert not pictures.unreadable(tmp_path)


def test_photographs_that_cannot_be_read_are_counted(tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("a.nef", "more/b.NEF", "more/c.cr3", "notes.txt"):
        (tmp_path / name).touch()
    assert pictures.unreadable(tmp_path) == {".nef": 2, ".cr3": 1}
    with pytest.raises(ValueError, match="not an image. Convert it to JPEG."):
        pictures.read(tmp_path / "a.nef")


def test_photographs_of_phones_are_sent_as_jpeg(tmp_path):
    file = pillow_heif.from_pillow(Image.new("RGB", (96, 64), "teal"))
    file.save(tmp_path / "photo.HEIC")
    image = opened(pictures.read(tmp_path / "photo.HEIC"))
    assert image.format == "JPEG" and image.size == (96, 64)
    assert [p.name for p in pictures.find(tmp_path)] == ["photo.HEIC"]


@pytest.mark.parametrize("blank", [False, True])
def test_a_damaged_photograph_of_a_phone_is_named(blank, tmp_path):
    path = tmp_path / "photo.heic"
    pillow_heif.from_pillow(Image.new("RGB", (96, 64), "teal")).save(path)
    header, data = path.read_bytes().split(b"mdat")
    rest = bytes(len(data)) if blank else data[:-9]
    path.write_bytes(header + b"mdat" + rest)
    with pytest.raises(ValueError, match="photo.heic' is damaged: "):
        pictures.read(path)
