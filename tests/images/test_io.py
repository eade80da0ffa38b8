import pathlib
import struct
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import PIL.Image
import pytest

import helpers
from tfstyle import images
from tfstyle.images import sheets
from tfstyle.runtime import host_memory

ROOT = pathlib.Path(__file__).parents[2]
IMAGE = helpers.image(20, 31)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        pytest.param((600, 800), 400, (300, 400), id="smaller"),
        pytest.param((600, 800), 1600, (1200, 1600), id="larger"),
        pytest.param((800, 600), 512, (512, 384), id="upright"),
        pytest.param((3, 20_000), 256, (1, 256), id="20000x3"),
        pytest.param((1, 1), 512, (512, 512), id="one pixel"),
        pytest.param((7, 5), 1, (1, 1), id="to one pixel"),
    ],
)
def test_fit(shape, size, expected):
    assert images.fit(*shape, size) == expected


@pytest.mark.parametrize("size", [0, -3])
def test_fit_refuses_what_is_no_size(size):
    with pytest.raises(ValueError, match=f"Received: size={size}"):
        images.fit(4, 5, size)


@pytest.mark.parametrize("size", [None, 10, 31, 64])
def test_load_scales_the_longer_side(tmp_path, size):
    images.save(tmp_path / "a.png", IMAGE)
    loaded = images.load(tmp_path / "a.png", size)
    assert loaded.dtype == np.float32
    assert max(loaded.shape) == (size or 31)
    stored = images.load(tmp_path / "a.png")
    if size in (None, 31):
        np.testing.assert_array_equal(loaded, stored)
    np.testing.assert_allclose(
        loaded.mean((0, 1)), stored.mean((0, 1)), atol=0.02
    )


def test_load_of_one_pixel(tmp_path):
    PIL.Image.new("RGB", (1, 1), (51, 102, 153)).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        images.load(tmp_path / "a.png", 5),
        np.broadcast_to(np.float32([0.2, 0.4, 0.6]), (5, 5, 3)),
        atol=1e-6,
    )


def test_load_of_a_very_long_picture(tmp_path):
    PIL.Image.new("RGB", (20_000, 3), "white").save(tmp_path / "a.png")
    loaded = images.load(tmp_path / "a.png", 256)
    np.testing.assert_allclose(loaded, np.ones((1, 256, 3)), atol=1e-6)


def test_what_is_read_is_what_was_saved(tmp_path):
    alpha = np.linspace(0.1, 1, 20 * 31, dtype=np.float32).reshape(20, 31)
    images.save(tmp_path / "a.png", IMAGE, alpha)
    once = images.read(tmp_path / "a.png")
    images.save(tmp_path / "b.png", once.pixels, once.alpha)
    twice = images.read(tmp_path / "b.png")
    np.testing.assert_array_equal(once.pixels, twice.pixels)
    np.testing.assert_array_equal(once.alpha, twice.alpha)


def test_resize_keeps_constants_and_the_range():
    random = np.random.default_rng(0)
    for _ in range(60):
        *old, height, width = random.integers(1, 40, 4).tolist()
        value = random.random(dtype=np.float32)
        constant = images.resize(
            np.full((*old, 3), value, np.float32), height, width
        )
        assert constant.shape == (height, width, 3)
        assert constant.dtype == np.float32
        np.testing.assert_allclose(constant, value, atol=1e-6)
        # Black and white: the filter overshoots at every edge.
        edges = random.integers(0, 2, (*old, 3)).astype(np.float32)
        resized = images.resize(edges, height, width)
        assert resized.min() >= 0
        assert resized.max() <= 1


def test_resize_treats_channels_and_planes_alike():
    resized = images.resize(IMAGE, 9, 12)
    for channel in range(3):
        plane = images.resize(IMAGE[..., channel], 9, 12)
        np.testing.assert_array_equal(plane, resized[..., channel])


def test_resize_is_antialiased():
    stripes = np.tile(np.float32([0, 1]), (64, 32))[..., None].repeat(3, -1)
    middle = images.resize(stripes, 16, 16)[2:-2, 2:-2]
    np.testing.assert_allclose(middle, 0.5, atol=0.02)


def test_resize_to_the_same_shape_changes_nothing():
    np.testing.assert_array_equal(images.resize(IMAGE, 20, 31), IMAGE)


