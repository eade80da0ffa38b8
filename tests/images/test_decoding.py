import concurrent.futures
import io
import json
import os
import struct
import warnings
import zlib

import numpy as np
import PIL.Image
import pytest

import image_bytes
from tfstyle import images
from tfstyle.images import conversion, decoding

# Row 0 is 0 1 2, row 1 is 3 4 5, in steps that JPEG keeps apart.
VALUES = np.array([[0, 1, 2], [3, 4, 5]], np.uint8) * 50


def big(values):
    """Every value a square of 16 pixels: a block of JPEG, also when halved."""
    return np.kron(values, np.ones((16, 16), np.uint8))


def small(pixels):
    return np.rint(pixels[8::16, 8::16, 0] * 255 / 50)


def exif(tag, value):
    data = PIL.Image.Exif()
    data[tag] = value
    return data


def bytes_of(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def bomb(side):
    """A PNG file of a hundred bytes that claims to have side² pixels."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data))
            + name
            + data
            + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


# What the values must be when upright, from the definition of EXIF: where the
# first row and the first column of the file are in the picture.
UPRIGHT = {
    1: VALUES,  # top, left
    2: VALUES[:, ::-1],  # top, right
    3: VALUES[::-1, ::-1],  # bottom, right
    4: VALUES[::-1],  # bottom, left
    5: VALUES.T,  # left, top
    6: VALUES.T[:, ::-1],  # right, top
    7: VALUES.T[::-1, ::-1],  # right, bottom
    8: VALUES.T[::-1],  # left, bottom
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_pictures_are_upright(tmp_path, suffix, orientation):
    path = tmp_path / f"turned{suffix}"
    image = PIL.Image.fromarray(big(VALUES)).convert("RGB")
    image.save(path, exif=exif(0x0112, orientation), quality=100)
    expected = UPRIGHT[orientation] / 50
    np.testing.assert_array_equal(small(images.load(path)), expected)
    with PIL.Image.open(path) as opened:  # Pillow has not read its pixels yet.
        found = conversion.to_image(opened)
    np.testing.assert_array_equal(small(found), expected)


def test_transparency_turns_with_the_picture(tmp_path):
    alpha = big(VALUES + 1)
    image = PIL.Image.fromarray(np.dstack([alpha, alpha, alpha, alpha]))
    image.save(tmp_path / "turned.png", exif=exif(0x0112, 6))
    picture = images.read(tmp_path / "turned.png")
    np.testing.assert_array_equal(picture.alpha, picture.pixels[..., 0])
    assert picture.alpha.shape == (48, 32)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01", id="cut"),
        pytest.param(b"Exif\0\0no TIFF header", id="noise"),
    ],
)
def test_damaged_exif_data_leave_the_picture_as_stored(tmp_path, data):
    path = tmp_path / "camera.jpg"
    PIL.Image.fromarray(big(VALUES)).save(path, exif=data, quality=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(small(images.load(path)), VALUES / 50)


@pytest.mark.parametrize(
    "format", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000"]
)
def test_formats_are_told_by_content_not_by_name(tmp_path, format):
    path = tmp_path / "picture.dat"
    image = PIL.Image.fromarray(big(VALUES))
    path.write_bytes(bytes_of(image.convert("RGB"), format))
    np.testing.assert_array_equal(small(images.load(path)), VALUES / 50)


def test_of_several_pictures_it_is_the_first(tmp_path):
    first, second = (PIL.Image.new("RGB", (4, 4), c) for c in ("red", "blue"))
    for name in ("moving.gif", "pages.tiff", "moving.webp", "moving.png"):
        path = tmp_path / name
        first.save(path, save_all=True, append_images=[second])
        red, _, blue = images.load(path)[0, 0]
        assert (red > 0.9, blue < 0.1) == (True, True), name


JPEG = bytes_of(PIL.Image.effect_noise((64, 48), 50), "JPEG")
PNG = bytes_of(PIL.Image.effect_noise((64, 48), 50), "PNG")
WEBP = bytes_of(PIL.Image.effect_noise((64, 48), 50), "WEBP")
TIFF = bytes_of(PIL.Image.effect_noise((64, 48), 50), "TIFF")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"Dear reader,\n" * 99, "not an image", id="text"),
        pytest.param(b"\0" * 4096, "not an image", id="zeros"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image", id="EPS"),
        pytest.param(b"<svg xmlns='http://www.w3.org/'/>", "not an", id="SVG"),
        pytest.param(JPEG[:1000], "damaged", id="half a JPEG"),
        pytest.param(JPEG[:10], "damaged", id="head of a JPEG"),
        pytest.param(PNG[:1000], "damaged", id="half a PNG"),
        pytest.param(PNG[:20], "damaged", id="head of a PNG"),
        pytest.param(WEBP[:500], "not a whole one|damaged", id="half a WebP"),
        pytest.param(TIFF[:1000], "not a whole one|damaged", id="half a TIFF"),
        pytest.param(bomb(60_000), "max_pixels=100000000", id="bomb"),
        pytest.param(bomb(12_000), "max_pixels=100000000", id="small bomb"),
        pytest.param(bomb(9_000), "damaged", id="false size"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "my picture.png"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message) as refusal:
            images.load(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


JPEGS = {
    "grey": {},
    "colours": {"subsampling": 2},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "inks": {},
}
NOISE = PIL.Image.effect_noise((40, 33), 90)


def jpeg(kind):
    modes = {"grey": "L", "inks": "CMYK"}
    return bytes_of(
        NOISE.convert(modes.get(kind, "RGB")), "JPEG", **JPEGS[kind]
    )


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_end_is_whole(tmp_path, kind, missing):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(kind))
    expected = images.load(path)
    path.write_bytes(jpeg(kind)[:-missing])
    np.testing.assert_array_equal(images.load(path), expected)


def test_a_jpeg_without_its_end_is_upright_and_not_too_large(tmp_path):
    path = tmp_path / "photo.jpg"
    image = PIL.Image.fromarray(big(VALUES))
    data = bytes_of(image, "JPEG", exif=exif(0x0112, 6), quality=100)
    path.write_bytes(data[:-2])
    np.testing.assert_array_equal(small(images.load(path)), UPRIGHT[6] / 50)
    with pytest.raises(ValueError, match="more than max_pixels=100 pixels"):
        images.load(path, max_pixels=100)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_rows_is_refused(tmp_path, kind):
    path, data = tmp_path / "photo.jpg", jpeg(kind)
    path.write_bytes(data)
    expected = images.load(path)
    for length in range(len(data) - 3, 0, -23):
        path.write_bytes(data[:length])
        try:
            actual = images.load(path)
        except ValueError:
            continue
        # Only the last bits of the last block: no pixel needs them.
        assert length > len(data) - 8
        np.testing.assert_array_equal(actual, expected)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"dog\.jpg' does not exist"):
        images.load(tmp_path / "dog.jpg")


@pytest.mark.parametrize("read", [images.load, images.read_metadata])
def test_an_address_is_told_from_a_missing_file(read):
    with pytest.raises(FileNotFoundError, match="is an address, not a file"):
        read("https://host/dog.jpg")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        images.load(tmp_path)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe\.png' is not a file"):
        images.load(tmp_path / "pipe.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"secret\.png"):
        images.load(path)


def test_max_pixels_is_the_most_that_is_read(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    assert images.load(path, max_pixels=64 * 48).shape == (48, 64, 3)
    with pytest.raises(ValueError, match="more than max_pixels=3071 pixels"):
        images.load(path, max_pixels=64 * 48 - 1)


def test_more_than_pillows_own_limit_can_be_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    assert images.load(path, max_pixels=10_000).shape == (48, 64, 3)
    assert PIL.Image.MAX_IMAGE_PIXELS == 100


def test_odd_tags_of_tiff_files_make_no_noise(tmp_path):
    path = tmp_path / "picture.tiff"
    data = bytearray(
        bytes_of(PIL.Image.new("L", (8, 8), 50), "TIFF", software="x" * 40)
    )
    # The text claims to lie beyond the end of the file.
    at = data.index(struct.pack("<HHI", 305, 2, 41))
    data[at + 8 : at + 12] = struct.pack("<I", len(data) + 999)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="Tag data|Truncated|Corrupt"):
        PIL.Image.open(path).getexif().get(305)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert images.load(path).shape == (8, 8, 3)
        assert images.read_metadata(path) == {}


def test_threads_do_not_disturb_each_other(tmp_path):
    limit, filters = PIL.Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    for name, content in {"a.png": PNG, "b.tiff": TIFF, "c.jpg": JPEG}.items():
        (tmp_path / name).write_bytes(content)
    paths = list(tmp_path.iterdir()) * 30
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        shapes = {image.shape for image in pool.map(images.load, paths)}
    assert shapes == {(48, 64, 3)}
    assert limit == PIL.Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


@pytest.mark.parametrize(
    "comment",
    [
        b"Taken by the sea",
        b"\xff\xfe\0binary",
        b"[1, 2]",
        b"12",
        b'{"a": 1}',
        pytest.param(60_000 * b"[", id="too deep"),
    ],
)
def test_metadata_of_others_are_not_ours(tmp_path, comment):
    path = tmp_path / "camera.jpg"
    PIL.Image.new("L", (8, 8)).save(path, comment=comment)
    assert decoding.read_metadata(path) == {}


def test_metadata_are_read_without_the_pixels(tmp_path):
    path = tmp_path / "picture.jpg"
    comment = json.dumps({"title": "Sea"}).encode()
    data = bytes_of(PIL.Image.new("L", (640, 640)), "JPEG", comment=comment)
    path.write_bytes(data[: len(data) // 2])
    assert decoding.read_metadata(path) == {"title": "Sea"}


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_frames_of_an_animation(format, tmp_path):
    path = tmp_path / f"animation.{format}"
    image_bytes.animate(path, (32, 24))
    assert decoding.frames(path) == 3
    PIL.Image.new("RGB", (32, 24)).save(path)
    assert decoding.frames(path) == 1


def test_an_animation_that_breaks_off_has_the_frames_before(tmp_path):
    path = tmp_path / "animation.gif"
    image_bytes.animate(path, (32, 24))
    data = path.read_bytes()
    first, second, third = (i for i, b in enumerate(data) if b == ord(","))
    assert first < second < third
    for frames, begin in enumerate((second, third), 1):
        for length in range(begin, begin + 20):  # Parts of a frame's header.
            path.write_bytes(data[:length])
            assert decoding.frames(path) == frames
            assert images.load(path).shape == (24, 32, 3)


@pytest.mark.parametrize("format", ["TIFF", "MPO"])
def test_pages_are_no_frames(format, tmp_path):
    pages = [PIL.Image.new("RGB", (32, 24), c) for c in ("red", "blue")]
    path = tmp_path / "pages"
    pages[0].save(path, format, save_all=True, append_images=pages[1:])
    assert decoding.frames(path) == 1


def test_raw_photographs_should_be_converted(tmp_path):
    path = tmp_path / "photo.CR3"
    path.write_bytes(b"\0\0\0\x24ftypcrx " + bytes(99))
    with pytest.raises(ValueError, match=r"HEIF. Convert it to JPEG\.$"):
        decoding.decode(path, 10**6)


def test_metadata_of_what_is_not_an_image_are_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("text")
    with pytest.raises(ValueError, match=r"notes\.txt' is not an image"):
        decoding.read_metadata(path)
