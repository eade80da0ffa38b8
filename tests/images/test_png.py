import io
import struct
import tracemalloc
import zlib

import numpy as np
import PIL.Image
import pytest

import png_files
from tfstyle import images
from tfstyle.images import png, provenance

MEBIBYTE = 2**20
GREY = np.arange(12).reshape(3, 4, 1) % 4
SAMPLES = np.random.default_rng(0).integers(0, 2**16, (5, 7, 4))


def text(kind, keyword, value):
    """A chunk of text, compressed where its kind can be."""
    bodies = {
        b"tEXt": keyword + b"\0" + value,
        b"zTXt": keyword + b"\0\0" + zlib.compress(value),
        b"iTXt": keyword + b"\0\1\0\0\0" + zlib.compress(value),
    }
    return png_files.chunk(kind, bodies[kind])


def written(tmp_path, samples, depth, *chunks, **options):
    path = tmp_path / "picture.png"
    path.write_bytes(png_files.encode(samples, depth, *chunks, **options))
    return path


def pixels_of(path):
    return np.rint(255 * images.load(path)[..., 0])


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("after", [False, True])
def test_large_texts_are_left_out(tmp_path, kind, after):
    large = text(kind, b"workflow", b"x" * (2 * MEBIBYTE))
    small = text(kind, b"Title", b"Sea")
    path = written(tmp_path, GREY, 8, small, large, after=after)
    np.testing.assert_array_equal(pixels_of(path), GREY[..., 0])
    if not after:
        assert images.read_metadata(path) == {"Title": "Sea"}


def test_the_recipe_is_read_beside_large_texts(tmp_path):
    record = provenance.describe({"seed": 3}, {})
    ours = provenance.embed(record)["tfstyle"].encode()
    large = text(b"iTXt", b"XML:com.adobe.xmp", b"x" * (2 * MEBIBYTE))
    chunks = large, text(b"iTXt", b"tfstyle", ours)
    path = written(tmp_path, GREY, 8, *chunks)
    assert provenance.read(path)["config"] == {"seed": 3}


BOMBS = {
    "a text": lambda: text(b"zTXt", b"a", bytes(100 * MEBIBYTE)),
    "texts": lambda: 100 * text(b"zTXt", b"a", bytes(MEBIBYTE)),
    "a text as it is": lambda: text(b"tEXt", b"a", bytes(64 * MEBIBYTE)),
    "private": lambda: png_files.chunk(b"raNd", bytes(64 * MEBIBYTE)),
    "many private": lambda: 80 * png_files.chunk(b"raNd", bytes(MEBIBYTE)),
    "a profile": lambda: png_files.profile(bytes(100 * MEBIBYTE)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_cost_little_memory(tmp_path, bomb):
    path = written(tmp_path, GREY, 8, BOMBS[bomb]())
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(pixels_of(path), GREY[..., 0])
        images.read_metadata(path)
        assert tracemalloc.get_traced_memory()[1] < 48 * MEBIBYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(text(b"tEXt", b"a", b"b")[:-1] + b"?", id="checksum"),
        pytest.param(png_files.chunk(b"zTXt", b"a\0\x09b"), id="method"),
        pytest.param(png_files.chunk(b"iTXt", b"a\0\1"), id="cut"),
        pytest.param(png_files.chunk(b"iCCP", b"sRGB\0\x09b"), id="profile"),
        pytest.param(png_files.chunk(b"zTXt", b"a\0\0no zlib"), id="stream"),
    ],
)
def test_damaged_metadata_are_left_out(tmp_path, damaged):
    path = written(tmp_path, GREY, 8, damaged)
    np.testing.assert_array_equal(pixels_of(path), GREY[..., 0])


def test_damaged_pixels_are_refused(tmp_path):
    path = written(tmp_path, GREY, 8)
    data = bytearray(path.read_bytes())
    data[data.index(b"IHDR") + 14] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"picture\.png'"):
        images.load(path)


@pytest.mark.parametrize("end", [1, 6, 12, 16, 20, 30])
def test_a_file_without_its_end_is_whole(tmp_path, end):
    # 12 bytes are the end chunk; before it a text.
    path = written(tmp_path, GREY, 8, text(b"tEXt", b"a", b"b"), after=True)
    path.write_bytes(path.read_bytes()[:-end])
    np.testing.assert_array_equal(pixels_of(path), GREY[..., 0])


