"""Masks of the page in a browser: drawn, imported, sent and found again."""

import asyncio

import numpy as np

import studio_server
from studio_page import (
    ALPHA,
    FAILS,
    PAINTED,
    asked,
    held,
    mask_file,
    style_mask,
    until,
)
from tfstyle import images

LEFT, RIGHT = [(0.2, 0.5), (0.4, 0.5)], [(0.7, 0.5), (0.8, 0.5)]


def test_masks_are_undone_imported_and_found_again(studio, browse, tmp_path):
    half = np.zeros((80, 120), np.float32)
    half[:, 60:] = 1
    (tmp_path / "half.png").write_bytes(studio_server.png(half))

    def mask():
        return style_mask(studio)

    async def visit(page):
        await page.begin()
        await page.open_masks()
        await page.choose("mask-import", tmp_path / "half.png")
        first = await until(mask)
        found = images.load(mask_file(studio, first, tmp_path))[..., 0]
        np.testing.assert_allclose(found, half, atol=0.01)
        await page.click("mask-invert")
        second = await until(lambda: mask() != first and mask())
        found = images.load(mask_file(studio, second, tmp_path))[..., 0]
        np.testing.assert_allclose(found, 1 - half, atol=0.01)
        await page.click("mask-undo")
        assert await until(lambda: mask() == first)
        await page.click("mask-redo")
        assert await until(lambda: mask() == second)
        await page.click("mask-clear")
        await until(lambda: mask() is None)
        await page.click("mask-undo")
        assert await until(lambda: mask() == second)

        await page.reload()
        await page.click("masks-open")
        await page.until(f"({ALPHA})(30) > 100")
        assert await page.run(f"return ({ALPHA})(90)") == 0
        assert page.errors == []

    browse(visit)


def test_masks_lie_on_their_own_photograph(studio, browse):
    other = {
        "engine": "one_pass",
        "content": studio.image(80, 40, 1),
        "styles": [{"image": studio.image(40, 40, 2)}],
        "settings": {"size": 64},
    }
    studio.paint(other)

    async def visit(page):
        await page.begin()
        await page.open_masks()
        await page.run('get("history").querySelector("button").click()')
        await page.until('get("after").naturalWidth === 32')
        assert await page.run('return get("mask").hidden')
        await page.click("masks-open")  # The photograph comes, not the picture.
        shape = "get('mask').clientWidth / get('mask').clientHeight"
        await page.until(f"Math.abs({shape} - 1.5) < 0.02")
        assert await page.run('return get("after").hidden')

    browse(visit)


def test_masks_that_are_gone_are_left_out(studio, browse):
    style = {"image": studio.image(40, 40, 2), "share": 1, "scale": 1}
    desk = {
        "content": studio.image(40, 60, 1),
        "styles": [{**style, "mask": "0" * 24}],
        "keep": "1" * 24,
        "settings": {"size": 256},
    }
    studio.post("/api/desk", desk)

    async def visit(page):
        await page.ready()
        await page.click("paint")
        await page.until(PAINTED)

    browse(visit)


async def _keep(page):
    """Draws a stroke over what is to be kept."""
    await page.open_masks()
    await page.set("mask-region", "keep")
    await page.drag("mask", *LEFT)


def test_a_stroke_just_before_painting_counts(studio, browse):
    async def visit(page):
        await page.begin()
        await page.run(held("mask.png"))
        await _keep(page)
        await page.click("paint")
        assert asked(studio) is None
        await page.run("release()")
        assert (await until(lambda: asked(studio)))["keep"]

    browse(visit)


def test_a_mask_that_failed_is_sent_again(studio, browse):
    async def visit(page):
        await page.begin()
        await page.run(held("mask.png", FAILS))
        await _keep(page)
        await page.run("release()")
        await page.until('get("status").className === "error"')
        assert studio.state()["desk"].get("keep") is None
        await page.click("paint")
        assert (await until(lambda: asked(studio)))["keep"]

    browse(visit)


def test_masks_are_painted_on_once_they_are_read(studio, browse, tmp_path):
    def keep():
        return studio.state()["desk"].get("keep")

    async def visit(page):
        await page.begin()
        await _keep(page)
        first = await until(keep)
        await page.reload()
        await page.run(held("/file"))
        await page.click("masks-open")
        await page.set("mask-region", "keep")
        await page.drag("mask", *RIGHT)
        await page.run("release()")
        await page.until(f"({ALPHA})(36) > 100")
        assert await page.run(f"return ({ALPHA})(90)") == 0
        await page.drag("mask", *RIGHT)
        second = await until(lambda: keep() != first and keep())
        mask = images.load(mask_file(studio, second, tmp_path))[40, :, 0]
        assert min(mask[36], mask[90]) > 0.9

    browse(visit)


def test_a_mask_that_failed_blocks_no_other_photograph(studio, browse):
    async def visit(page):
        await page.begin()
        await page.run(held("mask.png", FAILS))
        await page.open_masks()
        await page.drag("mask", *LEFT)
        await asyncio.sleep(1)  # The mask is on its way.
        await page.drop("style", "other.png", "blue")
        await page.drop("content", "new.png", "red")
        await page.until('get("content-view").alt.includes("new.png")')
        await page.run("release()")
        await page.until('get("status").className === "error"')
        await page.click("paint")
        assert await until(lambda: asked(studio))

    browse(visit)


def test_paint_again_leaves_out_strokes_that_were_not_sent(studio, browse):
    async def visit(page):
        await page.begin()
        await page.run(held("mask.png"))
        await _keep(page)
        await page.click("again")
        await page.run("release()")
        assert (await until(lambda: asked(studio)))["keep"] is None
        await page.until(f"({ALPHA})(36) === 0")
        desk = await until(lambda: studio.state()["desk"])
        assert desk["keep"] is None

    browse(visit)


def test_strokes_begin_where_the_pointer_is_pressed(studio, browse):
    async def visit(page):
        await page.begin()
        await page.open_masks()
        await page.mouse("compare", "mousePressed", (0.5, 0.5), 1)
        await page.mouse("mask", "mouseMoved", (0.5, 0.5), 1)
        await page.mouse("mask", "mouseMoved", (0.6, 0.5), 1)
        await page.mouse("mask", "mouseReleased", (0.6, 0.5))
        assert await page.run(f"return ({ALPHA})(60)") == 0
        assert await page.run('return get("mask-undo").disabled')

    browse(visit)


def test_masks_of_panoramas_are_high_enough(studio, browse):
    async def visit(page):
        await page.ready()
        await page.drop("content", "wide.png", "green", 3000, 40)
        await page.until('get("content-view").alt.includes("wide.png")')
        await page.click("masks-open")
        await page.set("mask-region", "keep")
        await page.until('get("mask").height === 16')
        await page.drag("mask", *LEFT)
        assert await until(lambda: studio.state()["desk"].get("keep"))

    browse(visit)
