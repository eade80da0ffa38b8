"""Images are kept as they came; what is none, or too large, is refused."""

import io
import zlib

import numpy as np
import PIL.Image
import pillow_heif
import pytest

import helpers
import png_files
import studio_server
from tfstyle import images
from tfstyle.web import uploads
from tfstyle.web.uploads import Uploads

PHOTO = helpers.image(40, 60, 1)
PNG = studio_server.png(PHOTO)


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def test_a_file_is_kept_as_it_came(tmp_path):
    store = Uploads(tmp_path)
    image = store.add(PNG, "sea side.png")
    assert (image.name, image.width, image.height) == ("sea side.png", 60, 40)
    assert store.path(image.id).read_bytes() == PNG
    assert image.note == ""
    shown = images.load(store.view(image.id))
    means = helpers.blocks(shown), helpers.blocks(PHOTO)
    np.testing.assert_allclose(*means, atol=0.1)


def test_a_file_may_hold_a_long_text(tmp_path):
    text = zlib.compress(bytes(2 * 2**20))
    pixels = np.full((40, 60, 3), 128)
    data = png_files.encode(
        pixels, 8, png_files.chunk(b"zTXt", b"a\0\0" + text)
    )
    image = Uploads(tmp_path).add(data, "sea.png")
    assert (image.width, image.height) == (60, 40)


def test_a_photograph_of_a_phone_is_kept(tmp_path):
    file = io.BytesIO()
    pillow_heif.from_pillow(PIL.Image.new("RGB", (60, 40), "teal")).save(file)
    store = Uploads(tmp_path)
    image = store.add(file.getvalue(), "IMG_0001.HEIC")
    assert store.path(image.id).suffix == ".heif"
    for path in (store.path(image.id), store.view(image.id)):
        color = images.load(path).mean((0, 1))
        np.testing.assert_allclose(color, [0, 0.5, 0.5], atol=0.03)


def test_the_same_file_is_kept_once_and_found_again(tmp_path):
    image = Uploads(tmp_path).add(PNG, "a.png")
    again = Uploads(tmp_path)
    assert again.add(PNG, "b.png") == image
    assert again.every() == [image]


@pytest.mark.parametrize("text", ["", '{"id', "{}", "[]", '{"id": "a"}'])
def test_damaged_records_do_not_keep_the_others_back(tmp_path, text):
    image = Uploads(tmp_path).add(PNG, "a.png")
    (tmp_path / "damaged.json").write_text(text)
    assert Uploads(tmp_path).every() == [image]


def test_larger_images_are_reduced_with_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST", 30)
    store = Uploads(tmp_path)
    image = store.add(PNG, "a.png")
    assert (image.width, image.height) == (30, 20)
    assert image.note == "Reduced from 60x40 to 30x20 pixels."
    expected = images.resize(images.load(io_path(tmp_path)), 20, 30)
    found = images.load(store.path(image.id))
    np.testing.assert_allclose(found, expected, atol=0.6 / 255)


def test_what_is_too_narrow_once_it_is_reduced_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(uploads, "LARGEST", 20)
    store = Uploads(tmp_path)
    with pytest.raises(ValueError, match="has 60x40 pixels. Each side must"):
        store.add(PNG, "a.png")
    assert store.every() == []


def io_path(folder):
    (folder / "whole.png").write_bytes(PNG)
    return folder / "whole.png"


def test_transparency_and_turned_photographs_are_kept(tmp_path):
    store = Uploads(tmp_path)
    clear = np.dstack([PHOTO, np.linspace(0, 1, 60)[None].repeat(40, 0)])
    image = store.add(studio_server.png(clear), "clear.png")
    assert images.read(store.path(image.id)).alpha.min() == 0
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # Turn it by a quarter.
    picture = PIL.Image.fromarray(np.uint8(255 * PHOTO))
    turned = store.add(saved(picture, "JPEG", exif=exif), "turned.jpg")
    assert (turned.width, turned.height) == (40, 60)
    assert images.load(store.view(turned.id)).shape == (60, 40, 3)


BOMB = saved(PIL.Image.new("1", (20_000, 20_000)), "PNG")
HOSTILE = {
    "empty": b"",
    "text": b"no image",
    "page": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "pdf": b"%PDF-1.4\n",
    "zip": b"PK\x03\x04" + bytes(100),
    "half": PNG[: len(PNG) // 2],
    "header": PNG[:40],
    "noise": PNG[:60] + bytes(200) + PNG[260:],
    "bomb": BOMB,
    "tiny": saved(PIL.Image.new("RGB", (3, 3)), "PNG"),
    "thin": saved(PIL.Image.new("RGB", (4000, 2)), "PNG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_are_no_images_are_refused(name, studio):
    before = studio.state()["images"]
    answer = studio.upload(HOSTILE[name], "my%20file")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "“my file”" in error and "/" not in error.split("”")[0]
    assert studio.state()["images"] == before


def test_a_body_that_is_too_large_is_refused_before_it_is_read(studio):
    answer = studio.raw(
        "POST /api/images",
        f"Origin: {studio.url}\r\nContent-Length: {10**12}\r\n"
        "Content-Type: application/octet-stream\r\n",
        whole=False,  # The server waits a while for what may still come.
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 64 MB" in answer


def test_a_body_without_a_length_is_bounded(studio, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    answer = studio.session.post(
        f"{studio.url}/api/images",
        data=(bytes(100) for _ in range(100)),
        headers={
            "Origin": studio.url,
            "Content-Type": "application/octet-stream",
        },
        timeout=60,
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\dog.jpg", "dog.jpg"),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie: x=1"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "image"),
        ("n" * 500, "n" * 80),
    ],
)
def test_names_are_text_and_no_paths(tmp_path, given, shown):
    store = Uploads(tmp_path / "images")
    image = store.add(PNG, given)
    assert image.name == shown
    assert store.path(image.id) == tmp_path / "images" / f"{image.id}.png"
    assert {path.name for path in tmp_path.iterdir()} == {"images"}


def test_samples_are_photographs_and_styles(studio):
    samples = [image for image in studio.state()["images"] if image["sample"]]
    kinds = [image["sample"] for image in samples]
    assert kinds.count("photo") == 2 and kinds.count("style") == 5
    for image in samples:
        answer = studio.get(f"/api/images/{image['id']}/view")
        assert answer.headers["Content-Type"] == "image/jpeg"