@pytest.mark.parametrize(
    ("pixels", "alpha", "message"),
    [
        pytest.param(IMAGE[None], None, r"\(1, 20, 31, 3\)", id="batch"),
        pytest.param(IMAGE[..., 0], None, r"\(20, 31\)", id="plane"),
        pytest.param(IMAGE[:0], None, r"\(0, 31, 3\)", id="empty"),
        pytest.param(IMAGE, IMAGE, r"\(20, 31, 3\)", id="alpha"),
        pytest.param(IMAGE * np.nan, None, "not finite", id="NaN"),
        pytest.param(
            (255 * IMAGE).astype(np.uint8),
            None,
            r"floating point, in \[0, 1\]. Received: uint8.*by 255",
            id="8 bits",
        ),
        pytest.param(
            IMAGE,
            np.full((20, 31), 255, np.uint8),
            r"`alpha` .* floating point, .* Received: uint8",
            id="alpha of 8 bits",
        ),
    ],
)
def test_save_refuses_what_is_no_image(tmp_path, pixels, alpha, message):
    with pytest.raises(ValueError, match=rf"bad\.png'.*{message}"):
        images.save(tmp_path / "bad.png", pixels, alpha)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "number"),
    [("quality", 0), ("quality", 101), ("dpi", -1), ("dpi", 65_536)],
)
def test_save_refuses_numbers_out_of_range(tmp_path, name, number):
    with pytest.raises(ValueError, match=f"Received: {name}={number}"):
        images.save(tmp_path / "a.jpg", IMAGE, **{name: number})


@pytest.mark.parametrize("alpha", [[1.0], np.full(IMAGE.shape[:2], np.nan)])
def test_save_refuses_transparency_that_is_none(tmp_path, alpha):
    with pytest.raises(ValueError, match="Cannot write"):
        images.save(tmp_path / "a.png", IMAGE, alpha)


def test_a_sheet_takes_bytes():
    sheet = images.contact_sheet([[np.full((8, 8, 3), 51, np.uint8)]], 8)
    assert sheet[12, 12].tolist() == [np.float32(0.2)] * 3


def test_save_does_not_drop_transparency_silently(tmp_path):
    with pytest.raises(ValueError, match="JPEG holds no transparency"):
        images.save(tmp_path / "a.jpg", IMAGE, np.ones((20, 31)))


def test_save_clips_and_rounds(tmp_path):
    pixels = np.float32([[[-0.5, 1.5, 0.4999 / 255], [1, 0, 0.5001 / 255]]])
    images.save(tmp_path / "a.png", pixels)
    with PIL.Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[[0, 255, 0], [255, 0, 1]]]


def test_save_takes_every_floating_point(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in ("float16", "float64", ml_dtypes.bfloat16):
        images.save(tmp_path / "a.png", np.full((2, 3, 3), 1.0).astype(dtype))
        assert (images.load(tmp_path / "a.png") == 1).all()


LIMITED = """
import resource, signal, sys
import numpy as np
from tfstyle.runtime import host_memory
from tfstyle import images
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
noise = np.random.default_rng(0).random((128, 128, 3), np.float32)
for path in sys.argv[1:]:
    try:
        images.save(path, noise)
    except OSError as error:
        print(error)
"""


def test_a_full_disk_leaves_the_older_picture(tmp_path):
    names = ["a.jpg", "a.png", "a.tiff", "a.webp"]
    paths = [tmp_path / name for name in names]
    for path in paths:
        images.save(path, IMAGE)
    older = [path.read_bytes() for path in paths]
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, *paths],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert process.stdout.splitlines() == [
        f"[Errno 27] File too large: '{path}'" for path in paths
    ]
    assert process.stderr == ""
    assert [path.read_bytes() for path in paths] == older
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_pictures_are_shown_as_notebooks_display_them(tmp_path):
    red = np.full((10, 20, 3), [1, 0, 0], np.float32)
    images.save(tmp_path / "red.png", red)
    shown = images.show(red, tmp_path / "red.png", height=10)
    assert shown.size == (8 + 20 + 8 + 20 + 8, 8 + 10 + 8)
    assert shown.getpixel((15, 12)) == shown.getpixel((40, 12)) == (255, 0, 0)
    assert shown._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least one image"):
        images.show()


def test_labels_have_no_letters_that_the_font_lacks():
    picture, found = helpers.image(80, 90), []
    for text in ("stylé ñ", "styl\u00e9 n\u0303", "style n", "stylè 風"):
        labels = sheets.Labels(text, [text])
        found.append(sheets.labeled([[picture]], labels, labels))
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[2])
    assert found[3].shape[1] > 90 + 3 * 8