def test_a_file_without_its_last_rows_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 1))
    data = png_files.encode(noise, 8)
    for length in (100, 500, len(data) - 12 - 4 - 40):
        path = tmp_path / "picture.png"
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="damaged or incomplete"):
            images.load(path)


def test_a_large_profile_is_read(tmp_path):
    # Tables that nobody names fill most profiles that are large.
    profile = np.random.default_rng(0).bytes(3 * MEBIBYTE)
    path = written(tmp_path, GREY, 8, png_files.profile(profile))
    with open(path, "rb") as whole:
        file, found = png.without_odd_chunks(whole)
        assert found == profile
        with PIL.Image.open(file) as image:
            assert "icc_profile" not in image.info


def test_what_remains_of_a_file_is_read_as_a_file(tmp_path):
    large = text(b"zTXt", b"a", bytes(2 * MEBIBYTE))
    plain = png_files.encode(GREY, 8)
    path = written(tmp_path, GREY, 8, large)
    with open(path, "rb") as whole:
        file, _ = png.without_odd_chunks(whole)
        assert file.read() == plain
        assert file.seek(-12, io.SEEK_END) == len(plain) - 12
        assert file.read(20) == plain[-12:]
        assert file.seek(9) == file.tell() == 9
        assert file.seek(3, io.SEEK_CUR) == 12
        assert file.read(8) == plain[12:20]


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
def test_16_bits_of_a_colour_are_read(tmp_path, channels, interlaced):
    samples = SAMPLES[..., :channels] | 1
    path = written(tmp_path, samples, 16, interlaced=interlaced)
    picture = images.read(path)
    alpha = {2: 1, 4: 3}.get(channels)
    colours = samples[..., [0, 0, 0] if channels == 2 else [0, 1, 2]]
    np.testing.assert_allclose(picture.pixels, colours / 65535, atol=1e-6)
    if alpha:
        expected = samples[..., alpha] / 65535
        np.testing.assert_allclose(picture.alpha, expected, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_transparent_colour_is_compared_at_full_depth(
    tmp_path, depth, channels
):
    if channels == 3 and depth < 8:
        pytest.skip("PNG has no such colours")
    top = 2**depth - 1
    samples = np.full((1, 4, channels), top)
    samples[0, 1] = 0
    samples[0, 2, -1] = top - 1
    for hidden in (0, 1, 2):
        key = samples[0, hidden]
        chunk = png_files.transparent(key)
        picture = images.read(written(tmp_path, samples, depth, chunk))
        expected = (samples[0] != key).any(-1)
        np.testing.assert_array_equal(picture.alpha[0], expected)


def test_bits_beyond_the_depth_do_not_count(tmp_path):
    # "If the image bit depth is less than 16 bits, the least significant
    # bits are used."
    chunk = png_files.transparent([0xAB00 + 3])
    picture = images.read(written(tmp_path, GREY, 8, chunk))
    np.testing.assert_array_equal(picture.alpha, GREY[..., 0] != 3)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("alphas", [b"\0", b"\xff\0", b"\x80\x40"])
def test_palettes_of_every_depth_are_transparent(tmp_path, depth, alphas):
    palette = png_files.chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))
    samples = np.array([[[0], [1], [1]]])
    transparency = png_files.chunk(b"tRNS", alphas)
    chunks = palette, transparency
    path = written(tmp_path, samples, depth, *chunks, palette=True)
    each = list(alphas.ljust(2, b"\xff"))
    expected = np.array([[each[0], each[1], each[1]]]) / 255
    np.testing.assert_allclose(images.read(path).alpha, expected, atol=1e-6)


def test_a_transparent_colour_turns_with_the_picture(tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turn = png_files.chunk(b"eXIf", exif.tobytes()[6:])
    key = png_files.transparent(SAMPLES[4, 0, :3])
    path = written(tmp_path, SAMPLES[..., :3], 16, turn, key)
    alpha = images.read(path).alpha
    assert alpha.shape == (7, 5)
    assert np.argwhere(alpha == 0).tolist() == [[0, 0]]


def test_a_header_alone_is_refused(tmp_path):
    path = tmp_path / "picture.png"
    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_files.chunk(b"IHDR", header))
    with pytest.raises(ValueError, match="damaged|not an image"):
        images.load(path)
