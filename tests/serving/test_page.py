"""The web page in a browser: drop, choose, move the slider, download."""

import numpy as np
import pytest
import requests
from PIL import Image

import browser
import helpers
import serving_model

# A blue picture from another window, onto the zone of the style.
DROP = """
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillStyle = "blue";
  canvas.getContext("2d").fillRect(0, 0, 300, 150);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([blob], "blue.png", { type: "image/png" }));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  get("style-drop").dispatchEvent(new DragEvent("drop", options));
"""


class Page(browser.Page):
    """The page of the server."""

    async def painted(self):
        await self.until('get("status").textContent.startsWith("Painted")')

    async def mean(self):
        """Mean colour of the result, in [0, 1]."""
        return np.float32(
            await self.run(
                """
        const image = get("result");
        await image.decode();  // It may have its name before its pixels.
        const canvas = document.createElement("canvas");
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        const c = canvas.getContext("2d");
        c.drawImage(image, 0, 0);
        const d = c.getImageData(0, 0, canvas.width, canvas.height).data;
        const sums = [0, 0, 0];
        d.forEach((v, i) => { if (i % 4 < 3) sums[i % 4] += v; });
        return sums.map((s) => 4 * s / d.length / 255);
        """
            )
        )


@pytest.fixture
def browse(server, tmp_path):
    """Runs a coroutine function with the `Page` of the server."""
    with browser.start(tmp_path) as port:
        yield lambda look: browser.visit(port, server.rest, look, Page)


def test_the_page_paints(browse, tmp_path):
    photo, picture = helpers.image(30, 40, 1), helpers.image(20, 20, 2)
    for name, image in [("photo.png", photo), ("picture.png", picture)]:
        pixels = np.round(255 * image).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)

    async def visit(page):
        await page.choose("content", tmp_path / "photo.png")
        await page.choose("style", tmp_path / "picture.png")
        await page.painted()
        near = dict(atol=0.02)  # JPEG, there.
        colour = picture.mean((0, 1))
        np.testing.assert_allclose(await page.mean(), colour, **near)
        assert await page.run(
            'return [get("result").naturalWidth, get("result").naturalHeight]'
        ) == [40, 30]

        before = await page.run('return get("result").src')
        await page.run(
            'get("strength").value = 25;'
            'get("strength").dispatchEvent(new Event("input"));'
        )
        await page.until(f'get("result").src !== {before!r}')
        expected = serving_model.expected(photo, picture, 0.25).mean((0, 1))
        np.testing.assert_allclose(await page.mean(), expected, **near)
        assert await page.run('return get("strength-value").value') == "25 %"

        saved = await page.run(
            'return [get("download").download, get("download").hidden]'
        )
        assert saved == ["painting.png", False]
        assert page.errors == []

    browse(visit)


def test_samples_and_files_that_are_no_images(browse, tmp_path):
    photo = np.full((8, 8, 3), 128, np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    (tmp_path / "notes.txt").write_text("no image")

    async def visit(page):
        await page.choose("content", tmp_path / "notes.txt")
        await page.until('get("status").className === "error"')
        assert "notes.txt" in await page.run('return get("status").textContent')
        await page.choose("content", tmp_path / "photo.png")
        names = await page.run(
            "return [...get('samples').children].map((b) => b.textContent)"
        )
        assert names == ["Waves", "Mosaic", "Ink", "Dots"]
        await page.run("get('samples').children[2].click()")
        await page.painted()
        assert (await page.mean()).min() > 0.4  # Ink is mostly paper.
        before = await page.run('return get("result").src')
        await page.run(DROP)
        await page.until(f'get("result").src !== {before!r}')
        np.testing.assert_allclose(await page.mean(), [0, 0, 1], atol=0.02)
        pressed = await page.run(
            "return [...get('samples').children]"
            ".map((b) => b.getAttribute('aria-pressed'))"
        )
        assert pressed == ["false"] * 4
        assert page.errors == []

    browse(visit)


def test_everything_has_a_name_for_screen_readers(browse):
    async def visit(page):
        named = await page.named(
            {"button", "slider", "combobox", "image", "link"}
        )
        assert len(named) >= 8
        assert all(name for _, name in named), named

    browse(visit)


def test_the_page_needs_nothing_from_elsewhere(server):
    response = requests.get(server.rest)
    assert response.url == f"{server.rest}/?model=style"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; connect-src 'self';")
    assert "//" not in response.text.replace("://", "").split("<script>")[0]
    assert "http" not in response.text