def test_sheets_are_no_larger_than_their_format():
    images.check_sheet("a.webp", (20, 40), 2, 341)
    for more in [(2, 342), (600, 1), (2, 341, 8)]:
        with pytest.raises(ValueError, match="holds at most 16383"):
            images.check_sheet("a.webp", (20, 40), *more)


def test_contact_sheet_keeps_the_pictures():
    red = np.zeros((40, 20, 3), np.float32) + np.float32([1, 0, 0])
    blue = np.zeros((10, 30, 3), np.float32) + np.float32([0, 0, 1])
    sheet = images.contact_sheet([[red, blue], [blue]], height=20)
    # Columns as wide as their widest picture (60 and 60), 8 pixels between.
    assert sheet.shape == (8 + 20 + 8 + 20 + 8, 8 + 60 + 8 + 60 + 8, 3)
    assert sheet.dtype == np.float32
    np.testing.assert_array_equal(sheet[8:28, 8:18], images.resize(red, 20, 10))
    assert (sheet[8:28, 18:76] == 1).all()
    assert (sheet[8:28, 76:136] == [0, 0, 1]).all()
    assert (sheet[36:56, 8:68] == [0, 0, 1]).all()
    assert (sheet[36:56, 68:] == 1).all()


@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_contact_sheet_needs_an_image(rows):
    with pytest.raises(ValueError, match="at least one image"):
        images.contact_sheet(rows)


def test_importing_is_quick():
    code = "import sys, tfstyle.images; print('tensorflow' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert process.stdout == "False\n"


def test_zoom_enlarges_the_middle():
    image = helpers.image(40, 60)
    np.testing.assert_array_equal(images.zoom(image, 1), image)
    twice = images.zoom(image, 2)
    assert twice.shape == image.shape
    middle = images.resize(image[10:30, 15:45], 40, 60)
    # At the edges of the cut the filter sees what is beyond.
    np.testing.assert_allclose(twice[6:-6, 6:-6], middle[6:-6, 6:-6], atol=2e-3)


def test_large_pictures_are_read_and_resized_with_few_copies(tmp_path):
    picture = helpers.image(4096, 256)
    images.save(tmp_path / "a.png", picture)
    tracemalloc.start()
    read = images.load(tmp_path / "a.png")
    assert tracemalloc.get_traced_memory()[1] < 1.3 * picture.nbytes
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    images.resize(read, 2048, 256)
    # The result, and arrays of one channel; Pillow's are not counted.
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 1.1 * (1 / 2 + 1 / 3) * picture.nbytes


def test_zoom_moves_smoothly():
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None]
    ramp = np.broadcast_to(ramp, (16, 64, 3))
    left = [images.zoom(ramp, f)[8, 20, 0] for f in (1, 1.01, 1.02, 1.03)]
    np.testing.assert_allclose(np.diff(left, 2), 0, atol=2e-4)


def test_sizes_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    picture = helpers.image(20, 30)
    images.save(tmp_path / "a.png", picture)
    left = 10**8
    monkeypatch.setattr(host_memory, "available", lambda: left)
    # The result and three arrays of one channel, float32: 24 bytes a pixel.
    assert images.resize(picture[..., 0], 2000, 2500).shape == (2000, 2500)
    with pytest.raises(MemoryError, match=r"image of 2500x2000 .* 100\.0 MB"):
        images.resize(picture, 2000, 2500)
    with pytest.raises(MemoryError, match="image of 90000x60000 pixels"):
        images.load(tmp_path / "a.png", 90_000)
    images.check_sheet("a.png", (100, 100), 12, 13)
    with pytest.raises(MemoryError, match="A sheet of 14x12 pictures"):
        images.check_sheet("a.png", (100, 100), 12, 14)


def test_files_that_do_not_fit_are_refused_by_their_header(tmp_path):
    # 60 kB, and of 500,000 x 500,000 pixels: a row of zeros, and no more.
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(500_000, zlib.compress(bytes(500_001))))
    with pytest.raises(MemoryError, match="bomb.png' of 500000x500000 pixels"):
        images.load(path, max_pixels=10**12)


def _png(side, data):
    def chunk(kind, content):
        length, check = len(content), zlib.crc32(kind + content)
        return struct.pack(">I4s", length, kind) + content + check.to_bytes(4)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
